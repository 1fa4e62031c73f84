//! One marketplace: what it answers, what its shoppers do, and what is true about its orders.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::kit::Kit;
use super::message::{Request, Response};
use crate::model::Timestamp;

/// A marketplace played in memory. Every method is quick and takes no lock across another call of
/// the same stand.
pub trait Stand: Send + Sync + 'static {
    /// The word after `kind =` in the config file.
    fn kind(&self) -> &'static str;

    /// What the stand shares with the server around it.
    fn kit(&self) -> &Kit;

    // ---- the marketplace's interface -----------------------------------------------------

    /// The name of the operation for faults, effects and counts. Pure.
    fn operation(&self, request: &Request) -> String;

    /// Answers a call, records breaches and effects.
    fn handle(&self, request: &Request) -> Response;

    /// An error as this marketplace words it, for faults.
    fn refusal(&self, status: u16, request: &Request) -> Response;

    /// "Too many calls" as this marketplace words it; free again after the seconds.
    fn throttled(&self, seconds: u64, request: &Request) -> Response;

    /// Every token given out so far is void, and no renewal works until `restore_access`.
    fn revoke_access(&self);

    /// The access tokens given out so far have run out; renewing works.
    fn expire_access(&self);

    /// Undoes `revoke_access`, as a merchant who consents again.
    fn restore_access(&self);

    /// The table of a ready config file: `[channels.NAME]`, credentials, this base address.
    fn config(&self, channel: &str, base_url: &str) -> String;

    // ---- shoppers, carriers and the merchant's other tools ---------------------------------

    /// The special sorts of orders that `Wish::flavour` may name.
    fn flavours(&self) -> &'static [&'static str] {
        &[]
    }

    /// A shopper places an order; answers the marketplace's order id.
    fn place(&self, wish: &Wish) -> Result<String, Refused>;

    /// Something happens to an order.
    fn happen(&self, order: &str, deed: &Deed) -> Result<(), Refused>;

    /// Sends a webhook that no order causes, such as a privacy request.
    fn notice(&self, topic: &str, _order: Option<&str>) -> Result<(), Refused> {
        Err(Refused(format!("this marketplace sends no notice called {topic}")))
    }

    /// Lets what is due take effect: called a few times a second while the stand is open.
    fn tick(&self) {}

    // ---- the oracle ----------------------------------------------------------------------

    fn orders(&self) -> usize;

    /// What must be true of an order, from the stand's own world. `None`: no such order, or one
    /// that this marketplace does not show to the client.
    fn truth(&self, order: &str) -> Option<Truth>;

    /// The truths of the orders placed after `after`, in the order of placing.
    fn truths(&self, after: Option<&str>, limit: usize) -> Vec<Truth>;

    /// The order in the marketplace's own words, for a person who debugs.
    fn native(&self, order: &str) -> Option<Value>;

    /// The id of the `nth` newest order, from 0.
    fn nth_newest(&self, nth: usize) -> Option<String>;
}

/// It cannot happen here, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

impl Refused {
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// What a shopper wants. What is left out is invented.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wish {
    /// Empty: one to three invented lines.
    pub lines: Vec<WishLine>,
    /// False: the payment is still open. Absent: paid.
    pub paid: Option<bool>,
    pub currency: Option<String>,
    pub shipping: Option<String>,
    pub name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub line1: Option<String>,
    pub note: Option<String>,
    pub tags: Vec<String>,
    /// When the order was placed; absent: now.
    pub placed_at: Option<Timestamp>,
    /// A special sort of order, in words that the marketplace's own module lists.
    pub flavour: Option<String>,
}

/// One wanted line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WishLine {
    pub sku: String,
    #[serde(default)]
    pub title: Option<String>,
    #[serde(default)]
    pub variant: Option<String>,
    pub quantity: u32,
    /// A decimal as text, in the order's currency.
    pub unit_price: String,
}

/// What can happen to an order that the client did not do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "deed", rename_all = "snake_case", deny_unknown_fields)]
pub enum Deed {
    /// The payment of an unpaid order arrives.
    Pay,
    /// The buyer corrects the street.
    ChangeAddress {
        line1: Option<String>,
    },
    /// A note is written to the order.
    Note {
        text: String,
    },
    Tag {
        tag: String,
    },
    /// The buyer or the marketplace cancels, at once.
    Cancel,
    /// The buyer asks the seller to cancel.
    RequestCancel,
    /// Money goes back: this decimal, or everything.
    Refund {
        amount: Option<String>,
    },
    /// The seller ships all that remains with another tool, or `units` of each line.
    Ship {
        carrier: Option<String>,
        tracking: Option<String>,
        units: Option<u32>,
    },
    /// The carrier delivers every parcel.
    Deliver,
    /// The order disappears. `listed`: from everything but the list, where that is an index of its
    /// own, which has not noticed.
    Delete {
        #[serde(default)]
        listed: bool,
    },
}

/// What fenicia must show about an order, in the words of its API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Truth {
    pub order_id: String,
    pub number: String,
    /// `pending`, `accepted`, `shipped`, `delivered` or `cancelled`.
    pub status: &'static str,
    /// `pending`, `paid`, `partially_refunded` or `refunded`.
    pub payment_status: &'static str,
    pub currency: Option<String>,
    /// With the currency's own number of decimals; `None` when the marketplace does not tell.
    pub total: Option<String>,
    pub items: usize,
    pub units: u32,
    pub shipments: usize,
    pub tracking_numbers: Vec<String>,
    pub placed_at: Timestamp,
    pub changed_at: Timestamp,
}
