//! The end of a run: what the fetch gave is merged, or why it gave nothing is written down.

use std::time::Duration;

use super::absorb::{changed, remember_aliases, take_events};
use super::failures::{self, Subject};
use super::jobs::{self, Job, Want};
use super::orders::Draft;
use super::txn::Txn;
use super::{
    Claim, Finished, Incident, Store, StoreError, SyncOutcome, actions, changes, connections, incidents,
    syncs,
};
use crate::model::{
    ConnectionStatus, Event, EventKind, Failure, FailureKind, Lane, Observation, OrderKey, SyncError, SyncId,
    SyncInfo, SyncState, Timestamp,
};
use crate::sync::{Applied, Merged, Merging, merge};

/// Waits before an order that was announced but never read is looked for again: it may be too new to
/// be read.
const LOOK_AGAIN: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(30), Duration::from_mins(2)];
/// So long an order that is stored but was never read counts as new.
const NEW_FOR: Duration = Duration::from_mins(10);
/// Waits before a fetch that was answered without some of its parts is repeated.
const COMPLETE_AGAIN: [Duration; 3] =
    [Duration::from_mins(2), Duration::from_mins(15), Duration::from_hours(1)];
/// From this attempt on a failing order counts as failed for its bulk sync.
const BULK_PATIENCE: u32 = 3;
/// At this attempt, some forty seconds after the first, a failing order is told.
const TOLD_AT_ATTEMPT: u32 = 4;

const OUT_OF_REACH: &str = "out_of_reach";

impl Store {
    /// T finish: what the fetch gave, merged; the job's `done` moves to the claim's generation.
    /// Tables of orders, `jobs`, `due`, `started`, `failures`, `syncs`. Killed before: the fetch is
    /// repeated; killed after: nothing is.
    pub async fn finish_sync(
        &self,
        kind: &'static str,
        claim: Claim,
        outcome: SyncOutcome,
        now: Timestamp,
    ) -> Result<Finished, StoreError> {
        self.write("finish_sync", move |tx| {
            let run = Finishing { claim, now };
            match outcome {
                SyncOutcome::Found(seen) => run.found(tx, kind, *seen),
                SyncOutcome::Missing { reach } => run.missing(tx, reach),
                SyncOutcome::Failed { failure, retry_at } => run.failed(tx, &failure, retry_at),
            }
        })
        .await
    }
}

struct Finishing {
    claim: Claim,
    now: Timestamp,
}

impl Finishing {
    fn key(&self) -> &OrderKey {
        &self.claim.order
    }

    fn is_manual(&self) -> bool {
        self.claim.lane == Lane::Manual
    }

    fn event(&self, kind: EventKind, summary: impl Into<String>) -> Event {
        Event::new(self.now, kind, Some(self.claim.lane.trigger()), summary)
            .by(self.claim.by.clone())
            .attempt(self.claim.attempt)
    }

    fn found(&self, tx: &mut Txn<'_>, kind: &'static str, seen: Observation) -> Result<Finished, StoreError> {
        let key = self.key();
        let (stamp, incomplete) = (seen.changed_at, seen.incomplete);
        remember_aliases(tx, key, &seen.aliases)?;
        let known = Draft::open(tx, key)?;
        let merging = Merging { key, channel_kind: kind, trigger: self.claim.lane.trigger(), now: self.now };
        let merged = merge(known.as_ref().map(|draft| (&draft.order, &draft.person)), seen, merging);
        let mut finished = Finished::default();
        let (mut draft, news) = match (merged, known) {
            (Merged::Applied(applied), known) => {
                let Applied { order, person, created, events, fields, anomalies, .. } = *applied;
                finished.anomalies = anomalies;
                let mut draft = match known {
                    Some(known) => Draft { order, person, ..known },
                    None => Draft::create(order, person, take_events(tx, key)?),
                };
                draft.tell_all(events.into_iter().map(|event| event.by(self.claim.by.clone())));
                (draft, (created || !fields.is_empty()).then_some((created, fields)))
            }
            (Merged::Unchanged { order, .. }, Some(known)) => (Draft { order: *order, ..known }, None),
            (_, Some(known)) => (known, None),
            (_, None) => return Err(StoreError::NotFound("order")),
        };
        let last = draft.order.last_action.as_ref();
        finished.in_doubt = last.filter(|last| actions::may_have_acted(last.state)).map(|last| last.id);
        let was = draft.order.sync.state;
        let mended = draft.order.sync.error.is_some() || was == SyncState::Missing;
        if news.is_some() {
            draft.tell(self.event(EventKind::SyncSucceeded, "Synced: what changed is stored"));
        } else if self.is_manual() || mended {
            draft.tell(self.event(EventKind::SyncSucceeded, "Up to date, nothing changed"));
        }
        let job = jobs::load(tx, key)?;
        let bulk = job.as_ref().and_then(|job| self.bulk_reached(job)).or(draft.order.sync.bulk);
        let misses = job.map_or(0, |job| job.misses);
        finished.again = self.succeed(tx)?;
        let completed_later = incomplete && !finished.again && self.complete_later(tx, misses)?;
        let state = if finished.again || completed_later { SyncState::Pending } else { SyncState::Synced };
        draft.order.sync = SyncInfo { state, last_success_at: Some(self.now), error: None, bulk };
        if let Some((created, fields)) = news {
            let seq = changes::append(tx, &draft.order, created, fields, self.now)?;
            finished.changed = Some(changed(&draft.order, created, seq, stamp, self.now));
        }
        draft.save(tx)?;
        Ok(finished)
    }

