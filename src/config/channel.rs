//! `[channels.*]`: the keys that every channel has, and those that its kind asks for.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use toml::de::DeValue;

use super::Config;
use super::reading::Reading;
use super::schedule::Schedule;
use super::secret::{self, Demand};
use super::sync::{self, Erasure, Sync};
use super::table::{Table, suggest};
use super::units;
use crate::channel::{Dormant, Env, Key, Kind, Settings, Shape, Value};
use crate::model::{ChannelId, Credentials};

/// One connection to one marketplace account.
#[derive(Clone)]
pub struct ChannelConfig {
    pub kind: &'static Kind,
    /// For people; the kind's title when the file gives none.
    pub name: String,
    /// A disabled channel may lack its secrets: it is never connected.
    pub enabled: bool,
    pub poll: Schedule,
    /// What the file asks for, or the marketplace's ceiling when that is stricter.
    pub retain_personal_data: Erasure,
    pub settings: Settings,
}

impl ChannelConfig {
    pub fn id(&self) -> &ChannelId {
        &self.settings.id
    }

    /// The path of its webhooks on the webhook listener; `None` for a marketplace that sends none.
    pub fn webhook_path(&self) -> Option<String> {
        self.kind.method.takes_webhooks().then(|| format!("/webhooks/{}", self.id()))
    }

    /// Changes exactly when what we prove ourselves with changes. Holds no secret. What the
    /// marketplace proves itself with, in its webhooks, is none of it: tokens outlive its rotation.
    pub fn credentials_fingerprint(&self) -> String {
        let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
        let mut add = |text: &str| {
            hash.update(&(text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        };
        add(self.kind.name);
        let ours = self.settings.values.iter().filter(|(key, _)| !key.starts_with("webhook_"));
        for (key, value) in ours {
            add(key);
            match value {
                Value::Secret(secret) => add(secret.expose()),
                Value::SecretList(list) => list.iter().for_each(|secret| add(secret.expose())),
                Value::Text(text) => add(text),
                Value::TextList(list) => list.iter().for_each(|text| add(text)),
                Value::Flag(_) => {}
            }
        }
        encoded(hash)
    }

    /// What tokens are compared with: whether they are still ours, and whether the file names
    /// another refresh token than the one that was adopted.
    pub fn credentials(&self) -> Credentials {
        let grant = match self.settings.values.get(GRANT) {
            Some(Value::Secret(secret)) => {
                let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
                hash.update(self.kind.name.as_bytes());
                hash.update(secret.expose().as_bytes());
                Some(encoded(hash))
            }
            _ => None,
        };
        Credentials { whole: self.credentials_fingerprint(), grant }
    }
}

/// The key of the first refresh token, for every marketplace that has one.
const GRANT: &str = "refresh_token";

fn encoded(hash: ring::digest::Context) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash.finish())
}

impl PartialEq for ChannelConfig {
    fn eq(&self, other: &Self) -> bool {
        self.kind.name == other.kind.name
            && (&self.name, self.enabled, &self.poll) == (&other.name, other.enabled, &other.poll)
            && (self.retain_personal_data, &self.settings) == (other.retain_personal_data, &other.settings)
    }
}

impl fmt::Debug for ChannelConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelConfig")
            .field("kind", &self.kind.name)
            .field("name", &self.name)
            .field("enabled", &self.enabled)
            .field("poll", &self.poll)
            .field("retain_personal_data", &self.retain_personal_data)
            .field("settings", &self.settings)
            .finish()
    }
}

