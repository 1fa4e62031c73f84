//! Amazon, through the Selling Partner API.
//!
//! Orders are read with the Orders API 2026-01-01, whose list gives whole orders; refunds with the
//! Finances API, since the order shows none. Shipments are confirmed with the last operation of
//! the Orders API v0 that stays, and orders are cancelled by a feed, which takes minutes.
//!
//! Amazon tells nothing by itself, so this connection is polled.

mod actions;
mod api;
mod auth;
mod cancel;
mod carriers;
mod document;
mod errors;
mod facts;
mod feed;
mod finances;
mod inbound;
mod map;
mod outbound;
mod probe;
mod region;
#[cfg(test)]
mod samples;
mod setup;
#[cfg(test)]
mod stand;
mod told;
mod walk;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use super::{
    Answer, Call, Channel, Consent, Fetched, Finding, Given, ListRequest, Page, Performed, Refused, Stream,
    Verdict,
};
use crate::model::{
    Action, ActionRequest, Capabilities, ChannelOrderId, Failure, Memo, Order, Timestamp, Tokens,
};
use crate::net::Wire;

use api::Api;
use auth::Credentials;
use inbound::STREAMS;
use outbound::Confirmed;
use region::Region;
use told::{LedgerRead, Told};

pub use setup::KIND;

/// Every part of an order that is used. Without FULFILLMENT there is not even a status.
const INCLUDED_DATA: &str = "BUYER,RECIPIENT,PROCEEDS,PROMOTION,CANCELLATION,FULFILLMENT,PACKAGES,PAYMENT";

/// One seller account in one region.
struct Amazon {
    region: Region,
    marketplaces: Vec<String>,
    seller_id: String,
    credentials: Credentials,
    api: Api,
    told: Mutex<Told>,
    ledger_read: LedgerRead,
    /// The last order that is to be sent came without an address.
    addresses_missing: AtomicBool,
    confirmed: Confirmed,
    /// Feeds that this process knows, to recognise one whose answer was lost.
    feeds: Mutex<BTreeSet<String>>,
}

impl Channel for Amazon {
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
        Box::pin(self.credentials.renew(&self.api, held))
    }

    fn consent(&self, consent: &Consent<'_>) -> Option<String> {
        self.credentials.consent_address(consent)
    }

    fn redeem<'a>(&'a self, consent: &'a Consent<'a>, given: &'a Given) -> Answer<'a, Tokens> {
        Box::pin(async move {
            if let Some(other) = given.param("selling_partner_id").filter(|own| *own != self.seller_id) {
                return Err(Failure::permission(format!(
                    "the seller {other} consented, and this channel is that of {}: sign in to Seller Central as \
                     that seller",
                    self.seller_id
                )));
            }
            self.credentials.redeem(&self.api, consent, &given.code).await
        })
    }

    fn probe<'a>(&'a self, call: Call<'a>) -> Answer<'a, Vec<Finding>> {
        Box::pin(self.look(call))
    }

    fn wire(&self) -> Option<&Wire> {
        Some(&self.api.wire)
    }

    fn capabilities(&self, order: &Order, _now: Timestamp) -> Capabilities {
        actions::capabilities(order)
    }

    fn dress(&self, order: &mut Order) {
        facts::dress(order);
    }

    fn prepare(&self, order: &Order, request: &ActionRequest, now: Timestamp) -> Result<Memo, Refused> {
        self.prepared(order, request, now)
    }

    fn perform<'a>(&'a self, call: Call<'a>, order: &'a Order, action: &'a Action) -> Answer<'a, Performed> {
        Box::pin(self.send_action(call, order, action))
    }

    fn follow<'a>(&'a self, call: Call<'a>, order: &'a Order, action: &'a Action) -> Answer<'a, Performed> {
        Box::pin(self.follow_action(call, order, action))
    }

    fn judge(&self, order: &Order, action: &Action) -> Verdict {
        actions::judge(order, action)
    }
}
