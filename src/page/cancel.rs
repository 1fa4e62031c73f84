//! "Cancel order": the reason, and what will happen, before it does.

use askama::Template;

use super::actions::{self, Fault, Sent, fault_of};
use super::foreign;
use super::form::Form;
use super::frame::{Frame, Here};
use super::language::fill;
use super::leaf::html;
use super::orders::{Amount, amount};
use super::reader::{Answer, Reader, capabilities};
use super::said::{self, Said};
use super::words::Words;
use crate::model::{ActionRequest, CancelAbility, CancelReason, Order, OrderKey};
use crate::web::desk::Wish;

struct Reason {
    value: CancelReason,
    word: &'static str,
    channel_word: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "cancel.html")]
struct Cancel {
    w: &'static Words,
    frame: Frame,
    id: OrderKey,
    number: String,
    heading: String,
    channel: String,
    total: Option<Amount>,
    asking: String,
    faults: Vec<Fault>,
    reason_fault: Said,
    reasons: Vec<Reason>,
    /// What is said about the note; `None` when the channel takes none.
    note_hint: Option<String>,
    note_limit: u32,
    note: String,
    note_fault: Said,
    consequence: Said,
}

/// `/orders/{id}/cancel`
pub async fn show(reader: &Reader<'_>, id: &str) -> Answer {
    let (order, _) = actions::order(reader, id).await?;
    let able = capabilities(reader, &order).cancel;
    if !able.supported {
        return Err(actions::refused(able.why));
    }
    let (form, faults) = actions::begin(reader, &order, "reason", filled_as).await?;
    page(reader, &order, &able, &form, faults, 200).await
}

fn filled_as(request: &ActionRequest) -> Form {
    let ActionRequest::Cancel { reason, note } = request else { return Form::default() };
    let mut text = form_urlencoded::Serializer::new(String::new());
    text.append_pair("reason", reason.as_str());
    text.append_pair("note", note.as_deref().unwrap_or_default());
    Form::parse(text.finish().as_bytes())
}

/// `POST /orders/{id}/cancel`
pub async fn send(reader: &Reader<'_>, id: &str) -> Answer {
    let (order, _) = actions::order(reader, id).await?;
    let able = capabilities(reader, &order).cancel;
    let form = &reader.form;
    let Some(reason) = CancelReason::parse(form.get("reason")) else {
        if !able.supported {
            return Err(actions::refused(able.why));
        }
        let fault = Fault::ours("reason", reader.w.choose_a_reason);
        return page(reader, &order, &able, form, vec![fault], 422).await;
    };
    let note = form.filled("note").map(str::to_owned);
    let wish = Wish::Ready(ActionRequest::Cancel { reason, note });
    let place = |field: Option<&str>| if field == Some("note") { "note" } else { "reason" };
    match actions::send(reader, &order.key, wish, place).await? {
        Sent::Gone(leaf) => Ok(leaf),
        Sent::Faulty(..) if !able.supported => Err(actions::refused(able.why)),
        Sent::Faulty(status, fault) => page(reader, &order, &able, form, vec![fault], status).await,
    }
}

async fn page(
    reader: &Reader<'_>,
    order: &Order,
    able: &CancelAbility,
    form: &Form,
    faults: Vec<Fault>,
    status: u16,
) -> Answer {
    let w = reader.w;
    let number = foreign::line(&order.number);
    let title = reader.title_of(&order.key.channel);
    let mut frame =
        Frame::new(reader, Here::Orders, format!("{} · {number} · {}", w.do_cancel, w.orders)).await?;
    frame.faulty = !faults.is_empty();
    let chosen = form.get("reason");
    let reasons = able.reasons.iter().map(|choice| Reason {
        value: choice.reason,
        word: word(choice.reason, w),
        channel_word: choice.channel_word.clone(),
        chosen: choice.reason.as_str() == chosen,
    });
    let limit = able.note_limit.unwrap_or_default();
    let page = Cancel {
        w,
        id: order.key.clone(),
        heading: fill(w.cancel_heading, &[("x", &number)]),
        channel: reader.channel_name(&order.key.channel),
        total: order.amounts.total.map(|total| amount(reader, order.currency, total)),
        asking: fill(w.sent_to, &[("c", &title)]),
        reason_fault: fault_of(&faults, "reason"),
        reasons: reasons.collect(),
        note_hint: able.note_limit.map(|limit| fill(w.note_hint, &[("n", &limit.to_string())])),
        note_limit: limit,
        note: form.get("note").to_owned(),
        note_fault: fault_of(&faults, "note"),
        consequence: said::tell(reader.language(), able.consequence.as_deref().unwrap_or_default(), &title),
        number,
        frame,
        faults,
    };
    Ok(html(status, &page))
}

const fn word(reason: CancelReason, w: &'static Words) -> &'static str {
    match reason {
        CancelReason::CustomerRequest => w.reason_customer,
        CancelReason::OutOfStock => w.reason_stock,
        CancelReason::PricingError => w.reason_price,
        CancelReason::Undeliverable => w.reason_undeliverable,
        CancelReason::Other => w.reason_other,
    }
}
