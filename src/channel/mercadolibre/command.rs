//! An action, checked and turned into the one call it takes. Pure.

use serde_json::{Value, json};

use super::ability::{Facts, Mode, NOTE_MAX_CHARS, capabilities, channel_reason};
use super::site::Site;
use crate::channel::{Memo, Refused, Verdict};
use crate::model::{Action, ActionRequest, CancelReason, Order, OrderStatus, ShipLine, Shipment, Timestamp};
use crate::net::Method;

/// Memo: when the parcel was handed over, the same in each repetition.
const DISPATCHED: &str = "dispatched_at";
const TRACKING_MAX_CHARS: usize = 100;

/// See `Channel::prepare`.
pub fn prepare(order: &Order, request: &ActionRequest, now: Timestamp) -> Result<Memo, Refused> {
    let can = capabilities(order, now);
    let allowed = |supported: bool, why: Option<String>| {
        if supported { Ok(()) } else { Err(Refused::unsupported(why.unwrap_or_default())) }
    };
    match request {
        ActionRequest::Ship { tracking_number, tracking_url, items, .. } => {
            allowed(can.ship.supported, can.ship.why)?;
            whole(order, items)?;
            match tracking_number.as_deref() {
                Some(number) => tracking_is_sound(number)?,
                None if can.ship.tracking_required => {
                    return Err(Refused::invalid(
                        "tracking_number",
                        "Mercado Libre wants the tracking number of this parcel. Enter it.",
                    ));
                }
                None => {}
            }
            address_is_sound(tracking_url.as_deref())?;
            Ok(Memo::from([(DISPATCHED.to_owned(), now.to_string())]))
        }
        ActionRequest::Tracking { tracking_number, tracking_url, shipment_id, .. } => {
            allowed(can.tracking.supported, can.tracking.why)?;
            tracking_is_sound(tracking_number)?;
            address_is_sound(tracking_url.as_deref())?;
            let shipment = Facts(order).shipment().map(|id| id.to_string());
            if shipment_id.is_some() && *shipment_id != shipment {
                let why = "The order has no such shipment. Leave it out: there is only one.";
                return Err(Refused::invalid("shipment_id", why));
            }
            Ok(Memo::from([(DISPATCHED.to_owned(), now.to_string())]))
        }
        ActionRequest::Cancel { note, .. } => {
            allowed(can.cancel.supported, can.cancel.why)?;
            let length = note.as_deref().unwrap_or_default().chars().count();
            if length > NOTE_MAX_CHARS as usize {
                let why =
                    format!("Mercado Libre takes at most {NOTE_MAX_CHARS} characters. Shorten the note.");
                return Err(Refused::invalid("note", why));
            }
            Ok(Memo::new())
        }
        ActionRequest::Acknowledge => Err(Refused::unsupported("Mercado Libre needs no acknowledgement.")),
    }
}

/// One parcel takes the whole order.
fn whole(order: &Order, items: &[ShipLine]) -> Result<(), Refused> {
    let asked =
        |line_id: &str| items.iter().filter(|i| i.line_id == line_id).map(|i| i.quantity).sum::<u32>();
    let known = |item: &ShipLine| order.items.iter().any(|line| line.line_id == item.line_id);
    if order.items.iter().all(|line| asked(&line.line_id) == line.quantity) && items.iter().all(known) {
        Ok(())
    } else {
        let why = "Mercado Libre ships an order as a whole. Choose every unit, or split the parcel in Mercado Libre.";
        Err(Refused::invalid("items", why))
    }
}

fn tracking_is_sound(number: &str) -> Result<(), Refused> {
    let sound = !number.trim().is_empty()
        && number.chars().count() <= TRACKING_MAX_CHARS
        && !number.chars().any(char::is_control);
    let why = "A tracking number has 1 to 100 visible characters. Correct it.";
    if sound { Ok(()) } else { Err(Refused::invalid("tracking_number", why)) }
}

fn address_is_sound(url: Option<&str>) -> Result<(), Refused> {
    let sound = url.is_none_or(|url| url.starts_with("https://") || url.starts_with("http://"));
    let why = "A tracking address begins with https://. Correct it or leave it out.";
    if sound { Ok(()) } else { Err(Refused::invalid("tracking_url", why)) }
}

