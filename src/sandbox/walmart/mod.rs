//! Walmart: the orders API of one seller account in the United States, by polling alone.
//!
//! Operations: `token`, `token_detail`, `list_orders`, `get_order`, `acknowledge`, `ship`
//! (corrections included), `cancel`.
//!
//! Flavours of orders: `wfs`, `3pl`, `replacement`, `masked`, `no_mail`, `unwanted` (the customer
//! asks to cancel), `subscription` (a discount), `many_lines`, `bare` (objects in place of lists of
//! one), `acknowledged`.

mod access;
mod carriers;
mod deeds;
mod invent;
mod limits;
mod replies;
mod search;
mod shipping;
mod show;
mod truth;
mod world;
mod writes;

use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

use super::book::Book;
use super::kit::Kit;
use super::log::locked;
use super::message::{Request, Response};
use super::stand::{Deed, Refused, Stand, Truth, Wish};
use crate::model::Timestamp;
use access::{Access, CLIENT_ID, CLIENT_SECRET};
use limits::Limits;
use search::Cursors;
use show::Extras;
use world::{Order, REACH};

/// How far the stand departs from the real service, so that tests need fewer orders.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Most orders that a search may match.
    pub most_found: usize,
    /// Largest page, whatever the client asks for.
    pub page_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { most_found: 10_000, page_max: 200 }
    }
}

/// One seller account.
pub struct Walmart {
    kit: Kit,
    options: Options,
    state: Mutex<State>,
}

struct State {
    orders: Book<Order>,
    access: Access,
    limits: Limits,
    cursors: Cursors,
}

impl Walmart {
    pub fn new(kit: Kit, options: Options) -> Self {
        let state = State {
            orders: Book::new(kit.tuning.drop_oldest),
            access: Access::new(),
            limits: Limits::new(&kit),
            cursors: Cursors::default(),
        };
        Self { kit, options, state: Mutex::new(state) }
    }

    pub fn open(kit: Kit) -> Arc<dyn Stand> {
        Arc::new(Self::new(kit, Options::default()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    fn answer(&self, state: &mut State, operation: &str, request: &Request) -> Response {
        if let Some(refusal) = state.access.business(request, &self.kit) {
            return refusal;
        }
        if let Some(refusal) = state.limits.take(operation, request, &self.kit) {
            return refusal;
        }
        let segments = request.segments();
        let id = segments.get(2).map(String::as_str).unwrap_or_default();
        match operation {
            "list_orders" => {
                search::list(&state.orders, &mut state.cursors, &self.options, request, &self.kit)
            }
            "get_order" => match in_reach(&state.orders, id, self.kit.now()) {
                Some(order) => {
                    let shown =
                        replies::one_or_many(vec![show::order(order, search::extras(request))], !order.bare);
                    Response::json(200, &json!({"order": shown}))
                }
                None => replies::no_such_order(id),
            },
            _ => self.change(state, operation, id, request),
        }
    }

    fn change(&self, state: &mut State, operation: &str, id: &str, request: &Request) -> Response {
        let now = self.kit.now();
        let Some(order) = in_reach(&state.orders, id, now) else { return replies::no_such_order(id) };
        let mut changed = order.clone();
        let outcome = match operation {
            "acknowledge" => writes::acknowledge(&mut changed, request, &self.kit),
            "ship" => shipping::ship(&mut changed, request, &self.kit),
            _ => writes::cancel(&mut changed, request, &self.kit),
        };
        match outcome {
            Ok(()) => {
                changed.changed_at = now;
                let answer = writes::shown(&changed);
                state.orders.change(id, now, |order| *order = changed);
                answer
            }
            Err(refusal) => refusal,
        }
    }
}

fn in_reach<'a>(orders: &'a Book<Order>, id: &str, now: Timestamp) -> Option<&'a Order> {
    orders.get(id).filter(|order| now.since(order.placed_at) <= REACH)
}

impl Stand for Walmart {
    fn kind(&self) -> &'static str {
        "walmart"
    }

    fn kit(&self) -> &Kit {
        &self.kit
    }

