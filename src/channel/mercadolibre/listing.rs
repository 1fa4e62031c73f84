//! The list of changed orders, and its traps.
//!
//! Only the hour of a filter counts, `to` loses the current hour, cancelled orders appear only when
//! named, a misspelt filter is ignored, the sort is by closing time, and offsets end at 10,000. So
//! a walk begins at a full hour, has no end, names every status, reads every page, splits what is
//! too long by the time of placing, and compares what it found with what was promised.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::document::{Id, OrderDoc, SearchDoc};
use super::told::Told;
use crate::channel::Page;
use crate::model::{Anomaly, ChannelOrderId, Tiding, Timestamp};

pub const ORDERS: &str = "orders";
/// How long an order may take to appear in the index, plus a lost hour.
pub const OVERLAP: Duration = Duration::from_hours(1);
const PAGE: usize = 50;
/// A list beyond this is split; offsets end a little later.
const DEEPEST: usize = 9_500;
/// How often a part that came up short is read before it is reported.
const TRIES: u32 = 3;
/// Orders can be read for twelve months.
pub const REACH: Duration = Duration::from_hours(8760);
const HOUR: Duration = Duration::from_hours(1);
const STATUSES: &str = "confirmed,payment_required,payment_in_process,partially_paid,paid,partially_refunded,\
                        pending_cancel,cancelled";

/// Orders placed in full hours from..to; open where `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Span {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl Span {
    /// Two halves with the border at a full hour; `None` when it is an hour already.
    fn halves(self, now: Timestamp) -> Option<[Self; 2]> {
        let from = self.from.unwrap_or_else(|| floor_hour(now.minus(REACH)));
        let to = self.to.unwrap_or_else(|| floor_hour(now).plus(HOUR));
        let border = floor_hour(from.plus(to.since(from) / 2));
        let splits = border > from && border < to;
        splits.then_some([Self { to: Some(border), ..self }, Self { from: Some(border), ..self }])
    }
}

/// One walk after the other through the list.
pub struct Listing {
    told: Told<u64, Timestamp>,
    walk: Option<Walk>,
    serial: u64,
}

struct Walk {
    /// As asked for; the filter gets its full hour.
    from: Timestamp,
    step: u64,
    span: Span,
    later: Vec<Span>,
    offset: usize,
    found: BTreeSet<u64>,
    /// Entries of this part that named no order.
    unreadable: usize,
    tries: u32,
    short: usize,
    watermark: Option<Timestamp>,
    total: Option<u64>,
}

impl Listing {
    pub fn new() -> Self {
        Self { told: Told::new(), walk: None, serial: 0 }
    }

    /// The query of the page behind `token`. A token of a walk that was forgotten begins anew.
    pub fn query(&mut self, seller: u64, from: Timestamp, token: Option<&str>) -> String {
        let known = self.walk.as_ref().is_some_and(|walk| token == Some(walk.token(self.serial).as_str()));
        if !known {
            self.serial += 1;
            self.told.begin(from);
            self.walk = Some(Walk::new(from));
        }
        let walk = self.walk.get_or_insert_with(|| Walk::new(from));
        walk.query(seller)
    }

    /// What the page says. `now`: by the marketplace's clock.
    pub fn absorb(&mut self, doc: &SearchDoc, now: Timestamp) -> Page {
        let Some(walk) = self.walk.as_mut() else { return Page::default() };
        walk.step += 1;
        let told = doc.paging.as_ref().and_then(|paging| *paging.total);
        // A list without a number goes on until a page tells nothing new.
        let promised = match told {
            Some(total) => usize::try_from(total).unwrap_or(0),
            None if walk.has_more(doc) => walk.offset + doc.results.len() + 1,
            None => 0,
        };
        walk.total = walk.total.or(told);
        let mut page = Page { total: walk.total, ..Page::default() };

        let halves = if promised > DEEPEST && walk.offset == 0 { walk.span.halves(now) } else { None };
        if let Some([older, newer]) = halves {
            walk.later.push(newer);
            walk.span = older;
        } else {
            let read = doc.results.iter().map(|raw| serde_json::from_str::<OrderDoc>(raw.get()));
            let orders = read.map(Result::unwrap_or_default);
            page.tidings = orders.filter_map(|order| walk.tiding(&order, now, &mut self.told)).collect();
            walk.advance(doc.results.len(), promised);
        }
        page.watermark = walk.watermark;
        if walk.is_over() {
            if walk.short > 0 {
                page.tidings.push(walk.shortfall());
            }
            let seen_to = walk.watermark.map_or(walk.from, |at| at.minus(OVERLAP));
            self.told.end(seen_to.max(walk.from));
            self.walk = None;
        } else {
            page.next = Some(walk.token(self.serial));
        }
        page
    }
}