const REPORT: &str = "seller_notifications";
const UPDATE: &str = "update_shipment";

/// The one call of an action.
#[derive(Debug, PartialEq)]
pub struct Command {
    pub operation: &'static str,
    pub method: Method,
    pub path: String,
    pub body: Value,
}

/// `None`: the order does not hold what the call needs.
pub fn command(order: &Order, action: &Action, site: &Site) -> Option<Command> {
    match &action.request {
        ActionRequest::Ship { carrier, tracking_number, tracking_url, .. } => {
            let parcel = Parcel { carrier, number: tracking_number.as_deref(), url: tracking_url.as_deref() };
            report(order, action, site, &parcel, true)
        }
        ActionRequest::Tracking { carrier, tracking_number, tracking_url, .. } => {
            let parcel = Parcel { carrier, number: Some(tracking_number), url: tracking_url.as_deref() };
            report(order, action, site, &parcel, false)
        }
        ActionRequest::Cancel { reason, note } => Some(Command {
            operation: "feedback",
            method: Method::Post,
            path: format!("/orders/{}/feedback", order.key.order),
            body: feedback(*reason, note.as_deref(), site),
        }),
        ActionRequest::Acknowledge => None,
    }
}

/// See `Channel::sends`. A cancellation looks first, under the same name, and may be repeated.
pub fn sends(order: &Order, request: &ActionRequest) -> Option<&'static str> {
    match (request, Facts(order).mode()) {
        (ActionRequest::Ship { .. } | ActionRequest::Tracking { .. }, Mode::Me1) => Some(REPORT),
        (ActionRequest::Ship { .. } | ActionRequest::Tracking { .. }, Mode::Custom) => Some(UPDATE),
        _ => None,
    }
}

struct Parcel<'a> {
    carrier: &'a str,
    number: Option<&'a str>,
    url: Option<&'a str>,
}

fn report(order: &Order, action: &Action, site: &Site, parcel: &Parcel<'_>, marks: bool) -> Option<Command> {
    let facts = Facts(order);
    let shipment = facts.shipment()?;
    match facts.mode() {
        Mode::Me1 => Some(Command {
            operation: REPORT,
            method: Method::Post,
            path: format!("/shipments/{shipment}/seller_notifications"),
            body: seller_notification(action, site, parcel),
        }),
        Mode::Custom => {
            let mut body = json!({"receiver_id": facts.receiver()?});
            if marks {
                body["status"] = json!("shipped");
            }
            if let Some(number) = parcel.number {
                body["tracking_number"] = json!(number);
            }
            if !parcel.carrier.is_empty() {
                body["comments"] = json!(parcel.carrier);
            }
            let path = format!("/shipments/{shipment}");
            Some(Command { operation: UPDATE, method: Method::Put, path, body })
        }
        Mode::NotOurs(_) => None,
    }
}

/// There is no field for the carrier, so the comment names it. `substatus` is the word "null".
fn seller_notification(action: &Action, site: &Site, parcel: &Parcel<'_>) -> Value {
    let dispatched = action.memo.get(DISPATCHED).and_then(|at| Timestamp::parse(at));
    let date = dispatched.unwrap_or(action.requested_at).to_jiff().strftime("%Y-%m-%dT%H:%M:%S%.3f+00:00");
    let mut body = json!({
        "payload": {"comment": parcel.carrier, "date": date.to_string()},
        "status": "shipped",
        "substatus": "null",
    });
    if let Some(number) = parcel.number {
        body["tracking_number"] = json!(number);
        body["payload"]["service_id"] = json!(site.me1_service_id);
    }
    if let Some(url) = parcel.url {
        body["tracking_url"] = json!(url);
    }
    body
}

/// A message is compulsory, and the buyer may read it.
fn feedback(reason: CancelReason, note: Option<&str>, site: &Site) -> Value {
    let own = note.map(str::trim).filter(|note| !note.is_empty());
    let usual = if site.id == "MLB" {
        "Não foi possível concluir a venda."
    } else {
        "No fue posible completar la venta."
    };
    json!({
        "fulfilled": false,
        "rating": "neutral",
        "message": own.unwrap_or(usual),
        "reason": channel_reason(reason),
        "restock_item": false,
    })
}

