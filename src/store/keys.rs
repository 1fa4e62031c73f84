//! Keys as bytes whose order is the order of the things they name.
//!
//! A text is ended by a zero byte, numbers are big-endian, an instant is shifted to be positive
//! and, where the newest comes first, inverted.

use uuid::Uuid;

use crate::model::{ActionId, ChannelId, ChannelOrderId, Lane, OrderKey, Timestamp};

/// A key, or the prefix of some keys, being put together.
#[derive(Clone, Debug, Default)]
pub(super) struct Key(Vec<u8>);

impl Key {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(64))
    }

    pub(super) fn of(channel: &ChannelId) -> Self {
        Self::new().text(channel.as_str())
    }

    /// Zero bytes inside are left out: they would end the text early.
    pub(super) fn text(mut self, text: &str) -> Self {
        self.0.extend(text.bytes().filter(|b| *b != 0));
        self.0.push(0);
        self
    }

    pub(super) fn order(self, key: &OrderKey) -> Self {
        self.text(key.channel.as_str()).text(key.order.as_str())
    }

    pub(super) fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    pub(super) fn u64(mut self, number: u64) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(super) fn time(self, at: Timestamp) -> Self {
        self.u64(ordered(at))
    }

    /// Sorts the newest first.
    pub(super) fn newest(self, at: Timestamp) -> Self {
        self.u64(!ordered(at))
    }

    pub(super) fn uuid(mut self, id: Uuid) -> Self {
        self.0.extend(id.as_bytes());
        self
    }

    /// Bytes at the end of a key, not ended by anything.
    pub(super) fn tail(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    pub(super) fn done(self) -> Vec<u8> {
        self.0
    }
}

const fn ordered(at: Timestamp) -> u64 {
    at.as_millis().cast_unsigned() ^ (1 << 63)
}

fn unordered(number: u64) -> Timestamp {
    Timestamp::from_millis((number ^ (1 << 63)).cast_signed())
}

/// A key being taken apart, from its front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut<'a>(pub(super) &'a [u8]);

impl<'a> Cut<'a> {
    pub(super) fn text(&mut self) -> Option<&'a str> {
        let end = self.0.iter().position(|b| *b == 0)?;
        let text = std::str::from_utf8(&self.0[..end]).ok()?;
        self.0 = &self.0[end + 1..];
        Some(text)
    }

    pub(super) fn channel(&mut self) -> Option<ChannelId> {
        ChannelId::new(self.text()?).ok()
    }

    pub(super) fn order_id(&mut self) -> Option<ChannelOrderId> {
        ChannelOrderId::new(self.text()?).ok()
    }

    pub(super) fn order(&mut self) -> Option<OrderKey> {
        Some(OrderKey::new(self.channel()?, self.order_id()?))
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    pub(super) fn time(&mut self) -> Option<Timestamp> {
        self.u64().map(unordered)
    }

    pub(super) fn newest(&mut self) -> Option<Timestamp> {
        self.u64().map(|n| unordered(!n))
    }

    pub(super) fn uuid(&mut self) -> Option<Uuid> {
        self.take().map(Uuid::from_bytes)
    }
}

pub(super) fn order(key: &OrderKey) -> Vec<u8> {
    Key::new().order(key).done()
}

pub(super) fn inbox(channel: &ChannelId, seq: u64) -> Vec<u8> {
    Key::of(channel).u64(seq).done()
}

pub(super) fn waiting(channel: &ChannelId, due: Timestamp, seq: u64) -> Vec<u8> {
    Key::of(channel).time(due).u64(seq).done()
}

pub(super) fn delivery_id(channel: &ChannelId, id: &str) -> Vec<u8> {
    Key::of(channel).tail(id.as_bytes()).done()
}

pub(super) fn alias(channel: &ChannelId, alias: &str) -> Vec<u8> {
    Key::of(channel).tail(alias.as_bytes()).done()
}

pub(super) fn event(key: &OrderKey, seq: u64) -> Vec<u8> {
    Key::new().order(key).u64(seq).done()
}

pub(super) fn lane(channel: &ChannelId, lane: Lane) -> Key {
    Key::of(channel).byte(lane as u8)
}

pub(super) fn due(key: &OrderKey, at: Lane, due: Timestamp) -> Vec<u8> {
    lane(&key.channel, at).time(due).text(key.order.as_str()).done()
}

pub(super) fn action(id: ActionId) -> Vec<u8> {
    id.0.as_bytes().to_vec()
}

pub(super) fn action_due(channel: &ChannelId, due: Timestamp, id: ActionId) -> Vec<u8> {
    Key::of(channel).time(due).uuid(id.0).done()
}

pub(super) fn order_action(key: &OrderKey, id: ActionId) -> Vec<u8> {
    Key::new().order(key).uuid(id.0).done()
}

pub(super) fn retention(key: &OrderKey, ended: Timestamp) -> Vec<u8> {
    Key::of(&key.channel).time(ended).text(key.order.as_str()).done()
}

/// The end of every row that sorts orders by when they were placed, the newest first.
pub(super) fn placed(key: Key, at: Timestamp, order: &OrderKey) -> Vec<u8> {
    key.newest(at).order(order).done()
}

/// The first key after all keys with this prefix; `None` when there is none.
pub(super) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|b| *b != u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

/// A key for an error message or a log line.
pub(super) fn shown(key: &[u8]) -> String {
    key.escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(text: &str) -> OrderKey {
        text.parse().expect("order key")
    }

    proptest! {
        #[test]
        fn instants_sort_as_they_follow_each_other(a in any::<i64>(), b in any::<i64>()) {
            let (a, b) = (Timestamp::from_millis(a), Timestamp::from_millis(b));
            prop_assert_eq!(Key::new().time(a).done().cmp(&Key::new().time(b).done()), a.cmp(&b));
            prop_assert_eq!(Key::new().newest(a).done().cmp(&Key::new().newest(b).done()), b.cmp(&a));
            prop_assert_eq!(Cut(&Key::new().time(a).done()).time(), Some(a));
            prop_assert_eq!(Cut(&Key::new().newest(a).done()).newest(), Some(a));
        }

        #[test]
        fn order_keys_sort_as_their_names(
            a in "[a-z0-9-]{1,8}:[A-Za-z0-9._-]{1,8}", b in "[a-z0-9-]{1,8}:[A-Za-z0-9._-]{1,8}",
        ) {
            let (a, b) = (key(&a), key(&b));
            prop_assert_eq!(order(&a).cmp(&order(&b)), a.cmp(&b));
            prop_assert_eq!(Cut(&order(&a)).order(), Some(a));
        }
    }

    #[test]
    fn a_prefix_ends_before_its_neighbour() {
        assert_eq!(after_prefix(b"ab\0"), Some(b"ab\x01".to_vec()));
        assert_eq!(after_prefix(b"a\xff"), Some(b"b".to_vec()));
        assert_eq!(after_prefix(b"\xff\xff"), None);
        assert!(order(&key("a:12")) < after_prefix(&Key::new().text("a").done()).expect("end"));
        assert!(order(&key("a-b:12")) > after_prefix(&Key::new().text("a").done()).expect("end"));
    }
}
