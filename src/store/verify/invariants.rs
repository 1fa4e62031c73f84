//! What holds of every store, each a named function over one consistent view.

use std::collections::{BTreeMap, HashSet};

use serde::de::DeserializeOwned;

use super::super::failures::Subject;
use super::super::jobs::{self, Job};
use super::super::orders::ended_at;
use super::super::rows::{GO_ON, Rows, Snapshot, Span, open_record, to_number};
use super::super::tables::Tab;
use super::super::views::{self, Facet};
use super::super::{
    ApiKey, Change, FailureRow, Notification, PollState, StoreError, SyncStatus, TellingState, actions,
    api_keys, codec, commands, deliveries, keys, tellings,
};
use super::Fault;
use crate::model::{Action, ActionState, ConnectionState, Event, Left, Order, OrderKey, Timestamp, Tokens};

/// Faults listed of one invariant; the rest is counted.
const LISTED: usize = 20;

type Invariant = fn(&Snapshot, &mut Findings) -> Result<(), StoreError>;

const INVARIANTS: [(&str, Invariant); 12] = [
    ("v0_every_record_is_readable", v0_every_record_is_readable),
    ("v1_due_rows_lead_to_waiting_jobs", v1_due_rows_lead_to_waiting_jobs),
    ("v2_a_job_wants_more_than_was_done", v2_a_job_wants_more_than_was_done),
    ("v3_timelines_have_no_gaps", v3_timelines_have_no_gaps),
    ("v4_personal_data_belongs_to_an_order_and_ends", v4_personal_data_belongs_to_an_order_and_ends),
    ("v5_open_actions_are_due_one_runs_per_order", v5_open_actions_are_due_one_runs_per_order),
    ("v6_windows_are_whole", v6_windows_are_whole),
    ("v7_pending_deliveries_are_remembered", v7_pending_deliveries_are_remembered),
    ("v8_views_equal_a_recount", v8_views_equal_a_recount),
    ("v9_tokens_have_a_generation", v9_tokens_have_a_generation),
    ("v10_every_pointer_leads_somewhere", v10_every_pointer_leads_somewhere),
    ("v11_waiting_tellings_are_due", v11_waiting_tellings_are_due),
];

/// What does not hold.
pub(super) fn faults(rows: &Snapshot) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (name, invariant) in INVARIANTS {
        let mut findings = Findings { name, listed: Vec::new(), more: 0 };
        if let Err(e) = invariant(rows, &mut findings) {
            findings.add(e.to_string());
        }
        faults.append(&mut findings.done());
    }
    faults
}

struct Findings {
    name: &'static str,
    listed: Vec<Fault>,
    more: u64,
}

impl Findings {
    fn add(&mut self, what: String) {
        if self.listed.len() < LISTED {
            self.listed.push(Fault { invariant: self.name, what });
        } else {
            self.more += 1;
        }
    }

    fn unless(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.add(what());
        }
    }

    fn done(mut self) -> Vec<Fault> {
        if self.more > 0 {
            let what = format!("and {} more", self.more);
            self.listed.push(Fault { invariant: self.name, what });
        }
        self.listed
    }
}

fn at(tab: Tab, key: &[u8]) -> String {
    format!("table {}, key {}", tab.name(), keys::shown(key))
}

type Each<'e, T> = dyn FnMut(&[u8], T) -> Result<(), StoreError> + 'e;

/// Calls `each` with every record that can be read; the others are `v0`'s.
pub(super) fn records<T: DeserializeOwned>(
    rows: &Snapshot,
    tab: Tab,
    each: &mut Each<'_, T>,
) -> Result<(), StoreError> {
    rows.walk(tab, &Span::all(), &mut |key, bytes| {
        if let Ok(record) = codec::decode(tab, key, bytes) {
            each(key, record)?;
        }
        GO_ON
    })
}

fn readable<T: DeserializeOwned>(rows: &Snapshot, tab: Tab, found: &mut Findings) -> Result<(), StoreError> {
    rows.walk(tab, &Span::all(), &mut |key, bytes| {
        if let Err(e) = codec::decode::<T>(tab, key, bytes) {
            found.add(e.to_string());
        }
        GO_ON
    })
}

fn openable<T: DeserializeOwned>(rows: &Snapshot, tab: Tab, found: &mut Findings) -> Result<(), StoreError> {
    rows.walk(tab, &Span::all(), &mut |key, sealed| {
        if let Err(e) = open_record::<T>(rows.keyring(), tab, key, sealed) {
            found.add(e.to_string());
        }
        GO_ON
    })
}

