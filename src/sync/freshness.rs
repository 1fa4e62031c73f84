//! Which of two readings of an order is newer.

use std::cmp::Ordering;

use crate::model::{Source, Timestamp, Version};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Take it over.
    Newer,
    /// Carries the stored change stamp: other content can only be settled by a fetch.
    Same,
    Older,
}

/// Compares by the marketplace's own change stamps where both have one, else by when we read.
/// A fetch is the truth at its time, so an equal stamp does not hold it back, nor does one of the same
/// second: some answers of a marketplace tell the fraction of a second that others cut off.
pub fn freshness(
    stored: Version,
    source: Source,
    changed_at: Option<Timestamp>,
    read_at: Timestamp,
) -> Freshness {
    let by_reading = if read_at < stored.read_at { Freshness::Older } else { Freshness::Newer };
    match (stored.changed_at, changed_at) {
        (Some(known), Some(said)) => match said.cmp(&known) {
            Ordering::Less if source == Source::Fetch && said.as_secs() == known.as_secs() => by_reading,
            Ordering::Less => Freshness::Older,
            Ordering::Greater => Freshness::Newer,
            Ordering::Equal if source == Source::Fetch => by_reading,
            Ordering::Equal => Freshness::Same,
        },
        _ => by_reading,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn version(changed: Option<i64>, read: i64) -> (Option<i64>, i64) {
        (changed, read)
    }

    #[test]
    fn a_stamp_without_its_fraction_does_not_make_a_fetch_older() {
        let at = Timestamp::from_millis;
        let stored = Version { changed_at: Some(at(10_750)), read_at: at(100_000), fetched_at: None };
        let of = |source, read| freshness(stored, source, Some(at(10_000)), at(read));
        assert_eq!(of(Source::Fetch, 200_000), Freshness::Newer);
        assert_eq!(of(Source::Fetch, 50_000), Freshness::Older);
        assert_eq!(of(Source::Payload, 200_000), Freshness::Older, "it may have been cut, or be older");
    }

    #[test]
    fn change_stamps_decide_before_reading_times() {
        let at = Timestamp::from_secs;
        let cases = [
            // stored, source, said, expected
            (version(Some(10), 100), Source::Payload, version(Some(9), 200), Freshness::Older),
            (version(Some(10), 100), Source::Payload, version(Some(11), 50), Freshness::Newer),
            (version(Some(10), 100), Source::Payload, version(Some(10), 200), Freshness::Same),
            (version(Some(10), 100), Source::Listing, version(Some(10), 200), Freshness::Same),
            (version(Some(10), 100), Source::Fetch, version(Some(10), 200), Freshness::Newer),
            (version(Some(10), 100), Source::Fetch, version(Some(10), 50), Freshness::Older),
            (version(Some(10), 100), Source::Fetch, version(Some(9), 200), Freshness::Older),
            (version(None, 100), Source::Listing, version(None, 200), Freshness::Newer),
            (version(None, 100), Source::Listing, version(None, 50), Freshness::Older),
            (version(Some(10), 100), Source::Fetch, version(None, 99), Freshness::Older),
        ];
        for ((changed, read), source, (said, said_read), expected) in cases {
            let stored = Version { changed_at: changed.map(at), read_at: at(read), fetched_at: None };
            assert_eq!(
                freshness(stored, source, said.map(at), at(said_read)),
                expected,
                "{stored:?} {source:?} {said:?} {said_read}"
            );
        }
    }
}
