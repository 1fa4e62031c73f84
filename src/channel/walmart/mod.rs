//! Walmart Marketplace: the purchase orders of one seller in one country.
//!
//! Orders are polled; the lists give whole orders. An order has no state of its own: each line
//! says, per quantity, where its units are. An order must be acknowledged within four hours, and
//! before it is shipped; marking as shipped charges the customer and needs a tracking number.

mod actions;
mod api;
mod auth;
mod carriers;
mod charges;
mod document;
mod errors;
mod facts;
mod inbound;
mod map;
mod market;
mod outbound;
mod probe;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod sandbox_tests;
mod setup;
mod units;
mod walk;

use super::{
    Answer, Call, Channel, Fetched, Finding, ListRequest, Memo, Page, Performed, Refused, Stream, Verdict,
};
use crate::model::{Action, ActionRequest, Capabilities, ChannelOrderId, Order, Timestamp, Tokens};
use crate::net::Wire;

pub use setup::KIND;

use api::Api;
use auth::Credentials;
use facts::Facts;
use inbound::{STREAMS, Sellers};
use market::{Market, Node};
use setup::Acknowledge;

/// One seller account in one country.
struct Walmart {
    market: Market,
    acknowledge: Acknowledge,
    credentials: Credentials,
    api: Api,
    sellers: Sellers,
}

impl Channel for Walmart {
    fn streams(&self) -> &[Stream] {
        &STREAMS
    }

    fn list<'a>(&'a self, call: Call<'a>, request: ListRequest<'a>) -> Answer<'a, Page> {
        Box::pin(self.list_page(call, request))
    }

    fn fetch<'a>(&'a self, call: Call<'a>, orders: &'a [ChannelOrderId]) -> Answer<'a, Vec<Fetched>> {
        Box::pin(async move {
            let mut fetched = Vec::with_capacity(orders.len());
            for order in orders {
                fetched.push(self.read_order(call, order).await?);
            }
            Ok(fetched)
        })
    }

    fn authorise<'a>(&'a self, held: Option<&'a Tokens>) -> Answer<'a, Tokens> {
        let generation = held.map_or(0, |tokens| tokens.generation);
        Box::pin(self.credentials.renew(&self.api, generation))
    }

    fn probe<'a>(&'a self, call: Call<'a>) -> Answer<'a, Vec<Finding>> {
        Box::pin(self.look(call))
    }

    fn wire(&self) -> Option<&Wire> {
        Some(self.api.wire())
    }

    /// Walmart wants every order acknowledged within four hours.
    fn wants(&self, order: &Order) -> Option<ActionRequest> {
        let facts = Facts::read(&order.facts);
        let ours = facts.node() != Some(Node::Walmart);
        let due = self.acknowledge == Acknowledge::OnImport && ours && facts.created() > 0;
        due.then_some(ActionRequest::Acknowledge)
    }

    fn capabilities(&self, order: &Order, now: Timestamp) -> Capabilities {
        self.abilities(order, now)
    }

    fn dress(&self, order: &mut Order) {
        facts::dress(order);
    }

    fn prepare(&self, order: &Order, request: &ActionRequest, now: Timestamp) -> Result<Memo, Refused> {
        self.prepared(order, request, now)
    }

    fn perform<'a>(&'a self, call: Call<'a>, order: &'a Order, action: &'a Action) -> Answer<'a, Performed> {
        Box::pin(self.carry_out(call, order, action))
    }

    fn judge(&self, order: &Order, action: &Action) -> Verdict {
        actions::judge(order, action)
    }
}
