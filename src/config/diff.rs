//! What a second reading of the file changes in a running daemon.

use super::{ChannelConfig, Config};
use crate::model::ChannelId;

/// From one config to the next. Channels that are not named keep running untouched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    pub added: Vec<ChannelId>,
    /// Gone from the file: stopped, their orders kept.
    pub removed: Vec<ChannelId>,
    pub changed: Vec<(ChannelId, Change)>,
    /// Sections and keys beside the channels that take effect at once, by their dotted names.
    pub applied: Vec<&'static str>,
    /// Keys whose new value needs a restart; until then the old one holds.
    pub restart_needed: Vec<&'static str>,
}

/// How much of a channel changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Its next poll moves, nothing is interrupted.
    Schedule,
    /// Its name, schedule or retention: nothing is interrupted.
    Labels,
    Enabled,
    Disabled,
    /// It is connected anew, with the new settings.
    Connection,
    /// The id names another marketplace now, whose orders would mix with the old ones: the new
    /// config must be refused. Ids are never reused.
    Kind,
}

impl Diff {
    pub fn between(old: &Config, new: &Config) -> Self {
        let mut diff = Self::default();
        for (id, channel) in &new.channels {
            match old.channels.get(id) {
                None => diff.added.push(id.clone()),
                Some(before) => {
                    diff.changed.extend(change(before, channel).map(|change| (id.clone(), change)));
                }
            }
        }
        diff.removed.extend(old.channels.keys().filter(|id| !new.channels.contains_key(*id)).cloned());
        diff.applied = differing(&[
            ("webhooks.public_url", old.webhooks.public_url == new.webhooks.public_url),
            ("webhooks.trusted_proxies", old.webhooks.trusted_proxies == new.webhooks.trusted_proxies),
            ("webhooks.max_body", old.webhooks.max_body == new.webhooks.max_body),
            ("admin.public_url", old.admin.public_url == new.admin.public_url),
            ("admin.trusted_proxies", old.admin.trusted_proxies == new.admin.trusted_proxies),
            ("admin.users", old.admin.users == new.admin.users),
            ("sync", old.sync == new.sync),
            ("notify", old.notify == new.notify),
        ]);
        diff.restart_needed = differing(&[
            ("store.path", old.store.path == new.store.path),
            ("store.encryption_key", old.store.encryption_key == new.store.encryption_key),
            ("webhooks.listen", old.webhooks.listen == new.webhooks.listen),
            ("admin.listen", old.admin.listen == new.admin.listen),
        ]);
        diff
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Channels whose id names another marketplace than before. Not empty: refuse the new config.
    pub fn rekinded(&self) -> impl Iterator<Item = &ChannelId> {
        self.changed.iter().filter(|(_, change)| *change == Change::Kind).map(|(id, _)| id)
    }
}

fn differing(keys: &[(&'static str, bool)]) -> Vec<&'static str> {
    keys.iter().filter(|(_, same)| !same).map(|(key, _)| *key).collect()
}

/// The weightiest change of one channel.
fn change(old: &ChannelConfig, new: &ChannelConfig) -> Option<Change> {
    if old.kind.name != new.kind.name {
        return Some(Change::Kind);
    }
    match (old.enabled, new.enabled) {
        (false, true) => return Some(Change::Enabled),
        (true, false) => return Some(Change::Disabled),
        _ => {}
    }
    if old.settings != new.settings {
        return Some(Change::Connection);
    }
    if old == new {
        return None;
    }
    let only_schedule = old.name == new.name && old.retain_personal_data == new.retain_personal_data;
    Some(if only_schedule { Change::Schedule } else { Change::Labels })
}
