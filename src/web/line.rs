//! Who waits longest: connections that have not (yet) sent a whole request.
//!
//! A listener holds a bounded number of connections. When all are taken and another one knocks, the
//! one that has waited longest for its client is let go, so that clients which send nothing, or one
//! byte a second, cannot keep the others out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The waiting connections of one listener, oldest first.
#[derive(Default)]
pub struct Line {
    waiting: Mutex<BTreeMap<u64, Arc<Notify>>>,
    tickets: AtomicU64,
}

impl Line {
    /// Lets the longest waiting connection go; `false` when all are being served.
    pub fn dismiss_oldest(&self) -> bool {
        let oldest = self.waiting().pop_first();
        if let Some((_, leave)) = &oldest {
            leave.notify_one();
        }
        oldest.is_some()
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Notify>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection's place. It begins in the line.
#[derive(Clone)]
pub struct Place(Arc<Inner>);

struct Inner {
    line: Arc<Line>,
    leave: Arc<Notify>,
    /// 0 while a request is being served.
    ticket: AtomicU64,
}

impl Place {
    pub fn new(line: &Arc<Line>) -> Self {
        let place = Self(Arc::new(Inner {
            line: line.clone(),
            leave: Arc::new(Notify::new()),
            ticket: AtomicU64::new(0),
        }));
        place.0.wait();
        place
    }

    /// A whole request is here.
    pub fn begin(&self) {
        self.0.step_out();
    }

    /// The connection counts as served until the value is dropped.
    pub fn serve(&self) -> Served {
        self.0.step_out();
        Served(self.0.clone())
    }

    pub fn is_served(&self) -> bool {
        self.0.ticket.load(Ordering::Relaxed) == 0
    }

    /// Completes when the connection should make room.
    pub async fn dismissed(&self) {
        self.0.leave.notified().await;
    }
}

/// While it lives, the connection is not in the line; then it waits for the next request.
pub struct Served(Arc<Inner>);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.wait();
    }
}

impl Inner {
    fn wait(&self) {
        let ticket = self.line.tickets.fetch_add(1, Ordering::Relaxed) + 1;
        self.ticket.store(ticket, Ordering::Relaxed);
        self.line.waiting().insert(ticket, self.leave.clone());
    }

    fn step_out(&self) {
        let ticket = self.ticket.swap(0, Ordering::Relaxed);
        self.line.waiting().remove(&ticket);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.step_out();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_longest_waiting_connection_makes_room() {
        let line = Arc::new(Line::default());
        let (first, second) = (Place::new(&line), Place::new(&line));
        let served = first.serve();
        assert!(line.dismiss_oldest());
        second.dismissed().await;
        assert!(!line.dismiss_oldest(), "the other one is being served");
        drop(served);
        assert!(line.dismiss_oldest());
        first.dismissed().await;
    }

    #[test]
    fn a_closed_connection_leaves_no_trace() {
        let line = Arc::new(Line::default());
        let place = Place::new(&line);
        let served = place.serve();
        drop(place);
        drop(served);
        assert!(line.waiting().is_empty());
    }
}
