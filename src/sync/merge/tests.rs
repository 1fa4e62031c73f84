use proptest::prelude::*;

use super::*;
use crate::model::{ChannelOrderId, ShipmentStatus, decimal};

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_800_000_000 + secs)
}

fn key() -> OrderKey {
    "tienda:1001".parse().expect("key")
}

fn how(key: &OrderKey) -> Merging<'_> {
    Merging { key, channel_kind: "test", trigger: Trigger::Webhook, now: at(1_000) }
}

fn seen(source: Source, changed: i64, read: i64) -> Observation {
    let order = ChannelOrderId::new("1001").expect("id");
    let mut seen = Observation::empty(order, source, at(read));
    seen.changed_at = Some(at(changed));
    seen.number = Some("#1001".to_owned());
    seen.status = Native::Known(OrderStatus::Accepted);
    seen.payment_status = Native::Known(PaymentStatus::Paid);
    seen.currency = "MXN".parse().ok();
    seen.amounts.total = decimal("12.5");
    seen.customer.email = Seen::Value("shopper@example.com".to_owned());
    seen.notes = Some(vec!["leave at the door".to_owned()]);
    seen
}

fn apply(stored: Option<(&Order, &Person)>, seen: Observation) -> Applied {
    match merge(stored, seen, how(&key())) {
        Merged::Applied(applied) => *applied,
        other => panic!("not applied: {other:?}"),
    }
}

#[test]
fn a_first_sight_creates_the_order() {
    let made = apply(None, seen(Source::Payload, 0, 0));
    assert!(made.created);
    assert_eq!(made.order.amounts.total.map(|t| t.to_string()).as_deref(), Some("12.50"));
    assert_eq!(made.events.len(), 1);
    assert_eq!(made.events[0].kind, EventKind::Created);
}

#[test]
fn an_older_payload_never_wins() {
    let made = apply(None, seen(Source::Payload, 10, 10));
    let mut old = seen(Source::Payload, 9, 20);
    old.status = Native::Known(OrderStatus::Cancelled);
    assert_eq!(merge(Some((&made.order, &made.person)), old, how(&key())), Merged::Stale);
}

#[test]
fn an_equal_stamp_with_other_content_is_settled_by_a_fetch() {
    let made = apply(None, seen(Source::Payload, 10, 10));
    let mut other = seen(Source::Payload, 10, 20);
    other.status = Native::Known(OrderStatus::Cancelled);
    let stored = Some((&made.order, &made.person));
    assert_eq!(merge(stored, other.clone(), how(&key())), Merged::Doubtful);
    other.source = Source::Fetch;
    assert_eq!(apply(stored, other).order.status, OrderStatus::Cancelled);
}

#[test]
fn an_absent_field_never_overwrites_a_known_one_and_a_said_nothing_does() {
    let made = apply(None, seen(Source::Payload, 0, 0));
    let mut later = seen(Source::Payload, 1, 1);
    later.customer.email = Seen::Absent;
    later.notes = None;
    later.amounts.total = None;
    let kept = merge(Some((&made.order, &made.person)), later.clone(), how(&key()));
    let Merged::Unchanged { order, .. } = kept else { panic!("{kept:?}") };
    assert_eq!(order.version.changed_at, Some(at(1)));

    later.customer.email = Seen::Nothing;
    later.changed_at = Some(at(2));
    let gone = apply(Some((&made.order, &made.person)), later);
    assert_eq!(gone.person.customer.email, None);
    assert_eq!(gone.fields, ["customer.email"]);
}

#[test]
fn the_timeline_says_that_personal_fields_changed_and_not_how() {
    let made = apply(None, seen(Source::Payload, 0, 0));
    let mut later = seen(Source::Payload, 1, 1);
    later.customer.email = Seen::Value("other@example.com".to_owned());
    later.notes = Some(vec!["ring twice".to_owned()]);
    let changed = apply(Some((&made.order, &made.person)), later);
    let told = format!("{:?}", changed.events);
    assert!(told.contains("customer.email") && told.contains("notes"), "{told}");
    assert!(!told.contains("example.com") && !told.contains("ring twice"), "{told}");
}

#[test]
fn an_unknown_state_keeps_the_last_one_and_is_told_once() {
    let made = apply(None, seen(Source::Payload, 0, 0));
    let mut odd = seen(Source::Payload, 1, 1);
    odd.status = Native::Unknown("ON_FIRE".to_owned());
    let first = apply(Some((&made.order, &made.person)), odd.clone());
    assert_eq!(first.order.status, OrderStatus::Accepted);
    assert_eq!(first.anomalies, ["unknown_status:ON_FIRE"]);
    assert_eq!(first.events[0].kind, EventKind::Anomaly);
    odd.changed_at = Some(at(2));
    let again = merge(Some((&first.order, &first.person)), odd, how(&key()));
    assert!(matches!(again, Merged::Unchanged { .. }), "{again:?}");
}

#[test]
fn a_source_without_refunds_does_not_take_a_refund_back() {
    let mut refunded = seen(Source::Fetch, 0, 0);
    refunded.payment_status = Native::Known(PaymentStatus::Refunded);
    let made = apply(None, refunded);
    let mut listing = seen(Source::Listing, 1, 1);
    listing.refunds_unseen = true;
    let kept = merge(Some((&made.order, &made.person)), listing, how(&key()));
    assert!(
        matches!(kept, Merged::Unchanged { ref order, .. } if order.payment_status == PaymentStatus::Refunded)
    );
}

