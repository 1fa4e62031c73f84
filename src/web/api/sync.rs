//! Asking for syncs: of one order, of a channel, of all channels.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::{Answer, Call, command, surprised};
use crate::model::{ChannelId, SyncId, Timestamp};
use crate::store::{Asked, Command, CommandAnswer, CommandError};
use crate::web::fields::Fields;
use crate::web::problem::Problem;
use crate::web::query::Query;
use crate::web::reply;
use crate::web::state::Api;

/// What a bulk sync covers without a `since`.
const DEFAULT_REACH: Duration = Duration::from_secs(7 * 86_400);

#[derive(Serialize)]
struct Started {
    sync_id: SyncId,
}

/// `POST /api/v1/orders/{id}/sync`. The order need not be known here yet.
pub async fn order(api: &Arc<Api>, call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    Fields::parse(&call.body, &[])?;
    let key = call.order()?;
    let connection = api.enabled(key.channel.as_str())?;
    match command(api, call, Command::SyncOrder(key)).await? {
        CommandAnswer::Sync(sync_id) => {
            api.handle.nudge(&connection.id);
            api.live.follow_sync(sync_id);
            Ok(reply::accepted(&Started { sync_id }))
        }
        other => Err(surprised(&other)),
    }
}

/// `POST /api/v1/channels/{id}/sync`
pub async fn channel(api: &Arc<Api>, call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    let since = since(api.now(), &call.body)?;
    let connection = api.enabled(&call.id)?;
    let channel = connection.id.clone();
    match command(api, call, Command::SyncChannel { channel, since }).await? {
        CommandAnswer::Sync(sync_id) => {
            api.handle.nudge(&connection.id);
            api.live.follow_sync(sync_id);
            Ok(reply::accepted(&Started { sync_id }))
        }
        other => Err(surprised(&other)),
    }
}

/// One channel of a sync of all.
#[derive(Serialize)]
struct StartedOn {
    channel: ChannelId,
    sync_id: SyncId,
    /// False when a sync was running already: the id is that one's.
    started: bool,
}

#[derive(Serialize)]
struct StartedOnAll {
    syncs: Vec<StartedOn>,
}

/// `POST /api/v1/sync`: every channel that is turned on.
pub async fn all(api: &Arc<Api>, call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    let now = api.now();
    let since = since(now, &call.body)?;
    let mut syncs = Vec::new();
    for connection in api.handle.channels().into_iter().filter(|connection| connection.enabled) {
        let channel = connection.id.clone();
        let asked = per_channel(call.asked(), &channel);
        let command = Command::SyncChannel { channel: channel.clone(), since };
        let (sync_id, started) = match api.store.command(command, asked, now).await {
            Ok(CommandAnswer::Sync(id)) => (id, true),
            Err(CommandError::Running(id)) => (id, false),
            Ok(other) => return Err(surprised(&other)),
            Err(error) => return Err(error.into()),
        };
        api.handle.nudge(&channel);
        api.live.follow_sync(sync_id);
        syncs.push(StartedOn { channel, sync_id, started });
    }
    Ok(reply::accepted(&StartedOnAll { syncs }))
}

/// One request, several commands: each has its share of the idempotency key.
fn per_channel(asked: Asked, channel: &ChannelId) -> Asked {
    Asked { key: asked.key.map(|(key, hash)| (format!("{key}/{channel}"), hash)), ..asked }
}

fn since(now: Timestamp, body: &[u8]) -> Result<Timestamp, Problem> {
    let fields = Fields::parse(body, &["since"])?;
    let since = fields.time("since")?.unwrap_or_else(|| now.minus(DEFAULT_REACH));
    if since > now {
        return Err(Problem::field("since", "since lies in the future. Choose an earlier time."));
    }
    Ok(since)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_secs(1_764_000_000)
    }

    #[test]
    fn a_bulk_sync_reaches_back_a_week_unless_told_otherwise() {
        assert_eq!(since(now(), b"").ok(), Some(now().minus(Duration::from_secs(604_800))));
        let body = br#"{"since":"2025-11-01T00:00:00Z"}"#;
        assert_eq!(since(now(), body).ok(), Timestamp::parse("2025-11-01T00:00:00Z"));
    }

    #[test]
    fn the_future_cannot_be_synced() {
        let refused = since(now(), br#"{"since":"2035-11-01T00:00:00Z"}"#).expect_err("refused");
        assert_eq!((refused.status.as_u16(), refused.field.as_deref()), (422, Some("since")));
    }
}
