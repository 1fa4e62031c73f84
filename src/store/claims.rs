//! Which due jobs are run next.
//!
//! Lanes share a channel's permits by weight, so that a person never waits behind a bulk sync and
//! a bulk sync is never starved.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use super::jobs::{self, Job, Run, Running};
use super::rows::{GO_ON, Rows, STOP, Span};
use super::tables::Tab;
use super::txn::Txn;
use super::{Claim, Store, StoreError, actions, keys, syncs};
use crate::model::{ChannelId, ChannelOrderId, Lane, OrderKey, SyncId, Timestamp};

/// Turns of the lanes that share what persons and actions leave.
const TURNS: [Lane; 7] =
    [Lane::Webhook, Lane::Poll, Lane::Webhook, Lane::Bulk, Lane::Webhook, Lane::Poll, Lane::Webhook];

/// A suspect that has waited for this long for its channel to be quiet runs beside others.
const ALONE_FOR_AT_MOST: Duration = Duration::from_mins(10);

/// Orders of a stopped bulk sync that one claim clears away.
const CLEARED: usize = 500;

impl Store {
    /// T claim: due jobs by weighted lane, at most `limit`, none of `in_flight`, none in a lane
    /// less urgent than `least_urgent`. Writes the boot and counts the attempt. Tables `jobs`, `started`.
    pub async fn claim_due(
        &self,
        channel: &ChannelId,
        limit: usize,
        in_flight: Vec<ChannelOrderId>,
        least_urgent: Lane,
        now: Timestamp,
    ) -> Result<Vec<Claim>, StoreError> {
        let channel = channel.clone();
        self.write("claim_due", move |tx| {
            claim(tx, &channel, limit, &in_flight.into_iter().collect(), least_urgent, now)
        })
        .await
    }

    /// When the next job, action or unresolved delivery of the channel is due; what is under way
    /// aside. In the past when something waits for a permit.
    pub fn next_due(&self, channel: &ChannelId) -> Result<Option<Timestamp>, StoreError> {
        let rows = self.snapshot()?;
        let now = self.shared.clock.now();
        let running = running(&rows, channel, self.boot())?;
        let mut next = None;
        if !running.values().any(|run| run.alone) {
            for lane in Lane::ALL {
                let found = first_due(&rows, channel, *lane, &running, now)?;
                next = [next, found].into_iter().flatten().min();
            }
        }
        let action = actions::next_due(&rows, channel, now)?;
        let waiting = rows.first(Tab::Waiting, &Span::prefix(keys::Key::of(channel).done()))?;
        let waiting = waiting.and_then(|(row, _)| {
            let mut cut = keys::Cut(&row);
            cut.channel()?;
            cut.time()
        });
        Ok([next, action, waiting].into_iter().flatten().min())
    }
}

/// The runs of this start.
fn running(
    rows: &impl Rows,
    channel: &ChannelId,
    boot: u64,
) -> Result<HashMap<ChannelOrderId, Running>, StoreError> {
    let mut found = HashMap::new();
    rows.walk(Tab::Started, &Span::prefix(keys::Key::of(channel).done()), &mut |key, value| {
        let run = Running::from_bytes(value).filter(|run| run.boot == boot);
        found.extend(keys::Cut(key).order().map(|key| key.order).zip(run));
        GO_ON
    })?;
    Ok(found)
}

fn first_due(
    rows: &impl Rows,
    channel: &ChannelId,
    lane: Lane,
    running: &HashMap<ChannelOrderId, Running>,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let mut first = None;
    rows.walk(Tab::Due, &Span::prefix(keys::lane(channel, lane).done()), &mut |row, _| {
        let Some((_, due, key)) = jobs::cut_due(row) else { return GO_ON };
        if running.contains_key(&key.order) {
            return GO_ON;
        }
        let suspect = !running.is_empty() && jobs::load(rows, &key)?.is_some_and(|job| job.is_suspect());
        if suspect && due.plus(ALONE_FOR_AT_MOST) > now {
            return GO_ON;
        }
        first = Some(due);
        STOP
    })?;
    Ok(first)
}

