//! A marketplace of a few lines that answers, refuses, loses and panics as a script says.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fenicia::channel::{
    Answer, Call, Channel, Env, Fetched, Finding, KeyFault, Kind, ListRequest, Memo, Method, Page, Performed,
    Refused, Settings, Stream, Verdict,
};
use fenicia::model::{
    Action, ActionRequest, ChannelOrderId, Failure, Item, Native, Observation, Order, OrderStatus, Secret,
    Shipment, ShipmentItem, Source, Timestamp, Tokens,
};

/// What a marketplace lets us see or key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A call that is repeated with its key has no second effect.
    Keyed,
    /// The order shows the effect; a repeat acts twice.
    Shown,
    /// Neither.
    Blind,
}

/// What becomes of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Works,
    /// It acts, the answer is lost.
    Lost,
    /// It does not act, and nobody can tell.
    Silent,
    /// It certainly did not act.
    Down,
    Limited,
    Refused,
    Denied,
    /// It is taken, and done a while later.
    Taken,
    /// It acts, then the connector panics.
    Panics,
    /// It acts, and the answer takes longer than the next kill.
    Hangs,
}

#[derive(Debug, Default)]
pub struct World {
    pub left: u32,
    pub parcels: Vec<String>,
    pub cancelled: bool,
    /// Times that each wish took effect, by its number, or `cancel`.
    pub effects: BTreeMap<String, u32>,
    pub writes: VecDeque<Turn>,
    /// How the next reads go; then they all work.
    pub reads: VecDeque<bool>,
}

#[derive(Clone)]
pub struct Market {
    pub sort: Sort,
    pub world: Arc<Mutex<World>>,
}

impl Market {
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn act(&self, wish: &str) {
        let mut world = self.world();
        if self.sort == Sort::Keyed && world.effects.contains_key(wish) {
            return;
        }
        *world.effects.entry(wish.to_owned()).or_default() += 1;
        if wish == CANCEL {
            world.cancelled = true;
        } else {
            world.left = world.left.saturating_sub(1);
            world.parcels.push(wish.to_owned());
        }
    }
}

pub const CANCEL: &str = "cancel";
pub const ORDER: &str = "1";
pub const UNITS: u32 = 3;

pub fn wish(request: &ActionRequest) -> &str {
    match request {
        ActionRequest::Ship { tracking_number, .. } => tracking_number.as_deref().unwrap_or_default(),
        _ => CANCEL,
    }
}

pub static KIND: Kind = Kind {
    name: "machine",
    title: "Machine",
    tile: "Bz",
    keys: &[],
    method: Method::Polling,
    schedule: "0 0 1 1 *",
    retention: None,
    build: |_: &Settings, _: &Env| Err::<Arc<dyn Channel>, Vec<KeyFault>>(Vec::new()),
};

const STREAMS: [Stream; 1] = [Stream {
    name: "orders",
    overlap: Duration::from_mins(1),
    first: None,
    every: Duration::ZERO,
    longest: Duration::from_hours(24 * 365),
    durable_token: false,
    optional: false,
}];

impl Channel for Market {
    fn streams(&self) -> &[Stream] {
        &STREAMS
    }

