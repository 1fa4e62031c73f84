//! The order in which operations come to the writer.
//!
//! Deliveries go first, because a marketplace waits for the answer. Each group takes other
//! operations along, so that a flash sale cannot starve what applies its deliveries.

use std::collections::VecDeque;

use tokio::sync::{mpsc, oneshot};

use super::txn::Txn;

/// Operations that may wait in the queue; as many again wait in the lanes.
pub(super) const QUEUE: usize = 1_024;
/// The operation that goes first: a marketplace waits for it, and gives up soon.
const URGENT: &str = "accept_delivery";

/// Other operations that a group with urgent ones takes along.
const BESIDE: usize = 4;

/// An operation: run inside the transaction, then told whether that was committed.
pub(super) struct Work {
    pub(super) name: &'static str,
    pub(super) run: Box<dyn for<'t> FnOnce(&mut Txn<'t>) -> Answer + Send>,
}

pub(super) type Answer = Box<dyn FnOnce(bool)>;

pub(super) enum Message {
    Work(Work),
    Close(oneshot::Sender<()>),
}

/// What waits for the writer.
pub(super) struct Lanes {
    queue: mpsc::Receiver<Message>,
    urgent: VecDeque<Work>,
    other: VecDeque<Work>,
    /// What the group in the making has taken of each.
    taken_urgent: usize,
    taken_other: usize,
    closing: Option<oneshot::Sender<()>>,
}

impl Lanes {
    pub(super) fn new(queue: mpsc::Receiver<Message>) -> Self {
        let (urgent, other) = (VecDeque::new(), VecDeque::new());
        Self { queue, urgent, other, taken_urgent: 0, taken_other: 0, closing: None }
    }

    /// The first operation of the next group, or `None` when the store closes. Blocking.
    pub(super) fn first(&mut self) -> Option<Work> {
        (self.taken_urgent, self.taken_other) = (0, 0);
        self.drain();
        while self.urgent.is_empty() && self.other.is_empty() {
            let message = self.queue.blocking_recv()?;
            self.sort(message);
            self.drain();
        }
        self.take_urgent().or_else(|| self.take_other())
    }

    /// Another one for the same group.
    pub(super) fn next(&mut self, in_time: bool) -> Option<Work> {
        self.drain();
        if in_time && !self.urgent.is_empty() {
            return self.take_urgent();
        }
        let most = match (in_time, self.taken_urgent) {
            (false, _) => 1,
            (true, 0) => usize::MAX,
            (true, _) => BESIDE,
        };
        if self.taken_other < most { self.take_other() } else { None }
    }

    /// Tells who asked for it that the store is closed.
    pub(super) fn closed(self) {
        if let Some(done) = self.closing {
            let _ = done.send(());
        }
    }

    fn take_urgent(&mut self) -> Option<Work> {
        let work = self.urgent.pop_front()?;
        self.taken_urgent += 1;
        Some(work)
    }

    fn take_other(&mut self) -> Option<Work> {
        let work = self.other.pop_front()?;
        self.taken_other += 1;
        Some(work)
    }

    fn drain(&mut self) {
        while self.urgent.len() + self.other.len() < QUEUE
            && let Ok(message) = self.queue.try_recv()
        {
            self.sort(message);
        }
    }

    fn sort(&mut self, message: Message) {
        match message {
            Message::Work(work) if work.name == URGENT => self.urgent.push_back(work),
            Message::Work(work) => self.other.push_back(work),
            Message::Close(done) => {
                self.queue.close();
                self.closing = Some(done);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(name: &'static str) -> Message {
        Message::Work(Work { name, run: Box::new(|_| Box::new(|_| ())) })
    }

    fn lanes(names: impl IntoIterator<Item = &'static str>) -> Lanes {
        let (queue, waiting) = mpsc::channel(QUEUE);
        for name in names {
            assert!(queue.try_send(work(name)).is_ok(), "room in the queue");
        }
        Lanes::new(waiting)
    }

    fn group(lanes: &mut Lanes, time_for: usize) -> Vec<&'static str> {
        let mut names: Vec<_> = lanes.first().map(|work| work.name).into_iter().collect();
        while let Some(work) = lanes.next(names.len() < time_for) {
            names.push(work.name);
        }
        names
    }

    #[test]
    fn deliveries_overtake_and_the_others_keep_their_order() {
        let mut lanes = lanes(["claim", URGENT, "apply", URGENT]);
        assert_eq!(group(&mut lanes, 100), [URGENT, URGENT, "claim", "apply"]);
        assert!(lanes.first().is_none(), "the queue has no sender any more");
    }

    #[test]
    fn no_rush_starves_the_others() {
        let mut lanes = lanes([[URGENT; 50].as_slice(), &["apply"; 10]].concat());
        assert_eq!(group(&mut lanes, 20)[19..], [URGENT, "apply"], "one beyond the time");
        let second = group(&mut lanes, 100);
        assert_eq!((second.len(), second[30..].len()), (30 + BESIDE, BESIDE), "a few beside deliveries");
        assert_eq!(group(&mut lanes, 100), ["apply"; 5], "all that is left");
    }
}
