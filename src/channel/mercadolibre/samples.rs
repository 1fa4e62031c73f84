//! The contract's samples, read and mapped.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::document::{
    BillingDoc, CarrierDoc, ErrorDoc, FeedbackDoc, Id, MissedDoc, NotesDoc, NoticeDoc, OrderDoc, OrderRefDoc,
    SearchDoc, ShipmentDoc, TokenDoc,
};
use super::map::{Holes, Part, Reading, fact, observe};
use super::notice::Addressee;
use super::state::shipment_status;
use crate::model::{
    ChannelOrderId, FulfilledBy, Native, Observation, OrderStatus, PaymentStatus, Seen, Tiding, Timestamp,
};

/// The contract's folder; `None` where it is not checked out, which a build server must not allow.
fn contract() -> Option<PathBuf> {
    let root = std::env::var_os("FENICIA_CONTRACTS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/contracts"), PathBuf::from);
    let folder = root.join("mercadolibre");
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

fn sample<T: DeserializeOwned>(name: &str) -> Option<T> {
    let path = contract()?.join("samples").join(name);
    let text = std::fs::read_to_string(path).expect("a sample of the contract");
    Some(serde_json::from_str(&text).expect("a readable sample"))
}

fn reading(order: OrderDoc) -> Reading {
    Reading {
        order,
        holes: Holes::default(),
        shipment: Part::None,
        carrier: Part::None,
        billing: Part::None,
        notes: Part::None,
        read_at: Timestamp::parse("2026-11-23T10:00:00Z").expect("a time"),
    }
}

fn see(reading: &Reading) -> Observation {
    observe(ChannelOrderId::from(reading.order.id.expect("id").0), reading)
}

fn shipment(status: &str, substatus: &str, mode: &str, kind: &str) -> ShipmentDoc {
    let destination = serde_json::json!({
        "receiver_id": 42, "receiver_name": "XXXXXXX", "receiver_phone": "XXXXXXX",
        "shipping_address": {
            "address_line": "Rua das Flores 12", "comment": null, "zip_code": "XXXXXXX",
            "city": {"name": "Curitiba"}, "state": {"name": "Paraná"}, "country": {"id": "BR"}
        }
    });
    let text = serde_json::json!({
        "id": 44_028_792_542_u64, "status": status, "substatus": substatus, "tracking_number": "OJ1BR",
        "logistic": {"mode": mode, "type": kind}, "last_updated": "2024-11-02T10:00:00.000-04:00",
        "destination": destination,
    });
    serde_json::from_value(text).expect("shipment")
}

#[test]
fn the_order_of_a_cart_is_read_whole() {
    let Some(order) = sample::<OrderDoc>("order_in_pack_paid_MLB.json") else { return };
    let mut reading = reading(order);
    reading.shipment = Part::Seen(shipment("ready_to_ship", "printed", "me2", "cross_docking"));
    let seen = see(&reading);
    assert_eq!(seen.number.as_deref(), Some("2000006556183755"));
    assert_eq!(seen.status, Native::Known(OrderStatus::Accepted));
    assert_eq!(seen.payment_status, Native::Known(PaymentStatus::Paid));
    assert_eq!(seen.currency.map(|c| c.to_string()).as_deref(), Some("BRL"));
    assert_eq!(seen.amounts.total.map(|t| t.to_string()).as_deref(), Some("125.92"));
    assert_eq!(seen.placed_at, Timestamp::parse("2024-11-01T13:34:59Z"));
    assert_eq!(seen.changed_at, Timestamp::parse("2024-11-02T14:00:00Z"), "the shipment changed later");
    let items = seen.items.expect("items");
    assert_eq!((items.len(), items[0].quantity), (1, 2));
    assert_eq!(items[0].sku.as_deref(), Some("ESPAÇADOR NIVELADOR ECO C/500 PÇS CORTAG-2"));
    assert_eq!(items[0].unit_price.map(|p| p.to_string()).as_deref(), Some("62.96"));
    assert_eq!(items[0].variant, None);
    assert_eq!(seen.tags.expect("tags").len(), 5);
    assert_eq!(seen.aliases, ["payment:91776699099"], "the shipment is the whole cart's");
    assert_eq!(seen.facts[fact::RECEIVER], "42");
    assert_eq!(seen.facts[fact::MODE], "me2");
    let parcels = seen.shipments.expect("shipments");
    assert_eq!(parcels[0].tracking_number.as_deref(), Some("OJ1BR"));
    assert_eq!(parcels[0].items[0].quantity, 2);
}

#[test]
fn a_parcel_read_later_does_not_vouch_for_its_order() {
    let Some(order) = sample::<OrderDoc>("order_in_pack_paid_MLB.json") else { return };
    let mut reading = reading(order);
    reading.shipment = Part::Seen(shipment("ready_to_ship", "printed", "me2", "cross_docking"));
    // Between the two calls the order may have changed, and then the parcel with it.
    let asked = Timestamp::parse("2024-11-02T13:59:58Z").expect("a time");
    reading.read_at = asked;
    assert_eq!(see(&reading).changed_at, Some(asked));
}

