//! Sends an action once and watches for its effect. No call here has an idempotency key.

use std::time::Duration;

use serde_json::Value;

use super::api::{Answered, Api, Ask};
use super::command::{Command, command, judge};
use super::document::{FeedbackDoc, SaleDoc};
use super::refusal::About;
use super::site::Site;
use super::state::{Parcel, left_the_seller, order_status};
use super::{fetch, map};
use crate::channel::{Call, Memo, Performed, Verdict};
use crate::model::{Action, ActionRequest, Failure, FailureKind, Native, Order, OrderStatus};

/// When to look for an effect that was promised, after the call and after each vain look.
const LOOKS: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(30), Duration::from_mins(2)];
/// Memo: vain looks so far.
const LOOKED: &str = "looked";

/// See `Channel::perform`.
pub async fn perform(
    api: &Api,
    call: Call<'_>,
    site: &Site,
    order: &Order,
    action: &Action,
) -> Result<Performed, Failure> {
    let Some(command) = command(order, action, site) else {
        return Err(Failure::invalid(
            "Mercado Libre does not show the shipment of this order. Sync the order, then try again.",
        ));
    };
    if matches!(action.request, ActionRequest::Cancel { .. }) {
        cancel(api, call, order, &command).await
    } else {
        send(api, call, &command).await?;
        let shown = shows_dispatch(api, call, &command).await;
        Ok(if shown { Performed::Done } else { submitted(0) })
    }
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
    if matches!(action.request, ActionRequest::Cancel { .. })
        && let Some(sale) = feedback(api, call, order).await?
        && *sale.fulfilled == Some(false)
    {
        return Ok(Performed::Done);
    }
    Ok(Performed::Unconfirmed {
        why: "Mercado Libre has accepted it, but the order does not show it. Look in Mercado Libre before you try \
              again."
            .to_owned(),
    })
}

fn submitted(looked: usize) -> Performed {
    let memo = Memo::from([(LOOKED.to_owned(), looked.to_string())]);
    Performed::Submitted { memo, look_after: LOOKS[looked.min(LOOKS.len() - 1)] }
}

async fn send(api: &Api, call: Call<'_>, command: &Command) -> Result<(), Failure> {
    let ask = Ask { about: About::Change, ..Ask::one(command.operation, command.path.clone()) };
    api.write(call, ask, command.method, &command.body).await.map(drop)
}

/// Whether the shipment shows already what was written. A failed look is only a look.
async fn shows_dispatch(api: &Api, call: Call<'_>, command: &Command) -> bool {
    let id = command.path.split('/').nth(2).and_then(|id| id.parse::<u64>().ok());
    let Some(id) = id else { return false };
    let Ok(doc) = fetch::shipment(api, call, id).await else { return false };
    let number = command.body.get("tracking_number").and_then(Value::as_str);
    let marked =
        command.body.get("status").is_none() || left_the_seller(doc.status.word(), doc.substatus.word());
    marked && number.is_none_or(|number| doc.tracking_number.word() == number)
}

/// One chance only: what was said before is looked up first, and after a lost answer again.
async fn cancel(api: &Api, call: Call<'_>, order: &Order, command: &Command) -> Result<Performed, Failure> {
    let before =
        feedback(api, call, order).await.map_err(|failure| Failure { no_effect: true, ..failure })?;
    // A rating always says whether the sale was fulfilled; an empty one is none.
    match before.and_then(|sale| *sale.fulfilled) {
        Some(false) => return Ok(submitted(0)),
        Some(true) => {
            return Err(Failure::unsupported(
                "This sale was rated already, and Mercado Libre takes one rating only. Settle it with the buyer in \
                 Mercado Libre.",
            ));
        }
        None => {}
    }
    if let Err(failure) = send(api, call, command).await {
        if failure.no_effect {
            return Err(failure);
        }
        let after = feedback(api, call, order).await.unwrap_or(None);
        return if after.is_some_and(|sale| *sale.fulfilled == Some(false)) {
            Ok(submitted(0))
        } else {
            Err(failure)
        };
    }
    Ok(if shows_cancellation(api, call, order).await { Performed::Done } else { submitted(0) })
}

async fn shows_cancellation(api: &Api, call: Call<'_>, order: &Order) -> bool {
    let Ok(id) = order.key.order.as_str().parse() else { return false };
    let Ok(Some((doc, _))) = fetch::order(api, call, id).await else { return false };
    order_status(&map::sale(&doc), Parcel::Unseen) == Native::Known(OrderStatus::Cancelled)
}

/// What the seller has said about the sale, if anything.
async fn feedback(api: &Api, call: Call<'_>, order: &Order) -> Result<Option<SaleDoc>, Failure> {
    let ask = Ask::one("feedback", format!("/orders/{}/feedback", order.key.order));
    match api.get::<FeedbackDoc>(call, ask).await {
        Ok(Answered { doc, .. }) => Ok(doc.sale.0),
        Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}
