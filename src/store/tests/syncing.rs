//! From a trigger to a stored order.

use super::*;

#[tokio::test]
async fn a_payload_with_the_whole_order_is_stored_without_a_call() {
    let bench = Bench::configured().await;
    let effects =
        bench.deliver("d1", vec![tiding(seen("1", Source::Payload, bench.now, OrderStatus::Accepted))]).await;
    assert_eq!(effects.changed.len(), 1);
    assert!(effects.changed[0].created);
    assert_eq!(bench.kinds("tienda:1"), ["webhook_received", "created"]);
    let order = bench.order("tienda:1");
    assert_eq!(
        (order.status, order.sync.state, order.next_seq),
        (OrderStatus::Accepted, SyncState::Synced, 2)
    );
    assert!(bench.claim().await.is_empty());
    let changes = bench.store.changes(0, 10).expect("changes");
    assert_eq!(changes.items.len(), 1);
    assert_eq!(*bench.store.watch_changes().borrow(), 1);
    let state = bench.store.connection(&tienda()).expect("read").expect("configured");
    assert_eq!(state.last_webhook_at, Some(bench.now));
}

#[tokio::test]
async fn an_older_payload_changes_nothing_but_is_told() {
    let mut bench = Bench::configured().await;
    bench.deliver("d1", vec![tiding(seen("1", Source::Payload, bench.now, OrderStatus::Cancelled))]).await;
    bench.later(60);
    let old = seen("1", Source::Payload, start().minus(Duration::from_secs(9)), OrderStatus::Accepted);
    let effects = bench.deliver("d2", vec![tiding(old)]).await;
    assert_eq!((effects.changed.len(), effects.unchanged, effects.queued), (0, 1, 0));
    assert_eq!(bench.order("tienda:1").status, OrderStatus::Cancelled);
    assert_eq!(bench.kinds("tienda:1"), ["webhook_received", "created", "webhook_received"]);
}

#[tokio::test]
async fn the_same_stamp_with_other_content_is_fetched() {
    let bench = Bench::configured().await;
    bench.deliver("d1", vec![tiding(seen("1", Source::Payload, bench.now, OrderStatus::Accepted))]).await;
    let effects =
        bench.deliver("d2", vec![tiding(seen("1", Source::Payload, bench.now, OrderStatus::Shipped))]).await;
    assert_eq!(effects.queued, 1);
    assert_eq!(bench.order("tienda:1").sync.state, SyncState::Pending);
}

#[tokio::test]
async fn a_thousand_triggers_are_one_row_and_one_fetch() {
    let mut bench = Bench::configured().await;
    for n in 0..50 {
        bench.deliver(&format!("d{n}"), vec![hint("1")]).await;
    }
    assert!(bench.claim().await.is_empty(), "the burst is waited for");
    bench.later(1);
    let claim = bench.claim_one().await;
    assert_eq!((claim.lane, claim.attempt, claim.known), (Lane::Webhook, 1, false));
    let in_flight = vec![claim.order.order.clone()];
    assert!(
        bench
            .store
            .claim_due(&tienda(), 10, in_flight, Lane::Bulk, bench.now)
            .await
            .expect("none")
            .is_empty()
    );
    assert_eq!(bench.store.next_due(&tienda()).expect("due"), None);
    let done = bench.finish(claim, found(seen("1", Source::Fetch, bench.now, OrderStatus::Accepted))).await;
    assert!(!done.again && done.changed.expect("stored").created);
    let kinds = bench.kinds("tienda:1");
    assert_eq!(kinds.len(), 42, "at most forty lines wait for an order");
    assert_eq!(kinds[40..], ["created", "sync_succeeded"]);
    assert_eq!(bench.store.channel_counts(&tienda(), bench.now).expect("counts").backlog, 0);
}

#[tokio::test]
async fn a_trigger_during_a_run_makes_a_second_run() {
    let mut bench = Bench::configured().await;
    bench.deliver("d1", vec![hint("1")]).await;
    bench.later(1);
    let claim = bench.claim_one().await;
    bench.deliver("d2", vec![hint("1")]).await;
    let fetched = seen("1", Source::Fetch, bench.now, OrderStatus::Accepted);
    let done = bench.finish(claim, found(fetched.clone())).await;
    assert!(done.again);
    assert_eq!(bench.order("tienda:1").sync.state, SyncState::Pending);
    bench.later(1);
    let claim = bench.claim_one().await;
    assert_eq!(claim.attempt, 1);
    let done = bench.finish(claim, found(fetched)).await;
    assert!(!done.again && done.changed.is_none());
    assert_eq!(bench.order("tienda:1").sync.state, SyncState::Synced);
    let kinds = bench.kinds("tienda:1");
    assert_eq!(kinds, ["webhook_received", "webhook_received", "created", "sync_succeeded"]);
}

