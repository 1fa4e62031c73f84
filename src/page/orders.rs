//! The list of orders: views as tabs, filters in the address, newest first.

use askama::Template;

use super::badge::{self, Badge, Tile};
use super::filters::{self, Chip, Choice, Filters};
use super::foreign;
use super::form::{Form, address};
use super::frame::{Frame, Here};
use super::language::fill;
use super::leaf::{Leaf, html, see_other};
use super::moment::Moment;
use super::reader::{Answer, Reader, order_href};
use super::words::Words;
use crate::model::{Currency, Order, OrderStatus, PaymentStatus, Person, SyncState};
use crate::store::Summary;
use crate::web::{Code, desk};

const ROWS: usize = 50;

/// An amount beside its currency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    pub text: String,
    pub currency: String,
}

pub fn amount(reader: &Reader<'_>, currency: Option<Currency>, decimal: rust_decimal::Decimal) -> Amount {
    Amount {
        text: reader.language().amount(&desk::shown(currency, decimal)),
        currency: currency.map(|currency| currency.to_string()).unwrap_or_default(),
    }
}

struct View {
    word: &'static str,
    count: String,
    href: String,
    current: bool,
}

struct Row {
    id: String,
    href: String,
    tile: Tile,
    number: String,
    placed: Moment,
    customer: String,
    product: String,
    /// ` +2` further products.
    more: String,
    total: Option<Amount>,
    payment: Badge,
    status: Badge,
    sync: Option<Badge>,
}

