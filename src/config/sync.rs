//! `[sync]`: how much at once, how far back, how long personal data is kept.

use std::time::Duration;

use super::table::Table;
use super::units;

const DAY: Duration = Duration::from_hours(24);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sync {
    /// Longest wait for one answer of a marketplace.
    pub request_timeout: Duration,
    /// Order syncs under way per channel.
    pub max_in_flight: usize,
    /// How far back a new channel's first poll reaches.
    pub initial_import: Duration,
    pub retain_personal_data: Erasure,
}

/// When a customer's personal data is erased without being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erasure {
    /// It stays with the order, where the marketplace sets no ceiling of its own.
    Never,
    /// This long after delivery.
    After(Duration),
}

impl Erasure {
    /// The stricter of the two.
    #[must_use]
    pub fn at_most(self, ceiling: Option<Duration>) -> Self {
        match (self, ceiling) {
            (Self::After(span), Some(ceiling)) => Self::After(span.min(ceiling)),
            (Self::Never, Some(ceiling)) => Self::After(ceiling),
            (kept, None) => kept,
        }
    }
}

pub(super) fn read(root: &mut Table<'_>) -> Sync {
    let mut table = root.table("sync");
    let seconds = Duration::from_secs;
    let request_timeout =
        units::span(&mut table, "request_timeout", &(Duration::from_millis(100)..=seconds(600)));
    let max_in_flight = table.count("max_in_flight", 1..=1_024).and_then(|n| usize::try_from(n).ok());
    let initial_import = units::span(&mut table, "initial_import", &(Duration::ZERO..=3_650 * DAY));
    let retain_personal_data = erasure(&mut table);
    table.finish();
    Sync {
        request_timeout: request_timeout.unwrap_or(seconds(30)),
        max_in_flight: max_in_flight.unwrap_or(64),
        initial_import: initial_import.unwrap_or(30 * DAY),
        retain_personal_data: retain_personal_data.unwrap_or(Erasure::Never),
    }
}

/// `retain_personal_data`, here and in a channel's table.
pub(super) fn erasure(table: &mut Table<'_>) -> Option<Erasure> {
    let key = "retain_personal_data";
    let entry = table.get(key)?;
    if entry.value.as_str() == Some("never") {
        return Some(Erasure::Never);
    }
    let (text, at) = table.text(key)?;
    let span = units::parse_span(text).filter(|span| (DAY..=3_650 * DAY).contains(span));
    if span.is_none() {
        let what = format!("`{}` cannot be \"{text}\"", table.full(key));
        let cure = "write \"never\" to never erase, or a span after delivery from \"1d\" to \"3650d\", such as \"30d\"";
        table.fault(&at, what, cure);
    }
    span.map(Erasure::After)
}