/// See `Channel::judge`.
pub fn judge(order: &Order, action: &Action) -> Verdict {
    let left = matches!(order.status, OrderStatus::Shipped | OrderStatus::Delivered);
    let shows = |number: &str| order.shipments.iter().any(|shipment| has_number(shipment, number));
    let done = match &action.request {
        ActionRequest::Ship { tracking_number, .. } => left && tracking_number.as_deref().is_none_or(shows),
        ActionRequest::Tracking { tracking_number, .. } => shows(tracking_number),
        ActionRequest::Cancel { .. } => order.status == OrderStatus::Cancelled,
        ActionRequest::Acknowledge => true,
    };
    match (&action.request, Facts(order).mode()) {
        _ if done => Verdict::Done,
        // Writing the same into the same shipment again changes nothing.
        (ActionRequest::Ship { .. } | ActionRequest::Tracking { .. }, Mode::Custom) => Verdict::Repeatable,
        // A sale is given up once: that is looked up before it is said, and refused the second time.
        (ActionRequest::Cancel { .. }, _) => Verdict::Repeatable,
        _ => Verdict::NotSeen,
    }
}

fn has_number(shipment: &Shipment, number: &str) -> bool {
    shipment.tracking_number.as_deref().is_some_and(|known| known.trim() == number.trim())
}

#[cfg(test)]
mod tests {
    use super::super::map::{Holes, Part, Reading, observe};
    use super::*;
    use crate::model::{ActionId, ActionState, ChannelId, ChannelOrderId, OrderKey, Trigger};
    use crate::sync::{Merged, Merging, merge};

    const NOW: &str = "2026-11-23T16:03:51.175Z";

    fn now() -> Timestamp {
        NOW.parse().expect("time")
    }

    fn order(mode: &str, kind: &str, shipment: &str, sale: &Value) -> Order {
        let mut doc = json!({
            "id": 2_000_000_000_000_001_u64, "pack_id": 77, "status": "paid", "tags": [], "total_amount": 20,
            "currency_id": "MXN", "date_created": "2026-11-20T10:00:00.000-06:00",
            "order_items": [{"item": {"id": "MLM1"}, "quantity": 2, "unit_price": 10}],
            "payments": [{"id": 5, "status": "approved", "transaction_amount": 20}], "shipping": {"id": 9},
            "feedback": {"sale": null, "purchase": null},
        });
        for (name, value) in sale.as_object().expect("an object") {
            doc[name] = value.clone();
        }
        let shipment = json!({
            "id": 9, "status": shipment, "logistic": {"mode": mode, "type": kind},
            "destination": {"receiver_id": 42}, "tracking_number": if shipment == "shipped" { json!("T1") } else { json!(null) },
        });
        let reading = Reading {
            order: serde_json::from_value(doc).expect("order"),
            holes: Holes::default(),
            shipment: Part::Seen(serde_json::from_value(shipment).expect("shipment")),
            carrier: Part::None,
            billing: Part::None,
            notes: Part::None,
            read_at: now(),
        };
        let id = ChannelOrderId::from(2_000_000_000_000_001);
        let key = OrderKey::new(ChannelId::new("mx").expect("id"), id.clone());
        let how = Merging { key: &key, channel_kind: "mercadolibre", trigger: Trigger::Poll, now: now() };
        match merge(None, observe(id, &reading), how) {
            Merged::Applied(applied) => applied.order,
            other => panic!("{other:?}"),
        }
    }

    fn ship(number: Option<&str>, units: u32) -> ActionRequest {
        ActionRequest::Ship {
            carrier: "Estafeta".to_owned(),
            tracking_number: number.map(str::to_owned),
            tracking_url: None,
            items: vec![ShipLine { line_id: "MLM1".to_owned(), quantity: units }],
        }
    }

    fn cancel(reason: CancelReason, note: Option<&str>) -> ActionRequest {
        ActionRequest::Cancel { reason, note: note.map(str::to_owned) }
    }

    fn action(order: &Order, request: ActionRequest) -> Action {
        Action {
            id: ActionId(uuid::Uuid::nil()),
            order: order.key.clone(),
            memo: prepare(order, &request, now()).unwrap_or_default(),
            request,
            state: ActionState::Running,
            attempts: 1,
            failed_tries: 0,
            by: None,
            requested_at: now(),
            updated_at: now(),
            sent_boot: None,
            error: None,
        }
    }

