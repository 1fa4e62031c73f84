//! Sends an action once. Only the answer to a buyer's request takes a key against repetition, so a
//! refusal that may come from an earlier try of ours is settled by looking at the order again.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::ability::{Route, cancel_word, route};
use super::api::{Api, Ask};
use super::command::{
    PACKAGE, PROVIDER, chosen, find, has_one_parcel, is_declared, is_under, judge, unlisted,
};
use super::document::{Anything, CancelledDoc, PackedDoc};
use super::facts::{Facts, Unit, UnitState, key};
use super::fetch::{Reader, after_sales};
use super::money::AfterSales;
use super::notice::order_id;
use super::refusal::{may_be_done_before, presentable};
use crate::channel::{Call, Fetched, Memo, Performed, Verdict};
use crate::model::{Action, ActionRequest, CancelReason, Failure, FailureKind, Observation, Order};
use crate::net::Method;

/// When to look for a cancellation that was taken, after the call and after each vain look.
const LOOKS: [Duration; 4] =
    [Duration::from_secs(2), Duration::from_secs(10), Duration::from_mins(1), Duration::from_mins(5)];
/// Memo: vain looks so far.
const LOOKED: &str = "looked";

/// See `Channel::perform`.
pub async fn perform(
    api: &Api,
    reader: &Reader,
    call: Call<'_>,
    order: &Order,
    action: &Action,
) -> Result<Performed, Failure> {
    let performed = match &action.request {
        ActionRequest::Ship { carrier, tracking_number, .. } => {
            let number = tracking_number.as_deref().unwrap_or_default().trim();
            ship(api, reader, call, order, action, carrier, number).await
        }
        ActionRequest::Tracking { carrier, tracking_number, .. } => {
            track(api, reader, call, order, action, carrier, tracking_number.trim()).await
        }
        ActionRequest::Cancel { reason, .. } => cancel(api, call, order, action, *reason).await,
        ActionRequest::Acknowledge => Err(Failure::unsupported("TikTok Shop needs no acknowledgement")),
    };
    performed.map_err(of_action)
}

/// A right that is missing for an action leaves reading as it was.
fn of_action(failure: Failure) -> Failure {
    if failure.kind == FailureKind::Permission && !failure.stale_token { failure.local() } else { failure }
}

/// For what is asked before anything is sent.
fn unsent(failure: Failure) -> Failure {
    Failure { no_effect: true, ..failure }
}

// ---- parcels ---------------------------------------------------------------------------------

async fn provider(
    api: &Api,
    reader: &Reader,
    call: Call<'_>,
    order: &Order,
    action: &Action,
    carrier: &str,
) -> Result<String, Failure> {
    if let Some(id) = action.memo.get(PROVIDER) {
        return Ok(id.clone());
    }
    let option = Facts::of(order).text(key::DELIVERY_OPTION);
    let known = reader.providers.of(api, call, option).await.map_err(unsent)?;
    if known.is_empty() {
        return Err(Failure::invalid(
            "TikTok Shop names no carrier for this order, so it cannot be shipped from here. Ship it in Seller Center.",
        ));
    }
    find(&known, carrier).map(|own| own.id.clone()).ok_or_else(|| Failure::invalid(unlisted(&known, carrier)))
}

async fn ship(
    api: &Api,
    reader: &Reader,
    call: Call<'_>,
    order: &Order,
    action: &Action,
    carrier: &str,
    number: &str,
) -> Result<Performed, Failure> {
    let units = Facts::of(order).units();
    let rest = rest(&units, action, number)?;
    let provider = provider(api, reader, call, order, action, carrier).await?;
    for (nth, ask) in declarations(order, &rest, &provider, number)?.into_iter().enumerate() {
        match api.ask::<PackedDoc>(call, ask).await {
            Ok(answer) => warn(api, &answer.doc),
            Err(failure) if may_be_done_before(&failure) => {
                let now = look(api, reader, call, order).await;
                return if now.is_some_and(|seen| is_declared(&units_of(&seen), &chosen(action), number)) {
                    Ok(Performed::Done)
                } else {
                    Err(failure)
                };
            }
            // With a part of it declared, the order must be looked at before anything else.
            Err(failure) => return Err(Failure { no_effect: failure.no_effect && nth == 0, ..failure }),
        }
    }
    Ok(Performed::Done)
}

