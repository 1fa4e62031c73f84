//! What an operator asks for: executed once, and once only for the same idempotency key.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::failures::{self, Subject};
use super::jobs::{self, Want};
use super::orders::Draft;
use super::rows::{GO_ON, Rows, Span};
use super::tables::Tab;
use super::txn::Txn;
use super::{
    Asked, Command, CommandAnswer, CommandError, ConnectionChange, FailureRow, Store, StoreError,
    SyncRunState, actions, api_keys, codec, connections, incidents, keys, syncs,
};
use crate::model::{
    ActionRequest, ChannelId, Event, EventKind, Lane, Memo, OrderKey, SyncId, Timestamp, Trigger,
};

/// How long an idempotency key is remembered.
const REMEMBERED_FOR: Duration = Duration::from_hours(24);

/// A row of `asked`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AskedRow {
    pub(super) hash: [u8; 32],
    pub(super) answer: CommandAnswer,
    pub(super) expires_at: Timestamp,
}

impl Store {
    /// T command: executes once, and once only for the same idempotency key. Nothing is written
    /// when it is refused.
    pub async fn command(
        &self,
        command: Command,
        asked: Asked,
        now: Timestamp,
    ) -> Result<CommandAnswer, CommandError> {
        self.write("command", move |tx| {
            if let Some(key) = &asked.key
                && let Some(answer) = answered(tx, key, now)?
            {
                return Ok(answer);
            }
            let answer = execute(tx, command, &asked.by, now)?;
            if let Some((key, hash)) = asked.key {
                let answer = without_secret(answer.clone());
                let known = AskedRow { hash, answer, expires_at: now.plus(REMEMBERED_FOR) };
                tx.put(Tab::Asked, row(&key), &known)?;
            }
            Ok(answer)
        })
        .await
    }

    /// What `command` answered under this idempotency key, so that a repeat is answered before the
    /// request is checked against an order that has moved on. `KeyReused` for another request,
    /// `None` for a key that is new or expired.
    pub fn answered(&self, key: &(String, [u8; 32])) -> Result<Option<CommandAnswer>, CommandError> {
        answered(&self.snapshot()?, key, self.shared.clock.now())
    }
}

fn row(key: &str) -> Vec<u8> {
    keys::Key::new().text(key).done()
}

fn answered(
    rows: &impl Rows,
    (key, hash): &(String, [u8; 32]),
    now: Timestamp,
) -> Result<Option<CommandAnswer>, CommandError> {
    match rows.record::<AskedRow>(Tab::Asked, &row(key))?.filter(|known| known.expires_at > now) {
        None => Ok(None),
        Some(known) if known.hash == *hash => Ok(Some(known.answer)),
        Some(_) => Err(CommandError::KeyReused),
    }
}

fn without_secret(answer: CommandAnswer) -> CommandAnswer {
    match answer {
        CommandAnswer::Key { key, .. } => CommandAnswer::Key { key, secret: None },
        other => other,
    }
}

fn execute(
    tx: &mut Txn<'_>,
    command: Command,
    by: &str,
    now: Timestamp,
) -> Result<CommandAnswer, CommandError> {
    match command {
        Command::SyncOrder(key) => sync_order(tx, &key, by, now),
        Command::SyncChannel { channel, since } => sync_channel(tx, &channel, since, by, now),
        Command::StopSync(sync) => stop_sync(tx, sync, now),
        Command::Act { order, request, memo } => act(tx, &order, request, memo, by, now),
        Command::Retry(id) => {
            let failure = failures::by_id(tx, &id)?.ok_or(CommandError::NotFound("failure"))?;
            retry(tx, &failure, by, now)?.map_err(CommandError::Conflict)?;
            Ok(CommandAnswer::Retried(1))
        }
        Command::RetryAll { channel } => {
            let mut count = 0;
            for failure in failures::all(tx, channel.as_ref())? {
                count += u64::from(retry(tx, &failure, by, now)?.is_ok());
            }
            Ok(CommandAnswer::Retried(count))
        }
        Command::Dismiss(id) => dismiss(tx, &id, now),
        Command::ReadNotification(id) => {
            found(incidents::read(tx, &id)?, "notification").map(|()| CommandAnswer::Done)
        }
        Command::CreateKey { name, role } => {
            let (key, secret) = api_keys::create(tx, name, role, now)?;
            Ok(CommandAnswer::Key { key, secret: Some(secret) })
        }
        Command::RevokeKey(id) => found(api_keys::revoke(tx, &id)?, "key").map(|()| CommandAnswer::Done),
    }
}

fn found(there: bool, what: &'static str) -> Result<(), CommandError> {
    if there { Ok(()) } else { Err(CommandError::NotFound(what)) }
}

fn need_channel(tx: &Txn<'_>, channel: &ChannelId) -> Result<(), CommandError> {
    found(connections::load(tx, channel)?.is_some(), "channel")
}

