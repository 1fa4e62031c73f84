//! Commands, keys, connections and what the merchant is told.

use super::*;

#[tokio::test]
async fn a_pressed_sync_button_answers_with_its_own_result() {
    let mut bench = Bench::configured().await;
    let asked = Command::SyncOrder(order_key("tienda:1"));
    let answer = bench.store.command(asked.clone(), by("ana"), bench.now).await.expect("asked");
    let CommandAnswer::Sync(sync) = answer else { panic!("{answer:?}") };
    let again = bench.store.command(asked, by("ana"), bench.now).await.expect("asked");
    assert_eq!(again, CommandAnswer::Sync(sync), "one run, one answer");
    let status = |id| bench.store.sync_status(id).expect("read").expect("known");
    assert_eq!(status(sync).state, SyncRunState::Running);
    let claim = bench.claim_one().await;
    assert_eq!((claim.lane, claim.by.as_deref()), (Lane::Manual, Some("ana")));
    bench.finish(claim, found(seen("1", Source::Fetch, bench.now, OrderStatus::Accepted))).await;
    assert_eq!((status(sync).state, status(sync).done), (SyncRunState::Done, 1));
    assert_eq!(bench.kinds("tienda:1"), ["sync_requested", "created", "sync_succeeded"]);

    bench.later(10);
    let asked = Command::SyncOrder(order_key("tienda:1"));
    let answer = bench.store.command(asked, by("ana"), bench.now).await.expect("asked");
    let CommandAnswer::Sync(second) = answer else { panic!("{answer:?}") };
    assert_ne!(second, sync);
    let claim = bench.claim_one().await;
    let failure = Failure::timeout("no answer");
    let retry_at = Some(bench.now.plus(Duration::from_secs(2)));
    bench.finish(claim, SyncOutcome::Failed { failure, retry_at }).await;
    let status = bench.store.sync_status(second).expect("read").expect("known");
    assert_eq!((status.state, status.failed), (SyncRunState::Failed, 1));
    assert_eq!(status.error.expect("why").retry_at, retry_at);
}

#[tokio::test]
async fn an_unknown_order_is_looked_for_and_an_unknown_channel_refused() {
    let bench = Bench::configured().await;
    let refused = bench.store.command(Command::SyncOrder(order_key("nada:1")), by("ana"), bench.now).await;
    assert!(matches!(refused, Err(CommandError::NotFound("channel"))));
    let asked = Command::SyncOrder(order_key("tienda:9"));
    let CommandAnswer::Sync(sync) = bench.store.command(asked, by("ana"), bench.now).await.expect("asked")
    else {
        panic!("a sync")
    };
    let claim = bench.claim_one().await;
    bench.finish(claim, SyncOutcome::Missing { reach: None }).await;
    assert!(bench.claim().await.is_empty());
    let status = bench.store.sync_status(sync).expect("read").expect("known");
    assert_eq!(status.error.expect("why").kind, FailureKind::NotFound);
}

#[tokio::test]
async fn an_idempotency_key_acts_once_and_fits_one_request() {
    let mut bench = Bench::configured().await;
    let ask = |hash: u8| Asked { by: "ana".to_owned(), key: Some(("ana:k1".to_owned(), [hash; 32])) };
    let command = || Command::CreateKey { name: "erp".to_owned(), role: Role::Viewer };
    let first = bench.store.command(command(), ask(1), bench.now).await.expect("made");
    let CommandAnswer::Key { key, secret: Some(secret) } = first else { panic!("{first:?}") };
    let second = bench.store.command(command(), ask(1), bench.now).await.expect("known");
    assert_eq!(second, CommandAnswer::Key { key: key.clone(), secret: None });
    assert_eq!(bench.store.answered(&("ana:k1".to_owned(), [1; 32])).expect("known"), Some(second));
    let reused = bench.store.command(command(), ask(2), bench.now).await;
    assert!(matches!(reused, Err(CommandError::KeyReused)));
    assert_eq!(bench.store.api_keys().expect("keys").len(), 1);

    assert!(secret.starts_with("fen_"));
    let found = bench.store.authenticate(&secret).expect("read").expect("valid");
    assert_eq!((found.id.as_str(), found.role), (key.id.as_str(), Role::Viewer));
    assert_eq!(bench.store.authenticate("fen_guess").expect("read"), None);
    bench.later(86_401);
    bench.store.prune(bench.now).await.expect("pruned");
    assert!(bench.store.api_keys().expect("keys")[0].last_used_at.is_some(), "its use was written down");
    bench.store.command(Command::RevokeKey(key.id), by("ana"), bench.now).await.expect("revoked");
    assert_eq!(bench.store.authenticate(&secret).expect("read"), None);
    bench.store.command(command(), ask(2), bench.now).await.expect("the key is free again");
}