    fn site() -> &'static Site {
        Site::find("MLM").expect("site")
    }

    #[test]
    fn the_logistic_mode_decides_who_may_ship() {
        #[rustfmt::skip]
        let table = [
            ("me2", "fulfillment", "ready_to_ship", "(Full)"),
            ("me2", "cross_docking", "ready_to_ship", "Mercado Envíos"),
            ("me2", "xd_drop_off", "ready_to_ship", "Mercado Envíos"),
            ("me2", "drop_off", "ready_to_ship", "Mercado Envíos"),
            ("me2", "self_service", "ready_to_ship", "Flex"),
            ("me2", "turbo", "ready_to_ship", "Flex"),
            ("not_specified", "", "pending", "agreed with the buyer"),
            ("me1", "default", "shipped", "on its way"),
            ("custom", "custom", "not_delivered", "on its way"),
            ("me1", "default", "cancelled", "shipment of this order is cancelled"),
        ];
        for (mode, kind, shipment, word) in table {
            let order = order(mode, kind, shipment, &json!({}));
            let refused = prepare(&order, &ship(Some("T1"), 2), now());
            let Err(Refused::Unsupported { why }) = refused else { panic!("{mode} {kind}: {refused:?}") };
            assert!(why.contains(word), "{mode} {kind}: {why}");
        }
        for (mode, kind, status) in [("me1", "default", "handling"), ("custom", "custom", "pending")] {
            let order = order(mode, kind, status, &json!({}));
            let can = capabilities(&order, now()).ship;
            assert!(can.supported && !can.partial, "{mode}");
            assert!(can.consequence.expect("a cart").contains("cart 77"));
            assert_eq!(can.tracking_required, mode == "custom");
        }
    }

    #[test]
    fn a_risk_of_fraud_and_an_open_payment_are_not_shipped() {
        for (sale, word) in [
            (json!({"tags": ["fraud_risk_detected"]}), "fraud"),
            (json!({"status": "payment_in_process", "payments": []}), "not paid"),
            (json!({"status": "cancelled"}), "cancelled"),
        ] {
            let order = order("me1", "default", "pending", &sale);
            let why = capabilities(&order, now()).ship.why.expect("a reason");
            assert!(why.contains(word), "{why}");
        }
    }

    #[test]
    fn an_integrated_carrier_is_reported_by_a_notification() {
        let order = order("me1", "default", "handling", &json!({}));
        let command = command(&order, &action(&order, ship(Some("OP1"), 2)), site()).expect("a command");
        assert_eq!(
            (command.method, command.path.as_str()),
            (Method::Post, "/shipments/9/seller_notifications")
        );
        let expected = json!({
            "payload": {"service_id": 231_876, "comment": "Estafeta", "date": "2026-11-23T16:03:51.175+00:00"},
            "tracking_number": "OP1", "status": "shipped", "substatus": "null",
        });
        assert_eq!(command.body, expected);
        let silent = super::command(&order, &action(&order, ship(None, 2)), site()).expect("a command");
        assert!(
            silent.body.get("tracking_number").is_none()
                && silent.body["payload"].get("service_id").is_none()
        );
    }

    #[test]
    fn a_custom_shipment_is_written_with_its_receiver() {
        let unsent = order("custom", "custom", "pending", &json!({}));
        let command = command(&unsent, &action(&unsent, ship(Some("T9"), 2)), site()).expect("a command");
        assert_eq!((command.method, command.path.as_str()), (Method::Put, "/shipments/9"));
        let expected =
            json!({"receiver_id": 42, "status": "shipped", "tracking_number": "T9", "comments": "Estafeta"});
        assert_eq!(command.body, expected);
        assert!(matches!(
            prepare(&unsent, &ship(None, 2), now()),
            Err(Refused::Invalid { field: "tracking_number", .. })
        ));
    }

    #[test]
    fn an_order_is_shipped_as_a_whole() {
        let order = order("me1", "default", "handling", &json!({}));
        assert!(matches!(
            prepare(&order, &ship(None, 1), now()),
            Err(Refused::Invalid { field: "items", .. })
        ));
        assert!(prepare(&order, &ship(None, 2), now()).is_ok());
    }

    #[test]
    fn a_number_is_added_where_the_seller_reports() {
        let request = ActionRequest::Tracking {
            carrier: String::new(),
            tracking_number: "T2".to_owned(),
            tracking_url: None,
            shipment_id: Some("9".to_owned()),
        };
        let sent = order("custom", "custom", "shipped", &json!({}));
        let command = command(&sent, &action(&sent, request.clone()), site()).expect("a command");
        assert_eq!(command.body, json!({"receiver_id": 42, "tracking_number": "T2"}));
        let unsent = order("me1", "default", "handling", &json!({}));
        assert!(matches!(prepare(&unsent, &request, now()), Err(Refused::Unsupported { .. })));
        let other = ActionRequest::Tracking {
            carrier: String::new(),
            tracking_number: "T2".to_owned(),
            tracking_url: None,
            shipment_id: Some("8".to_owned()),
        };
        assert!(matches!(prepare(&sent, &other, now()), Err(Refused::Invalid { field: "shipment_id", .. })));
    }

    #[test]
    fn a_sale_is_given_up_in_the_marketplace_s_words() {
        let order = order("me2", "drop_off", "ready_to_ship", &json!({}));
        for (reason, word) in [
            (CancelReason::CustomerRequest, "BUYER_REGRETS"),
            (CancelReason::OutOfStock, "OUT_OF_STOCK"),
            (CancelReason::PricingError, "OTHER_MY_RESPONSIBILITY"),
            (CancelReason::Undeliverable, "WRONG_RECEIVER_ADDRESS"),
            (CancelReason::Other, "OTHER_MY_RESPONSIBILITY"),
        ] {
            let command = command(&order, &action(&order, cancel(reason, Some("sold out"))), site())
                .expect("a command");
            let expected = json!({
                "fulfilled": false, "rating": "neutral", "message": "sold out", "reason": word, "restock_item": false,
            });
            assert_eq!((command.method, command.body), (Method::Post, expected));
        }
        let long = "x".repeat(160);
        let refused = prepare(&order, &cancel(CancelReason::Other, Some(&long)), now());
        assert!(matches!(refused, Err(Refused::Invalid { field: "note", .. })));
    }

    #[test]
    fn a_sale_is_given_up_once_in_time_and_before_dispatch() {
        for (shipment, sale, word) in [
            ("shipped", json!({}), "on its way"),
            ("pending", json!({"feedback": {"sale": {"id": 1}}}), "rated already"),
            ("pending", json!({"feedback": {"seller": {"id": 1}}}), "rated already"),
            ("pending", json!({"expiration_date": "2026-11-22T00:00:00.000-04:00"}), "run out"),
            ("pending", json!({"status": "cancelled"}), "cancelled already"),
        ] {
            let order = order("me2", "drop_off", shipment, &sale);
            let why = capabilities(&order, now()).cancel.why.expect("a reason");
            assert!(why.contains(word), "{why}");
        }
        let can = capabilities(&order("me2", "drop_off", "pending", &json!({})), now()).cancel;
        assert!(can.consequence.expect("said before").ends_with("The other orders of cart 77 stay."));
    }

    #[test]
    fn only_what_cannot_act_twice_is_repeated() {
        let unsent = |mode| order(mode, "", "pending", &json!({}));
        let judged = |order: &Order, request| judge(order, &action(order, request));
        assert_eq!(judged(&unsent("custom"), ship(Some("T1"), 2)), Verdict::Repeatable);
        assert_eq!(judged(&unsent("me1"), ship(Some("T1"), 2)), Verdict::NotSeen);
        assert_eq!(judged(&unsent("me1"), cancel(CancelReason::Other, None)), Verdict::Repeatable);
        let sent = order("me1", "default", "shipped", &json!({}));
        assert_eq!(judged(&sent, ship(Some("T1"), 2)), Verdict::Done);
        assert_eq!(judged(&sent, ship(None, 2)), Verdict::Done);
        assert_eq!(judged(&sent, ship(Some("T2"), 2)), Verdict::NotSeen);
        let gone = order("me1", "default", "pending", &json!({"status": "cancelled"}));
        assert_eq!(judged(&gone, cancel(CancelReason::Other, None)), Verdict::Done);
    }
}
