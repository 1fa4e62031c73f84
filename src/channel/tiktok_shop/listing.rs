//! What a poll asks for: the orders, the cancellations and the returns by change time, and once a
//! day the orders of the last week again: what the index held back, and what changed without a new
//! change time in orders that are closed, such as a note. (Open ones are read again sooner.)
//!
//! Pages of orders carry nearly whole orders, so they are taken as readings: an import of thousands
//! costs one call per hundred. They do not tell refunds; where there may be some, the reading says
//! that a fetch would complete it, and fetches go by fifty.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::api::{Answered, Api, Ask};
use super::document::{AfterSalesDoc, OrderDoc, OrdersDoc};
use super::fetch::AFTER_SALES_PAGE;
use super::map::{Reading, observe};
use super::notice::order_id;
use super::refusal::nonsense;
use crate::channel::{Call, ListRequest, Page, Stream};
use crate::model::{Anomaly, Failure, Source, Tiding, Timestamp};

/// The index trails the orders.
const OVERLAP: Duration = Duration::from_mins(30);
const DAY: Duration = Duration::from_hours(24);
const WEEK: Duration = Duration::from_hours(168);
/// Longer than the widest overlap, or its window would never end.
const MONTH: Duration = Duration::from_hours(720);
const ORDERS: &str = "orders";
const LAST_WEEK: &str = "orders_of_the_week";
const CANCELLATIONS: &str = "cancellations";
const RETURNS: &str = "returns";

/// A page token is good for one walk, so none outlives a restart.
const fn stream(name: &'static str, optional: bool) -> Stream {
    Stream {
        name,
        overlap: OVERLAP,
        first: None,
        every: Duration::ZERO,
        longest: WEEK,
        durable_token: false,
        optional,
    }
}

pub const STREAMS: &[Stream] = &[
    stream(ORDERS, false),
    stream(CANCELLATIONS, true),
    stream(RETURNS, true),
    // It has nothing to add to the import.
    Stream { overlap: WEEK, first: Some(OVERLAP), every: DAY, longest: MONTH, ..stream(LAST_WEEK, true) },
];

pub async fn list(api: &Api, call: Call<'_>, request: ListRequest<'_>) -> Result<Page, Failure> {
    match request.stream {
        CANCELLATIONS => {
            after_sales(api, call, request, "cancellations", "/return_refund/202309/cancellations/search")
                .await
        }
        RETURNS => after_sales(api, call, request, "returns", "/return_refund/202309/returns/search").await,
        _ => orders(api, call, request).await,
    }
}

/// Filters go into the body, paging into the query.
fn window(request: &ListRequest<'_>) -> Value {
    let mut body = Map::from_iter([("update_time_ge".to_owned(), json!(request.from.as_secs()))]);
    if let Some(to) = request.to {
        body.insert("update_time_lt".to_owned(), json!(to.as_secs()));
    }
    Value::Object(body)
}

fn turn(ask: Ask, token: Option<&str>) -> Ask {
    match token {
        Some(token) => ask.param("page_token", token),
        None => ask,
    }
}

/// The time of the run's first call; the earlier of both clocks, so that nothing falls between.
fn watermark<T>(request: &ListRequest<'_>, answer: &Answered<T>) -> Option<Timestamp> {
    let begun_at = answer.response.begun_at;
    let earlier = answer.response.date().map_or(begun_at, |theirs| theirs.min(begun_at));
    request.token.is_none().then_some(earlier)
}

async fn orders(api: &Api, call: Call<'_>, request: ListRequest<'_>) -> Result<Page, Failure> {
    let ask = Ask::post("orders_search", "/order/202309/orders/search", &window(&request))
        .param("page_size", "100")
        .param("sort_field", "update_time")
        .param("sort_order", "ASC");
    let answer = api.ask::<OrdersDoc>(call, turn(ask, request.token)).await?;
    if answer.doc.is_torn() {
        return Err(nonsense("changed orders", &answer.response));
    }
    let read_at = answer.response.begun_at;
    let tidings = answer.doc.orders.list().iter();
    let odd = std::iter::repeat_with(unreadable).take(answer.doc.orders.odd);
    Ok(Page {
        tidings: tidings.map(|order| tiding(order, read_at)).chain(odd).collect(),
        next: answer.doc.next_page_token.filled().map(str::to_owned),
        watermark: watermark(&request, &answer),
        total: answer.doc.total_count.parse().ok(),
    })
}

/// A row that lacks what makes it a reading is a reason to fetch.
fn tiding(order: &OrderDoc, read_at: Timestamp) -> Tiding {
    let Some(id) = order_id(&order.id) else { return unreadable() };
    let whole = order.line_items.is_some() && order.payment.is_some() && order.update_time.0.is_some();
    if !whole {
        return Tiding::Hint { order: id, changed_at: order.update_time.0 };
    }
    let source = Source::Listing;
    let reading = Reading { order, after_sales: None, providers: None, source, read_at };
    Tiding::Seen(Box::new(observe(id, &reading)))
}

fn unreadable() -> Tiding {
    let anomaly = Anomaly {
        code: "unreadable_order".to_owned(),
        summary: "TikTok Shop's list held an order that cannot be read.".to_owned(),
    };
    Tiding::Anomaly { order: None, anomaly }
}

/// Whatever changed in them, its order is read again.
async fn after_sales(
    api: &Api,
    call: Call<'_>,
    request: ListRequest<'_>,
    operation: &'static str,
    path: &'static str,
) -> Result<Page, Failure> {
    let ask = Ask::post(operation, path, &window(&request))
        .param("page_size", AFTER_SALES_PAGE)
        .param("sort_field", "update_time")
        .param("sort_order", "ASC");
    let answer = api.ask::<AfterSalesDoc>(call, turn(ask, request.token)).await?;
    if answer.doc.is_torn() {
        return Err(nonsense(operation, &answer.response));
    }
    let docs = answer.doc.cancellations.list().iter().chain(answer.doc.return_orders.list());
    let mut orders: Vec<_> = docs.filter_map(|doc| order_id(&doc.order_id)).collect();
    orders.sort();
    orders.dedup();
    Ok(Page {
        tidings: orders.into_iter().map(|order| Tiding::Hint { order, changed_at: None }).collect(),
        next: answer.doc.next_page_token.filled().map(str::to_owned),
        watermark: watermark(&request, &answer),
        total: None,
    })
}