/// The chosen units that an earlier try has not declared yet.
fn rest<'a>(units: &'a [Unit], action: &Action, number: &str) -> Result<Vec<&'a Unit>, Failure> {
    let wanted = chosen(action);
    let rest: Vec<&Unit> =
        units.iter().filter(|unit| wanted.contains(&unit.id.as_str()) && !is_under(unit, number)).collect();
    let gone = rest.iter().any(|unit| unit.state != UnitState::Open);
    if rest.is_empty() || gone {
        return Err(Failure::invalid(
            "The chosen units were sent or cancelled meanwhile. Look at the order, then ship what is left.",
        ));
    }
    Ok(rest)
}

fn declarations(order: &Order, rest: &[&Unit], provider: &str, number: &str) -> Result<Vec<Ask>, Failure> {
    if route(Facts::of(order)) == Route::Units {
        let ids: Vec<&str> = rest.iter().map(|unit| unit.id.as_str()).collect();
        let body = json!({
            "order_line_item_ids": ids, "shipping_provider_id": provider, "tracking_number": number,
        });
        let path = format!("/fulfillment/202309/orders/{}/packages", order.key.order);
        return Ok(vec![Ask::post("ship_units", path, &body)]);
    }
    let packages: BTreeSet<&str> = rest.iter().map(|unit| unit.package.as_str()).collect();
    let body = json!({ "self_shipment": { "shipping_provider_id": provider, "tracking_number": number } });
    packages.into_iter().map(|package| package_ask("ship_package", package, "ship", &body)).collect()
}

/// A package's id becomes part of an address.
fn package_ask(operation: &'static str, package: &str, verb: &str, body: &Value) -> Result<Ask, Failure> {
    if order_id(package).is_none() {
        return Err(Failure::invalid(
            "TikTok Shop does not name the package of this order. Sync it, then try again.",
        ));
    }
    Ok(Ask::post(operation, format!("/fulfillment/202309/packages/{package}/{verb}"), body))
}

/// Taken, but with a remark, such as a number that no carrier knows.
fn warn(api: &Api, packed: &PackedDoc) {
    if let Some(warning) = packed.warning.as_ref().and_then(|warning| warning.message.filled()) {
        let warning = presentable(warning, 200);
        tracing::warn!(
            channel = api.channel,
            package = &*packed.package_id,
            "TikTok Shop took the parcel, but: {warning}"
        );
    }
}

/// The order as it is now. A failed look is only a look.
async fn look(api: &Api, reader: &Reader, call: Call<'_>, order: &Order) -> Option<Box<Observation>> {
    let fetched = reader.fetch(api, call, std::slice::from_ref(&order.key.order)).await.ok()?;
    match fetched.into_iter().next()? {
        Fetched::Found(seen) => Some(seen),
        Fetched::Missing { .. } | Fetched::Failed { .. } => None,
    }
}

fn units_of(seen: &Observation) -> Vec<Unit> {
    Facts(&seen.facts).units()
}

async fn track(
    api: &Api,
    reader: &Reader,
    call: Call<'_>,
    order: &Order,
    action: &Action,
    carrier: &str,
    number: &str,
) -> Result<Performed, Failure> {
    let provider = provider(api, reader, call, order, action, carrier).await?;
    let body = json!({ "shipping_provider_id": provider, "tracking_number": number });
    let ask = if has_one_parcel(order) {
        let path = format!("/fulfillment/202309/orders/{}/shipping_info/update", order.key.order);
        Ask::post("update_shipping", path, &body)
    } else {
        let package = action.memo.get(PACKAGE).map_or("", String::as_str);
        package_ask("update_shipping", package, "shipping_info/update", &body)?
    };
    api.ask::<Anything>(call, ask).await?;
    Ok(Performed::Done)
}

