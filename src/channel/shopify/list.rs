//! The list of changed orders: light pages of ids, from which the core fetches what is new.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::api::{Api, Reply};
use super::graph::PageInfo;
use super::query::{CHANGED, PAGE};
use super::scalar::Id;
use crate::channel::said::Said;
use crate::channel::{Call, ListRequest, Page, Stream, Tiding};
use crate::model::{Anomaly, Failure, FailureKind, Timestamp};

pub(super) const STREAMS: &[Stream] = &[Stream {
    name: "orders",
    // The list is a search index that trails the writes by seconds, and change times have parts
    // of a second there that answers do not show.
    overlap: Duration::from_mins(2),
    first: None,
    every: Duration::ZERO,
    longest: Duration::from_hours(24),
    durable_token: true,
    optional: false,
}];

/// The index may not hold the newest changes yet, so the watermark stays behind them.
const INDEX_LAG: Duration = Duration::from_secs(5);
/// Shopify cuts a list at 25,000 rows. Well before, it is begun anew from the change time reached.
const PAGES_MAX: usize = 20_000 / PAGE;

#[derive(Deserialize)]
struct Listed {
    orders: Orders,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Orders {
    nodes: Vec<Said<Row>>,
    page_info: PageInfo,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Row {
    id: Said<Id>,
    updated_at: Said<Timestamp>,
}

impl Row {
    fn tiding(self) -> Tiding {
        match self.id.0.and_then(|id| id.order()) {
            Some(order) => Tiding::Hint { order, changed_at: self.updated_at.0 },
            None => Tiding::Anomaly {
                order: None,
                anomaly: Anomaly {
                    code: "unreadable_order".to_owned(),
                    summary: "Shopify's list held an order that cannot be read.".to_owned(),
                },
            },
        }
    }
}

/// Where a walk through the list stands; its text form is the page token.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Position {
    /// Pages read with this beginning.
    pages: usize,
    from: Timestamp,
    cursor: Option<String>,
}

impl Position {
    fn of(request: &ListRequest<'_>) -> Self {
        let start = Self { pages: 0, from: request.from, cursor: None };
        request.token.and_then(Self::parse).unwrap_or(start)
    }

    fn parse(token: &str) -> Option<Self> {
        let mut parts = token.splitn(3, '|');
        let pages = parts.next()?.parse().ok()?;
        let from = Timestamp::from_millis(parts.next()?.parse().ok()?);
        let cursor = parts.next().filter(|cursor| !cursor.is_empty()).map(str::to_owned);
        Some(Self { pages, from, cursor })
    }

    fn token(&self) -> String {
        format!("{}|{}|{}", self.pages, self.from.as_millis(), self.cursor.as_deref().unwrap_or(""))
    }

