//! Who is told of a notification, and how far that got.

use super::*;

fn incident(key: &str, kind: &'static str) -> Incident {
    Incident {
        key: key.to_owned(),
        kind,
        channel: Some(tienda()),
        order: None,
        error: None,
        message: "what".to_owned(),
        advice: "do".to_owned(),
    }
}

impl Bench {
    async fn opens(&self, key: &str) -> String {
        self.store.open_incident(incident(key, "sync_failed"), self.now).await.expect("opened").id
    }

    async fn addressed(&self, id: &str, targets: &[&str]) {
        let targets = targets.iter().map(|name| (*name).to_owned()).collect();
        self.store.address(vec![(id.to_owned(), targets)], self.now).await.expect("addressed");
    }

    fn due_for(&self, target: &str) -> Vec<(String, Phase)> {
        let due = self.store.due_tellings(target, self.now, 10).expect("due");
        due.into_iter().map(|(told, phase)| (told.id, phase)).collect()
    }

    async fn settled(&self, target: &str, id: &str, phase: Phase, over: bool, outcome: Told) {
        let spoken = vec![Spoken { id: id.to_owned(), phase, over }];
        self.store.settle_tellings(target, spoken, outcome, self.now).await.expect("settled");
    }

    async fn closes(&self, key: &str) {
        self.store.close_incident(key.to_owned(), self.now).await.expect("closed");
    }

    fn tellings(&self, id: &str) -> Vec<(String, Phase, TellingState, u32)> {
        let all = self.store.notifications(false, None, 10).expect("read").items;
        let told = all.into_iter().find(|told| told.id == id).expect("known");
        told.tellings.into_iter().map(|t| (t.target, t.phase, t.state, t.attempts)).collect()
    }
}

fn row(target: &str, phase: Phase, state: TellingState, attempts: u32) -> (String, Phase, TellingState, u32) {
    (target.to_owned(), phase, state, attempts)
}

#[tokio::test]
async fn an_incident_is_told_once_to_each_target_and_its_end_to_whoever_was_told() {
    let mut bench = Bench::configured().await;
    let id = bench.opens("order:tienda:1").await;
    bench.addressed(&id, &["chat", "ops"]).await;
    for _ in 0..3 {
        assert_eq!(bench.opens("order:tienda:1").await, id, "the same incident");
    }
    assert!(bench.store.untold(10).expect("read").is_empty(), "a recurrence is no news");
    bench.addressed(&id, &["ops"]).await;
    assert_eq!(bench.due_for("ops"), [(id.clone(), Phase::Opened)]);

    bench.settled("ops", &id, Phase::Opened, false, Told::Delivered).await;
    assert!(bench.due_for("ops").is_empty());
    let at = bench.now.plus(Duration::from_secs(5));
    let again = Told::Again { error: "it answers 500".to_owned(), at };
    bench.settled("chat", &id, Phase::Opened, false, again).await;
    assert!(bench.due_for("chat").is_empty(), "not before its time");

    bench.later(5);
    bench.closes("order:tienda:1").await;
    bench.closes("order:tienda:1").await;
    assert_eq!(bench.due_for("ops"), [(id.clone(), Phase::Closed)]);
    assert_eq!(bench.due_for("chat"), [(id.clone(), Phase::Opened)], "one message says both");
    bench.settled("chat", &id, Phase::Opened, true, Told::Delivered).await;
    bench.settled("ops", &id, Phase::Closed, true, Told::Delivered).await;
    assert!(bench.due_for("chat").is_empty() && bench.due_for("ops").is_empty());
    assert_eq!(
        bench.tellings(&id),
        [
            row("chat", Phase::Opened, TellingState::Delivered, 2),
            row("ops", Phase::Opened, TellingState::Delivered, 1),
            row("ops", Phase::Closed, TellingState::Delivered, 1),
        ]
    );
    let next = bench.opens("order:tienda:1").await;
    assert_ne!(next, id, "it happens anew");
}

#[tokio::test]
async fn an_end_that_the_message_on_its_way_could_not_say_is_told_after_it() {
    let bench = Bench::configured().await;
    let id = bench.opens("order:tienda:1").await;
    bench.addressed(&id, &["ops"]).await;
    bench.closes("order:tienda:1").await;
    bench.settled("ops", &id, Phase::Opened, false, Told::Delivered).await;
    assert_eq!(bench.due_for("ops"), [(id.clone(), Phase::Closed)]);
    bench.settled("ops", &id, Phase::Closed, true, Told::Delivered).await;
    // Told twice, after a crash: noted down once.
    bench.settled("ops", &id, Phase::Closed, true, Told::Delivered).await;
    assert_eq!(bench.tellings(&id)[1], row("ops", Phase::Closed, TellingState::Delivered, 1));
}

#[tokio::test]
async fn a_channels_recovery_is_a_notification_of_its_own() {
    let bench = Bench::configured().await;
    let down = incident("channel:tienda", Incident::CHANNEL_DOWN);
    let id = bench.store.open_incident(down, bench.now).await.expect("opened").id;
    bench.addressed(&id, &["ops"]).await;
    bench.settled("ops", &id, Phase::Opened, false, Told::Delivered).await;
    bench.closes("channel:tienda").await;
    assert!(bench.due_for("ops").is_empty());
}

#[tokio::test]
async fn what_is_given_up_and_who_is_gone_is_not_told_any_more() {
    let mut bench = Bench::configured().await;
    let id = bench.opens("order:tienda:1").await;
    bench.addressed(&id, &["ops", "chat"]).await;
    bench.settled("ops", &id, Phase::Opened, false, Told::GivenUp { error: "gone".to_owned() }).await;
    assert!(bench.due_for("ops").is_empty());
    let known = ["ops".to_owned()].into();
    assert_eq!(bench.store.forget_other_targets(known, bench.now).await.expect("forgotten"), 1);
    assert_eq!(bench.store.waiting_tellings("chat").expect("read"), 0);
    bench.closes("order:tienda:1").await;
    assert!(
        bench.due_for("ops").is_empty() && bench.due_for("chat").is_empty(),
        "nobody was told, nobody waits"
    );

    let other = bench.opens("order:tienda:2").await;
    bench.addressed(&other, &["ops"]).await;
    bench.closes("order:tienda:2").await;
    bench.later(91 * 86_400);
    bench.store.prune(bench.now).await.expect("pruned");
    assert_eq!(bench.store.waiting_tellings("ops").expect("read"), 0, "pruned with its notification");
}
