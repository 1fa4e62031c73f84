//! "Mark as shipped": which units, by whom, under which number.

use askama::Template;

use super::actions::{self, Carrier, Fault, Sent, fault_of};
use super::foreign;
use super::form::Form;
use super::frame::{Frame, Here};
use super::language::fill;
use super::leaf::html;
use super::reader::{Answer, Reader, capabilities};
use super::said::{self, Said};
use super::words::Words;
use crate::model::{ActionRequest, Item, Order, OrderKey, ShipAbility, ShipLine};
use crate::web::Problem;
use crate::web::desk::{self, Wish};

struct Line {
    title: String,
    variant: String,
    left: u32,
    left_words: String,
    /// Name of the line's input.
    field: String,
    value: String,
    label: String,
}

#[derive(Template)]
#[template(path = "ship.html")]
struct Ship {
    w: &'static Words,
    frame: Frame,
    id: OrderKey,
    number: String,
    channel: String,
    asking: String,
    faults: Vec<Fault>,
    items_fault: Said,
    partial: bool,
    lines: Vec<Line>,
    carrier: Carrier,
    consequence: Said,
    button: String,
}

/// `/orders/{id}/ship`
pub async fn show(reader: &Reader<'_>, id: &str) -> Answer {
    let (order, _) = actions::order(reader, id).await?;
    let able = able(reader, &order)?;
    let (form, faults) =
        actions::begin(reader, &order, "tracking_number", |request| filled_as(&order, request)).await?;
    page(reader, &order, &able, &form, faults, 200).await
}

fn able(reader: &Reader<'_>, order: &Order) -> Result<ShipAbility, Problem> {
    let able = capabilities(reader, order).ship;
    if able.supported { Ok(able) } else { Err(actions::refused(able.why)) }
}

/// The fields as they were sent before.
fn filled_as(order: &Order, request: &ActionRequest) -> Form {
    let ActionRequest::Ship { carrier, tracking_number, tracking_url, items } = request else {
        return Form::default();
    };
    let mut text = form_urlencoded::Serializer::new(String::new());
    text.append_pair("carrier", carrier);
    text.append_pair("tracking_number", tracking_number.as_deref().unwrap_or_default());
    text.append_pair("tracking_url", tracking_url.as_deref().unwrap_or_default());
    for (at, item) in order.items.iter().enumerate() {
        let line = items.iter().find(|line| line.line_id == item.line_id);
        let units = line.map_or(0, |line| line.quantity).to_string();
        text.append_pair(&field(at), &units);
    }
    Form::parse(text.finish().as_bytes())
}

fn field(at: usize) -> String {
    format!("units-{at}")
}

/// `POST /orders/{id}/ship`
pub async fn send(reader: &Reader<'_>, id: &str) -> Answer {
    let (order, _) = actions::order(reader, id).await?;
    let able = capabilities(reader, &order).ship;
    let (wish, faults) = read(reader, &order, &able);
    // A repeat is answered as the first time, also when nothing is left to ship any more.
    if !able.supported && reader.asked().key.is_none() {
        return Err(actions::refused(able.why));
    }
    if able.supported && !faults.is_empty() {
        return page(reader, &order, &able, &reader.form, faults, 422).await;
    }
    let place = |field: Option<&str>| match field {
        Some("carrier") => "carrier",
        Some("tracking_url") => "tracking_url",
        Some(field) if field.starts_with("items") => "items",
        _ => "tracking_number",
    };
    match actions::send(reader, &order.key, wish, place).await? {
        Sent::Gone(leaf) => Ok(leaf),
        Sent::Faulty(..) if !able.supported => Err(actions::refused(able.why)),
        Sent::Faulty(status, fault) => page(reader, &order, &able, &reader.form, vec![fault], status).await,
    }
}

/// What the form asks for, and what of it must be corrected first.
fn read(reader: &Reader<'_>, order: &Order, able: &ShipAbility) -> (Wish, Vec<Fault>) {
    let (w, form) = (reader.w, &reader.form);
    let mut faults = Vec::new();
    let items = able.partial.then(|| {
        let lines = order.items.iter().enumerate();
        lines.filter_map(|(at, item)| units(form, at, item, w, &mut faults)).collect::<Vec<_>>()
    });
    if items.as_ref().is_some_and(Vec::is_empty) && faults.is_empty() {
        faults.push(Fault::ours("items", w.choose_a_unit));
    }
    let carrier = form.get("carrier").to_owned();
    if carrier.is_empty() {
        faults.push(Fault::ours("carrier", w.enter_carrier));
    } else if !is_on_list(able, &carrier) {
        let channel = reader.title_of(&order.key.channel);
        faults.push(Fault::ours("carrier", fill(w.unknown_carrier, &[("c", &channel)])));
    }
    let tracking_number = form.filled("tracking_number").map(str::to_owned);
    if able.tracking_required && tracking_number.is_none() {
        faults.push(Fault::ours("tracking_number", w.enter_tracking));
    }
    let tracking_url = form.filled("tracking_url").map(str::to_owned);
    if tracking_url.as_deref().is_some_and(|url| !url.starts_with("https://") && !url.starts_with("http://"))
    {
        faults.push(Fault::ours("tracking_url", w.not_an_address));
    }
    (Wish::Ship { carrier, tracking_number, tracking_url, items }, faults)
}

