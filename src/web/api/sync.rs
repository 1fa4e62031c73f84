//! Asking for syncs: of one order, of a channel, of all channels.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::{Answer, Call, surprised};
use crate::model::{ChannelId, OrderKey, SyncId, Timestamp};
use crate::store::{Asked, Command, CommandAnswer, CommandError};
use crate::web::fields::Fields;
use crate::web::problem::Problem;
use crate::web::query::Query;
use crate::web::reply;
use crate::web::state::Api;

/// What a bulk sync covers without a `since`.
const DEFAULT_REACH: Duration = Duration::from_hours(168);

#[derive(Serialize)]
struct Started {
    sync_id: SyncId,
}

/// `POST /api/v1/orders/{id}/sync`. The order need not be known here yet.
pub async fn order(api: &Arc<Api>, call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    Fields::parse(&call.body, &[])?;
    let sync_id = of_order(api, call.order()?, call.asked()).await?;
    Ok(reply::accepted(&Started { sync_id }))
}

/// The marketplace is asked about this order now.
pub async fn of_order(api: &Api, key: OrderKey, asked: Asked) -> Result<SyncId, Problem> {
    let connection = api.enabled(key.channel.as_str())?;
    start(api, &connection.id, Command::SyncOrder(key), asked).await
}

/// `POST /api/v1/channels/{id}/sync`
pub async fn channel(api: &Arc<Api>, call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    let since = since(api.now(), &call.body)?;
    let sync_id = begin(api, &call.id, since, call.asked()).await?;
    Ok(reply::accepted(&Started { sync_id }))
}

/// Starts a bulk sync of a channel, of what changed since then. The problem names the one that is running.
pub async fn begin(api: &Api, channel: &str, since: Timestamp, asked: Asked) -> Result<SyncId, Problem> {
    let channel = api.enabled(channel)?.id.clone();
    start(api, &channel, Command::SyncChannel { channel: channel.clone(), since }, asked).await
}

async fn start(api: &Api, channel: &ChannelId, command: Command, asked: Asked) -> Result<SyncId, Problem> {
    match api.store.command(command, asked, api.now()).await? {
        CommandAnswer::Sync(sync_id) => {
            api.handle.nudge(channel);
            api.live.follow_sync(sync_id);
            Ok(sync_id)
        }
        other => Err(surprised(&other)),
    }
}

/// One channel of a sync of all.
#[derive(Serialize)]
pub struct StartedOn {
    pub channel: ChannelId,
    pub sync_id: SyncId,
    /// False when a sync was running already: the id is that one's.
    pub started: bool,
}

#[derive(Serialize)]
struct StartedOnAll {
    syncs: Vec<StartedOn>,
}

/// `POST /api/v1/sync`: every channel that is turned on.
pub async fn all(api: &Arc<Api>, call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    let since = since(api.now(), &call.body)?;
    let syncs = begin_all(api, since, &call.asked()).await?;
    Ok(reply::accepted(&StartedOnAll { syncs }))
}

/// Starts a bulk sync of every channel that is turned on and has none running.
pub async fn begin_all(api: &Api, since: Timestamp, asked: &Asked) -> Result<Vec<StartedOn>, Problem> {
    let now = api.now();
    let mut syncs = Vec::new();
    for connection in api.handle.channels().into_iter().filter(|connection| connection.enabled) {
        let channel = connection.id.clone();
        let asked = per_channel(asked.clone(), &channel);
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
    Ok(syncs)
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
