//! Shopify: the Admin API of one shop, with webhooks.
//!
//! Operations: `token`, `consent`, `orders`, `order`, `nodes`, `currentAppInstallation`,
//! `webhookSubscriptions`, `fulfillmentCreate`, … : the first root field of a GraphQL request.
//!
//! Flavours of orders: `two_locations`, `third_party`, `on_hold`, `scheduled`, `pickup`,
//! `digital`, `authorized`, `no_transaction`, `yen`, `test`, `many_lines`, `no_customer`.
//!
//! Notices: `customers/data_request`, `customers/redact`, `shop/redact`, `app/uninstalled`.

mod admin;
mod deeds;
mod flavour;
mod graphql;
mod hooks;
mod invent;
mod mutations;
mod oauth;
mod order;
mod resolver;
mod rest;
mod search;
mod show;
mod truth;
mod world;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};

use super::bucket::Bucket;
use super::kit::Kit;
use super::log::locked;
use super::message::{Request, Response};
use super::stand::{Deed, Refused, Stand, Truth, Wish};
use crate::model::Timestamp;
use graphql::Schema;
use hooks::Hooks;
use oauth::Access;
use world::World;

/// The shop's permanent name.
pub const SHOP: &str = "fenicia-sandbox.myshopify.com";
const CLIENT_ID: &str = "sandbox-client-id";
const CLIENT_SECRET: &str = "sandbox-client-secret";

/// How the app is set up in the shop.
#[derive(Clone, Debug)]
pub struct Options {
    pub scopes: Vec<String>,
    /// The app may read names, addresses, e-mail addresses and phone numbers.
    pub personal_data: bool,
    /// The version of webhook bodies, from the app's own setting.
    pub webhook_version: String,
    /// A token of an older app that never ends, beside those of the client credentials.
    pub access_token: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        let scopes = [
            "read_all_orders",
            "read_customers",
            "read_fulfillments",
            "read_locations",
            "read_merchant_managed_fulfillment_orders",
            "read_orders",
            "write_merchant_managed_fulfillment_orders",
            "write_orders",
        ];
        Self {
            scopes: scopes.map(str::to_owned).into(),
            personal_data: true,
            webhook_version: "2026-10".to_owned(),
            access_token: None,
        }
    }
}

/// One shop.
pub struct Shopify {
    kit: Kit,
    options: Options,
    schema: Schema,
    state: Mutex<State>,
}

struct State {
    world: World,
    hooks: Hooks,
    access: Access,
    bucket: Bucket,
    /// No call may come before, after a 429.
    blocked_until: Option<Timestamp>,
}

impl Shopify {
    pub fn new(kit: Kit, options: Options) -> Self {
        let limits = kit.tuning.limits;
        let state = State {
            world: World::new(kit.tuning.drop_oldest),
            hooks: Hooks::default(),
            access: Access::new(CLIENT_ID, CLIENT_SECRET),
            bucket: Bucket::new(100.0 * limits, 2_000.0 * limits, kit.now()),
            blocked_until: None,
        };
        Self { kit, options, schema: Schema::read(include_str!("schema.graphql")), state: Mutex::new(state) }
    }