impl Walk {
    fn new(from: Timestamp) -> Self {
        Self {
            from,
            step: 0,
            span: Span::default(),
            later: Vec::new(),
            offset: 0,
            found: BTreeSet::new(),
            unreadable: 0,
            tries: 1,
            short: 0,
            watermark: None,
            total: None,
        }
    }

    fn token(&self, serial: u64) -> String {
        format!("{serial}.{}", self.step)
    }

    fn query(&self, seller: u64) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("seller", &seller.to_string());
        query.append_pair("order.date_last_updated.from", &full_hour(self.from));
        if let Some(from) = self.span.from {
            query.append_pair("order.date_created.from", &full_hour(from));
        }
        if let Some(to) = self.span.to {
            query.append_pair("order.date_created.to", &full_hour(to));
        }
        query.append_pair("order.status", STATUSES);
        query.append_pair("sort", "date_asc");
        query.append_pair("offset", &self.offset.to_string());
        query.append_pair("limit", &PAGE.to_string());
        query.finish()
    }

    /// Whether a page tells something that no page of this part told before.
    fn has_more(&self, doc: &SearchDoc) -> bool {
        let read = doc.results.iter().map(|raw| serde_json::from_str::<OrderDoc>(raw.get()));
        read.filter_map(|order| *order.ok()?.id).any(|Id(id)| !self.found.contains(&id))
    }

    fn tiding(
        &mut self,
        order: &OrderDoc,
        now: Timestamp,
        told: &mut Told<u64, Timestamp>,
    ) -> Option<Tiding> {
        let Some(Id(id)) = *order.id else {
            self.unreadable += 1;
            return Some(unreadable());
        };
        self.found.insert(id);
        let changed_at = order.date_last_updated.or(*order.last_updated);
        // A stamp from the future would carry the watermark over changes still to come.
        let credible = changed_at.filter(|at| *at <= now.plus(Duration::from_mins(5)));
        self.watermark = self.watermark.max(credible);
        let news = changed_at.is_none_or(|at| told.is_news(id, at));
        news.then(|| Tiding::Hint { order: ChannelOrderId::from(id), changed_at })
    }

    /// On to the next page, to the same part again when it came up short, or to the next part.
    fn advance(&mut self, results: usize, promised: usize) {
        self.offset += results;
        let reachable = self.offset + PAGE <= DEEPEST + 10 * PAGE;
        if results > 0 && self.offset < promised && reachable {
            return;
        }
        self.offset = 0;
        let missing = promised.saturating_sub(self.found.len() + self.unreadable);
        self.found.clear();
        self.unreadable = 0;
        if missing > 0 && self.tries < TRIES {
            self.tries += 1;
            return;
        }
        self.short += missing;
        self.tries = 1;
        self.span = self.later.pop().unwrap_or(OVER);
    }

    fn is_over(&self) -> bool {
        self.span == OVER
    }

    fn shortfall(&self) -> Tiding {
        let summary = format!(
            "The list of changed orders was {} short of the number it promised, {TRIES} times in a row. \
             The orders that were left out are found by the next checks.",
            self.short
        );
        Tiding::Anomaly { order: None, anomaly: Anomaly { code: "list_short".to_owned(), summary } }
    }
}

fn unreadable() -> Tiding {
    let summary = "Mercado Libre's list held an order that cannot be read. Look for it in Mercado Libre.";
    let anomaly = Anomaly { code: "unreadable_order".to_owned(), summary: summary.to_owned() };
    Tiding::Anomaly { order: None, anomaly }
}

/// No orders: stands for the end of the walk.
const OVER: Span = Span { from: Some(Timestamp::MAX), to: Some(Timestamp::EPOCH) };

/// Every entry once, whatever page it was on, of what is kept for us for two days.
pub struct Missed {
    told: HashMap<&'static str, Told<String, ()>>,
}

