//! Instants as a reader sees them: in their own zone, absolute first, relative second.

use jiff::Zoned;
use jiff::tz::TimeZone;

use super::language::{Language, fill};
use crate::model::Timestamp;

/// How instants are told to one reader.
#[derive(Clone)]
pub struct Moments {
    pub language: Language,
    pub now: Timestamp,
    zone: TimeZone,
    /// The reader's zone is known; else it is UTC.
    pub known: bool,
}

/// One instant, told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// For the `datetime` attribute.
    pub iso: String,
    pub text: String,
    /// `22 min ago`, `in 3 min`.
    pub ago: String,
}

impl Moments {
    /// `zone`: an IANA name; one that is not in the zone table is ignored.
    pub fn new(language: Language, zone: Option<&str>, now: Timestamp) -> Self {
        let found = zone.filter(|name| is_zone_name(name)).and_then(|name| TimeZone::get(name).ok());
        let known = found.is_some();
        Self { language, now, zone: found.unwrap_or(TimeZone::UTC), known }
    }

    /// `Mexico City`, for the foot of a list.
    pub fn zone_name(&self) -> String {
        let name = self.zone.iana_name().unwrap_or("UTC");
        let city = name.rsplit('/').next().unwrap_or(name).replace('_', " ");
        let own = match (city.as_str(), self.language) {
            ("Mexico City", Language::Spanish) => "Ciudad de México",
            ("Mexico City", Language::Portuguese) => "Cidade do México",
            ("Sao Paulo", Language::Spanish | Language::Portuguese) => "São Paulo",
            ("Bogota", Language::Spanish) => "Bogotá",
            ("New York", Language::Spanish) => "Nueva York",
            ("New York", Language::Portuguese) => "Nova York",
            _ => return city,
        };
        own.to_owned()
    }

