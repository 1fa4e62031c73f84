//! `fenicia orders`: the list, and one order with its timeline.

use clap::Args;
use serde_json::{Value, json};

use super::Done;
use super::client::{Client, query, segment};
use super::daemon::Daemon;
use super::screen::Screen;
use super::sheet::{Cell, Sheet};
use super::sync::moment;
use super::trouble::Trouble;
use super::views::{EventView, Items, OrderView};
use crate::clock::Clock;
use crate::model::{OrderStatus, PaymentStatus, SyncState, Timestamp};

/// The longest page of the API.
const PAGE: usize = 200;

#[derive(Debug, Args)]
pub(super) struct Orders {
    /// Show this order with its timeline, such as tienda:5123456789
    #[arg(conflicts_with_all = ["channel", "status", "payment_status", "sync_state", "query", "since", "limit"])]
    id: Option<String>,
    #[command(flatten)]
    filter: Filter,
    /// How many orders, newest first
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    daemon: Daemon,
}

/// Which orders, for lists and exports.
#[derive(Debug, Args)]
pub(super) struct Filter {
    /// Only orders of this channel
    #[arg(long, value_name = "ID")]
    channel: Option<String>,
    /// Only orders in this state
    #[arg(long, value_parser = words(OrderStatus::ALL.iter().map(|s| s.as_str())))]
    status: Option<String>,
    /// Only orders in this state of payment
    #[arg(long, value_parser = words(PaymentStatus::ALL.iter().map(|s| s.as_str())))]
    payment_status: Option<String>,
    /// Only orders in this state of sync
    #[arg(long, value_parser = words(SyncState::ALL.iter().map(|s| s.as_str())))]
    sync_state: Option<String>,
    /// Only orders with this number, SKU, customer or tracking number
    #[arg(long, value_name = "TEXT")]
    query: Option<String>,
    /// Only orders placed since then: 7d, 12h, 2026-11-23 or an RFC 3339 time
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
}

fn words(all: impl Iterator<Item = &'static str>) -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(all.collect::<Vec<_>>())
}

impl Filter {
    pub(super) fn parameters(&self, now: Timestamp) -> Result<Vec<(&'static str, Option<String>)>, Trouble> {
        let since = self.since.as_deref().map(|text| moment(text, now)).transpose()?;
        Ok(vec![
            ("channel", self.channel.clone()),
            ("status", self.status.clone()),
            ("payment_status", self.payment_status.clone()),
            ("sync_state", self.sync_state.clone()),
            ("q", self.query.clone()),
            ("placed_after", since.map(|at| at.to_string())),
        ])
    }
}

impl Orders {
    pub(super) async fn run(self, screen: &mut Screen) -> Done {
        let client = self.daemon.client()?;
        let now = Clock::system().now();
        if let Some(id) = &self.id {
            return one(&client, id, self.daemon.json, now, screen).await;
        }
        let wanted = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let (items, cursor) = self.collect(&client, wanted, now).await?;
        if self.daemon.json {
            return Ok(screen.json(&json!({ "items": items, "next_cursor": cursor }).to_string())?);
        }
        let orders: Vec<OrderView> =
            items.into_iter().filter_map(|item| serde_json::from_value(item).ok()).collect();
        if orders.is_empty() {
            screen.note("No order matches.");
        }
        screen.sheet(&list(&orders, now))?;
        if cursor.is_some() && screen.is_terminal() {
            screen.note("There are more: raise --limit, or narrow the list.");
        }
        Ok(())
    }

    /// Page by page until there are enough.
    async fn collect(
        &self,
        client: &Client,
        wanted: usize,
        now: Timestamp,
    ) -> Result<(Vec<Value>, Option<String>), Trouble> {
        let mut items = Vec::new();
        let mut cursor = None;
        loop {
            let page = (wanted - items.len()).min(PAGE);
            let mut parameters = self.filter.parameters(now)?;
            parameters.extend([("limit", Some(page.to_string())), ("cursor", cursor)]);
            let answer: Items<Value> = client.get(&query("/api/v1/orders", parameters)).await?.read()?;
            let got_some = !answer.items.is_empty();
            items.extend(answer.items);
            cursor = answer.next_cursor;
            if cursor.is_none() || items.len() >= wanted || !got_some {
                return Ok((items, cursor));
            }
        }
    }
}

pub(super) fn list(orders: &[OrderView], now: Timestamp) -> Sheet {
    let mut sheet = Sheet::new(&["id", "number", "status", "payment", "total", "customer", "placed", "sync"]);
    for order in orders {
        let customer = order.customer.as_ref().and_then(|c| c.name.as_deref().or(c.email.as_deref()));
        sheet.row([
            Cell::text(&order.id),
            Cell::maybe(order.number.as_deref()),
            Cell::state(&order.status),
            Cell::state(&order.payment_status),
            money(order.total.as_deref(), order.currency.as_deref()),
            Cell::maybe(customer),
            Cell::when(order.placed_at, now),
            Cell::state(&order.sync.state),
        ]);
    }
    sheet
}

