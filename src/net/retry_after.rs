//! Dates in HTTP headers, and `Retry-After`.

use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;
use jiff::fmt::strtime;

use crate::model::Timestamp;

/// Weekdays are not checked: a wrong one is no reason to ignore the date.
static IMF_FIXDATE: DateTimeParser = DateTimeParser::new().relaxed_weekday(true);

/// When to go on, as the header says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RetryAfter {
    After(Duration),
    /// By the marketplace's clock.
    At(Timestamp),
}

impl RetryAfter {
    /// Seconds (also with a fraction, as some marketplaces send) or a date.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(seconds) = text.parse::<f64>() {
            let seconds = if seconds < 0.0 { 0.0 } else { seconds };
            return Duration::try_from_secs_f64(seconds).ok().map(Self::After);
        }
        http_date(text).map(Self::At)
    }

    /// On our clock. `date` is what the marketplace's clock showed at our `now`.
    pub(super) fn resume_at(self, now: Timestamp, date: Option<Timestamp>) -> Timestamp {
        match self {
            Self::After(span) => now.plus(span),
            Self::At(at) => now.plus(at.since(date.unwrap_or(now))),
        }
    }
}

/// Reads the three forms that RFC 9110 lists.
pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(at) = IMF_FIXDATE.parse_timestamp(text) {
        return Some(Timestamp::from_jiff(at));
    }
    // "Sunday, 06-Nov-94 08:49:37 GMT" and "Sun Nov  6 08:49:37 1994"; the weekday is skipped.
    let (_, rest) = text.split_once(' ')?;
    ["%d-%b-%y %H:%M:%S GMT", "%b %e %H:%M:%S %Y"].iter().find_map(|format| {
        let civil = strtime::parse(format, rest.trim_start()).ok()?.to_datetime().ok()?;
        let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(Timestamp::from_jiff(zoned.timestamp()))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_the_three_forms_of_a_date() {
        let expected = Timestamp::parse("1994-11-06T08:49:37Z");
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(http_date(text), expected, "{text}");
        }
        for text in ["", "soon", "2026-11-25", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            assert_eq!(http_date(text), None, "{text}");
        }
    }

    #[test]
    fn reads_seconds_with_and_without_a_fraction() {
        for (text, millis) in [("2", 2_000), ("2.0", 2_000), (" 0.5 ", 500), ("0", 0), ("-3", 0)] {
            let expected = Some(RetryAfter::After(Duration::from_millis(millis)));
            assert_eq!(RetryAfter::parse(text), expected, "{text}");
        }
        for text in ["", "NaN", "inf", "2 s", "1e300"] {
            assert_eq!(RetryAfter::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_date_counts_from_the_marketplaces_own_clock() {
        let at = RetryAfter::parse("Sun, 06 Nov 1994 08:50:37 GMT").unwrap();
        let date = http_date("Sun, 06 Nov 1994 08:49:37 GMT");
        let now = Timestamp::from_secs(1_000);
        assert_eq!(at.resume_at(now, date), Timestamp::from_secs(1_060));
        assert_eq!(at.resume_at(Timestamp::parse("1994-11-06T08:50:07Z").unwrap(), None).as_secs() % 60, 37);
    }

    proptest! {
        #[test]
        fn no_text_can_break_the_parser(text in ".{0,60}") {
            if let Some(retry) = RetryAfter::parse(&text) {
                prop_assert!(retry.resume_at(Timestamp::EPOCH, None) >= Timestamp::EPOCH);
            }
        }
    }
}
