//! A marketplace that takes webhooks with a shared secret, and tells whole orders.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::Notify;

use crate::channel::{
    Admitted, Answer, Call, Channel, Consent, Delivery, Fetched, Finding, Given, Inbound, Kind, ListRequest,
    Memo, Method, Page, Performed, Refusal, Refused, Stream, Tiding, Verdict,
};
use crate::model::{
    Action, ActionRequest, Amounts, CancelAbility, Capabilities, ChannelOrderId, Failure, FulfilledBy, Item,
    Native, Observation, Order, OrderStatus, PaymentStatus, Seen, ShipAbility, Shipment, ShipmentItem,
    ShipmentStatus, Source, Timestamp, Tokens, TrackingAbility, decimal,
};

pub const SECRET: &str = "open-sesame";

pub static BAZAAR: Kind = Kind {
    name: "bazaar",
    title: "Bazaar",
    tile: "Bz",
    keys: &[],
    method: Method::WebhooksAndPolling,
    schedule: "0 0 1 1 *",
    retention: None,
    build: |_, _| Ok(Arc::new(Bazaar::default())),
};

/// Polled only.
pub static SOUK: Kind = Kind { name: "souk", title: "Souk", method: Method::Polling, ..BAZAAR };

/// The marketplace itself.
#[derive(Default)]
pub struct Bazaar {
    orders: Mutex<BTreeMap<String, Value>>,
    /// What every fetch answers instead.
    pub trouble: Mutex<Option<Failure>>,
    /// Set: lists wait until they are let go.
    pub slow: Mutex<Option<Arc<Notify>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bazaar {
    pub fn put(&self, order: &Value) {
        locked(&self.orders).insert(order["id"].as_str().expect("an id").to_owned(), order.clone());
    }

    pub fn fail_with(&self, failure: Option<Failure>) {
        *locked(&self.trouble) = failure;
    }

    fn get(&self, order: &str) -> Option<Value> {
        locked(&self.orders).get(order).cloned()
    }

    fn mark_shipped(&self, order: &str, carrier: &str, number: Option<&str>) {
        let mut orders = locked(&self.orders);
        let Some(order) = orders.get_mut(order) else { return };
        order["status"] = "shipped".into();
        order["carrier"] = carrier.into();
        order["tracking"] = number.unwrap_or("none").into();
    }
}

/// A document with the fields that the tests vary.
pub fn order(id: &str, changed_at: &str) -> Value {
    serde_json::json!({
        "id": id,
        "changed_at": changed_at,
        "placed_at": "2026-11-20T10:00:00Z",
        "number": format!("#{id}"),
        "status": "accepted",
        "payment": "paid",
        "total": "19.9",
        "sku": "TEA-1",
        "quantity": 2,
        "name": "Ana Ruiz",
        "email": "ana@example.com",
    })
}

fn observe(document: &Value, source: Source, read_at: Timestamp) -> Option<Observation> {
    let text = |field: &str| document[field].as_str();
    let time = |field: &str| text(field).and_then(Timestamp::parse);
    let quantity = u32::try_from(document["quantity"].as_u64().unwrap_or(1)).ok()?;
    let shipped = document["carrier"].as_str().is_some();
    let mut seen = Observation::empty(ChannelOrderId::new(text("id")?).ok()?, source, read_at);
    seen.changed_at = time("changed_at");
    seen.placed_at = time("placed_at");
    seen.number = text("number").map(ToOwned::to_owned);
    seen.status = Native::Known(OrderStatus::parse(text("status")?)?);
    seen.payment_status = Native::Known(PaymentStatus::parse(text("payment")?)?);
    seen.channel_status = BTreeMap::from([("state".to_owned(), text("status")?.to_owned())]);
    seen.currency = "EUR".parse().ok();
    seen.amounts = Amounts { total: text("total").and_then(decimal), ..Amounts::default() };
    seen.customer.name = Seen::text(text("name"));
    seen.customer.email = Seen::text(text("email"));
    seen.items = Some(vec![Item {
        line_id: "1".to_owned(),
        sku: text("sku").map(ToOwned::to_owned),
        title: Some("Tea".to_owned()),
        variant: None,
        quantity,
        unit_price: text("total").and_then(decimal),
        quantity_shipped: Some(if shipped { quantity } else { 0 }),
        quantity_cancelled: Some(0),
        quantity_refunded: None,
    }]);
    let parcel = Shipment {
        shipment_id: "p1".to_owned(),
        carrier: text("carrier").map(ToOwned::to_owned),
        tracking_number: text("tracking").map(ToOwned::to_owned),
        tracking_url: None,
        status: Some(ShipmentStatus::Shipped),
        shipped_at: None,
        items: vec![ShipmentItem { line_id: "1".to_owned(), quantity }],
    };
    seen.shipments = Some(if shipped { vec![parcel] } else { Vec::new() });
    seen.notes = Some(Vec::new());
    seen.tags = Some(Vec::new());
    seen.fulfilled_by = Some(FulfilledBy::Seller);
    Some(seen)
}

const STREAMS: [Stream; 1] = [Stream {
    name: "orders",
    overlap: std::time::Duration::ZERO,
    first: Some(std::time::Duration::ZERO),
    every: std::time::Duration::ZERO,
    longest: std::time::Duration::from_secs(31_536_000),
    durable_token: true,
    optional: false,
}];

impl Channel for Bazaar {
    fn admit(&self, request: &Inbound<'_>) -> Result<Admitted, Refusal> {
        if request.headers.get("content-type") != Some("application/json") {
            return Err(Refusal::ContentType);
        }
        if request.headers.get("x-secret") != Some(SECRET) {
            return Err(Refusal::Unauthenticated);
        }
        let delivery_id = request.headers.get("x-delivery").ok_or(Refusal::Malformed)?.to_owned();
        let topic = request.topic.unwrap_or("orders").to_owned();
        Ok(Admitted { delivery_id, ignore: topic == "greetings", topic, notes: Vec::new() })
    }