fn v0_every_record_is_readable(rows: &Snapshot, found: &mut Findings) -> Result<(), StoreError> {
    readable::<Order>(rows, Tab::Orders, found)?;
    readable::<Event>(rows, Tab::Timeline, found)?;
    readable::<Change>(rows, Tab::Changes, found)?;
    readable::<Job>(rows, Tab::Jobs, found)?;
    readable::<PollState>(rows, Tab::Polls, found)?;
    readable::<SyncStatus>(rows, Tab::Syncs, found)?;
    readable::<ConnectionState>(rows, Tab::Connections, found)?;
    readable::<Left>(rows, Tab::Allowances, found)?;
    readable::<FailureRow>(rows, Tab::Failures, found)?;
    readable::<Notification>(rows, Tab::Notifications, found)?;
    readable::<commands::AskedRow>(rows, Tab::Asked, found)?;
    readable::<api_keys::KeyRow>(rows, Tab::ApiKeys, found)?;
    openable::<crate::model::Person>(rows, Tab::Persons, found)?;
    openable::<Tokens>(rows, Tab::Tokens, found)?;
    openable::<Action>(rows, Tab::Actions, found)?;
    for tab in [Tab::Inbox, Tab::Waiting] {
        rows.walk(tab, &Span::all(), &mut |key, sealed| {
            if let Err(e) = deliveries::head_of(rows, tab, key, sealed) {
                found.add(e.to_string());
            }
            GO_ON
        })?;
    }
    Ok(())
}

fn v1_due_rows_lead_to_waiting_jobs(rows: &Snapshot, found: &mut Findings) -> Result<(), StoreError> {
    let mut due_rows = 0_u64;
    rows.walk(Tab::Due, &Span::all(), &mut |row, _| {
        due_rows += 1;
        let parsed = jobs::cut_due(row);
        let job = match &parsed {
            Some((_, _, key)) => jobs::load(rows, key)?,
            None => None,
        };
        let leads = parsed
            .zip(job)
            .is_some_and(|((lane, due, _), job)| !job.parked && (job.lane, job.due) == (lane, due));
        found.unless(leads, || format!("{} leads to no waiting job", at(Tab::Due, row)));
        GO_ON
    })?;
    let (mut waiting, mut running) = (0_u64, 0_u64);
    records::<Job>(rows, Tab::Jobs, &mut |key, job| {
        waiting += u64::from(!job.parked);
        running += u64::from(job.run.is_some());
        let started = rows.has(Tab::Started, key)?;
        found
            .unless(started == job.run.is_some(), || format!("{}: its run is not noted", at(Tab::Jobs, key)));
        Ok(())
    })?;
    found.unless(due_rows == waiting, || format!("{due_rows} due rows, but {waiting} waiting jobs"));
    let started = rows.count(Tab::Started, &Span::all())?;
    found.unless(started == running, || format!("{started} runs noted, but {running} under way"));
    Ok(())
}

fn v2_a_job_wants_more_than_was_done(rows: &Snapshot, found: &mut Findings) -> Result<(), StoreError> {
    records::<Job>(rows, Tab::Jobs, &mut |key, job| {
        found.unless(job.done < job.wanted, || format!("{} wants nothing", at(Tab::Jobs, key)));
        let seen = job.run.as_ref().is_none_or(|run| run.seen <= job.wanted);
        found.unless(seen, || format!("{}: its run has seen the future", at(Tab::Jobs, key)));
        Ok(())
    })
}

fn v3_timelines_have_no_gaps(rows: &Snapshot, found: &mut Findings) -> Result<(), StoreError> {
    let mut expected: Option<(OrderKey, u64)> = None;
    rows.walk(Tab::Timeline, &Span::all(), &mut |row, _| {
        let mut cut = keys::Cut(row);
        let Some((key, seq)) = cut.order().zip(cut.u64()) else {
            found.add(format!("{} is unknown", at(Tab::Timeline, row)));
            return GO_ON;
        };
        let next = match &expected {
            Some((order, next)) if *order == key => *next,
            _ => 0,
        };
        found.unless(seq == next, || format!("order {key}: event {next} is missing before {seq}"));
        expected = Some((key, seq + 1));
        GO_ON
    })?;
    let mut total = 0;
    records::<Order>(rows, Tab::Orders, &mut |_, order| {
        total += order.next_seq;
        let last = order.next_seq.checked_sub(1).map(|last| keys::event(&order.key, last));
        let ends = match last {
            Some(last) => rows.has(Tab::Timeline, &last)?,
            None => true,
        };
        found.unless(ends, || format!("order {}: its newest event is missing", order.key));
        Ok(())
    })?;
    let events = rows.count(Tab::Timeline, &Span::all())?;
    found.unless(events == total, || format!("{events} events, but the orders know of {total}"));
    Ok(())
}