#[tokio::test]
async fn an_order_that_is_read_with_a_hole_is_read_again_a_few_times() {
    let mut bench = Bench::configured().await;
    bench.deliver("d1", vec![hint("1")]).await;
    bench.later(1);
    let mut fetched = seen("1", Source::Fetch, bench.now, OrderStatus::Accepted);
    fetched.incomplete = true;
    for wait in [120, 900, 3_600] {
        let claim = bench.claim_one().await;
        bench.finish(claim, found(fetched.clone())).await;
        assert_eq!(bench.order("tienda:1").sync.state, SyncState::Pending);
        bench.later(wait - 1);
        assert!(bench.claim().await.is_empty(), "{wait} s are waited");
        bench.later(1);
    }
    let claim = bench.claim_one().await;
    bench.finish(claim, found(fetched)).await;
    assert_eq!(bench.order("tienda:1").sync.state, SyncState::Synced);
    bench.later(86_400);
    assert!(bench.claim().await.is_empty(), "not for ever");
}

#[tokio::test]
async fn a_failure_is_told_waits_and_is_over_with_the_next_success() {
    let mut bench = Bench::configured().await;
    bench.poll(vec![tiding(seen("1", Source::Listing, bench.now, OrderStatus::Accepted))]).await;
    bench.store.raise(vec![order_key("tienda:1")], Lane::Poll, bench.now, bench.now).await.expect("raised");
    let claim = bench.claim_one().await;
    let retry_at = Some(bench.now.plus(Duration::from_secs(8)));
    let failed = |retry_at| SyncOutcome::Failed { failure: Failure::timeout("no answer in 30 s"), retry_at };
    bench.finish(claim, failed(retry_at)).await;
    let order = bench.order("tienda:1");
    assert_eq!(order.sync.state, SyncState::Failed);
    assert_eq!(order.sync.error.expect("why").retry_at, retry_at);
    let failures = bench.store.failures(None, None, 10).expect("failures").items;
    assert_eq!((failures.len(), failures[0].attempts, failures[0].next_attempt_at), (1, 1, retry_at));
    assert!(bench.store.notifications(false, None, 10).expect("none").items.is_empty());
    assert!(bench.claim().await.is_empty());

    bench.later(8);
    let claim = bench.claim_one().await;
    assert_eq!(claim.attempt, 2);
    bench.finish(claim, failed(None)).await;
    bench.later(86_400);
    assert!(bench.claim().await.is_empty(), "parked");
    let told = bench.store.notifications(false, None, 10).expect("told").items;
    assert_eq!((told.len(), told[0].kind.as_str()), (1, "sync_failed"));
    assert_eq!(bench.store.untold(10).expect("untold").len(), 1);

    let id = bench.store.failures(None, None, 10).expect("failures").items[0].id.clone();
    bench.store.command(Command::Retry(id), by("ana"), bench.now).await.expect("retried");
    let claim = bench.claim_one().await;
    assert_eq!((claim.lane, claim.attempt, claim.by.as_deref()), (Lane::Manual, 1, Some("ana")));
    bench.finish(claim, found(seen("1", Source::Fetch, start(), OrderStatus::Accepted))).await;
    assert!(bench.store.failures(None, None, 10).expect("failures").items.is_empty());
    assert!(bench.store.notifications(false, None, 10).expect("told").items[0].closed_at.is_some());
    assert_eq!(
        bench.kinds("tienda:1"),
        ["poll_seen", "created", "sync_failed", "sync_failed", "sync_succeeded"]
    );
}

