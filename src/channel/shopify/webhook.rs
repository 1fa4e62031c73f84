//! Webhooks: whether a delivery is Shopify's and ours, and what it means.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac};
use serde::Deserialize;

use super::payload;
use super::scalar::{Id, filled};
use crate::channel::hex::hex;
use crate::channel::{Admitted, Delivery, Inbound, Refusal, Tiding};
use crate::model::{Anomaly, ChannelOrderId, Secret, Source};

/// Longest delivery id that is kept as it came.
const ID_MAX: usize = 128;
/// The note in which the header with the order's id travels to `read`.
const ORDER_NOTE: &str = "order";

/// Whose deliveries are taken.
pub(super) struct Gate {
    /// `name.myshopify.com`
    shop: String,
    keys: Vec<hmac::Key>,
}

impl Gate {
    pub(super) fn new(shop: &str, secrets: &[Secret]) -> Self {
        let key = |secret: &Secret| hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        Self { shop: shop.to_owned(), keys: secrets.iter().map(key).collect() }
    }

    pub(super) fn is_open(&self) -> bool {
        !self.keys.is_empty()
    }

    pub(super) fn admit(&self, request: &Inbound<'_>) -> Result<Admitted, Refusal> {
        if !self.is_open() {
            return Err(Refusal::NotTaken);
        }
        let header = |name: &str| filled(request.headers.get(name));
        let signature = header("x-shopify-hmac-sha256").ok_or(Refusal::Unauthenticated)?;
        if !self.is_signed(signature, request.body) {
            return Err(Refusal::Unauthenticated);
        }
        // The signature covers the body only, and one app may serve several shops.
        if !header("x-shopify-shop-domain").is_some_and(|shop| shop.eq_ignore_ascii_case(&self.shop)) {
            return Err(Refusal::Unauthenticated);
        }
        if header("content-type").is_some_and(|kind| !kind.to_ascii_lowercase().contains("json")) {
            return Err(Refusal::ContentType);
        }
        let topic = header("x-shopify-topic").ok_or(Refusal::Malformed)?.to_ascii_lowercase();
        if request.topic.is_some_and(|path| bare(path) != bare(&topic)) {
            return Err(Refusal::Malformed);
        }
        let order = header("x-shopify-order-id").and_then(Id::read);
        Ok(Admitted {
            delivery_id: delivery_id(header("x-shopify-webhook-id"), &topic, request.body),
            ignore: Meaning::of(&topic) == Meaning::Nothing,
            topic,
            notes: order.map(|id| (ORDER_NOTE.to_owned(), id.as_str().to_owned())).into_iter().collect(),
        })
    }

    /// Tries every key, in constant time each.
    fn is_signed(&self, signature: &str, body: &[u8]) -> bool {
        let Ok(signature) = STANDARD.decode(signature) else { return false };
        self.keys.iter().fold(false, |found, key| hmac::verify(key, body, &signature).is_ok() | found)
    }

    pub(super) fn read(&self, delivery: &Delivery) -> Vec<Tiding> {
        match Meaning::of(&delivery.topic) {
            Meaning::WholeOrder => whole_order(delivery),
            Meaning::Touched => touched(delivery, None),
            Meaning::Uninstalled => vec![Tiding::Access {
                ends_at: Some(delivery.received_at),
                message:
                    "The app was uninstalled from the shop. Install it again, then reconnect the channel."
                        .into(),
            }],
            Meaning::ScopesChanged => vec![Tiding::CheckSubscriptions],
            Meaning::Privacy => vec![self.privacy(delivery)],
            Meaning::Nothing => Vec::new(),
        }
    }

    /// Acts only for the shop that the signed body names: the header could be another's.
    fn privacy(&self, delivery: &Delivery) -> Tiding {
        let Ok(request) = serde_json::from_slice::<PrivacyRequest>(&delivery.body) else {
            return channel_anomaly(
                "unreadable_privacy_request",
                "A privacy request cannot be read. Look into the app's settings at Shopify, and erase by hand what it asks for.",
            );
        };
        if !request.shop_domain.eq_ignore_ascii_case(&self.shop) {
            return channel_anomaly(
                "foreign_privacy_request",
                "A privacy request names another shop. It was not followed.",
            );
        }
        let customer = request.customer.unwrap_or_default();
        match delivery.topic.as_str() {
            "shop/redact" => Tiding::EraseAll,
            "customers/redact" => {
                Tiding::Erase { orders: ids(request.orders_to_redact.as_ref()), email: customer.email }
            }
            _ => Tiding::DataRequest {
                orders: ids(request.orders_requested.as_ref()),
                email: customer.email,
                reference: request.data_request.map(|data| data.id.as_str().to_owned()).unwrap_or_default(),
            },
        }
    }
}

/// What a topic is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// The body is the whole order.
    WholeOrder,
    /// Something about an order changed.
    Touched,
    Uninstalled,
    ScopesChanged,
    Privacy,
    /// Not about orders.
    Nothing,
}

