//! What becomes of a notification outside of the page: one telling per target and phase, until it
//! has arrived or is given up.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::rows::{GO_ON, Rows, STOP, Span};
use super::tables::Tab;
use super::txn::Txn;
use super::{Incident, Notification, Phase, Spoken, Store, StoreError, Telling, TellingState, Told, keys};
use crate::model::Timestamp;

/// Rows of targets that are no longer configured, ended by one transaction.
const BATCH: usize = 200;
/// Waiting tellings counted per target for the page.
const COUNTED: usize = 1_000;

impl Store {
    /// T address: from now on these notifications wait to be told to these targets, or to nobody.
    /// Killed before, the next start finds them in `untold`; after, in `telling_due`. Tables
    /// `untold`, `telling_due`, `notifications`.
    pub async fn address(
        &self,
        letters: Vec<(String, Vec<String>)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("address", move |tx| {
            for (id, targets) in &letters {
                let Some(id) = parse(id) else { continue };
                if tx.remove(Tab::Untold, id.as_bytes())?
                    && let Some(mut told) = load(tx, id)?
                {
                    for target in targets {
                        wait(tx, id, &mut told, target, Phase::Opened, now)?;
                    }
                    save(tx, id, &told)?;
                }
            }
            Ok(())
        })
        .await
    }