#[tokio::test]
async fn an_order_gone_at_the_source_is_marked_once_and_kept() {
    let mut bench = Bench::configured().await;
    bench.poll(vec![tiding(seen("1", Source::Listing, bench.now, OrderStatus::Accepted))]).await;
    bench.later(3_600);
    for _ in 0..2 {
        bench
            .store
            .raise(vec![order_key("tienda:1")], Lane::Poll, bench.now, bench.now)
            .await
            .expect("raised");
        let claim = bench.claim_one().await;
        bench.finish(claim, SyncOutcome::Missing { reach: None }).await;
    }
    assert_eq!(bench.order("tienda:1").sync.state, SyncState::Missing);
    assert_eq!(bench.kinds("tienda:1"), ["poll_seen", "created", "missing_at_source"]);
    let failures = bench.store.failures(Some(&tienda()), None, 10).expect("failures").items;
    assert_eq!(failures[0].error.kind, FailureKind::NotFound);
    assert!(bench.claim().await.is_empty());
}

#[tokio::test]
async fn an_order_that_only_a_delivery_brought_is_looked_for_again_before_it_counts_as_gone() {
    let mut bench = Bench::configured().await;
    bench.deliver("d1", vec![tiding(seen("1", Source::Payload, start(), OrderStatus::Accepted))]).await;
    let key = order_key("tienda:1");
    bench.store.raise(vec![key], Lane::Poll, bench.now, bench.now).await.expect("raised");
    for wait in [1, 5, 30] {
        bench.later(wait);
        let claim = bench.claim_one().await;
        bench.finish(claim, SyncOutcome::Missing { reach: None }).await;
        assert_eq!(bench.order("tienda:1").sync.state, SyncState::Pending, "after {wait} s");
    }
    bench.later(120);
    let claim = bench.claim_one().await;
    bench.finish(claim, SyncOutcome::Missing { reach: None }).await;
    assert_eq!(bench.order("tienda:1").sync.state, SyncState::Missing);

    // The next list names it, with the change that is known already.
    bench.poll(vec![Tiding::Hint { order: 1_u64.into(), changed_at: Some(start()) }]).await;
    let claim = bench.claim_one().await;
    bench.finish(claim, found(seen("1", Source::Fetch, start(), OrderStatus::Accepted))).await;
    assert_eq!(bench.order("tienda:1").sync.state, SyncState::Synced);
    assert!(bench.store.failures(None, None, 10).expect("failures").items.is_empty());
}

#[tokio::test]
async fn an_order_out_of_reach_stays_synced() {
    let bench = Bench::configured().await;
    bench.poll(vec![tiding(seen("1", Source::Listing, bench.now, OrderStatus::Accepted))]).await;
    for _ in 0..2 {
        bench
            .store
            .raise(vec![order_key("tienda:1")], Lane::Poll, bench.now, bench.now)
            .await
            .expect("raised");
        let claim = bench.claim_one().await;
        bench.finish(claim, SyncOutcome::Missing { reach: Some(Duration::from_mins(30)) }).await;
    }
    assert_eq!(bench.order("tienda:1").sync.state, SyncState::Synced);
    assert_eq!(bench.kinds("tienda:1"), ["poll_seen", "created", "anomaly"]);
}

#[tokio::test]
async fn an_announced_order_that_is_not_there_yet_is_looked_for_again() {
    let mut bench = Bench::configured().await;
    bench.deliver("d1", vec![hint("1")]).await;
    for wait in [1, 5, 30] {
        bench.later(wait);
        let claim = bench.claim_one().await;
        let finished = bench.finish(claim, SyncOutcome::Missing { reach: None }).await;
        assert!(finished.anomalies.is_empty());
    }
    bench.later(120);
    let claim = bench.claim_one().await;
    let finished = bench.finish(claim, SyncOutcome::Missing { reach: None }).await;
    assert_eq!(finished.anomalies, ["order_not_found"]);
    assert_eq!(bench.store.channel_counts(&tienda(), bench.now).expect("counts").backlog, 0);
}

#[tokio::test]
async fn an_incomplete_reading_is_stored_and_completed_behind_the_urgent() {
    let mut bench = Bench::configured().await;
    let partial = |changed| Observation {
        incomplete: true,
        ..seen("1", Source::Payload, changed, OrderStatus::Accepted)
    };
    let effects = bench.deliver("d1", vec![tiding(partial(bench.now))]).await;
    assert_eq!((effects.changed.len(), effects.queued), (1, 1));
    bench.later(1);
    let claim = bench.claim_one().await;
    assert_eq!(claim.lane, Lane::Poll);
    let fetched = seen("1", Source::Fetch, start(), OrderStatus::Accepted);
    bench.finish(claim, found(Observation { read_at: bench.now, ..fetched })).await;
    let effects = bench.poll(vec![tiding(partial(start()))]).await;
    assert_eq!((effects.queued, effects.unchanged), (0, 1), "its stamp was completed already");
    let effects = bench.poll(vec![tiding(partial(bench.now))]).await;
    assert_eq!(effects.queued, 1, "a newer stamp may hide something");
}

