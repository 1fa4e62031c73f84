//! The feed of order changes: at least once, in order, never a gap that is not said.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;

use super::{Answer, Call};
use crate::store::{Change, ChangesPage};
use crate::web::problem::{Code, Problem};
use crate::web::query::Query;
use crate::web::reply;
use crate::web::state::Api;

/// Longest that a long-poll waits.
const WAIT_MAX: Duration = Duration::from_mins(1);

#[derive(Serialize)]
struct ChangesJson {
    items: Vec<Change>,
    /// Set when more is there already: the `after` of the next request.
    next_cursor: Option<String>,
}

/// `GET /api/v1/changes?after=SEQ&limit&wait=30s`. `cursor` is another word for `after`.
pub async fn list(api: &Arc<Api>, call: &Call) -> Answer {
    let query = Query::parse(&call.query, &["after", "cursor", "limit", "wait"])?;
    let (after, cursor) = (query.number("after")?, query.number("cursor")?);
    if after.is_some() && cursor.is_some() {
        return Err(Problem::parameter("cursor", "Give either after or cursor: they mean the same."));
    }
    let after = after.or(cursor).unwrap_or(0);
    let (limit, wait) = (query.limit()?, query.wait("wait", WAIT_MAX)?);
    // Subscribed before reading, so that a change in between wakes us.
    let mut newest = api.store.watch_changes();
    newest.mark_unchanged();
    let mut page = read(api, after, limit).await?;
    if page.items.is_empty() && !wait.is_zero() {
        let _seat = api.waiting.try_acquire().map_err(|_| {
            let detail = "Too many requests are waiting for changes. Ask without wait, or a little later.";
            Problem::new(Code::RateLimited, detail).retry_after(1)
        })?;
        if comes(api, &mut newest, wait).await {
            page = read(api, after, limit).await?;
        }
    }
    let last = page.items.last().map(|change| change.seq.to_string());
    let next_cursor = last.filter(|_| page.items.len() == limit);
    Ok(reply::ok(&ChangesJson { items: page.items, next_cursor }))
}

/// Whether a change comes within `wait`, before the daemon ends.
async fn comes(api: &Api, newest: &mut watch::Receiver<u64>, wait: Duration) -> bool {
    tokio::select! {
        changed = newest.changed() => changed.is_ok(),
        () = api.ended() => false,
        () = tokio::time::sleep(wait) => false,
    }
}

async fn read(api: &Api, after: u64, limit: usize) -> Result<ChangesPage, Problem> {
    let page = api.read(move |store| store.changes(after, limit)).await?;
    match gap(after, page.oldest, page.newest) {
        Some(why) => Err(Problem { field: Some("after".to_owned()), ..Problem::new(Code::Gone, why) }),
        None => Ok(page),
    }
}

/// Why what follows `after` would not be everything.
fn gap(after: u64, oldest: u64, newest: u64) -> Option<String> {
    let cure = "Read the orders afresh from /api/v1/orders, then go on after";
    if after.saturating_add(1) < oldest {
        let from = oldest - 1;
        return Some(format!("Changes before {oldest} are no longer kept. {cure} {from}."));
    }
    (after > newest).then(|| {
        format!("The feed ends at {newest}: an older copy of the store was put back. {cure} {newest}.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_said_at_both_ends() {
        assert_eq!(gap(0, 1, 0), None);
        assert_eq!(gap(0, 0, 0), None);
        assert_eq!(gap(99, 100, 200), None);
        assert_eq!(gap(200, 100, 200), None);
        assert!(gap(98, 100, 200).is_some());
        assert!(gap(0, 100, 200).is_some());
        assert!(gap(201, 100, 200).is_some());
        assert_eq!(gap(u64::MAX, 0, u64::MAX), None);
    }
}
