//! Decisions, case by case.

use super::super::facts::Parcel;
use super::super::setup::tests::walmart;
use super::*;
use crate::model::{
    ActionId, ActionState, Amounts, ChannelId, ChannelOrderId, OrderKey, OrderStatus, PaymentStatus,
    SyncInfo, Version,
};

fn now() -> Timestamp {
    Timestamp::parse("2026-11-25T12:00:00Z").unwrap()
}

/// One line: its id, units created, acknowledged, shipped under `1Z` by UPS, cancelled.
pub(in super::super) fn line(id: &str, units: [u32; 4]) -> Line {
    let [created, acknowledged, shipped, cancelled] = units;
    let parcel =
        Parcel { carrier: Some("UPS".into()), tracking: "1Z".into(), units: shipped, delivered: false };
    Line {
        id: id.into(),
        created,
        acknowledged,
        shipped,
        cancelled,
        unwanted: false,
        changed_at: Some(now().minus(Duration::from_secs(3_600))),
        parcels: if shipped > 0 { vec![parcel] } else { Vec::new() },
    }
}

pub(in super::super) fn order(lines: &[Line]) -> Order {
    let shipped = lines.iter().any(|line| line.shipped > 0);
    let parcel = Shipment {
        shipment_id: "UPS:1Z".into(),
        carrier: Some("UPS".into()),
        tracking_number: Some("1Z".into()),
        tracking_url: None,
        status: None,
        shipped_at: None,
        items: Vec::new(),
    };
    Order {
        key: OrderKey::new(ChannelId::new("w").unwrap(), ChannelOrderId::new("1796277083022").unwrap()),
        channel_kind: "walmart".into(),
        number: "5281956426648".into(),
        status: OrderStatus::Accepted,
        payment_status: PaymentStatus::Pending,
        channel_status: BTreeMap::new(),
        currency: None,
        amounts: Amounts::default(),
        placed_at: now().minus(Duration::from_secs(7_200)),
        items: Vec::new(),
        shipments: if shipped { vec![parcel] } else { Vec::new() },
        tags: Vec::new(),
        fulfilled_by: FulfilledBy::Seller,
        facts: BTreeMap::from([
            ("lines".to_owned(), serde_json::to_string(lines).unwrap()),
            ("method_code".to_owned(), "Value".to_owned()),
        ]),
        version: Version { changed_at: None, read_at: now(), fetched_at: None },
        created_at: now(),
        stored_at: now(),
        told: Vec::new(),
        sync: SyncInfo::default(),
        last_action: None,
        next_seq: 0,
        erased: false,
    }
}

fn ship(carrier: &str, number: &str, url: Option<&str>, items: &[(&str, u32)]) -> ActionRequest {
    ActionRequest::Ship {
        carrier: carrier.into(),
        tracking_number: Some(number.into()),
        tracking_url: url.map(str::to_owned),
        items: items
            .iter()
            .map(|(id, quantity)| ShipLine { line_id: (*id).into(), quantity: *quantity })
            .collect(),
    }
}

fn correct(number: &str, shipment_id: Option<&str>) -> ActionRequest {
    ActionRequest::Tracking {
        carrier: "FedEx".into(),
        tracking_number: number.into(),
        tracking_url: None,
        shipment_id: shipment_id.map(str::to_owned),
    }
}

fn cancel() -> ActionRequest {
    ActionRequest::Cancel { reason: CancelReason::OutOfStock, note: None }
}

fn action(order: &Order, request: ActionRequest, memo: Memo) -> Action {
    Action {
        id: ActionId(uuid::Uuid::nil()),
        order: order.key.clone(),
        request,
        state: ActionState::Running,
        attempts: 1,
        failed_tries: 0,
        by: None,
        requested_at: now(),
        updated_at: now(),
        sent_boot: Some(1),
        memo,
        error: None,
    }
}