    fn operation(&self, request: &Request) -> String {
        let segments = request.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        let name = match (request.method.as_str(), path.as_slice()) {
            ("POST", ["v3", "token"]) => "token",
            ("GET", ["v3", "token", "detail"]) => "token_detail",
            ("GET", ["v3", "orders"]) => "list_orders",
            ("GET", ["v3", "orders", _]) => "get_order",
            ("POST", ["v3", "orders", _, "acknowledge"]) => "acknowledge",
            ("POST", ["v3", "orders", _, "shipping"]) => "ship",
            ("POST", ["v3", "orders", _, "cancel"]) => "cancel",
            _ => "unknown",
        };
        name.to_owned()
    }

    fn handle(&self, request: &Request) -> Response {
        let operation = self.operation(request);
        let mut state = self.state();
        let state = &mut *state;
        let response = match operation.as_str() {
            "token" => state.access.token(request, &self.kit),
            "token_detail" => state.access.detail(request, &self.kit),
            "unknown" => {
                self.kit.breach(request, "unknown_path", "Walmart has no such address");
                replies::gateway(404, "URI_NOT_FOUND", "No such resource")
            }
            operation => self.answer(state, operation, request),
        };
        state.limits.tell(&operation, response, self.kit.now())
    }

    fn refusal(&self, status: u16, _request: &Request) -> Response {
        replies::for_fault(status)
    }

    fn throttled(&self, seconds: u64, request: &Request) -> Response {
        let operation = self.operation(request);
        self.state().limits.close(&operation, seconds, self.kit.now())
    }

    fn revoke_access(&self) {
        let mut state = self.state();
        state.access.intact = false;
        state.access.drop_tokens();
    }

    fn expire_access(&self) {
        self.state().access.drop_tokens();
    }

    fn restore_access(&self) {
        self.state().access.intact = true;
    }

    fn config(&self, channel: &str, base_url: &str) -> String {
        format!(
            "[channels.{channel}]\nkind = \"walmart\"\nbase_url = \"{base_url}\"\nmarket = \"us\"\nclient_id = \"{CLIENT_ID}\"\nclient_secret = \"{CLIENT_SECRET}\"\n"
        )
    }

    fn flavours(&self) -> &'static [&'static str] {
        &invent::FLAVOURS
    }

    fn place(&self, wish: &Wish) -> Result<String, Refused> {
        let mut state = self.state();
        let mut order = invent::order(wish, &self.kit)?;
        while state.orders.get(&order.id).is_some() {
            order = invent::order(wish, &self.kit)?;
        }
        let (id, placed_at) = (order.id.clone(), order.placed_at);
        // An order of the past appears in the list of changes when it was placed.
        state.orders.insert(&id, placed_at, order).map_err(|full| Refused::new(full.to_string()))?;
        Ok(id)
    }

    fn happen(&self, order: &str, deed: &Deed) -> Result<(), Refused> {
        let mut state = self.state();
        let now = self.kit.now();
        let mut changed = state.orders.get(order).cloned().ok_or_else(|| Refused::new("no such order"))?;
        deeds::happen(&mut changed, deed, &self.kit)?;
        changed.changed_at = now;
        state.orders.change(order, now, |order| *order = changed);
        Ok(())
    }

    /// Cancels what is overdue.
    fn tick(&self) {
        let mut state = self.state();
        let now = self.kit.now();
        let overdue = state.orders.iter().filter(|order| deeds::is_overdue(order, &self.kit));
        let overdue: Vec<String> = overdue.map(|order| order.id.clone()).collect();
        for id in overdue {
            state.orders.change(&id, now, |order| {
                deeds::expire(order, now);
                order.changed_at = now;
            });
        }
    }

    fn orders(&self) -> usize {
        self.state().orders.len()
    }

    fn truth(&self, order: &str) -> Option<Truth> {
        self.state().orders.get(order).map(truth::of)
    }

    fn truths(&self, after: Option<&str>, limit: usize) -> Vec<Truth> {
        self.state().orders.after(after).take(limit).map(truth::of).collect()
    }

    fn native(&self, order: &str) -> Option<Value> {
        let extras = Extras { product: true, replacement: true };
        self.state().orders.get(order).map(|order| show::order(order, extras))
    }

    fn nth_newest(&self, nth: usize) -> Option<String> {
        self.state().orders.nth_newest(nth).map(|order| order.id.clone())
    }
}

#[cfg(test)]
mod tests;
