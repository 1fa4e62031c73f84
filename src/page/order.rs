//! One order: everything known of it, what can be done with it, and what happened.

use std::time::Duration;

use askama::Template;

use super::actions;
use super::badge::{self, Badge, Tile};
use super::failure::{self, Context, Telling};
use super::fields;
use super::foreign::{self, Link, Passage};
use super::frame::{Frame, Here};
use super::language::fill;
use super::leaf::{html, see_other};
use super::moment::Moment;
use super::orders::{Amount, amount};
use super::outcome::{self, Outcome};
use super::reader::{Answer, Reader, capabilities, order_href};
use super::said::{self, Said};
use super::timeline::{self, Timeline};
use super::words::Words;
use crate::model::{
    Action, ActionState, Capabilities, ConnectionStatus, FulfilledBy, Item, Order, OrderKey, Person,
    Shipment, ShipmentStatus, SyncState,
};
use crate::store::{FailedWhat, FailureRow, SyncRunState, SyncStatus};
use crate::web::{Problem, desk};

/// How long the Sync button waits for its result before the page shows what is known.
const PATIENCE: Duration = Duration::from_secs(20);

/// Failures of the channel looked through for the order's own.
const LOOKED_AT: usize = 500;

struct Act {
    word: &'static str,
    path: &'static str,
    class: &'static str,
    icon: &'static str,
    possible: bool,
    not_possible: String,
    why: Said,
}

struct ItemLine {
    title: Folded,
    variant: String,
    sku: String,
    price: Option<Amount>,
    quantity: String,
    shipped: String,
    /// Units are left to ship.
    open: bool,
    amount: Option<Amount>,
}

/// A passage with the words of its fold.
pub struct Folded {
    pub text: String,
    pub folded: Option<String>,
}

struct Parcel {
    carrier: String,
    number: String,
    link: Option<Link>,
    what: String,
    at: Option<Moment>,
    state: &'static str,
}

struct Field {
    name: &'static str,
    lines: Vec<String>,
}

/// A field of the marketplace's own.
struct TheirWord {
    about: &'static str,
    field: String,
    value: String,
}

struct Sum {
    name: &'static str,
    amount: Option<Amount>,
    total: bool,
}

#[derive(Template)]
#[template(path = "order.html")]
struct OrderPage {
    w: &'static Words,
    frame: Frame,
    id: OrderKey,
    number: String,
    channel: String,
    channel_id: String,
    tile: Tile,
    status: Badge,
    payment: Badge,
    sync: Option<Badge>,
    placed: Moment,
    synced: Option<Moment>,
    asking: String,
    sync_refused: Option<String>,
    acts: Vec<Act>,
    outcome: Option<Outcome>,
    troubles: Vec<Telling>,
    units_shipped: String,
    items: Vec<ItemLine>,
    shipments: Vec<Parcel>,
    timeline: Timeline,
    person: Vec<Field>,
    not_given: String,
    erased: bool,
    sums: Vec<Sum>,
    notes: Vec<Folded>,
    tags: Vec<String>,
    own_words: String,
    channel_words: Vec<TheirWord>,
    fulfilled_by: &'static str,
}

