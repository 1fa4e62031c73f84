//! Reading: lists of orders, and one order at a time.
//!
//! Lists give whole orders, so nothing has to be fetched after them. A poll asks for what was
//! modified since its window began; a first window begins far back and so gives everything that
//! was placed since. A bulk sync asks for what was placed since, whatever the index of changes
//! says, and then for what is older and was modified since.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Walmart;
use super::api::{Answered, GET_ORDER, LIST_ORDERS};
use super::document::{ListAnswer, ListDoc, OrderAnswer, OrderDoc, Word};
use super::errors::{self, ApiErrors};
use super::map::{Reading, observe, order_id};
use super::market::Node;
use super::walk::{PageRead, Part, Walk, cursor_query};
use crate::channel::said::Said;
use crate::channel::{Call, Fetched, ListRequest, Page, Stream};
use crate::model::{Anomaly, ChannelOrderId, Failure, FailureKind, Observation, Source, Tiding, Timestamp};
use crate::net::Response;

const ORDERS: &str = "orders";
/// Orders that Walmart packs itself.
const WFS: &str = "wfs";
const THIRD_PARTY: &str = "3pl";
/// The last thirty days again, once a day, in case a change did not show as one.
const RELIST: &str = "relist";

const DAY: Duration = Duration::from_hours(24);
/// Single reads reach back as far as lists.
const ORDER_REACH: Duration = DAY.saturating_mul(180);

/// Windows are not cut: what is too big for one search is halved by the walk itself.
const CHANGES: Stream = Stream {
    name: ORDERS,
    overlap: Duration::from_mins(30),
    first: None,
    every: Duration::ZERO,
    longest: DAY.saturating_mul(36_500),
    durable_token: false,
    optional: false,
};

pub(super) const STREAMS: [Stream; 4] = [
    CHANGES,
    Stream { name: WFS, optional: true, ..CHANGES },
    Stream { name: THIRD_PARTY, optional: true, ..CHANGES },
    Stream {
        name: RELIST,
        overlap: DAY.saturating_mul(30),
        // The import itself has just listed them.
        first: Some(Duration::ZERO),
        every: DAY,
        optional: true,
        ..CHANGES
    },
];

/// The searches of a request, in the order in which they are made.
fn parts(request: &ListRequest<'_>, now: Timestamp) -> Result<Vec<Part>, Failure> {
    let (from, to) = (request.from, request.to);
    let placed = |node| Part::placed(node, from, to, now);
    let changed = |node| Part::changed(node, from, to, now);
    if request.bulk {
        let both = |node| [placed(node), changed(node).placed_before(from)];
        return Ok(Node::ALL.into_iter().flat_map(both).collect());
    }
    Ok(match request.stream {
        ORDERS => vec![changed(Node::Seller)],
        WFS => vec![changed(Node::Walmart)],
        THIRD_PARTY => vec![changed(Node::ThirdParty)],
        RELIST => Node::ALL.into_iter().map(placed).collect(),
        other => return Err(Failure::unsupported(format!("Walmart has no list named {other}"))),
    })
}

impl Walmart {
    pub(super) async fn list_page(&self, call: Call<'_>, request: ListRequest<'_>) -> Result<Page, Failure> {
        let now = self.api.clock.now();
        let mut walk = match request.token.and_then(|token| Walk::resume(token, now)) {
            Some(walk) => walk,
            None => Walk::begin(parts(&request, now)?),
        };
        let single = walk.is_single();
        let Some(part) = walk.part().cloned() else { return Ok(Page::default()) };
        let answered = self.api.ask(call, &LIST_ORDERS, &self.list_path(&walk, &part)).await?;
        walk.note_begun(answered.response.begun_at);
        if errors::is_empty_list(&answered.response) {
            walk.end_part();
            return Ok(turn(&walk, Vec::new(), None));
        }
        if !answered.response.is_success() {
            return self.list_refused(walk, &part, single, answered);
        }
        let doc = read_list(&answered)?;
        let page = page_read(&doc);
        if walk.is_too_big(&page) && heeds_placing(&doc, &part) && walk.split(now) {
            return Ok(turn(&walk, Vec::new(), None));
        }
        if answered.response.status == 206 || !ApiErrors::read(&answered.response.body).is_empty() {
            walk.note_partial();
        }
        let mut tidings = self.tidings(&doc, part.node, answered.response.begun_at);
        let total = page.total.filter(|_| single);
        if walk.absorb(page, self.api.clock.now()) {
            tidings.push(list_short());
        }
        if walk.has_no_end() {
            return Err(Failure::unavailable("Walmart's list of orders has no end"));
        }
        Ok(turn(&walk, tidings, total))
    }

    fn list_path(&self, walk: &Walk, part: &Part) -> String {
        match walk.cursor() {
            Some(cursor) => format!("/v3/orders{}", cursor_query(cursor)),
            None => format!("/v3/orders{}", part.query(!self.market.is_global())),
        }
    }

