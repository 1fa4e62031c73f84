//! What the service manager is told: readiness, reloads, stopping, life signs.
//!
//! Without systemd every function does nothing.

use std::time::Duration;

use sd_notify::NotifyState;

/// The listeners are bound and the tree runs.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// A reload has begun; [`ready`] ends it.
pub fn reloading() {
    let begun = NotifyState::monotonic_usec_now();
    match begun {
        Ok(begun) => tell(&[NotifyState::Reloading, begun]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// A start or a stop takes this much longer.
pub fn extend_timeout(by: Duration) {
    tell(&[NotifyState::ExtendTimeoutUsec(u32::try_from(by.as_micros()).unwrap_or(u32::MAX))]);
}

/// How often a life sign is due, if the service manager wants any: half of its limit.
pub fn watchdog_every() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}

/// A life sign. Given only after the writer, the scheduler and root have answered.
pub fn alive() {
    tell(&[NotifyState::Watchdog]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}
