//! The state of each marketplace connection, and what its changes mean for the merchant.

use super::failures::{self, Subject};
use super::rows::Rows;
use super::tables::Tab;
use super::txn::Txn;
use super::{ConnectionChange, Incident, Store, StoreError, Success, incidents, keys};
use crate::model::{
    ChannelError, ChannelId, ConnectionState, ConnectionStatus, Failure, FailureKind, SyncError, Timestamp,
};

/// So many failures in a row and the connection is shown as degraded.
const DEGRADED_AFTER: u32 = 3;
/// So many and the merchant is told.
const TOLD_AFTER: u32 = 5;

impl Store {
    /// The connection of a channel; `None` when it was never configured. Table `connections`.
    pub fn connection(&self, channel: &ChannelId) -> Result<Option<ConnectionState>, StoreError> {
        load(&self.snapshot()?, channel)
    }

    /// T connection: read, change, write; opens and closes incidents for status changes. Tables
    /// `connections`, `failures`, `notifications`. `NotFound` before the channel was configured.
    pub async fn update_connection(
        &self,
        channel: &ChannelId,
        change: ConnectionChange,
        now: Timestamp,
    ) -> Result<ConnectionState, StoreError> {
        let channel = channel.clone();
        self.write("update_connection", move |tx| update(tx, &channel, change, now)).await
    }
}

pub(super) fn load(rows: &impl Rows, channel: &ChannelId) -> Result<Option<ConnectionState>, StoreError> {
    rows.record(Tab::Connections, &keys::Key::of(channel).done())
}

fn save(tx: &mut Txn<'_>, channel: &ChannelId, state: &ConnectionState) -> Result<(), StoreError> {
    tx.put(Tab::Connections, keys::Key::of(channel).done(), state)
}

/// Other tokens than those that were refused are in force.
pub(super) fn revive_grant(tx: &mut Txn<'_>, channel: &ChannelId, now: Timestamp) -> Result<(), StoreError> {
    let state = load(tx, channel)?;
    // Of a channel that is down, the next success tells.
    if state.as_ref().is_none_or(|state| state.status != ConnectionStatus::NeedsReconnect) {
        incidents::close(tx, &renewal_key(channel), now)?;
    }
    match state {
        Some(state) if state.dead_grant.is_some() => {
            save(tx, channel, &ConnectionState { dead_grant: None, ..state })
        }
        _ => Ok(()),
    }
}

/// The newest webhook of the channel.
pub(super) fn webhook_seen(tx: &mut Txn<'_>, channel: &ChannelId, at: Timestamp) -> Result<(), StoreError> {
    let Some(mut state) = load(tx, channel)?.filter(|state| state.last_webhook_at < Some(at)) else {
        return Ok(());
    };
    state.last_webhook_at = Some(at);
    save(tx, channel, &state)
}

pub(super) fn update(
    tx: &mut Txn<'_>,
    channel: &ChannelId,
    change: ConnectionChange,
    now: Timestamp,
) -> Result<ConnectionState, StoreError> {
    let before = load(tx, channel)?;
    let mut state = match (&before, &change) {
        (Some(state), _) => state.clone(),
        (None, ConnectionChange::Configured { kind, enabled, credentials }) => {
            new_state(kind, *enabled, credentials.clone(), now)
        }
        (None, _) => return Err(StoreError::NotFound("channel")),
    };
    let status = state.status;
    let failure = match change {
        ConnectionChange::Configured { kind, enabled, credentials } => {
            configure(&mut state, kind, enabled, credentials);
            None
        }
        ConnectionChange::Succeeded { what, begun } => {
            succeed(&mut state, what, begun, now);
            None
        }
        ConnectionChange::Failed { failure } => {
            fail(&mut state, &failure, now);
            Some(failure)
        }
        ConnectionChange::PollRefused { failure } => {
            refuse(&mut state, &failure, now);
            Some(failure)
        }
        ConnectionChange::GrantDied { message } => {
            state.dead_grant = Some(message);
            None
        }
        ConnectionChange::RenewalRefused { failure, until } => {
            state.last_error = Some(error_of(&failure, now));
            access_will_end(tx, renewal_key(channel), channel, until, &failure, now)?;
            None
        }
        ConnectionChange::Webhook => {
            state.last_webhook_at = Some(now);
            None
        }
        ConnectionChange::Parked { until } => {
            state.parked_until = Some(until);
            None
        }
        ConnectionChange::Reconnected => {
            reconnect(&mut state);
            for key in [renewal_key(channel), access_key(channel)] {
                incidents::close(tx, &key, now)?;
            }
            None
        }
    };
    if state.status != status {
        state.status_since = now;
    }
    tell(tx, channel, status, &state, failure.as_ref(), now)?;
    if before.as_ref() != Some(&state) {
        save(tx, channel, &state)?;
    }
    Ok(state)
}

