//! Notifications: signed, thin, five tries at most, and none that is kept.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::kit::Kit;
use super::super::message::{Request, Response};
use super::super::stand::Refused;
use super::super::webhooks::{Manner, Parcel};
use super::guard::prove;
use super::world::Event;
use super::{SHOP_ID, bad, good};
use crate::model::Timestamp;

const RETRIES: [Duration; 4] =
    [Duration::from_mins(2), Duration::from_mins(30), Duration::from_hours(3), Duration::from_hours(12)];
const MANNER: Manner =
    Manner { deadline: Duration::from_secs(3), retries: &RETRIES, ends_subscription: false, forge };
const ADDRESS_MAX: usize = 255;

/// Topics and their numbers.
const TOPICS: [(&str, u32); 9] = [
    ("ORDER_STATUS_CHANGE", 1),
    ("REVERSE_STATUS_UPDATE", 2),
    ("RECIPIENT_ADDRESS_UPDATE", 3),
    ("PACKAGE_UPDATE", 4),
    ("PRODUCT_STATUS_CHANGE", 5),
    ("SELLER_DEAUTHORIZATION", 6),
    ("UPCOMING_AUTHORIZATION_EXPIRATION", 7),
    ("CANCELLATION_STATUS_CHANGE", 11),
    ("RETURN_STATUS_CHANGE", 12),
];

struct Subscription {
    address: String,
    made_at: Timestamp,
    changed_at: Timestamp,
}

/// Where each topic goes.
#[derive(Default)]
pub(super) struct Hooks {
    topics: BTreeMap<&'static str, Subscription>,
    count: u64,
}

fn topic(name: &str) -> Option<&'static str> {
    TOPICS.iter().find(|(own, _)| *own == name).map(|(own, _)| *own)
}

impl Hooks {
    pub(super) fn list(&self, kit: &Kit) -> Response {
        let shown = |(topic, own): (&&str, &Subscription)| {
            json!({
                "event_type": topic, "address": own.address, "create_time": own.made_at.as_secs(),
                "update_time": own.changed_at.as_secs(),
            })
        };
        let hooks: Vec<Value> = self.topics.iter().map(shown).collect();
        good(kit, &json!({"total_count": hooks.len(), "webhooks": hooks}))
    }

    pub(super) fn subscribe(&mut self, request: &Request, kit: &Kit) -> Response {
        let body = request.json().unwrap_or_default();
        let address = body["address"].as_str().unwrap_or_default();
        let Some(topic) = body["event_type"].as_str().and_then(topic) else {
            kit.breach(request, "unknown_topic", "there is no such event_type");
            return bad(kit, 400, 36_009_004, "Invalid parameter: event_type");
        };
        // The real one takes https only; the sandbox's clients listen on loopback.
        if !address.starts_with("http") || address.len() > ADDRESS_MAX {
            kit.breach(
                request,
                "webhook_address",
                "an address begins with https:// and has 255 characters at most",
            );
            return bad(kit, 400, 36_009_004, "Invalid parameter: address");
        }
        let now = kit.now();
        let made_at = self.topics.get(topic).map_or(now, |own| own.made_at);
        self.topics.insert(topic, Subscription { address: address.to_owned(), made_at, changed_at: now });
        kit.effect("subscribe", None, json!({"topic": topic, "address": address}));
        good(kit, &json!({}))
    }

    /// Succeeds even when there was nothing.
    pub(super) fn unsubscribe(&mut self, request: &Request, kit: &Kit) -> Response {
        let body = request.json().unwrap_or_default();
        self.topics.remove(body["event_type"].as_str().unwrap_or_default());
        good(kit, &json!({}))
    }

    pub(super) fn send(&mut self, kit: &Kit, events: &[Event]) {
        for event in events {
            self.post(kit, event.kind, Some(&event.order), &event.data, SHOP_ID);
        }
    }

    /// One that no change causes.
    pub(super) fn odd(&mut self, kit: &Kit, name: &str, order: Option<&str>) -> Result<(), Refused> {
        let now = kit.now();
        let order_data = || json!({"order_id": order.unwrap_or("576700000000000001"), "order_status": "AWAITING_SHIPMENT"});
        match name {
            "seller_deauthorization" => {
                self.post(kit, 6, None, &json!({"message": "Seller has deauthorized the app"}), SHOP_ID);
            }
            "authorization_expires" => {
                // A text, unlike every other time.
                let ends = now.plus(Duration::from_hours(720)).as_secs().to_string();
                self.post(kit, 7, None, &json!({"message": "m", "expiration_time": ends}), SHOP_ID);
            }
            "product" => {
                self.post(kit, 5, None, &json!({"product_id": 1_729_582_718_312_380_123_u64}), SHOP_ID);
            }
            "foreign_shop" => self.post(kit, 1, order, &order_data(), "7495000000000000001"),
            "broken" => self.deliver(kit, "ORDER_STATUS_CHANGE", order, b"{\"type\":1,\"data\":{".to_vec()),
            _ => return Err(Refused::new(format!("no notice here is called {name}"))),
        }
        Ok(())
    }

    fn post(&mut self, kit: &Kit, kind: u32, order: Option<&str>, data: &Value, shop: &str) {
        let Some((topic, _)) = TOPICS.iter().find(|(_, own)| *own == kind) else { return };
        self.count += 1;
        let mut body = json!({"type": kind, "shop_id": shop, "timestamp": kit.now().as_secs(), "data": data});
        // The topic about addresses has been seen without its id.
        if kind != 3 {
            body["tts_notification_id"] = json!((7_380_000_000_000_000_000_u64 + self.count).to_string());
        }
        self.deliver(kit, topic, order, body.to_string().into_bytes());
    }

    fn deliver(&self, kit: &Kit, topic: &'static str, order: Option<&str>, body: Vec<u8>) {
        let Some(subscription) = self.topics.get(topic) else { return };
        let headers = [("content-type", "application/json".to_owned()), ("authorization", prove(&body))];
        kit.webhooks.send(Parcel {
            topic: topic.to_owned(),
            order: order.map(str::to_owned),
            subscription: Some(topic.to_owned()),
            address: Some(subscription.address.clone()),
            headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
            body,
            manner: MANNER,
        });
    }
}

/// Somebody who has seen a notification and changes what it says.
fn forge(parcel: &mut Parcel) {
    parcel.body.push(b' ');
}
