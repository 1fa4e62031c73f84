//! The timeline as a story: what belongs together is told together. Pure.

use crate::model::{Event, EventKind, FieldChange, Timestamp, Trigger};

use super::words::Words;

/// A delivery and what came of it are one entry when they are no further apart.
const TOGETHER_SECS: u64 = 60;

/// One entry of the story, told by one or several events, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Chapter<'a> {
    pub kind: Plot<'a>,
    /// The event that gives time, trigger and person.
    pub event: &'a Event,
    pub changes: Vec<&'a FieldChange>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Plot<'a> {
    /// As the event says.
    Plain,
    /// Seen so many times without a change, first then.
    Unchanged { times: usize, first: Timestamp },
    /// The same message from the channel so many times, first then.
    Told { times: usize, first: Timestamp },
    /// Succeeded at this attempt.
    After { attempts: u32 },
    /// Failed then, and again at these times.
    Failed { again: Vec<Timestamp>, cured: bool },
    /// Several changes at once; this event has the headline.
    Changed { headline: &'a Event },
}

/// Folds the events of a page, newest first.
pub fn tell<'a>(events: &'a [Event], healthy: bool) -> Vec<Chapter<'a>> {
    let mut chapters: Vec<Chapter<'a>> = Vec::new();
    // Whether the newest attempt succeeded: failures before it are over.
    let mut cured = healthy;
    for event in events {
        if event.kind == EventKind::SyncSucceeded {
            cured = true;
        }
        if let Some(last) = chapters.last_mut()
            && last.takes(event)
        {
            continue;
        }
        chapters.push(Chapter::begin(event, cured));
    }
    for chapter in &mut chapters {
        chapter.settle();
    }
    chapters
}

impl<'a> Chapter<'a> {
    fn begin(event: &'a Event, cured: bool) -> Self {
        let kind = match event.kind {
            EventKind::SyncFailed => Plot::Failed { again: Vec::new(), cured },
            EventKind::SyncSucceeded if event.attempt > 1 => Plot::After { attempts: event.attempt },
            EventKind::PollSeen | EventKind::SyncSucceeded if event.changes.is_empty() => {
                Plot::Unchanged { times: 1, first: event.at }
            }
            EventKind::WebhookReceived => Plot::Told { times: 1, first: event.at },
            _ => Plot::Plain,
        };
        Self { kind, event, changes: event.changes.iter().collect() }
    }

    /// Whether the older event belongs to this entry, and now is part of it.
    fn takes(&mut self, older: &'a Event) -> bool {
        if self.is_same_change(older) {
            let headline = match &self.kind {
                Plot::Changed { headline } if weight(headline) >= weight(older) => *headline,
                Plot::Changed { .. } => older,
                _ if weight(self.event) >= weight(older) => self.event,
                _ => older,
            };
            self.kind = Plot::Changed { headline };
            self.changes.extend(&older.changes);
            return true;
        }
        match (&mut self.kind, older.kind) {
            (Plot::Unchanged { times, first }, EventKind::PollSeen | EventKind::SyncSucceeded)
                if older.changes.is_empty()
                    && older.attempt == 1
                    && older.trigger == self.event.trigger
                    && older.by == self.event.by =>
            {
                *times += 1;
                *first = older.at;
                true
            }
            (Plot::Told { times, first }, EventKind::WebhookReceived) => {
                *times += 1;
                *first = older.at;
                true
            }
            (Plot::Failed { again, .. }, EventKind::SyncFailed)
                if older.error.as_ref().map(|e| e.kind) == self.event.error.as_ref().map(|e| e.kind) =>
            {
                again.push(self.event.at);
                self.event = older;
                true
            }
            _ => false,
        }
    }

    fn is_same_change(&self, older: &Event) -> bool {
        let anchor = match &self.kind {
            Plot::Changed { .. } | Plot::Unchanged { times: 1, .. } | Plot::Plain => self.event,
            _ => return false,
        };
        let near = anchor.at.since(older.at).as_secs();
        let same_moment = anchor.at == older.at;
        let delivered = older.kind == EventKind::WebhookReceived && near <= TOGETHER_SECS;
        weight(anchor) > 0
            && weight(older) > 0
            && anchor.trigger == older.trigger
            && anchor.kind != EventKind::WebhookReceived
            && (same_moment || delivered)
    }

    fn settle(&mut self) {
        match &mut self.kind {
            Plot::Failed { again, .. } => again.reverse(),
            // Status and payment were noted first, and are told first.
            Plot::Changed { .. } => self.changes.reverse(),
            _ => {}
        }
        if let Plot::Unchanged { times: 1, .. } | Plot::Told { times: 1, .. } = self.kind {
            self.kind = Plot::Plain;
        }
    }
}

/// Which of several changes at once has the headline; 0 for what is no change.
const fn weight(event: &Event) -> u8 {
    match event.kind {
        EventKind::Created => 7,
        EventKind::ShipmentAdded => 6,
        EventKind::StatusChanged => 5,
        EventKind::PaymentChanged => 4,
        EventKind::Changed => 3,
        EventKind::SyncSucceeded => 2,
        EventKind::WebhookReceived | EventKind::PollSeen => 1,
        _ => 0,
    }
}

