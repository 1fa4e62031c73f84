//! What was asked for and how it ended, held against what the marketplace did.

use std::collections::{BTreeMap, BTreeSet};

use fenicia::model::ActionState;
use fenicia::sandbox::Effect;

use super::rows::Row;
use super::shop::Shop;

/// What an action was to bring about. Numbers are unique per wanted effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    Ship { number: String, units: u64 },
    Track { number: String },
    Cancel,
}

/// An action that was taken and has ended.
#[derive(Clone, Debug)]
pub struct Entry {
    pub order: String,
    pub wanted: Wanted,
    pub state: ActionState,
    pub why: Option<String>,
    /// The order, read right after the action was done, shows it.
    pub shown_at_once: bool,
}

#[derive(Debug, Default)]
pub struct Tally {
    pub asked: usize,
    pub refused: usize,
    pub done: usize,
    pub failed: usize,
    pub unknown: usize,
    /// Unknown ones that had acted after all.
    pub unknown_acted: usize,
    pub shown_late: usize,
    pub doubled: usize,
    pub spoilt: usize,
    pub kills: u32,
    pub calls: u64,
    /// Why actions were not done, in the merchant's words, with how many.
    pub reasons: BTreeMap<String, usize>,
    pub faults: Vec<String>,
}

impl Tally {
    pub fn head() -> &'static str {
        "| channel | actions | refused at once | done | failed | unknown (had acted) | acted twice | shown late | answers spoilt | kills | calls |"
    }

    pub fn line(&self, kind: &str) -> String {
        format!(
            "| {kind} | {} | {} | {} | {} | {} ({}) | {} | {} | {} | {} | {} |",
            self.asked,
            self.refused,
            self.done,
            self.failed,
            self.unknown,
            self.unknown_acted,
            self.doubled,
            self.shown_late,
            self.spoilt,
            self.kills,
            self.calls,
        )
    }

    /// Counts what has ended, and holds it against the marketplace's own records.
    pub fn settle(&mut self, shop: &Shop, row: &Row, entries: &[Entry]) {
        let effects = shop.kit().effects.all();
        for entry in entries {
            self.asked += 1;
            let acted = self.weigh(shop, row, &effects, entry);
            match entry.state {
                ActionState::Done => {
                    self.done += 1;
                    self.shown_late += usize::from(!entry.shown_at_once);
                    let later = acted && overtaken(entries, entry);
                    if !holds(shop, entry) && !later {
                        self.fault(entry, "done, but the marketplace does not show it");
                    }
                }
                ActionState::Failed => {
                    self.failed += 1;
                    let elsewhere = entries.iter().any(|own| {
                        own.order == entry.order
                            && own.wanted == entry.wanted
                            && own.state != ActionState::Failed
                    });
                    if acted && !elsewhere {
                        self.fault(entry, "failed, but the marketplace acted");
                    }
                }
                ActionState::Unknown => {
                    self.unknown += 1;
                    self.unknown_acted += usize::from(acted);
                }
                ActionState::Queued | ActionState::Running => self.fault(entry, "has not ended"),
            }
            if entry.state != ActionState::Done {
                match &entry.why {
                    Some(why) => *self.reasons.entry(format!("{}: {why}", entry.state)).or_default() += 1,
                    None => self.fault(entry, "ended without a reason"),
                }
            }
        }
        let orders: BTreeSet<&str> = entries.iter().map(|entry| entry.order.as_str()).collect();
        for order in orders {
            self.cancelled_once(row, &effects, order);
            self.agree(shop, order);
        }
    }

    fn fault(&mut self, entry: &Entry, what: &str) {
        self.faults
            .push(format!("{}: {:?} is {}: {what}; {:?}", entry.order, entry.wanted, entry.state, entry.why));
    }

    /// Whether the marketplace acted, and not more than asked for.
    fn weigh(&mut self, shop: &Shop, row: &Row, effects: &[Effect], entry: &Entry) -> bool {
        match &entry.wanted {
            Wanted::Ship { number, units } => {
                let ours = |own: &&Effect| row.ships.contains(&own.operation.as_str()) && names(own, number);
                let weight: u64 = effects.iter().filter(ours).map(|own| (row.weight)(&own.detail)).sum();
                if weight > (row.most)(*units) {
                    self.doubled += 1;
                    self.fault(entry, &format!("acted twice: {weight} of {units}"));
                }
                effects.iter().any(|own| ours(&own))
            }
            Wanted::Track { number } => effects.iter().any(|own| names(own, number)),
            Wanted::Cancel => shop.stand().truth(&entry.order).is_some_and(|own| own.status == "cancelled"),
        }
    }

    fn cancelled_once(&mut self, row: &Row, effects: &[Effect], order: &str) {
        let ours = |own: &&Effect| {
            row.cancelled.contains(&own.operation.as_str()) && own.order.as_deref() == Some(order)
        };
        let times = effects.iter().filter(ours).count();
        if times > 1 {
            self.doubled += 1;
            self.faults.push(format!("{order}: cancelled {times} times"));
        }
    }

    /// The order here is as the marketplace has it.
    fn agree(&mut self, shop: &Shop, order: &str) {
        let (Some(here), Some(truth)) = (shop.order(order), shop.stand().truth(order)) else {
            self.faults.push(format!("{order}: is gone"));
            return;
        };
        let mut known: Vec<String> =
            here.shipments.iter().filter_map(|parcel| parcel.tracking_number.clone()).collect();
        let mut real = truth.tracking_numbers;
        known.sort();
        real.sort();
        if here.status.to_string() != truth.status || known != real {
            self.faults.push(format!(
                "{order}: is {} with {known:?} here, {} with {real:?} there",
                here.status, truth.status
            ));
        }
    }
}

fn names(effect: &Effect, number: &str) -> bool {
    effect.detail.to_string().contains(&format!("\"{number}\""))
}

fn holds(shop: &Shop, entry: &Entry) -> bool {
    let Some(truth) = shop.stand().truth(&entry.order) else { return false };
    match &entry.wanted {
        Wanted::Ship { number, .. } | Wanted::Track { number } => truth.tracking_numbers.contains(number),
        Wanted::Cancel => truth.status == "cancelled",
    }
}

/// A number that was replaced later on, or whose order was cancelled after all, need not stand any more.
fn overtaken(entries: &[Entry], entry: &Entry) -> bool {
    let later = |own: &Entry| {
        own.order == entry.order
            && match own.wanted {
                Wanted::Track { .. } => true,
                Wanted::Cancel => own.state == ActionState::Done,
                Wanted::Ship { .. } => false,
            }
    };
    !matches!(entry.wanted, Wanted::Cancel) && entries.iter().any(later)
}
