//! The config file: read once, checked whole, compared when it is read again.
//!
//! Every fault is found in one reading, with its line and what to write instead. What comes out
//! holds no reference to the file any more: secrets are resolved, paths absolute, schedules parsed.
//! The config knows no marketplace by name; the kinds are handed in.

mod channel;
mod cidr;
mod diff;
mod fault;
mod listener;
mod notify;
mod reading;
mod schedule;
mod secret;
mod signing_key;
mod store;
mod sync;
mod table;
mod units;
mod validate;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::channel::{Channel, Env, Kind};
use crate::model::ChannelId;

pub use channel::ChannelConfig;
pub use cidr::Cidr;
pub use diff::{Change, Diff};
pub use fault::{Fault, Faults};
pub use listener::{Admin, User, Webhooks};
pub use notify::{Mailbox, Notify, Occasion, Security, Target};
pub use schedule::{BadSchedule, Schedule};
pub use signing_key::SigningKey;
pub use store::Store;
pub use sync::{Erasure, Sync};
pub use units::parse_span;

use reading::{Reading, Surroundings};

/// The whole file, resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub store: Store,
    pub webhooks: Webhooks,
    pub admin: Admin,
    pub sync: Sync,
    /// By the id after `notify.`.
    pub notify: BTreeMap<String, Notify>,
    pub channels: BTreeMap<ChannelId, ChannelConfig>,
    /// What is allowed and still worth a look. Logged at start, printed by `check`.
    pub warnings: Vec<Fault>,
}

/// Every channel, ready to be called; a disabled one is [`crate::channel::Dormant`].
pub type Connections = BTreeMap<ChannelId, Arc<dyn Channel>>;

impl Config {
    /// The address that the channel's marketplace is told to send its webhooks to. `None` while
    /// there is no public address, or the marketplace sends none.
    pub fn webhook_url(&self, channel: &ChannelConfig) -> Option<String> {
        let path = channel.webhook_path()?;
        self.webhooks.public_url.as_ref().map(|url| format!("{url}{path}"))
    }
}

/// Reads and checks the file at `path`. All faults at once, sorted by line.
pub fn load(path: &Path, kinds: &[&'static Kind]) -> Result<Config, Faults> {
    read(path, kinds, None).map(|(config, _)| config)
}

/// As [`load`], and lets each enabled channel's connector check its values and connect them.
pub fn load_connected(
    path: &Path,
    kinds: &[&'static Kind],
    env: &Env,
) -> Result<(Config, Connections), Faults> {
    read(path, kinds, Some(env))
}

/// Where the daemon of a config keeps its data and listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    pub data: PathBuf,
    pub admin: SocketAddr,
}

/// Finds a daemon without judging its config: a client command need not be allowed to read the
/// secrets. `None` when there is no such file.
pub fn locate(path: &Path) -> Option<Whereabouts> {
    let text = std::fs::read_to_string(path).ok()?;
    let reading = Reading::new(path, &text, Surroundings::of_process(path));
    let (root, _) = toml::de::DeTable::parse_recoverable(&text);
    let mut table = table::Table::root(&reading, &root);
    let data = store::folder(&mut table.table("store"));
    Some(Whereabouts { data, admin: listener::admin_address(&mut table.table("admin")) })
}

fn read(path: &Path, kinds: &[&'static Kind], env: Option<&Env>) -> Result<(Config, Connections), Faults> {
    let text = std::fs::read_to_string(path).map_err(|error| fault::unreadable(path, &error))?;
    resolve(path, &text, kinds, env, Surroundings::of_process(path))
}

fn resolve(
    path: &Path,
    text: &str,
    kinds: &[&'static Kind],
    env: Option<&Env>,
    surroundings: Surroundings<'_>,
) -> Result<(Config, Connections), Faults> {
    let reading = Reading::new(path, text, surroundings);
    let (root, errors) = toml::de::DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        reading.syntax(&errors);
        return Err(Faults::sorted(reading.into_faults()));
    }
    let mut config = sections(&reading, &root, kinds);
    validate::whole(&reading, &config);
    let connections = env.map(|env| channel::connect(&reading, &config, env)).unwrap_or_default();
    let (faults, warnings) = reading.finish();
    if faults.is_empty() {
        config.warnings = warnings;
        Ok((config, connections))
    } else {
        Err(Faults::sorted(faults))
    }
}

/// A faulty value has been reported and is replaced by its default, a faulty channel left out, so
/// that the rest is still checked.
fn sections(
    reading: &Reading<'_>,
    root: &toml::Spanned<toml::de::DeTable<'_>>,
    kinds: &[&'static Kind],
) -> Config {
    let mut table = table::Table::root(reading, root);
    let store = store::read(&mut table);
    let webhooks = listener::webhooks(&mut table);
    let admin = listener::admin(&mut table);
    let sync = sync::read(&mut table);
    let notify = notify::read(&mut table);
    let channels = channel::read(&mut table, kinds, &sync);
    table.finish();
    Config { store, webhooks, admin, sync, notify, channels, warnings: Vec::new() }
}

#[cfg(test)]
mod tests;