#[tokio::test]
async fn a_refused_command_leaves_nothing_behind() {
    let bench = Bench::configured().await;
    let asked = Asked { by: "ana".to_owned(), key: Some(("k".to_owned(), [1; 32])) };
    let refused = bench.store.command(Command::Retry("nothing".to_owned()), asked, bench.now).await;
    assert!(matches!(refused, Err(CommandError::NotFound("failure"))));
    assert_eq!(bench.store.answered(&("k".to_owned(), [1; 32])).expect("read"), None);
}

#[tokio::test]
async fn a_bulk_sync_counts_to_its_end() {
    let mut bench = Bench::configured().await;
    let sync = bench.bulk().await;
    let asked = Command::SyncChannel { channel: tienda(), since: start() };
    let refused = bench.store.command(asked, by("bea"), bench.now).await;
    assert!(matches!(refused, Err(CommandError::Running(running)) if running == sync));
    assert_eq!(bench.store.running_bulk(&tienda()).expect("read"), Some(sync));

    let whole = tiding(seen("1", Source::Listing, bench.now, OrderStatus::Accepted));
    bench.list(sync, vec![whole, hint("2"), hint("3"), hint("3")]).await;
    let status = || bench.store.sync_status(sync).expect("read").expect("known");
    assert_eq!((status().found, status().done, status().phase), (3, 1, SyncPhase::Listing));
    bench.store.end_bulk_listing(sync, None, bench.now).await.expect("listed");
    assert_eq!((status().state, status().phase), (SyncRunState::Running, SyncPhase::Syncing));

    for claim in bench.claim().await {
        assert_eq!(claim.lane, Lane::Bulk);
        let order = claim.order.order.to_string();
        let outcome = if order == "2" {
            found(seen("2", Source::Fetch, bench.now, OrderStatus::Accepted))
        } else {
            SyncOutcome::Failed { failure: Failure::invalid("no"), retry_at: None }
        };
        bench.finish(claim, outcome).await;
    }
    assert_eq!((status().state, status().done, status().failed), (SyncRunState::Done, 2, 1));
    assert_eq!(bench.store.running_bulk(&tienda()).expect("read"), None);
    bench.later(8 * 86_400);
    bench.store.prune(bench.now).await.expect("pruned");
    assert!(bench.store.sync_status(sync).expect("read").is_none());
}

#[tokio::test]
async fn a_bulk_sync_counts_an_order_once_however_often_it_is_listed() {
    let mut bench = Bench::configured().await;
    let sync = bench.bulk().await;
    let whole = |bench: &Bench, id: &str| tiding(seen(id, Source::Listing, bench.now, OrderStatus::Accepted));
    let counts = |bench: &Bench| {
        let status = bench.store.sync_status(sync).expect("read").expect("known");
        (status.found, status.done, status.failed)
    };
    let page = vec![whole(&bench, "1"), whole(&bench, "1"), hint("2"), hint("3"), hint("4")];
    bench.list(sync, page).await;
    assert_eq!(counts(&bench), (4, 1, 0));
    // The one that is read and the one that cannot be, before the next page shows them again.
    for claim in bench.claim().await {
        let outcome = match claim.order.order.as_str() {
            "2" => found(seen("2", Source::Fetch, bench.now, OrderStatus::Accepted)),
            "3" => SyncOutcome::Failed { failure: Failure::invalid("no"), retry_at: None },
            _ => continue,
        };
        bench.finish(claim, outcome).await;
    }
    assert_eq!(counts(&bench), (4, 2, 1));
    // The edge of a page, and one that changed meanwhile and moved to the end of the list.
    bench.later(60);
    let page = vec![whole(&bench, "1"), hint("2"), hint("3"), whole(&bench, "4"), hint("5")];
    bench.list(sync, page).await;
    assert_eq!(counts(&bench), (5, 2, 1), "only the fifth is new");
    bench.store.end_bulk_listing(sync, None, bench.now).await.expect("listed");

    // Another bulk sync counts them anew.
    bench.store.command(Command::StopSync(sync), by("ana"), bench.now).await.expect("stopped");
    let next = bench.bulk().await;
    assert_eq!(bench.store.last_bulks().expect("read"), [(tienda(), next)].into());
    bench.list(next, vec![whole(&bench, "1"), hint("2")]).await;
    assert_eq!(bench.store.sync_status(next).expect("read").expect("known").found, 2);
}

#[tokio::test]
async fn a_stopped_bulk_sync_leaves_no_work() {
    let bench = Bench::configured().await;
    bench.poll(vec![tiding(seen("1", Source::Listing, bench.now, OrderStatus::Accepted))]).await;
    let sync = bench.bulk().await;
    bench.list(sync, vec![hint("1"), hint("2")]).await;
    assert_eq!(bench.order("tienda:1").sync.state, SyncState::Pending);
    bench.store.command(Command::StopSync(sync), by("ana"), bench.now).await.expect("stopped");
    assert_eq!(bench.store.sync_status(sync).expect("read").expect("known").state, SyncRunState::Cancelled);
    assert!(bench.claim().await.is_empty());
    assert_eq!(bench.order("tienda:1").sync.state, SyncState::Synced);
    assert_eq!(bench.store.channel_counts(&tienda(), bench.now).expect("counts").backlog, 0);
}

