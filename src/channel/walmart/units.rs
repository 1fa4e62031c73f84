//! The units of a line by their state. An order has no state of its own: each line says, per
//! quantity, where its units are.

use rust_decimal::prelude::ToPrimitive;

use super::document::{LineDoc, QuantityDoc, StatusDoc};
use crate::channel::said::Said;
use crate::model::{Native, OrderStatus};

/// Where a unit is, in the order of progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// The line does not say, or says an unknown word.
    Unclear,
    Created,
    Acknowledged,
    Shipped,
    Delivered,
    /// Was shipped, and money went back.
    Refunded,
    Cancelled,
}

impl State {
    pub const ALL: [Self; 7] = [
        Self::Unclear,
        Self::Created,
        Self::Acknowledged,
        Self::Shipped,
        Self::Delivered,
        Self::Refunded,
        Self::Cancelled,
    ];

    fn named(word: &str) -> Option<Self> {
        Some(match word.trim().to_ascii_lowercase().as_str() {
            "created" => Self::Created,
            "acknowledged" => Self::Acknowledged,
            "shipped" => Self::Shipped,
            "delivered" => Self::Delivered,
            "refund" | "refunded" => Self::Refunded,
            "cancelled" | "canceled" => Self::Cancelled,
            _ => return None,
        })
    }

    /// Walmart's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unclear => "unclear",
            Self::Created => "Created",
            Self::Acknowledged => "Acknowledged",
            Self::Shipped => "Shipped",
            Self::Delivered => "Delivered",
            Self::Refunded => "Refund",
            Self::Cancelled => "Cancelled",
        }
    }

    pub const fn status(self) -> OrderStatus {
        match self {
            Self::Unclear | Self::Created => OrderStatus::Pending,
            Self::Acknowledged => OrderStatus::Accepted,
            Self::Shipped | Self::Refunded => OrderStatus::Shipped,
            Self::Delivered => OrderStatus::Delivered,
            Self::Cancelled => OrderStatus::Cancelled,
        }
    }

    /// Walmart charges the customer when a unit is marked as shipped.
    pub const fn was_charged(self) -> bool {
        matches!(self, Self::Shipped | Self::Delivered | Self::Refunded)
    }
}

/// Some units of a line in one state.
#[derive(Clone, Copy)]
pub(super) struct Portion<'a> {
    pub state: State,
    pub units: u32,
    /// What the line says about them; `None` for units that it does not mention.
    pub said: Option<&'a StatusDoc>,
}

/// The ordered quantity, also of a cancelled line.
pub(super) fn ordered(line: &LineDoc) -> u32 {
    quantity(&line.order_line_quantity).filter(|units| *units > 0).unwrap_or_else(|| {
        line.statuses().iter().filter_map(|said| quantity(&said.status_quantity)).fold(0, u32::saturating_add)
    })
}

/// Partitions the ordered quantity, in order of appearance. Some answers keep outdated states at
/// the front of the list, so it is filled from the last entry backwards until it is full.
pub(super) fn portions(line: &LineDoc) -> Vec<Portion<'_>> {
    let mut left = ordered(line);
    let mut portions = Vec::new();
    for said in line.statuses().iter().rev() {
        let units = quantity(&said.status_quantity).unwrap_or(left).min(left);
        if units > 0 {
            left -= units;
            portions.push(Portion { state: state(said), units, said: Some(said) });
        }
    }
    if left > 0 {
        portions.push(Portion { state: State::Unclear, units: left, said: None });
    }
    portions.reverse();
    portions
}

fn state(said: &StatusDoc) -> State {
    said.status.as_deref().and_then(State::named).unwrap_or(State::Unclear)
}

/// Words that have no translation.
pub(super) fn unknown_words(line: &LineDoc) -> impl Iterator<Item = &str> {
    let words = line.statuses().iter().filter_map(|said| said.status.as_deref());
    words.filter(|word| State::named(word).is_none())
}

fn quantity(said: &Said<QuantityDoc>) -> Option<u32> {
    said.as_ref()?.amount.as_ref()?.0.to_u32()
}

/// Units of a line, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count([u32; State::ALL.len()]);