/// Every channel without a fault.
pub(super) fn read(
    root: &mut Table<'_>,
    kinds: &[&'static Kind],
    sync: &Sync,
) -> BTreeMap<ChannelId, ChannelConfig> {
    let mut channels = BTreeMap::new();
    for (id, at, table) in root.named("channels") {
        let id = ChannelId::new(id).map_err(|_| {
            let cure =
                "use 1 to 32 of a-z, 0-9 and -; the id is part of the webhook's address and is never reused";
            table.fault(&at, format!("\"{id}\" cannot be a channel's id"), cure);
        });
        // The rest of the table is checked also under an id that cannot be.
        let stand_in = || ChannelId::new("x").ok();
        let Some(usable) = id.as_ref().ok().cloned().or_else(stand_in) else { continue };
        if let (Some(channel), Ok(id)) = (one(table, usable, kinds, sync), id) {
            channels.insert(id, channel);
        }
    }
    channels
}

fn one(mut table: Table<'_>, id: ChannelId, kinds: &[&'static Kind], sync: &Sync) -> Option<ChannelConfig> {
    if !table.is_present() {
        return None;
    }
    let kind = kind(&mut table, kinds);
    let name = table.text("name").map(|(text, _)| text.to_owned());
    let enabled = table.flag("enabled");
    let base_url = base_url(&mut table);
    let poll = schedule(&mut table, kind);
    let own_erasure = sync::erasure(&mut table);
    // Without a kind the rest of the keys cannot be judged.
    let kind = kind?;
    let enabled = enabled.unwrap_or(true);
    let retain_personal_data = erasure(&table, kind, own_erasure, sync.retain_personal_data);
    let demand = if enabled { Demand::Now } else { Demand::Later };
    let mut values = BTreeMap::new();
    for key in kind.keys {
        if let Some(value) = value(&mut table, key, demand) {
            values.insert(key.name.to_owned(), value);
        }
    }
    table.finish();
    let settings = Settings { id, base_url, request_timeout: sync.request_timeout, values };
    let name = name.unwrap_or_else(|| kind.title.to_owned());
    Some(ChannelConfig { kind, name, enabled, poll: poll?, retain_personal_data, settings })
}

fn kind(table: &mut Table<'_>, kinds: &[&'static Kind]) -> Option<&'static Kind> {
    let names: Vec<&'static str> = kinds.iter().map(|kind| kind.name).collect();
    if table.get("kind").is_none() {
        let cure = format!("add `kind = \"…\"`, one of: {}", names.join(", "));
        table.fault(table.at(), format!("`{}` is missing", table.full("kind")), cure);
        return None;
    }
    let (text, at) = table.text("kind")?;
    let found = kinds.iter().find(|kind| kind.name == text).copied();
    if found.is_none() {
        table.fault(&at, format!("there is no kind \"{text}\""), suggest("write", text, &names));
    }
    found
}

fn base_url(table: &mut Table<'_>) -> Option<String> {
    let (text, at) = table.text("base_url")?;
    match units::origin(text) {
        Ok(origin) => Some(origin),
        Err(cure) => {
            table.fault(&at, format!("`{}` is not an origin: \"{text}\"", table.full("base_url")), cure);
            None
        }
    }
}

fn schedule(table: &mut Table<'_>, kind: Option<&'static Kind>) -> Option<Schedule> {
    let zone = table.text("timezone");
    let poll = table.text("poll");
    let zone_name = zone.as_ref().map_or("UTC", |(name, _)| name);
    // The zone alone first, so that a fault is put where it belongs.
    if let Err(fault) = Schedule::parse("@daily", zone_name) {
        table.fault(&zone?.1, fault.what, fault.cure);
        return None;
    }
    let (expression, at) = match poll {
        Some((text, at)) => (text, at),
        None => (kind?.schedule, table.at().clone()),
    };
    Schedule::parse(expression, zone_name).map_err(|fault| table.fault(&at, fault.what, fault.cure)).ok()
}

/// A wish of its own may not exceed the marketplace's ceiling; the general one is cut silently.
fn erasure(table: &Table<'_>, kind: &'static Kind, own: Option<Erasure>, general: Erasure) -> Erasure {
    let ceiling = kind.retention.map(|limit| limit.after_delivery);
    let wished = own.unwrap_or(general);
    let allowed = wished.at_most(ceiling);
    if own.is_some() && allowed != wished {
        let longest = units::show_span(ceiling.unwrap_or_default());
        let key = table.full("retain_personal_data");
        let what =
            format!("{} lets nobody keep personal data for longer than {longest} after delivery", kind.title);
        table.fault(
            &table.reading.place(&key),
            what,
            format!("write \"{longest}\" or less, or leave the key out"),
        );
    }
    allowed
}