fn v4_personal_data_belongs_to_an_order_and_ends(
    rows: &Snapshot,
    found: &mut Findings,
) -> Result<(), StoreError> {
    rows.walk(Tab::Persons, &Span::all(), &mut |key, _| {
        let order = rows.record::<Order>(Tab::Orders, key).unwrap_or(None);
        let Some(order) = order else {
            found.add(format!("{} belongs to no order", at(Tab::Persons, key)));
            return GO_ON;
        };
        found.unless(!order.erased, || format!("order {} is erased, its person is there", order.key));
        let ends = ended_at(&order).is_none() || rows.has(Tab::Ended, key)?;
        found.unless(ends, || format!("order {} has ended, its retention does not run", order.key));
        GO_ON
    })?;
    rows.walk(Tab::Ended, &Span::all(), &mut |key, value| {
        found.unless(rows.has(Tab::Persons, key)?, || format!("{} has no person", at(Tab::Ended, key)));
        let ended = Timestamp::from_millis(to_number(Tab::Ended, key, value)?.cast_signed());
        let listed = match keys::Cut(key).order() {
            Some(order) => rows.has(Tab::Retention, &keys::retention(&order, ended))?,
            None => false,
        };
        found.unless(listed, || format!("{} is not listed by time", at(Tab::Ended, key)));
        GO_ON
    })?;
    same_count(rows, Tab::Ended, Tab::Retention, found)
}

fn same_count(rows: &Snapshot, one: Tab, other: Tab, found: &mut Findings) -> Result<(), StoreError> {
    let (a, b) = (rows.count(one, &Span::all())?, rows.count(other, &Span::all())?);
    found.unless(a == b, || format!("{a} rows in {}, but {b} in {}", one.name(), other.name()));
    Ok(())
}

fn v5_open_actions_are_due_one_runs_per_order(
    rows: &Snapshot,
    found: &mut Findings,
) -> Result<(), StoreError> {
    let mut open = 0_u64;
    let mut running = HashSet::new();
    rows.walk(Tab::Actions, &Span::all(), &mut |key, sealed| {
        let Ok(action) = open_record::<Action>(rows.keyring(), Tab::Actions, key, sealed) else {
            return GO_ON;
        };
        let due = rows.get(Tab::OrderActions, &keys::order_action(&action.order, action.id))?;
        let due = due.map(|due| keys::Cut(&due).time());
        let is_open = !actions::is_final(action.state);
        open += u64::from(is_open);
        let queued = match due {
            Some(Some(due)) => {
                let row = keys::action_due(&action.order.channel, due, action.id);
                is_open && rows.has(Tab::ActionDue, &row)?
            }
            Some(None) => !is_open,
            None => false,
        };
        found.unless(queued, || format!("action {} is {} but not queued so", action.id, action.state));
        if action.state == ActionState::Running {
            let alone = running.insert(action.order.clone());
            found.unless(alone, || format!("order {}: two actions run at once", action.order));
        }
        GO_ON
    })?;
    let due = rows.count(Tab::ActionDue, &Span::all())?;
    found.unless(due == open, || format!("{due} actions due, but {open} open"));
    same_count(rows, Tab::Actions, Tab::OrderActions, found)
}

fn v6_windows_are_whole(rows: &Snapshot, found: &mut Findings) -> Result<(), StoreError> {
    records::<PollState>(rows, Tab::Polls, &mut |key, place| {
        let whole = place.window.is_none_or(|window| window.to.is_none_or(|to| to >= window.from));
        found.unless(whole, || format!("{}: its window ends before it begins", at(Tab::Polls, key)));
        Ok(())
    })
}

fn v7_pending_deliveries_are_remembered(rows: &Snapshot, found: &mut Findings) -> Result<(), StoreError> {
    for tab in [Tab::Inbox, Tab::Waiting] {
        rows.walk(tab, &Span::all(), &mut |key, sealed| {
            let (Ok(head), Some(channel)) =
                (deliveries::head_of(rows, tab, key, sealed), keys::Cut(key).channel())
            else {
                return GO_ON;
            };
            let id = keys::delivery_id(&channel, &head.delivery_id);
            let fresh = head.attempts == 0 && head.alias.is_none();
            let known = !fresh || rows.has(Tab::DeliveryIds, &id)?;
            found.unless(known, || format!("{}: its id was forgotten", at(tab, key)));
            GO_ON
        })?;
    }
    same_count(rows, Tab::Waiting, Tab::WaitingAt, found)
}

