//! Syncs under way and ended, of one order or of a channel.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::error::ErrorJson;
use super::{Answer, Call};
use crate::model::{ChannelId, OrderKey, SyncId, Timestamp};
use crate::store::{Asked, Command, SyncPhase, SyncRunState, SyncStatus};
use crate::web::problem::Problem;
use crate::web::query::Query;
use crate::web::reply;
use crate::web::state::Api;

/// No estimate before this much time and this share have passed: it would jump.
const ESTIMATE_AFTER: Duration = Duration::from_secs(10);
const ESTIMATE_FROM_PERCENT: u64 = 5;

#[derive(Serialize)]
struct SyncJson<'a> {
    id: SyncId,
    channel: &'a ChannelId,
    order_id: Option<&'a OrderKey>,
    state: SyncRunState,
    phase: SyncPhase,
    since: Option<Timestamp>,
    started_by: Option<&'a str>,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    found: u64,
    done: u64,
    failed: u64,
    eta_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorJson<'a>>,
}

impl<'a> SyncJson<'a> {
    fn of(sync: &'a SyncStatus, now: Timestamp) -> Self {
        Self {
            id: sync.id,
            channel: &sync.channel,
            order_id: sync.order.as_ref(),
            state: sync.state,
            phase: sync.phase,
            since: sync.since,
            started_by: sync.started_by.as_deref(),
            started_at: sync.started_at,
            ended_at: sync.ended_at,
            found: sync.found,
            done: sync.done,
            failed: sync.failed,
            eta_seconds: eta(sync, now),
            error: sync.error.as_ref().map(ErrorJson::from),
        }
    }
}

/// A sync's progress, for the stream of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SyncNews {
    pub sync_id: SyncId,
    pub channel: ChannelId,
    pub order_id: Option<OrderKey>,
    pub state: SyncRunState,
    pub found: u64,
    pub done: u64,
    pub failed: u64,
    pub eta_seconds: Option<u64>,
}

impl SyncNews {
    pub fn of(sync: SyncStatus, now: Timestamp) -> Self {
        Self {
            eta_seconds: eta(&sync, now),
            sync_id: sync.id,
            channel: sync.channel,
            order_id: sync.order,
            state: sync.state,
            found: sync.found,
            done: sync.done,
            failed: sync.failed,
        }
    }

    pub fn is_over(&self) -> bool {
        self.state != SyncRunState::Running
    }
}

/// Seconds that the rest will take at the pace so far. `None` while that cannot be told: at the
/// very start, and while the marketplace has not said how many orders there are.
pub fn eta(sync: &SyncStatus, now: Timestamp) -> Option<u64> {
    if sync.state != SyncRunState::Running {
        return None;
    }
    let all = match sync.phase {
        SyncPhase::Syncing => sync.found,
        SyncPhase::Listing => sync.total?.max(sync.found),
    };
    let over = sync.done + sync.failed;
    let elapsed = now.since(sync.started_at);
    if over == 0 || elapsed < ESTIMATE_AFTER || over * 100 < all * ESTIMATE_FROM_PERCENT {
        return None;
    }
    Some(elapsed.as_secs().saturating_mul(all.saturating_sub(over)) / over)
}

fn id(call: &Call) -> Result<SyncId, Problem> {
    call.id.parse().map_err(|_| no_sync())
}

fn no_sync() -> Problem {
    Problem::not_found("There is no such sync here. Syncs that ended long ago are forgotten.")
}

/// `GET /api/v1/syncs/{id}`
pub async fn one(api: &Arc<Api>, call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    show(api, id(call)?).await
}

/// `DELETE /api/v1/syncs/{id}`: what is done stays.
pub async fn stop(api: &Arc<Api>, call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    let id = id(call)?;
    halt(api, id, call.asked()).await?;
    show(api, id).await
}

/// Stops a bulk sync.
pub async fn halt(api: &Arc<Api>, id: SyncId, asked: Asked) -> Result<(), Problem> {
    let known = api.read(move |store| store.sync_status(id)).await?.ok_or_else(no_sync)?;
    api.store.command(Command::StopSync(id), asked, api.now()).await?;
    api.handle.nudge(&known.channel);
    Ok(())
}

async fn show(api: &Arc<Api>, id: SyncId) -> Answer {
    let sync = api.read(move |store| store.sync_status(id)).await?.ok_or_else(no_sync)?;
    Ok(reply::ok(&SyncJson::of(&sync, api.now())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(phase: SyncPhase, found: u64, over: u64, total: Option<u64>) -> SyncStatus {
        SyncStatus {
            id: SyncId(uuid::Uuid::nil()),
            channel: ChannelId::new("tienda").expect("an id"),
            order: None,
            state: SyncRunState::Running,
            phase,
            since: None,
            started_by: None,
            started_at: Timestamp::EPOCH,
            ended_at: None,
            found,
            done: over,
            failed: 0,
            total,
            token: None,
            boot: 1,
            error: None,
            failed_orders: Vec::new(),
        }
    }

    #[test]
    fn an_estimate_waits_until_it_can_hold() {
        let cases = [
            // A hundred of four hundred in a hundred seconds: three hundred more.
            (SyncPhase::Syncing, 400, 100, None, 100, Some(300)),
            (SyncPhase::Syncing, 400, 100, None, 9, None),
            (SyncPhase::Syncing, 400, 19, None, 100, None),
            (SyncPhase::Syncing, 400, 0, None, 100, None),
            (SyncPhase::Syncing, 400, 400, None, 100, Some(0)),
            (SyncPhase::Listing, 100, 50, None, 100, None),
            (SyncPhase::Listing, 100, 50, Some(200), 100, Some(300)),
        ];
        for (phase, found, over, total, seconds, wanted) in cases {
            let sync = status(phase, found, over, total);
            assert_eq!(
                eta(&sync, Timestamp::from_secs(seconds)),
                wanted,
                "{phase:?} {found} {over} {seconds}"
            );
        }
    }

    #[test]
    fn what_is_over_takes_no_more_time() {
        let ended = SyncStatus { state: SyncRunState::Done, ..status(SyncPhase::Syncing, 4, 4, None) };
        assert_eq!(eta(&ended, Timestamp::from_secs(100)), None);
    }
}
