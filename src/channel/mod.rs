//! What fenicia needs from a marketplace, and nothing else.
//!
//! A connector is pure translation plus calls: it does not know the store or the actors. Tokens it
//! obtains are *returned* and committed by the caller before they are used. Everything that a
//! marketplace's name appears in lives in that marketplace's folder below this one.

pub mod amazon;
mod amount;
mod consent;
#[cfg(test)]
mod contract;
mod dormant;
mod hex;
pub mod mercadolibre;
mod ordinary;
mod said;
mod settings;
pub mod shopify;
pub mod tiktok_shop;
pub mod walmart;
mod word;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::model::{
    Action, ActionRequest, Capabilities, ChannelOrderId, Failure, Lane, Observation, Order, OrderStatus,
    RateLimit, Timestamp, Tokens,
};

use crate::net::Wire;

pub use crate::model::{Delivery, Memo, Tiding};

pub use consent::{Consent, Given, NotGiven};
pub use dormant::Dormant;
pub use ordinary::abilities;
pub use settings::{Env, Key, KeyFault, Kind, Method, Retention, Settings, Shape, Value};

/// The answer of a marketplace, some time later.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// One connection to one marketplace account.
///
/// Every call returns within the configured request time-out, never follows a redirect, never
/// repeats a write, and waits for the channel's allowance by itself (`net::Wire`). A refusal that a
/// fresh access token may cure is marked `Failure::stale_token`; the caller renews and repeats once.
pub trait Channel: Send + Sync {
    // ---- inwards -------------------------------------------------------------------------

    /// Decides about a webhook before anything is stored: authenticity over the raw bytes, in
    /// constant time. No input or output, well under a millisecond.
    fn admit(&self, _request: &Inbound<'_>) -> Result<Admitted, Refusal> {
        Err(Refusal::NotTaken)
    }

    /// What an admitted delivery means. Called after it is on disk, possibly again after a crash.
    /// Never fails: what cannot be read becomes a hint or a poll, plus an anomaly.
    fn read(&self, _delivery: &Delivery) -> Vec<Tiding> {
        Vec::new()
    }