fn v8_views_equal_a_recount(rows: &Snapshot, found: &mut Findings) -> Result<(), StoreError> {
    let mut expected: BTreeMap<usize, u64> = BTreeMap::new();
    let mut counts: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    records::<Order>(rows, Tab::Orders, &mut |key, order| {
        let person = rows.sealed(Tab::Persons, key).unwrap_or(None).unwrap_or_default();
        for (tab, row, value) in views::rows_of(rows.keyring(), &order, &person) {
            *expected.entry(tab.index()).or_default() += 1;
            let right = rows.get(tab, &row)?.as_ref() == Some(&value);
            found.unless(right, || format!("order {} is not in {} as it should be", order.key, tab.name()));
        }
        *counts.entry(Facet::of(&order).key(&order.key.channel).done()).or_default() += 1;
        Ok(())
    })?;
    expected.insert(Tab::Counts.index(), counts.len() as u64);
    for (key, count) in &counts {
        let right = rows.number(Tab::Counts, key)? == Some(*count);
        found.unless(right, || format!("{} is not {count}", at(Tab::Counts, key)));
    }
    for tab in Tab::VIEWS {
        let wanted = expected.get(&tab.index()).copied().unwrap_or(0);
        let there = rows.count(tab, &Span::all())?;
        found.unless(there == wanted, || format!("{} has {there} rows instead of {wanted}", tab.name()));
    }
    Ok(())
}

fn v9_tokens_have_a_generation(rows: &Snapshot, found: &mut Findings) -> Result<(), StoreError> {
    rows.walk(Tab::Tokens, &Span::all(), &mut |key, sealed| {
        if let Ok(tokens) = open_record::<Tokens>(rows.keyring(), Tab::Tokens, key, sealed) {
            found.unless(tokens.generation > 0, || format!("{} has none", at(Tab::Tokens, key)));
        }
        GO_ON
    })
}

fn v10_every_pointer_leads_somewhere(rows: &Snapshot, found: &mut Findings) -> Result<(), StoreError> {
    let pointers = [
        (Tab::FailureOf, Tab::Failures),
        (Tab::Incidents, Tab::Notifications),
        (Tab::KeyHashes, Tab::ApiKeys),
        (Tab::Bulk, Tab::Syncs),
    ];
    for (from, to) in pointers {
        rows.walk(from, &Span::all(), &mut |key, target| {
            found.unless(rows.has(to, target)?, || format!("{} leads nowhere", at(from, key)));
            GO_ON
        })?;
    }
    same_count(rows, Tab::FailureOf, Tab::Failures, found)?;
    same_count(rows, Tab::KeyHashes, Tab::ApiKeys, found)?;
    rows.walk(Tab::Untold, &Span::all(), &mut |key, _| {
        found
            .unless(rows.has(Tab::Notifications, key)?, || format!("{} leads nowhere", at(Tab::Untold, key)));
        GO_ON
    })?;
    records::<FailureRow>(rows, Tab::Failures, &mut |key, failure| {
        found.unless(Subject::of(&failure).is_some(), || {
            format!("{} is about nothing", at(Tab::Failures, key))
        });
        Ok(())
    })?;
    records::<api_keys::KeyRow>(rows, Tab::ApiKeys, &mut |key, row| {
        let ApiKey { id, .. } = row.key;
        found.unless(rows.has(Tab::KeyHashes, &row.hash)?, || {
            format!("{}: key {id} opens nothing", at(Tab::ApiKeys, key))
        });
        Ok(())
    })
}

fn v11_waiting_tellings_are_due(rows: &Snapshot, found: &mut Findings) -> Result<(), StoreError> {
    let mut waiting = 0_u64;
    rows.walk(Tab::Notifications, &Span::all(), &mut |key, bytes| {
        let (Ok(told), Ok(id)) =
            (codec::decode::<Notification>(Tab::Notifications, key, bytes), uuid::Uuid::from_slice(key))
        else {
            return GO_ON;
        };
        for telling in told.tellings.iter().filter(|known| known.state == TellingState::Waiting) {
            waiting += 1;
            let due = rows.has(Tab::TellingDue, &tellings::due_row(id, telling))?;
            found.unless(due, || format!("{} waits but is not due", at(Tab::Notifications, key)));
        }
        GO_ON
    })?;
    let due = rows.count(Tab::TellingDue, &Span::all())?;
    found.unless(due == waiting, || format!("{due} tellings due, but {waiting} waiting"));
    Ok(())
}