    /// The channel held a part of the order back: it is read again a few times. Whatever else asks for
    /// the order meanwhile is not kept waiting by that. Answers whether a reading is due.
    fn complete_later(&self, tx: &mut Txn<'_>, misses: u32) -> Result<bool, StoreError> {
        let Some(wait) = COMPLETE_AGAIN.get(misses as usize) else { return Ok(false) };
        jobs::want(tx, self.key(), Want::at(Lane::Poll, self.now.plus(*wait)))?;
        let job = jobs::load(tx, self.key())?;
        let next = job.clone().map(|job| Job { misses: misses + 1, ..job });
        jobs::save(tx, self.key(), job.as_ref(), next.as_ref())?;
        Ok(true)
    }

    fn missing(&self, tx: &mut Txn<'_>, reach: Option<Duration>) -> Result<Finished, StoreError> {
        let Some(draft) = Draft::open(tx, self.key())? else {
            return self.missing_unstored(tx);
        };
        let error = Failure::not_found("The channel does not have this order any more.").to_error(None);
        match reach {
            Some(reach) if draft.order.placed_at < self.now.minus(reach) => {
                self.out_of_reach(tx, draft, &error)
            }
            _ if self.may_be_too_new(&draft) && self.look_again(tx, &error)? => Ok(Finished::default()),
            _ => self.gone(tx, draft, error),
        }
    }

    /// A delivery brought it whole, and the channel's own reading may trail behind.
    fn may_be_too_new(&self, draft: &Draft) -> bool {
        let order = &draft.order;
        let new = order.version.fetched_at.is_none() && self.now.since(order.created_at) < NEW_FOR;
        new && !self.is_manual()
    }

    /// Puts the order back for a while, a few times. Answers whether it did.
    fn look_again(&self, tx: &mut Txn<'_>, error: &SyncError) -> Result<bool, StoreError> {
        let Some(job) = jobs::load(tx, self.key())? else { return Ok(false) };
        let Some(wait) = LOOK_AGAIN.get(job.misses as usize) else { return Ok(false) };
        let mut next = self.put_back(&job, self.now.plus(*wait));
        next.misses += 1;
        self.answer_waiters(tx, &mut next, Some(error))?;
        jobs::save(tx, self.key(), Some(&job), Some(&next))?;
        Ok(true)
    }

    /// Too old for the channel to show: the copy here is as good as it gets.
    fn out_of_reach(
        &self,
        tx: &mut Txn<'_>,
        mut draft: Draft,
        error: &SyncError,
    ) -> Result<Finished, StoreError> {
        let mut anomalies = Vec::new();
        if !draft.order.told.iter().any(|code| code == OUT_OF_REACH) {
            draft.order.told.push(OUT_OF_REACH.to_owned());
            draft.tell(self.event(
                EventKind::Anomaly,
                "The channel shows no orders this old any more. The copy here stays as it is.",
            ));
            anomalies.push(OUT_OF_REACH.to_owned());
        }
        let again = self.settle(tx, Some(error))?;
        draft.order.sync.state = if again { SyncState::Pending } else { SyncState::Synced };
        draft.save(tx)?;
        Ok(Finished { again, anomalies, ..Finished::default() })
    }