fn units(
    form: &Form,
    at: usize,
    item: &Item,
    w: &'static Words,
    faults: &mut Vec<Fault>,
) -> Option<ShipLine> {
    let text = form.get(&field(at)).to_owned();
    if text.is_empty() {
        return None;
    }
    match text.parse::<u32>() {
        Ok(0) => None,
        Ok(quantity) if quantity <= desk::left(item) => {
            Some(ShipLine { line_id: item.line_id.clone(), quantity })
        }
        _ => {
            if faults.is_empty() {
                faults.push(Fault::ours("items", w.units_out_of_range));
            }
            None
        }
    }
}

fn is_on_list(able: &ShipAbility, carrier: &str) -> bool {
    let Some(list) = &able.carriers else { return true };
    able.carrier_other || list.iter().any(|known| known.eq_ignore_ascii_case(carrier))
}

async fn page(
    reader: &Reader<'_>,
    order: &Order,
    able: &ShipAbility,
    form: &Form,
    faults: Vec<Fault>,
    status: u16,
) -> Answer {
    let w = reader.w;
    let number = foreign::line(&order.number);
    let channel = reader.title_of(&order.key.channel);
    let mut frame =
        Frame::new(reader, Here::Orders, format!("{} · {number} · {}", w.do_ship, w.orders)).await?;
    frame.faulty = !faults.is_empty();
    let chosen = |at: usize, item: &Item| {
        form.filled(&field(at)).map_or_else(|| desk::left(item).to_string(), str::to_owned)
    };
    let lines: Vec<Line> = order
        .items
        .iter()
        .enumerate()
        .map(|(at, item)| line(reader, item, field(at), chosen(at, item)))
        .collect();
    let units: u64 = lines.iter().map(|line| line.value.parse().unwrap_or(0)).sum();
    let page = Ship {
        w,
        frame,
        id: order.key.clone(),
        asking: fill(w.sent_to, &[("c", &channel)]),
        items_fault: fault_of(&faults, "items"),
        partial: able.partial,
        carrier: carrier(reader, able, form, &faults, &channel),
        consequence: said::tell(reader.language(), able.consequence.as_deref().unwrap_or_default(), &channel),
        button: reader.language().count(units, (w.do_ship_one, w.do_ship_other)),
        number,
        channel: reader.channel_name(&order.key.channel),
        lines,
        faults,
    };
    Ok(html(status, &page))
}

fn line(reader: &Reader<'_>, item: &Item, field: String, value: String) -> Line {
    let (w, language) = (reader.w, reader.language());
    let title = item.title.as_deref().or(item.sku.as_deref()).unwrap_or(&item.line_id);
    let title: String = foreign::line(title).chars().take(200).collect();
    let left = desk::left(item);
    let numbers = [("n", language.number(left.into())), ("m", language.number(item.quantity.into()))];
    let numbers = [("n", numbers[0].1.as_str()), ("m", numbers[1].1.as_str())];
    Line {
        label: format!("{}: {title}", w.units_to_ship),
        variant: item.variant.as_deref().map(foreign::line).unwrap_or_default(),
        left_words: fill(w.left_to_ship, &numbers),
        value: if left == 0 { "0".to_owned() } else { value },
        title,
        left,
        field,
    }
}

fn carrier(reader: &Reader<'_>, able: &ShipAbility, form: &Form, faults: &[Fault], channel: &str) -> Carrier {
    let w = reader.w;
    let hint = match (&able.carriers, able.carrier_other) {
        (None, _) => w.any_carrier,
        (Some(_), true) => w.listed_or_other,
        (Some(_), false) => w.listed_only,
    };
    Carrier {
        value: form.get("carrier").to_owned(),
        list: able.carriers.clone().unwrap_or_default(),
        hint: fill(hint, &[("c", channel)]),
        fault: fault_of(faults, "carrier"),
        number: form.get("tracking_number").to_owned(),
        number_required: able.tracking_required,
        number_fault: fault_of(faults, "tracking_number"),
        asks_url: able.tracking_url_for_other,
        url: form.get("tracking_url").to_owned(),
        url_fault: fault_of(faults, "tracking_url"),
    }
}