/// `/orders/{id}`
pub async fn show(reader: &Reader<'_>, id: &str) -> Answer {
    let (order, person) = actions::order(reader, id).await?;
    let (w, moments) = (reader.w, &reader.moments);
    let number = foreign::line(&order.number);
    let title = reader.title_of(&order.key.channel);
    let mut frame = Frame::new(reader, Here::Orders, format!("{number} · {}", w.orders)).await?;
    let outcome = outcome::of(reader, &order).await?;
    frame.refresh = outcome.as_ref().is_some_and(|outcome| outcome.running);
    let page = OrderPage {
        w,
        frame,
        id: order.key.clone(),
        channel: reader.channel_name(&order.key.channel),
        channel_id: order.key.channel.to_string(),
        tile: actions::tile(reader, &order),
        status: badge::status(order.status, w),
        payment: badge::payment(order.payment_status, w),
        // That it waits is told by the button; a badge that comes and goes would move the page.
        sync: badge::sync(&order, w).filter(|badge| badge.word != w.waiting),
        placed: moments.long(order.placed_at),
        synced: order.sync.last_success_at.map(|at| moments.long(at)),
        asking: fill(w.asking, &[("c", &title)]),
        sync_refused: sync_refused(reader, &order).await?,
        acts: acts(reader, &capabilities(reader, &order), &title),
        outcome,
        troubles: troubles(reader, &order, &title).await?,
        units_shipped: units_shipped(reader, &order),
        items: order.items.iter().map(|item| item_line(reader, &order, item)).collect(),
        shipments: order.shipments.iter().map(|parcel| self::parcel(reader, &order, parcel)).collect(),
        timeline: timeline::of(reader, &order.key, None, false).await?,
        person: person_fields(&person, w),
        not_given: fill(w.not_given_by, &[("c", &title)]),
        erased: order.erased,
        sums: sums(reader, &order),
        notes: person.notes.iter().map(|note| passage(reader, note)).collect(),
        tags: order.tags.iter().map(|tag| foreign::line(tag).chars().take(100).collect()).collect(),
        own_words: fill(w.own_words, &[("c", &title)]),
        channel_words: order
            .channel_status
            .iter()
            .map(|(name, value)| TheirWord {
                about: fields::theirs(name, w),
                field: foreign::line(name),
                value: foreign::line(value),
            })
            .collect(),
        fulfilled_by: match order.fulfilled_by {
            FulfilledBy::Seller => w.by_seller,
            FulfilledBy::Channel => w.by_channel,
        },
        number,
    };
    Ok(html(200, &page))
}

/// Why the marketplace cannot be asked now.
async fn sync_refused(reader: &Reader<'_>, order: &Order) -> Result<Option<String>, Problem> {
    let w = reader.w;
    let Some(connection) = reader.connection(&order.key.channel) else {
        return Ok(Some(w.channel_is_gone.to_owned()));
    };
    if !connection.enabled {
        return Ok(Some(w.channel_is_off.to_owned()));
    }
    let id = connection.id.clone();
    let state = reader.read(move |store| store.connection(&id)).await?;
    let status = desk::connection_status(true, state.as_ref());
    Ok((status == ConnectionStatus::NeedsReconnect).then(|| w.reconnect_first.to_owned()))
}

fn acts(reader: &Reader<'_>, can: &Capabilities, title: &str) -> Vec<Act> {
    let w = reader.w;
    let act = |word, path, class, icon, supported: bool, why: &Option<String>| Act {
        word,
        path,
        class,
        icon,
        possible: supported,
        not_possible: fill(w.not_possible, &[("x", &reader.language().amid(word))]),
        why: said::tell(reader.language(), why.as_deref().unwrap_or_default(), title),
    };
    vec![
        act(w.do_track, "tracking", "", "", can.tracking.supported, &can.tracking.why),
        act(w.do_cancel, "cancel", " danger", "", can.cancel.supported, &can.cancel.why),
        act(w.do_ship, "ship", " primary", "truck", can.ship.supported, &can.ship.why),
    ]
}

/// A failed or unknown last action, and a failed sync.
async fn troubles(reader: &Reader<'_>, order: &Order, title: &str) -> Result<Vec<Telling>, Problem> {
    let w = reader.w;
    let mut told = Vec::new();
    let rows = parked(reader, order).await?;
    let row_of = |what: FailedWhat| rows.iter().find(|row| row.what == what);
    let last = order.last_action.as_ref().map(|last| last.id);
    let action = match last {
        Some(id) => reader.read(move |store| store.action(id)).await?,
        None => None,
    };
    if let Some(action) = action {
        told.extend(about_action(reader, &action, row_of(FailedWhat::Action), title));
    }
    if let Some(error) = &order.sync.error
        && order.sync.state != SyncState::Synced
    {
        let row = row_of(FailedWhat::Sync);
        let context = Context {
            at: row.map(|row| row.failed_at),
            attempt: row.map(|row| row.attempts),
            ..Context::of(title)
        };
        let mut telling = failure::tell(reader, error, context);
        telling.title = format!("{}: {}", w.sync_failed, telling.title);
        telling.failure_id = row.map(|row| row.id.clone()).unwrap_or_default();
        telling.retriable = true;
        told.push(telling);
    }
    Ok(told)
}