/// An order that is not stored is looked for all the same: its timeline waits for it. Presses
/// before the run has begun share one sync.
fn sync_order(
    tx: &mut Txn<'_>,
    key: &OrderKey,
    by: &str,
    now: Timestamp,
) -> Result<CommandAnswer, CommandError> {
    need_channel(tx, &key.channel)?;
    let job = jobs::load(tx, key)?;
    let waiting = job.filter(|job| job.is_waiting() && job.lane == Lane::Manual && job.run.is_none());
    if let Some(waiter) = waiting.as_ref().and_then(|job| job.waiters.last())
        && waiting.as_ref().and_then(|job| job.by.as_deref()) == Some(by)
    {
        return Ok(CommandAnswer::Sync(waiter.sync));
    }
    let sync = syncs::start(tx, &key.channel, Some(key.clone()), None, by, now)?;
    let told = Event::new(now, EventKind::SyncRequested, Some(Trigger::Manual), "Sync requested")
        .by(Some(by.to_owned()));
    let mut want = Want { by: Some(by.to_owned()), waiter: Some(sync), ..Want::at(Lane::Manual, now) };
    match Draft::open(tx, key)? {
        Some(mut draft) => {
            draft.tell(told);
            draft.pending();
            draft.save(tx)?;
        }
        None => want.events.push(told),
    }
    jobs::want(tx, key, want)?;
    Ok(CommandAnswer::Sync(sync))
}

fn sync_channel(
    tx: &mut Txn<'_>,
    channel: &ChannelId,
    since: Timestamp,
    by: &str,
    now: Timestamp,
) -> Result<CommandAnswer, CommandError> {
    need_channel(tx, channel)?;
    if let Some(running) = syncs::running(tx, channel)? {
        return Err(CommandError::Running(running));
    }
    Ok(CommandAnswer::Sync(syncs::start(tx, channel, None, Some(since), by, now)?))
}

fn stop_sync(tx: &mut Txn<'_>, sync: SyncId, now: Timestamp) -> Result<CommandAnswer, CommandError> {
    let status = syncs::load(tx, sync)?.ok_or(CommandError::NotFound("sync"))?;
    if status.state != SyncRunState::Running {
        return Err(CommandError::Conflict("the sync has ended already".to_owned()));
    }
    syncs::end(tx, status, SyncRunState::Cancelled, None, now)?;
    Ok(CommandAnswer::Done)
}

fn act(
    tx: &mut Txn<'_>,
    order: &OrderKey,
    request: ActionRequest,
    memo: Memo,
    by: &str,
    now: Timestamp,
) -> Result<CommandAnswer, CommandError> {
    found(tx.has(Tab::Orders, &keys::order(order))?, "order")?;
    let under_way =
        actions::of_order(tx, order)?.into_iter().filter(|action| !actions::is_final(action.state));
    for action in under_way {
        let same =
            action.request == request || (action.request.kind() == "cancel" && request.kind() == "cancel");
        if same {
            return Err(CommandError::Conflict(format!(
                "the same action is under way already: {}",
                action.id
            )));
        }
    }
    Ok(CommandAnswer::Action(actions::request(tx, order, request, memo, by, now)?))
}

/// Puts failed work back. The inner `Err` says why it cannot be.
fn retry(
    tx: &mut Txn<'_>,
    failure: &FailureRow,
    by: &str,
    now: Timestamp,
) -> Result<Result<(), String>, StoreError> {
    match Subject::of(failure) {
        Some(Subject::Sync(key)) => {
            let want = Want { by: Some(by.to_owned()), ..Want::at(Lane::Manual, now) };
            jobs::want_order(tx, &key, want)?;
            Ok(Ok(()))
        }
        Some(Subject::Action(id, _)) => actions::retry(tx, id, now),
        Some(Subject::Poll(channel)) => {
            connections::update(tx, &channel, ConnectionChange::Reconnected, now)?;
            Ok(Ok(()))
        }
        None => Ok(Err("nothing is known about this failure".to_owned())),
    }
}

/// The failure is taken note of; what it was about is not tried again by itself.
fn dismiss(tx: &mut Txn<'_>, id: &str, now: Timestamp) -> Result<CommandAnswer, CommandError> {
    let failure = failures::by_id(tx, id)?.ok_or(CommandError::NotFound("failure"))?;
    let Some(subject) = Subject::of(&failure) else {
        return Err(CommandError::NotFound("failure"));
    };
    if failure.next_attempt_at.is_some() {
        return Err(CommandError::Conflict("it is going to be tried again by itself".to_owned()));
    }
    failures::clear(tx, &subject)?;
    if let Subject::Sync(key) = &subject {
        if let Some(job) = jobs::load(tx, key)?.filter(|job| job.parked) {
            jobs::save(tx, key, Some(&job), None)?;
        }
        incidents::close(tx, &format!("order:{key}"), now)?;
    }
    if let Subject::Action(action, _) = &subject {
        incidents::close(tx, &format!("action:{action}"), now)?;
    }
    Ok(CommandAnswer::Done)
}

/// Removes at most `limit` expired idempotency keys.
pub(super) fn prune(tx: &mut Txn<'_>, limit: usize, now: Timestamp) -> Result<usize, StoreError> {
    let mut gone = Vec::new();
    tx.walk(Tab::Asked, &Span::all(), &mut |key, bytes| {
        let known: AskedRow = codec::decode(Tab::Asked, key, bytes)?;
        if known.expires_at <= now && gone.len() < limit {
            gone.push(key.to_vec());
        }
        GO_ON
    })?;
    for key in &gone {
        tx.remove(Tab::Asked, key)?;
    }
    Ok(gone.len())
}
