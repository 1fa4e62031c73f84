//! What a list of orders is narrowed by. The names are the API's, and all of it is in the address.

use super::badge;
use super::form::{Form, address};
use super::language::fill;
use super::reader::Reader;
use crate::model::{ChannelId, OrderStatus, PaymentStatus, SyncState, Timestamp};
use crate::store::OrderFilter;

/// What the address says. Values that are not understood are set apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filters {
    pub channel: Option<ChannelId>,
    pub status: Vec<OrderStatus>,
    pub payment: Vec<PaymentStatus>,
    pub sync: Vec<SyncState>,
    pub placed_after: Option<Timestamp>,
    pub placed_before: Option<Timestamp>,
    /// A search whose words may stand in the address.
    pub q: Option<String>,
    /// The id of a search whose words may not.
    pub s: Option<String>,
    /// Name and value.
    pub unknown: Vec<(String, String)>,
}

/// Parameters that are not filters.
const OTHERS: [&str; 2] = ["cursor", "limit"];
const WORDS_MAX: usize = 200;

impl Filters {
    pub fn parse(query: &Form) -> Self {
        let mut filters = Self::default();
        for (name, value) in query.pairs().filter(|(_, value)| !value.is_empty()) {
            if !filters.take(name, value) && !OTHERS.contains(&name) {
                let cut = |text: &str| super::foreign::line(text).chars().take(40).collect();
                filters.unknown.push((cut(name), cut(value)));
            }
        }
        filters.unknown.truncate(5);
        filters
    }

    /// Whether it was understood.
    fn take(&mut self, name: &str, value: &str) -> bool {
        match name {
            "channel" => set(&mut self.channel, ChannelId::new(value).ok()),
            "status" => add(&mut self.status, value, OrderStatus::parse),
            "payment_status" => add(&mut self.payment, value, PaymentStatus::parse),
            "sync_state" => add(&mut self.sync, value, SyncState::parse),
            "placed_after" => set(&mut self.placed_after, time(value)),
            "placed_before" => set(&mut self.placed_before, time(value)),
            "q" => set(&mut self.q, Some(value.chars().take(WORDS_MAX).collect())),
            "s" => set(&mut self.s, (value.len() <= 40).then(|| value.to_owned())),
            _ => false,
        }
    }

    /// For the store; the words of a private search come from the session.
    pub fn for_store(&self, words: Option<String>) -> OrderFilter {
        OrderFilter {
            channel: self.channel.clone(),
            status: self.status.clone(),
            payment_status: self.payment.clone(),
            sync_state: self.sync.clone(),
            q: words.or_else(|| self.q.clone()),
            placed_after: self.placed_after,
            placed_before: self.placed_before,
            updated_after: None,
        }
    }

    /// Names and values as in the address.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        let mut push = |name, value: String| {
            if !value.is_empty() {
                pairs.push((name, value));
            }
        };
        push("channel", self.channel.as_ref().map(ToString::to_string).unwrap_or_default());
        push("status", joined(&self.status));
        push("payment_status", joined(&self.payment));
        push("sync_state", joined(&self.sync));
        push("placed_after", self.placed_after.map(Timestamp::to_rfc3339_secs).unwrap_or_default());
        push("placed_before", self.placed_before.map(Timestamp::to_rfc3339_secs).unwrap_or_default());
        push("q", self.q.clone().unwrap_or_default());
        push("s", self.s.clone().unwrap_or_default());
        pairs
    }

    /// The address of the list, with these more.
    pub fn href(&self, path: &str, more: &[(&str, &str)]) -> String {
        let pairs = self.pairs();
        let mut all: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        all.extend(more);
        address(path, &all)
    }
}

fn set<T>(slot: &mut Option<T>, value: Option<T>) -> bool {
    let understood = value.is_some();
    if understood {
        *slot = value;
    }
    understood
}

/// Words separated by commas; understood only as a whole.
fn add<T>(list: &mut Vec<T>, value: &str, parse: impl Fn(&str) -> Option<T>) -> bool {
    let words = value.split(',').map(str::trim).filter(|word| !word.is_empty());
    let parsed: Option<Vec<T>> = words.map(parse).collect();
    parsed.map(|words| list.extend(words)).is_some()
}

fn joined<T: ToString>(words: &[T]) -> String {
    words.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// As the API reads it: with a zone, or a date from midnight UTC.
fn time(text: &str) -> Option<Timestamp> {
    let text = text.replace(' ', "+");
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text };
    Timestamp::parse(&whole)
}

/// One filter in force, and the address without it.
pub struct Chip {
    pub word: String,
    pub href: String,
}

