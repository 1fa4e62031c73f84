//! "Add tracking": another number for a parcel that is there.

use askama::Template;

use super::actions::{self, Carrier, Fault, Sent, fault_of};
use super::foreign;
use super::form::Form;
use super::frame::{Frame, Here};
use super::language::fill;
use super::leaf::html;
use super::moment::Moment;
use super::reader::{Answer, Reader, capabilities};
use super::words::Words;
use crate::model::{ActionRequest, Capabilities, Order, OrderKey};
use crate::web::desk::Wish;

struct Parcel {
    id: String,
    carrier: String,
    number: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "tracking.html")]
struct Tracking {
    w: &'static Words,
    frame: Frame,
    id: OrderKey,
    number: String,
    channel: String,
    asking: String,
    faults: Vec<Fault>,
    shipments: Vec<Parcel>,
    carrier: Carrier,
    until: Option<Moment>,
}

/// `/orders/{id}/tracking`
pub async fn show(reader: &Reader<'_>, id: &str) -> Answer {
    let (order, _) = actions::order(reader, id).await?;
    let can = capabilities(reader, &order);
    if !can.tracking.supported {
        return Err(actions::refused(can.tracking.why));
    }
    let (form, faults) = actions::begin(reader, &order, "tracking_number", filled_as).await?;
    page(reader, &order, &can, &form, faults, 200).await
}

fn filled_as(request: &ActionRequest) -> Form {
    let ActionRequest::Tracking { carrier, tracking_number, tracking_url, shipment_id } = request else {
        return Form::default();
    };
    let mut text = form_urlencoded::Serializer::new(String::new());
    text.append_pair("carrier", carrier);
    text.append_pair("tracking_number", tracking_number);
    text.append_pair("tracking_url", tracking_url.as_deref().unwrap_or_default());
    text.append_pair("shipment_id", shipment_id.as_deref().unwrap_or_default());
    Form::parse(text.finish().as_bytes())
}

/// `POST /orders/{id}/tracking`
pub async fn send(reader: &Reader<'_>, id: &str) -> Answer {
    let (order, _) = actions::order(reader, id).await?;
    let can = capabilities(reader, &order);
    if !can.tracking.supported {
        return Err(actions::refused(can.tracking.why));
    }
    let (w, form) = (reader.w, &reader.form);
    let mut faults = Vec::new();
    for (field, text) in [("carrier", w.enter_carrier), ("tracking_number", w.enter_tracking)] {
        if form.get(field).is_empty() {
            faults.push(Fault::ours(field, text));
        }
    }
    if !faults.is_empty() {
        return page(reader, &order, &can, form, faults, 422).await;
    }
    let wish = Wish::Ready(ActionRequest::Tracking {
        carrier: form.get("carrier").to_owned(),
        tracking_number: form.get("tracking_number").to_owned(),
        tracking_url: form.filled("tracking_url").map(str::to_owned),
        shipment_id: form.filled("shipment_id").map(str::to_owned),
    });
    let place = |field: Option<&str>| match field {
        Some("carrier") => "carrier",
        Some("tracking_url") => "tracking_url",
        _ => "tracking_number",
    };
    match actions::send(reader, &order.key, wish, place).await? {
        Sent::Gone(leaf) => Ok(leaf),
        Sent::Faulty(status, fault) => page(reader, &order, &can, form, vec![fault], status).await,
    }
}

async fn page(
    reader: &Reader<'_>,
    order: &Order,
    can: &Capabilities,
    form: &Form,
    faults: Vec<Fault>,
    status: u16,
) -> Answer {
    let w = reader.w;
    let number = foreign::line(&order.number);
    let channel = reader.title_of(&order.key.channel);
    let mut frame =
        Frame::new(reader, Here::Orders, format!("{} · {number} · {}", w.do_track, w.orders)).await?;
    frame.faulty = !faults.is_empty();
    let page = Tracking {
        w,
        frame,
        id: order.key.clone(),
        asking: fill(w.sent_to, &[("c", &channel)]),
        shipments: parcels(order, form.get("shipment_id")),
        carrier: carrier(reader, can, form, &faults, &channel),
        until: can.tracking.until.map(|until| reader.moments.long(until)),
        channel: reader.channel_name(&order.key.channel),
        number,
        faults,
    };
    Ok(html(status, &page))
}

/// The first parcel is chosen until another one is.
fn parcels(order: &Order, chosen: &str) -> Vec<Parcel> {
    let parcels = order.shipments.iter().enumerate();
    parcels
        .map(|(at, parcel)| Parcel {
            chosen: parcel.shipment_id == chosen || (chosen.is_empty() && at == 0),
            id: parcel.shipment_id.clone(),
            carrier: parcel.carrier.as_deref().map(foreign::line).unwrap_or_default(),
            number: parcel.tracking_number.as_deref().map(foreign::line).unwrap_or_default(),
        })
        .collect()
}

fn carrier(reader: &Reader<'_>, can: &Capabilities, form: &Form, faults: &[Fault], channel: &str) -> Carrier {
    let w = reader.w;
    let hint = match (&can.ship.carriers, can.ship.carrier_other) {
        (None, _) => w.any_carrier,
        (Some(_), true) => w.listed_or_other,
        (Some(_), false) => w.listed_only,
    };
    Carrier {
        value: form.get("carrier").to_owned(),
        list: can.ship.carriers.clone().unwrap_or_default(),
        hint: fill(hint, &[("c", channel)]),
        fault: fault_of(faults, "carrier"),
        number: form.get("tracking_number").to_owned(),
        number_required: true,
        number_fault: fault_of(faults, "tracking_number"),
        asks_url: can.ship.tracking_url_for_other,
        url: form.get("tracking_url").to_owned(),
        url_fault: fault_of(faults, "tracking_url"),
    }
}