#[test]
fn a_part_that_fails_for_now_is_read_again() {
    let Some(order) = sample::<OrderDoc>("order_in_pack_paid_MLB.json") else { return };
    let mut reading = reading(order);
    assert!(!see(&reading).incomplete, "what there is not is not missing");
    reading.notes = Part::Unseen;
    let seen = see(&reading);
    assert_eq!((seen.notes, seen.incomplete), (None, true));
    (reading.notes, reading.billing) = (Part::None, Part::Unseen);
    assert!(see(&reading).incomplete);
    (reading.billing, reading.carrier) = (Part::None, Part::Unseen);
    assert!(see(&reading).incomplete);
}

#[test]
fn what_is_hidden_is_absent() {
    let Some(order) = sample::<OrderDoc>("order_in_pack_paid_MLB.json") else { return };
    let mut reading = reading(order);
    let mut doc = shipment("pending", "", "me2", "fulfillment");
    reading.shipment = Part::Seen(shipment("pending", "", "me2", "fulfillment"));
    let seen = see(&reading);
    assert_eq!(seen.fulfilled_by, Some(FulfilledBy::Channel));
    assert_eq!((seen.customer.name, seen.customer.phone), (Seen::Absent, Seen::Absent));
    let Seen::Value(address) = seen.shipping_address else { panic!("the street is shown") };
    assert_eq!(address.line1, Seen::Value("Rua das Flores 12".to_owned()));
    assert_eq!(
        (address.name, address.postal_code, address.line2),
        (Seen::Absent, Seen::Absent, Seen::Absent)
    );

    let destination = doc.destination.0.as_mut().expect("destination");
    let address = destination.shipping_address.0.as_mut().expect("address");
    address.address_line.0 = Some("XXXXXXX".to_owned());
    reading.shipment = Part::Seen(doc);
    assert_eq!(see(&reading).shipping_address, Seen::Absent, "without a street there is no address");
}

#[test]
fn the_buyer_s_name_comes_from_the_best_source_that_answers() {
    let Some(billing) = sample::<BillingDoc>("billing_info_MLM_person.json") else { return };
    let Some(order) = sample::<OrderDoc>("order_in_pack_paid_MLB.json") else { return };
    let mut reading = reading(order);
    reading.billing = Part::Seen(billing);
    assert_eq!(see(&reading).customer.name, Seen::Value("Juan Soraes Sanchez".to_owned()));
    reading.billing = Part::Unseen;
    assert_eq!(see(&reading).customer.name, Seen::Absent, "a stored name stays");
    reading.billing = Part::None;
    reading.order.buyer.0.as_mut().expect("buyer").nickname.0 = Some("COMPRADOR7".to_owned());
    assert_eq!(see(&reading).customer.name, Seen::Value("COMPRADOR7".to_owned()));
    reading.holes.buyer = true;
    assert_eq!(see(&reading).customer.name, Seen::Absent);
}

#[test]
fn ids_as_text_and_numbers_without_decimals() {
    let Some(order) = sample::<OrderDoc>("order_simple_ids_as_strings.json") else { return };
    let seen = see(&reading(order));
    assert_eq!(seen.number.as_deref(), Some("2000003508419013"));
    assert_eq!(seen.amounts.total.map(|t| t.to_string()).as_deref(), Some("499.00"));
    assert_eq!(seen.aliases, ["shipment:20676482441", "payment:596707837"]);
    assert_eq!(seen.changed_at, None);
    assert_eq!(seen.notes, None);
}

#[test]
fn a_discounted_order_costs_what_the_order_says() {
    let Some(order) = sample::<OrderDoc>("order_with_discount_MLM.json") else { return };
    let seen = see(&reading(order));
    assert_eq!(seen.amounts.total.map(|t| t.to_string()).as_deref(), Some("880.00"));
    assert_eq!(seen.payment_status, Native::Known(PaymentStatus::Paid));
    assert_eq!(seen.status, Native::Known(OrderStatus::Accepted));
}

#[test]
fn a_part_that_is_missing_moves_nothing() {
    let Some(mut order) = sample::<OrderDoc>("order_with_discount_MLM.json") else { return };
    order.shipping.0 = None;
    let mut reading = reading(order);
    reading.holes.shipping = true;
    reading.shipment = Part::Unseen;
    let seen = see(&reading);
    assert_eq!((seen.status, seen.shipments, seen.fulfilled_by), (Native::Absent, None, None));
    assert_eq!(seen.shipping_address, Seen::Absent);
    assert!(!seen.facts.contains_key(fact::MODE), "stored facts stay");
    assert_eq!(seen.payment_status, Native::Known(PaymentStatus::Paid));
}