/// Whether the entry belongs into "only problems".
pub const fn is_problem(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::SyncFailed
            | EventKind::ActionFailed
            | EventKind::ActionUnknown
            | EventKind::MissingAtSource
            | EventKind::Anomaly
    )
}

/// By which icon and tone an event is known.
pub const fn look(kind: EventKind) -> (&'static str, &'static str) {
    match kind {
        EventKind::SyncSucceeded | EventKind::ActionDone => ("check", "green"),
        EventKind::SyncFailed => ("warn", "amber"),
        EventKind::ActionFailed => ("x", "red"),
        EventKind::ActionUnknown => ("info", "amber"),
        EventKind::MissingAtSource | EventKind::Anomaly => ("warn", "amber"),
        EventKind::ShipmentAdded => ("truck", "teal"),
        EventKind::StatusChanged => ("box", "blue"),
        EventKind::PaymentChanged => ("coin", "blue"),
        EventKind::Created => ("plus", ""),
        EventKind::Changed => ("pen", ""),
        EventKind::WebhookReceived => ("bolt", ""),
        EventKind::PollSeen => ("clock", ""),
        EventKind::SyncRequested | EventKind::ActionRequested => ("hand", ""),
        EventKind::Erased => ("x", ""),
    }
}

/// What set it off, and its icon.
pub const fn trigger(trigger: Trigger, w: &'static Words) -> (&'static str, &'static str) {
    match trigger {
        Trigger::Webhook => ("bolt", w.by_webhook),
        Trigger::Poll => ("clock", w.by_check),
        Trigger::Manual => ("hand", w.by_button),
        Trigger::Bulk => ("sync", w.by_bulk),
        Trigger::Action => ("hand", w.by_action),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FailureKind, SyncError};

    fn event(second: i64, kind: EventKind, trigger: Trigger) -> Event {
        Event::new(Timestamp::from_secs(second), kind, Some(trigger), "")
    }

    fn failed(second: i64, attempt: u32) -> Event {
        let error = SyncError {
            kind: FailureKind::NetworkTimeout,
            message: String::new(),
            retry_at: None,
            conflict: false,
        };
        event(second, EventKind::SyncFailed, Trigger::Poll).attempt(attempt).error(error)
    }

    #[test]
    fn what_was_seen_unchanged_is_told_once() {
        let events: Vec<Event> =
            (0..9).rev().map(|n| event(n * 900, EventKind::PollSeen, Trigger::Poll)).collect();
        let story = tell(&events, true);
        assert_eq!(story.len(), 1);
        assert_eq!(story[0].kind, Plot::Unchanged { times: 9, first: Timestamp::EPOCH });
        assert_eq!(story[0].event.at, Timestamp::from_secs(7_200));
    }

    #[test]
    fn messages_that_follow_each_other_are_one_entry() {
        let events = [
            event(12, EventKind::WebhookReceived, Trigger::Webhook),
            event(10, EventKind::WebhookReceived, Trigger::Webhook),
            event(5, EventKind::Created, Trigger::Poll),
            event(4, EventKind::WebhookReceived, Trigger::Webhook),
        ];
        let kinds: Vec<_> = tell(&events, true).into_iter().map(|chapter| chapter.kind).collect();
        let told = Plot::Told { times: 2, first: Timestamp::from_secs(10) };
        assert_eq!(kinds, [told, Plot::Plain, Plot::Plain]);
    }

    #[test]
    fn attempts_of_one_job_are_one_failure_and_one_success() {
        let mut success = event(300, EventKind::SyncSucceeded, Trigger::Poll);
        success.attempt = 3;
        let events = [success, failed(200, 2), failed(100, 1)];
        let story = tell(&events, true);
        assert_eq!(story.len(), 2);
        assert_eq!(story[0].kind, Plot::After { attempts: 3 });
        let again = vec![Timestamp::from_secs(200)];
        assert_eq!(story[1].kind, Plot::Failed { again, cured: true });
        assert_eq!(story[1].event.at, Timestamp::from_secs(100));
    }

    #[test]
    fn changes_of_one_moment_are_one_entry_with_its_delivery() {
        let change = |field: &str| FieldChange { field: field.to_owned(), from: None, to: None };
        let events = [
            event(12, EventKind::SyncSucceeded, Trigger::Webhook),
            event(12, EventKind::PaymentChanged, Trigger::Webhook).changes(vec![change("payment_status")]),
            event(12, EventKind::StatusChanged, Trigger::Webhook).changes(vec![change("status")]),
            event(10, EventKind::WebhookReceived, Trigger::Webhook),
            event(10, EventKind::Created, Trigger::Poll),
        ];
        let story = tell(&events, true);
        assert_eq!(story.len(), 2);
        let Plot::Changed { headline } = &story[0].kind else { panic!("{:?}", story[0].kind) };
        assert_eq!(headline.kind, EventKind::StatusChanged);
        assert_eq!(story[0].changes.len(), 2);
        assert_eq!(story[1].kind, Plot::Plain);
    }

    #[test]
    fn a_failure_stays_open_until_something_succeeds() {
        let events = [failed(100, 1)];
        assert_eq!(tell(&events, false)[0].kind, Plot::Failed { again: vec![], cured: false });
    }
}