fn claim(
    tx: &mut Txn<'_>,
    channel: &ChannelId,
    limit: usize,
    in_flight: &HashSet<ChannelOrderId>,
    least_urgent: Lane,
    now: Timestamp,
) -> Result<Vec<Claim>, StoreError> {
    let running = running(tx, channel, tx.boot())?;
    let under_way = |order: &ChannelOrderId| running.get(order).filter(|_| in_flight.contains(order));
    if limit == 0 || in_flight.iter().any(|order| under_way(order).is_some_and(|run| run.alone)) {
        return Ok(Vec::new());
    }
    let mut queues = HashMap::new();
    for lane in Lane::ALL.iter().filter(|lane| **lane <= least_urgent) {
        queues.insert(*lane, due_in(tx, channel, *lane, in_flight, limit, now)?);
    }
    let bulk_running =
        in_flight.iter().filter(|order| under_way(order).is_some_and(|run| run.lane == Lane::Bulk)).count();
    let bulk_room = ((limit + in_flight.len()) / 4).max(1).saturating_sub(bulk_running);
    let mut turn = tx.memory.turns.get(channel).copied().unwrap_or(0);
    let picked = share(queues, limit, bulk_room, &mut turn);
    tx.memory.turns.insert(channel.clone(), turn);

    let mut claims = Vec::new();
    for key in picked {
        let Some(job) = jobs::load(tx, &key)? else { continue };
        let keep_apart = job.is_suspect() && job.due.plus(ALONE_FOR_AT_MOST) > now;
        if keep_apart && in_flight.is_empty() {
            claims.clear();
            return Ok(vec![begin(tx, &key, &job)?]);
        }
        if !keep_apart {
            claims.push((key, job));
        }
    }
    claims.iter().map(|(key, job)| begin(tx, key, job)).collect()
}

/// Due orders of one lane, oldest first. Those of a stopped bulk sync are cleared away.
fn due_in(
    tx: &mut Txn<'_>,
    channel: &ChannelId,
    lane: Lane,
    in_flight: &HashSet<ChannelOrderId>,
    limit: usize,
    now: Timestamp,
) -> Result<VecDeque<OrderKey>, StoreError> {
    let end = keys::lane(channel, lane).time(now).tail(&[u8::MAX]).done();
    let span = Span::prefix(keys::lane(channel, lane).done()).before(end);
    let most = if lane == Lane::Bulk { limit.max(CLEARED) } else { limit };
    let mut found = VecDeque::new();
    tx.walk(Tab::Due, &span, &mut |row, _| {
        let key = jobs::cut_due(row).map(|(_, _, key)| key).filter(|key| !in_flight.contains(&key.order));
        found.extend(key);
        if found.len() < most { GO_ON } else { STOP }
    })?;
    if lane == Lane::Bulk {
        let mut running = HashMap::new();
        let mut kept = VecDeque::new();
        for key in found {
            if kept.len() == limit {
                break;
            }
            if !clear_if_stopped(tx, &key, &mut running)? {
                kept.push_back(key);
            }
        }
        return Ok(kept);
    }
    Ok(found)
}

/// Drops the job of a bulk sync that does not run any more; answers whether it did.
fn clear_if_stopped(
    tx: &mut Txn<'_>,
    key: &OrderKey,
    running: &mut HashMap<SyncId, bool>,
) -> Result<bool, StoreError> {
    let Some(job) = jobs::load(tx, key)? else { return Ok(false) };
    let Some(bulk) = job.bulk.filter(|_| job.run.is_none() && job.attempts == 0 && job.waiters.is_empty())
    else {
        return Ok(false);
    };
    let runs = match running.get(&bulk.sync) {
        Some(runs) => *runs,
        None => syncs::is_running(tx, bulk.sync)?,
    };
    running.insert(bulk.sync, runs);
    if !runs {
        jobs::save(tx, key, Some(&job), None)?;
        jobs::rest(tx, key)?;
    }
    Ok(!runs)
}