    /// What is to be told to this target now, the longest due first. Table `telling_due`.
    pub fn due_tellings(
        &self,
        target: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(Notification, Phase)>, StoreError> {
        let rows = self.snapshot()?;
        let end = keys::Key::new().text(target).time(now).uuid(Uuid::max()).byte(u8::MAX).done();
        let span = Span::prefix(prefix(target)).before(end);
        let mut due = Vec::new();
        for (key, _) in rows.rows(Tab::TellingDue, &span, limit)? {
            if let Some(found) = Waiting::of(&key)
                && let Some(told) = load(&rows, found.id)?
            {
                due.push((told, found.phase));
            }
        }
        Ok(due)
    }

    /// How many tellings wait for this target; counted up to 1,000.
    pub fn waiting_tellings(&self, target: &str) -> Result<usize, StoreError> {
        Ok(self.snapshot()?.rows(Tab::TellingDue, &Span::prefix(prefix(target)), COUNTED)?.len())
    }

    /// T told: what became of one message, which may have told of several. Tables `notifications`,
    /// `telling_due`.
    pub async fn settle_tellings(
        &self,
        target: &str,
        spoken: Vec<Spoken>,
        outcome: Told,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let target = target.to_owned();
        self.write("settle_tellings", move |tx| {
            for one in &spoken {
                settle(tx, &target, one, &outcome, now)?;
            }
            Ok(())
        })
        .await
    }

    /// T forget: gives up what waits for targets that are no longer configured. Answers how much
    /// that was; more may be left after a full batch.
    pub async fn forget_other_targets(
        &self,
        known: BTreeSet<String>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let mut others = Vec::new();
        self.snapshot()?.walk(Tab::TellingDue, &Span::all(), &mut |key, _| {
            others.extend(Waiting::of(key).filter(|found| !known.contains(&found.target)));
            if others.len() < BATCH { GO_ON } else { STOP }
        })?;
        if others.is_empty() {
            return Ok(0);
        }
        self.write("forget_other_targets", move |tx| {
            let gone = Told::GivenUp { error: "no longer in the config".to_owned() };
            for Waiting { target, id, phase, .. } in &others {
                let id = id.to_string();
                settle(tx, target, &Spoken { id, phase: *phase, over: false }, &gone, now)?;
            }
            Ok(others.len())
        })
        .await
    }
}

/// A row of `telling_due`, read from its key.
struct Waiting {
    target: String,
    id: Uuid,
    phase: Phase,
}

impl Waiting {
    fn of(key: &[u8]) -> Option<Self> {
        let mut cut = keys::Cut(key);
        let target = cut.text()?.to_owned();
        cut.time()?;
        let id = cut.uuid()?;
        let phase = if cut.byte()? == 0 { Phase::Opened } else { Phase::Closed };
        Some(Self { target, id, phase })
    }
}

/// The key of the row that a waiting telling has.
pub(super) fn due_row(id: Uuid, telling: &Telling) -> Vec<u8> {
    prefix_key(&telling.target).time(telling.at).uuid(id).byte(telling.phase as u8).done()
}

fn prefix_key(target: &str) -> keys::Key {
    keys::Key::new().text(target)
}

fn prefix(target: &str) -> Vec<u8> {
    prefix_key(target).done()
}

fn parse(id: &str) -> Option<Uuid> {
    Uuid::parse_str(id).ok()
}

fn load(rows: &impl Rows, id: Uuid) -> Result<Option<Notification>, StoreError> {
    rows.record(Tab::Notifications, id.as_bytes())
}

fn save(tx: &mut Txn<'_>, id: Uuid, told: &Notification) -> Result<(), StoreError> {
    tx.put(Tab::Notifications, id.as_bytes().to_vec(), told)
}

/// Each target is told of each phase at most once.
fn wait(
    tx: &mut Txn<'_>,
    id: Uuid,
    told: &mut Notification,
    target: &str,
    phase: Phase,
    now: Timestamp,
) -> Result<(), StoreError> {
    if told.tellings.iter().any(|known| known.target == target && known.phase == phase) {
        return Ok(());
    }
    let telling = Telling {
        target: target.to_owned(),
        phase,
        state: TellingState::Waiting,
        attempts: 0,
        at: now,
        error: None,
    };
    tx.put_bytes(Tab::TellingDue, due_row(id, &telling), &[])?;
    told.tellings.push(telling);
    Ok(())
}

/// Whoever was told of the incident is told of its end. Whoever was not yet hears of both at once;
/// the end of a channel's trouble is a notification of its own.
pub(super) fn closing(
    tx: &mut Txn<'_>,
    row: &[u8],
    told: &mut Notification,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Ok(id) = Uuid::from_slice(row) else { return Ok(()) };
    if told.kind == Incident::CHANNEL_DOWN {
        return Ok(());
    }
    let reached: Vec<String> = told
        .tellings
        .iter()
        .filter(|known| known.phase == Phase::Opened && known.state == TellingState::Delivered)
        .map(|known| known.target.clone())
        .collect();
    for target in reached {
        wait(tx, id, told, &target, Phase::Closed, now)?;
    }
    Ok(())
}

fn settle(
    tx: &mut Txn<'_>,
    target: &str,
    spoken: &Spoken,
    outcome: &Told,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(id) = parse(&spoken.id) else { return Ok(()) };
    let Some(mut told) = load(tx, id)? else { return Ok(()) };
    let waiting = told.tellings.iter_mut().find(|known| {
        known.target == target && known.phase == spoken.phase && known.state == TellingState::Waiting
    });
    let Some(telling) = waiting else { return Ok(()) };
    tx.remove(Tab::TellingDue, &due_row(id, telling))?;
    match outcome.clone() {
        Told::Delivered => {
            telling.attempts += 1;
            (telling.state, telling.error, telling.at) = (TellingState::Delivered, None, now);
        }
        Told::Again { error, at } => {
            telling.attempts += 1;
            (telling.error, telling.at) = (Some(error), at);
            tx.put_bytes(Tab::TellingDue, due_row(id, telling), &[])?;
        }
        Told::GivenUp { error } => {
            (telling.state, telling.error, telling.at) = (TellingState::GivenUp, Some(error), now);
        }
    }
    // It ended while this message was on its way, which could not say so.
    let unsaid = spoken.phase == Phase::Opened && told.closed_at.is_some() && !spoken.over;
    if *outcome == Told::Delivered && unsaid {
        closing(tx, id.as_bytes(), &mut told, now)?;
    }
    save(tx, id, &told)
}

/// The notification is pruned: nothing of it is told any more.
pub(super) fn forget(tx: &mut Txn<'_>, row: &[u8], told: &Notification) -> Result<(), StoreError> {
    let Ok(id) = Uuid::from_slice(row) else { return Ok(()) };
    for telling in told.tellings.iter().filter(|known| known.state == TellingState::Waiting) {
        tx.remove(Tab::TellingDue, &due_row(id, telling))?;
    }
    Ok(())
}
