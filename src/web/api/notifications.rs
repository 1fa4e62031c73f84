//! What the user was told.

use std::sync::Arc;

use serde::Serialize;

use super::error::ErrorJson;
use super::{Answer, Call, List, command, surprised};
use crate::model::{ChannelId, OrderKey, Timestamp};
use crate::store::{Command, CommandAnswer, Notification};
use crate::web::fields::Fields;
use crate::web::query::Query;
use crate::web::reply;
use crate::web::state::Api;

#[derive(Serialize)]
struct NotificationJson<'a> {
    id: &'a str,
    kind: &'a str,
    channel: Option<&'a ChannelId>,
    order_id: Option<&'a OrderKey>,
    error: Option<ErrorJson<'a>>,
    message: &'a str,
    advice: &'a str,
    count: u64,
    opened_at: Timestamp,
    closed_at: Option<Timestamp>,
    read: bool,
}

impl<'a> From<&'a Notification> for NotificationJson<'a> {
    fn from(told: &'a Notification) -> Self {
        Self {
            id: &told.id,
            kind: &told.kind,
            channel: told.channel.as_ref(),
            order_id: told.order_id.as_ref(),
            error: told.error.as_ref().map(ErrorJson::from),
            message: &told.message,
            advice: &told.advice,
            count: told.count,
            opened_at: told.opened_at,
            closed_at: told.closed_at,
            read: told.read,
        }
    }
}

/// `GET /api/v1/notifications`, with `unread=true` only those not marked read.
pub async fn list(api: &Arc<Api>, call: &Call) -> Answer {
    let query = Query::parse(&call.query, &["unread", "limit", "cursor"])?;
    let (unread, limit) = (query.flag("unread")?.unwrap_or(false), query.limit()?);
    let cursor = query.cursor()?.map(ToOwned::to_owned);
    let page = api.read(move |store| store.notifications(unread, cursor.as_deref(), limit)).await?;
    let items = page.items.iter().map(NotificationJson::from).collect();
    Ok(reply::ok(&List { items, next_cursor: page.next }))
}

/// `POST /api/v1/notifications/{id}/read`
pub async fn read(api: &Arc<Api>, call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    Fields::parse(&call.body, &[])?;
    match command(api, call, Command::ReadNotification(call.id.clone())).await? {
        CommandAnswer::Done => Ok(reply::no_content()),
        other => Err(surprised(&other)),
    }
}