impl Meaning {
    fn of(topic: &str) -> Self {
        match topic {
            "orders/create"
            | "orders/updated"
            | "orders/cancelled"
            | "orders/paid"
            | "orders/fulfilled"
            | "orders/partially_fulfilled" => Self::WholeOrder,
            "app/uninstalled" => Self::Uninstalled,
            "app/scopes_update" => Self::ScopesChanged,
            "customers/data_request" | "customers/redact" | "shop/redact" => Self::Privacy,
            _ => match topic.split_once('/') {
                Some((
                    "orders" | "fulfillments" | "fulfillment_events" | "refunds" | "order_transactions"
                    | "returns",
                    _,
                )) => Self::Touched,
                _ => Self::Nothing,
            },
        }
    }
}

/// `orders/updated`, `orders-updated` and `ORDERS_UPDATED` are one topic.
fn bare(topic: &str) -> String {
    topic.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn delivery_id(given: Option<&str>, topic: &str, body: &[u8]) -> String {
    if let Some(id) = given.filter(|id| id.len() <= ID_MAX) {
        return id.to_owned();
    }
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(given.unwrap_or(topic).as_bytes());
    hash.update(&[0]);
    hash.update(body);
    format!("sha256:{}", hex(hash.finish().as_ref()))
}

fn whole_order(delivery: &Delivery) -> Vec<Tiding> {
    if let Some(reading) = payload::read(&delivery.body) {
        return vec![Tiding::Seen(Box::new(reading.into_observation(Source::Payload, delivery.received_at)))];
    }
    let summary = "A webhook's body is not an order that can be read. The order is fetched instead.";
    touched(
        delivery,
        Some(Anomaly { code: format!("unreadable_webhook:{}", delivery.topic), summary: summary.into() }),
    )
}

/// Points at the order, or at the whole channel when no order can be made out.
fn touched(delivery: &Delivery, anomaly: Option<Anomaly>) -> Vec<Tiding> {
    let order = order_id(delivery);
    let lost = || Anomaly {
        code: format!("unreadable_webhook:{}", delivery.topic),
        summary: "A webhook does not tell which order it is about. The channel is polled instead.".into(),
    };
    let anomaly = if order.is_none() { Some(lost()) } else { anomaly };
    let first = match &order {
        Some(order) => Tiding::Hint { order: order.clone(), changed_at: None },
        None => Tiding::PollNow,
    };
    let told = anomaly.map(|anomaly| Tiding::Anomaly { order, anomaly });
    std::iter::once(first).chain(told).collect()
}

fn channel_anomaly(code: &str, summary: &str) -> Tiding {
    Tiding::Anomaly { order: None, anomaly: Anomaly { code: code.into(), summary: summary.into() } }
}

/// Where the bodies of the various topics keep the order's id.
fn order_id(delivery: &Delivery) -> Option<ChannelOrderId> {
    let noted = delivery.notes.iter().find(|(name, _)| name == ORDER_NOTE);
    if let Some(id) = noted.and_then(|(_, id)| Id::read(id)) {
        return id.order();
    }
    let read = |path: &[&str]| {
        let body: serde_json::Value = serde_json::from_slice(&delivery.body).ok()?;
        let value = path.iter().try_fold(&body, |value, step| value.get(step))?;
        Id::read(&value.to_string())
    };
    let of_the_order: &[&[&str]] = if delivery.topic.starts_with("orders/") { &[&["id"]] } else { &[] };
    let paths: [&[&str]; 3] = [&["order_id"], &["order_edit", "order_id"], &["order", "id"]];
    let found = paths.iter().chain(of_the_order).find_map(|path| read(path));
    found.or_else(|| scan(&delivery.body)).and_then(|id| id.order())
}

/// The first order id in a body that is not JSON, such as one that was cut off.
fn scan(body: &[u8]) -> Option<Id> {
    let text = String::from_utf8_lossy(body).replace("\\/", "/");
    ["gid://shopify/Order/", "\"order_id\":"].iter().find_map(|mark| {
        let tail = text.split_once(mark)?.1.trim_start();
        let digits: String = tail.chars().take_while(char::is_ascii_digit).collect();
        // A number at the very end may be cut off itself.
        (digits.len() < tail.len()).then(|| Id::read(&digits))?
    })
}

#[derive(Deserialize)]
struct PrivacyRequest {
    shop_domain: String,
    customer: Option<PrivacyCustomer>,
    orders_requested: Option<Vec<Id>>,
    orders_to_redact: Option<Vec<Id>>,
    data_request: Option<DataRequest>,
}

#[derive(Default, Deserialize)]
struct PrivacyCustomer {
    email: Option<String>,
}

#[derive(Deserialize)]
struct DataRequest {
    id: Id,
}

fn ids(orders: Option<&Vec<Id>>) -> Vec<ChannelOrderId> {
    orders.into_iter().flatten().filter_map(Id::order).collect()
}
