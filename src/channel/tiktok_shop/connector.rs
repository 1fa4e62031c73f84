//! The connection: each call of the trait, handed to the file of its noun.

use std::time::Duration;

use super::api::Api;
use super::fetch::{BATCH, Reader};
use super::{ability, auth, command, listing, notice, outbound, probe, subscription};
use crate::channel::{
    Admitted, Answer, Call, Channel, Consent, Fetched, Finding, Given, Inbound, ListRequest, Memo, Page,
    Performed, Refusal, Refused, Reread, Stream, Subscriptions, Verdict,
};
use crate::model::{
    Action, ActionRequest, Capabilities, ChannelOrderId, Delivery, Order, OrderStatus, Secret, Tiding,
    Timestamp, Tokens,
};
use crate::net::Wire;

pub struct TikTokShop {
    pub api: Api,
    /// The first one; each renewal brings the next.
    pub refresh_token: Option<Secret>,
    pub reader: Reader,
}

/// Changes that do not move an order's change time are found by this.
const REREAD: Reread = Reread {
    statuses: &[OrderStatus::Pending, OrderStatus::Accepted, OrderStatus::Shipped],
    every: Duration::from_hours(6),
    // Orders on hold may wait for months.
    max_age: Duration::from_hours(8640),
};

impl Channel for TikTokShop {
    fn admit(&self, request: &Inbound<'_>) -> Result<Admitted, Refusal> {
        notice::admit(request, &self.api.signer, &self.api.shop_id)
    }

    fn read(&self, delivery: &Delivery) -> Vec<Tiding> {
        notice::read(delivery, &self.api.channel)
    }

    fn streams(&self) -> &[Stream] {
        listing::STREAMS
    }

    fn list<'a>(&'a self, call: Call<'a>, request: ListRequest<'a>) -> Answer<'a, Page> {
        Box::pin(listing::list(&self.api, call, request))
    }

    fn batch(&self) -> usize {
        BATCH
    }

    fn fetch<'a>(&'a self, call: Call<'a>, orders: &'a [ChannelOrderId]) -> Answer<'a, Vec<Fetched>> {
        Box::pin(self.reader.fetch(&self.api, call, orders))
    }

    fn reread(&self) -> Option<Reread> {
        Some(REREAD)
    }

    fn authorise<'a>(&'a self, held: Option<&'a Tokens>) -> Answer<'a, Tokens> {
        Box::pin(auth::renew(&self.api, self.refresh_token.as_ref(), held))
    }

    /// Whether a refresh token outlives its use is not documented, so the careful answer holds.
    fn refresh_is_single_use(&self) -> bool {
        true
    }

    fn probe<'a>(&'a self, call: Call<'a>) -> Answer<'a, Vec<Finding>> {
        Box::pin(probe::probe(&self.api, call))
    }

    fn subscribe<'a>(&'a self, call: Call<'a>, address: &'a str) -> Answer<'a, Subscriptions> {
        Box::pin(subscription::subscribe(&self.api, call, address))
    }

    fn consent(&self, consent: &Consent<'_>) -> Option<String> {
        Some(auth::consent_address(&self.api, consent))
    }

    fn redeem<'a>(&'a self, _consent: &'a Consent<'a>, given: &'a Given) -> Answer<'a, Tokens> {
        Box::pin(auth::redeem(&self.api, &given.code))
    }

    fn wire(&self) -> Option<&Wire> {
        Some(self.api.wire())
    }

    fn capabilities(&self, order: &Order, now: Timestamp) -> Capabilities {
        ability::capabilities(order, now)
    }

    fn dress(&self, order: &mut Order) {
        super::facts::dress(order);
    }

    fn prepare(&self, order: &Order, request: &ActionRequest, now: Timestamp) -> Result<Memo, Refused> {
        command::prepare(order, request, now)
    }

    fn perform<'a>(&'a self, call: Call<'a>, order: &'a Order, action: &'a Action) -> Answer<'a, Performed> {
        Box::pin(outbound::perform(&self.api, &self.reader, call, order, action))
    }

    fn follow<'a>(&'a self, call: Call<'a>, order: &'a Order, action: &'a Action) -> Answer<'a, Performed> {
        Box::pin(outbound::follow(&self.api, call, order, action))
    }

    fn judge(&self, order: &Order, action: &Action) -> Verdict {
        command::judge(order, action)
    }
}
