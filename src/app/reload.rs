//! SIGHUP: another config, applied channel by channel, or refused whole.

use std::path::Path;

use super::daemon::Daemon;
use crate::channel::Env;
use crate::config::{self, Config, Diff};
use crate::kinds::KINDS;
use crate::telemetry::metrics;

/// Reads the file again. `None` when the old config goes on, with the reasons in the log.
pub async fn reload(daemon: &Daemon, old: &Config, path: &Path, env: &Env) -> Option<Config> {
    let (fresh, connections) = match config::load_connected(path, KINDS, env) {
        Ok(loaded) => loaded,
        Err(faults) => {
            tracing::error!("the new config is refused, the old one goes on:\n{faults}");
            outcome("refused");
            return None;
        }
    };
    let diff = Diff::between(old, &fresh);
    let rekinded: Vec<&str> = diff.rekinded().map(crate::model::ChannelId::as_str).collect();
    if !rekinded.is_empty() {
        tracing::error!(
            channels = rekinded.join(" "),
            "the new config is refused, the old one goes on: a channel's id names another marketplace than before. \
             Give the new channel an id of its own"
        );
        outcome("refused");
        return None;
    }
    for key in &diff.restart_needed {
        tracing::warn!(key, "this change takes effect at the next start");
    }
    daemon.handle().reload(&fresh, connections).await;
    daemon.take_up(&fresh);
    let count = diff.added.len() + diff.removed.len() + diff.changed.len();
    tracing::info!(channels = count, "config reloaded");
    outcome("applied");
    Some(fresh)
}

fn outcome(outcome: &'static str) {
    metrics::config_reloads(outcome).increment(1);
}