    /// The orders behind a name that this channel used for something else than an order, when the
    /// store does not know the name. Empty when it cannot be found out.
    fn resolve<'a>(&'a self, _call: Call<'a>, _alias: &'a str) -> Answer<'a, Vec<ChannelOrderId>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// What a poll asks for, in order. The first stream is the one whose success counts as the
    /// channel's last successful sync.
    fn streams(&self) -> &[Stream];

    /// One page of one stream.
    fn list<'a>(&'a self, call: Call<'a>, request: ListRequest<'a>) -> Answer<'a, Page>;

    /// Most orders that one `fetch` takes.
    fn batch(&self) -> usize {
        1
    }

    /// Reads orders afresh: one entry per id asked for. `Err` when the whole call failed.
    fn fetch<'a>(&'a self, call: Call<'a>, orders: &'a [ChannelOrderId]) -> Answer<'a, Vec<Fetched>>;

    /// Changes that the marketplace does not announce are found by reading again.
    fn reread(&self) -> Option<Reread> {
        None
    }

    // ---- the connection ------------------------------------------------------------------

    /// Obtains or renews what lets us call. `held` are the newest tokens in the store; `None` on
    /// the first call or when the config holds newer credentials. One call is under way at a time.
    fn authorise<'a>(&'a self, held: Option<&'a Tokens>) -> Answer<'a, Tokens>;

    /// A refresh token is spent by its use, so that a lost answer may cost the connection.
    fn refresh_is_single_use(&self) -> bool {
        false
    }

    /// One harmless call; what it tells about rights, clock and account.
    fn probe<'a>(&'a self, call: Call<'a>) -> Answer<'a, Vec<Finding>>;

    /// Makes sure that the marketplace's webhooks point at `address` (`…/webhooks/{channel}`).
    fn subscribe<'a>(&'a self, _call: Call<'a>, _address: &'a str) -> Answer<'a, Subscriptions> {
        Box::pin(async { Ok(Subscriptions::default()) })
    }

    /// Where a person consents, for a marketplace that has a consent flow.
    fn consent(&self, _consent: &Consent<'_>) -> Option<String> {
        None
    }

    /// Turns what a consent gave into tokens.
    fn redeem<'a>(&'a self, _consent: &'a Consent<'a>, _given: &'a Given) -> Answer<'a, Tokens> {
        Box::pin(async { Err(Failure::unsupported("this marketplace has no consent flow")) })
    }

    /// The way out that all calls take; `None` for a channel that makes none.
    fn wire(&self) -> Option<&Wire> {
        None
    }

    /// What the marketplace last said about our allowance.
    fn rate_limit(&self) -> RateLimit {
        self.wire().map(Wire::rate_limit).unwrap_or_default()
    }

    // ---- outwards ------------------------------------------------------------------------

    /// What can be done with this order now.
    fn capabilities(&self, _order: &Order, _now: Timestamp) -> Capabilities {
        Capabilities::none("fenicia cannot change orders of this marketplace. Do it there.")
    }

    /// Adds to an order what an ordinary one of this channel carries: paid, the seller's to send, and
    /// open; or, when it has a shipment, sent from here just now. For saying what the channel can do
    /// at all.
    fn dress(&self, _order: &mut Order) {}

    /// What the daemon itself should ask for, such as acknowledging a new order.
    fn wants(&self, _order: &Order) -> Option<ActionRequest> {
        None
    }

    /// Checks an action against the order and fixes what a repeat must repeat (carrier spelling,
    /// package reference). No input or output; refuses before anything is queued. Called again
    /// with the fresh order right before sending.
    fn prepare(&self, _order: &Order, _request: &ActionRequest, _now: Timestamp) -> Result<Memo, Refused> {
        Err(Refused::unsupported("fenicia cannot change orders of this marketplace. Do it there."))
    }

    /// The operation whose allowance the first writing call of this action takes, one token of it.
    /// Named, the wait for it comes before the action counts as perhaps sent.
    fn sends(&self, _order: &Order, _request: &ActionRequest) -> Option<&'static str> {
        None
    }

    /// Sends the action once. The order was read just before.
    fn perform<'a>(
        &'a self,
        _call: Call<'a>,
        _order: &'a Order,
        _action: &'a Action,
    ) -> Answer<'a, Performed> {
        Box::pin(async { Err(Failure::unsupported("fenicia cannot change orders of this marketplace")) })
    }

    /// Asks how a submitted action is getting on.
    fn follow<'a>(
        &'a self,
        _call: Call<'a>,
        _order: &'a Order,
        _action: &'a Action,
    ) -> Answer<'a, Performed> {
        Box::pin(async { Ok(Performed::Done) })
    }

    /// Whether a freshly read order shows the effect of the action.
    fn judge(&self, _order: &Order, _action: &Action) -> Verdict {
        Verdict::CannotTell
    }
}

/// What a call carries: the tokens in use and how urgent it is.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    pub tokens: &'a Tokens,
    pub lane: Lane,
}

/// A webhook request as the listener received it.
pub struct Inbound<'a> {
    /// The second path segment after the channel, if any.
    pub topic: Option<&'a str>,
    pub headers: &'a dyn Headers,
    pub body: &'a [u8],
    pub received_at: Timestamp,
}

/// Header look-up by lower-case name. The first value counts; one that is not text is absent.
pub trait Headers {
    fn get(&self, name: &str) -> Option<&str>;
}

/// An authentic delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// The marketplace's id of the delivery, or a hash of the body: at most 128 bytes. The same
    /// id again is a repetition.
    pub delivery_id: String,
    /// The topic in the marketplace's words, for the log and `read`.
    pub topic: String,
    /// What `read` needs beside the body.
    pub notes: Vec<(String, String)>,
    /// Authentic, but nothing to do with orders: answered 200 and counted, not stored.
    pub ignore: bool,
}