/// Two changes within a second carry one stamp, and only the first may have been heard of.
#[tokio::test]
async fn a_stamp_is_known_once_the_order_was_fetched_after_its_second() {
    let mut bench = Bench::configured().await;
    let stamp = bench.now;
    bench.poll(vec![tiding(seen("1", Source::Listing, stamp, OrderStatus::Accepted))]).await;
    let equal = || Tiding::Hint { order: order_id("1"), changed_at: Some(stamp) };
    assert_eq!(bench.poll(vec![equal()]).await.queued, 1);
    bench.later(2);
    let claim = bench.claim_one().await;
    let fetched =
        Observation { read_at: bench.now, ..seen("1", Source::Fetch, stamp, OrderStatus::Accepted) };
    bench.finish(claim, found(fetched)).await;
    let effects = bench.poll(vec![equal()]).await;
    assert_eq!((effects.queued, effects.unchanged), (0, 1));
}

#[tokio::test]
async fn a_known_change_is_not_fetched_again() {
    let bench = Bench::configured().await;
    bench.poll(vec![tiding(seen("1", Source::Listing, bench.now, OrderStatus::Accepted))]).await;
    let known =
        Tiding::Hint { order: order_id("1"), changed_at: Some(bench.now.minus(Duration::from_secs(1))) };
    let effects = bench.poll(vec![known]).await;
    assert_eq!((effects.queued, effects.unchanged), (0, 1));
    let effects = bench.poll(vec![hint("1")]).await;
    let again = bench.poll(vec![hint("1")]).await;
    assert_eq!((effects.queued, again.queued), (1, 1));
    assert_eq!(bench.kinds("tienda:1"), ["poll_seen", "created", "poll_seen"], "one line while it waits");
}

#[tokio::test]
async fn a_killed_run_is_due_again_and_a_poison_order_runs_alone_then_waits() {
    let dir = tempfile::tempdir().expect("folder");
    let now = start();
    let open = || {
        Store::open(Options::new(dir.path(), Clock::starting_at(start()), Random::seeded(9))).expect("store")
    };
    for boot in 1..=6_u32 {
        let store = open();
        assert_eq!(store.recover_claims(now).await.expect("recovered"), u64::from(boot > 1));
        if boot == 1 {
            let keys = vec![order_key("tienda:1"), order_key("tienda:2")];
            store.raise(keys, Lane::Webhook, now, now).await.expect("raised");
            let two = store.claim_due(&tienda(), 1, Vec::new(), Lane::Bulk, now).await.expect("claims");
            assert_eq!(two.len(), 1);
        } else {
            let claims = store.claim_due(&tienda(), 10, Vec::new(), Lane::Bulk, now).await.expect("claims");
            let first = claims.iter().find(|claim| claim.order == order_key("tienda:1"));
            if boot < 6 {
                assert_eq!(first.expect("due at once").interrupted, boot - 1);
                assert_eq!(claims.len(), if boot < 4 { 2 } else { 1 }, "boot {boot}");
            } else {
                assert!(first.is_none(), "it waits");
                assert_eq!(store.notifications(false, None, 10).expect("told").items.len(), 1);
            }
            // The other order is not what kills: its runs end.
            for claim in claims.into_iter().filter(|claim| claim.order != order_key("tienda:1")) {
                let outcome = SyncOutcome::Failed { failure: Failure::timeout("no"), retry_at: Some(now) };
                store.finish_sync(KIND, claim, outcome, now).await.expect("finished");
            }
        }
        store.close().await;
    }
}

#[tokio::test]
async fn due_times_are_spread_after_an_outage() {
    let bench = Bench::configured().await;
    let keys = (0..10).map(|n| order_key(&format!("tienda:{n}"))).collect();
    bench.store.raise(keys, Lane::Webhook, bench.now, bench.now).await.expect("raised");
    let later = bench.now.plus(Duration::from_secs(1));
    bench.store.spread_due(&tienda(), Duration::from_secs(100), later).await.expect("spread");
    let due = bench
        .store
        .claim_due(&tienda(), 10, Vec::new(), Lane::Bulk, later.plus(Duration::from_secs(35)))
        .await;
    assert_eq!(due.expect("claims").len(), 4);
}

