//! Orders: the list, one, and the counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::order::{Channels, OrderJson};
use super::{Answer, Call, List, no_order};
use crate::actors::Connection;
use crate::model::{OrderStatus, PaymentStatus, SyncState};
use crate::store::{OrderFilter, OrderPage, Summary};
use crate::web::problem::Problem;
use crate::web::query::Query;
use crate::web::reply;
use crate::web::state::Api;

/// What a list of orders can be narrowed by.
pub const FILTERS: [&str; 8] = [
    "channel",
    "status",
    "payment_status",
    "sync_state",
    "q",
    "placed_after",
    "placed_before",
    "updated_after",
];

/// The filters, and these parameters.
pub fn filters_and(more: &[&'static str]) -> Vec<&'static str> {
    FILTERS.iter().chain(more).copied().collect()
}

pub fn filter(query: &Query<'_>) -> Result<OrderFilter, Problem> {
    Ok(OrderFilter {
        channel: query.channel()?,
        status: query.words("status", OrderStatus::ALL, OrderStatus::parse)?,
        payment_status: query.words("payment_status", PaymentStatus::ALL, PaymentStatus::parse)?,
        sync_state: query.words("sync_state", SyncState::ALL, SyncState::parse)?,
        q: query.text("q")?.map(ToOwned::to_owned),
        placed_after: query.time("placed_after")?,
        placed_before: query.time("placed_before")?,
        updated_after: query.time("updated_after")?,
    })
}

/// `GET /api/v1/orders`
pub async fn list(api: &Arc<Api>, call: &Call) -> Answer {
    let query = Query::parse(&call.query, &filters_and(&["limit", "cursor"]))?;
    let (filter, limit) = (filter(&query)?, query.limit()?);
    let cursor = query.cursor()?.map(ToOwned::to_owned);
    let page = api.read(move |store| store.list_orders(&filter, cursor.as_deref(), limit)).await?;
    Ok(reply::ok(&shape(api, page)?))
}

/// The rows hold the connections' answers, so they are written before the connections go.
fn shape(api: &Api, page: OrderPage) -> Result<List<Box<RawValue>>, Problem> {
    let mut channels = Channels::new(&api.handle);
    let now = api.now();
    let mut items = Vec::with_capacity(page.orders.len());
    for (order, person) in &page.orders {
        let connection = channels.of(order);
        let row = OrderJson::of(order, person, connection.as_deref(), now);
        items.push(serde_json::value::to_raw_value(&row).map_err(|_| Problem::internal())?);
    }
    Ok(List { items, next_cursor: page.next })
}

/// `GET /api/v1/orders/{id}`
pub async fn one(api: &Arc<Api>, call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    let key = call.order()?;
    let found = api.read(move |store| store.order(&key)).await?;
    let (order, person) = found.ok_or_else(|| no_order(&call.id))?;
    let connection = api.handle.channel(&order.key.channel);
    Ok(reply::ok(&OrderJson::of(&order, &person, connection.as_deref(), api.now())))
}

/// `GET /api/v1/orders/summary`
pub async fn summary(api: &Arc<Api>, call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    let mut summary = api.read(crate::store::Store::summary).await?;
    fill(&api.handle.channels(), &mut summary);
    Ok(reply::ok(&summary))
}

/// A word without orders counts zero, rather than being left out.
pub fn fill(connections: &[Arc<Connection>], summary: &mut Summary) {
    let zero = |counts: &mut BTreeMap<String, u64>, words: Vec<&str>| {
        for word in words {
            counts.entry(word.to_owned()).or_default();
        }
    };
    zero(&mut summary.status, OrderStatus::ALL.iter().map(|word| word.as_str()).collect());
    zero(&mut summary.payment_status, PaymentStatus::ALL.iter().map(|word| word.as_str()).collect());
    zero(&mut summary.sync_state, SyncState::ALL.iter().map(|word| word.as_str()).collect());
    zero(&mut summary.channel, connections.iter().map(|connection| connection.id.as_str()).collect());
}