/// Parked work of this order.
async fn parked(reader: &Reader<'_>, order: &Order) -> Result<Vec<FailureRow>, Problem> {
    let key = order.key.clone();
    reader
        .read(move |store| {
            let rows = store.failures(Some(&key.channel), None, LOOKED_AT)?.items;
            Ok(rows.into_iter().filter(|row| row.order_id.as_ref() == Some(&key)).collect())
        })
        .await
}

fn about_action(
    reader: &Reader<'_>,
    action: &Action,
    row: Option<&FailureRow>,
    title: &str,
) -> Option<Telling> {
    let w = reader.w;
    let noun = actions::noun(action.request.kind(), w);
    let error = action.error.as_ref()?;
    let context =
        Context { at: Some(action.updated_at), attempt: Some(action.attempts), ..Context::of(title) };
    let mut telling = failure::tell(reader, error, context);
    let values = [("c", title), ("a", noun)];
    match action.state {
        ActionState::Failed => {
            telling.title = fill(w.act_refused, &values);
            telling.tone = "red";
            telling.act_href = actions::form_of(action).unwrap_or_default();
            telling.retriable = true;
        }
        // While it is still looked for, the person may know more already.
        _ if action.is_in_doubt() => {
            telling.title = fill(w.act_unknown, &values);
            telling.tone = "amber";
            telling.icon = "info";
            telling.advice = w.look_there_first.to_owned();
            telling.meanwhile = match error.retry_at {
                Some(at) => fill(w.looks_again_at, &[("t", &reader.moments.short(at).text)]),
                None => w.not_repeated.to_owned(),
            };
        }
        ActionState::Queued if error.retry_at.is_some() => {
            telling.title = fill(w.act_waits, &values);
            telling.tone = "amber";
        }
        _ => return None,
    }
    telling.failure_id = row.map(|row| row.id.clone()).unwrap_or_default();
    Some(telling)
}

fn units_shipped(reader: &Reader<'_>, order: &Order) -> String {
    let (w, language) = (reader.w, reader.language());
    let all: u64 = order.items.iter().map(|item| u64::from(item.quantity)).sum();
    let shipped: u64 = order.items.iter().map(|item| u64::from(item.quantity_shipped.unwrap_or(0))).sum();
    let values = [("n", language.number(shipped)), ("m", language.number(all))];
    fill(w.n_of_m_units_shipped, &[("n", &values[0].1), ("m", &values[1].1)])
}

fn passage(reader: &Reader<'_>, text: &str) -> Folded {
    let Passage { text, folded } = Passage::of(text);
    let folded = folded
        .map(|length| fill(reader.w.show_all_characters, &[("n", &reader.language().number(length as u64))]));
    Folded { text, folded }
}

fn item_line(reader: &Reader<'_>, order: &Order, item: &Item) -> ItemLine {
    let (w, language) = (reader.w, reader.language());
    let money = |decimal| amount(reader, order.currency, decimal);
    let title = item.title.as_deref().or(item.sku.as_deref()).unwrap_or(&item.line_id);
    let (n, m) = (item.quantity_shipped.unwrap_or(0), item.quantity);
    let numbers = (language.number(n.into()), language.number(m.into()));
    ItemLine {
        title: passage(reader, title),
        variant: item.variant.as_deref().map(foreign::line).unwrap_or_default(),
        sku: item.sku.as_deref().map(foreign::line).unwrap_or_default(),
        price: item.unit_price.map(money),
        quantity: numbers.1.clone(),
        shipped: match (n, item.quantity_cancelled.unwrap_or(0)) {
            (0, cancelled) if cancelled >= m => w.cancelled.to_owned(),
            (0, _) => w.none_shipped.to_owned(),
            _ => fill(w.n_of_m_shipped, &[("n", &numbers.0), ("m", &numbers.1)]),
        },
        open: desk::left(item) > 0,
        amount: item.unit_price.map(|price| money(price * rust_decimal::Decimal::from(item.quantity))),
    }
}

