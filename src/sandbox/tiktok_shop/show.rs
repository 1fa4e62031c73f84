//! What the interface shows: thin amounts, hidden buyers, units one by one.

use std::collections::BTreeSet;
use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::super::names::Shopper;
use super::world::{AfterSale, Order, Sender, Unit, UnitState};
use crate::model::Timestamp;

/// An amount has as many decimals as it needs.
pub(super) fn amount(amount: Decimal) -> String {
    amount.normalize().to_string()
}

fn secs(at: Option<Timestamp>) -> i64 {
    at.map_or(0, Timestamp::as_secs)
}

/// `FULFILLMENT_BY_…` and who ships.
const fn sender(sender: Sender) -> (&'static str, &'static str) {
    match sender {
        Sender::Seller => ("FULFILLMENT_BY_SELLER", "SELLER"),
        Sender::TikTokLabel => ("FULFILLMENT_BY_SELLER", "TIKTOK"),
        Sender::Warehouse => ("FULFILLMENT_BY_TIKTOK", "TIKTOK"),
    }
}

pub(super) fn order(order: &Order, now: Timestamp) -> Value {
    let (fulfilled_by, shipped_with) = sender(order.sender);
    let packages: BTreeSet<&str> = order.units.iter().map(|unit| unit.package.as_str()).collect();
    let packages: Vec<Value> =
        packages.into_iter().filter(|id| !id.is_empty()).map(|id| json!({"id": id})).collect();
    let parcels = order.parcels();
    let mut shown = json!({
        "id": order.id,
        "status": order.status(),
        "create_time": order.placed_at.as_secs(),
        "update_time": order.updated_at.as_secs(),
        "paid_time": secs(order.paid_at),
        "rts_time": secs(order.sent_at),
        "delivery_time": secs(order.delivered_at),
        "commerce_platform": "TIKTOK_SHOP",
        "fulfillment_type": fulfilled_by,
        "shipping_type": shipped_with,
        "delivery_type": "HOME_DELIVERY",
        "delivery_option_id": order.market.delivery_option,
        "delivery_option_name": "Standard shipping",
        "is_cod": order.cash_on_delivery,
        "is_on_hold_order": order.on_hold,
        "is_buyer_request_cancel": order.request.is_some(),
        "is_sample_order": order.is_sample,
        "is_replacement_order": false,
        "has_updated_recipient_address": order.address_changed,
        "tts_sla_time": order.placed_at.plus(Duration::from_hours(72)).as_secs(),
        "split_or_combine_tag": if packages.len() > 1 { "SPLIT" } else { "" },
        "packages": packages,
        "buyer_email": format!("{}@chat.seller.tiktok.com\n", order.id),
        "buyer_message": order.buyer_message.as_deref().unwrap_or(" "),
        "seller_note": order.seller_note.as_deref().unwrap_or(""),
        "user_id": "7021436810468230477",
        "warehouse_id": "6955005333819123123",
        "payment_method_name": "CCDC",
        "payment": payment(order),
        "recipient_address": address(order, now),
        "line_items": order.units.iter().map(|own| unit(order, own)).collect::<Vec<_>>(),
    });
    if let Some(cancelled) = &order.cancelled {
        shown["cancel_time"] = json!(cancelled.at.as_secs());
        shown["cancel_reason"] = json!(cancelled.reason);
        shown["cancellation_initiator"] = json!(cancelled.by);
    }
    if let [(_, label)] = parcels.as_slice() {
        shown["tracking_number"] = json!(label.number);
        shown["shipping_provider_id"] = json!(label.carrier.0);
        shown["shipping_provider"] = json!(label.carrier.1);
    }
    shown
}

fn payment(order: &Order) -> Value {
    let goods: Decimal = order.units.iter().map(|unit| unit.price).sum();
    json!({
        "currency": order.market.currency,
        "total_amount": amount(order.total()),
        "sub_total": amount(goods),
        "original_total_product_price": amount(goods),
        "shipping_fee": amount(order.shipping),
        "original_shipping_fee": amount(order.shipping),
        "tax": "0",
        "seller_discount": "0",
        "platform_discount": "0",
    })
}

