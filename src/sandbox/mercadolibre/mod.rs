//! Mercado Libre: the orders, shipments and notifications of one Mexican seller.
//!
//! Operations: `token`, `consent`, `search`, `order`, `order_shipments`, `billing_info`, `notes`,
//! `feedback`, `shipment`, `shipment_items`, `shipment_orders`, `carrier`, `pack`, `payment`, `user`,
//! `missed_feeds`, `currency`, and the writes `give_feedback`, `add_note`, `seller_notifications`,
//! `update_shipment`. The fault "status 206" leaves holes in an order.
//!
//! A sale holds one line: a wish for several lines becomes a cart of as many sales.
//!
//! Flavours of sales: `me1` (the usual one), `custom`, `full`, `flex`, `drop_off`, `agreed` (no
//! shipment), `cart`, `slow` and `never_shows` (a report takes a while to show), `fraud`,
//! `custom_field` (where the SKU stands), `to_balance` (how a cancellation is refunded),
//! `rejected_first`.
//!
//! Notices: `orders_v2`, `shipments` or `payments` of an order without a change, `items` (which no
//! client of orders wants), `subscribe` (the seller switches the topics on again).

mod notify;
mod routes;
mod search;
mod shop;
mod show;
mod tokens;
mod truth;
mod world;
mod writes;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};

use super::bucket::Bucket;
use super::kit::Kit;
use super::log::locked;
use super::message::{Request, Response};
use super::stand::{Deed, Refused, Stand, Truth, Wish};
use crate::model::Timestamp;
use notify::{Event, Notices};
use tokens::{Access, FIRST_REFRESH};
use world::World;

const USER_ID: u64 = 468_424_240;
const CLIENT_ID: u64 = 5_503_910_054_141_466;
const CLIENT_SECRET: &str = "sandbox-client-secret";

/// A country.
#[derive(Debug)]
struct Site {
    id: &'static str,
    country: &'static str,
    currency: &'static str,
    me1_service_id: u64,
}

const MEXICO: Site = Site { id: "MLM", country: "MX", currency: "MXN", me1_service_id: 231_876 };

/// The marketplace, as one seller sees it.
pub struct MercadoLibre {
    kit: Kit,
    site: &'static Site,
    state: Mutex<State>,
}

struct State {
    world: World,
    access: Access,
    notices: Notices,
    bucket: Bucket,
    /// No call may come before, after a 429 that said so.
    blocked_until: Option<Timestamp>,
    blocked_since: Option<Timestamp>,
}

impl MercadoLibre {
    pub fn new(kit: Kit) -> Self {
        let limits = kit.tuning.limits;
        let state = State {
            world: World::new(kit.tuning.drop_oldest),
            access: Access::new(),
            notices: Notices::default(),
            // What integrators report: 1,500 a minute.
            bucket: Bucket::new(25.0 * limits, 100.0 * limits, kit.now()),
            blocked_until: None,
            blocked_since: None,
        };
        Self { kit, site: &MEXICO, state: Mutex::new(state) }
    }

    pub fn open(kit: Kit) -> Arc<dyn Stand> {
        Arc::new(Self::new(kit))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = locked(&self.state);
        state.world.catch_up(self.kit.now());
        state
    }
}

/// An error in the usual words.
fn problem(status: u16, error: &str, message: &str) -> Response {
    let body = json!({"message": message, "error": error, "status": status, "cause": []});
    Response::json(status, &body)
}

fn not_found(what: &str) -> Response {
    problem(404, &format!("{what}_not_found"), &format!("The {what} was not found."))
}

