//! Who waits for one operation, lane by lane.

use std::collections::VecDeque;

use super::bucket::Bucket;
use super::lanes::{Fair, PerLane, is_urgent};
use crate::model::Lane;

pub(super) struct Line {
    pub(super) operation: &'static str,
    pub(super) bucket: Option<Bucket>,
    fair: Fair,
    waiting: PerLane<VecDeque<Waiter>>,
}

#[derive(Clone, Copy)]
pub(super) struct Waiter {
    pub(super) id: u64,
    pub(super) cost: f64,
}

/// The call whose turn it is in a line.
#[derive(Clone, Copy)]
pub(super) struct Head {
    /// Index of the line.
    pub(super) line: usize,
    pub(super) lane: Lane,
    pub(super) cost: f64,
}

impl Line {
    pub(super) fn new(operation: &'static str, bucket: Option<Bucket>) -> Self {
        Self { operation, bucket, fair: Fair::default(), waiting: Default::default() }
    }

    pub(super) fn push(&mut self, lane: Lane, waiter: Waiter) {
        if self.is_empty(lane) {
            self.fair.join(lane);
        }
        self.waiting[lane as usize].push_back(waiter);
    }

    /// Takes the first of this lane out and charges the lane for it.
    pub(super) fn pop(&mut self, lane: Lane) -> Option<Waiter> {
        let waiter = self.waiting[lane as usize].pop_front()?;
        self.fair.charge(lane, waiter.cost);
        Some(waiter)
    }

    /// False when this call does not wait here.
    pub(super) fn remove(&mut self, lane: Lane, id: u64) -> bool {
        let queue = &mut self.waiting[lane as usize];
        let before = queue.len();
        queue.retain(|waiter| waiter.id != id);
        queue.len() < before
    }

    /// `line` is the index of this line.
    pub(super) fn head(&self, line: usize) -> Option<Head> {
        let first = |lane: Lane| self.waiting[lane as usize].front().map(|waiter| waiter.cost);
        let lane = self.fair.next(first)?;
        Some(Head { line, lane, cost: first(lane)? })
    }

    pub(super) fn has_urgent(&self) -> bool {
        Lane::ALL.iter().any(|lane| is_urgent(*lane) && !self.is_empty(*lane))
    }

    /// All that waits in this lane.
    pub(super) fn cost(&self, lane: Lane) -> f64 {
        self.waiting[lane as usize].iter().map(|waiter| waiter.cost).sum()
    }

    /// What waits in this lane up to and with this call; `None` when it does not wait here.
    pub(super) fn cost_up_to(&self, lane: Lane, id: u64) -> Option<f64> {
        let queue = &self.waiting[lane as usize];
        let position = queue.iter().position(|waiter| waiter.id == id)?;
        Some(queue.iter().take(position + 1).map(|waiter| waiter.cost).sum())
    }

    pub(super) fn is_empty(&self, lane: Lane) -> bool {
        self.waiting[lane as usize].is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.iter().map(VecDeque::len).sum()
    }
}