impl Count {
    pub fn of<'a>(portions: impl IntoIterator<Item = &'a Portion<'a>>) -> Self {
        let mut count = Self::default();
        for portion in portions {
            count.add(portion.state, portion.units);
        }
        count
    }

    pub fn add(&mut self, state: State, units: u32) {
        let slot = &mut self.0[state as usize];
        *slot = slot.saturating_add(units);
    }

    pub fn plus(mut self, other: Self) -> Self {
        for state in State::ALL {
            self.add(state, other.get(state));
        }
        self
    }

    pub fn get(self, state: State) -> u32 {
        self.0[state as usize]
    }

    pub fn total(self) -> u32 {
        self.0.iter().fold(0, |sum, units| sum.saturating_add(*units))
    }

    /// Everything that has left the house.
    pub fn shipped(self) -> u32 {
        State::ALL.into_iter().filter(|state| state.was_charged()).map(|state| self.get(state)).sum()
    }

    /// Still to be sent: can be shipped or cancelled.
    pub fn live(self) -> u32 {
        self.get(State::Created).saturating_add(self.get(State::Acknowledged))
    }

    pub fn is_all(self, state: State) -> bool {
        self.get(state) > 0 && self.get(state) == self.total()
    }

    /// The least advanced unit that is not cancelled decides, because the order needs work as long
    /// as one unit does.
    pub fn status(self) -> OrderStatus {
        if self.is_all(State::Cancelled) {
            return OrderStatus::Cancelled;
        }
        let present = State::ALL.into_iter().filter(|state| self.get(*state) > 0);
        let open = present.filter(|state| *state != State::Cancelled);
        open.map(State::status).min().unwrap_or(OrderStatus::Pending)
    }

    /// The same; a word without a translation moves nothing.
    pub fn native_status<'a>(self, mut unknown: impl Iterator<Item = &'a str>) -> Native<OrderStatus> {
        match unknown.next() {
            Some(word) => Native::Unknown(word.to_owned()),
            None => Native::Known(self.status()),
        }
    }

    /// `Shipped`, or `Acknowledged 2, Shipped 1`.
    pub fn words(self) -> String {
        let present: Vec<State> = State::ALL.into_iter().filter(|state| self.get(*state) > 0).collect();
        match present.as_slice() {
            [only] => only.word().to_owned(),
            several => {
                let parts: Vec<String> =
                    several.iter().map(|state| format!("{} {}", state.word(), self.get(*state))).collect();
                parts.join(", ")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(quantity: &str, statuses: &[(&str, &str)]) -> LineDoc {
        let statuses: Vec<String> = statuses
            .iter()
            .map(|(word, units)| format!(r#"{{"status":"{word}","statusQuantity":{{"amount":{units}}}}}"#))
            .collect();
        let json = format!(
            r#"{{"orderLineQuantity":{{"amount":{quantity}}},"orderLineStatuses":{{"orderLineStatus":[{}]}}}}"#,
            statuses.join(",")
        );
        serde_json::from_str(&json).expect("line")
    }

    fn count(line: &LineDoc) -> Count {
        Count::of(&portions(line))
    }

    #[test]
    fn states_partition_the_quantity_from_the_last_entry_backwards() {
        let split = line("\"3\"", &[("Shipped", "\"1\""), ("Acknowledged", "\"2\"")]);
        assert_eq!(count(&split).words(), "Acknowledged 2, Shipped 1");
        let outdated =
            line("2", &[("Created", "2"), ("Acknowledged", "2"), ("Shipped", "1"), ("Acknowledged", "1")]);
        assert_eq!(count(&outdated).words(), "Acknowledged 1, Shipped 1");
        let unsaid = line("\"3\"", &[("Shipped", "null")]);
        assert_eq!(count(&unsaid).words(), "Shipped");
        let short = line("\"3\"", &[("Shipped", "\"1\"")]);
        assert_eq!(count(&short).words(), "unclear 2, Shipped 1");
        let without_quantity = line("null", &[("Shipped", "\"1\""), ("Cancelled", "\"1\"")]);
        assert_eq!(ordered(&without_quantity), 2);
    }

    #[test]
    fn the_least_advanced_unit_decides() {
        use OrderStatus::{Accepted, Cancelled, Delivered, Pending, Shipped};
        for (statuses, expected) in [
            (&[("Created", "1")][..], Pending),
            (&[("Acknowledged", "1")], Accepted),
            (&[("Shipped", "1")], Shipped),
            (&[("Delivered", "1")], Delivered),
            (&[("Refund", "1")], Shipped),
            (&[("Cancelled", "1")], Cancelled),
            (&[("Vanished", "1")], Pending),
            (&[("Shipped", "1"), ("Acknowledged", "1")], Accepted),
            (&[("Shipped", "1"), ("Created", "1")], Pending),
            (&[("Shipped", "1"), ("Cancelled", "1")], Shipped),
            (&[("Delivered", "1"), ("Shipped", "1")], Shipped),
            (&[("Delivered", "1"), ("Refund", "1")], Shipped),
            (&[("Delivered", "1"), ("Cancelled", "1")], Delivered),
        ] {
            let units = statuses.len().to_string();
            assert_eq!(count(&line(&units, statuses)).status(), expected, "{statuses:?}");
        }
        assert_eq!(Count::default().status(), Pending, "no lines");
    }

    #[test]
    fn an_unknown_word_moves_nothing() {
        let status = |statuses: &[(&str, &str)]| {
            let line = line(&statuses.len().to_string(), statuses);
            count(&line).native_status(unknown_words(&line))
        };
        let unknown = Native::Unknown("OnHold".to_owned());
        assert_eq!(status(&[("OnHold", "1")]), unknown);
        assert_eq!(status(&[("Shipped", "1"), ("OnHold", "1")]), unknown);
        assert_eq!(status(&[("Shipped", "1")]), Native::Known(OrderStatus::Shipped));
    }
}