    fn gone(&self, tx: &mut Txn<'_>, mut draft: Draft, error: SyncError) -> Result<Finished, StoreError> {
        let known = draft.order.sync.error.as_ref().is_some_and(|e| e.kind == FailureKind::NotFound);
        if !known || self.is_manual() {
            let told = self
                .event(EventKind::MissingAtSource, "The channel does not have this order any more")
                .error(error.clone());
            draft.tell(told);
        }
        let again = self.settle(tx, Some(&error))?;
        failures::put(tx, &Subject::Sync(self.key().clone()), error.clone(), self.claim.attempt, self.now)?;
        draft.order.sync.state = if again { SyncState::Pending } else { SyncState::Missing };
        draft.order.sync.error = Some(error);
        draft.save(tx)?;
        Ok(Finished { again, ..Finished::default() })
    }

    /// Perhaps too new to be read: looked for again, unless only a person asked for it.
    fn missing_unstored(&self, tx: &mut Txn<'_>) -> Result<Finished, StoreError> {
        let mut finished = Finished::default();
        let error = Failure::not_found("The channel has no such order.").to_error(None);
        let Some(job) = jobs::load(tx, self.key())? else { return Ok(finished) };
        let announced = job.events.iter().any(|event| event.kind != EventKind::SyncRequested);
        if (announced || !self.is_manual()) && self.look_again(tx, &error)? {
            return Ok(finished);
        }
        finished.again = self.settle(tx, Some(&error))?;
        if announced {
            finished.anomalies.push("order_not_found".to_owned());
        }
        Ok(finished)
    }

    fn failed(
        &self,
        tx: &mut Txn<'_>,
        failure: &Failure,
        retry_at: Option<Timestamp>,
    ) -> Result<Finished, StoreError> {
        let key = self.key();
        let error = failure.to_error(retry_at);
        let subject = Subject::Sync(key.clone());
        let before = failures::of(tx, &subject)?;
        let waits = matches!(failure.kind, FailureKind::RateLimited | FailureKind::Permission);
        let repeated = before.is_some_and(|b| b.error.kind == failure.kind && b.error.retry_at.is_some());
        let tell = self.is_manual() || retry_at.is_none() || !(waits && repeated);
        let event = self.event(EventKind::SyncFailed, summary_of(failure, retry_at)).error(error.clone());
        failures::put(tx, &subject, error.clone(), self.claim.attempt, self.now)?;

        let mut again = false;
        let job = jobs::load(tx, key)?;
        let stored = Draft::open(tx, key)?;
        if let Some(job) = &job {
            let mut next = self.put_back(job, retry_at.unwrap_or(self.now));
            again = retry_at.is_none() && next.wanted > self.claim.seen;
            next.parked = retry_at.is_none() && !again;
            if again {
                next.attempts = 0;
            }
            self.answer_waiters(tx, &mut next, Some(&error))?;
            if next.parked || self.claim.attempt >= BULK_PATIENCE {
                self.answer_bulk(tx, &mut next, false)?;
            }
            if tell && stored.is_none() {
                next.add_events(vec![event.clone()]);
            }
            jobs::save(tx, key, Some(job), Some(&next))?;
        }
        if let Some(mut draft) = stored {
            if tell {
                draft.tell(event);
            }
            draft.order.sync.state = if again { SyncState::Pending } else { SyncState::Failed };
            draft.order.sync.error = Some(error.clone());
            draft.save(tx)?;
        }
        if (retry_at.is_none() && !again) || self.is_worth_telling(tx, failure)? {
            incidents::open(tx, failed(key, failure, error), self.now)?;
        }
        Ok(Finished { again, ..Finished::default() })
    }

    /// An order that goes on failing is told before it is parked, hours later; not while its whole
    /// channel is in trouble, which is told by itself.
    fn is_worth_telling(&self, tx: &Txn<'_>, failure: &Failure) -> Result<bool, StoreError> {
        let stubborn = matches!(failure.kind, FailureKind::NetworkTimeout | FailureKind::Unavailable)
            && self.claim.attempt == TOLD_AT_ATTEMPT;
        let channel = connections::load(tx, &self.key().channel)?;
        Ok(stubborn && channel.is_none_or(|channel| channel.status == ConnectionStatus::Connected))
    }