#[test]
fn each_new_parcel_is_told_on_its_own() {
    let made = apply(None, seen(Source::Payload, 0, 0));
    let parcel = |n: &str| Shipment {
        shipment_id: n.to_owned(),
        carrier: Some("UPS".to_owned()),
        tracking_number: Some(format!("1Z{n}")),
        tracking_url: None,
        status: Some(ShipmentStatus::Shipped),
        shipped_at: None,
        items: vec![],
    };
    let mut later = seen(Source::Payload, 1, 1);
    later.shipments = Some(vec![parcel("1"), parcel("2")]);
    later.status = Native::Known(OrderStatus::Shipped);
    let shipped = apply(Some((&made.order, &made.person)), later);
    let kinds: Vec<_> = shipped.events.iter().map(|e| e.kind).collect();
    assert_eq!(kinds, [EventKind::StatusChanged, EventKind::ShipmentAdded, EventKind::ShipmentAdded]);
    assert_eq!(shipped.events[1].summary, "Shipment added: UPS 1Z1");
}

#[test]
fn a_masked_part_keeps_the_address_and_a_moved_shopper_replaces_it() {
    let text = |t: &str| Seen::Value(t.to_owned());
    let full = AddressSeen {
        name: text("A. Buyer"),
        line1: text("1 Test Street"),
        city: text("Sampleton"),
        ..AddressSeen::default()
    };
    let first = address_over(None, Seen::Value(full));
    let masked = AddressSeen { city: text("Sampleton"), ..AddressSeen::default() };
    assert_eq!(address_over(first.clone(), Seen::Value(masked)), first);
    let moved = AddressSeen { city: text("Elsewhere"), ..AddressSeen::default() };
    let moved = address_over(first, Seen::Value(moved)).expect("an address");
    assert_eq!((moved.name, moved.line1, moved.city.as_deref()), (None, None, Some("Elsewhere")));
}

#[test]
fn an_erased_person_does_not_come_back() {
    let mut made = apply(None, seen(Source::Payload, 0, 0));
    made.order.erased = true;
    let blank = Person::default();
    let kept = merge(Some((&made.order, &blank)), seen(Source::Fetch, 1, 1), how(&key()));
    assert!(matches!(kept, Merged::Unchanged { .. }), "{kept:?}");
}

/// A complete observation whose content is a function of its change stamp, as a marketplace's is.
fn complete(changed: i64, source: Source) -> Observation {
    let mut seen = seen(source, changed, changed + 100);
    let pick = usize::try_from(changed).unwrap_or(0);
    seen.status = Native::Known(OrderStatus::ALL[pick % OrderStatus::ALL.len()]);
    seen.payment_status = Native::Known(PaymentStatus::ALL[pick % PaymentStatus::ALL.len()]);
    seen.amounts.total = decimal(&format!("{changed}.5"));
    seen.customer.email = Seen::Value(format!("shopper{changed}@example.com"));
    seen.notes = Some(vec![format!("note {changed}")]);
    seen
}

fn run(observations: impl IntoIterator<Item = Observation>) -> (Order, Person, usize) {
    let key = key();
    let mut state: Option<(Order, Person)> = None;
    let mut events = 0;
    for seen in observations {
        match merge(state.as_ref().map(|(o, p)| (o, p)), seen, how(&key)) {
            Merged::Applied(applied) => {
                events += applied.events.len();
                state = Some((applied.order, applied.person));
            }
            Merged::Unchanged { order, .. } => state = state.map(|(_, person)| (*order, person)),
            Merged::Stale | Merged::Doubtful => {}
        }
    }
    let (order, person) = state.expect("at least one observation");
    (order, person, events)
}

proptest! {
    #[test]
    fn merging_twice_is_merging_once(stamps in prop::collection::vec(0i64..50, 1..20)) {
        let once = run(stamps.iter().map(|s| complete(*s, Source::Payload)));
        let twice = run(stamps.iter().flat_map(|s| [complete(*s, Source::Payload), complete(*s, Source::Payload)]));
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn the_order_of_arrival_does_not_matter(stamps in prop::collection::vec(0i64..50, 1..20), shuffled in any::<prop::sample::Index>()) {
        let source = |i: usize| [Source::Payload, Source::Listing, Source::Fetch][i % 3];
        let mut turned = stamps.clone();
        let len = turned.len();
        turned.rotate_left(shuffled.index(len));
        let straight = run(stamps.iter().enumerate().map(|(i, s)| complete(*s, source(i))));
        let other = run(turned.iter().rev().enumerate().map(|(i, s)| complete(*s, source(i))));
        prop_assert_eq!(&straight.1, &other.1);
        prop_assert_eq!(straight.0.status, other.0.status);
        prop_assert_eq!(straight.0.amounts, other.0.amounts);
        let (one, two) = (straight.0.version, other.0.version);
        prop_assert_eq!((one.changed_at, one.read_at), (two.changed_at, two.read_at));
    }

    #[test]
    fn the_newest_stamp_wins(stamps in prop::collection::vec(0i64..50, 1..20)) {
        let newest = stamps.iter().copied().max().expect("not empty");
        let (order, person, _) = run(stamps.iter().map(|s| complete(*s, Source::Payload)));
        let (expected, expected_person, _) = run([complete(newest, Source::Payload)]);
        prop_assert_eq!(order.status, expected.status);
        prop_assert_eq!(person, expected_person);
    }
}
