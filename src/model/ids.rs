//! Names of things: channels, orders, actions, bulk syncs.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A connection's id from the config file: `[a-z0-9-]{1,32}`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChannelId(Arc<str>);

/// The text cannot name a channel.
#[derive(Debug, thiserror::Error)]
#[error("a channel id is 1 to 32 characters of a-z, 0-9 and -")]
pub struct BadChannelId;

impl ChannelId {
    pub fn new(text: &str) -> Result<Self, BadChannelId> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=32).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(BadChannelId)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ChannelId {
    type Error = BadChannelId;
    fn try_from(text: String) -> Result<Self, BadChannelId> {
        Self::new(&text)
    }
}

impl From<ChannelId> for String {
    fn from(id: ChannelId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An order's id at its marketplace: 1 to 64 bytes of `[A-Za-z0-9._-]`, so that it is safe in a
/// path, a log line and a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChannelOrderId(Arc<str>);

/// The text cannot be an order id.
#[derive(Debug, thiserror::Error)]
#[error("an order id is 1 to 64 characters of letters, digits, '.', '_' and '-'")]
pub struct BadOrderId;

impl ChannelOrderId {
    pub fn new(text: &str) -> Result<Self, BadOrderId> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(BadOrderId)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ChannelOrderId {
    type Error = BadOrderId;
    fn try_from(text: String) -> Result<Self, BadOrderId> {
        Self::new(&text)
    }
}

impl From<ChannelOrderId> for String {
    fn from(id: ChannelOrderId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl From<u64> for ChannelOrderId {
    fn from(id: u64) -> Self {
        Self(id.to_string().into())
    }
}

impl fmt::Display for ChannelOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One order of one channel; written `channel:order`, which is also its id in the API.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrderKey {
    pub channel: ChannelId,
    pub order: ChannelOrderId,
}

/// The text is not `channel:order`.
#[derive(Debug, thiserror::Error)]
#[error("an order is named channel:order, such as tienda:5123456789")]
pub struct BadOrderKey;

impl OrderKey {
    pub fn new(channel: ChannelId, order: ChannelOrderId) -> Self {
        Self { channel, order }
    }
}

impl FromStr for OrderKey {
    type Err = BadOrderKey;
    fn from_str(text: &str) -> Result<Self, BadOrderKey> {
        let (channel, order) = text.split_once(':').ok_or(BadOrderKey)?;
        let channel = ChannelId::new(channel).map_err(|_| BadOrderKey)?;
        let order = ChannelOrderId::new(order).map_err(|_| BadOrderKey)?;
        Ok(Self { channel, order })
    }
}

impl TryFrom<String> for OrderKey {
    type Error = BadOrderKey;
    fn try_from(text: String) -> Result<Self, BadOrderKey> {
        text.parse()
    }
}

impl From<OrderKey> for String {
    fn from(key: OrderKey) -> Self {
        key.to_string()
    }
}

impl fmt::Display for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.channel, self.order)
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::from_str(text).map(Self)
            }
        }
    };
}

uuid_id!(
    /// An outbound action. Time-ordered.
    ActionId
);
uuid_id!(
    /// A sync that somebody asked for: of one order or of a whole channel. Time-ordered.
    SyncId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_key_survives_text() {
        let key: OrderKey = "tienda:5123456789".parse().expect("well formed");
        assert_eq!(key.to_string(), "tienda:5123456789");
        assert!("tienda".parse::<OrderKey>().is_err());
        assert!("Tienda:1".parse::<OrderKey>().is_err());
        assert!("a:../../etc".parse::<OrderKey>().is_err());
        assert!("a:".parse::<OrderKey>().is_err());
    }
}
