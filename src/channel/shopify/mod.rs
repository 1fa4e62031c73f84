//! Shopify: webhooks that carry the whole order, and GraphQL for everything else.
//!
//! The map: `config` what is configured; `api` one way to call, with `query` the documents
//! and `errors` what refusals mean; `auth` tokens; `webhook` deliveries; `list` and
//! `fetch` reading; `graph` and `payload` the two shapes of an order, which `map` turns
//! into the canonical one; `facts` what later calls need of it; `connection` rights and
//! subscriptions; `actions` what can be done with an order, `plan` and `perform` doing it.

mod actions;
mod api;
mod auth;
mod carriers;
mod config;
mod connection;
mod errors;
mod facts;
mod fetch;
mod graph;
mod list;
mod map;
mod payload;
mod perform;
mod plan;
mod query;
mod scalar;
mod webhook;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use self::api::Api;
use self::config::Account;
use self::fetch::Fetcher;
use self::webhook::Gate;
use super::{
    Admitted, Answer, Call, Channel, Consent, Delivery, Env, Fetched, Finding, Given, Inbound, KeyFault,
    Kind, ListRequest, Memo, Method, Page, Performed, Refusal, Refused, Reread, Settings, Stream,
    Subscriptions, Tiding, Verdict,
};
use crate::model::{
    Action, ActionRequest, Capabilities, ChannelOrderId, Order, OrderStatus, Timestamp, Tokens,
};
use crate::net::Wire;

pub const KIND: Kind = Kind {
    name: "shopify",
    title: "Shopify",
    tile: "Sh",
    keys: config::KEYS,
    method: Method::WebhooksAndPolling,
    schedule: "0 * * * *",
    retention: None,
    build,
};

fn build(settings: &Settings, env: &Env) -> Result<Arc<dyn Channel>, Vec<KeyFault>> {
    let account = Account::read(settings)?;
    Ok(Arc::new(Shopify {
        api: Api::new(&account, settings, env),
        gate: Gate::new(&account.shop, &account.webhook_secrets),
        fetcher: Fetcher::new(),
        account,
    }))
}

/// One shop.
struct Shopify {
    account: Account,
    api: Api,
    gate: Gate,
    fetcher: Fetcher,
}

impl Channel for Shopify {
    fn admit(&self, request: &Inbound<'_>) -> Result<Admitted, Refusal> {
        self.gate.admit(request)
    }

    fn read(&self, delivery: &Delivery) -> Vec<Tiding> {
        self.gate.read(delivery)
    }

    fn streams(&self) -> &[Stream] {
        list::STREAMS
    }

    fn list<'a>(&'a self, call: Call<'a>, request: ListRequest<'a>) -> Answer<'a, Page> {
        Box::pin(list::page(&self.api, call, request))
    }

    fn batch(&self) -> usize {
        query::BATCH as usize
    }

    fn fetch<'a>(&'a self, call: Call<'a>, orders: &'a [ChannelOrderId]) -> Answer<'a, Vec<Fetched>> {
        Box::pin(self.fetcher.fetch(&self.api, call, orders))
    }

    /// Whether a carrier's news of a delivery changes the order's change time is not known.
    fn reread(&self) -> Option<Reread> {
        const HOUR: u64 = 3600;
        Some(Reread {
            statuses: &[OrderStatus::Shipped],
            every: Duration::from_secs(6 * HOUR),
            max_age: Duration::from_secs(30 * 24 * HOUR),
        })
    }

    fn authorise<'a>(&'a self, held: Option<&'a Tokens>) -> Answer<'a, Tokens> {
        Box::pin(async move {
            let tokens = auth::authorise(&self.api, &self.account, held).await?;
            self.fetcher.forget_denials();
            Ok(tokens)
        })
    }

    fn probe<'a>(&'a self, call: Call<'a>) -> Answer<'a, Vec<Finding>> {
        Box::pin(connection::probe(&self.api, call, &self.account))
    }

    fn subscribe<'a>(&'a self, call: Call<'a>, address: &'a str) -> Answer<'a, Subscriptions> {
        Box::pin(async move {
            if !self.gate.is_open() {
                return Ok(Subscriptions::default());
            }
            connection::subscribe(&self.api, call, address).await
        })
    }

    fn consent(&self, consent: &Consent<'_>) -> Option<String> {
        auth::consent(&self.account, consent)
    }

    fn redeem<'a>(&'a self, _consent: &'a Consent<'a>, given: &'a Given) -> Answer<'a, Tokens> {
        Box::pin(auth::redeem(&self.api, &self.account, &given.code))
    }

    fn wire(&self) -> Option<&Wire> {
        Some(self.api.wire())
    }
    fn capabilities(&self, order: &Order, _now: Timestamp) -> Capabilities {
        actions::capabilities(order)
    }

    fn prepare(&self, order: &Order, request: &ActionRequest, _now: Timestamp) -> Result<Memo, Refused> {
        actions::prepare(order, request)
    }

    fn perform<'a>(&'a self, call: Call<'a>, order: &'a Order, action: &'a Action) -> Answer<'a, Performed> {
        Box::pin(perform::perform(&self.api, call, order, action))
    }

    fn follow<'a>(&'a self, call: Call<'a>, order: &'a Order, action: &'a Action) -> Answer<'a, Performed> {
        Box::pin(perform::follow(&self.api, call, order, action))
    }

    fn judge(&self, order: &Order, action: &Action) -> Verdict {
        actions::judge(order, action)
    }
}
