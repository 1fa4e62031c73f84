//! The contract's samples, read and mapped.

use std::path::{Path, PathBuf};

use super::document::{OrderAnswer, OrderDocument, SearchAnswer};
use super::errors::ApiError;
use super::finances::{Refunds, TransactionsAnswer};
use super::map::{Reading, observe};
use crate::model::{
    ChannelOrderId, FulfilledBy, Native, Observation, OrderStatus, PaymentStatus, Seen, ShipmentStatus,
    Source, Timestamp,
};

/// The contract's folder; `None` where it is not checked out, which a build server must not allow.
fn contract() -> Option<PathBuf> {
    let root = std::env::var_os("FENICIA_CONTRACTS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/contracts"), PathBuf::from);
    let folder = root.join("amazon");
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "the contracts are missing: set FENICIA_CONTRACTS to their folder"
    );
    eprintln!("skipped: no contracts at {}", folder.display());
    None
}

fn sample(name: &str) -> Option<String> {
    let path = contract()?.join("samples").join(name);
    Some(std::fs::read_to_string(path).expect("a sample of the contract"))
}

fn see(order: &OrderDocument) -> Observation {
    let id = ChannelOrderId::new(&order.order_id).expect("id");
    observe(
        id,
        order,
        Reading { source: Source::Listing, read_at: Timestamp::EPOCH, refunds: &Refunds::Unseen },
    )
}

fn page(name: &str) -> Option<(SearchAnswer, Vec<Observation>)> {
    let answer: SearchAnswer = serde_json::from_str(&sample(name)?).expect("a page");
    let seen =
        answer.orders.iter().map(|raw| see(&serde_json::from_str(raw.get()).expect("an order"))).collect();
    Some((answer, seen))
}

fn one(name: &str) -> Option<Observation> {
    let answer: OrderAnswer = serde_json::from_str(&sample(name)?).expect("an order");
    Some(see(&answer.order))
}

fn total(seen: &Observation) -> String {
    let currency = seen.currency.map(|c| c.to_string()).unwrap_or_default();
    format!("{} {currency}", seen.amounts.total.map(|t| t.to_string()).unwrap_or_default())
}

#[test]
fn the_british_order() {
    let Some(seen) = one("get_order_gb.json") else { return };
    assert_eq!(seen.number.as_deref(), Some("UK-MERCHANT-ORDER-2024-001"));
    assert_eq!(seen.status, Native::Known(OrderStatus::Shipped));
    assert_eq!(seen.payment_status, Native::Known(PaymentStatus::Paid));
    assert_eq!(total(&seen), "103.97 GBP");
    let Seen::Value(address) = &seen.shipping_address else { panic!("an address") };
    assert_eq!(address.line2, Seen::Value("Unit 4B".to_owned()));
    let items = seen.items.expect("items");
    assert_eq!((items[0].quantity, items[0].quantity_shipped), (3, Some(3)));
    let shipments = seen.shipments.expect("shipments");
    assert_eq!(shipments[0].tracking_number.as_deref(), Some("RR123456789GB"));
    assert_eq!(shipments[0].status, Some(ShipmentStatus::InTransit));
    assert_eq!(seen.tags.expect("tags"), ["PRIME"]);
    assert_eq!(seen.notes.expect("notes").len(), 1);
}

#[test]
fn the_american_page() {
    let Some((answer, seen)) = page("search_orders_us_delivered_page.json") else { return };
    assert!(answer.pagination.and_then(|p| p.next_token).is_some());
    assert!(seen.iter().any(|o| o.status == Native::Known(OrderStatus::Delivered)));
    let first = &seen[0];
    assert_eq!(total(first), "154.99 USD");
    assert_eq!(first.notes.as_ref().map(Vec::len), Some(2));
    assert_eq!(first.facts["marketplace_id"], "ATVPDKIKX0DER");
}

#[test]
fn the_japanese_page_of_amazon_s_own_warehouse() {
    let Some((_, seen)) = page("search_orders_jp_fba_page.json") else { return };
    let order = &seen[0];
    assert_eq!(order.fulfilled_by, Some(FulfilledBy::Channel));
    assert_eq!(total(order), "19940 JPY");
    assert_eq!(order.status, Native::Known(OrderStatus::Shipped));
    assert_eq!(order.shipments, Some(Vec::new()));
    assert_eq!(order.customer.phone, Seen::Absent);
    let Seen::Value(address) = &order.shipping_address else { panic!("an address") };
    assert_eq!(address.region, Seen::Absent);
}