fn new_state(kind: &str, enabled: bool, credentials: String, now: Timestamp) -> ConnectionState {
    ConnectionState {
        kind: kind.to_owned(),
        status: if enabled { ConnectionStatus::Connected } else { ConnectionStatus::Disabled },
        status_since: now,
        last_success_at: None,
        last_error: None,
        last_webhook_at: None,
        parked_until: None,
        failures: 0,
        poll_refused: false,
        credentials,
        dead_grant: None,
    }
}

fn configure(state: &mut ConnectionState, kind: &str, enabled: bool, credentials: String) {
    let renewed = state.credentials != credentials;
    kind.clone_into(&mut state.kind);
    state.credentials = credentials;
    if renewed {
        state.dead_grant = None;
    }
    match (enabled, state.status) {
        (false, _) => state.status = ConnectionStatus::Disabled,
        (true, ConnectionStatus::Disabled) => reconnect(state),
        (true, ConnectionStatus::NeedsReconnect) if renewed => reconnect(state),
        (true, _) => {}
    }
}

fn reconnect(state: &mut ConnectionState) {
    state.status = ConnectionStatus::Connected;
    state.failures = 0;
    state.poll_refused = false;
    state.parked_until = None;
    state.last_error = None;
    state.dead_grant = None;
}

fn succeed(state: &mut ConnectionState, what: Success, begun: Timestamp, now: Timestamp) {
    if what != Success::Call {
        state.last_success_at = Some(now);
    }
    let ill = matches!(state.status, ConnectionStatus::Degraded | ConnectionStatus::NeedsReconnect);
    // An answer from before the trouble is no sign that it is over.
    if ill && begun < state.status_since {
        return;
    }
    state.parked_until = state.parked_until.filter(|until| *until > now);
    state.poll_refused &= what != Success::Poll;
    if state.poll_refused {
        return;
    }
    state.failures = 0;
    if ill {
        state.status = ConnectionStatus::Connected;
    }
}

fn fail(state: &mut ConnectionState, failure: &Failure, now: Timestamp) {
    state.last_error = Some(error_of(failure, now));
    if failure.local || state.status == ConnectionStatus::Disabled {
        return;
    }
    match failure.kind {
        FailureKind::Permission => {
            state.failures += 1;
            state.status = ConnectionStatus::NeedsReconnect;
        }
        FailureKind::RateLimited => state.parked_until = failure.resume_at.or(state.parked_until),
        FailureKind::NetworkTimeout | FailureKind::Unavailable => {
            state.failures += 1;
            if state.failures >= DEGRADED_AFTER && state.status == ConnectionStatus::Connected {
                state.status = ConnectionStatus::Degraded;
            }
        }
        FailureKind::NotFound | FailureKind::InvalidRequest | FailureKind::Unsupported => {}
    }
}

fn error_of(failure: &Failure, now: Timestamp) -> ChannelError {
    ChannelError { kind: failure.kind, message: failure.message.clone(), at: now }
}

fn refuse(state: &mut ConnectionState, failure: &Failure, now: Timestamp) {
    state.last_error = Some(error_of(failure, now));
    state.failures += 1;
    state.poll_refused = true;
    if state.status == ConnectionStatus::Connected {
        state.status = ConnectionStatus::Degraded;
    }
}