    /// Where the next page begins, after one that ended with a change at `last`.
    fn next(&self, cursor: String, last: Option<Timestamp>) -> Self {
        match last.filter(|last| self.pages + 1 >= PAGES_MAX && *last > self.from) {
            Some(last) => Self { pages: 0, from: last, cursor: None },
            None => Self { pages: self.pages + 1, from: self.from, cursor: Some(cursor) },
        }
    }
}

/// A space means *and*; dates must be quoted.
fn filter(from: Timestamp, to: Option<Timestamp>) -> String {
    let from = format!("updated_at:>='{}'", from.to_rfc3339_secs());
    match to {
        None => from,
        Some(to) => format!("{from} updated_at:<='{}'", to.to_rfc3339_secs()),
    }
}

pub(super) async fn page(api: &Api, call: Call<'_>, request: ListRequest<'_>) -> Result<Page, Failure> {
    let mut position = Position::of(&request);
    let reply = match ask(api, call, &position, request.to).await {
        // The cursor has gone bad: the window is read from its beginning.
        Err(failure) if position.cursor.is_some() && is_about_cursor(&failure) => {
            position = Position { pages: 0, cursor: None, ..position };
            ask(api, call, &position, request.to).await?
        }
        settled => settled?,
    };
    if reply.filter_ignored {
        return Err(Failure::invalid("Shopify did not understand the filter by change time, so its list says nothing. Check api_version in the config.").kept_global());
    }
    let listed = reply.whole()?;
    Ok(read(listed.orders, &position, request.to, api.shop_now()))
}

trait Global {
    fn kept_global(self) -> Self;
}

impl Global for Failure {
    fn kept_global(mut self) -> Self {
        self.local = false;
        self
    }
}

fn is_about_cursor(failure: &Failure) -> bool {
    failure.kind == FailureKind::InvalidRequest && failure.message.to_ascii_lowercase().contains("cursor")
}

async fn ask(
    api: &Api,
    call: Call<'_>,
    position: &Position,
    to: Option<Timestamp>,
) -> Result<Reply<Listed>, Failure> {
    let variables = json!({ "after": position.cursor, "query": filter(position.from, to) });
    api.ask(call, &CHANGED, CHANGED.points, variables).await
}

fn read(orders: Orders, position: &Position, to: Option<Timestamp>, shop_now: Timestamp) -> Page {
    let rows: Vec<Row> = orders.nodes.into_iter().map(|row| row.0.unwrap_or_default()).collect();
    let last = rows.iter().filter_map(|row| row.updated_at.0).max();
    let next = orders.page_info.end_cursor.filter(|_| orders.page_info.has_next_page);
    // Of a cut window everything is known once its last page is read.
    let end = to.filter(|_| next.is_none());
    let watermark = last.max(end).map(|at| at.min(shop_now.minus(INDEX_LAG)));
    Page {
        tidings: rows.into_iter().map(Row::tiding).collect(),
        next: next.map(|cursor| position.next(cursor, last).token()),
        watermark,
        total: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::shopify::samples;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn start() -> Position {
        Position { pages: 0, from: at("2026-06-01T00:00:00Z"), cursor: None }
    }

    fn listed(json: &str) -> Orders {
        serde_json::from_str(json).expect("a page")
    }

    #[test]
    fn dates_are_quoted_and_in_utc() {
        let from = at("2026-11-22T21:00:00-05:00");
        assert_eq!(filter(from, None), "updated_at:>='2026-11-23T02:00:00Z'");
        let both = "updated_at:>='2026-11-23T02:00:00Z' updated_at:<='2026-11-23T03:00:00Z'";
        assert_eq!(filter(from, Some(at("2026-11-23T03:00:00Z"))), both);
    }

    #[test]
    fn a_recorded_page_gives_hints_a_watermark_and_the_next_page() {
        let Some(sample) = samples::json("graphql_orders_list_and_count.json") else { return };
        let recorded = sample["response"]["data"]["recent"].to_string();
        let page = read(listed(&recorded), &start(), None, at("2026-07-03T00:00:00Z"));
        let changed_at = at("2026-06-22T22:34:02Z");
        assert_eq!(
            page.tidings,
            [Tiding::Hint { order: 8_837_991_727_410_u64.into(), changed_at: Some(changed_at) }]
        );
        assert_eq!(page.watermark, Some(changed_at));
        let next = Position::parse(&page.next.expect("a next page")).expect("a token of ours");
        assert_eq!((next.pages, next.from), (1, start().from));
        assert_eq!(next.cursor.as_deref(), recorded_cursor(&sample));
        let end = sample["nextPage"]["response"]["data"]["nextPage"].to_string();
        assert_eq!(read(listed(&end), &start(), None, at("2026-07-03T00:00:00Z")).next, None);
    }

    fn recorded_cursor(sample: &serde_json::Value) -> Option<&str> {
        sample["response"]["data"]["recent"]["pageInfo"]["endCursor"].as_str()
    }

    #[test]
    fn the_watermark_stays_behind_what_the_index_may_still_lack() {
        let json = r#"{"nodes":[{"id":"gid://shopify/Order/1","updatedAt":"2026-06-22T22:34:02Z"}],
            "pageInfo":{"hasNextPage":false,"endCursor":"x"}}"#;
        let page = read(listed(json), &start(), None, at("2026-06-22T22:34:03Z"));
        assert_eq!((page.watermark, page.next), (Some(at("2026-06-22T22:33:58Z")), None));
    }

    #[test]
    fn an_empty_window_moves_the_watermark_only_when_it_was_cut() {
        let empty = r#"{"nodes":[],"pageInfo":{"hasNextPage":false,"endCursor":null}}"#;
        let now = at("2026-07-03T00:00:00Z");
        assert_eq!(read(listed(empty), &start(), None, now).watermark, None);
        let to = at("2026-06-02T00:00:00Z");
        assert_eq!(read(listed(empty), &start(), Some(to), now).watermark, Some(to));
    }

    #[test]
    fn a_deep_list_is_begun_anew_before_shopify_cuts_it() {
        let deep = Position { pages: PAGES_MAX - 1, cursor: Some("c".into()), ..start() };
        let later = at("2026-06-01T09:00:00Z");
        assert_eq!(deep.next("d".into(), Some(later)), Position { pages: 0, from: later, cursor: None });
        // All of one second: only the cursor leads on.
        assert_eq!(deep.next("d".into(), Some(deep.from)).cursor.as_deref(), Some("d"));
        assert_eq!(start().next("d".into(), Some(later)).cursor.as_deref(), Some("d"));
    }

    #[test]
    fn a_token_survives_its_text_and_a_foreign_one_begins_anew() {
        let position = Position { pages: 3, cursor: Some("eyJsYXN0X2lkIjo4fQ==".into()), ..start() };
        assert_eq!(Position::parse(&position.token()), Some(position));
        assert_eq!(Position::parse(&start().token()), Some(start()));
        let request =
            ListRequest { stream: "orders", from: start().from, to: None, token: Some("?"), bulk: false };
        assert_eq!(Position::of(&request), start());
    }
}
