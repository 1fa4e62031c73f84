//! Parked work: what failed, and putting it back to work.

use std::sync::Arc;

use serde::Serialize;

use super::error::ErrorJson;
use super::{Answer, Call, List, command, surprised};
use crate::model::{ActionId, ChannelId, OrderKey, Timestamp};
use crate::store::{Asked, Command, CommandAnswer, FailedWhat, FailureRow};
use crate::web::fields::Fields;
use crate::web::problem::Problem;
use crate::web::query::Query;
use crate::web::reply;
use crate::web::state::Api;

#[derive(Serialize)]
struct FailureJson<'a> {
    id: &'a str,
    what: FailedWhat,
    channel: &'a ChannelId,
    order_id: Option<&'a OrderKey>,
    action_id: Option<ActionId>,
    error: ErrorJson<'a>,
    attempts: u32,
    failed_at: Timestamp,
    next_attempt_at: Option<Timestamp>,
}

impl<'a> From<&'a FailureRow> for FailureJson<'a> {
    fn from(row: &'a FailureRow) -> Self {
        Self {
            id: &row.id,
            what: row.what,
            channel: &row.channel,
            order_id: row.order_id.as_ref(),
            action_id: row.action_id,
            error: ErrorJson::from(&row.error),
            attempts: row.attempts,
            failed_at: row.failed_at,
            next_attempt_at: row.next_attempt_at,
        }
    }
}

/// `GET /api/v1/failures`
pub async fn list(api: &Arc<Api>, call: &Call) -> Answer {
    let query = Query::parse(&call.query, &["channel", "limit", "cursor"])?;
    let (channel, limit) = (query.channel()?, query.limit()?);
    let cursor = query.cursor()?.map(ToOwned::to_owned);
    let page = api.read(move |store| store.failures(channel.as_ref(), cursor.as_deref(), limit)).await?;
    let items = page.items.iter().map(FailureJson::from).collect();
    Ok(reply::ok(&List { items, next_cursor: page.next }))
}

#[derive(Serialize)]
struct Retried {
    retried: u64,
}

/// `POST /api/v1/failures/{id}/retry`
pub async fn retry(api: &Arc<Api>, call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    Fields::parse(&call.body, &[])?;
    retried(put_back(api, Command::Retry(call.id.clone()), call.asked()).await)
}

/// `POST /api/v1/failures/retry` with an optional `{"channel"}`.
pub async fn retry_all(api: &Arc<Api>, call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    let channel = Fields::parse(&call.body, &["channel"])?.text("channel")?;
    let channel = channel
        .map(|id| ChannelId::new(&id))
        .transpose()
        .map_err(|error| Problem::field("channel", format!("This names no channel: {error}.")))?;
    retried(put_back(api, Command::RetryAll { channel }, call.asked()).await)
}

fn retried(count: Result<u64, Problem>) -> Answer {
    Ok(reply::accepted(&Retried { retried: count? }))
}

/// Puts parked work back, with [`Command::Retry`] or [`Command::RetryAll`]; answers how much.
pub async fn put_back(api: &Api, what: Command, asked: Asked) -> Result<u64, Problem> {
    match api.store.command(what, asked, api.now()).await? {
        CommandAnswer::Retried(count) => {
            api.nudge_all();
            Ok(count)
        }
        other => Err(surprised(&other)),
    }
}

/// `POST /api/v1/failures/{id}/dismiss`
pub async fn dismiss(api: &Arc<Api>, call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    Fields::parse(&call.body, &[])?;
    match command(api, call, Command::Dismiss(call.id.clone())).await? {
        CommandAnswer::Done => Ok(reply::no_content()),
        other => Err(surprised(&other)),
    }
}