impl Stand for MercadoLibre {
    fn kind(&self) -> &'static str {
        "mercadolibre"
    }

    fn kit(&self) -> &Kit {
        &self.kit
    }

    fn operation(&self, request: &Request) -> String {
        routes::operation(request).to_owned()
    }

    fn handle(&self, request: &Request) -> Response {
        let mut state = self.state();
        let (response, events) = routes::answer(&mut state, request, self.site, &self.kit);
        state.notices.send(&self.kit, events);
        response
    }

    fn refusal(&self, status: u16, request: &Request) -> Response {
        match status {
            206 => routes::holes(&self.state().world, request, self.site),
            // The words contradict the status, as they do in the real thing.
            401 => problem(401, "not_found", "invalid_token"),
            403 => problem(403, "forbidden", "The caller is not authorized to access this resource"),
            404 => not_found("order"),
            429 => self.throttled(1, request),
            500.. => Response::html(status, "<html><body><h1>Service unavailable</h1></body></html>"),
            _ => problem(status, "bad_request", "the sandbox was told to refuse this"),
        }
    }

    fn throttled(&self, seconds: u64, _: &Request) -> Response {
        let now = self.kit.now();
        let mut state = self.state();
        state.blocked_since = Some(now);
        state.blocked_until = Some(now.plus(Duration::from_secs(seconds)));
        problem(429, "local_rate_limited", "Too many requests")
            .with_header("retry-after", seconds.to_string())
    }

    fn revoke_access(&self) {
        self.state().access.revoke();
    }

    fn expire_access(&self) {
        self.state().access.expire(self.kit.now());
    }

    fn restore_access(&self) {
        self.state().access.restore();
    }

    fn config(&self, channel: &str, base_url: &str) -> String {
        format!(
            "[channels.{channel}]\nkind = \"mercadolibre\"\nbase_url = \"{base_url}\"\nsite = \"{}\"\n\
             user_id = \"{USER_ID}\"\nclient_id = \"{CLIENT_ID}\"\nclient_secret = \"{CLIENT_SECRET}\"\n\
             refresh_token = \"{FIRST_REFRESH}\"\n",
            self.site.id
        )
    }

    fn place(&self, wish: &Wish) -> Result<String, Refused> {
        let mut state = self.state();
        let (id, events) = shop::place(&mut state.world, wish, self.site, &self.kit.random, self.kit.now())?;
        state.notices.send(&self.kit, events);
        Ok(id.to_string())
    }

    fn flavours(&self) -> &'static [&'static str] {
        shop::FLAVOURS
    }

    fn happen(&self, order: &str, deed: &Deed) -> Result<(), Refused> {
        let id = order.parse().map_err(|_| Refused::new("a sale's id is a number"))?;
        let mut state = self.state();
        let events = shop::happen(&mut state.world, id, deed, &self.kit.random, self.kit.now())?;
        state.notices.send(&self.kit, events);
        Ok(())
    }

    fn notice(&self, topic: &str, order: Option<&str>) -> Result<(), Refused> {
        let mut state = self.state();
        let known = order.and_then(|id| state.world.sale(id.parse().ok()?)).cloned();
        match (topic, known) {
            ("subscribe", _) => state.notices.switch_on(),
            ("items", _) => state.notices.send_odd(&self.kit, "items", "/items/MLM686791111", None),
            (_, Some(sale)) => {
                let event = match notify::topic(topic) {
                    Some("orders_v2") => Some(Event::order(sale.id)),
                    Some("shipments") => sale.parcel.map(|parcel| Event::shipment(parcel, sale.id)),
                    Some(_) => sale.payments.last().map(|payment| Event::payment(payment.id, sale.id)),
                    None => None,
                };
                let event = event.ok_or_else(|| Refused::new(format!("nothing to tell under {topic}")))?;
                state.notices.send(&self.kit, vec![event]);
            }
            _ => return Err(Refused::new(format!("no notice called {topic} without an order"))),
        }
        Ok(())
    }

    fn orders(&self) -> usize {
        self.state().world.sales.len()
    }

    fn truth(&self, order: &str) -> Option<Truth> {
        let state = self.state();
        state.world.sales.get(order).map(|sale| truth::of(&state.world, sale))
    }

    fn truths(&self, after: Option<&str>, limit: usize) -> Vec<Truth> {
        let state = self.state();
        state.world.sales.after(after).take(limit).map(|sale| truth::of(&state.world, sale)).collect()
    }

    fn native(&self, order: &str) -> Option<Value> {
        let state = self.state();
        let sale = state.world.sales.get(order)?;
        let parcel = sale.parcel.and_then(|parcel| state.world.parcels.get(&parcel));
        let shipment = parcel.map(|parcel| show::shipment(parcel, sale, self.site));
        Some(json!({"order": show::order(sale, self.site), "shipment": shipment}))
    }

    fn nth_newest(&self, nth: usize) -> Option<String> {
        self.state().world.sales.nth_newest(nth).map(|sale| sale.id.to_string())
    }
}