#[derive(Template)]
#[template(path = "orders.html")]
struct Orders {
    w: &'static Words,
    frame: Frame,
    views: Vec<View>,
    choices: Vec<Choice>,
    /// What the filter form keeps of the address.
    carried: Vec<(&'static str, String)>,
    /// The filters of a search, to be kept when another one is made.
    kept: String,
    words: String,
    search_id: &'static str,
    chips: Vec<Chip>,
    unknown: Vec<String>,
    filters_href: String,
    here: String,
    rows: Vec<Row>,
    empty: String,
    hints: Vec<String>,
    first_run: bool,
    can_sync: bool,
    counted: String,
    newest: Option<String>,
    older: Option<String>,
    /// How far back was looked, when that is not as far as there are orders.
    looked: Option<String>,
    export: Option<String>,
    zone: String,
}

/// `/orders`
pub async fn show(reader: &Reader<'_>) -> Answer {
    if let Some(clean) = without_blanks(&reader.query) {
        return Ok(clean);
    }
    let filters = Filters::parse(&reader.query);
    let private = filters
        .s
        .as_deref()
        .map(|id| reader.page.searches.recall(&reader.session.id, id, reader.moments.now));
    let expired = matches!(private, Some(None));
    let words = private.flatten();
    let cursor = reader.query.filled("cursor").map(str::to_owned);
    let Found { rows, next, paged, looked } =
        if expired { Found::default() } else { rows(reader, &filters, words.clone(), cursor).await? };
    let summary = reader.read(crate::store::Store::summary).await?;
    let (views, total) = views(reader, &filters, &summary);
    let frame = Frame::new(reader, Here::Orders, reader.w.orders).await?;
    let chips = filters::chips(reader, &filters, words.as_deref());
    let page = Orders {
        w: reader.w,
        views,
        choices: filters::choices(reader, &filters),
        carried: carried(&filters),
        kept: super::form::query(&borrowed(&searchless(&filters).pairs())),
        words: words
            .clone()
            .or_else(|| filters.q.clone())
            .map(|words| foreign::line(&words))
            .unwrap_or_default(),
        search_id: "q2",
        unknown: unknown(reader, &filters),
        filters_href: filters.href("/orders/filters", &[]),
        here: filters.href("/orders", &[]),
        empty: empty(reader, &filters, &summary, expired),
        hints: if summary.total == 0 { hints(reader) } else { Vec::new() },
        can_sync: summary.total == 0 && reader.can_act() && !reader.api.handle.channels().is_empty(),
        first_run: summary.total == 0,
        counted: counted(reader, rows.len(), total, next.is_some()),
        newest: paged.then(|| filters.href("/orders", &[])),
        looked,
        older: next.map(|next| filters.href("/orders", &[("cursor", &next)])),
        export: (filters.s.is_none() && !rows.is_empty()).then(|| filters.href("/orders/export", &[])),
        zone: reader.moments.zone_name(),
        chips,
        rows,
        frame,
    };
    Ok(html(200, &page))
}

/// A form sends its empty fields too: the address is the same without them.
fn without_blanks(query: &Form) -> Option<Leaf> {
    let blank = query.pairs().any(|(_, value)| value.is_empty());
    blank.then(|| see_other(address("/orders", &query.pairs().collect::<Vec<_>>())))
}

pub fn borrowed<'a>(pairs: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    pairs.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

fn searchless(filters: &Filters) -> Filters {
    Filters { q: None, s: None, ..filters.clone() }
}

/// What has no select of its own.
fn carried(filters: &Filters) -> Vec<(&'static str, String)> {
    let pairs = filters.pairs().into_iter();
    pairs.filter(|(name, _)| ["sync_state", "placed_before", "q", "s"].contains(name)).collect()
}

/// One page of the list.
#[derive(Default)]
struct Found {
    rows: Vec<Row>,
    /// The next page's cursor.
    next: Option<String>,
    /// This is not the first page.
    paged: bool,
    /// The search was too wide for one answer: how far it came, in words.
    looked: Option<String>,
}

/// A cursor that is not one of ours begins anew.
async fn rows(
    reader: &Reader<'_>,
    filters: &Filters,
    words: Option<String>,
    cursor: Option<String>,
) -> Result<Found, crate::web::Problem> {
    let filter = filters.for_store(words);
    let (wanted, from) = (filter.clone(), cursor.clone());
    let found = reader.read(move |store| store.list_orders(&wanted, from.as_deref(), ROWS)).await;
    let (page, paged) = match found {
        Err(problem) if problem.code == Code::InvalidRequest && cursor.is_some() => {
            (reader.read(move |store| store.list_orders(&filter, None, ROWS)).await?, false)
        }
        found => (found?, cursor.is_some()),
    };
    let rows = page.orders.iter().map(|(order, person)| row(reader, order, person)).collect();
    let back_to = |at| fill(reader.w.looked_back, &[("t", &reader.moments.long(at).text)]);
    Ok(Found { rows, next: page.next, paged, looked: page.looked_back_to.map(back_to) })
}

fn row(reader: &Reader<'_>, order: &Order, person: &Person) -> Row {
    let w = reader.w;
    let connection = reader.connection(&order.key.channel);
    let more = order.items.len().saturating_sub(1);
    let customer = person.customer.name.as_deref();
    let address = person.shipping_address.as_ref().and_then(|to| to.name.as_deref());
    let first = order.items.first();
    let title = first.and_then(|item| item.title.as_deref().or(item.sku.as_deref()));
    Row {
        id: super::reader::segment(&order.key.to_string()).replace('%', "_"),
        href: order_href(&order.key),
        tile: Tile::of(connection.as_deref(), &order.channel_kind),
        number: foreign::line(&order.number),
        placed: reader.moments.short(order.placed_at),
        customer: customer.or(address).map(cut).unwrap_or_default(),
        product: title.map(cut).unwrap_or_default(),
        more: if more > 0 { format!(" +{more}") } else { String::new() },
        total: order.amounts.total.map(|total| amount(reader, order.currency, total)),
        payment: badge::payment(order.payment_status, w),
        status: badge::status(order.status, w),
        sync: badge::sync(order, w),
    }
}

/// A row is one line high, whatever others write.
fn cut(text: &str) -> String {
    foreign::line(text).chars().take(120).collect()
}

/// The tabs, and how many orders the present view has, when it is one of them.
fn views(reader: &Reader<'_>, filters: &Filters, summary: &Summary) -> (Vec<View>, Option<u64>) {
    let w = reader.w;
    let of = |counts: &std::collections::BTreeMap<String, u64>, word: &str| {
        counts.get(word).copied().unwrap_or_default()
    };
    let status = |status: OrderStatus| {
        (Filters { status: vec![status], ..Filters::default() }, of(&summary.status, status.as_str()))
    };
    let payment = PaymentStatus::Pending;
    let unpaid = Filters { payment: vec![payment], ..Filters::default() };
    let failed = Filters { sync: vec![SyncState::Failed], ..Filters::default() };
    let all = [
        (w.all, (Filters::default(), summary.total)),
        (w.to_ship, status(OrderStatus::Accepted)),
        (w.unpaid, (unpaid, of(&summary.payment_status, payment.as_str()))),
        (w.sync_failed, (failed, of(&summary.sync_state, SyncState::Failed.as_str()))),
        (w.shipped, status(OrderStatus::Shipped)),
        (w.delivered, status(OrderStatus::Delivered)),
        (w.cancelled, status(OrderStatus::Cancelled)),
    ];
    let facets = |f: &Filters| (f.status.clone(), f.payment.clone(), f.sync.clone());
    let mut total = None;
    let views = all.into_iter().map(|(word, (view, count))| {
        if facets(&view) == facets(filters) && view == (Filters { unknown: vec![], ..filters.clone() }) {
            total = Some(count);
        }
        let current = facets(&view) == facets(filters);
        let href = Filters { channel: filters.channel.clone(), placed_after: filters.placed_after, ..view };
        View { word, count: reader.language().number(count), href: href.href("/orders", &[]), current }
    });
    let views = views.collect();
    (views, total)
}

fn unknown(reader: &Reader<'_>, filters: &Filters) -> Vec<String> {
    let said =
        |(name, value): &(String, String)| fill(reader.w.not_known, &[("x", &format!("{name}={value}"))]);
    filters.unknown.iter().map(said).collect()
}

fn counted(reader: &Reader<'_>, rows: usize, total: Option<u64>, more: bool) -> String {
    let (w, language) = (reader.w, reader.language());
    let here = language.count(rows as u64, (w.orders_one, w.orders_other));
    match total {
        Some(total) if more => fill(w.rows_of_view, &[("n", &here), ("m", &language.number(total))]),
        _ => here,
    }
}

fn empty(reader: &Reader<'_>, filters: &Filters, summary: &Summary, expired: bool) -> String {
    let w = reader.w;
    if expired {
        return w.search_expired.to_owned();
    }
    match filters.pairs().len() as u64 {
        0 => w.no_orders_yet.to_owned(),
        _ if summary.total == 0 => w.no_orders_yet.to_owned(),
        count => reader.language().count(count, (w.none_match_one, w.none_match_other)),
    }
}

/// How each channel tells of its orders, while there are none.
fn hints(reader: &Reader<'_>) -> Vec<String> {
    let w = reader.w;
    let channels = reader.api.handle.channels();
    if channels.is_empty() {
        return vec![w.no_channels.to_owned()];
    }
    let hint = |connection: std::sync::Arc<crate::actors::Connection>| {
        let next = connection.next_poll_at().map(|at| reader.moments.short(at).text)?;
        let phrase = if connection.kind.method.takes_webhooks() { w.tells_at_once } else { w.is_asked };
        Some(fill(phrase, &[("c", &connection.name), ("t", &next)]))
    };
    channels.into_iter().filter_map(hint).collect()
}

#[derive(Template)]
#[template(path = "orders-filters.html")]
struct FiltersPage {
    w: &'static Words,
    frame: Frame,
    here: String,
    choices: Vec<Choice>,
    carried: Vec<(&'static str, String)>,
    kept: String,
    words: String,
}

/// `/orders/filters`: the filters as a page of their own, for narrow screens.
pub async fn show_filters(reader: &Reader<'_>) -> Answer {
    let filters = Filters::parse(&reader.query);
    let frame = Frame::new(reader, Here::Orders, reader.w.filters).await?;
    let page = FiltersPage {
        w: reader.w,
        frame,
        here: filters.href("/orders", &[]),
        choices: filters::choices(reader, &filters),
        carried: carried(&filters),
        kept: super::form::query(&borrowed(&searchless(&filters).pairs())),
        words: filters.q.clone().unwrap_or_default(),
    };
    Ok(html(200, &page))
}
