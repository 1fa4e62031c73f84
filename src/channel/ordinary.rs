//! What a channel can do at all, asked with two ordinary orders: an open one and a sent one.

use std::collections::BTreeMap;

use super::Channel;
use crate::model::{
    Amounts, Capabilities, ChannelId, ChannelOrderId, FulfilledBy, Item, Order, OrderKey, OrderStatus,
    PaymentStatus, Shipment, ShipmentItem, ShipmentStatus, SyncInfo, Timestamp, TrackingAbility, Version,
};

/// Deadlines are those of single orders and so left out.
pub fn abilities(channel: &dyn Channel, id: &ChannelId, kind: &str, now: Timestamp) -> Capabilities {
    let dressed = |mut order: Order| {
        channel.dress(&mut order);
        channel.capabilities(&order, now)
    };
    let (open, sent) = (dressed(open(id, kind, now)), dressed(sent(id, kind, now)));
    Capabilities { tracking: TrackingAbility { until: None, ..sent.tracking }, ..open }
}

/// A paid order of one unit that the seller is to send.
fn open(id: &ChannelId, kind: &str, now: Timestamp) -> Order {
    Order {
        key: OrderKey::new(id.clone(), ChannelOrderId::from(1)),
        channel_kind: kind.to_owned(),
        number: "1".to_owned(),
        status: OrderStatus::Accepted,
        payment_status: PaymentStatus::Paid,
        channel_status: BTreeMap::new(),
        currency: None,
        amounts: Amounts::default(),
        placed_at: now,
        items: vec![unit()],
        shipments: Vec::new(),
        tags: Vec::new(),
        fulfilled_by: FulfilledBy::Seller,
        facts: BTreeMap::new(),
        version: Version { changed_at: Some(now), read_at: now, fetched_at: None },
        created_at: now,
        stored_at: now,
        told: Vec::new(),
        sync: SyncInfo::default(),
        last_action: None,
        next_seq: 0,
        erased: false,
    }
}

fn unit() -> Item {
    Item {
        line_id: "1".to_owned(),
        sku: None,
        title: None,
        variant: None,
        quantity: 1,
        unit_price: None,
        quantity_shipped: Some(0),
        quantity_cancelled: Some(0),
        quantity_refunded: Some(0),
    }
}

/// The same, sent from here just now.
fn sent(id: &ChannelId, kind: &str, now: Timestamp) -> Order {
    let parcel = Shipment {
        shipment_id: "1".to_owned(),
        carrier: Some("1".to_owned()),
        tracking_number: Some("1".to_owned()),
        tracking_url: None,
        status: Some(ShipmentStatus::Shipped),
        shipped_at: Some(now),
        items: vec![ShipmentItem { line_id: "1".to_owned(), quantity: 1 }],
    };
    Order {
        status: OrderStatus::Shipped,
        items: vec![Item { quantity_shipped: Some(1), ..unit() }],
        shipments: vec![parcel],
        ..open(id, kind, now)
    }
}