    /// The run succeeded: no failure is left. Answers whether the order is wanted again.
    fn succeed(&self, tx: &mut Txn<'_>) -> Result<bool, StoreError> {
        let subject = Subject::Sync(self.key().clone());
        if failures::cure(tx, &subject, self.now)?.is_some() {
            incidents::close(tx, &format!("order:{}", self.key()), self.now)?;
        }
        self.settle(tx, None)
    }

    /// The generation is reached, with or without the order. Answers whether it is wanted again.
    fn settle(&self, tx: &mut Txn<'_>, error: Option<&SyncError>) -> Result<bool, StoreError> {
        let Some(job) = jobs::load(tx, self.key())? else { return Ok(false) };
        let mut next = job.clone();
        self.answer_waiters(tx, &mut next, error)?;
        self.answer_bulk(tx, &mut next, error.is_none())?;
        if job.wanted <= self.claim.seen {
            jobs::save(tx, self.key(), Some(&job), None)?;
            return Ok(false);
        }
        let next = Job {
            done: self.claim.seen,
            attempts: 0,
            interrupted: 0,
            misses: 0,
            ..self.put_back(&next, self.now)
        };
        jobs::save(tx, self.key(), Some(&job), Some(&next))?;
        Ok(true)
    }

    /// The job without this run, due at `due` or when what came meanwhile is due.
    fn put_back(&self, job: &Job, due: Timestamp) -> Job {
        let mut next = job.clone();
        if job.run.as_ref().is_none_or(|run| run.seen != self.claim.seen) {
            // Another run has taken over; its own end decides.
            return next;
        }
        let meanwhile = next.run.take().and_then(|run| run.next);
        // Nobody waits for a second attempt at what a person asked for.
        let own = if next.lane == Lane::Manual { Lane::Webhook } else { next.lane };
        next.lane = own;
        next.due = due;
        next.interrupted = 0;
        if let Some((lane, asked)) = meanwhile {
            next.lane = if due == self.now { lane } else { lane.min(own) };
            next.due = if lane == Lane::Manual { asked } else { due.max(asked) };
        }
        next
    }

    fn answer_waiters(
        &self,
        tx: &mut Txn<'_>,
        job: &mut Job,
        error: Option<&SyncError>,
    ) -> Result<(), StoreError> {
        let (reached, rest) = job.waiters.iter().partition(|waiter| waiter.generation <= self.claim.seen);
        job.waiters = rest;
        let reached: Vec<jobs::Waiter> = reached;
        for waiter in reached {
            syncs::settle(tx, waiter.sync, error.cloned(), self.now)?;
        }
        Ok(())
    }

    fn answer_bulk(&self, tx: &mut Txn<'_>, job: &mut Job, well: bool) -> Result<(), StoreError> {
        if let Some(sync) = self.bulk_reached(job) {
            job.bulk = None;
            syncs::count(tx, sync, self.key(), well, self.now)?;
        }
        Ok(())
    }

    /// The bulk sync that has its answer with this run.
    fn bulk_reached(&self, job: &Job) -> Option<SyncId> {
        job.bulk.filter(|bulk| bulk.generation <= self.claim.seen).map(|bulk| bulk.sync)
    }
}

fn summary_of(failure: &Failure, retry_at: Option<Timestamp>) -> String {
    let what = match failure.kind {
        FailureKind::NetworkTimeout => "the channel did not answer",
        FailureKind::RateLimited => "the channel asks to wait",
        FailureKind::Permission => "the channel refuses access",
        FailureKind::NotFound => "the channel does not have it",
        FailureKind::Unavailable => "the channel is having trouble",
        FailureKind::InvalidRequest => "the channel refuses the request",
        FailureKind::Unsupported => "the channel cannot do this",
    };
    match retry_at {
        Some(at) => format!("Sync failed: {what}. Tried again at {at}"),
        None => format!("Sync failed: {what}. Not tried again by itself"),
    }
}

fn failed(key: &OrderKey, failure: &Failure, error: SyncError) -> Incident {
    Incident {
        key: format!("order:{key}"),
        kind: "sync_failed",
        channel: Some(key.channel.clone()),
        order: Some(key.clone()),
        message: format!("Order {key} could not be synced: {}", error.message),
        advice: failure.advice().to_owned(),
        error: Some(error),
    }
}
