//! Notifications: unsigned, quick to give up, and kept for two days when nobody took them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};

use super::super::kit::Kit;
use super::super::webhooks::{DeliveryState, Manner, Parcel};
use super::show::utc;
use super::{CLIENT_ID, USER_ID};
use crate::model::Timestamp;

/// Eight tries within an hour.
const RETRIES: [Duration; 7] = [
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_mins(1),
    Duration::from_mins(3),
    Duration::from_mins(6),
    Duration::from_mins(12),
    Duration::from_mins(24),
];
const MANNER: Manner =
    Manner { deadline: Duration::from_millis(500), retries: &RETRIES, ends_subscription: false, forge };
/// How long an untaken notification is kept.
const KEPT: Duration = Duration::from_hours(48);
/// A topic is switched off after so many untaken notifications in a row.
const PATIENCE: usize = 20;
const MOST: usize = 20_000;
const TOPICS: [&str; 3] = ["orders_v2", "shipments", "payments"];

/// Something that is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    topic: &'static str,
    resource: String,
    order: u64,
}

impl Event {
    pub(super) fn order(id: u64) -> Self {
        Self { topic: "orders_v2", resource: format!("/orders/{id}"), order: id }
    }

    pub(super) fn payment(id: u64, order: u64) -> Self {
        Self { topic: "payments", resource: format!("/collections/{id}"), order }
    }

    pub(super) fn shipment(id: u64, order: u64) -> Self {
        Self { topic: "shipments", resource: format!("/shipments/{id}"), order }
    }
}

/// What was sent, newest last, and which topics a human must switch on again.
#[derive(Default)]
pub(super) struct Notices {
    sent: VecDeque<Sent>,
    off: HashSet<&'static str>,
    looked_at: Option<Timestamp>,
    count: u64,
}

struct Sent {
    topic: &'static str,
    at: Timestamp,
    body: Value,
}

impl Notices {
    pub(super) fn send(&mut self, kit: &Kit, events: Vec<Event>) {
        if !kit.webhooks.has_target() {
            return;
        }
        self.watch(kit);
        for event in events {
            if !self.off.contains(event.topic) {
                self.count += 1;
                let body = body(kit, &event, self.count);
                self.post(kit, event.topic, Some(event.order), body);
            }
        }
    }

    /// A notification that no change causes; the topic may be one that the client does not want.
    pub(super) fn send_odd(&mut self, kit: &Kit, topic: &'static str, resource: &str, order: Option<u64>) {
        self.count += 1;
        let event = Event { topic, resource: resource.to_owned(), order: order.unwrap_or(0) };
        let body = body(kit, &event, self.count);
        self.post(kit, topic, order, body);
    }

    pub(super) fn switch_on(&mut self) {
        self.off.clear();
    }

    fn post(&mut self, kit: &Kit, topic: &'static str, order: Option<u64>, body: Value) {
        let headers = [("accept", "application/json"), ("content-type", "application/json")];
        kit.webhooks.send(Parcel {
            topic: topic.to_owned(),
            order: order.map(|id| id.to_string()),
            subscription: None,
            address: None,
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            body: body.to_string().into_bytes(),
            manner: MANNER,
        });
        if self.sent.len() == MOST {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent { topic, at: kit.now(), body });
    }

    /// Each sent notification with what became of it. Every one has one record of its own, in the
    /// same order, beside those of forgeries.
    fn fates(&self, kit: &Kit) -> Vec<(&Sent, DeliveryState, usize)> {
        let records = kit.webhooks.records();
        let own = records.iter().rev().filter(|record| !record.forged);
        let mut fates: Vec<_> = self
            .sent
            .iter()
            .rev()
            .zip(own)
            .map(|(sent, record)| (sent, record.state, record.tries.len()))
            .collect();
        fates.reverse();
        fates
    }

    /// Switches off the topics that nobody answers; once a minute is often enough.
    fn watch(&mut self, kit: &Kit) {
        let now = kit.now();
        if self.looked_at.is_some_and(|at| now.since(at) < Duration::from_mins(1)) {
            return;
        }
        self.looked_at = Some(now);
        let mut untaken: HashMap<&'static str, usize> = HashMap::new();
        for (sent, state, _) in self.fates(kit) {
            match state {
                DeliveryState::Abandoned => *untaken.entry(sent.topic).or_default() += 1,
                DeliveryState::Delivered => drop(untaken.remove(sent.topic)),
                DeliveryState::Waiting | DeliveryState::Lost => {}
            }
        }
        let off = untaken.into_iter().filter(|(_, times)| *times >= PATIENCE).map(|(topic, _)| topic);
        self.off.extend(off);
    }

    /// `GET /missed_feeds`: what nobody took in all its tries. Reading does not remove it.
    pub(super) fn missed(&self, kit: &Kit, topic: &str) -> Vec<Value> {
        let now = kit.now();
        self.fates(kit)
            .into_iter()
            .filter(|(sent, state, _)| {
                sent.topic == topic && *state == DeliveryState::Abandoned && now.since(sent.at) < KEPT
            })
            .map(|(sent, _, tries)| {
                let mut message = sent.body.clone();
                message["attempts"] = json!(tries);
                message["request"] = json!({"url": "https://YOUR_URL", "data": sent.body.to_string()});
                message["response"] = json!({"http_code": 503, "req_time": 500});
                message
            })
            .collect()
    }
}

/// The id is missing now and then, and the user's number is text now and then.
fn body(kit: &Kit, event: &Event, count: u64) -> Value {
    let now = kit.now();
    let mut body = json!({
        "resource": event.resource,
        "user_id": USER_ID,
        "topic": event.topic,
        "application_id": CLIENT_ID,
        "attempts": 1,
        "sent": utc(now),
        "received": utc(now.minus(Duration::from_millis(20))),
    });
    if !count.is_multiple_of(3) {
        body["_id"] = json!(kit.random.uuid_v4().to_string());
    }
    if count.is_multiple_of(4) {
        body["user_id"] = json!(USER_ID.to_string());
    }
    body
}

/// Somebody who knows the address but not the application.
fn forge(parcel: &mut Parcel) {
    if let Ok(mut body) = serde_json::from_slice::<Value>(&parcel.body) {
        body["application_id"] = json!(CLIENT_ID + 1);
        parcel.body = body.to_string().into_bytes();
    }
}

/// A topic by its name, where the stand knows it.
pub(super) fn topic(name: &str) -> Option<&'static str> {
    TOPICS.into_iter().find(|topic| *topic == name)
}