// ---- cancelling ------------------------------------------------------------------------------

async fn cancel(
    api: &Api,
    call: Call<'_>,
    order: &Order,
    action: &Action,
    reason: CancelReason,
) -> Result<Performed, Failure> {
    let facts = Facts::of(order);
    if facts.is(key::BUYER_WANTS_OUT) || facts.is(key::CANCEL_ID) {
        return agree(api, call, order, action).await;
    }
    // The fitting word depends on where the order stands now.
    let body = json!({ "order_id": order.key.order.as_str(), "cancel_reason": cancel_word(order, reason) });
    let ask = Ask::post("cancel", "/return_refund/202309/cancellations", &body);
    match api.ask::<CancelledDoc>(call, ask).await {
        Ok(answer) => {
            tracing::debug!(
                channel = api.channel,
                cancel = &*answer.doc.cancel_id,
                "a cancellation was taken"
            );
            Ok(submitted(0))
        }
        Err(failure) if may_be_done_before(&failure) => {
            let now = after(api, call, order).await;
            if now.is_some_and(|after| after.cancelling) { Ok(submitted(0)) } else { Err(failure) }
        }
        Err(failure) => Err(failure),
    }
}

/// The buyer asked first: a cancellation of our own would be refused.
async fn agree(api: &Api, call: Call<'_>, order: &Order, action: &Action) -> Result<Performed, Failure> {
    let mut cancel_id = Facts::of(order).text(key::CANCEL_ID).to_owned();
    if cancel_id.is_empty() {
        let wish = after(api, call, order).await.and_then(|after| after.wish);
        cancel_id = wish.map(|wish| wish.cancel_id).unwrap_or_default();
    }
    if order_id(&cancel_id).is_none() {
        return Err(Failure::invalid(
            "The buyer asks to cancel, but TikTok Shop does not show the request. Answer it in Seller Center.",
        ));
    }
    let path = format!("/return_refund/202309/cancellations/{cancel_id}/approve");
    // Without a body.
    let ask = Ask { method: Method::Post, ..Ask::get("approve_cancellation", path) };
    let ask = ask.param("idempotency_key", action.id.to_string());
    api.ask::<Anything>(call, ask).await?;
    Ok(submitted(0))
}

async fn after(api: &Api, call: Call<'_>, order: &Order) -> Option<AfterSales> {
    let id = order.key.order.as_str();
    let ledger = after_sales(api, call, &[id]).await.ok()??;
    Some(ledger.of(id))
}

fn submitted(looked: usize) -> Performed {
    let memo = Memo::from([(LOOKED.to_owned(), looked.to_string())]);
    Performed::Submitted { memo, look_after: LOOKS[looked.min(LOOKS.len() - 1)] }
}

/// See `Channel::follow`. The order was read just before.
pub async fn follow(api: &Api, call: Call<'_>, order: &Order, action: &Action) -> Result<Performed, Failure> {
    if judge(order, action) == Verdict::Done {
        return Ok(Performed::Done);
    }
    let looked = action.memo.get(LOOKED).and_then(|n| n.parse::<usize>().ok()).unwrap_or(0) + 1;
    if looked < LOOKS.len() {
        return Ok(submitted(looked));
    }
    // The order trails its cancellation; the cancellation itself is as good.
    if after(api, call, order).await.is_some_and(|after| after.cancelling) {
        return Ok(Performed::Done);
    }
    Ok(Performed::Unconfirmed {
        why: "TikTok Shop has taken the cancellation, but the order does not show it. Look in Seller Center before you \
              try again."
            .to_owned(),
    })
}