    pub fn zone_id(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    fn local(&self, at: Timestamp) -> Zoned {
        at.to_jiff().to_zoned(self.zone.clone())
    }

    fn moment(&self, at: Timestamp, text: String) -> Moment {
        Moment { iso: at.to_rfc3339_secs(), text, ago: self.ago(at) }
    }

    /// For lists: `12:42` today, `22 Nov` this year, `22 Nov 2025` before.
    pub fn short(&self, at: Timestamp) -> Moment {
        let (local, now) = (self.local(at), self.local(self.now));
        let text = if local.date() == now.date() { clock(&local) } else { self.day(&local, &now) };
        self.moment(at, text)
    }

    /// For details: `12:42` today, else `22 Nov, 14:18`.
    pub fn long(&self, at: Timestamp) -> Moment {
        let (local, now) = (self.local(at), self.local(self.now));
        let text = if local.date() == now.date() {
            clock(&local)
        } else {
            format!("{}, {}", self.day(&local, &now), clock(&local))
        };
        self.moment(at, text)
    }

    /// Only the time of day: under a day's heading.
    pub fn time(&self, at: Timestamp) -> Moment {
        self.moment(at, clock(&self.local(at)))
    }

    /// `12:42:07`
    pub fn seconds(&self, at: Timestamp) -> Moment {
        self.moment(at, self.local(at).strftime("%H:%M:%S").to_string())
    }

    /// The heading above the events of a day; equal for equal days.
    pub fn heading(&self, at: Timestamp) -> String {
        let words = self.language.words();
        let (local, now) = (self.local(at), self.local(self.now));
        let day = self.day(&local, &now);
        let yesterday = now.date().yesterday().ok();
        if local.date() == now.date() {
            format!("{}, {day}", words.today)
        } else if Some(local.date()) == yesterday {
            format!("{}, {day}", words.yesterday)
        } else {
            day
        }
    }

    /// The last midnight of the reader, so many days ago.
    pub fn midnight(&self, days_ago: i64) -> Timestamp {
        let now = self.local(self.now);
        let start = now.start_of_day().and_then(|day| day.checked_sub(jiff::Span::new().days(days_ago)));
        start.map_or(self.now, |day| Timestamp::from_jiff(day.timestamp()))
    }

    /// The begin of the reader's hour, so many hours ago.
    pub fn hour(&self, hours_ago: i64) -> Timestamp {
        let second = self.local(self.now);
        let into = i64::from(second.minute()) * 60 + i64::from(second.second());
        Timestamp::from_secs(self.now.as_secs() - into - hours_ago * 3_600)
    }

    fn day(&self, local: &Zoned, now: &Zoned) -> String {
        let words = self.language.words();
        let month = usize::try_from(local.month() - 1).unwrap_or_default();
        let month = words.months.split(' ').nth(month).unwrap_or_default();
        let day = local.day().to_string();
        let text = fill(words.day_and_month, &[("d", &day), ("m", month)]);
        if local.year() == now.year() { text } else { format!("{text} {}", local.year()) }
    }

    /// `22 min ago`; the finest unit that still fits two numbers.
    pub fn ago(&self, at: Timestamp) -> String {
        let words = self.language.words();
        let (past, future) = (self.now.since(at).as_secs(), at.since(self.now).as_secs());
        let phrase = if future > 0 { words.in_span } else { words.ago };
        fill(phrase, &[("t", &span(past.max(future)))])
    }
}

fn clock(local: &Zoned) -> String {
    local.strftime("%H:%M").to_string()
}

/// `4 s`, `22 min`, `3 h 29 min`, `2 d`: the same letters in all our languages.
pub fn span(seconds: u64) -> String {
    match (seconds, seconds / 60, seconds / 3_600) {
        (seconds, 0, _) => format!("{seconds} s"),
        (_, minutes, 0) => format!("{minutes} min"),
        (_, minutes, hours) if hours < 24 && minutes % 60 == 0 => format!("{hours} h"),
        (_, minutes, hours) if hours < 24 => format!("{hours} h {} min", minutes % 60),
        (_, _, hours) => format!("{} d", hours / 24),
    }
}

/// Before the zone table is asked: the name comes from a cookie.
fn is_zone_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_+-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("an instant")
    }

    fn reader(language: Language) -> Moments {
        Moments::new(language, Some("America/Mexico_City"), at("2026-11-23T18:42:07Z"))
    }

    #[test]
    fn instants_are_told_in_the_readers_zone_and_language() {
        let yesterday = at("2026-11-22T20:18:40Z");
        for (language, short, long, heading) in [
            (Language::English, "22 Nov", "22 Nov, 14:18", "Yesterday, 22 Nov"),
            (Language::Spanish, "22 nov", "22 nov, 14:18", "Ayer, 22 nov"),
            (Language::Portuguese, "22 de nov.", "22 de nov., 14:18", "Ontem, 22 de nov."),
        ] {
            let reader = reader(language);
            assert_eq!(reader.short(yesterday).text, short);
            assert_eq!(reader.long(yesterday).text, long);
            assert_eq!(reader.heading(yesterday), heading);
        }
        let reader = reader(Language::English);
        assert_eq!(reader.short(at("2026-11-23T18:20:00Z")).text, "12:20");
        assert_eq!(reader.short(at("2025-11-23T18:20:00Z")).text, "23 Nov 2025");
        assert_eq!(reader.short(at("2026-11-23T18:20:00Z")).iso, "2026-11-23T18:20:00Z");
    }

    #[test]
    fn spans_are_told_roughly() {
        let reader = reader(Language::English);
        for (instant, wanted) in [
            ("2026-11-23T18:42:03Z", "4 s ago"),
            ("2026-11-23T18:20:00Z", "22 min ago"),
            ("2026-11-23T15:13:00Z", "3 h 29 min ago"),
            ("2026-11-20T15:13:00Z", "3 d ago"),
            ("2026-11-23T18:45:30Z", "in 3 min"),
        ] {
            assert_eq!(reader.ago(at(instant)), wanted);
        }
    }

    #[test]
    fn a_day_begins_at_the_readers_midnight() {
        let reader = reader(Language::English);
        assert_eq!(reader.midnight(0), at("2026-11-23T06:00:00Z"));
        assert_eq!(reader.midnight(7), at("2026-11-16T06:00:00Z"));
        assert_eq!(reader.hour(1), at("2026-11-23T17:00:00Z"));
    }

    #[test]
    fn an_unknown_zone_is_utc_and_said_so() {
        for zone in [None, Some("Mars/Olympus"), Some("../../etc/passwd"), Some("")] {
            let reader = Moments::new(Language::English, zone, at("2026-11-23T18:42:07Z"));
            assert!(!reader.known, "{zone:?}");
            assert_eq!(reader.zone_name(), "UTC");
        }
        assert_eq!(reader(Language::English).zone_name(), "Mexico City");
    }
}