    pub fn open(kit: Kit) -> Arc<dyn Stand> {
        Arc::new(Self::new(kit, Options::default()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = locked(&self.state);
        admin::settle(&mut state, &self.options, &self.kit);
        state
    }
}

impl Stand for Shopify {
    fn kind(&self) -> &'static str {
        "shopify"
    }

    fn kit(&self) -> &Kit {
        &self.kit
    }

    fn operation(&self, request: &Request) -> String {
        match request.path.as_str() {
            "/admin/oauth/access_token" => return "token".to_owned(),
            "/admin/oauth/authorize" => return "consent".to_owned(),
            _ => {}
        }
        let query = request.json().and_then(|body| body.get("query")?.as_str().map(str::to_owned));
        query.and_then(|query| graphql::first_root_field(&query)).unwrap_or_else(|| "unknown".to_owned())
    }

    fn handle(&self, request: &Request) -> Response {
        let segments = request.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        let mut state = self.state();
        match path.as_slice() {
            ["admin", "oauth", "access_token"] => {
                state.access.token(request, &self.options.scopes, &self.kit)
            }
            ["admin", "oauth", "authorize"] => state.access.consent(request, &self.kit),
            ["admin", "api", version, "graphql.json"] => {
                admin::graphql(&mut state, &self.schema, &self.options, &self.kit, request, version)
            }
            _ => {
                self.kit.breach(request, "unknown_path", "the shop has no such address");
                Response::json(404, &json!({ "errors": "Not Found" }))
            }
        }
    }

    fn refusal(&self, status: u16, _request: &Request) -> Response {
        match status {
            401 => admin::unauthorised(),
            402 => Response::json(402, &json!({ "errors": "Unavailable Shop" })),
            403 => Response::json(
                403,
                &json!({ "errors": "[API] This action requires merchant approval for read_orders scope." }),
            ),
            404 => Response::json(404, &json!({ "errors": "Not Found" })),
            423 => Response::json(423, &json!({ "errors": "Shop is locked" })),
            429 => admin::too_many(2),
            502..=504 => Response::html(status, "<html><body><h1>Something went wrong</h1></body></html>"),
            status => Response::json(status, &json!({ "errors": "Internal Server Error" })),
        }
    }

    /// With no seconds the GraphQL way, for want of points; else 429 with `Retry-After`.
    fn throttled(&self, seconds: u64, _request: &Request) -> Response {
        let mut state = self.state();
        let now = self.kit.now();
        if seconds == 0 {
            state.bucket.drain(now, Duration::ZERO);
            return admin::throttled(120, &mut state.bucket, now);
        }
        state.blocked_until = Some(now.plus(Duration::from_secs(seconds)));
        admin::too_many(seconds)
    }

    fn revoke_access(&self) {
        self.state().access.uninstall();
    }

    fn expire_access(&self) {
        self.state().access.drop_tokens();
    }

    fn restore_access(&self) {
        self.state().access.installed = true;
    }

    fn config(&self, channel: &str, base_url: &str) -> String {
        format!(
            "[channels.{channel}]\nkind = \"shopify\"\nbase_url = \"{base_url}\"\nshop = \"{SHOP}\"\nclient_id = \"{CLIENT_ID}\"\nclient_secret = \"{CLIENT_SECRET}\"\n"
        )
    }

    fn flavours(&self) -> &'static [&'static str] {
        &flavour::FLAVOUR_WORDS
    }

    fn place(&self, wish: &Wish) -> Result<String, Refused> {
        let mut state = self.state();
        let id = state.world.place(wish, &self.kit.random, self.kit.now())?;
        let events = deeds::placed(&state.world, id);
        state.hooks.tell(events, CLIENT_SECRET, &self.options.webhook_version, &self.kit);
        Ok(id.to_string())
    }

    fn happen(&self, order: &str, deed: &Deed) -> Result<(), Refused> {
        let id = order.parse().map_err(|_| Refused::new("no such order"))?;
        let mut state = self.state();
        let events = deeds::happen(&mut state.world, id, deed, &self.kit)?;
        state.hooks.tell(events, CLIENT_SECRET, &self.options.webhook_version, &self.kit);
        Ok(())
    }

    fn notice(&self, topic: &str, order: Option<&str>) -> Result<(), Refused> {
        let state = self.state();
        let order = order.and_then(|order| state.world.order(order.parse().ok()?));
        let customer = order.and_then(|order| order.customer.as_ref());
        let customer = customer.map(|customer| {
            json!({ "id": customer.id, "email": customer.shopper.email, "phone": customer.shopper.phone })
        });
        let orders: Vec<u64> = order.iter().map(|order| order.id).collect();
        let mut body = json!({ "shop_id": 71_000_000_001_u64, "shop_domain": SHOP });
        match topic {
            "customers/data_request" => {
                body["customer"] = customer.unwrap_or(Value::Null);
                body["orders_requested"] = json!(orders);
                body["data_request"] = json!({ "id": self.kit.random.below(1_000_000_000) });
            }
            "customers/redact" => {
                body["customer"] = customer.unwrap_or(Value::Null);
                body["orders_to_redact"] = json!(orders);
            }
            "shop/redact" => {}
            "app/uninstalled" => {
                body = json!({ "id": 71_000_000_001_u64, "domain": SHOP, "name": "Sandbox shop" });
            }
            _ => return Err(Refused::new(format!("the shop sends no notice called {topic}"))),
        }
        self.kit.webhooks.send(hooks::notice(
            topic,
            &body,
            CLIENT_SECRET,
            &self.options.webhook_version,
            &self.kit,
        ));
        Ok(())
    }

    fn tick(&self) {
        drop(self.state());
    }

    fn orders(&self) -> usize {
        self.state().world.orders.len()
    }

    fn truth(&self, order: &str) -> Option<Truth> {
        self.state().world.order(order.parse().ok()?).map(truth::of)
    }

    fn truths(&self, after: Option<&str>, limit: usize) -> Vec<Truth> {
        let state = self.state();
        state.world.orders.after(after).filter(|order| !order.deleted).take(limit).map(truth::of).collect()
    }

    fn native(&self, order: &str) -> Option<Value> {
        self.state().world.order(order.parse().ok()?).map(show::order)
    }

    fn nth_newest(&self, nth: usize) -> Option<String> {
        self.state().world.orders.nth_newest(nth).map(|order| order.id.to_string())
    }
}

#[cfg(test)]
mod tests;