    /// A refused cursor begins its search anew, a search that is too big is halved, and a node
    /// that cannot be searched is left out where others are searched too.
    fn list_refused(
        &self,
        mut walk: Walk,
        part: &Part,
        single: bool,
        answered: Answered,
    ) -> Result<Page, Failure> {
        let (status, had_cursor) = (answered.response.status, walk.cursor().is_some());
        let too_many = errors::is_too_many(&answered.response);
        let failure = match self.api.accept(&LIST_ORDERS, answered) {
            Ok(_) => Failure::unavailable("Walmart's list of orders cannot be read"),
            Err(failure) => failure,
        };
        if failure.stale_token {
            return Err(failure);
        }
        if too_many && !had_cursor && walk.split(self.api.clock.now()) {
            return Ok(turn(&walk, Vec::new(), None));
        }
        if status == 400 && had_cursor && walk.try_again() {
            return Ok(turn(&walk, Vec::new(), None));
        }
        if !single && part.node != Node::Seller && !failure.kind.is_temporary() {
            walk.end_part();
            return Ok(turn(&walk, vec![node_refused(part.node)], None));
        }
        Err(failure)
    }

    fn tidings(&self, doc: &ListDoc, node: Node, read_at: Timestamp) -> Vec<Tiding> {
        let orders = doc.elements.as_ref().map_or(&[][..], |elements| &elements.order.0);
        let mut tidings = Vec::with_capacity(orders.len());
        for raw in orders {
            let read = serde_json::from_str::<OrderDoc>(raw.get()).ok();
            match read.and_then(|order| order_id(&order).map(|id| (id, order))) {
                Some((id, order)) => {
                    let node = self.sellers.node(&id, node);
                    let seen = self.observation(id, &order, Source::Listing, read_at, Some(node));
                    tidings.push(Tiding::Seen(Box::new(seen)));
                }
                None => tidings.push(unreadable()),
            }
        }
        tidings
    }

    pub(super) fn observation(
        &self,
        id: ChannelOrderId,
        order: &OrderDoc,
        source: Source,
        read_at: Timestamp,
        node: Option<Node>,
    ) -> Observation {
        observe(id, order, Reading { source, read_at, market: self.market, node })
    }

    pub(super) async fn read_order(&self, call: Call<'_>, id: &ChannelOrderId) -> Result<Fetched, Failure> {
        let option = if self.market.is_global() { "" } else { "?replacementInfo=true" };
        let response = match self.api.get(call, &GET_ORDER, &format!("/v3/orders/{id}{option}")).await {
            Ok(response) => response,
            Err(failure) if failure.kind == FailureKind::NotFound => {
                return Ok(Fetched::Missing { order: id.clone(), reach: Some(ORDER_REACH) });
            }
            Err(failure) => return Err(failure),
        };
        let order = named(id, &response)?;
        if order.lines().is_empty() {
            let why = "Walmart's answer about the order holds no lines that can be read";
            let failure = Failure::unavailable(why).http(response.status, None).local();
            return Ok(Fetched::Failed { order: id.clone(), failure });
        }
        let seen = self.observation(id.clone(), &order, Source::Fetch, response.begun_at, None);
        Ok(Fetched::Found(Box::new(seen)))
    }
}

/// Orders that were on the seller's own list. An order is on one list only, so one that is met again
/// on another shows that Walmart did not heed which list was asked for.
#[derive(Default)]
pub(super) struct Sellers(Mutex<HashSet<ChannelOrderId>>);

impl Sellers {
    /// Most that are remembered; they are met again within the same poll.
    const MOST: usize = 20_000;

    /// Who packs an order on the list of `node` that does not say it itself.
    fn node(&self, id: &ChannelOrderId, node: Node) -> Node {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(id) {
            return Node::Seller;
        }
        if node == Node::Seller {
            if known.len() >= Self::MOST {
                known.clear();
            }
            known.insert(id.clone());
        }
        node
    }
}

/// The order of an answer, which must be the one that was asked for.
pub(super) fn named(id: &ChannelOrderId, response: &Response) -> Result<OrderDoc, Failure> {
    let unreadable = |why: &str| Failure::unavailable(why).http(response.status, None);
    let answer: OrderAnswer = serde_json::from_slice(&response.body)
        .map_err(|_| unreadable("Walmart's answer about the order cannot be read"))?;
    let order = answer
        .order
        .0
        .into_iter()
        .next()
        .ok_or_else(|| unreadable("Walmart's answer about the order holds no order"))?;
    match &order.purchase_order_id {
        Said(Some(Word(named))) if named == id.as_str() => Ok(order),
        _ => Err(unreadable("Walmart answered with another order than the one asked for")),
    }
}

/// A 200 that is no list is a fault of the edge: asked again, never taken for an empty list.
fn read_list(answered: &Answered) -> Result<ListDoc, Failure> {
    let response = &answered.response;
    let answer: Option<ListAnswer> = serde_json::from_slice(&response.body).ok();
    let list = answer.and_then(|answer| answer.list.0);
    let filled = list.filter(|list| list.meta.is_some() || list.elements.is_some());
    match filled {
        Some(list) => Ok(list),
        None if ApiErrors::read(&response.body).names("CONTENT_NOT_FOUND") => Ok(ListDoc::default()),
        None => Err(Failure::unavailable("Walmart's list of orders cannot be read")
            .http(response.status, Some(answered.correlation.clone()))),
    }
}