#[test]
fn a_risk_of_fraud_is_told() {
    let Some(mut order) = sample::<OrderDoc>("order_with_discount_MLM.json") else { return };
    order.tags.0 = Some(vec!["fraud_risk_detected".to_owned()]);
    let seen = see(&reading(order));
    assert_eq!(seen.anomalies.len(), 1);
    assert_eq!(seen.anomalies[0].code, "fraud_risk_detected");
}

#[test]
fn a_page_of_the_search_is_read() {
    let Some(page) = sample::<SearchDoc>("order_search_page.json") else { return };
    let first: OrderDoc = serde_json::from_str(page.results[0].get()).expect("an order");
    assert_eq!(first.id.map(|id| id.0), Some(2_032_217_210));
    assert_eq!(*first.date_last_updated, Timestamp::parse("2020-02-14T02:55:49.811Z"));
    assert_eq!(page.paging.as_ref().and_then(|paging| *paging.total), Some(1));
}

#[test]
fn shipments_are_read_in_both_documented_forms() {
    let Some(shape) = sample::<ShipmentDoc>("shipment_x_format_new_shape.json") else { return };
    assert_eq!(shape.logistic.as_ref().map(|l| l.kind.word()), Some("drop_off"));
    let Some(buffered) = sample::<ShipmentDoc>("shipment_me2_buffered_MLA.json") else { return };
    assert_eq!((buffered.status.word(), buffered.substatus.word()), ("pending", "buffered"));
    assert!(buffered.destination.is_none());
    let carrier: CarrierDoc = sample("shipment_carrier.json").expect("carrier");
    assert_eq!(carrier.name.word(), "Total Express");
    let items: Vec<OrderRefDoc> = sample("shipment_items_shape.json").expect("items");
    assert_eq!(*items[0].order_id, Some(Id(0)));
    let notes: Vec<NotesDoc> = sample("pack_notes.json").expect("notes");
    assert_eq!(notes[0].results.list()[0].note.word(), "Esta es una nota de ejemplo.");
}

#[test]
fn every_documented_shipment_status_is_known() {
    let Some(statuses) = sample::<Vec<Value>>("shipment_statuses.json") else { return };
    let Some(order) = sample::<OrderDoc>("order_with_discount_MLM.json") else { return };
    let mut reading = reading(order);
    for status in statuses {
        let word = status["id"].as_str().expect("id");
        let substatuses = status["substatuses"].as_array().expect("substatuses").iter();
        for substatus in substatuses.map(|s| s["id"].as_str().expect("id")).chain([""]) {
            reading.shipment = Part::Seen(shipment(word, substatus, "me2", "drop_off"));
            let seen = see(&reading);
            assert!(matches!(seen.status, Native::Known(_)), "{word}/{substatus}: {:?}", seen.status);
            let _ = shipment_status(word, substatus);
        }
    }
}

#[test]
fn kept_notifications_are_told_when_they_are_ours_and_about_orders() {
    let Some(missed) = sample::<MissedDoc>("missed_feeds.json") else { return };
    let who = Addressee { user_id: 468_424_240, client_id: 3_486_171_129_139_063, path_secret: None };
    assert_eq!(missed.messages.list().len(), 2);
    assert!(missed.messages.list().iter().all(|message| message.tiding(&who).is_none()));
}

#[test]
fn notifications_are_told() {
    #[rustfmt::skip]
    let table = [
        ("notification_orders_v2.json", 468_424_240, 5_503_910_054_141_466, Some(Tiding::Hint { order: ChannelOrderId::from(2_195_160_686), changed_at: None })),
        ("notification_shipments.json", 1_234, 12_341_234, Some(Tiding::Alias("shipment:40546549876".to_owned()))),
        ("notification_payments.json", 123_456_789, 2_069_392_825_111_111, Some(Tiding::Alias("payment:3043111111".to_owned()))),
        ("notification_with_id.json", 123_456_789, 2_069_392_825_111_111, None),
    ];
    for (name, user_id, client_id, expected) in table {
        let Some(notice) = sample::<NoticeDoc>(name) else { return };
        let who = Addressee { user_id, client_id, path_secret: None };
        assert_eq!(notice.tiding(&who), expected, "{name}");
    }
}

#[test]
fn the_other_samples_are_read() {
    let Some(tokens) = sample::<TokenDoc>("oauth_token_response.json") else { return };
    assert_eq!((*tokens.expires_in, tokens.user_id.map(|id| id.0)), (Some(10_800), Some(1_234_567)));
    let error: ErrorDoc = sample("oauth_error_invalid_grant.json").expect("error");
    assert_eq!(error.error.word(), "invalid_grant");
    let feedback: FeedbackDoc = sample("feedback_of_an_order.json").expect("feedback");
    assert_eq!(feedback.sale.as_ref().and_then(|sale| *sale.fulfilled), Some(true));
}
