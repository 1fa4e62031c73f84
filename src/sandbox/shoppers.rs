//! A trickle of invented shoppers: orders, payments, second thoughts, parcels, refunds.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::stand::{Deed, Stand, Wish};
use crate::model::Timestamp;
use crate::random::Random;

/// Shoppers at work. Dropping it sends them home.
pub struct Shoppers(JoinHandle<()>);

impl Shoppers {
    /// Places about `orders_per_minute` orders over all stands together, and about as many other
    /// events on the orders of late.
    pub fn come(stands: Vec<Arc<dyn Stand>>, random: Random, orders_per_minute: f64) -> Self {
        Self(tokio::spawn(shop(stands, random, orders_per_minute)))
    }
}

impl Drop for Shoppers {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn shop(stands: Vec<Arc<dyn Stand>>, random: Random, orders_per_minute: f64) {
    if orders_per_minute <= 0.0 {
        return;
    }
    if stands.is_empty() {
        return;
    }
    let pause = Duration::from_secs_f64(60.0 / orders_per_minute.max(0.01) / 2.0);
    for turn in 0_u64.. {
        let stand = &stands[index(&random, stands.len())];
        if turn.is_multiple_of(2) {
            visit(stand.as_ref(), &random);
        } else {
            stir(stand.as_ref(), &random);
        }
        tokio::time::sleep(random.jitter(pause)).await;
    }
}

/// One shopper places one order. A full stand places none.
pub fn visit(stand: &dyn Stand, random: &Random) -> Option<String> {
    stand.place(&wish(stand, random)).ok()
}

/// A shopper who came some time in the past day, and what has happened to the orders since.
pub fn visited(stand: &dyn Stand, random: &Random, now: Timestamp) {
    let ago = Duration::from_secs(600 + random.below(22 * 3600));
    let placed = stand.place(&Wish { placed_at: Some(now.minus(ago)), ..wish(stand, random) });
    if placed.is_ok() && random.below(2) == 0 {
        stir(stand, random);
    }
}

fn wish(stand: &dyn Stand, random: &Random) -> Wish {
    Wish {
        paid: Some(random.below(6) != 0),
        note: (random.below(8) == 0).then(|| "Please ring twice.".to_owned()),
        tags: if random.below(8) == 0 { vec!["gift".to_owned()] } else { Vec::new() },
        flavour: special(stand, random),
        ..Wish::default()
    }
}

/// Every fifth order is of a special sort.
fn special(stand: &dyn Stand, random: &Random) -> Option<String> {
    let flavours = stand.flavours();
    let rare = !flavours.is_empty() && random.below(5) == 0;
    rare.then(|| flavours[index(random, flavours.len())].to_owned())
}

/// Something happens to one of the last fifty orders; what cannot happen to it does not.
pub fn stir(stand: &dyn Stand, random: &Random) -> Option<String> {
    let order = stand.nth_newest(index(random, stand.orders().min(50)))?;
    let first = index(random, DEEDS);
    let happened = (0..DEEDS).any(|step| stand.happen(&order, &deed((first + step) % DEEDS)).is_ok());
    happened.then_some(order)
}

/// How many sorts of deeds `deed` tells apart.
const DEEDS: usize = 10;

/// Parcels move more often than minds change.
fn deed(number: usize) -> Deed {
    match number {
        0 => Deed::Pay,
        1..=3 => Deed::Ship { carrier: None, tracking: None, units: None },
        4..=5 => Deed::Deliver,
        6 => Deed::ChangeAddress { line1: None },
        7 => Deed::Note { text: "Leave it with the neighbour.".to_owned() },
        8 => Deed::Refund { amount: None },
        _ => Deed::Cancel,
    }
}

fn index(random: &Random, len: usize) -> usize {
    usize::try_from(random.below(len as u64)).unwrap_or(0)
}
