//! Reading orders afresh, in batches, with every page of their inner lists.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use serde_json::value::RawValue;

use super::api::Api;
use super::auth;
use super::errors::Fault;
use super::graph::{Connection, Order, PERSONAL, Withheld};
use super::query::{self, BATCH, Query};
use super::scalar::{Id, gid};
use crate::channel::{Call, Fetched};
use crate::model::{ChannelOrderId, Failure, FailureKind, Source, Timestamp};

/// Without the right to all orders, older ones are out of sight.
const REACH: Duration = Duration::from_hours(1440);
/// Pages of one inner list; each has 250 rows, and an order has at most some 500 lines.
const PAGES_MAX: usize = 20;

/// Fetches, and remembers what this app may not see.
pub(super) struct Fetcher {
    /// Fulfilment orders were denied: they are not asked for again.
    without_work: AtomicBool,
    /// This version lacks one of the extra fields: only the essential ones are asked for.
    bare: AtomicBool,
    /// Orders of one call: fewer where Shopify finds the question too costly.
    most: AtomicUsize,
}

#[derive(Deserialize)]
struct Nodes {
    /// Read one by one, so that one odd order does not hide the others.
    nodes: Vec<Option<Box<RawValue>>>,
}

impl Fetcher {
    pub(super) fn new() -> Self {
        Self {
            without_work: AtomicBool::new(false),
            bare: AtomicBool::new(false),
            most: AtomicUsize::new(BATCH as usize),
        }
    }

    pub(super) async fn fetch(
        &self,
        api: &Api,
        call: Call<'_>,
        orders: &[ChannelOrderId],
    ) -> Result<Vec<Fetched>, Failure> {
        let mut fetched = Vec::with_capacity(orders.len());
        // An id that is no number would make Shopify refuse the whole call.
        let (known, odd): (Vec<_>, Vec<_>) =
            orders.iter().cloned().partition(|order| Id::read(order.as_str()).is_some());
        fetched.extend(odd.into_iter().map(|order| Fetched::Missing { order, reach: None }));
        for orders in known.chunks(self.most.load(Ordering::Relaxed)) {
            fetched.extend(self.each(api, call, orders).await?);
        }
        Ok(fetched)
    }

    /// A question that is refused is asked again by halves: one order's fault, or a cost above the
    /// limit, must not keep the others out.
    async fn each(
        &self,
        api: &Api,
        call: Call<'_>,
        orders: &[ChannelOrderId],
    ) -> Result<Vec<Fetched>, Failure> {
        let mut fetched = Vec::with_capacity(orders.len());
        let mut waiting = vec![orders];
        while let Some(part) = waiting.pop() {
            match (self.batch(api, call, part).await, part) {
                (Err(failure), [order]) if failure.local => {
                    fetched.push(Fetched::Failed { order: order.clone(), failure });
                }
                (Err(failure), several) if failure.local => {
                    let (first, second) = several.split_at(several.len() / 2);
                    if failure.message.to_ascii_lowercase().contains("cost") {
                        self.most.fetch_min(second.len(), Ordering::Relaxed);
                    }
                    waiting.extend([second, first]);
                }
                (answer, _) => fetched.extend(answer?),
            }
        }
        Ok(fetched)
    }

    /// Asks for less when part of the question is refused as such; twice at most.
    async fn batch(
        &self,
        api: &Api,
        call: Call<'_>,
        orders: &[ChannelOrderId],
    ) -> Result<Vec<Fetched>, Failure> {
        for _ in 0..2 {
            let query = self.query(call);
            match batch(api, call, query, orders).await {
                Err(failure) if self.asks_less_after(&failure) && self.query(call).text != query.text => {}
                settled => return settled,
            }
        }
        batch(api, call, self.query(call), orders).await
    }

    fn query(&self, call: Call<'_>) -> &'static Query {
        match (self.bare.load(Ordering::Relaxed), self.may_see_work(call)) {
            (false, true) => &query::ORDERS,
            (false, false) => &query::ORDERS_WITHOUT_WORK,
            (true, true) => &query::BARE_ORDERS,
            (true, false) => &query::BARE_ORDERS_WITHOUT_WORK,
        }
    }

    fn asks_less_after(&self, failure: &Failure) -> bool {
        let (part, flag) = match failure.kind {
            FailureKind::Permission if failure.message.contains("fulfillmentOrders") => {
                ("fulfilment orders", &self.without_work)
            }
            FailureKind::InvalidRequest if failure.message.contains("doesn't exist on type") => {
                ("further sums and counts", &self.bare)
            }
            _ => return false,
        };
        if !flag.swap(true, Ordering::Relaxed) {
            tracing::warn!(part, %failure, "part of every order is not to be had; the rest is read without it");
        }
        true
    }

    /// Rights may have changed: what was denied is asked for again.
    pub(super) fn forget_denials(&self) {
        self.without_work.store(false, Ordering::Relaxed);
    }

    fn may_see_work(&self, call: Call<'_>) -> bool {
        let denied = ["merchant_managed", "third_party", "assigned"].iter().all(|kind| {
            let right = format!("read_{kind}_fulfillment_orders");
            auth::allows(&call.tokens.scopes, &right) == Some(false)
        });
        !denied && !self.without_work.load(Ordering::Relaxed)
    }
}

async fn batch(
    api: &Api,
    call: Call<'_>,
    query: &Query,
    orders: &[ChannelOrderId],
) -> Result<Vec<Fetched>, Failure> {
    let ids: Vec<String> = orders.iter().map(|order| gid("Order", order.as_str())).collect();
    let count = u32::try_from(orders.len()).unwrap_or(BATCH);
    let reply = api.ask::<Nodes>(call, query, query.points * count, json!({ "ids": ids })).await?;
    if reply.data.nodes.len() != orders.len() {
        return Err(Failure::unavailable(
            "Shopify answered with another number of orders than was asked for",
        ));
    }
    let mut fetched = Vec::with_capacity(orders.len());
    for (position, (node, order)) in reply.data.nodes.into_iter().zip(orders).enumerate() {
        let faults = Faults::of(&reply.faults, position);
        fetched.push(match faults.of_order(node.is_some()) {
            // A right that is missing for one order is missing for all.
            Some(failure) if failure.kind == FailureKind::Permission => return Err(failure),
            Some(failure) => Fetched::Failed { order: order.clone(), failure },
            None => one(api, call, order, node.as_deref(), &faults.withheld, reply.begun_at).await,
        });
    }
    Ok(fetched)
}

/// The faults of one order of a batch.
struct Faults<'a> {
    own: Vec<&'a Fault>,
    withheld: Vec<String>,
}