fn parcel(reader: &Reader<'_>, order: &Order, parcel: &Shipment) -> Parcel {
    let w = reader.w;
    let name = |line_id: &str| {
        let item = order.items.iter().find(|item| item.line_id == line_id);
        let title = item.and_then(|item| item.title.as_deref().or(item.sku.as_deref())).unwrap_or(line_id);
        foreign::line(title).chars().take(120).collect::<String>()
    };
    let what = parcel.items.iter().map(|item| format!("{} × {}", item.quantity, name(&item.line_id)));
    Parcel {
        carrier: parcel.carrier.as_deref().map_or_else(|| w.carrier_unknown.to_owned(), foreign::line),
        number: parcel.tracking_number.as_deref().map(foreign::line).unwrap_or_default(),
        link: parcel.tracking_url.as_deref().and_then(Link::of),
        what: what.collect::<Vec<_>>().join(", "),
        at: parcel.shipped_at.map(|at| reader.moments.long(at)),
        state: parcel.status.map_or("", |status| parcel_word(status, w)),
    }
}

const fn parcel_word(status: ShipmentStatus, w: &'static Words) -> &'static str {
    match status {
        ShipmentStatus::Pending => w.parcel_pending,
        ShipmentStatus::Shipped => w.parcel_shipped,
        ShipmentStatus::InTransit => w.parcel_in_transit,
        ShipmentStatus::Delivered => w.parcel_delivered,
        ShipmentStatus::Failed => w.parcel_failed,
    }
}

fn person_fields(person: &Person, w: &'static Words) -> Vec<Field> {
    let one = |text: &Option<String>| text.iter().map(|text| foreign::line(text)).collect();
    vec![
        Field { name: w.name, lines: one(&person.customer.name) },
        Field { name: w.email, lines: one(&person.customer.email) },
        Field { name: w.phone, lines: one(&person.customer.phone) },
        Field { name: w.ship_to, lines: lines(person) },
    ]
}

/// The address, without what stands above it already.
fn lines(person: &Person) -> Vec<String> {
    let Some(to) = &person.shipping_address else { return Vec::new() };
    let town = [&to.postal_code, &to.city, &to.region].into_iter().flatten().cloned();
    let town = Some(town.collect::<Vec<_>>().join(" "));
    let name = to.name.clone().filter(|name| Some(name) != person.customer.name.as_ref());
    let phone = to.phone.clone().filter(|phone| Some(phone) != person.customer.phone.as_ref());
    let parts = [name, to.line1.clone(), to.line2.clone(), town, to.country.clone(), phone];
    let lines = parts.into_iter().flatten().map(|line| foreign::line(&line));
    lines.filter(|line| !line.is_empty()).collect()
}

fn sums(reader: &Reader<'_>, order: &Order) -> Vec<Sum> {
    let (w, amounts) = (reader.w, &order.amounts);
    let sum = |name, value: Option<rust_decimal::Decimal>, total| Sum {
        name,
        amount: value.map(|value| amount(reader, order.currency, value)),
        total,
    };
    vec![
        sum(w.products, amounts.subtotal, false),
        sum(w.shipping, amounts.shipping, false),
        sum(w.tax, amounts.tax, false),
        sum(w.discount, amounts.discount, false),
        sum(w.refunded_amount, amounts.refunded, false),
        sum(w.total, amounts.total, true),
    ]
}

/// `POST /orders/{id}/sync`
pub async fn sync(reader: &Reader<'_>, id: &str) -> Answer {
    let key: OrderKey = id.parse().map_err(|_| Problem::not_found(""))?;
    let sync = desk::sync_order(reader.api, key.clone(), reader.asked()).await?;
    let is_over = |status: &Option<SyncStatus>| {
        status.as_ref().is_none_or(|status| status.state != SyncRunState::Running)
    };
    reader.wait(PATIENCE, move |store| store.sync_status(sync), is_over).await?;
    Ok(see_other(format!("{}?sync={sync}", order_href(&key))))
}
