//! A marketplace that answers chosen calls as it is told, instead of doing them.

use std::sync::{Arc, Mutex, PoisonError};

use fenicia::sandbox::{Deed, Kit, Refused, Request, Response, Stand, Truth, Wish};
use serde_json::Value;

pub struct Scripted {
    inner: Arc<dyn Stand>,
    /// The calls that get this answer, and how often.
    answer: Mutex<Option<(&'static [&'static str], u32, Response)>>,
}

impl Scripted {
    pub fn new(inner: Arc<dyn Stand>) -> Self {
        Self { inner, answer: Mutex::default() }
    }

    pub fn answers(&self, operations: &'static [&'static str], times: u32, response: Response) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some((operations, times, response));
    }

    fn told(&self, operation: &str) -> Option<Response> {
        let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        let (operations, left, response) = answer.as_mut()?;
        if *left == 0 || !operations.contains(&operation) {
            return None;
        }
        *left -= 1;
        Some(response.clone())
    }
}

impl Stand for Scripted {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn kit(&self) -> &Kit {
        self.inner.kit()
    }

    fn operation(&self, request: &Request) -> String {
        self.inner.operation(request)
    }

    fn handle(&self, request: &Request) -> Response {
        self.told(&self.inner.operation(request)).unwrap_or_else(|| self.inner.handle(request))
    }

    fn refusal(&self, status: u16, request: &Request) -> Response {
        self.inner.refusal(status, request)
    }

    fn throttled(&self, seconds: u64, request: &Request) -> Response {
        self.inner.throttled(seconds, request)
    }

    fn revoke_access(&self) {
        self.inner.revoke_access();
    }

    fn expire_access(&self) {
        self.inner.expire_access();
    }

    fn restore_access(&self) {
        self.inner.restore_access();
    }

    fn config(&self, channel: &str, base_url: &str) -> String {
        self.inner.config(channel, base_url)
    }

    fn flavours(&self) -> &'static [&'static str] {
        self.inner.flavours()
    }

    fn place(&self, wish: &Wish) -> Result<String, Refused> {
        self.inner.place(wish)
    }

    fn happen(&self, order: &str, deed: &Deed) -> Result<(), Refused> {
        self.inner.happen(order, deed)
    }

    fn tick(&self) {
        self.inner.tick();
    }

    fn orders(&self) -> usize {
        self.inner.orders()
    }

    fn truth(&self, order: &str) -> Option<Truth> {
        self.inner.truth(order)
    }

    fn truths(&self, after: Option<&str>, limit: usize) -> Vec<Truth> {
        self.inner.truths(after, limit)
    }

    fn native(&self, order: &str) -> Option<Value> {
        self.inner.native(order)
    }

    fn nth_newest(&self, nth: usize) -> Option<String> {
        self.inner.nth_newest(nth)
    }
}