/// Why a delivery is turned away. Nothing is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 401: signature missing or wrong, or not for this account.
    Unauthenticated,
    /// 400: not what this marketplace sends.
    Malformed,
    /// 415
    ContentType,
    /// 404: this channel takes no webhooks.
    NotTaken,
}

/// One list that a poll walks through, with a watermark of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Stable: part of a key in the store.
    pub name: &'static str,
    /// How far before the watermark each window begins.
    pub overlap: Duration,
    /// How far back the first window begins; `None`: the configured depth of the initial import.
    pub first: Option<Duration>,
    /// At most this often; zero: with each poll.
    pub every: Duration,
    /// Longest window; a longer one is cut into several.
    pub longest: Duration,
    /// A page token may be used again after a restart; else the window begins anew.
    pub durable_token: bool,
    /// A permission failure here does not concern the connection: the order data still flows.
    pub optional: bool,
}

/// What page to read.
#[derive(Clone, Copy, Debug)]
pub struct ListRequest<'a> {
    pub stream: &'static str,
    /// Inclusive; the overlap is already taken off.
    pub from: Timestamp,
    /// Set for a cut window only.
    pub to: Option<Timestamp>,
    pub token: Option<&'a str>,
    /// A bulk sync: also what the marketplace leaves out of its list of changes.
    pub bulk: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Page {
    pub tidings: Vec<Tiding>,
    pub next: Option<String>,
    /// Where the watermark may move to once every page is stored, from the marketplace's clock.
    /// The largest of all pages counts.
    pub watermark: Option<Timestamp>,
    /// How many orders the whole list has, where the marketplace says so.
    pub total: Option<u64>,
}

/// What became of one order that was asked for.
#[derive(Clone, Debug)]
pub enum Fetched {
    Found(Box<Observation>),
    /// Not there. Orders placed longer ago than `reach` are merely out of sight.
    Missing {
        order: ChannelOrderId,
        reach: Option<Duration>,
    },
    Failed {
        order: ChannelOrderId,
        failure: Failure,
    },
}

/// Which orders are read again without a hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reread {
    pub statuses: &'static [OrderStatus],
    pub every: Duration,
    /// Orders placed longer ago are left alone.
    pub max_age: Duration,
}

/// One result of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub ok: bool,
    /// What was looked at and found.
    pub what: String,
    /// What to do, when it is not in order.
    pub cure: Option<String>,
}

impl Finding {
    pub fn good(what: impl Into<String>) -> Self {
        Self { ok: true, what: what.into(), cure: None }
    }

    pub fn bad(what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { ok: false, what: what.into(), cure: Some(cure.into()) }
    }
}

/// What a look at the webhook subscriptions found and mended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscriptions {
    pub present: Vec<String>,
    /// Made now. Not empty after the first time means that the marketplace had dropped them.
    pub created: Vec<String>,
}

/// Why an action is refused before anything is queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// 409: the channel cannot do it (now); in words, ending with where it can be done.
    Unsupported { why: String },
    /// 422: correct this field.
    Invalid { field: &'static str, why: String },
    /// 409: the order's state does not allow it (any more).
    Conflict { why: String },
}

impl Refused {
    pub fn unsupported(why: impl Into<String>) -> Self {
        Self::Unsupported { why: why.into() }
    }

    pub fn invalid(field: &'static str, why: impl Into<String>) -> Self {
        Self::Invalid { field, why: why.into() }
    }

    pub fn conflict(why: impl Into<String>) -> Self {
        Self::Conflict { why: why.into() }
    }
}

/// What came of sending an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Performed {
    /// The marketplace confirmed the effect.
    Done,
    /// Taken, not yet done: merge these notes into the memo, look again after the span.
    Submitted { memo: Memo, look_after: Duration },
    /// Taken, but the effect does not show even after a while: a person must look.
    Unconfirmed { why: String },
}

/// What a fresh reading says about an action whose outcome is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The effect is there.
    Done,
    /// It is not there, and sending again can have no second effect.
    Repeatable,
    /// It is not there (yet), and sending again might act twice.
    NotSeen,
    /// The order does not show it either way.
    CannotTell,
}
