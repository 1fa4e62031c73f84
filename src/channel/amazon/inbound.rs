//! Reading: the list of changed orders, the sweep for refunds, and one order at a time.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::de::IgnoredAny;

use super::api::{self, GET_ORDER, LIST_TRANSACTIONS, SEARCH_ORDERS, with_query};
use super::document::{OrderAnswer, OrderDocument, OrderName, SearchAnswer};
use super::finances::{Refunds, Transaction, TransactionsAnswer, is_order_id, refunds};
use super::map::{self, Reading};
use super::walk::Walk;
use super::{Amazon, INCLUDED_DATA};
use crate::channel::{Call, Fetched, ListRequest, Page, Stream};
use crate::model::{
    Anomaly, ChannelOrderId, Failure, FailureKind, Lane, Observation, Source, Tiding, Timestamp,
};
use crate::net::Response;

pub(super) const ORDERS: &str = "orders";
pub(super) const REFUNDS: &str = "refunds";

const DAY: Duration = Duration::from_hours(24);
/// Orders are complete in the list about two minutes late.
const LAG: Duration = Duration::from_mins(2);
/// How far back the API shows orders.
const REACH: Duration = DAY.saturating_mul(730);
/// Pages of one order's ledger; more than that is not one order.
const LEDGER_PAGES: usize = 25;

pub(super) const STREAMS: [Stream; 2] = [
    Stream {
        name: ORDERS,
        overlap: Duration::from_mins(10),
        first: None,
        every: Duration::ZERO,
        longest: REACH,
        durable_token: false,
        optional: false,
    },
    // Events of the ledger come up to 48 hours late, and a refund need not touch the order.
    Stream {
        name: REFUNDS,
        overlap: DAY.saturating_mul(3),
        first: None,
        every: Duration::ZERO,
        // Above 180 days the answer is empty.
        longest: DAY.saturating_mul(179),
        durable_token: false,
        optional: true,
    },
];

impl Amazon {
    pub(super) async fn list_page(&self, call: Call<'_>, request: ListRequest<'_>) -> Result<Page, Failure> {
        let walk = match request.token {
            Some(token) => Walk::resume(token)?,
            None => Walk::begin(request.from, self.api.clock.now()),
        };
        match request.stream {
            ORDERS => self.list_orders(call, request, walk).await,
            REFUNDS => self.list_refunds(call, request, walk).await,
            other => Err(Failure::unsupported(format!("Amazon has no list named {other}"))),
        }
    }

    async fn list_orders(
        &self,
        call: Call<'_>,
        request: ListRequest<'_>,
        mut walk: Walk,
    ) -> Result<Page, Failure> {
        let to = request.to.map(Timestamp::to_rfc3339_secs);
        let path = with_query(
            "/orders/2026-01-01/orders",
            &[
                ("lastUpdatedAfter", Some(&walk.from)),
                ("lastUpdatedBefore", to.as_deref()),
                ("marketplaceIds", Some(&self.marketplaces.join(","))),
                ("maxResultsPerPage", Some("100")),
                ("includedData", Some(INCLUDED_DATA)),
                ("paginationToken", walk.token.as_deref()),
            ],
        );
        let response = self.api.get(call, &SEARCH_ORDERS, &path).await?;
        let answer: SearchAnswer = api::read(&SEARCH_ORDERS, &response)?;
        let tidings = self.order_tidings(&answer, response.begun_at);
        if walk.is_first() {
            let echoed = answer.last_updated_before.as_deref().and_then(Timestamp::parse);
            walk.upper = echoed.or(request.to).or_else(|| response.date().map(|date| date.minus(LAG)));
        }
        Ok(Page {
            watermark: walk.upper.or_else(|| newest(&tidings)),
            tidings,
            next: walk.next(answer.pagination.and_then(|pagination| pagination.next_token).as_deref()),
            total: None,
        })
    }

