//! Webhook subscriptions, and the signed deliveries they cause.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::kit::Kit;
use super::super::webhooks::{Manner, Parcel};
use super::SHOP;
use super::show::{gid, time};
use crate::model::Timestamp;

/// Eight tries within about four hours.
const RETRIES: [Duration; 8] = [
    Duration::from_secs(10),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(10),
    Duration::from_mins(30),
    Duration::from_mins(50),
    Duration::from_hours(1),
    Duration::from_mins(84),
];

const MANNER: Manner =
    Manner { deadline: Duration::from_secs(5), retries: &RETRIES, ends_subscription: true, forge };

/// One subscription made over the API.
#[derive(Clone, Debug)]
pub(super) struct Subscription {
    pub id: u64,
    pub topic: String,
    pub uri: String,
    pub name: Option<String>,
    pub filter: Option<String>,
    pub include_fields: Vec<String>,
    pub namespaces: Vec<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The subscriptions of the shop, in the order of creation.
#[derive(Default)]
pub(super) struct Hooks {
    subscriptions: BTreeMap<u64, Subscription>,
}

/// Something that webhooks tell.
pub(super) struct Event {
    pub topic: &'static str,
    pub order: Option<u64>,
    pub body: Value,
}

impl Hooks {
    pub(super) fn insert(&mut self, subscription: Subscription) {
        self.subscriptions.insert(subscription.id, subscription);
    }

    pub(super) fn get(&mut self, id: u64, kit: &Kit) -> Option<&mut Subscription> {
        self.forget_ended(kit);
        self.subscriptions.get_mut(&id)
    }

    pub(super) fn remove(&mut self, id: u64) -> bool {
        self.subscriptions.remove(&id).is_some()
    }

    pub(super) fn all(&mut self, kit: &Kit) -> Vec<Subscription> {
        self.forget_ended(kit);
        self.subscriptions.values().cloned().collect()
    }

    pub(super) fn has(&self, topic: &str, uri: &str, filter: Option<&str>) -> bool {
        self.subscriptions
            .values()
            .any(|own| own.topic == topic && own.uri == uri && own.filter.as_deref() == filter)
    }

    /// Eight failures in a row delete a subscription made over the API.
    fn forget_ended(&mut self, kit: &Kit) {
        self.subscriptions.retain(|id, _| !kit.webhooks.has_ended(&id.to_string()));
    }

    /// Sends the events of one action to whoever subscribed.
    pub(super) fn tell(&mut self, events: Vec<Event>, secret: &str, version: &str, kit: &Kit) {
        if events.is_empty() {
            return;
        }
        self.forget_ended(kit);
        let event_id = kit.random.uuid_v4().to_string();
        let triggered_at = kit.now();
        for event in events {
            let wanted = event.topic.to_uppercase().replace('/', "_");
            for subscription in self.subscriptions.values().filter(|own| own.topic == wanted) {
                let body = pruned(&event.body, &subscription.include_fields).to_string().into_bytes();
                let mut headers = headers(event.topic, &body, secret, version, kit);
                headers.push(("x-shopify-event-id".to_owned(), event_id.clone()));
                headers.push(("x-shopify-triggered-at".to_owned(), nanoseconds(triggered_at)));
                if let Some(order) = event.order {
                    headers.push(("x-shopify-order-id".to_owned(), order.to_string()));
                }
                if let Some(name) = &subscription.name {
                    headers.push(("x-shopify-name".to_owned(), name.clone()));
                }
                kit.webhooks.send(Parcel {
                    topic: event.topic.to_owned(),
                    order: event.order.map(|order| order.to_string()),
                    subscription: Some(subscription.id.to_string()),
                    address: Some(subscription.uri.clone()),
                    headers,
                    body,
                    manner: MANNER,
                });
            }
        }
    }
}

/// A delivery that no API subscription causes: the privacy topics, set up in the app.
pub(super) fn notice(topic: &str, body: &Value, secret: &str, version: &str, kit: &Kit) -> Parcel {
    let body = body.to_string().into_bytes();
    let mut headers = headers(topic, &body, secret, version, kit);
    headers.push(("x-shopify-event-id".to_owned(), kit.random.uuid_v4().to_string()));
    headers.push(("x-shopify-triggered-at".to_owned(), nanoseconds(kit.now())));
    Parcel {
        topic: topic.to_owned(),
        order: None,
        subscription: None,
        address: None,
        headers,
        body,
        manner: Manner { ends_subscription: false, ..MANNER },
    }
}

fn headers(topic: &str, body: &[u8], secret: &str, version: &str, kit: &Kit) -> Vec<(String, String)> {
    [
        ("content-type", "application/json".to_owned()),
        ("user-agent", "Shopify-Captain-Hook".to_owned()),
        ("x-shopify-topic", topic.to_owned()),
        ("x-shopify-hmac-sha256", sign(secret, body)),
        ("x-shopify-shop-domain", SHOP.to_owned()),
        ("x-shopify-api-version", version.to_owned()),
        ("x-shopify-webhook-id", kit.random.uuid_v4().to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Base64 of the HMAC-SHA256 of the raw body.
pub(super) fn sign(secret: &str, body: &[u8]) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    STANDARD.encode(ring::hmac::sign(&key, body))
}

/// A forgery has everything but the secret.
fn forge(parcel: &mut Parcel) {
    let signature = sign("not-the-secret", &parcel.body);
    for (name, value) in &mut parcel.headers {
        match name.as_str() {
            "x-shopify-hmac-sha256" => value.clone_from(&signature),
            "x-shopify-webhook-id" => value.insert(0, 'f'),
            _ => {}
        }
    }
}

fn nanoseconds(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%dT%H:%M:%S.%9fZ").to_string()
}

fn pruned(body: &Value, include: &[String]) -> Value {
    match body {
        Value::Object(fields) if !include.is_empty() => {
            let kept = fields.iter().filter(|(name, _)| include.contains(name));
            Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
        }
        other => other.clone(),
    }
}

pub(super) fn show(subscription: &Subscription, version: &str) -> Value {
    json!({
        "__typename": "WebhookSubscription",
        "id": gid("WebhookSubscription", subscription.id),
        "legacyResourceId": subscription.id.to_string(),
        "topic": subscription.topic,
        "format": "JSON",
        "uri": subscription.uri,
        "callbackUrl": subscription.uri,
        "name": subscription.name,
        "filter": subscription.filter,
        "includeFields": subscription.include_fields,
        "metafieldNamespaces": subscription.namespaces,
        "createdAt": time(subscription.created_at),
        "updatedAt": time(subscription.updated_at),
        "endpoint": { "__typename": "WebhookHttpEndpoint", "callbackUrl": subscription.uri },
        "apiVersion": { "displayName": version, "handle": version, "supported": true },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_match_the_contract_s_vectors() {
        let body = "{\"id\":820982911946154508,\"name\":\"#1001\",\"note\":\"Café ☕\"}";
        assert_eq!(
            sign("fenicia-test-secret", body.as_bytes()),
            "eLWokUOMvBKC7ANq/diS6psxiNo/SDsJdnOikoaqyF8="
        );
        assert_eq!(
            sign("test_secret_key", br#"{"foo": "bar"}"#),
            "B23tXN681gZ0qIWNRrgtzBE9XSDo5yaUu6wfmhu3a7g="
        );
    }
}
