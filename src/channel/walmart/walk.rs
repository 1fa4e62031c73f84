//! Walking through the list of orders.
//!
//! One search finds at most 10,000 orders, its cursor is a ready query whose life is not
//! documented, and it pages by position over a list that moves: each order that changes meanwhile,
//! and be it because we acknowledge it, pushes another one past the walk. So a walk has parts that
//! are halved by the time of placing until each fits on one page; only what was placed within one
//! second is paged. A cursor is not parked, and where the watermark may move to is the moment when
//! the walk was begun. All of that travels in the token that the daemon hands back.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::market::Node;
use crate::model::Timestamp;

/// How far back orders can be searched; Walmart's own bound is 180 days.
pub(super) const REACH: Duration = Duration::from_hours(4296);
/// Largest page.
const LIMIT: &str = "200";
/// Orders on it: a search that finds more is halved.
const PAGE: u64 = 200;
/// How far the time of placing that an answer tells may be from the one that was asked for.
const LEEWAY: Duration = Duration::from_hours(24);
/// A cursor that lay longer than this is not used any more.
const CURSOR_LIFE: Duration = Duration::from_mins(2);
/// How often a part is begun anew within one walk because its cursor was refused.
const TRIES: u32 = 3;
/// A list with more pages has no end: the smallest page size that was seen is ten.
const MOST_PAGES: u32 = 2_000;

/// One search. Without `changed_from` it is by the time of placing alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    pub node: Node,
    pub changed_from: Option<Timestamp>,
    pub changed_to: Option<Timestamp>,
    /// Always sent: without it Walmart leaves out what was placed more than seven days ago, also
    /// when it changed today.
    pub placed_from: Timestamp,
    pub placed_to: Option<Timestamp>,
}

impl Part {
    /// Changed in a span, whenever it was placed.
    pub fn changed(node: Node, from: Timestamp, to: Option<Timestamp>, now: Timestamp) -> Self {
        Self {
            node,
            changed_from: Some(from),
            changed_to: to,
            placed_from: now.minus(REACH),
            placed_to: None,
        }
    }

    /// Placed in a span.
    pub fn placed(node: Node, from: Timestamp, to: Option<Timestamp>, now: Timestamp) -> Self {
        Self {
            node,
            changed_from: None,
            changed_to: None,
            placed_from: from.max(now.minus(REACH)),
            placed_to: to,
        }
    }

    /// The part of it that was placed before.
    #[must_use]
    pub fn placed_before(mut self, before: Timestamp) -> Self {
        self.placed_to = Some(before);
        self
    }

    /// Whether a search of this part may answer with an order placed then. The order and its purchase
    /// order are not of the same moment.
    pub fn may_hold(&self, placed_at: Timestamp) -> bool {
        placed_at >= self.placed_from.minus(LEEWAY)
            && self.placed_to.is_none_or(|to| placed_at <= to.plus(LEEWAY))
    }

    fn is_possible(&self) -> bool {
        self.placed_to.is_none_or(|to| to > self.placed_from)
    }

    /// The query of the first page, with the question mark. Walmart refuses milliseconds.
    pub fn query(&self, tells_replacements: bool) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let mut time = |name: &str, at: Option<Timestamp>| {
            if let Some(at) = at {
                query.append_pair(name, &at.to_rfc3339_secs());
            }
        };
        time("lastModifiedStartDate", self.changed_from);
        time("lastModifiedEndDate", self.changed_to);
        time("createdStartDate", Some(self.placed_from));
        time("createdEndDate", self.placed_to);
        query.append_pair("shipNodeType", self.node.word());
        if tells_replacements {
            query.append_pair("replacementInfo", "true");
        }
        query.append_pair("limit", LIMIT);
        format!("?{}", query.finish())
    }

    /// Halves by the time of placing, the older one first; `None` when it is a second already.
    fn halves(&self, now: Timestamp) -> Option<[Self; 2]> {
        let end = self.placed_to.unwrap_or(now.plus(Duration::from_mins(1)));
        let middle = Timestamp::from_secs(self.placed_from.plus(end.since(self.placed_from) / 2).as_secs());
        if middle <= self.placed_from || middle >= end {
            return None;
        }
        let older = Self { placed_to: Some(middle), ..self.clone() };
        let newer = Self { placed_from: middle, ..self.clone() };
        Some([older, newer])
    }
}

/// What a page said about the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PageRead {
    pub orders: u64,
    pub total: Option<u64>,
    pub cursor: Option<String>,
}

/// A walk that is about to read its next page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Walk {
    /// When the first request of all was begun.
    begun_at: Option<Timestamp>,
    /// The last one is under way; empty: the walk is over.
    parts: Vec<Part>,
    /// Where the part under way goes on, as Walmart wrote it.
    cursor: Option<String>,
    /// When the page that gave the cursor was read.
    cursor_at: Option<Timestamp>,
    tries: u32,
    pages: u32,
    /// Orders of the part under way so far.
    seen: u64,
    /// Something was left out, so the watermark must stay.
    partial: bool,
}