    fn order_tidings(&self, answer: &SearchAnswer, read_at: Timestamp) -> Vec<Tiding> {
        let mut tidings = Vec::with_capacity(answer.orders.len());
        for raw in &answer.orders {
            let read = serde_json::from_str::<OrderDocument>(raw.get()).ok();
            let Some((order, id)) =
                read.and_then(|o| ChannelOrderId::new(&o.order_id).ok().map(|id| (o, id)))
            else {
                tidings.extend(unreadable(raw.get()));
                continue;
            };
            if order.is_foreign() {
                continue;
            }
            if let Some(missing) = map::address_missing(&order) {
                self.addresses_missing.store(missing, Ordering::Relaxed);
            }
            let reading = Reading { source: Source::Listing, read_at, refunds: &Refunds::Unseen };
            let mut seen = map::observe(id, &order, reading);
            seen.incomplete &= !self.ledger_read.holds(&seen.order, seen.changed_at);
            tidings.push(Tiding::Seen(Box::new(seen)));
        }
        tidings
    }

    async fn list_refunds(
        &self,
        call: Call<'_>,
        request: ListRequest<'_>,
        mut walk: Walk,
    ) -> Result<Page, Failure> {
        let to = request.to.map(Timestamp::to_rfc3339_secs);
        let path = with_query(
            "/finances/2024-06-19/transactions",
            &[
                ("postedAfter", Some(&walk.from)),
                ("postedBefore", to.as_deref()),
                ("nextToken", walk.token.as_deref()),
            ],
        );
        let response = self.api.get(call, &LIST_TRANSACTIONS, &path).await?;
        let page = api::read::<TransactionsAnswer>(&LIST_TRANSACTIONS, &response)?.payload;
        if walk.is_first() {
            // The ledger echoes no bound. The overlap of days swallows what our clock may be wrong.
            let served = response.date().unwrap_or(response.begun_at);
            walk.upper = Some(request.to.unwrap_or_else(|| served.minus(LAG)));
        }
        let found = page.transactions.as_deref().unwrap_or_default();
        let orders = match (request.bulk, self.told.lock().unwrap_or_else(PoisonError::into_inner)) {
            (true, _) => found.iter().filter(|t| t.is_refund()).filter_map(Transaction::order).collect(),
            (false, mut told) => {
                if walk.is_first() {
                    told.begin(request.from);
                }
                told.news(found)
            }
        };
        Ok(Page {
            tidings: orders.into_iter().map(|order| Tiding::Hint { order, changed_at: None }).collect(),
            next: walk.next(page.next()),
            watermark: walk.upper,
            total: None,
        })
    }

    /// One order with its refunds.
    pub(super) async fn read_order(&self, call: Call<'_>, id: &ChannelOrderId) -> Result<Fetched, Failure> {
        if !is_order_id(id.as_str()) {
            let failure = Failure::invalid(format!(
                "{id} is not an Amazon order number. Such a number has the form 123-1234567-1234567"
            ));
            return Ok(Fetched::Failed { order: id.clone(), failure });
        }
        let path =
            with_query(&format!("/orders/2026-01-01/orders/{id}"), &[("includedData", Some(INCLUDED_DATA))]);
        let response = match self.api.get(call, &GET_ORDER, &path).await {
            Ok(response) => response,
            Err(failure) if failure.kind == FailureKind::NotFound => {
                return Ok(Fetched::Missing { order: id.clone(), reach: Some(REACH) });
            }
            Err(failure) => return Err(failure),
        };
        let order = named(id, &response)?;
        if order.is_foreign() {
            // Another shop's order in Amazon's warehouse: it is imported from that shop.
            return Ok(Fetched::Missing { order: id.clone(), reach: Some(Duration::ZERO) });
        }
        let observation = self.with_refunds(call, id, &order, response.begun_at).await?;
        Ok(Fetched::Found(Box::new(observation)))
    }

