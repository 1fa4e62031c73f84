//! The calls that change an order. None of them takes a key against repetition: the order is read
//! and judged before anything is sent again.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::actions::{self, CARRIER, PARCEL, REASON, RESTOCK};
use super::api::{Api, Reply};
use super::errors::{self, UserError};
use super::facts::{self, FulfilmentOrder};
use super::graph::{Connection, FulfillmentOrder};
use super::map::fulfilment_of;
use super::plan::{self, Parcel};
use super::query;
use super::scalar::{filled, gid};
use crate::channel::{Call, Performed};
use crate::model::{Action, ActionRequest, Failure, FailureKind, Order, OrderStatus, ShipLine};

/// Memo: the job that cancels, and its richer form since 2026-10.
const JOB: &str = "job";
const JOB_RESULT: &str = "job_result";
/// Memo: how often the job was looked at.
const POLLS: &str = "polls";
/// Memo: the job has ended, and the order was not cancelled at that moment.
const ENDED: &str = "ended";
/// About an hour of looking, at most once a minute.
const POLLS_MAX: u32 = 65;

pub(super) async fn perform(
    api: &Api,
    call: Call<'_>,
    order: &Order,
    action: &Action,
) -> Result<Performed, Failure> {
    match &action.request {
        ActionRequest::Ship { tracking_number, tracking_url, items, .. } => {
            let number = filled(tracking_number.as_deref());
            let tracking = tracking(note(action, CARRIER), number, tracking_url.as_deref());
            ship(api, call, order, action, number, &tracking, items).await
        }
        ActionRequest::Tracking { tracking_number, tracking_url, .. } => {
            track(api, call, order, action, tracking_number.trim(), tracking_url.as_deref()).await
        }
        ActionRequest::Cancel { note, .. } => cancel(api, call, order, action, note.as_deref()).await,
        ActionRequest::Acknowledge => Err(Failure::unsupported("Shopify has no step of accepting an order")),
    }
}

fn note<'a>(action: &'a Action, key: &str) -> &'a str {
    action.memo.get(key).map_or("", String::as_str)
}

/// A link never goes without a number; Shopify makes one by itself for carriers that it knows.
fn tracking(carrier: &str, number: Option<&str>, url: Option<&str>) -> Value {
    let mut input = serde_json::Map::new();
    let mut put = |key: &str, text: Option<&str>| {
        if let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) {
            input.insert(key.to_owned(), text.into());
        }
    };
    put("company", Some(carrier));
    put("number", number);
    put("url", url.filter(|_| number.is_some()));
    Value::Object(input)
}

