//! TikTok Shop: the orders, packages, cancellations and returns of one shop.
//!
//! Operations: `token_get`, `token_refresh`, `consent`, `shops`, `webhooks`, `orders_search`,
//! `orders`, `cancellations_search`, `returns_search`, `shipping_providers`, `tracking`, and the
//! writes `subscribe`, `unsubscribe`, `ship_units`, `ship_package`, `update_order_shipping`,
//! `update_package_shipping`, `cancel`, `approve`, `reject`.
//!
//! What a client must find out by other means than an order's change time: an address, a note, a
//! refund and a buyer's request do not move it. The list trails, its token is good for one filter,
//! and an empty page may come before the next full one. An unknown id that ends in an even digit
//! spoils the whole call for details; another is left out.
//!
//! Flavours of orders: `on_hold` (released after an hour), `tiktok_shipping`, `by_tiktok` (its
//! warehouse), `cod`, `gift` (a unit for nothing), `sample` (all for nothing), `partly_cancelled`,
//! and the markets `gb`, `mx` and `id` in place of the United States.
//!
//! Notices: `seller_deauthorization`, `authorization_expires`, `product` (which no client of orders
//! wants), `foreign_shop` and `broken` (signed like any other).

mod guard;
mod hooks;
mod market;
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
use hooks::Hooks;
use tokens::{Access, FIRST_REFRESH};
use world::World;

const APP_KEY: &str = "6sandbox000001";
const APP_SECRET: &str = "sandbox-app-secret-0123456789abcdef";
const SHOP_ID: &str = "7495000000000000777";
const CIPHER: &str = "GCP_sandboxAAAA+cipher/77==";

/// The marketplace, as one shop sees it.
pub struct TikTokShop {
    kit: Kit,
    state: Mutex<State>,
}

struct State {
    world: World,
    access: Access,
    hooks: Hooks,
    bucket: Bucket,
    /// No call may come before, after a refusal that said so.
    blocked: Option<Blocked>,
    /// How many calls were refused for their token: the status of that refusal varies.
    refused_tokens: u32,
}

#[derive(Clone, Copy)]
struct Blocked {
    since: Timestamp,
    until: Timestamp,
}

impl TikTokShop {
    pub fn new(kit: Kit) -> Self {
        let limits = kit.tuning.limits;
        let state = State {
            world: World::new(kit.tuning.drop_oldest),
            access: Access::new(),
            hooks: Hooks::default(),
            // There are no published numbers; these are generous to a client that spaces its calls.
            bucket: Bucket::new(5.0 * limits, 10.0 * limits, kit.now()),
            blocked: None,
            refused_tokens: 0,
        };
        Self { kit, state: Mutex::new(state) }
    }

    pub fn open(kit: Kit) -> Arc<dyn Stand> {
        Arc::new(Self::new(kit))
    }

    /// The state, with what is due done and told.
    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = locked(&self.state);
        let events = state.world.catch_up(&self.kit);
        state.hooks.send(&self.kit, &events);
        state
    }
}

/// A success.
fn good(kit: &Kit, data: &Value) -> Response {
    let body = json!({"code": 0, "message": "Success", "request_id": request_id(kit), "data": data});
    Response::json(200, &body)
}

/// A refusal: the code says why, the status says little.
fn bad(kit: &Kit, status: u16, code: u32, message: &str) -> Response {
    let body = json!({"code": code, "message": message, "request_id": request_id(kit), "data": null});
    Response::json(status, &body)
}

fn request_id(kit: &Kit) -> String {
    format!("{}{:018X}", kit.now().to_jiff().strftime("%Y%m%d%H%M%S"), kit.random.u64())
}

impl Stand for TikTokShop {
    fn kind(&self) -> &'static str {
        "tiktok_shop"
    }

    fn kit(&self) -> &Kit {
        &self.kit
    }

    fn operation(&self, request: &Request) -> String {
        routes::operation(request).to_owned()
    }

    fn handle(&self, request: &Request) -> Response {
        let mut state = self.state();
        let (response, events) = routes::answer(&mut state, request, &self.kit);
        state.hooks.send(&self.kit, &events);
        response
    }

    fn refusal(&self, status: u16, request: &Request) -> Response {
        let kit = &self.kit;
        match status {
            401 => bad(kit, 401, 105_002, "access token is expired"),
            403 => bad(kit, 403, 105_005, "the app does not have the scope of this call"),
            404 => bad(kit, 200, 21_008_111, "order not found"),
            429 => self.throttled(1, request),
            503 => Response::html(503, "<html><body><h1>Service Temporarily Unavailable</h1></body></html>"),
            500.. => bad(kit, status, 36_009_003, "internal error, please try again"),
            _ => bad(kit, status, 36_009_004, "the sandbox was told to refuse this"),
        }
    }

    fn throttled(&self, seconds: u64, _: &Request) -> Response {
        let now = self.kit.now();
        self.state().blocked = Some(Blocked { since: now, until: now.plus(Duration::from_secs(seconds)) });
        bad(&self.kit, 429, 36_009_002, "Too many requests").with_header("retry-after", seconds.to_string())
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
            "[channels.{channel}]\nkind = \"tiktok_shop\"\nbase_url = \"{base_url}\"\napp_key = \"{APP_KEY}\"\n\
             app_secret = \"{APP_SECRET}\"\nshop_id = \"{SHOP_ID}\"\nshop_cipher = \"{CIPHER}\"\n\
             refresh_token = \"{FIRST_REFRESH}\"\n"
        )
    }

    fn place(&self, wish: &Wish) -> Result<String, Refused> {
        let mut state = self.state();
        let (id, events) = shop::place(&mut state.world, wish, &self.kit)?;
        state.hooks.send(&self.kit, &events);
        Ok(id)
    }

    fn flavours(&self) -> &'static [&'static str] {
        shop::FLAVOURS
    }

    fn happen(&self, order: &str, deed: &Deed) -> Result<(), Refused> {
        let mut state = self.state();
        let events = shop::happen(&mut state.world, order, deed, &self.kit)?;
        state.hooks.send(&self.kit, &events);
        Ok(())
    }

    fn notice(&self, topic: &str, order: Option<&str>) -> Result<(), Refused> {
        self.state().hooks.odd(&self.kit, topic, order)
    }

    fn tick(&self) {
        drop(self.state());
    }

    fn orders(&self) -> usize {
        self.state().world.orders.len()
    }

    fn truth(&self, order: &str) -> Option<Truth> {
        let state = self.state();
        state.world.orders.get(order).map(|order| truth::of(&state.world, order))
    }

    fn truths(&self, after: Option<&str>, limit: usize) -> Vec<Truth> {
        let state = self.state();
        state.world.orders.after(after).take(limit).map(|order| truth::of(&state.world, order)).collect()
    }

    fn native(&self, order: &str) -> Option<Value> {
        let state = self.state();
        let found = state.world.orders.get(order)?;
        let after = state.world.of_order(order).map(show::after_sale);
        Some(json!({"order": show::order(found, self.kit.now()), "after_sales": after.collect::<Vec<_>>()}))
    }

    fn nth_newest(&self, nth: usize) -> Option<String> {
        self.state().world.orders.nth_newest(nth).map(|order| order.id.clone())
    }
}