    fn list<'a>(&'a self, _: Call<'a>, _: ListRequest<'a>) -> Answer<'a, Page> {
        Box::pin(async { Ok(Page::default()) })
    }

    fn fetch<'a>(&'a self, _: Call<'a>, orders: &'a [ChannelOrderId]) -> Answer<'a, Vec<Fetched>> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let mut world = self.world();
            if world.reads.pop_front() == Some(false) {
                return Err(Failure::unavailable("HTTP 503"));
            }
            let now = Timestamp::from_secs(1_800_000_000);
            let seen = |order: &ChannelOrderId| {
                let mut seen = Observation::empty(order.clone(), Source::Fetch, now);
                let all_left = world.left == 0;
                let status = match (world.cancelled, all_left) {
                    (true, _) => OrderStatus::Cancelled,
                    (_, true) => OrderStatus::Shipped,
                    _ => OrderStatus::Accepted,
                };
                seen.status = Native::Known(status);
                seen.placed_at = Some(now);
                seen.items = Some(vec![item(UNITS - world.left)]);
                seen.shipments = Some(world.parcels.iter().map(|number| parcel(number)).collect());
                Fetched::Found(Box::new(seen))
            };
            Ok(orders.iter().map(seen).collect())
        })
    }

    fn authorise<'a>(&'a self, _: Option<&'a Tokens>) -> Answer<'a, Tokens> {
        Box::pin(async { Ok(Tokens::bare(Secret::new("token"), Timestamp::EPOCH)) })
    }

    fn probe<'a>(&'a self, _: Call<'a>) -> Answer<'a, Vec<Finding>> {
        Box::pin(async { Ok(vec![Finding::good("it answers")]) })
    }

    fn prepare(&self, order: &Order, request: &ActionRequest, _: Timestamp) -> Result<Memo, Refused> {
        let left = order.items.first().map_or(0, |item| item.quantity - item.quantity_shipped.unwrap_or(0));
        match request {
            _ if order.status == OrderStatus::Cancelled => Err(Refused::conflict("The order is cancelled.")),
            ActionRequest::Ship { .. } if left == 0 => Err(Refused::conflict("Every unit is shipped.")),
            ActionRequest::Cancel { .. } if left < UNITS => Err(Refused::conflict("A part is shipped.")),
            _ => Ok(Memo::from([("left".to_owned(), left.to_string())])),
        }
    }

    fn perform<'a>(&'a self, _: Call<'a>, _: &'a Order, action: &'a Action) -> Answer<'a, Performed> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let turn = self.world().writes.pop_front().unwrap_or(Turn::Works);
            let wish = wish(&action.request);
            match turn {
                Turn::Works | Turn::Lost | Turn::Panics | Turn::Hangs => self.act(wish),
                _ => {}
            }
            match turn {
                Turn::Works => Ok(Performed::Done),
                Turn::Lost | Turn::Silent => Err(Failure::timeout("the answer was lost")),
                Turn::Down => Err(Failure { no_effect: true, ..Failure::unavailable("HTTP 503") }),
                Turn::Limited => Err(Failure::rate_limited("slow down", Timestamp::from_secs(1_800_000_030))),
                Turn::Refused => Err(Failure::invalid("no")),
                Turn::Denied => Err(Failure::permission("a right is missing").local()),
                Turn::Taken => {
                    let memo = [("job".to_owned(), "1".to_owned())].into();
                    Ok(Performed::Submitted { memo, look_after: Duration::from_secs(3) })
                }
                Turn::Panics => panic!("as the script says"),
                Turn::Hangs => {
                    tokio::time::sleep(Duration::from_secs(30)).await;
                    Err(Failure::timeout("no answer"))
                }
            }
        })
    }

    fn follow<'a>(&'a self, _: Call<'a>, _: &'a Order, action: &'a Action) -> Answer<'a, Performed> {
        Box::pin(async move {
            // What earlier steps noted is still there.
            let noted = |key: &str| action.memo.contains_key(key);
            if !noted("job") || !noted("left") {
                return Err(Failure::invalid("the notes are gone"));
            }
            if !noted("polls") {
                let memo = [("polls".to_owned(), "1".to_owned())].into();
                return Ok(Performed::Submitted { memo, look_after: Duration::from_secs(3) });
            }
            if !self.world().effects.contains_key(wish(&action.request)) {
                self.act(wish(&action.request));
            }
            Ok(Performed::Done)
        })
    }

    fn judge(&self, order: &Order, action: &Action) -> Verdict {
        let wish = wish(&action.request);
        let shown = match wish {
            CANCEL => order.status == OrderStatus::Cancelled,
            number => order.shipments.iter().any(|own| own.tracking_number.as_deref() == Some(number)),
        };
        match self.sort {
            Sort::Blind => Verdict::CannotTell,
            _ if shown => Verdict::Done,
            Sort::Keyed => Verdict::Repeatable,
            Sort::Shown => Verdict::NotSeen,
        }
    }
}

fn item(shipped: u32) -> Item {
    Item {
        line_id: "a".to_owned(),
        sku: None,
        title: None,
        variant: None,
        quantity: UNITS,
        unit_price: None,
        quantity_shipped: Some(shipped),
        quantity_cancelled: Some(0),
        quantity_refunded: Some(0),
    }
}

fn parcel(number: &str) -> Shipment {
    Shipment {
        shipment_id: number.to_owned(),
        carrier: None,
        tracking_number: Some(number.to_owned()),
        tracking_url: None,
        status: None,
        shipped_at: None,
        items: vec![ShipmentItem { line_id: "a".to_owned(), quantity: 1 }],
    }
}