fn field(refused: &Result<Memo, Refused>) -> &'static str {
    match refused {
        Err(Refused::Invalid { field, .. }) => field,
        Err(Refused::Conflict { .. }) => "conflict",
        Err(Refused::Unsupported { .. }) => "unsupported",
        Ok(_) => "fine",
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_shipment_is_named() {
    let here = walmart("us", "on_import");
    let order = order(&[line("1", [0, 2, 0, 0]), line("4", [1, 0, 0, 0])]);
    for (request, expected) in [
        (ship("ups", "1Z9", None, &[("1", 2), ("4", 1)]), "fine"),
        (ship("Bicycle Bob", "9", Some("https://bob.example/9"), &[("1", 1)]), "fine"),
        (ship("Bicycle Bob", "9", None, &[("1", 1)]), "tracking_url"),
        (ship("UPS", "9", Some("bob.example"), &[("1", 1)]), "tracking_url"),
        (ship(" ", "9", None, &[("1", 1)]), "carrier"),
        (ship("UPS", " ", None, &[("1", 1)]), "tracking_number"),
        (ship("UPS", "9", None, &[]), "items"),
        (ship("UPS", "9", None, &[("2", 1)]), "items"),
        (ship("UPS", "9", None, &[("1", 3)]), "items"),
        (ship("UPS", "9", None, &[("1", 1), ("1", 2)]), "items"),
        (ship("UPS", "9", None, &[("1", 0)]), "items"),
    ] {
        assert_eq!(field(&here.prepared(&order, &request, now())), expected, "{request:?}");
    }
}

#[tokio::test]
async fn a_label_is_fixed_in_walmart_s_spelling() {
    let order = order(&[line("1", [0, 2, 0, 0])]);
    let request = ship("lasership", "1", None, &[("1", 1)]);
    let memo = walmart("us", "on_import").prepared(&order, &request, now()).unwrap();
    assert_eq!((memo[CARRIER].as_str(), memo[METHOD].as_str()), ("LS", "Value"));
    assert_eq!(memo[SHIPPED_AT], now().to_string());
    let bob = ship("Bob", "1", Some("https://bob.example"), &[("1", 1)]);
    assert_eq!(walmart("us", "on_import").prepared(&order, &bob, now()).unwrap()[OTHER_CARRIER], "Bob");
    assert_eq!(walmart("mx", "on_import").prepared(&order, &bob, now()).unwrap()[CARRIER], "Other");
}

#[tokio::test]
async fn orders_that_walmart_sends_itself_are_read_only() {
    let here = walmart("us", "on_import");
    let mut theirs = order(&[line("1", [0, 1, 0, 0])]);
    theirs.fulfilled_by = FulfilledBy::Channel;
    let able = here.abilities(&theirs, now());
    assert!(!able.ship.supported && !able.tracking.supported && !able.cancel.supported);
    for request in
        [ship("UPS", "1", None, &[("1", 1)]), correct("2", None), cancel(), ActionRequest::Acknowledge]
    {
        assert_eq!(field(&here.prepared(&theirs, &request, now())), "unsupported", "{request:?}");
    }
}

#[tokio::test]
async fn a_customer_s_wish_to_cancel_stops_the_shipment() {
    let here = walmart("us", "on_import");
    let unwanted = Line { unwanted: true, ..line("4", [0, 1, 0, 0]) };
    let mixed = order(&[line("1", [0, 1, 0, 0]), unwanted.clone()]);
    assert_eq!(field(&here.prepared(&mixed, &ship("UPS", "1", None, &[("1", 1)]), now())), "fine");
    assert_eq!(
        field(&here.prepared(&mixed, &ship("UPS", "1", None, &[("1", 1), ("4", 1)]), now())),
        "conflict"
    );
    let able = here.abilities(&order(&[unwanted]), now());
    assert!(
        able.ship.why.as_ref().is_some_and(|why| why.contains("line 4") && why.contains("Seller Central"))
    );
    let word = |able: &Capabilities| able.cancel.reasons[0].channel_word.clone();
    assert_eq!(word(&able), "CUSTOMER_REQUESTED_SELLER_TO_CANCEL");
    let able = here.abilities(&order(&[line("1", [0, 1, 0, 0])]), now());
    assert_eq!(word(&able), "SELLER_CANCEL_OUT_OF_STOCK");
}

#[tokio::test]
async fn what_another_tool_acknowledges_is_not_shipped_before() {
    let new = order(&[line("1", [1, 0, 0, 0])]);
    let request = ship("UPS", "1", None, &[("1", 1)]);
    for (acknowledge, expected, wants) in
        [("on_import", "fine", true), ("on_ship", "fine", false), ("never", "conflict", false)]
    {
        let here = walmart("us", acknowledge);
        assert_eq!(field(&here.prepared(&new, &request, now())), expected, "{acknowledge}");
        assert_eq!(crate::channel::Channel::wants(&here, &new).is_some(), wants, "{acknowledge}");
    }
}

#[tokio::test]
async fn a_number_is_replaced_within_four_hours() {
    let here = walmart("us", "on_import");
    let sent = order(&[line("1", [0, 0, 1, 0])]);
    let limit = now().plus(Duration::from_secs(3 * 3_600));
    assert_eq!(here.abilities(&sent, now()).tracking, TrackingAbility::yes(Some(limit)));
    let memo = here.prepared(&sent, &correct("794", None), now()).unwrap();
    assert_eq!((memo[REPLACES].as_str(), memo[CARRIER].as_str()), ("1Z", "FedEx"));
    assert_eq!(field(&here.prepared(&sent, &correct("794", Some("UPS:1Z")), limit)), "fine");
    assert_eq!(field(&here.prepared(&sent, &correct("794", Some("UPS:2Z")), limit)), "shipment_id");
    let late = limit.plus(Duration::from_secs(1));
    assert_eq!(field(&here.prepared(&sent, &correct("794", None), late)), "conflict");
    assert!(!here.abilities(&sent, late).tracking.supported);
    assert_eq!(
        field(&here.prepared(&order(&[line("1", [0, 1, 0, 0])]), &correct("794", None), now())),
        "conflict"
    );
}

#[tokio::test]
async fn what_is_live_can_be_cancelled() {
    let here = walmart("us", "on_import");
    for (lines, expected) in [
        (vec![line("1", [1, 0, 0, 0])], "fine"),
        (vec![line("1", [0, 1, 0, 0]), line("2", [0, 0, 1, 0])], "fine"),
        (vec![line("1", [0, 0, 1, 0])], "conflict"),
        (vec![line("1", [0, 0, 0, 1])], "conflict"),
        (vec![], "conflict"),
    ] {
        let order = order(&lines);
        assert_eq!(field(&here.prepared(&order, &cancel(), now())), expected, "{lines:?}");
        assert_eq!(here.abilities(&order, now()).cancel.supported, expected == "fine");
    }
}

#[tokio::test]
async fn a_fresh_reading_shows_what_was_done() {
    let here = walmart("us", "on_import");
    let before = order(&[line("1", [0, 3, 0, 0])]);
    let request = ship("UPS", "1z", None, &[("1", 1)]);
    let memo = here.prepared(&before, &request, now()).unwrap();
    let shipping = action(&before, request.clone(), memo);
    let after = order(&[line("1", [0, 2, 1, 0])]);
    assert_eq!(judge(&after, &shipping), Verdict::Done);

    // One more unit goes into the same parcel: the unit that is there already does not count.
    let memo = here.prepared(&after, &request, now()).unwrap();
    let second = action(&after, request, memo);
    assert_eq!(judge(&after, &second), Verdict::NotSeen);
    assert_eq!(judge(&order(&[line("1", [0, 1, 2, 0])]), &second), Verdict::Done);
    let mut later = after.clone();
    later.version.read_at = now().plus(SETTLED);
    assert_eq!(judge(&later, &second), Verdict::Repeatable, "a late look proves that it was not taken");

    let all = ship("UPS", "9", None, &[("1", 3)]);
    let memo = here.prepared(&before, &all, now()).unwrap();
    assert_eq!(judge(&before, &action(&before, all, memo)), Verdict::Repeatable, "a repeat would be refused");
}

#[tokio::test]
async fn corrections_cancellations_and_acknowledgements_are_judged() {
    let here = walmart("us", "on_import");
    let sent = order(&[line("1", [0, 0, 1, 0])]);
    let memo = here.prepared(&sent, &correct("794", None), now()).unwrap();
    let correcting = action(&sent, correct("794", None), memo);
    assert_eq!(judge(&sent, &correcting), Verdict::Repeatable);
    let mut corrected = line("1", [0, 0, 1, 0]);
    corrected.parcels[0] =
        Parcel { carrier: Some("FedEx".into()), tracking: "794".into(), units: 1, delivered: false };
    assert_eq!(judge(&order(&[corrected]), &correcting), Verdict::Done);

    let live = order(&[line("1", [0, 1, 0, 1])]);
    let memo = here.prepared(&live, &cancel(), now()).unwrap();
    let cancelling = action(&live, cancel(), memo);
    assert_eq!(judge(&live, &cancelling), Verdict::Repeatable);
    assert_eq!(judge(&order(&[line("1", [0, 0, 0, 2])]), &cancelling), Verdict::Done);
    assert_eq!(
        judge(&order(&[line("1", [0, 0, 1, 1])]), &cancelling),
        Verdict::Repeatable,
        "it was sent instead"
    );

    let acknowledging = action(&live, ActionRequest::Acknowledge, Memo::new());
    assert_eq!(judge(&order(&[line("1", [1, 0, 0, 0])]), &acknowledging), Verdict::Repeatable);
    assert_eq!(judge(&live, &acknowledging), Verdict::Done);
}