fn money(amount: Option<&str>, currency: Option<&str>) -> Cell {
    Cell::maybe(amount.map(|amount| format!("{amount} {}", currency.unwrap_or("")).trim_end().to_owned()))
}

async fn one(client: &Client, id: &str, as_json: bool, now: Timestamp, screen: &mut Screen) -> Done {
    let path = format!("/api/v1/orders/{}", segment(id));
    let answer = client.get(&path).await?;
    let timeline =
        client.get(&query(&format!("{path}/timeline"), [("limit", Some(PAGE.to_string()))])).await?;
    if as_json {
        let mut order: Value = answer.read()?;
        order["timeline"] = timeline.read::<Items<Value>>()?.items.into();
        return Ok(screen.json(&order.to_string())?);
    }
    let order: OrderView = answer.read()?;
    let timeline: Items<EventView> = timeline.read()?;
    screen.sheet(&facts(&order, now))?;
    screen.heading("Items")?;
    screen.sheet(&items(&order))?;
    if !order.shipments.is_empty() {
        screen.heading("Shipments")?;
        screen.sheet(&shipments(&order, now))?;
    }
    screen.heading("Timeline")?;
    Ok(screen.sheet(&events(&timeline.items, now))?)
}

fn facts(order: &OrderView, now: Timestamp) -> Sheet {
    let mut sheet = Sheet::facts();
    let currency = order.currency.as_deref();
    sheet.fact("id", Cell::text(&order.id));
    sheet.fact("number", Cell::maybe(order.number.as_deref()));
    sheet.fact("status", Cell::state(&order.status));
    sheet.fact("payment", Cell::state(&order.payment_status));
    sheet.fact("total", money(order.total.as_deref(), currency));
    sheet.fact("refunded", money(order.refunded.as_deref(), currency));
    let customer = order.customer.as_ref();
    sheet.fact("customer", Cell::maybe(customer.and_then(|c| c.name.as_deref())));
    sheet.fact("e-mail", Cell::maybe(customer.and_then(|c| c.email.as_deref())));
    sheet.fact("placed", Cell::when(order.placed_at, now));
    let updated = order.updated_at.map(|at| Cell::when(Some(at), now));
    sheet.fact("updated", updated.unwrap_or_else(|| Cell::text("not given by the channel")));
    sheet.fact("synced", Cell::when(order.synced_at, now));
    sheet.fact("sync", Cell::state(&order.sync.state));
    if let Some(error) = &order.sync.error {
        sheet.fact("sync error", Cell::text(format!("{}: {}", error.kind, error.message)));
        sheet.fact("what to do", Cell::maybe(error.advice.as_deref()));
        sheet.fact("tried again", Cell::when(error.retry_at, now));
    }
    sheet
}

fn items(order: &OrderView) -> Sheet {
    let mut sheet = Sheet::new(&["line", "sku", "title", "quantity", "to ship", "unit price"]);
    for item in &order.items {
        sheet.row([
            Cell::text(&item.line_id),
            Cell::maybe(item.sku.as_deref()),
            Cell::maybe(item.title.as_deref()),
            Cell::count(item.quantity),
            Cell::count(item.open()),
            money(item.unit_price.as_deref(), order.currency.as_deref()),
        ]);
    }
    sheet
}

fn shipments(order: &OrderView, now: Timestamp) -> Sheet {
    let mut sheet = Sheet::new(&["shipment", "carrier", "tracking", "status", "shipped"]);
    for shipment in &order.shipments {
        sheet.row([
            Cell::maybe(shipment.shipment_id.as_deref()),
            Cell::maybe(shipment.carrier.as_deref()),
            Cell::maybe(shipment.tracking_number.as_deref()),
            Cell::maybe(shipment.status.as_deref()),
            Cell::when(shipment.shipped_at, now),
        ]);
    }
    sheet
}

fn events(events: &[EventView], now: Timestamp) -> Sheet {
    let mut sheet = Sheet::new(&["when", "event", "by", "what"]);
    for event in events {
        let by = event.by.as_deref().or(event.trigger.as_deref());
        let what = match &event.error {
            Some(error) if !event.summary.contains(&error.message) => {
                format!("{} ({})", event.summary, error.message)
            }
            _ => event.summary.clone(),
        };
        sheet.row([Cell::when(event.at, now), Cell::text(&event.kind), Cell::maybe(by), Cell::text(what)]);
    }
    sheet
}