/// `words`: of a private search, shown but never in an address.
pub fn chips(reader: &Reader<'_>, filters: &Filters, words: Option<&str>) -> Vec<Chip> {
    let (w, moments) = (reader.w, &reader.moments);
    let mut chips = Vec::new();
    let mut chip = |word: String, without: Filters| {
        chips.push(Chip { word, href: without.href("/orders", &[]) });
    };
    if let Some(channel) = &filters.channel {
        chip(reader.channel_name(channel), Filters { channel: None, ..filters.clone() });
    }
    if !filters.status.is_empty() {
        let named: Vec<_> = filters.status.iter().map(|s| badge::status(*s, w).word).collect();
        chip(format!("{}: {}", w.status, named.join(", ")), Filters { status: vec![], ..filters.clone() });
    }
    if !filters.payment.is_empty() {
        let named: Vec<_> = filters.payment.iter().map(|s| badge::payment(*s, w).word).collect();
        chip(format!("{}: {}", w.payment, named.join(", ")), Filters { payment: vec![], ..filters.clone() });
    }
    if !filters.sync.is_empty() {
        let named: Vec<_> = filters.sync.iter().map(|s| badge::sync_word(*s, w)).collect();
        chip(format!("{}: {}", w.sync_column, named.join(", ")), Filters { sync: vec![], ..filters.clone() });
    }
    if let Some(after) = filters.placed_after {
        let word = fill(w.placed_since, &[("t", &moments.long(after).text)]);
        chip(word, Filters { placed_after: None, ..filters.clone() });
    }
    if let Some(before) = filters.placed_before {
        let word = fill(w.placed_until, &[("t", &moments.long(before).text)]);
        chip(word, Filters { placed_before: None, ..filters.clone() });
    }
    if let Some(words) = words.or(filters.q.as_deref()) {
        let words = super::foreign::line(words);
        chip(format!("“{words}”"), Filters { q: None, s: None, ..filters.clone() });
    }
    chips
}

pub struct Choice {
    pub name: &'static str,
    pub label: &'static str,
    pub options: Vec<Opt>,
}

pub struct Opt {
    pub value: String,
    pub word: String,
    pub chosen: bool,
}

impl Opt {
    pub fn new(value: impl Into<String>, word: impl Into<String>, chosen: bool) -> Self {
        Self { value: value.into(), word: word.into(), chosen }
    }
}

/// The selects of the filter form.
pub fn choices(reader: &Reader<'_>, filters: &Filters) -> Vec<Choice> {
    let w = reader.w;
    let chosen_channel = filters.channel.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut channels = vec![Opt::new("", w.all_channels, chosen_channel.is_empty())];
    for connection in reader.api.handle.channels() {
        let id = connection.id.to_string();
        channels.push(Opt::new(id.clone(), connection.name.clone(), id == chosen_channel));
    }
    let statuses = options(w.any_status, &joined(&filters.status), OrderStatus::ALL, |s| {
        badge::status(s, w).word.to_owned()
    });
    let payments = options(w.any_payment, &joined(&filters.payment), PaymentStatus::ALL, |s| {
        badge::payment(s, w).word.to_owned()
    });
    vec![
        Choice { name: "channel", label: w.channel, options: channels },
        Choice { name: "status", label: w.status, options: statuses },
        Choice { name: "payment_status", label: w.payment, options: payments },
        Choice { name: "placed_after", label: w.placed, options: placed(reader, filters) },
    ]
}

/// All words, and what is chosen where it is several of them.
fn options<T: Copy + ToString>(any: &str, chosen: &str, all: &[T], word: impl Fn(T) -> String) -> Vec<Opt> {
    let mut options = vec![Opt::new("", any, chosen.is_empty())];
    options.extend(
        all.iter().map(|value| Opt::new(value.to_string(), word(*value), value.to_string() == chosen)),
    );
    if !options.iter().any(|option| option.chosen) {
        options.push(Opt::new(chosen, chosen.replace(',', ", "), true));
    }
    options
}

/// Since today's midnight, and those of some days before.
fn placed(reader: &Reader<'_>, filters: &Filters) -> Vec<Opt> {
    let (w, moments) = (reader.w, &reader.moments);
    let chosen = filters.placed_after.map(Timestamp::to_rfc3339_secs).unwrap_or_default();
    let mut options = vec![Opt::new("", w.any_time, chosen.is_empty())];
    for (days, word) in [(0, w.today), (7, w.last_7_days), (30, w.last_30_days), (90, w.last_90_days)] {
        let since = moments.midnight(days).to_rfc3339_secs();
        options.push(Opt::new(since.clone(), word, since == chosen));
    }
    if !options.iter().any(|option| option.chosen) {
        let at = filters.placed_after.unwrap_or(moments.now);
        options.push(Opt::new(chosen, fill(w.since_date, &[("t", &moments.short(at).text)]), true));
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Filters {
        Filters::parse(&Form::parse(text.as_bytes()))
    }

    #[test]
    fn an_address_survives_being_read() {
        let text = "channel=tienda&status=accepted%2Cshipped&placed_after=2026-11-16T06%3A00%3A00Z&q=%231042";
        let filters = parse(text);
        assert_eq!(filters.href("/orders", &[]), format!("/orders?{text}"));
        assert_eq!(filters.status, [OrderStatus::Accepted, OrderStatus::Shipped]);
        let older = filters.href("/orders", &[("cursor", "c")]);
        assert_eq!(older, format!("/orders?{text}&cursor=c"));
    }

    #[test]
    fn nonsense_is_dropped_and_named() {
        let filters = parse("status=foo&cursor=%00&placed_after=yesterday&limit=-1&x=<b>&channel=");
        let wanted = [("status", "foo"), ("placed_after", "yesterday"), ("x", "<b>")];
        let wanted: Vec<_> = wanted.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        assert_eq!(filters.unknown, wanted);
        assert!(filters.pairs().is_empty());
    }
}
