//! The JSON of an order. Every field is always there; what the channel does not give is null.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rust_decimal::Decimal;
use serde::Serialize;

use super::error::ErrorJson;
use crate::actors::{Connection, Handle};
use crate::model::{
    Address, Capabilities, ChannelId, ChannelOrderId, Currency, Customer, FulfilledBy, Item, LastAction,
    Order, OrderKey, OrderStatus, PaymentStatus, Person, Shipment, SyncState, Timestamp,
};

#[derive(Serialize)]
pub struct OrderJson<'a> {
    id: &'a OrderKey,
    channel: &'a ChannelId,
    channel_kind: &'a str,
    channel_order_id: &'a ChannelOrderId,
    number: &'a str,
    status: OrderStatus,
    payment_status: PaymentStatus,
    channel_status: &'a BTreeMap<String, String>,
    currency: Option<Currency>,
    total: Option<String>,
    subtotal: Option<String>,
    shipping: Option<String>,
    tax: Option<String>,
    discount: Option<String>,
    refunded: Option<String>,
    placed_at: Timestamp,
    /// The marketplace's own change stamp.
    updated_at: Option<Timestamp>,
    /// When the marketplace last gave this content.
    synced_at: Timestamp,
    customer: &'a Customer,
    shipping_address: Option<&'a Address>,
    items: Vec<ItemJson<'a>>,
    shipments: &'a [Shipment],
    notes: &'a [String],
    tags: &'a [String],
    fulfilled_by: FulfilledBy,
    capabilities: Capabilities,
    last_action: Option<&'a LastAction>,
    sync: SyncJson<'a>,
}

#[derive(Serialize)]
struct ItemJson<'a> {
    line_id: &'a str,
    sku: Option<&'a str>,
    title: Option<&'a str>,
    variant: Option<&'a str>,
    quantity: u32,
    unit_price: Option<String>,
    quantity_shipped: Option<u32>,
    quantity_cancelled: Option<u32>,
    quantity_refunded: Option<u32>,
}

#[derive(Serialize)]
struct SyncJson<'a> {
    state: SyncState,
    last_success_at: Option<Timestamp>,
    error: Option<ErrorJson<'a>>,
}

impl<'a> OrderJson<'a> {
    /// `connection` is the order's channel, while it is configured.
    pub fn of(order: &'a Order, person: &'a Person, connection: Option<&Connection>, now: Timestamp) -> Self {
        let amount = |amount: Option<Decimal>| amount.map(|amount| shown(order.currency, amount));
        Self {
            id: &order.key,
            channel: &order.key.channel,
            channel_kind: &order.channel_kind,
            channel_order_id: &order.key.order,
            number: &order.number,
            status: order.status,
            payment_status: order.payment_status,
            channel_status: &order.channel_status,
            currency: order.currency,
            total: amount(order.amounts.total),
            subtotal: amount(order.amounts.subtotal),
            shipping: amount(order.amounts.shipping),
            tax: amount(order.amounts.tax),
            discount: amount(order.amounts.discount),
            refunded: amount(order.amounts.refunded),
            placed_at: order.placed_at,
            updated_at: order.version.changed_at,
            synced_at: order.sync.last_success_at.unwrap_or(order.version.read_at),
            customer: &person.customer,
            shipping_address: person.shipping_address.as_ref(),
            items: order.items.iter().map(|item| ItemJson::of(item, order.currency)).collect(),
            shipments: &order.shipments,
            notes: &person.notes,
            tags: &order.tags,
            fulfilled_by: order.fulfilled_by,
            capabilities: capabilities(order, connection, now),
            last_action: order.last_action.as_ref(),
            sync: SyncJson {
                state: order.sync.state,
                last_success_at: order.sync.last_success_at,
                error: order.sync.error.as_ref().map(ErrorJson::from),
            },
        }
    }
}

impl<'a> ItemJson<'a> {
    fn of(item: &'a Item, currency: Option<Currency>) -> Self {
        Self {
            line_id: &item.line_id,
            sku: item.sku.as_deref(),
            title: item.title.as_deref(),
            variant: item.variant.as_deref(),
            quantity: item.quantity,
            unit_price: item.unit_price.map(|price| shown(currency, price)),
            quantity_shipped: item.quantity_shipped,
            quantity_cancelled: item.quantity_cancelled,
            quantity_refunded: item.quantity_refunded,
        }
    }
}

/// An amount with its currency's own number of decimals.
pub fn shown(currency: Option<Currency>, amount: Decimal) -> String {
    currency.map_or(amount, |currency| currency.round(amount)).to_string()
}

pub const TURNED_OFF: &str = "The channel is turned off. Turn it on in config.toml, or do it there.";

/// What can be done with the order now, and why not.
pub fn capabilities(order: &Order, connection: Option<&Connection>, now: Timestamp) -> Capabilities {
    match connection {
        Some(connection) if connection.enabled => connection.channel.capabilities(order, now),
        Some(_) => Capabilities::none(TURNED_OFF),
        None => Capabilities::none("The channel is no longer in config.toml. Add it again, or do it there."),
    }
}

/// The channels of a page of orders, each looked up once.
pub struct Channels<'a> {
    handle: &'a Handle,
    seen: HashMap<ChannelId, Option<Arc<Connection>>>,
}

impl<'a> Channels<'a> {
    pub fn new(handle: &'a Handle) -> Self {
        Self { handle, seen: HashMap::new() }
    }

    pub fn of(&mut self, order: &Order) -> Option<Arc<Connection>> {
        let channel = &order.key.channel;
        if let Some(known) = self.seen.get(channel) {
            return known.clone();
        }
        let found = self.handle.channel(channel);
        self.seen.insert(channel.clone(), found.clone());
        found
    }
}
