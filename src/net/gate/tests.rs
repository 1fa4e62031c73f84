use std::pin::Pin;

use super::*;
use crate::model::Left;

const ONE_PER_10_S: Limit = Limit { operation: "get", per_second: 0.1, burst: 1.0, reserve: 0.0 };

fn gate(limits: &[Limit]) -> Gate {
    Gate::new(Clock::starting_at(Timestamp::EPOCH), Random::seeded(1), limits)
}

async fn call(gate: &Gate, lane: Lane, verdict: Verdict) -> Result<Option<Change>, Failure> {
    Ok(gate.enter("get", 1.0, lane).await?.finish(verdict))
}

async fn open(gate: &Gate) -> Timestamp {
    for _ in 0..4 {
        assert_eq!(call(gate, Lane::Poll, Verdict::Outage).await, Ok(None));
    }
    match call(gate, Lane::Poll, Verdict::Outage).await {
        Ok(Some(Change::Opened { until })) => until,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_its_token() {
    let gate = gate(&[ONE_PER_10_S]);
    for _ in 0..3 {
        call(&gate, Lane::Poll, Verdict::Answered).await.unwrap();
    }
    let waited = gate.clock.now().as_millis();
    assert!((20_000..21_000).contains(&waited), "{waited}");
}

#[tokio::test(start_paused = true)]
async fn urgent_calls_pass_those_that_wait() {
    let gate = gate(&[ONE_PER_10_S]);
    let order = Mutex::new(Vec::new());
    let one = async |lane: Lane| {
        call(&gate, lane, Verdict::Answered).await.unwrap();
        order.lock().unwrap().push(lane);
    };
    tokio::join!(one(Lane::Bulk), one(Lane::Bulk), one(Lane::Poll), one(Lane::Webhook), one(Lane::Action));
    let order = order.into_inner().unwrap();
    assert_eq!(order, [Lane::Bulk, Lane::Action, Lane::Webhook, Lane::Poll, Lane::Bulk]);
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_leaves_the_line_and_costs_nothing() {
    let gate = gate(&[ONE_PER_10_S]);
    call(&gate, Lane::Poll, Verdict::Answered).await.unwrap();
    for _ in 0..50 {
        let impatient =
            tokio::time::timeout(Duration::from_secs(1), call(&gate, Lane::Webhook, Verdict::Answered));
        let _ = impatient.await;
    }
    // Five of them got a token; nobody is left in the line.
    let started = gate.clock.now();
    call(&gate, Lane::Manual, Verdict::Answered).await.unwrap();
    assert!(gate.clock.now().since(started) <= Duration::from_secs(11));
    assert!(gate.lock().turns.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_token_for_a_caller_who_has_just_gone_goes_to_the_next() {
    let gate = gate(&[ONE_PER_10_S]);
    let first = gate.line_up("get", 1.0, Lane::Poll, gate.clock.now()).unwrap();
    let second = gate.line_up("get", 1.0, Lane::Poll, gate.clock.now()).unwrap();
    drop(first);
    assert!(second.1.await.is_ok());
    assert_eq!(gate.clock.now(), Timestamp::EPOCH);
}

#[tokio::test(start_paused = true)]
async fn a_person_is_refused_at_once_with_the_moment_when_the_bucket_is_parked() {
    let gate = gate(&[ONE_PER_10_S]);
    call(&gate, Lane::Poll, Verdict::Answered).await.unwrap();
    let resume_at = Timestamp::from_secs(600);
    let park = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        gate.learn("get", &LimitNews { resume_at: Some(resume_at), ..LimitNews::default() });
    };
    let (refused, ()) = tokio::join!(call(&gate, Lane::Manual, Verdict::Answered), park);
    let failure = refused.unwrap_err();
    assert_eq!(failure.kind, crate::model::FailureKind::RateLimited);
    assert_eq!(failure.resume_at, Some(resume_at));
    assert!(failure.no_effect);
    assert_eq!(gate.clock.now(), Timestamp::from_secs(1));
    call(&gate, Lane::Poll, Verdict::Answered).await.unwrap();
    assert_eq!(gate.clock.now(), resume_at, "a poll waits exactly as long as it was told");
}

#[tokio::test(start_paused = true)]
async fn good_news_shortens_the_wait() {
    let gate = gate(&[Limit { per_second: 0.002, ..ONE_PER_10_S }]);
    call(&gate, Lane::Poll, Verdict::Answered).await.unwrap();
    let news = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        gate.learn("get", &LimitNews { per_second: Some(1.0), ..LimitNews::default() });
    };
    let (went, ()) = tokio::join!(call(&gate, Lane::Poll, Verdict::Answered), news);
    went.unwrap();
    assert!(gate.clock.now() < Timestamp::from_secs(3), "{}", gate.clock.now());
}

#[tokio::test(start_paused = true)]
async fn five_outages_stop_the_calls_until_one_probe_succeeds() {
    let gate = gate(&[]);
    let until = open(&gate).await;
    let failure = call(&gate, Lane::Webhook, Verdict::Answered).await.unwrap_err();
    assert_eq!(failure.kind, crate::model::FailureKind::Unavailable);
    assert_eq!(failure.resume_at, Some(until));
    assert!(failure.no_effect);
    gate.clock.sleep_until(until).await;
    let probe = gate.enter("get", 1.0, Lane::Webhook).await.unwrap();
    assert!(call(&gate, Lane::Webhook, Verdict::Answered).await.is_err(), "one at a time");
    drop(probe);
    let probe = gate.enter("get", 1.0, Lane::Bulk).await.unwrap();
    assert_eq!(probe.finish(Verdict::Answered), Some(Change::Closed));
    assert_eq!(call(&gate, Lane::Bulk, Verdict::Answered).await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn an_opening_breaker_sends_home_who_waits_for_a_token() {
    let gate = gate(&[Limit { burst: 5.0, ..ONE_PER_10_S }]);
    let passes = [
        gate.enter("get", 1.0, Lane::Poll).await.unwrap(),
        gate.enter("get", 1.0, Lane::Poll).await.unwrap(),
        gate.enter("get", 1.0, Lane::Poll).await.unwrap(),
        gate.enter("get", 1.0, Lane::Poll).await.unwrap(),
        gate.enter("get", 1.0, Lane::Poll).await.unwrap(),
    ];
    let fail = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        for pass in passes {
            pass.finish(Verdict::Outage);
        }
    };
    let (waiting, ()) = tokio::join!(call(&gate, Lane::Poll, Verdict::Answered), fail);
    assert_eq!(waiting.unwrap_err().kind, crate::model::FailureKind::Unavailable);
    assert_eq!(gate.clock.now(), Timestamp::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_comes_after_the_breaker_opened_is_given_back() {
    let gate = gate(&[Limit { burst: 6.0, ..ONE_PER_10_S }]);
    let (mut passes, now) = (Vec::new(), gate.clock.now());
    for _ in 0..5 {
        passes.push(gate.enter("get", 1.0, Lane::Poll).await.unwrap());
    }
    let mut late = Box::pin(gate.enter("get", 1.0, Lane::Poll));
    let (waiting, turn) = gate.line_up("get", 1.0, Lane::Poll, now).unwrap();
    for pass in passes {
        pass.finish(Verdict::Outage);
    }
    assert!((&mut late).await.is_err());
    drop(late);
    assert_eq!(gate.rate_limit().remaining, Some(0), "the other one holds the last token");
    drop((waiting, turn));
    assert_eq!(gate.rate_limit().remaining, Some(1));
}

/// A ledger that takes a while to write.
#[derive(Default)]
struct Slow {
    notes: Mutex<HashMap<&'static str, Left>>,
    written: std::sync::atomic::AtomicU32,
}

impl Ledger for Slow {
    fn left(&self, operation: &str) -> Option<Left> {
        self.notes.lock().unwrap().get(operation).copied()
    }

    fn note<'a>(
        &'a self,
        operation: &'static str,
        left: Left,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            self.notes.lock().unwrap().insert(operation, left);
            self.written.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_does_not_spend_the_allowance_again() {
    let limits = [Limit { operation: "get", per_second: 0.5, burst: 20.0, reserve: 0.0 }];
    let clock = Clock::starting_at(Timestamp::EPOCH);
    let ledger = Arc::new(Slow::default());
    let life = || {
        let gate = Gate::new(clock.clone(), Random::seeded(1), &limits);
        gate.resume(ledger.clone());
        gate
    };
    let mut sent = 0;
    for _ in 0..10 {
        let gate = life();
        let until = clock.now().plus(Duration::from_secs(3));
        while clock.now() < until {
            let calls = [0; 4].map(|_| call(&gate, Lane::Poll, Verdict::Answered));
            let [one, two, three, four] = calls;
            let all = async { tokio::join!(one, two, three, four) };
            // What is under way at the end of this life is lost.
            tokio::select! {
                _ = all => sent += 4,
                () = clock.sleep_until(until) => {}
            }
        }
    }
    assert!((16..=35).contains(&sent), "{sent}");
    let written = ledger.written.load(std::sync::atomic::Ordering::Relaxed);
    assert!(written <= 20, "{written} notes");
}

#[tokio::test(start_paused = true)]
async fn a_prepaid_turn_is_taken_by_its_call_or_given_back() {
    let gate = gate(&[ONE_PER_10_S]);
    let paid = gate.prepay("get", 1.0, Lane::Action).await.unwrap();
    assert!(gate.enter("get", 1.0, Lane::Manual).await.is_ok(), "after the next refill");
    assert!(gate.clock.now() >= Timestamp::from_secs(10), "nobody else may take it");
    let begun = gate.clock.now();
    call(&gate, Lane::Action, Verdict::Answered).await.unwrap();
    assert_eq!(gate.clock.now(), begun, "its own call goes at once");
    drop(paid);
    assert_eq!(gate.rate_limit().remaining, Some(0), "it is spent");

    let paid = gate.prepay("get", 1.0, Lane::Action).await.unwrap();
    assert_eq!(gate.rate_limit().remaining, Some(0));
    drop(paid);
    assert_eq!(gate.rate_limit().remaining, Some(1), "nothing was sent");
}

#[tokio::test(start_paused = true)]
async fn a_person_passes_an_open_breaker() {
    let gate = gate(&[]);
    open(&gate).await;
    assert_eq!(call(&gate, Lane::Manual, Verdict::Answered).await, Ok(Some(Change::Closed)));
}

#[tokio::test(start_paused = true)]
async fn a_long_run_keeps_to_the_limit() {
    let gate = gate(&[Limit { operation: "", per_second: 2.0, burst: 4.0, reserve: 1.0 }]);
    let one = async |lane: Lane| {
        let mut sent = 0_u32;
        while gate.clock.now() < Timestamp::from_secs(300) {
            sent += u32::from(call(&gate, lane, Verdict::Answered).await.is_ok());
        }
        sent
    };
    let (webhooks, polls, bulk, more) =
        tokio::join!(one(Lane::Webhook), one(Lane::Poll), one(Lane::Bulk), one(Lane::Bulk));
    let all = webhooks + polls + bulk + more;
    assert!((580..=606).contains(&all), "{all}");
    assert!(
        webhooks >= polls && (bulk + more) * 4 <= all + 8 && bulk > 0,
        "{webhooks} {polls} {bulk} {more}"
    );
}
