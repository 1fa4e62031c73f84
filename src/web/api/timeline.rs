//! The timeline of an order: every sync event, successes and errors, newest first.

use std::sync::Arc;

use serde::Serialize;

use super::error::ErrorJson;
use super::{Answer, Call, List, no_order};
use crate::model::{Event, EventKind, FieldChange, Timestamp, Trigger};
use crate::web::problem::Problem;
use crate::web::query::Query;
use crate::web::reply;
use crate::web::state::Api;

#[derive(Serialize)]
struct EventJson<'a> {
    seq: u64,
    at: Timestamp,
    kind: EventKind,
    trigger: Option<Trigger>,
    by: Option<&'a str>,
    attempt: u32,
    summary: &'a str,
    changes: &'a [FieldChange],
    error: Option<ErrorJson<'a>>,
}

impl<'a> From<&'a Event> for EventJson<'a> {
    fn from(event: &'a Event) -> Self {
        Self {
            seq: event.seq,
            at: event.at,
            kind: event.kind,
            trigger: event.trigger,
            by: event.by.as_deref(),
            attempt: event.attempt,
            summary: &event.summary,
            changes: &event.changes,
            error: event.error.as_ref().map(ErrorJson::from),
        }
    }
}

/// `GET /api/v1/orders/{id}/timeline`. The cursor is the number of the oldest event that was seen.
pub async fn list(api: &Arc<Api>, call: &Call) -> Answer {
    let query = Query::parse(&call.query, &["limit", "cursor"])?;
    let (limit, key) = (query.limit()?, call.order()?);
    let cursor = query.cursor()?;
    let before = cursor
        .map(str::parse)
        .transpose()
        .map_err(|_| Problem::parameter("cursor", "This cursor is not one of ours. Begin without one."))?;
    let events = api
        .read(move |store| {
            let events = store.timeline(&key, before, limit)?;
            let known = !events.is_empty() || store.order(&key)?.is_some();
            Ok(known.then_some(events))
        })
        .await?;
    let events = events.ok_or_else(|| no_order(&call.id))?;
    Ok(reply::ok(&List {
        next_cursor: next(&events, limit),
        items: events.iter().map(EventJson::from).collect(),
    }))
}

/// Numbers are without gaps and begin at 0, so it is known whether more is to come.
fn next(events: &[Event], limit: usize) -> Option<String> {
    let oldest = events.last()?.seq;
    (events.len() == limit && oldest > 0).then(|| oldest.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_page_has_no_cursor() {
        let event = |seq| Event { seq, ..Event::new(Timestamp::EPOCH, EventKind::Created, None, "") };
        assert_eq!(next(&[event(3), event(2)], 2).as_deref(), Some("2"));
        assert_eq!(next(&[event(1), event(0)], 2), None);
        assert_eq!(next(&[event(1)], 2), None);
        assert_eq!(next(&[], 2), None);
    }
}