impl Missed {
    pub fn new() -> Self {
        Self { told: HashMap::new() }
    }

    pub fn of(&mut self, topic: &'static str) -> &mut Told<String, ()> {
        self.told.entry(topic).or_insert_with(Told::new)
    }
}

fn floor_hour(at: Timestamp) -> Timestamp {
    Timestamp::from_secs(at.as_secs().div_euclid(3_600) * 3_600)
}

/// As the documentation writes it, with an offset that needs no percent sign.
fn full_hour(at: Timestamp) -> String {
    floor_hour(at).to_jiff().strftime("%Y-%m-%dT%H:%M:%S.000-00:00").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("time")
    }

    fn doc(total: usize, orders: &[(u64, &str)]) -> SearchDoc {
        let results: Vec<_> = orders
            .iter()
            .map(|(id, changed)| serde_json::json!({"id": id, "date_last_updated": changed}))
            .collect();
        let text = serde_json::json!({"results": results, "paging": {"total": total}}).to_string();
        serde_json::from_str(&text).expect("document")
    }

    fn hints(page: &Page) -> Vec<String> {
        let order = |tiding: &Tiding| match tiding {
            Tiding::Hint { order, .. } => order.to_string(),
            other => format!("{other:?}"),
        };
        page.tidings.iter().map(order).collect()
    }

    fn pairs(query: &str) -> HashMap<String, String> {
        form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }

    #[test]
    fn the_filter_begins_at_a_full_hour_and_has_no_end() {
        let query = Listing::new().query(42, at("2026-11-23T10:40:59.999Z"), None);
        let pairs = pairs(&query);
        assert_eq!(pairs["seller"], "42");
        assert_eq!(pairs["order.date_last_updated.from"], "2026-11-23T10:00:00.000-00:00");
        assert!(!query.contains(".to="));
        assert!(pairs["order.status"].ends_with("pending_cancel,cancelled"));
        assert_eq!((pairs["offset"].as_str(), pairs["limit"].as_str()), ("0", "50"));
    }

    #[test]
    fn every_page_is_read_and_the_watermark_is_the_newest_change_of_all() {
        let now = at("2026-11-23T12:00:00Z");
        let from = at("2026-11-23T09:30:00Z");
        let mut listing = Listing::new();
        listing.query(42, from, None);
        let first = listing.absorb(&doc(3, &[(1, "2026-11-23T11:59:00Z"), (2, "2026-11-23T10:00:00Z")]), now);
        assert_eq!(first.total, Some(3));
        let query = listing.query(42, from, first.next.as_deref());
        assert_eq!(pairs(&query)["offset"], "2");
        let last = listing.absorb(&doc(3, &[(3, "2026-11-23T11:00:00Z")]), now);
        assert_eq!((hints(&first), hints(&last)), (vec!["1".into(), "2".into()], vec!["3".into()]));
        assert_eq!(last.next, None);
        assert_eq!(last.watermark, Some(at("2026-11-23T11:59:00Z")));

        listing.query(42, at("2026-11-23T10:59:00Z"), None);
        let again = listing.absorb(&doc(2, &[(1, "2026-11-23T11:59:00Z"), (3, "2026-11-23T11:30:00Z")]), now);
        assert_eq!(hints(&again), ["3"], "order 1 was told and has not changed");
    }

    #[test]
    fn a_stamp_from_the_future_does_not_move_the_watermark() {
        let mut listing = Listing::new();
        listing.query(42, at("2026-11-23T09:30:00Z"), None);
        let page = listing.absorb(&doc(1, &[(1, "2030-01-01T00:00:00Z")]), at("2026-11-23T12:00:00Z"));
        assert_eq!((hints(&page), page.watermark), (vec!["1".to_owned()], None));
    }

    #[test]
    fn an_entry_that_names_no_order_is_told_and_hides_no_other() {
        let now = at("2026-11-23T12:00:00Z");
        let text = r#"{"results":[{"id":1},null,"x",{"id":"?"},{"id":"2"}],"paging":{"total":5}}"#;
        let doc: SearchDoc = serde_json::from_str(text).expect("document");
        let mut listing = Listing::new();
        listing.query(42, at("2026-11-23T09:30:00Z"), None);
        let page = listing.absorb(&doc, now);
        let odd = page.tidings.iter().filter(|tiding| matches!(tiding, Tiding::Anomaly { order: None, .. }));
        assert_eq!((page.tidings.len(), odd.count()), (5, 3));
        assert_eq!(page.next, None, "nothing is missing");
    }

    #[test]
    fn a_list_without_a_number_is_read_until_it_tells_nothing_new() {
        let now = at("2026-11-23T12:00:00Z");
        let from = at("2026-11-23T09:30:00Z");
        let untold = |ids: &[u64]| -> SearchDoc {
            let results: Vec<_> = ids.iter().map(|id| serde_json::json!({"id": id})).collect();
            serde_json::from_str(&serde_json::json!({"results": results}).to_string()).expect("document")
        };
        for last in [&[][..], &[3]] {
            let mut listing = Listing::new();
            listing.query(42, from, None);
            let first = listing.absorb(&untold(&[1, 2]), now);
            assert_eq!(pairs(&listing.query(42, from, first.next.as_deref()))["offset"], "2");
            let second = listing.absorb(&untold(&[3]), now);
            assert_eq!(pairs(&listing.query(42, from, second.next.as_deref()))["offset"], "3");
            let end = listing.absorb(&untold(last), now);
            assert_eq!((hints(&second), end.next, end.total), (vec!["3".to_owned()], None, None));
            assert!(end.tidings.iter().all(|tiding| !matches!(tiding, Tiding::Anomaly { .. })), "{last:?}");
        }
    }

    #[test]
    fn a_short_list_is_read_again_and_then_reported() {
        let now = at("2026-11-23T12:00:00Z");
        let from = at("2026-11-23T09:30:00Z");
        let mut listing = Listing::new();
        listing.query(42, from, None);
        let mut page = listing.absorb(&doc(2, &[(1, "2026-11-23T11:00:00Z")]), now);
        for _ in 0..5 {
            let Some(token) = page.next.clone() else { break };
            let query = listing.query(42, from, Some(&token));
            let results: &[_] =
                if pairs(&query)["offset"] == "0" { &[(1, "2026-11-23T11:00:00Z")] } else { &[] };
            page = listing.absorb(&doc(2, results), now);
        }
        assert_eq!(page.next, None, "three readings of two pages");
        assert!(matches!(&page.tidings[..], [Tiding::Anomaly { order: None, .. }]));
    }

    #[test]
    fn a_list_beyond_the_last_offset_is_split_by_the_hour_of_placing() {
        let now = at("2026-11-23T12:10:00Z");
        let from = at("2026-11-23T09:30:00Z");
        let mut listing = Listing::new();
        listing.query(42, from, None);
        let first = listing.absorb(&doc(12_000, &[(1, "2026-11-23T11:00:00Z")]), now);
        assert!(first.tidings.is_empty());
        let older = pairs(&listing.query(42, from, first.next.as_deref()));
        let second = listing.absorb(&doc(1, &[(1, "2026-11-23T11:00:00Z")]), now);
        let newer = pairs(&listing.query(42, from, second.next.as_deref()));
        let last = listing.absorb(&doc(1, &[(2, "2026-11-23T11:00:00Z")]), now);
        assert_eq!(older["order.date_created.to"], newer["order.date_created.from"]);
        assert!(
            !older.contains_key("order.date_created.from") && !newer.contains_key("order.date_created.to")
        );
        assert_eq!((hints(&second), hints(&last)), (vec!["1".to_owned()], vec!["2".to_owned()]));
        assert_eq!((last.next, last.total), (None, Some(12_000)));
    }

    #[test]
    fn an_unknown_token_begins_anew() {
        let from = at("2026-11-23T09:30:00Z");
        let mut listing = Listing::new();
        listing.query(42, from, None);
        let page = listing.absorb(&doc(60, &[(1, "2026-11-23T11:00:00Z")]), from);
        assert!(page.next.is_some());
        assert_eq!(pairs(&Listing::new().query(42, from, page.next.as_deref()))["offset"], "0");
    }

    #[test]
    fn an_hour_cannot_be_split() {
        let hour = Span { from: Some(at("2026-11-23T09:00:00Z")), to: Some(at("2026-11-23T10:00:00Z")) };
        assert_eq!(hour.halves(at("2026-11-23T12:00:00Z")), None);
    }
}
