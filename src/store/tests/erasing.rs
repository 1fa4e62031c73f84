//! Personal data: sealed, erased, gone.

use super::*;
use crate::store::rows::{GO_ON, Rows, Span};
use crate::store::tables::Tab;

impl Bench {
    /// Every byte of every row.
    fn everything(&self) -> Vec<u8> {
        let rows = self.store.snapshot().expect("rows");
        let mut bytes = Vec::new();
        for tab in Tab::ALL {
            rows.walk(*tab, &Span::all(), &mut |key, value| {
                bytes.extend(key);
                bytes.extend(value);
                GO_ON
            })
            .expect("walk");
        }
        bytes
    }

    fn holds(&self, word: &str) -> bool {
        self.everything().windows(word.len()).any(|window| window == word.as_bytes())
    }
}

#[tokio::test]
async fn no_personal_value_lies_in_clear() {
    let bench = Bench::configured().await;
    bench.deliver("d1", vec![tiding(seen("1", Source::Payload, bench.now, OrderStatus::Accepted))]).await;
    let pending = delivery("d2", br#"{"name":"Ana Nunez","email":"ana@example.com"}"#, bench.now);
    bench.store.accept_delivery(&tienda(), pending).await.expect("accepted");
    for word in ["Ana", "Núñez", "nunez", "ana@example.com", "1234 5678", "12345678"] {
        assert!(!bench.holds(word), "{word}");
    }
    assert!(bench.holds("tienda"));
}

#[tokio::test]
async fn an_erased_order_stays_without_its_person_and_takes_none_in_again() {
    let mut bench = Bench::configured().await;
    bench.deliver("d1", vec![tiding(seen("1", Source::Payload, bench.now, OrderStatus::Accepted))]).await;
    bench.deliver("d2", vec![tiding(seen("2", Source::Payload, bench.now, OrderStatus::Accepted))]).await;
    let mut other = seen("3", Source::Payload, bench.now, OrderStatus::Accepted);
    other.customer.email = Seen::Value("bea@example.com".to_owned());
    bench.deliver("d3", vec![tiding(other)]).await;
    let about = delivery("d4", br#"{"id":2,"email":"ana@example.com"}"#, bench.now);
    bench.store.accept_delivery(&tienda(), about).await.expect("accepted");
    let before = bench.everything();

    let who = EraseWho::Email("Ana@Example.com ".trim().to_owned());
    let erased = bench.store.erase(who, Some("ana".to_owned()), bench.now).await.expect("erased");
    assert_eq!(erased.orders, [order_key("tienda:1"), order_key("tienda:2")]);
    assert!(erased.keys_dropped);
    let epochs = std::fs::read_to_string(bench.dir.path().join("epochs.json")).expect("keys");
    assert!(epochs.contains(r#""id":2"#) && !epochs.contains(r#""id":1"#), "{epochs}");

    let (order, person) = bench.store.order(&order_key("tienda:1")).expect("read").expect("stays");
    assert!(order.erased && person == Person::default());
    assert_eq!(bench.kinds("tienda:1"), ["webhook_received", "created", "erased"]);
    let (_, kept) = bench.store.order(&order_key("tienda:3")).expect("read").expect("stays");
    assert_eq!(kept.customer.email.as_deref(), Some("bea@example.com"), "sealed under the new key");
    let q = OrderFilter { q: Some("ana@example.com".to_owned()), ..OrderFilter::default() };
    assert!(bench.store.list_orders(&q, None, 5).expect("list").orders.is_empty());
    assert_ne!(before, bench.everything());

    let now = bench.later(60);
    bench.deliver("d5", vec![tiding(seen("1", Source::Payload, now, OrderStatus::Shipped))]).await;
    let (order, person) = bench.store.order(&order_key("tienda:1")).expect("read").expect("stays");
    assert_eq!((order.status, person), (OrderStatus::Shipped, Person::default()));
    let again = bench.store.erase(EraseWho::Orders(vec![order_key("tienda:1")]), None, now).await;
    assert!(again.expect("nothing left").orders.is_empty());
}

#[tokio::test]
async fn pending_deliveries_about_erased_orders_go_and_the_order_is_fetched_instead() {
    let bench = Bench::configured().await;
    bench.poll(vec![tiding(seen("100100", Source::Listing, bench.now, OrderStatus::Accepted))]).await;
    for (id, body) in [("d1", br#"{"id":100100}"#.as_slice()), ("d2", br#"{"id":100100200}"#.as_slice())] {
        bench.store.accept_delivery(&tienda(), delivery(id, body, bench.now)).await.expect("accepted");
    }
    bench
        .store
        .erase(EraseWho::Orders(vec![order_key("tienda:100100")]), None, bench.now)
        .await
        .expect("erased");
    let inbox = bench.store.inbox(&tienda(), 10, bench.now).expect("inbox");
    assert_eq!(inbox.iter().map(|item| item.delivery.delivery_id.as_str()).collect::<Vec<_>>(), ["d2"]);
    assert_eq!(bench.claim_one().await.order, order_key("tienda:100100"));
}

#[tokio::test]
async fn a_marketplace_can_ask_for_erasure_and_the_keys_follow() {
    let bench = Bench::configured().await;
    bench.deliver("d1", vec![tiding(seen("1", Source::Payload, bench.now, OrderStatus::Accepted))]).await;
    let redact = Tiding::Erase { orders: vec![order_id("1"), order_id("77")], email: None };
    bench.deliver("d2", vec![redact]).await;
    assert!(bench.order("tienda:1").erased);
    assert!(bench.store.inbox(&tienda(), 10, bench.now).expect("inbox").is_empty());
    assert_eq!(bench.store.shared.keyring().current(), Some(1));
    bench.store.prune(bench.now).await.expect("pruned");
    assert_eq!(bench.store.shared.keyring().current(), Some(2));
    assert!(!bench.store.shared.keyring().has_old());

    bench.deliver("d3", vec![tiding(seen("5", Source::Payload, bench.now, OrderStatus::Accepted))]).await;
    bench.deliver("d4", vec![Tiding::EraseAll]).await;
    assert!(bench.order("tienda:5").erased);
    assert_eq!(bench.store.erase_due(bench.now).await.expect("nothing left"), 0);
}

#[tokio::test]
async fn a_data_request_names_orders_and_never_people() {
    let bench = Bench::configured().await;
    bench.deliver("d1", vec![tiding(seen("1", Source::Payload, bench.now, OrderStatus::Accepted))]).await;
    let request = Tiding::DataRequest {
        orders: vec![],
        email: Some("ana@example.com".to_owned()),
        reference: "77".to_owned(),
    };
    bench.deliver("d2", vec![request]).await;
    let told = bench.store.notifications(false, None, 10).expect("told").items.pop().expect("one");
    assert_eq!(told.kind, "data_request");
    assert!(told.message.contains("tienda:1") && !told.message.contains("ana@"), "{}", told.message);
}

#[tokio::test]
async fn retention_runs_from_the_end_of_an_order() {
    let mut bench = Bench::configured().await;
    bench.poll(vec![tiding(seen("1", Source::Listing, bench.now, OrderStatus::Delivered))]).await;
    bench.poll(vec![tiding(seen("2", Source::Listing, bench.now, OrderStatus::Accepted))]).await;
    bench.later(40 * 86_400);
    assert_eq!(bench.store.erase_due(bench.now).await.expect("kept"), 0, "for ever by default");
    bench.store.set_retention(&tienda(), Some(Duration::from_hours(24 * 30)));
    assert_eq!(bench.store.erase_due(bench.now).await.expect("erased"), 1);
    assert!(bench.order("tienda:1").erased && !bench.order("tienda:2").erased);
    assert_eq!(bench.store.erase_due(bench.now).await.expect("erased"), 0);
}

#[tokio::test]
async fn keys_are_renewed_each_week() {
    let mut bench = Bench::configured().await;
    bench.poll(vec![tiding(seen("1", Source::Listing, bench.now, OrderStatus::Accepted))]).await;
    bench.store.prune(bench.now).await.expect("pruned");
    assert_eq!(bench.store.shared.keyring().current(), Some(1));
    bench.later(7 * 86_400);
    bench.store.prune(bench.now).await.expect("pruned");
    assert_eq!(bench.store.shared.keyring().current(), Some(2));
    let (_, person) = bench.store.order(&order_key("tienda:1")).expect("read").expect("stored");
    assert_eq!(person.customer.name.as_deref(), Some("Ana Núñez"));
}