fn page_read(doc: &ListDoc) -> PageRead {
    let meta = doc.meta.as_ref();
    let orders = doc.elements.as_ref().map_or(0, |elements| elements.order.0.len());
    PageRead {
        orders: orders as u64,
        total: meta.and_then(|meta| u64::try_from(meta.total_count.as_ref()?.0.trunc()).ok()),
        cursor: meta.and_then(|meta| meta.next_cursor.0.clone()),
    }
}

/// Whether the list is narrowed by the time of placing at all: else halving would never end.
fn heeds_placing(doc: &ListDoc, part: &Part) -> bool {
    let orders = doc.elements.as_ref().map_or(&[][..], |elements| &elements.order.0);
    let placed = orders
        .iter()
        .filter_map(|raw| Some(serde_json::from_str::<OrderDoc>(raw.get()).ok()?.order_date.0?.0));
    placed.into_iter().all(|at| part.may_hold(at))
}

fn turn(walk: &Walk, tidings: Vec<Tiding>, total: Option<u64>) -> Page {
    Page { tidings, next: walk.next(), watermark: walk.watermark(), total }
}

fn channel_anomaly(code: &str, summary: String) -> Tiding {
    Tiding::Anomaly { order: None, anomaly: Anomaly { code: code.to_owned(), summary } }
}

fn list_short() -> Tiding {
    let summary = "Walmart's list of orders began to repeat itself before it had told as many orders as it promised. \
                   What it left out is found by the next checks.";
    channel_anomaly("list_short", summary.to_owned())
}

fn node_refused(node: Node) -> Tiding {
    let summary = format!("Walmart refused to list the orders of {}; the others were listed.", node.word());
    channel_anomaly(&format!("list_refused:{}", node.word()), summary)
}

fn unreadable() -> Tiding {
    let summary = "Walmart's list held an order that cannot be read. Look for it in Seller Central.";
    channel_anomaly("unreadable_order", summary.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::setup::tests::walmart;
    use super::*;
    use crate::model::FulfilledBy;

    fn list(orders: &str) -> ListDoc {
        let json = format!(r#"{{"meta":{{"totalCount":900}},"elements":{{"order":[{orders}]}}}}"#);
        serde_json::from_str(&json).expect("a list")
    }

    #[tokio::test]
    async fn an_order_on_the_sellers_list_is_the_sellers_whatever_list_repeats_it() {
        let here = walmart("us", "on_import");
        let packs = |order: &str, node| match &here.tidings(&list(order), node, Timestamp::EPOCH)[..] {
            [Tiding::Seen(seen)] => seen.fulfilled_by,
            other => panic!("{other:?}"),
        };
        let (ours, theirs) = (r#"{"purchaseOrderId":"1"}"#, r#"{"purchaseOrderId":"2"}"#);
        assert_eq!(packs(ours, Node::Seller), Some(FulfilledBy::Seller));
        assert_eq!(packs(ours, Node::Walmart), Some(FulfilledBy::Seller));
        assert_eq!(packs(theirs, Node::Walmart), Some(FulfilledBy::Channel));
        let said = r#"{"purchaseOrderId":"1","shipNode":{"type":"WFSFulfilled"}}"#;
        assert_eq!(packs(said, Node::Seller), Some(FulfilledBy::Channel), "the order's own word counts");
    }

    #[test]
    fn a_list_that_is_not_narrowed_is_not_halved() {
        let now = Timestamp::parse("2026-11-25T12:00:00Z").expect("time");
        let to = now.minus(DAY.saturating_mul(90));
        let part = Part::placed(Node::Seller, now.minus(DAY.saturating_mul(179)), Some(to), now);
        let order = |at: Timestamp| format!(r#"{{"purchaseOrderId":"1","orderDate":{}}}"#, at.as_millis());
        assert!(heeds_placing(&list(&order(to.minus(DAY))), &part));
        assert!(heeds_placing(&list(r#"{"purchaseOrderId":"1"},null,7"#), &part));
        assert!(!heeds_placing(&list(&format!("{},{}", order(to.minus(DAY)), order(now))), &part));
    }

    #[tokio::test]
    async fn an_order_that_cannot_be_read_hides_no_other() {
        let here = walmart("us", "on_import");
        let doc = list(r#"{"purchaseOrderId":"1"},"odd",{"purchaseOrderId":"a/b"},{"purchaseOrderId":"2"}"#);
        let tidings = here.tidings(&doc, Node::Seller, Timestamp::EPOCH);
        let kinds: Vec<bool> = tidings.iter().map(|tiding| matches!(tiding, Tiding::Seen(_))).collect();
        assert_eq!(kinds, [true, false, false, true]);
    }
}
