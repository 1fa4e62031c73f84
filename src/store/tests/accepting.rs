//! Deliveries on their way in.

use super::*;

#[tokio::test]
async fn an_accepted_delivery_is_there_once_and_as_it_came() {
    let bench = Bench::new();
    let channel = tienda();
    let first = delivery("d1", br#"{"id":1}"#, bench.now);
    assert_eq!(bench.store.accept_delivery(&channel, first.clone()).await.expect("new"), Accepted::New);
    assert_eq!(
        bench.store.accept_delivery(&channel, first.clone()).await.expect("again"),
        Accepted::Duplicate
    );
    let other = channel_id("otra");
    assert_eq!(bench.store.accept_delivery(&other, first.clone()).await.expect("other"), Accepted::New);
    let inbox = bench.store.inbox(&channel, 10, bench.now).expect("inbox");
    assert_eq!(inbox.len(), 1);
    assert_eq!(inbox[0].delivery, first);
}

#[tokio::test]
async fn a_repetition_is_recognised_for_four_days_also_after_it_was_applied() {
    let mut bench = Bench::configured().await;
    bench.deliver("d1", vec![hint("1")]).await;
    assert!(bench.store.inbox(&tienda(), 10, bench.now).expect("inbox").is_empty());
    bench.later(4 * 86_400 - 1);
    let again = bench.store.accept_delivery(&tienda(), delivery("d1", b"{}", bench.now)).await;
    assert_eq!(again.expect("known"), Accepted::Duplicate);
    bench.later(2);
    assert!(!bench.store.prune(bench.now).await.expect("pruned"));
    let again = bench.store.accept_delivery(&tienda(), delivery("d1", b"{}", bench.now)).await;
    assert_eq!(again.expect("forgotten"), Accepted::New);
}

#[tokio::test]
async fn a_full_backlog_and_a_full_disk_refuse_without_writing() {
    let dir = tempfile::tempdir().expect("folder");
    let mut options = Options::new(dir.path(), Clock::starting_at(start()), Random::seeded(1));
    options.backlog_max = 1;
    let store = testing::on_backend(options, redb::backends::InMemoryBackend::new()).expect("store");
    store.accept_delivery(&tienda(), delivery("d1", b"", start())).await.expect("first");
    let busy = store.accept_delivery(&tienda(), delivery("d2", b"", start())).await;
    assert!(matches!(busy, Err(StoreError::Busy)));
    let repeated = store.accept_delivery(&tienda(), delivery("d1", b"", start())).await;
    assert_eq!(repeated.expect("known"), Accepted::Duplicate);
    testing::pretend_free(&store, 1 << 20);
    let full = store.accept_delivery(&channel_id("otra"), delivery("d3", b"", start())).await;
    assert!(matches!(full, Err(StoreError::DiskFull)));
    assert_eq!(store.channel_counts(&tienda(), start()).expect("counts").backlog, 1);
}

#[tokio::test]
async fn many_at_once_are_all_there_after_a_restart() {
    let dir = tempfile::tempdir().expect("folder");
    let open = || Store::open(Options::new(dir.path(), Clock::system(), Random::system()));
    let store = open().expect("store");
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..200 {
        let store = store.clone();
        calls.spawn(async move {
            let id = format!("d{}", n % 150);
            store.accept_delivery(&tienda(), delivery(&id, b"body", start())).await.expect("accepted")
        });
    }
    let answers = calls.join_all().await;
    assert_eq!(answers.iter().filter(|answer| **answer == Accepted::New).count(), 150);
    assert!(matches!(open(), Err(OpenError::InUse { .. })));
    store.close().await;
    assert!(matches!(store.ping().await, Err(StoreError::Closed)));
    assert!(matches!(store.inbox(&tienda(), 1, start()), Err(StoreError::Closed)));
    let store = open().expect("again");
    assert_eq!(store.boot(), 2);
    assert_eq!(store.inbox(&tienda(), 1_000, start()).expect("inbox").len(), 150);
    store.close().await;
}

#[tokio::test]
async fn a_name_that_nobody_knows_waits_and_is_resolved_or_given_up_with_a_poll() {
    let mut bench = Bench::configured().await;
    let alias = || vec![Tiding::Alias("shipment:9".to_owned()), hint("5")];
    let effects = bench.deliver("d1", alias()).await;
    let (seq, name) = effects.unresolved[0].clone();
    assert_eq!((name.as_str(), effects.queued), ("shipment:9", 1));
    assert!(bench.store.inbox(&tienda(), 10, bench.now).expect("inbox").is_empty(), "it waits");

    bench.later(10);
    let item = bench.store.inbox(&tienda(), 10, bench.now).expect("inbox").pop().expect("due again");
    assert_eq!(item.seq, seq);
    let again =
        bench.store.apply_deliveries(&tienda(), KIND, vec![(item, alias())], bench.now).await.expect("ok");
    assert_eq!((again.queued, again.unresolved.len()), (0, 1), "the rest is not applied twice");

    for _ in 0..6 {
        let failed = Err(Failure::timeout("no answer"));
        let effects = bench.store.resolve_delivery(&tienda(), seq, failed, bench.now).await.expect("waits");
        assert!(!effects.poll_now);
        bench.later(7 * 3_600);
    }
    let failed = Err(Failure::timeout("no answer"));
    let effects = bench.store.resolve_delivery(&tienda(), seq, failed, bench.now).await.expect("given up");
    assert!(effects.poll_now);
    assert_eq!(effects.anomalies, ["unresolved_delivery"]);
    assert_eq!(
        bench.store.channel_counts(&tienda(), bench.now).expect("counts").backlog,
        1,
        "the hint's job"
    );
}

#[tokio::test]
async fn a_name_behind_which_nothing_is_found_is_given_up_sooner_and_without_a_poll() {
    let mut bench = Bench::configured().await;
    let invented = bench.deliver("d1", vec![Tiding::Alias("shipment:9".to_owned())]).await.unresolved[0].0;
    for attempt in 0..=3 {
        let missing = Err(Failure::not_found("there is no such shipment"));
        let effects =
            bench.store.resolve_delivery(&tienda(), invented, missing, bench.now).await.expect("ok");
        let given_up = if attempt == 3 { vec!["unresolved_delivery".to_owned()] } else { Vec::new() };
        assert_eq!((effects.anomalies, effects.poll_now), (given_up, false), "{attempt}");
        bench.later(600);
    }
    let foreign = bench.deliver("d2", vec![Tiding::Alias("shipment:8".to_owned())]).await.unresolved[0].0;
    let effects =
        bench.store.resolve_delivery(&tienda(), foreign, Ok(Vec::new()), bench.now).await.expect("ok");
    assert_eq!((effects.anomalies.len(), effects.poll_now), (1, false));
    assert!(!bench.store.has_delivery(&tienda(), foreign).expect("read"));
    assert_eq!(bench.store.channel_counts(&tienda(), bench.now).expect("counts").backlog, 0);
}

#[tokio::test]
async fn a_resolved_name_queues_its_orders() {
    let bench = Bench::configured().await;
    let effects = bench.deliver("d1", vec![Tiding::Alias("pack:1".to_owned())]).await;
    let orders = Ok(vec![order_id("7"), order_id("8")]);
    let seq = effects.unresolved[0].0;
    let effects = bench.store.resolve_delivery(&tienda(), seq, orders, bench.now).await.expect("resolved");
    assert_eq!(effects.queued, 2);
    assert_eq!(
        bench.store.next_due(&tienda()).expect("due"),
        Some(bench.now.plus(Duration::from_millis(300)))
    );
}

#[tokio::test]
async fn a_name_in_a_page_waits_to_be_resolved_like_one_in_a_delivery() {
    let mut bench = Bench::configured().await;
    let effects = bench.poll(vec![Tiding::Alias("shipment:9".to_owned())]).await;
    let (seq, name) = effects.unresolved[0].clone();
    assert_eq!(name, "shipment:9");
    bench.later(10);
    let item = bench.store.inbox(&tienda(), 10, bench.now).expect("inbox").pop().expect("due");
    assert_eq!((item.seq, item.alias.as_deref()), (seq, Some("shipment:9")));
    let orders = Ok(vec![order_id("7")]);
    let effects = bench.store.resolve_delivery(&tienda(), seq, orders, bench.now).await.expect("resolved");
    assert_eq!(effects.queued, 1);
    let claim = bench.claim_one().await;
    assert_eq!(claim.lane, Lane::Poll);
    bench.finish(claim, found(seen("7", Source::Fetch, bench.now, OrderStatus::Accepted))).await;
    assert_eq!(bench.kinds("tienda:7"), ["poll_seen", "created", "sync_succeeded"]);
}

#[tokio::test]
async fn a_delivery_with_two_unknown_names_waits_for_both() {
    let bench = Bench::configured().await;
    let names = ["pack:1", "pack:2"].map(|name| Tiding::Alias(name.to_owned())).to_vec();
    let effects = bench.deliver("d1", names).await;
    let seq = effects.unresolved[0].0;
    for (n, left) in [("7", 1), ("8", 0)] {
        let orders = Ok(vec![order_id(n)]);
        bench.store.resolve_delivery(&tienda(), seq, orders, bench.now).await.expect("resolved");
        let later = bench.now.plus(Duration::from_mins(1));
        assert_eq!(bench.store.inbox(&tienda(), 10, later).expect("inbox").len(), left);
    }
}

#[tokio::test]
async fn an_alias_of_a_stored_order_is_known() {
    let bench = Bench::configured().await;
    let mut order = seen("7", Source::Payload, bench.now, OrderStatus::Accepted);
    order.aliases.push("shipment:9".to_owned());
    bench.deliver("d1", vec![tiding(order)]).await;
    let effects = bench.deliver("d2", vec![Tiding::Alias("shipment:9".to_owned())]).await;
    assert_eq!((effects.queued, effects.unresolved.len()), (1, 0));
    assert_eq!(bench.claim_all_ids().await, ["7"]);
}

impl Bench {
    async fn claim_all_ids(&self) -> Vec<String> {
        let later = self.now.plus(Duration::from_secs(1));
        let claims =
            self.store.claim_due(&tienda(), 10, Vec::new(), Lane::Bulk, later).await.expect("claims");
        claims.iter().map(|claim| claim.order.order.to_string()).collect()
    }
}

#[tokio::test]
async fn an_order_that_settles_is_read_when_it_has() {
    let mut bench = Bench::configured().await;
    let until = bench.now.plus(Duration::from_secs(2));
    bench.deliver("d1", vec![Tiding::Settling { order: 1_u64.into(), until }]).await;
    bench.later(1);
    assert!(bench.claim().await.is_empty(), "too early");
    bench.later(1);
    assert_eq!(bench.claim().await.len(), 1);
    // A clock that was set back puts nothing off for long.
    let far = bench.now.plus(Duration::from_hours(1));
    bench.deliver("d2", vec![Tiding::Settling { order: 2_u64.into(), until: far }]).await;
    bench.later(5);
    assert!(bench.claim().await.iter().any(|claim| claim.order.order == 2_u64.into()));
}
