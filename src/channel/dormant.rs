//! Stands in for a channel that is turned off in the config: it takes nothing and asks nothing.

use super::{Answer, Call, Channel, Fetched, Finding, ListRequest, Page, Stream};
use crate::model::{Capabilities, ChannelOrderId, Failure, Order, Timestamp, Tokens};

/// See the module doc.
pub struct Dormant;

const WHY: &str = "This channel is turned off in the config file. Set `enabled = true` and reload.";

fn refused<'a, T: Send + 'a>() -> Answer<'a, T> {
    Box::pin(async { Err(Failure::unsupported(WHY)) })
}

impl Channel for Dormant {
    fn streams(&self) -> &[Stream] {
        &[]
    }

    fn list<'a>(&'a self, _call: Call<'a>, _request: ListRequest<'a>) -> Answer<'a, Page> {
        refused()
    }

    fn fetch<'a>(&'a self, _call: Call<'a>, _orders: &'a [ChannelOrderId]) -> Answer<'a, Vec<Fetched>> {
        refused()
    }

    fn authorise<'a>(&'a self, _held: Option<&'a Tokens>) -> Answer<'a, Tokens> {
        refused()
    }

    fn probe<'a>(&'a self, _call: Call<'a>) -> Answer<'a, Vec<Finding>> {
        refused()
    }

    fn capabilities(&self, _order: &Order, _now: Timestamp) -> Capabilities {
        Capabilities::none(WHY)
    }
}