/// Opens, counts up or closes what the merchant is told about the connection.
fn tell(
    tx: &mut Txn<'_>,
    channel: &ChannelId,
    before: ConnectionStatus,
    state: &ConnectionState,
    failure: Option<&Failure>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let subject = Subject::Poll(channel.clone());
    match (state.status, failure) {
        (ConnectionStatus::Connected | ConnectionStatus::Disabled, None) => {
            failures::cure(tx, &subject, now)?;
            recovered(tx, channel, before, state, now)
        }
        (ConnectionStatus::NeedsReconnect, Some(failure)) if failure.kind == FailureKind::Permission => {
            failures::put(tx, &subject, failure.to_error(None), state.failures, now)?;
            if before != ConnectionStatus::NeedsReconnect {
                down(tx, channel, failure, now)?;
            }
            Ok(())
        }
        (ConnectionStatus::Degraded, Some(failure)) if failure.kind.is_refusal() => {
            failures::put(tx, &subject, failure.to_error(None), state.failures, now)?;
            down(tx, channel, failure, now)
        }
        (ConnectionStatus::Degraded, Some(failure)) if failure.kind.is_temporary() => {
            let error = SyncError { retry_at: state.parked_until.or(Some(now)), ..failure.to_error(None) };
            failures::put(tx, &subject, error, state.failures, now)?;
            if state.failures == TOLD_AFTER {
                down(tx, channel, failure, now)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn incident_key(channel: &ChannelId) -> String {
    format!("channel:{channel}")
}

fn down(tx: &mut Txn<'_>, channel: &ChannelId, failure: &Failure, now: Timestamp) -> Result<(), StoreError> {
    let advice = if failure.kind.is_refusal() {
        "Orders cannot be listed. Correct what the message names in config.toml or at the marketplace; \
         `fenicia check --online` tells more. The poll is tried again on its schedule."
    } else {
        failure.kind.advice()
    };
    // What was told ahead has come true: that is the same trouble.
    let ahead = incidents::is_open(tx, &renewal_key(channel))?;
    let incident = Incident {
        key: if ahead { renewal_key(channel) } else { incident_key(channel) },
        kind: Incident::CHANNEL_DOWN,
        channel: Some(channel.clone()),
        order: None,
        error: Some(failure.to_error(None)),
        message: format!("Channel {channel} does not work: {}", failure.message),
        advice: advice.to_owned(),
    };
    incidents::open(tx, incident, now).map(drop)
}

fn recovered(
    tx: &mut Txn<'_>,
    channel: &ChannelId,
    before: ConnectionStatus,
    state: &ConnectionState,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut closed = incidents::close(tx, &incident_key(channel), now)?;
    if before == ConnectionStatus::NeedsReconnect {
        closed = closed.or(incidents::close(tx, &renewal_key(channel), now)?);
    }
    let Some(closed) = closed.filter(|_| state.status == ConnectionStatus::Connected) else {
        return Ok(());
    };
    let minutes = now.since(closed.opened_at).as_secs().div_ceil(60);
    let incident = Incident {
        key: incident_key(channel),
        kind: "channel_recovered",
        channel: Some(channel.clone()),
        order: None,
        error: None,
        message: format!("Channel {channel} works again, after {minutes} minutes."),
        advice: "Nothing to do: what was missed is being fetched.".to_owned(),
    };
    incidents::tell(tx, incident, now)
}

/// Told by the marketplace that our access ends.
fn access_key(channel: &ChannelId) -> String {
    format!("access:{channel}")
}

/// Found out by a renewal that was refused.
fn renewal_key(channel: &ChannelId) -> String {
    format!("renewal:{channel}")
}

/// Told while there is time to reconnect.
fn access_will_end(
    tx: &mut Txn<'_>,
    key: String,
    channel: &ChannelId,
    at: Option<Timestamp>,
    failure: &Failure,
    now: Timestamp,
) -> Result<(), StoreError> {
    let when = at.map_or_else(|| "soon".to_owned(), |at| format!("at {}", at.to_rfc3339_secs()));
    let incident = Incident {
        key,
        kind: Incident::CHANNEL_DOWN,
        channel: Some(channel.clone()),
        order: None,
        error: Some(failure.to_error(None)),
        message: format!("Access to channel {channel} ends {when}: {}", failure.message),
        advice: failure.advice().to_owned(),
    };
    incidents::open(tx, incident, now).map(drop)
}

/// The marketplace has ended, or will end, our access.
pub(super) fn access_ends(
    tx: &mut Txn<'_>,
    channel: &ChannelId,
    ends_at: Option<Timestamp>,
    message: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let failure = Failure::permission(message);
    if ends_at.is_some_and(|at| at > now) {
        return access_will_end(tx, access_key(channel), channel, ends_at, &failure, now);
    }
    if load(tx, channel)?.is_some() {
        update(tx, channel, ConnectionChange::Failed { failure }, now)?;
    }
    Ok(())
}