    async fn with_refunds(
        &self,
        call: Call<'_>,
        id: &ChannelOrderId,
        order: &OrderDocument,
        read_at: Timestamp,
    ) -> Result<Observation, Failure> {
        let mut denied = false;
        let mut asked = true;
        let refunds = if order.is_pending() {
            Refunds::Unseen
        } else {
            match self.refunds_of(call, id).await {
                Ok(refunds) => refunds,
                Err(failure) if failure.kind == FailureKind::Permission && !failure.stale_token => {
                    denied = true;
                    Refunds::Unseen
                }
                // An action must not fail because the ledger is slow; known refunds stay.
                Err(failure) if call.lane == Lane::Action && failure.kind.is_temporary() => {
                    asked = false;
                    Refunds::Unseen
                }
                Err(failure) => return Err(failure),
            }
        };
        let reading = Reading { source: Source::Fetch, read_at, refunds: &refunds };
        let mut observation = map::observe(id.clone(), order, reading);
        if denied {
            observation.anomalies.push(no_refund_knowledge());
        }
        if asked {
            self.ledger_read.note(id.clone(), observation.changed_at);
        }
        Ok(observation)
    }

    async fn refunds_of(&self, call: Call<'_>, id: &ChannelOrderId) -> Result<Refunds, Failure> {
        let mut transactions: Vec<Transaction> = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..LEDGER_PAGES {
            let path = with_query(
                "/finances/2024-06-19/transactions",
                &[
                    ("relatedIdentifierName", Some("ORDER_ID")),
                    ("relatedIdentifierValue", Some(id.as_str())),
                    ("nextToken", token.as_deref()),
                ],
            );
            let response = self.api.get(call, &LIST_TRANSACTIONS, &path).await?;
            let page = api::read::<TransactionsAnswer>(&LIST_TRANSACTIONS, &response)?.payload;
            token = page.next().map(str::to_owned);
            transactions.extend(page.transactions.into_iter().flatten());
            if token.is_none() {
                return Ok(refunds(id, &transactions));
            }
        }
        Err(Failure::unavailable("Amazon's ledger of one order has no end").local())
    }
}

/// The order of an answer, which must be the one that was asked for.
pub(super) fn named(id: &ChannelOrderId, response: &Response) -> Result<OrderDocument, Failure> {
    let read = api::read::<OrderAnswer>(&GET_ORDER, response);
    // What is JSON is about this order. Anything else comes from the edge, for whatever is asked.
    let about_it = || serde_json::from_slice::<IgnoredAny>(&response.body).is_ok();
    let order = read.map_err(|failure| if about_it() { failure.local() } else { failure })?.order;
    if order.order_id == id.as_str() {
        return Ok(order);
    }
    Err(Failure::unavailable("Amazon answered with another order than the one asked for"))
}

/// The latest change that a page shows, for a list that does not say where it ends.
fn newest(tidings: &[Tiding]) -> Option<Timestamp> {
    let changed = |tiding: &Tiding| if let Tiding::Seen(seen) = tiding { seen.changed_at } else { None };
    tidings.iter().filter_map(changed).max()
}

fn no_refund_knowledge() -> Anomaly {
    Anomaly {
        code: "refunds_unknown".to_owned(),
        summary: "Amazon does not tell refunds: the role Finance and Accounting is missing, so the payment status \
                  is shown without them. Add the role, authorise the application again and put the new refresh \
                  token into the config file."
            .to_owned(),
    }
}

/// An order of the list that cannot be read: told, and asked for by its name where it has one.
fn unreadable(text: &str) -> Vec<Tiding> {
    let order =
        serde_json::from_str::<OrderName>(text).ok().and_then(|n| ChannelOrderId::new(&n.order_id).ok());
    let anomaly = Anomaly {
        code: "unreadable_order".to_owned(),
        summary: "Amazon's list held an order that cannot be read; it is asked for by its number.".to_owned(),
    };
    let mut tidings = vec![Tiding::Anomaly { order: order.clone(), anomaly }];
    tidings.extend(order.map(|order| Tiding::Hint { order, changed_at: None }));
    tidings
}

#[cfg(test)]
mod tests;