impl Walk {
    pub fn begin(parts: Vec<Part>) -> Self {
        let parts = parts.into_iter().rev().filter(Part::is_possible).collect();
        Self {
            begun_at: None,
            parts,
            cursor: None,
            cursor_at: None,
            tries: 0,
            pages: 0,
            seen: 0,
            partial: false,
        }
    }

    /// `None` when the token is not one of ours: the walk begins anew.
    pub fn resume(token: &str, now: Timestamp) -> Option<Self> {
        let mut walk: Self = serde_json::from_str(token).ok()?;
        if walk.cursor_at.is_some_and(|at| now.since(at) > CURSOR_LIFE) {
            walk.tries = 0;
            walk.rewind();
        }
        Some(walk)
    }

    pub fn part(&self) -> Option<&Part> {
        self.parts.last()
    }

    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// There is only one search to make.
    pub fn is_single(&self) -> bool {
        self.parts.len() == 1
    }

    /// A request was begun.
    pub fn note_begun(&mut self, at: Timestamp) {
        self.begun_at.get_or_insert(at);
    }

    /// Walmart kept something back.
    pub fn note_partial(&mut self) {
        self.partial = true;
    }

    /// Goes on to the next page or part. Answers whether the list ended before all the orders
    /// that it promised were told.
    pub fn absorb(&mut self, page: PageRead, read_at: Timestamp) -> bool {
        self.pages += 1;
        self.seen += page.orders;
        let cursor = page.cursor.map(|cursor| cursor.trim().to_owned()).filter(|cursor| !is_end(cursor));
        let repeats = cursor.is_some() && cursor == self.cursor;
        if page.orders > 0 && !repeats && cursor.is_some() {
            self.cursor = cursor;
            self.cursor_at = Some(read_at);
            return false;
        }
        let short = repeats && page.total.is_some_and(|total| total > self.seen);
        self.end_part();
        short
    }

    /// The part under way is over, or not to be had.
    pub fn end_part(&mut self) {
        self.parts.pop();
        self.tries = 0;
        self.rewind();
    }

    /// Begins the part under way anew, because its cursor was refused. `false` when that did not
    /// help before.
    pub fn try_again(&mut self) -> bool {
        self.tries += 1;
        self.rewind();
        self.tries < TRIES
    }

    /// Splits the part under way when one search cannot find it all; `false` when it cannot be.
    pub fn split(&mut self, now: Timestamp) -> bool {
        let Some([older, newer]) = self.parts.last().and_then(|part| part.halves(now)) else { return false };
        self.end_part();
        self.parts.push(newer);
        self.parts.push(older);
        true
    }

    /// Whether a first page promises more than it shows.
    pub fn is_too_big(&self, page: &PageRead) -> bool {
        self.cursor.is_none() && page.total.is_some_and(|total| total > PAGE)
    }

    pub fn has_no_end(&self) -> bool {
        self.pages >= MOST_PAGES
    }

    /// The token of the next page; `None` when the walk is over.
    pub fn next(&self) -> Option<String> {
        if self.parts.is_empty() { None } else { serde_json::to_string(self).ok() }
    }

    /// Where the watermark may move to, once the walk is over.
    pub fn watermark(&self) -> Option<Timestamp> {
        self.begun_at.filter(|_| self.parts.is_empty() && !self.partial)
    }

    fn rewind(&mut self) {
        self.cursor = None;
        self.cursor_at = None;
        self.seen = 0;
    }
}

fn is_end(cursor: &str) -> bool {
    matches!(cursor, "" | "-1" | "null" | "?") || cursor.contains("hasMoreElements=false")
}