#[tokio::test]
async fn a_refused_connection_is_told_once_and_its_recovery_too() {
    let mut bench = Bench::configured().await;
    let failed = || ConnectionChange::Failed { failure: Failure::permission("token revoked") };
    let update = async |bench: &Bench, change| {
        bench.store.update_connection(&tienda(), change, bench.now).await.expect("updated")
    };
    for _ in 0..3 {
        assert_eq!(update(&bench, failed()).await.status, ConnectionStatus::NeedsReconnect);
    }
    let told = || bench.store.notifications(false, None, 10).expect("told").items;
    assert_eq!(told().len(), 1);
    assert_eq!(bench.store.failures(None, None, 10).expect("failures").items[0].what, FailedWhat::Poll);
    let same = ConnectionChange::Configured { kind: KIND, enabled: true, credentials: "first".to_owned() };
    assert_eq!(update(&bench, same).await.status, ConnectionStatus::NeedsReconnect);
    let now = bench.later(300);
    let other = ConnectionChange::Configured { kind: KIND, enabled: true, credentials: "second".to_owned() };
    let state = update(&bench, other).await;
    assert_eq!((state.status, state.status_since), (ConnectionStatus::Connected, now));
    let told = bench.store.notifications(false, None, 10).expect("told").items;
    let kinds: Vec<_> = told.iter().map(|told| told.kind.as_str()).collect();
    assert_eq!(kinds, ["channel_recovered", "channel_down"]);
    assert!(told.iter().all(|told| told.closed_at == Some(now)));
    assert!(bench.store.failures(None, None, 10).expect("failures").items.is_empty());
    assert_eq!(bench.store.untold(10).expect("untold").len(), 2);
    let nobody = told.iter().map(|told| (told.id.clone(), Vec::new())).collect();
    bench.store.address(nobody, bench.now).await.expect("decided");
    assert!(bench.store.untold(10).expect("untold").is_empty());
    let read = Command::ReadNotification(told[0].id.clone());
    bench.store.command(read, by("ana"), bench.now).await.expect("read");
    assert_eq!(bench.store.notifications(true, None, 10).expect("unread").items.len(), 1);
}

#[tokio::test]
async fn passing_trouble_degrades_and_cures_itself() {
    let bench = Bench::configured().await;
    let failed = || ConnectionChange::Failed { failure: Failure::unavailable("HTTP 503") };
    let mut seen = Vec::new();
    for _ in 0..5 {
        let state = bench.store.update_connection(&tienda(), failed(), bench.now).await.expect("updated");
        seen.push(state.status.as_str());
    }
    assert_eq!(seen, ["connected", "connected", "degraded", "degraded", "degraded"]);
    assert_eq!(bench.store.notifications(false, None, 10).expect("told").items.len(), 1);
    let ok = |begun| ConnectionChange::Succeeded { what: Success::Sync, begun };
    let earlier = ok(bench.now.minus(std::time::Duration::from_secs(1)));
    let state = bench.store.update_connection(&tienda(), earlier, bench.now).await.expect("updated");
    assert_eq!(state.status, ConnectionStatus::Degraded, "it was asked before the trouble began");
    let state = bench.store.update_connection(&tienda(), ok(bench.now), bench.now).await.expect("updated");
    assert_eq!((state.status, state.last_success_at), (ConnectionStatus::Connected, Some(bench.now)));
}

#[tokio::test]
async fn tokens_grow_by_one_generation_and_lie_sealed() {
    let bench = Bench::configured().await;
    let tokens = |secret: &str| Tokens::bare(Secret::new(secret), bench.now);
    assert!(bench.store.tokens(&tienda()).expect("read").is_none());
    assert_eq!(bench.store.put_tokens(&tienda(), tokens("one")).await.expect("put").generation, 1);
    let died = ConnectionChange::GrantDied { message: "used before".to_owned() };
    bench.store.update_connection(&tienda(), died, bench.now).await.expect("noted");
    let dead = || bench.store.connection(&tienda()).expect("read").expect("configured").dead_grant;
    assert_eq!(dead().as_deref(), Some("used before"));
    assert_eq!(bench.store.put_tokens(&tienda(), tokens("two")).await.expect("put").generation, 2);
    assert_eq!(dead(), None, "the mark is about the tokens before");
    let held = bench.store.tokens(&tienda()).expect("read").expect("held");
    assert_eq!((held.access.expose(), held.generation), ("two", 2));
}
