//! Where calls wait for their turn: the allowance and the breaker, made asynchronous.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::allowance::{Allowance, Place, TooLong, patience};
use super::breaker::{Admission, Breaker};
use super::{Ledger, Limit, LimitNews};
use crate::clock::Clock;
use crate::model::{Failure, Lane, RateLimit, Timestamp};
use crate::random::Random;

/// The wall clock may be set while we wait, so it is read again at least this often.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// There is no task behind it: whoever waits wakes at the next moment that matters and lets
/// through whoever may go. At most 1,024 calls wait.
pub(super) struct Gate {
    clock: Clock,
    random: Random,
    state: Mutex<State>,
    /// The allowance or the breaker changed: everyone who waits looks again.
    changed: Notify,
    ledger: OnceLock<Arc<dyn Ledger>>,
    /// One note at a time: it covers all calls that were let through meanwhile.
    noting: tokio::sync::Mutex<()>,
}

struct State {
    allowance: Allowance,
    breaker: Breaker,
    turns: HashMap<u64, oneshot::Sender<()>>,
    /// Turns that have come and are kept for a call that is about to be made.
    prepaid: Vec<Kept>,
}

struct Kept {
    operation: &'static str,
    place: Place,
    probe: bool,
}

/// What a call says about the marketplace's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Answered,
    Outage,
    /// Nothing was sent.
    Nothing,
}

/// A change of the breaker, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Opened { until: Timestamp },
    Closed,
}

impl Gate {
    pub(super) fn new(clock: Clock, random: Random, limits: &[Limit]) -> Self {
        let allowance = Allowance::new(limits, clock.now());
        let state =
            State { allowance, breaker: Breaker::default(), turns: HashMap::new(), prepaid: Vec::new() };
        Self {
            clock,
            random,
            state: Mutex::new(state),
            changed: Notify::new(),
            ledger: OnceLock::new(),
            noting: tokio::sync::Mutex::default(),
        }
    }

    /// Goes on where the ledger says that an earlier process stopped, and writes into it from now on.
    /// Only the first ledger counts.
    pub(super) fn resume(&self, ledger: Arc<dyn Ledger>) {
        let ledger = self.ledger.get_or_init(|| ledger);
        self.lock().allowance.resume(|operation| ledger.left(operation), self.clock.now());
    }

    /// Puts down what is left, where a restart would believe in more. A call goes out only after it.
    async fn write_down(&self) {
        let Some(ledger) = self.ledger.get() else { return };
        let owed = || self.lock().allowance.owed(self.clock.now());
        if owed().is_empty() {
            return;
        }
        let _alone = self.noting.lock().await;
        for (operation, left) in owed() {
            ledger.note(operation, left).await;
            self.lock().allowance.note(operation, left, self.clock.now());
        }
    }

    /// Waits for the turn of this call. Cancelling the future gives the place up.
    pub(super) async fn enter(
        &self,
        operation: &'static str,
        cost: f64,
        lane: Lane,
    ) -> Result<Pass<'_>, Failure> {
        if let Some(Kept { place, probe, .. }) = self.lock().take_prepaid(|kept| kept.is_for(operation, lane))
        {
            return Ok(Pass { gate: self, place, probe, open: true });
        }
        let started = self.clock.now();
        let (mut waiting, mut turn) = self.line_up(operation, cost, lane, started)?;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let pause = self.look(&waiting, started, operation)?;
            tokio::select! {
                biased;
                _ = &mut turn => break,
                () = changed => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.write_down().await;
        let now = self.clock.now();
        let admission = self.lock().breaker.admit(now, lane);
        match admission {
            Admission::Refused { until } => Err(out_of_service(until)),
            Admission::Go { probe } => {
                waiting.through = true;
                Ok(Pass { gate: self, place: waiting.place, probe, open: true })
            }
        }
    }