/// What stands behind the list's path. The cursor is a ready query with its question mark; only
/// what cannot stand in an address at all is encoded.
pub(super) fn cursor_query(cursor: &str) -> String {
    let mut query = String::with_capacity(cursor.len() + 1);
    if !cursor.starts_with('?') {
        query.push('?');
    }
    for c in cursor.chars() {
        if c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}' | '#') {
            query.push(c);
        } else {
            let mut bytes = [0; 4];
            query.extend(percent_encoding::utf8_percent_encode(
                c.encode_utf8(&mut bytes),
                percent_encoding::NON_ALPHANUMERIC,
            ));
        }
    }
    query
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("time")
    }

    fn now() -> Timestamp {
        at("2026-11-25T12:00:00.250Z")
    }

    fn poll() -> Walk {
        Walk::begin(vec![Part::changed(Node::Seller, now().minus(Duration::from_secs(2_700)), None, now())])
    }

    fn page(orders: u64, total: u64, cursor: &str) -> PageRead {
        PageRead { orders, total: Some(total), cursor: Some(cursor.to_owned()) }
    }

    #[test]
    fn the_first_query_names_both_dates_without_milliseconds() {
        let query = poll().part().expect("part").query(true);
        assert_eq!(
            query,
            "?lastModifiedStartDate=2026-11-25T11%3A15%3A00Z&createdStartDate=2026-05-30T12%3A00%3A00Z\
             &shipNodeType=SellerFulfilled&replacementInfo=true&limit=200"
        );
        let placed = Part::placed(Node::Walmart, now().minus(Duration::from_secs(86_400)), None, now());
        assert_eq!(
            placed.query(false),
            "?createdStartDate=2026-11-24T12%3A00%3A00Z&shipNodeType=WFSFulfilled&limit=200"
        );
    }

    #[test]
    fn a_cursor_goes_behind_the_path_as_it_came() {
        let cursor = "?limit=10&hasMoreElements=true&soIndex=31&createdEndDate=2019-09-17T18:47:03.703Z";
        assert_eq!(cursor_query(cursor), cursor);
        assert_eq!(cursor_query("limit=10"), "?limit=10");
        assert_eq!(cursor_query("?a=b%2Bc d"), "?a=b%2Bc%20d");
    }

    #[test]
    fn a_walk_goes_on_where_it_was_and_keeps_its_beginning() {
        let mut walk = poll();
        walk.note_begun(now());
        assert!(!walk.absorb(page(200, 300, "?poIndex=200"), now()));
        assert_eq!(walk.watermark(), None, "not before the last page");
        let token = walk.next().expect("more");
        let later = now().plus(Duration::from_secs(30));
        let mut walk = Walk::resume(&token, later).expect("ours");
        assert_eq!(walk.cursor(), Some("?poIndex=200"));
        walk.note_begun(later);
        assert!(!walk.absorb(page(100, 300, ""), later));
        assert_eq!((walk.next(), walk.watermark()), (None, Some(now())));
        assert_eq!(Walk::resume("nonsense", now()), None);
    }

    #[test]
    fn every_end_of_a_list_is_seen() {
        for (orders, cursor) in
            [(5, ""), (5, "-1"), (5, "?limit=200&hasMoreElements=false&poIndex=5"), (0, "?poIndex=5")]
        {
            let mut walk = poll();
            walk.absorb(page(orders, 5, cursor), now());
            assert_eq!(walk.next(), None, "{orders} {cursor}");
        }
        let mut walk = poll();
        walk.absorb(PageRead { orders: 5, total: None, cursor: None }, now());
        assert_eq!(walk.next(), None);
    }

    #[test]
    fn a_list_that_repeats_itself_ends_and_says_whether_it_was_short() {
        for (total, short) in [(400, false), (900, true)] {
            let mut walk = poll();
            assert!(!walk.absorb(page(200, total, "?poIndex=200"), now()));
            assert_eq!(walk.absorb(page(200, total, "?poIndex=200"), now()), short, "{total}");
            assert_eq!(walk.next(), None);
        }
    }

    #[test]
    fn a_cursor_that_lay_too_long_is_not_used() {
        let mut walk = poll();
        walk.absorb(page(200, 300, "?poIndex=200"), now());
        let token = walk.next().expect("more");
        let resumed = Walk::resume(&token, now().plus(Duration::from_secs(121))).expect("ours");
        assert_eq!(resumed.cursor(), None);
        assert!(resumed.part().is_some());
    }

    #[test]
    fn a_refused_cursor_begins_its_part_anew_a_few_times() {
        let mut walk = poll();
        for helps in [true, true, false] {
            walk.absorb(page(200, 300, "?poIndex=200"), now());
            assert_eq!(walk.try_again(), helps);
            assert_eq!(walk.cursor(), None);
        }
    }

    #[test]
    fn what_is_too_big_is_halved_without_a_hole() {
        let mut walk = poll();
        assert!(walk.is_too_big(&page(200, 201, "?x")));
        assert!(!walk.is_too_big(&page(200, 200, "?x")));
        assert!(walk.split(now()));
        let older = walk.part().expect("older").clone();
        walk.absorb(page(0, 0, ""), now());
        let newer = walk.part().expect("newer").clone();
        assert_eq!(older.placed_to, Some(newer.placed_from));
        assert_eq!((older.placed_from, newer.placed_to), (now().minus(REACH), None));
        assert_eq!(older.changed_from, newer.changed_from);
        let mut splits = 1;
        while walk.split(now()) {
            splits += 1;
            assert!(splits < 40, "halving ends");
        }
    }

    #[test]
    fn what_is_out_of_reach_is_not_asked_for() {
        let long_ago = now().minus(Duration::from_secs(300 * 86_400));
        let parts = vec![
            Part::placed(Node::Seller, long_ago, None, now()),
            Part::changed(Node::Seller, long_ago, None, now()).placed_before(long_ago),
        ];
        let mut walk = Walk::begin(parts);
        assert_eq!(walk.part().expect("part").placed_from, now().minus(REACH));
        walk.end_part();
        assert_eq!(walk.part(), None);
    }

    #[test]
    fn what_was_left_out_keeps_the_watermark_where_it_is() {
        let mut walk = poll();
        walk.note_begun(now());
        walk.note_partial();
        walk.absorb(page(1, 1, ""), now());
        assert_eq!((walk.next(), walk.watermark()), (None, None));
    }
}