#[derive(Deserialize)]
struct Payload {
    #[serde(alias = "fulfillmentCreate", alias = "fulfillmentTrackingInfoUpdate")]
    payload: Option<Changed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Changed {
    fulfillment: Option<Value>,
    user_errors: Vec<UserError>,
}

impl Payload {
    fn outcome(self) -> Result<(), Failure> {
        let lost = || Failure::unavailable("Shopify did not say what came of the change").local();
        let payload = self.payload.ok_or_else(lost)?;
        match errors::refused(&payload.user_errors) {
            Some(failure) => Err(failure),
            None if payload.fulfillment.is_none() => Err(lost()),
            None => Ok(()),
        }
    }
}

/// Sends a mutation. What is denied here concerns the action: reading still works.
async fn change(api: &Api, call: Call<'_>, query: &query::Query, variables: Value) -> Result<(), Failure> {
    let reply = api.ask::<Payload>(call, query, query.points, variables).await.map_err(of_action)?;
    reply.whole().map_err(of_action)?.outcome()
}

fn of_action(failure: Failure) -> Failure {
    let denied =
        failure.kind == FailureKind::Permission && failure.http_status.is_none_or(|status| status == 200);
    if denied { failure.local() } else { failure }
}

async fn ship(
    api: &Api,
    call: Call<'_>,
    order: &Order,
    action: &Action,
    number: Option<&str>,
    tracking: &Value,
    items: &[ShipLine],
) -> Result<Performed, Failure> {
    let rest = actions::to_ship(order, action, number, items);
    let work = match facts::read(&order.facts) {
        Some(work) => work,
        None => read_work(api, call, order).await?,
    };
    let parcels = plan::plan(&work, &rest).map_err(|shortage| match shortage.obstacle {
        Some(_) => Failure::unsupported(shortage.why()),
        None => Failure::invalid(shortage.why()),
    })?;
    for (n, parcel) in parcels.iter().enumerate() {
        let variables = json!({ "fulfillment": fulfilment(parcel, tracking) });
        match change(api, call, &query::SHIP, variables).await {
            Ok(()) => {}
            // An earlier try of ours may have arrived late.
            Err(failure) if n == 0 && failure.kind == FailureKind::InvalidRequest => {
                return if landed(api, call, order, number).await {
                    Ok(Performed::Done)
                } else {
                    Err(failure)
                };
            }
            // With part of it shipped, the order must be looked at before anything else.
            Err(failure) => return Err(Failure { no_effect: failure.no_effect && n == 0, ..failure }),
        }
    }
    Ok(Performed::Done)
}

fn fulfilment(parcel: &Parcel, tracking: &Value) -> Value {
    let line =
        |(id, units): &(String, u32)| json!({ "id": gid("FulfillmentOrderLineItem", id), "quantity": units });
    let shares: Vec<Value> = parcel
        .orders
        .iter()
        .map(|share| {
            json!({
                "fulfillmentOrderId": gid("FulfillmentOrder", &share.fulfilment_order),
                "fulfillmentOrderLineItems": share.lines.iter().map(line).collect::<Vec<_>>(),
            })
        })
        .collect();
    let mut input = json!({ "lineItemsByFulfillmentOrder": shares, "notifyCustomer": false });
    if tracking.as_object().is_some_and(|fields| !fields.is_empty()) {
        input["trackingInfo"] = tracking.clone();
    }
    input
}

#[derive(Deserialize)]
struct WorkHolder {
    node: Option<Work>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Work {
    fulfillment_orders: Connection<FulfillmentOrder>,
}

async fn read_work(api: &Api, call: Call<'_>, order: &Order) -> Result<Vec<FulfilmentOrder>, Failure> {
    let sent_nothing = |failure: Failure| Failure { no_effect: true, ..of_action(failure) };
    let variables = json!({ "id": gid("Order", order.key.order.as_str()), "after": null });
    let reply = api.ask::<WorkHolder>(call, &query::MORE_WORK, query::MORE_WORK.points, variables).await;
    let holder = reply.and_then(Reply::whole).map_err(sent_nothing)?;
    let work = holder.node.ok_or_else(|| Failure::not_found("Shopify does not have this order any more"))?;
    Ok(work.fulfillment_orders.nodes.iter().map(FulfillmentOrder::fact).collect())
}

#[derive(Deserialize)]
struct NumbersHolder {
    order: Option<Numbers>,
}

#[derive(Deserialize)]
struct Numbers {
    fulfillments: Vec<NumberedFulfilment>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NumberedFulfilment {
    status: String,
    tracking_info: Vec<NumberOnly>,
}

#[derive(Deserialize)]
struct NumberOnly {
    number: Option<String>,
}

/// Whether a number that the order did not have a moment ago is there now.
async fn landed(api: &Api, call: Call<'_>, order: &Order, number: Option<&str>) -> bool {
    let Some(number) =
        number.filter(|number| !order.shipments.iter().any(|p| actions::has_number(p, number)))
    else {
        return false;
    };
    let variables = json!({ "id": gid("Order", order.key.order.as_str()) });
    let reply = api.ask::<NumbersHolder>(call, &query::NUMBERS, query::NUMBERS.points, variables).await;
    let Ok(Some(now)) = reply.and_then(Reply::whole).map(|holder| holder.order) else {
        return false;
    };
    let same =
        |info: &NumberOnly| info.number.as_deref().is_some_and(|n| n.trim().eq_ignore_ascii_case(number));
    now.fulfillments.iter().any(|sent| sent.status == "SUCCESS" && sent.tracking_info.iter().any(same))
}

/// The call replaces all numbers of the fulfilment, so those that stay go along.
async fn track(
    api: &Api,
    call: Call<'_>,
    order: &Order,
    action: &Action,
    number: &str,
    url: Option<&str>,
) -> Result<Performed, Failure> {
    let parcel = note(action, PARCEL);
    let fulfilment = fulfilment_of(parcel);
    let input = replaced(order, parcel, note(action, CARRIER), number, url);
    let variables = json!({ "id": gid("Fulfillment", fulfilment), "tracking": input });
    change(api, call, &query::TRACK, variables).await.map(|()| Performed::Done)
}

fn replaced(order: &Order, parcel: &str, carrier: &str, number: &str, url: Option<&str>) -> Value {
    let all: Vec<_> = actions::parcels_of(order, fulfilment_of(parcel)).collect();
    if all.len() < 2 {
        return tracking(carrier, Some(number), url);
    }
    let mut input = tracking(carrier, None, None);
    let numbers: Vec<&str> = all
        .iter()
        .filter_map(|p| if p.shipment_id == parcel { Some(number) } else { p.tracking_number.as_deref() })
        .collect();
    let urls: Vec<&str> = all
        .iter()
        .filter_map(|p| if p.shipment_id == parcel { url } else { p.tracking_url.as_deref() })
        .collect();
    // Links pair with numbers by position: with a gap they would point at the wrong parcel.
    if urls.len() == numbers.len() {
        input["urls"] = json!(urls);
    }
    input["numbers"] = json!(numbers);
    input
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cancelled {
    order_cancel: Option<CancelPayload>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CancelPayload {
    job: Option<JobId>,
    job_result: Option<JobId>,
    #[serde(default)]
    order_cancel_user_errors: Vec<UserError>,
    #[serde(default)]
    user_errors: Vec<UserError>,
}

#[derive(Deserialize)]
struct JobId {
    id: String,
}

async fn cancel(
    api: &Api,
    call: Call<'_>,
    order: &Order,
    action: &Action,
    staff_note: Option<&str>,
) -> Result<Performed, Failure> {
    if order.status == OrderStatus::Cancelled {
        return Ok(Performed::Done);
    }
    let variables = json!({
        "id": gid("Order", order.key.order.as_str()),
        "reason": note(action, REASON),
        "restock": note(action, RESTOCK) == "true",
        "note": filled(staff_note),
    });
    let query = if api.tells_job_results() { &query::CANCEL } else { &query::CANCEL_PLAIN };
    let mut reply = api.ask::<Cancelled>(call, query, query.points, variables.clone()).await;
    // A server that does not know the richer result checked the document before doing anything.
    if api.tells_job_results() && reply.as_ref().is_err_and(is_about_job_result) {
        reply = api.ask(call, &query::CANCEL_PLAIN, query::CANCEL_PLAIN.points, variables).await;
    }
    let payload = reply.and_then(Reply::whole).map_err(of_action)?.order_cancel;
    submitted(
        payload.ok_or_else(|| {
            Failure::unavailable("Shopify did not say what came of the cancellation").local()
        })?,
    )
}

fn is_about_job_result(failure: &Failure) -> bool {
    failure.kind == FailureKind::InvalidRequest && failure.message.contains("obResult")
}

/// Cancelling goes on after the answer: done is what the order shows as cancelled.
fn submitted(payload: CancelPayload) -> Result<Performed, Failure> {
    let all = [payload.order_cancel_user_errors, payload.user_errors].concat();
    if all.iter().any(|error| error.message.contains("already been cancel")) {
        return Ok(Performed::Done);
    }
    if let Some(failure) = errors::refused(&all) {
        return Err(failure);
    }
    let mut memo = BTreeMap::new();
    memo.extend(payload.job.map(|job| (JOB.to_owned(), job.id)));
    memo.extend(payload.job_result.map(|job| (JOB_RESULT.to_owned(), job.id)));
    Ok(Performed::Submitted { memo, look_after: Duration::from_secs(1) })
}

#[derive(Deserialize)]
struct Progress {
    order: Option<CancelledAt>,
    job: Option<JobDone>,
    node: Option<JobResult>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CancelledAt {
    cancelled_at: Option<String>,
}

#[derive(Deserialize)]
struct JobDone {
    done: bool,
}

#[derive(Deserialize)]
struct JobResult {
    status: Option<String>,
    #[serde(default)]
    errors: Vec<UserError>,
}

/// Looks how a cancellation gets on.
pub(super) async fn follow(
    api: &Api,
    call: Call<'_>,
    order: &Order,
    action: &Action,
) -> Result<Performed, Failure> {
    if !matches!(action.request, ActionRequest::Cancel { .. }) || order.status == OrderStatus::Cancelled {
        return Ok(Performed::Done);
    }
    let id = gid("Order", order.key.order.as_str());
    let (query, job) = match (note(action, JOB_RESULT), note(action, JOB)) {
        ("", "") => (&query::CANCEL_STATE, None),
        ("", job) => (&query::CANCEL_JOB, Some(job)),
        (result, _) => (&query::CANCEL_RESULT, Some(result)),
    };
    let variables = json!({ "id": id, "job": job });
    let progress: Progress = api.ask(call, query, query.points, variables).await?.whole()?;
    step(&progress, action)
}

fn step(progress: &Progress, action: &Action) -> Result<Performed, Failure> {
    let order = progress.order.as_ref();
    if order.is_some_and(|order| order.cancelled_at.is_some()) {
        return Ok(Performed::Done);
    }
    let status = progress.node.as_ref().and_then(|result| result.status.as_deref());
    if status == Some("FAILED") {
        let errors = progress.node.as_ref().map_or(&[][..], |result| &result.errors);
        return Err(errors::refused(errors).unwrap_or_else(not_cancelled));
    }
    let ended = status == Some("SUCCEEDED") || progress.job.as_ref().is_some_and(|job| job.done);
    let polls: u32 = note(action, POLLS).parse().unwrap_or(0) + 1;
    if polls > POLLS_MAX {
        return Err(Failure::invalid(
            "Shopify has not finished the cancellation within an hour. Look at the order there, then sync it.",
        ));
    }
    // The order may show it a moment after the job has ended.
    if ended && !note(action, ENDED).is_empty() {
        return Err(not_cancelled());
    }
    let mut memo = BTreeMap::from([(POLLS.to_owned(), polls.to_string())]);
    memo.extend(ended.then(|| (ENDED.to_owned(), "true".to_owned())));
    Ok(Performed::Submitted {
        memo,
        look_after: Duration::from_secs(1 << polls.min(6)).min(Duration::from_mins(1)),
    })
}

fn not_cancelled() -> Failure {
    Failure::invalid(
        "Shopify ended the cancellation without cancelling the order, and gives no reason. Look at the order there.",
    )
}