    /// Waits for a turn and keeps it for the next call of this operation and lane.
    pub(super) async fn prepay(
        &self,
        operation: &'static str,
        cost: f64,
        lane: Lane,
    ) -> Result<Prepaid<'_>, Failure> {
        let mut pass = self.enter(operation, cost, lane).await?;
        pass.open = false;
        let Pass { place, probe, .. } = pass;
        self.lock().prepaid.push(Kept { operation, place, probe });
        Ok(Prepaid { gate: self, id: place.id })
    }

    pub(super) fn learn(&self, operation: &'static str, news: &LimitNews) {
        let now = self.clock.now();
        let mut state = self.lock();
        state.allowance.learn(operation, news, now);
        state.dispatch(now);
        drop(state);
        self.changed.notify_waiters();
    }

    pub(super) fn rate_limit(&self) -> RateLimit {
        self.lock().allowance.rate_limit(self.clock.now())
    }

    fn line_up(
        &self,
        operation: &'static str,
        cost: f64,
        lane: Lane,
        now: Timestamp,
    ) -> Result<(Waiting<'_>, oneshot::Receiver<()>), Failure> {
        let mut state = self.lock();
        if let Admission::Refused { until } = state.breaker.look(now, lane) {
            return Err(out_of_service(until));
        }
        let joined = state.allowance.join(operation, lane, cost, now);
        let place = joined.map_err(|TooLong { resume_at }| used_up(operation, resume_at))?;
        let (turn, mine) = oneshot::channel();
        state.turns.insert(place.id, turn);
        state.dispatch(now);
        drop(state);
        Ok((Waiting { gate: self, place, through: false }, mine))
    }

    /// Lets through whoever may go, gives up what has become hopeless, and says how long to sleep.
    fn look(&self, waiting: &Waiting<'_>, started: Timestamp, operation: &str) -> Result<Duration, Failure> {
        let now = self.clock.now();
        let lane = waiting.place.lane;
        let mut state = self.lock();
        state.dispatch(now);
        let Some(expected) = state.allowance.predict(waiting.place, now) else {
            return Ok(Duration::ZERO);
        };
        if let Admission::Refused { until } = state.breaker.look(now, lane) {
            return Err(out_of_service(until));
        }
        let give_up = started.plus(patience(lane));
        if expected > give_up || now >= give_up {
            return Err(used_up(operation, expected.max(now.plus(Duration::from_secs(1)))));
        }
        let wake = state.allowance.next_at(now).unwrap_or(give_up).min(give_up);
        Ok(wake.since(now).clamp(Duration::from_millis(1), LOOK_AGAIN))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn is_for(&self, operation: &str, lane: Lane) -> bool {
        self.operation == operation && self.place.lane == lane
    }
}

impl State {
    fn take_prepaid(&mut self, is_it: impl Fn(&Kept) -> bool) -> Option<Kept> {
        let at = self.prepaid.iter().position(is_it)?;
        Some(self.prepaid.swap_remove(at))
    }

    fn dispatch(&mut self, now: Timestamp) {
        for id in self.allowance.dispatch(now) {
            // A caller that has gone gives its tokens back by itself.
            let _ = self.turns.remove(&id).map(|turn| turn.send(()));
        }
    }
}

/// A turn that is kept until its call takes it; dropping it gives it back.
#[must_use]
pub struct Prepaid<'a> {
    gate: &'a Gate,
    id: u64,
}

impl Drop for Prepaid<'_> {
    fn drop(&mut self) {
        let now = self.gate.clock.now();
        let mut state = self.gate.lock();
        // Its call, or another one of the same kind, has taken it.
        let Some(kept) = state.take_prepaid(|kept| kept.place.id == self.id) else { return };
        state.allowance.put_back(kept.place);
        if kept.probe {
            state.breaker.abandon();
        }
        state.dispatch(now);
    }
}

/// A call in line; dropping it leaves the line.
struct Waiting<'a> {
    gate: &'a Gate,
    place: Place,
    /// A `Pass` has taken over.
    through: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.through {
            return;
        }
        let now = self.gate.clock.now();
        let mut state = self.gate.lock();
        state.turns.remove(&self.place.id);
        if !state.allowance.leave(self.place) {
            state.allowance.put_back(self.place);
        }
        state.dispatch(now);
    }
}

/// The right to send one request. Dropping it without `finish` (the caller was cancelled) says
/// nothing about the marketplace.
#[must_use]
pub(super) struct Pass<'a> {
    gate: &'a Gate,
    place: Place,
    probe: bool,
    open: bool,
}

impl Pass<'_> {
    pub(super) fn finish(mut self, verdict: Verdict) -> Option<Change> {
        self.close(verdict)
    }

    fn close(&mut self, verdict: Verdict) -> Option<Change> {
        if !std::mem::replace(&mut self.open, false) {
            return None;
        }
        let now = self.gate.clock.now();
        let mut state = self.gate.lock();
        state.allowance.finish(self.place);
        let change = match verdict {
            Verdict::Answered => state.breaker.answered().then_some(Change::Closed),
            Verdict::Outage => {
                let jitter = |pause| self.gate.random.jitter(pause);
                state.breaker.outage(now, self.probe, jitter).map(|until| Change::Opened { until })
            }
            Verdict::Nothing if self.probe => {
                state.breaker.abandon();
                None
            }
            Verdict::Nothing => None,
        };
        drop(state);
        if change.is_some() {
            self.gate.changed.notify_waiters();
        }
        change
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.close(Verdict::Nothing);
    }
}

fn out_of_service(until: Timestamp) -> Failure {
    let message = format!(
        "the last calls to the marketplace got no usable answer, so none is sent before {}",
        until.to_rfc3339_secs()
    );
    Failure { resume_at: Some(until), no_effect: true, ..Failure::unavailable(message) }
}

fn used_up(operation: &str, resume_at: Timestamp) -> Failure {
    let message = format!(
        "the channel's allowance for {operation} calls is used up; the next one can go at {}",
        resume_at.to_rfc3339_secs()
    );
    Failure::rate_limited(message, resume_at)
}

#[cfg(test)]
mod tests;
