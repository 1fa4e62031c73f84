//! What a marketplace wants configured, and how it is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Channel;
use crate::clock::Clock;
use crate::model::{ChannelId, Secret};
use crate::net::Http;
use crate::random::Random;

/// One marketplace, as `kinds` lists it.
pub struct Kind {
    /// The word after `kind =` in the config file.
    pub name: &'static str,
    /// The marketplace's own name, for people.
    pub title: &'static str,
    /// Two letters in place of a logo.
    pub tile: &'static str,
    pub keys: &'static [Key],
    pub method: Method,
    /// Cron, when the config says nothing.
    pub schedule: &'static str,
    /// The marketplace's hard ceiling for keeping personal data.
    pub retention: Option<Retention>,
    /// Builds a connection. Faults name keys; all of them at once.
    pub build: Build,
}

/// A connector for these settings, or what is wrong with them.
pub type Build = fn(&Settings, &Env) -> Result<Arc<dyn Channel>, Vec<KeyFault>>;

/// How orders come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Polling,
    /// Webhooks, verified by polling.
    WebhooksAndPolling,
}

impl Method {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::WebhooksAndPolling => "webhooks+polling",
        }
    }

    pub const fn takes_webhooks(self) -> bool {
        matches!(self, Self::WebhooksAndPolling)
    }
}

/// Longest time that personal data may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    pub after_delivery: Duration,
    /// For orders that are never reported delivered.
    pub after_last_change: Duration,
}

/// One key of the channel's table in the config file.
pub struct Key {
    pub name: &'static str,
    pub shape: Shape,
    pub required: bool,
    /// Shown in the sample and taken when the key is absent.
    pub default: Option<&'static str>,
    pub help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Text,
    Choice(&'static [&'static str]),
    TextList,
    Secret,
    SecretList,
    Flag,
}

/// A configured value of the key's shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Text(String),
    TextList(Vec<String>),
    Secret(Secret),
    SecretList(Vec<Secret>),
    Flag(bool),
}

/// The channel's table, checked for shapes and required keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub id: ChannelId,
    /// One origin in place of all of the marketplace's hosts, without a trailing slash.
    pub base_url: Option<String>,
    pub request_timeout: Duration,
    pub values: BTreeMap<String, Value>,
}

impl Settings {
    /// A text or choice; the default when absent; empty when there is neither.
    pub fn text(&self, name: &str) -> &str {
        match self.values.get(name) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    pub fn list(&self, name: &str) -> &[String] {
        match self.values.get(name) {
            Some(Value::TextList(list)) => list,
            _ => &[],
        }
    }

    pub fn secret(&self, name: &str) -> Option<&Secret> {
        match self.values.get(name) {
            Some(Value::Secret(secret)) => Some(secret),
            _ => None,
        }
    }

    pub fn secrets(&self, name: &str) -> &[Secret] {
        match self.values.get(name) {
            Some(Value::SecretList(list)) => list,
            _ => &[],
        }
    }

    pub fn flag(&self, name: &str) -> bool {
        matches!(self.values.get(name), Some(Value::Flag(true)))
    }

    /// The origin to call: the configured one, else the marketplace's own.
    pub fn origin(&self, own: &str) -> String {
        self.base_url.clone().unwrap_or_else(|| own.to_owned())
    }
}

/// A value that has the right shape but cannot be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFault {
    pub key: &'static str,
    pub what: String,
    /// What to write instead.
    pub cure: String,
}

/// What a connector may use beside its settings.
#[derive(Clone)]
pub struct Env {
    pub clock: Clock,
    pub random: Random,
    pub http: Http,
}