fn unit(order: &Order, unit: &Unit) -> Value {
    let (package_status, display_status) = match unit.state {
        UnitState::Cancelled => ("CANCELLED", "CANCELLED"),
        UnitState::Open => {
            ("TO_FULFILL", if order.has_left() { "AWAITING_SHIPMENT" } else { order.status() })
        }
        UnitState::Declared => ("PROCESSING", "AWAITING_COLLECTION"),
        UnitState::Moving => ("FULFILLING", "IN_TRANSIT"),
        UnitState::Arrived => ("COMPLETED", "DELIVERED"),
    };
    let label = unit.label.as_ref();
    json!({
        "id": unit.id,
        "product_id": format!("17{}", &unit.sku_id[2..]),
        "product_name": unit.title,
        "sku_id": unit.sku_id,
        "sku_name": unit.variant.as_deref().unwrap_or("Default"),
        "seller_sku": unit.seller_sku,
        "sku_type": "NORMAL",
        "sale_price": amount(unit.price),
        "original_price": amount(unit.price),
        "seller_discount": "0",
        "platform_discount": "0",
        "currency": order.market.currency,
        "display_status": display_status,
        "package_id": unit.package,
        "package_status": package_status,
        "tracking_number": label.map_or("", |label| label.number.as_str()),
        "shipping_provider_id": label.map_or("", |label| label.carrier.0),
        "shipping_provider_name": label.map_or("", |label| label.carrier.1),
        "rts_time": secs(label.map(|label| label.at)),
        "is_gift": unit.price.is_zero(),
    })
}

/// Whom the seller may see, by market, state and sender.
fn is_hidden(order: &Order, now: Timestamp) -> bool {
    let long_over = |at: Timestamp| now.since(at) > Duration::from_hours(720);
    match (order.market.region, order.sender) {
        (_, Sender::Warehouse | Sender::TikTokLabel) => true,
        ("US", Sender::Seller) => {
            matches!(order.status(), "UNPAID" | "ON_HOLD" | "CANCELLED")
                || order.completed_at.is_some_and(long_over)
        }
        (_, Sender::Seller) => false,
    }
}

fn address(order: &Order, now: Timestamp) -> Value {
    let hidden = is_hidden(order, now);
    let show = |text: &str| if hidden { mask(text) } else { text.to_owned() };
    let buyer: &Shopper = &order.buyer;
    let early = order.market.region != "US" && matches!(order.status(), "UNPAID" | "ON_HOLD");
    let district = |level: &str, name: &str, text: &str| json!({"address_level": level, "address_level_name": name, "address_name": text});
    let (division, name) = order.market.division;
    let districts = vec![
        district("L0", "Country", order.market.country),
        district("L1", division, name),
        district("L2", "City", &buyer.city),
    ];
    let mut address = json!({
        "name": show(&buyer.name()),
        "first_name": show(&buyer.first_name),
        "last_name": show(&buyer.last_name),
        "phone_number": if hidden { "(+1)202-***-**00".to_owned() } else { buyer.phone.clone() },
        "address_line1": show(&buyer.line1),
        "address_line2": " ",
        "address_line3": " ",
        "address_line4": " ",
        "address_detail": show(&buyer.line1),
        "full_address": show(&format!("{}, {}", buyer.line1, buyer.city)),
        "postal_code": show(&buyer.postal_code),
        "region_code": order.market.region,
        "district_info": if early { Vec::new() } else { districts },
    });
    if order.market.region == "GB" {
        address["post_town"] = json!(buyer.city);
    }
    address
}

/// The first letter of each word stays.
fn mask(text: &str) -> String {
    let hide = |word: &str| word.chars().next().map(|first| format!("{first}***")).unwrap_or_default();
    text.split_whitespace().map(hide).collect::<Vec<_>>().join(" ")
}

pub(super) fn after_sale(after: &AfterSale) -> Value {
    let role = if after.by_buyer { "BUYER" } else { "SELLER" };
    let refund = json!({
        "currency": after.currency, "refund_total": amount(after.amount), "refund_subtotal": amount(after.amount),
        "refund_shipping_fee": "0", "refund_tax": "0",
    });
    let action = if after.is_return { "SELLER_RESPOND_REFUND" } else { "SELLER_RESPOND_CANCEL" };
    let next: Vec<Value> =
        after.deadline.iter().map(|at| json!({"action": action, "deadline": at.as_secs()})).collect();
    let mut shown = json!({
        "order_id": after.order, "role": role, "refund_amount": refund, "seller_next_action_response": next,
        "create_time": after.placed_at.as_secs(), "update_time": after.updated_at.as_secs(),
    });
    let line = |name: &str, id: &str| json!({name: format!("9{id}"), "order_line_item_id": id});
    if after.is_return {
        shown["return_id"] = json!(after.id.to_string());
        shown["return_type"] = json!("REFUND");
        shown["return_status"] = json!(after.status);
        shown["return_reason"] = json!(after.reason);
        shown["return_line_items"] = after.units.iter().map(|id| line("return_line_item_id", id)).collect();
    } else {
        shown["cancel_id"] = json!(after.id.to_string());
        shown["cancel_type"] = json!(if after.by_buyer { "BUYER_CANCEL" } else { "CANCEL" });
        shown["cancel_status"] = json!(after.status);
        shown["cancel_reason"] = json!(after.reason);
        shown["cancel_line_items"] = after.units.iter().map(|id| line("cancel_line_item_id", id)).collect();
    }
    shown
}