#[test]
fn the_british_parcel_on_its_way_is_on_the_last_page() {
    let Some((answer, seen)) = page("search_orders_gb_in_transit.json") else { return };
    assert!(answer.pagination.is_none());
    assert!(seen.iter().all(|o| o.status == Native::Known(OrderStatus::Shipped)));
}

#[test]
fn the_brazilian_order_is_to_be_sent() {
    let Some((_, seen)) = page("search_orders_br_business_unshipped.json") else { return };
    assert_eq!(seen[0].status, Native::Known(OrderStatus::Accepted));
    assert_eq!(seen[0].payment_status, Native::Known(PaymentStatus::Paid));
    assert_eq!(total(&seen[0]), "1599.90 BRL");
    assert!(seen[0].facts.contains_key("ship_by"));
}

#[test]
fn the_order_for_collection_in_a_store() {
    let Some(seen) = one("get_order_us_in_store_pickup.json") else { return };
    assert_eq!(seen.status, Native::Known(OrderStatus::Accepted));
    assert_eq!(seen.facts["unfulfilled:11498765431234"], "1");
    assert_eq!(seen.facts["programs"], "IN_STORE_PICK_UP");
}

#[test]
fn the_ledger_s_page() {
    let Some(text) = sample("list_transactions_shipment.json") else { return };
    let page = serde_json::from_str::<TransactionsAnswer>(&text).expect("a page").payload;
    assert_eq!(page.next(), Some("Next token value"));
    let transaction = &page.transactions.expect("transactions")[0];
    assert!(!transaction.is_refund());
    assert_eq!(transaction.order(), None, "an identifier that is no order number");
}

#[test]
fn the_error() {
    let Some(text) = sample("error_400_invalid_input.json") else { return };
    assert_eq!(ApiError::read(text.as_bytes()).code, "InvalidInput");
}

/// Names that the code relies on, looked up in the models themselves.
#[test]
fn the_models_know_every_name_that_is_read() {
    let Some(folder) = contract() else { return };
    let check = |file: &str, names: &[&str]| {
        let model = std::fs::read_to_string(folder.join("spec").join(file)).expect("a model");
        for name in names {
            assert!(model.contains(&format!("\"{name}\"")), "{file} does not know {name}");
        }
    };
    check(
        "orders_2026-01-01.json",
        &[
            "lastUpdatedAfter",
            "lastUpdatedBefore",
            "marketplaceIds",
            "maxResultsPerPage",
            "includedData",
            "paginationToken",
            "pagination",
            "nextToken",
            "orderAliases",
            "aliasType",
            "createdTime",
            "lastUpdatedTime",
            "programs",
            "salesChannel",
            "channelName",
            "buyerEmail",
            "deliveryAddress",
            "addressLine3",
            "addressInstruction",
            "grandTotal",
            "breakdowns",
            "subtotal",
            "fulfillmentStatus",
            "fulfilledBy",
            "shipByWindow",
            "latestDateTime",
            "orderItemId",
            "quantityOrdered",
            "sellerSku",
            "unitPrice",
            "cancellationRequest",
            "requester",
            "cancelReason",
            "cancellationExecution",
            "quantityFulfilled",
            "quantityUnfulfilled",
            "giftMessage",
            "packageReferenceId",
            "packageStatus",
            "trackingNumber",
            "shipTime",
            "packageItems",
        ],
    );
    check(
        "finances_2024-06-19.json",
        &[
            "postedAfter",
            "postedBefore",
            "relatedIdentifierName",
            "relatedIdentifierValue",
            "nextToken",
            "transactionType",
            "transactionId",
            "transactionStatus",
            "postedDate",
            "items",
            "breakdownType",
            "breakdownAmount",
            "currencyAmount",
            "currencyCode",
        ],
    );
    check("sellers.json", &["payload", "isParticipating", "hasSuspendedListings"]);
}