#[tokio::test]
async fn what_a_failure_put_off_is_due_when_the_outage_is_over() {
    let bench = Bench::configured().await;
    bench
        .store
        .raise(vec![order_key("tienda:1")], Lane::Webhook, bench.now, bench.now)
        .await
        .expect("raised");
    let due =
        async |at| bench.store.claim_due(&tienda(), 10, Vec::new(), Lane::Bulk, at).await.expect("claims");
    let claim = due(bench.now).await.remove(0);
    let failure = Failure::permission("the access was withdrawn");
    let retry_at = Some(bench.now.plus(Duration::from_hours(6)));
    let outcome = SyncOutcome::Failed { failure, retry_at };
    bench.store.finish_sync(KIND, claim, outcome, bench.now).await.expect("finished");
    let later = bench.now.plus(Duration::from_secs(20));
    assert_eq!(due(later).await, []);
    bench.store.spread_due(&tienda(), Duration::ZERO, later).await.expect("spread");
    assert_eq!(due(later).await.len(), 1);
}

#[tokio::test]
async fn a_window_moves_the_watermark_when_it_is_closed_and_never_back() {
    let mut bench = Bench::configured().await;
    let window = |from, to| Window { from, to, token: None, proposed: None, boot: bench.store.boot() };
    let mark = bench.now.plus(Duration::from_mins(5));
    bench.store.open_window(&tienda(), "orders", window(start(), None), bench.now).await.expect("opened");
    let page = PageIn { next: Some("p2".to_owned()), watermark: Some(mark), ..PageIn::default() };
    bench.store.store_page(&tienda(), KIND, "orders", page, bench.now).await.expect("page");
    let place = bench.store.poll(&tienda(), "orders").expect("place");
    assert_eq!(place.watermark, None);
    assert_eq!(place.window.expect("open").token.as_deref(), Some("p2"));
    bench.store.close_window(&tienda(), "orders", bench.now).await.expect("closed");
    assert_eq!(bench.store.poll(&tienda(), "orders").expect("place").watermark, Some(mark));

    let cut = window(start(), Some(start().plus(Duration::from_mins(1))));
    let now = bench.later(60);
    bench.store.open_window(&tienda(), "orders", cut, now).await.expect("opened");
    bench.store.close_window(&tienda(), "orders", now).await.expect("closed");
    let place = bench.store.poll(&tienda(), "orders").expect("place");
    assert_eq!((place.watermark, place.window, place.last_ok), (Some(mark), None, Some(now)));
}

#[tokio::test]
async fn a_cut_window_moves_the_watermark_to_its_end_whatever_the_pages_propose() {
    let bench = Bench::configured().await;
    let end = start().minus(Duration::from_hours(24 * 23));
    let from = start().minus(Duration::from_hours(24 * 30));
    let window = Window { from, to: Some(end), token: None, proposed: None, boot: bench.store.boot() };
    bench.store.open_window(&tienda(), "orders", window, bench.now).await.expect("opened");
    let page = PageIn { watermark: Some(bench.now), ..PageIn::default() };
    bench.store.store_page(&tienda(), KIND, "orders", page, bench.now).await.expect("page");
    bench.store.close_window(&tienda(), "orders", bench.now).await.expect("closed");
    assert_eq!(bench.store.poll(&tienda(), "orders").expect("place").watermark, Some(end));
}

#[tokio::test]
async fn stale_orders_are_found_for_rereading() {
    let bench = Bench::configured().await;
    for (n, status) in [(1, OrderStatus::Accepted), (2, OrderStatus::Delivered), (3, OrderStatus::Pending)] {
        bench.poll(vec![tiding(seen(&n.to_string(), Source::Listing, bench.now, status))]).await;
    }
    let reread = |before| {
        let open = [OrderStatus::Accepted, OrderStatus::Pending];
        bench.store.orders_to_reread(&tienda(), &open, Timestamp::EPOCH, before, 10).expect("read")
    };
    assert!(reread(bench.now).is_empty());
    assert_eq!(reread(bench.now.plus(Duration::from_secs(1))).len(), 2);
}