/// The key's value: the configured one, else its default. Faults are reported.
fn value(table: &mut Table<'_>, key: &'static Key, demand: Demand) -> Option<Value> {
    if table.get(key.name).is_none() {
        if key.required {
            let cure = format!("{}: {}", example(key), key.help);
            table.missing_with(key.name, &cure);
        }
        return key.default.and_then(|text| default(key.shape, text));
    }
    match key.shape {
        Shape::Text => table.text(key.name).map(|(text, _)| Value::Text(text.to_owned())),
        Shape::Choice(words) => table.choice(key.name, words).map(|word| Value::Text(word.to_owned())),
        Shape::TextList => text_list(table, key),
        Shape::Secret => secret::read(table, key.name, demand).map(Value::Secret),
        Shape::SecretList => secret::read_list(table, key.name, demand).map(Value::SecretList),
        Shape::Flag => table.flag(key.name).map(Value::Flag),
    }
}

fn text_list(table: &mut Table<'_>, key: &'static Key) -> Option<Value> {
    let texts = table.texts(key.name)?;
    let empty =
        table.get(key.name).is_some_and(|e| matches!(e.value, DeValue::Array(list) if list.is_empty()));
    if key.required && empty {
        let at: Range<usize> = table.reading.place(&table.full(key.name));
        table.fault(
            &at,
            format!("`{}` is empty", table.full(key.name)),
            format!("write at least one: {}", key.help),
        );
    }
    Some(Value::TextList(texts.into_iter().map(|(text, _)| text.to_owned()).collect()))
}

fn default(shape: Shape, text: &str) -> Option<Value> {
    match shape {
        Shape::Text | Shape::Choice(_) => Some(Value::Text(text.to_owned())),
        Shape::TextList => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Some(Value::TextList(items.map(str::to_owned).collect()))
        }
        Shape::Flag => Some(Value::Flag(text == "true")),
        // A secret that everybody knows is none.
        Shape::Secret | Shape::SecretList => None,
    }
}

fn example(key: &Key) -> String {
    match key.shape {
        Shape::Text => format!("{} = \"…\"", key.name),
        Shape::Choice(words) => format!("{} = \"{}\"", key.name, words.first().unwrap_or(&"…")),
        Shape::TextList => format!("{} = [\"…\"]", key.name),
        Shape::Secret => secret::example(key.name),
        Shape::SecretList => format!("{} = [{{ env = \"NAME\" }}]", key.name),
        Shape::Flag => format!("{} = true", key.name),
    }
}

/// Lets each enabled channel's connector look at its values; its faults are put where the keys are.
pub(super) fn connect(reading: &Reading<'_>, config: &Config, env: &Env) -> super::Connections {
    let mut connections = super::Connections::new();
    for (id, channel) in &config.channels {
        if !channel.enabled {
            connections.insert(id.clone(), Arc::new(Dormant));
            continue;
        }
        match (channel.kind.build)(&channel.settings, env) {
            Ok(connection) => {
                connections.insert(id.clone(), connection);
            }
            Err(faults) => {
                let whole = is_whole(reading, channel);
                // Of what is reported already the connector knows only that it is absent.
                let news = |key: &str| whole || channel.settings.values.contains_key(key);
                for fault in faults.into_iter().filter(|fault| news(fault.key)) {
                    let at = reading.place(&format!("channels.{id}.{}", fault.key));
                    reading.fault(&at, format!("`channels.{id}.{}`: {}", fault.key, fault.what), fault.cure);
                }
            }
        }
    }
    connections
}

/// Every key that is required or written has a usable value.
fn is_whole(reading: &Reading<'_>, channel: &ChannelConfig) -> bool {
    channel.kind.keys.iter().all(|key| {
        let wanted = key.required || reading.has(&format!("channels.{}.{}", channel.id(), key.name));
        !wanted || channel.settings.values.contains_key(key.name)
    })
}