fn begin(tx: &mut Txn<'_>, key: &OrderKey, job: &Job) -> Result<Claim, StoreError> {
    let orphaned = job.run.is_some();
    let begun = Job {
        attempts: job.attempts + 1,
        interrupted: job.interrupted + u32::from(orphaned),
        run: Some(Run { boot: tx.boot(), seen: job.wanted, next: None }),
        ..job.clone()
    };
    jobs::save(tx, key, Some(job), Some(&begun))?;
    Ok(Claim {
        order: key.clone(),
        seen: begun.wanted,
        lane: begun.lane,
        attempt: begun.attempts,
        interrupted: begun.interrupted,
        by: begun.by.filter(|_| begun.lane == Lane::Manual),
        known: tx.has(Tab::Orders, &keys::order(key))?,
    })
}

/// Who gets the `limit` permits: persons and actions first, then by turns. `bulk_room` is how many
/// a bulk sync may take while others wait.
fn share(
    mut queues: HashMap<Lane, VecDeque<OrderKey>>,
    limit: usize,
    mut bulk_room: usize,
    turn: &mut usize,
) -> Vec<OrderKey> {
    let mut picked = Vec::new();
    for lane in [Lane::Manual, Lane::Action] {
        let queue = queues.remove(&lane).unwrap_or_default();
        picked.extend(queue.into_iter().take(limit - picked.len()));
    }
    let mut take = |lane: Lane| queues.get_mut(&lane).and_then(VecDeque::pop_front);
    let mut idle = 0;
    while picked.len() < limit && idle < TURNS.len() {
        let lane = TURNS[*turn % TURNS.len()];
        *turn = turn.wrapping_add(1);
        let next = if lane == Lane::Bulk && bulk_room == 0 { None } else { take(lane) };
        match next {
            Some(key) => {
                bulk_room -= usize::from(lane == Lane::Bulk);
                idle = 0;
                picked.push(key);
            }
            None => idle += 1,
        }
    }
    // Nobody else waits: a bulk sync may have it all.
    while picked.len() < limit
        && let Some(key) = take(Lane::Bulk)
    {
        picked.push(key);
    }
    picked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queues(counts: &[(Lane, usize)]) -> HashMap<Lane, VecDeque<OrderKey>> {
        let orders = |lane: &Lane, count: &usize| {
            (0..*count).map(|n| format!("{lane}:{n}").parse().expect("key")).collect()
        };
        counts.iter().map(|(lane, count)| (*lane, orders(lane, count))).collect()
    }

    fn counted(picked: &[OrderKey]) -> HashMap<&str, usize> {
        picked.iter().fold(HashMap::new(), |mut counts, key| {
            *counts.entry(key.channel.as_str()).or_default() += 1;
            counts
        })
    }

    #[test]
    fn a_person_goes_first_and_the_others_share_four_to_two_to_one() {
        let all = [(Lane::Manual, 2), (Lane::Webhook, 90), (Lane::Poll, 90), (Lane::Bulk, 90)];
        let picked = share(queues(&all), 16, 4, &mut 0);
        assert_eq!(picked[0].channel.as_str(), "manual");
        let counts = counted(&picked);
        assert_eq!((counts["manual"], counts["webhook"], counts["poll"], counts["bulk"]), (2, 8, 4, 2));
    }

    #[test]
    fn bulk_keeps_to_a_quarter_while_others_wait_and_takes_all_when_alone() {
        let picked = share(queues(&[(Lane::Poll, 90), (Lane::Bulk, 90)]), 16, 0, &mut 0);
        assert_eq!(counted(&picked).get("bulk"), None);
        let picked = share(queues(&[(Lane::Bulk, 90)]), 16, 0, &mut 0);
        assert_eq!(counted(&picked)["bulk"], 16);
    }

    #[test]
    fn one_permit_at_a_time_still_starves_nobody() {
        let mut turn = 0;
        let mut seen = HashSet::new();
        for _ in 0..7 {
            let waiting = queues(&[(Lane::Webhook, 9), (Lane::Poll, 9), (Lane::Bulk, 9)]);
            seen.extend(share(waiting, 1, 1, &mut turn).into_iter().map(|key| key.channel));
        }
        assert_eq!(seen.len(), 3);
    }
}