    fn read(&self, delivery: &Delivery) -> Vec<Tiding> {
        let document: Value = serde_json::from_slice(&delivery.body).unwrap_or_default();
        match observe(&document, Source::Payload, delivery.received_at) {
            Some(seen) => vec![Tiding::Seen(Box::new(seen))],
            None => vec![Tiding::PollNow],
        }
    }

    fn streams(&self) -> &[Stream] {
        &STREAMS
    }

    fn list<'a>(&'a self, _: Call<'a>, request: ListRequest<'a>) -> Answer<'a, Page> {
        Box::pin(async move {
            let slow = locked(&self.slow).clone().filter(|_| request.bulk);
            if let Some(slow) = slow {
                slow.notified().await;
            }
            let orders = locked(&self.orders);
            let read_at = Timestamp::from_secs(1_764_000_000);
            let seen = orders.values().filter_map(|order| observe(order, Source::Listing, read_at));
            Ok(Page { tidings: seen.map(|seen| Tiding::Seen(Box::new(seen))).collect(), ..Page::default() })
        })
    }

    fn fetch<'a>(&'a self, _: Call<'a>, orders: &'a [ChannelOrderId]) -> Answer<'a, Vec<Fetched>> {
        Box::pin(async move {
            if let Some(failure) = locked(&self.trouble).clone() {
                return Err(failure);
            }
            let read_at = crate::clock::Clock::system().now();
            let one = |order: &ChannelOrderId| {
                let seen = self.get(order.as_str()).and_then(|doc| observe(&doc, Source::Fetch, read_at));
                seen.map_or_else(
                    || Fetched::Missing { order: order.clone(), reach: None },
                    |seen| Fetched::Found(Box::new(seen)),
                )
            };
            Ok(orders.iter().map(one).collect())
        })
    }

    fn authorise<'a>(&'a self, _: Option<&'a Tokens>) -> Answer<'a, Tokens> {
        Box::pin(async { Ok(tokens()) })
    }

    fn probe<'a>(&'a self, _: Call<'a>) -> Answer<'a, Vec<Finding>> {
        Box::pin(async { Ok(vec![Finding::good("the stall is open")]) })
    }

    fn consent(&self, consent: &Consent<'_>) -> Option<String> {
        Some(format!("https://bazaar.example/consent?state={}&back={}", consent.state, consent.redirect))
    }

    fn redeem<'a>(&'a self, _: &'a Consent<'a>, given: &'a Given) -> Answer<'a, Tokens> {
        Box::pin(async move {
            if given.code == "good" { Ok(tokens()) } else { Err(Failure::permission("the code is not ours")) }
        })
    }

    fn capabilities(&self, order: &Order, _now: Timestamp) -> Capabilities {
        let open = order.status == OrderStatus::Accepted;
        let ship = ShipAbility {
            supported: open,
            why: (!open).then(|| "Nothing is left to ship.".to_owned()),
            partial: true,
            carriers: Some(vec!["DHL".to_owned()]),
            ..ShipAbility::no("")
        };
        Capabilities {
            ship,
            tracking: TrackingAbility::yes(None),
            cancel: CancelAbility::no("Bazaar cancels nothing. Do it at the stall."),
        }
    }

    fn prepare(&self, order: &Order, request: &ActionRequest, _now: Timestamp) -> Result<Memo, Refused> {
        match request {
            ActionRequest::Ship { carrier, .. } if carrier != "DHL" => {
                Err(Refused::invalid("carrier", "Bazaar knows DHL only."))
            }
            ActionRequest::Ship { .. } if order.status != OrderStatus::Accepted => {
                Err(Refused::conflict("The order is not open any more."))
            }
            ActionRequest::Ship { .. } => Ok(Memo::new()),
            _ => Err(Refused::unsupported("Bazaar cancels nothing. Do it at the stall.")),
        }
    }

    fn perform<'a>(&'a self, _: Call<'a>, order: &'a Order, action: &'a Action) -> Answer<'a, Performed> {
        Box::pin(async move {
            if let ActionRequest::Ship { carrier, tracking_number, .. } = &action.request {
                self.mark_shipped(order.key.order.as_str(), carrier, tracking_number.as_deref());
            }
            Ok(Performed::Done)
        })
    }

    fn judge(&self, _: &Order, _: &Action) -> Verdict {
        Verdict::CannotTell
    }
}

fn tokens() -> Tokens {
    Tokens::bare(crate::model::Secret::new("token"), Timestamp::EPOCH)
}