impl<'a> Faults<'a> {
    fn of(all: &'a [Fault], position: usize) -> Self {
        let position = position.to_string();
        let concerns = |fault: &&Fault| fault.path.is_empty() || fault.path.get(1) == Some(&position);
        let own: Vec<_> = all.iter().filter(concerns).collect();
        let denied = own.iter().filter(|fault| fault.kind == FailureKind::Permission);
        Self { withheld: denied.flat_map(|fault| denied_fields(fault)).collect(), own }
    }

    /// What makes the order unusable. Denied fields do not, as long as the order itself is there.
    fn of_order(&self, present: bool) -> Option<Failure> {
        let fault = self.own.iter().find(|fault| !present || fault.kind != FailureKind::Permission)?;
        let mut failure = fault.failure();
        if fault.kind == FailureKind::Permission {
            failure.message = format!("{} ({})", failure.message, fault.path.join("."));
        }
        Some(failure)
    }
}

/// The field at which the path of a denial ends; without a path, whatever is personal.
fn denied_fields(fault: &Fault) -> Vec<String> {
    if fault.path.is_empty() {
        return PERSONAL.map(str::to_owned).to_vec();
    }
    fault.path.get(2).cloned().into_iter().collect()
}

async fn one(
    api: &Api,
    call: Call<'_>,
    order: &ChannelOrderId,
    node: Option<&RawValue>,
    withheld: &[String],
    read_at: Timestamp,
) -> Fetched {
    let missing = || {
        let all = auth::allows(&call.tokens.scopes, "read_all_orders") == Some(true);
        Fetched::Missing { order: order.clone(), reach: (!all).then_some(REACH) }
    };
    let Some(node) = node else { return missing() };
    let Ok(mut node) = serde_json::from_str::<Order>(node.get()) else {
        let failure = Failure::unavailable("Shopify's answer about this order cannot be read").local();
        return Fetched::Failed { order: order.clone(), failure };
    };
    if let Err(failure) = complete(api, call, &mut node).await {
        return Fetched::Failed { order: order.clone(), failure };
    }
    match node.into_reading(&Withheld(withheld)) {
        Some(reading) => Fetched::Found(Box::new(reading.into_observation(Source::Fetch, read_at))),
        None => missing(),
    }
}

/// Reads what is left of every inner list that has more than one page.
async fn complete(api: &Api, call: Call<'_>, order: &mut Order) -> Result<(), Failure> {
    let id = gid("Order", order.id.as_str());
    if let Some(lines) = &mut order.line_items {
        rest(api, call, &query::MORE_LINES, "lineItems", &id, lines).await?;
    }
    for sent in order.fulfillments.iter_mut().flatten() {
        let id = gid("Fulfillment", sent.id.as_str());
        if let Some(lines) = &mut sent.lines {
            rest(api, call, &query::MORE_SENT_LINES, "fulfillmentLineItems", &id, lines).await?;
        }
    }
    for refund in order.refunds.iter_mut().flatten() {
        let id = gid("Refund", refund.id.as_str());
        if let Some(lines) = &mut refund.lines {
            rest(api, call, &query::MORE_REFUNDED_LINES, "refundLineItems", &id, lines).await?;
        }
    }
    let Some(work) = &mut order.fulfillment_orders else { return Ok(()) };
    rest(api, call, &query::MORE_WORK, "fulfillmentOrders", &id, work).await?;
    for part in &mut work.nodes {
        let id = gid("FulfillmentOrder", part.id.as_str());
        rest(api, call, &query::MORE_WAITING_LINES, "lineItems", &id, &mut part.line_items).await?;
    }
    Ok(())
}

#[derive(Deserialize)]
struct Holder<T> {
    node: Option<std::collections::BTreeMap<String, Connection<T>>>,
}

async fn rest<T: DeserializeOwned>(
    api: &Api,
    call: Call<'_>,
    query: &Query,
    field: &str,
    id: &str,
    list: &mut Connection<T>,
) -> Result<(), Failure> {
    for _ in 0..PAGES_MAX {
        let Some(after) = list.next() else { return Ok(()) };
        let variables = json!({ "id": id, "after": after });
        let holder: Holder<T> = api.ask(call, query, query.points, variables).await?.whole()?;
        let page = holder.node.and_then(|mut node| node.remove(field));
        let page =
            page.ok_or_else(|| Failure::unavailable("Shopify withdrew an order while it was being read"))?;
        list.nodes.extend(page.nodes);
        list.page_info = page.page_info;
    }
    Err(Failure::unavailable(format!("Shopify's list of {field} of one order does not end")).local())
}
