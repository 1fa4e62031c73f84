//! When a channel is polled: crontab expressions in a time zone.
//!
//! The `cron` crate walks the calendar; what a crontab means is settled here, because the crate
//! differs from every crontab in five ways. It wants seconds first, so five fields get `0 ` in
//! front. It counts weekdays from 1 = Sunday, so numbers are translated (0 and 7 are Sunday). It
//! wants day of month *and* day of week to match, where crontab runs on either when both are
//! restricted; then two expressions are merged. It refuses ranges that wrap around (`22-2`,
//! `Fri-Mon`), which are expanded. It accepts dates that never come, which are refused.
//!
//! The crate also skips, repeats and reorders runs where clocks change. So it only ever sees UTC:
//! the wall time of each stretch of constant offset is walked as if it were UTC. A run that falls
//! into a skipped hour happens once, at the end of the gap. A run in a repeated hour happens the
//! first time only, unless it runs in every hour of the day: that one goes on through both.

use std::fmt;
use std::str::FromStr;

use chrono::DateTime;
use jiff::tz::TimeZone;

use super::table::nearest;
use crate::model::Timestamp;

/// A parsed schedule. Two are equal when they read the same.
#[derive(Clone, Debug)]
pub struct Schedule {
    expression: String,
    zone_name: String,
    zone: TimeZone,
    /// The earliest run of any counts.
    calendars: Vec<cron::Schedule>,
    every_hour: bool,
}

/// Why a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct BadSchedule {
    pub what: String,
    /// What to write instead.
    pub cure: String,
}

fn bad(what: impl Into<String>, cure: impl Into<String>) -> BadSchedule {
    BadSchedule { what: what.into(), cure: cure.into() }
}

impl Schedule {
    /// Reads five fields, six with seconds first, or `@hourly` and the like, in a zone by its IANA
    /// name.
    pub fn parse(expression: &str, zone_name: &str) -> Result<Self, BadSchedule> {
        let zone = find_zone(zone_name)?;
        let fields = split(expression)?;
        let mut sets = Vec::with_capacity(fields.len());
        for (unit, field) in UNITS.iter().zip(&fields) {
            sets.push(unit.read(field)?);
        }
        let [seconds, minutes, hours, days, months, weekdays] = &sets[..] else {
            return Err(bad("the schedule has too few fields", FIELDS_CURE));
        };
        let crontab_either = !opens(&fields[3]) && !opens(&fields[5]);
        let (all_days, all_weekdays) = (&UNITS[3].all(), &UNITS[5].all());
        let pairs = if crontab_either {
            vec![(days, all_weekdays), (all_days, weekdays)]
        } else {
            vec![(days, weekdays)]
        };
        let mut calendars = Vec::with_capacity(pairs.len());
        for (days, weekdays) in pairs {
            calendars.push(calendar([seconds, minutes, hours, days, months, weekdays])?);
        }
        let schedule = Self {
            expression: expression.split_whitespace().collect::<Vec<_>>().join(" "),
            zone_name: zone_name.to_owned(),
            zone,
            calendars,
            every_hour: hours.len() == 24,
        };
        if schedule.next_on_the_wall(0).is_none() {
            return Err(bad(
                format!("the schedule \"{expression}\" never comes: there is no such date"),
                "write a day that its month has, such as `0 3 28 2 *`",
            ));
        }
        Ok(schedule)
    }

    pub fn expression(&self) -> &str {
        &self.expression
    }

    pub fn timezone(&self) -> &str {
        &self.zone_name
    }

    /// The first run strictly after an instant; `None` when there is none before the year 2100.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let start = after.as_secs();
        let mut offset = self.offset_at(start);
        // Exclusive, on the wall.
        let mut floor = start + offset;
        if let Some(end) = self.end_of_repetition(start, offset).filter(|_| !self.every_hour) {
            floor = floor.max(end - 1);
        }
        let instant = jiff::Timestamp::from_second(start).ok()?;
        for change in self.zone.following(instant) {
            let due = self.next_on_the_wall(floor)?;
            let at = change.timestamp().as_second();
            if due - offset < at {
                return Some(Timestamp::from_secs(due - offset));
            }
            let next_offset = i64::from(change.offset().seconds());
            let (before, behind) = (at + offset, at + next_offset);
            if due < behind && !self.every_hour {
                return Some(Timestamp::from_secs(at));
            }
            floor = if self.every_hour { behind - 1 } else { behind.max(before) - 1 };
            offset = next_offset;
        }
        Some(Timestamp::from_secs(self.next_on_the_wall(floor)? - offset))
    }

    /// When the clock was last set back, the wall time at which it was: until then wall times come
    /// a second time.
    fn end_of_repetition(&self, at: i64, offset: i64) -> Option<i64> {
        // `preceding` leaves out a change at this very second.
        let change = self.zone.preceding(jiff::Timestamp::from_second(at + 1).ok()?).next()?;
        let changed = change.timestamp().as_second();
        let before = self.offset_at(changed - 1);
        (before > offset).then_some(changed + before)
    }

    fn offset_at(&self, seconds: i64) -> i64 {
        let at = jiff::Timestamp::from_second(seconds).unwrap_or_default();
        i64::from(self.zone.to_offset(at).seconds())
    }

    /// The first run strictly after a wall time. Wall times are seconds as if the zone were UTC.
    fn next_on_the_wall(&self, floor: i64) -> Option<i64> {
        let floor = DateTime::from_timestamp(floor, 0)?;
        self.calendars.iter().filter_map(|c| c.after(&floor).next()).min().map(|due| due.timestamp())
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        (&self.expression, &self.zone_name) == (&other.expression, &other.zone_name)
    }
}

impl Eq for Schedule {}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.expression, self.zone_name)
    }
}

fn find_zone(name: &str) -> Result<TimeZone, BadSchedule> {
    TimeZone::get(name).map_err(|_| {
        let known: Vec<_> = jiff::tz::db().available().map(|n| n.to_string()).collect();
        let near = nearest(name, known.iter().map(String::as_str)).unwrap_or("America/Mexico_City");
        bad(
            format!("there is no time zone \"{name}\""),
            format!("write its IANA name, such as \"{near}\" or \"UTC\""),
        )
    })
}

const FIELDS_CURE: &str = "write minute, hour, day of month, month and day of week, such as `*/15 * * * *`; \
     with seconds in front there are six";

/// Six fields, seconds first.
fn split(expression: &str) -> Result<Vec<String>, BadSchedule> {
    let fields: Vec<String> = expression.split_whitespace().map(str::to_owned).collect();
    match &fields[..] {
        [word] if word.starts_with('@') => {
            let five = match word.as_str() {
                "@hourly" => "0 * * * *",
                "@daily" | "@midnight" => "0 0 * * *",
                "@weekly" => "0 0 * * 0",
                "@monthly" => "0 0 1 * *",
                "@yearly" | "@annually" => "0 0 1 1 *",
                _ => {
                    let cure = "write @hourly, @daily, @weekly, @monthly or @yearly, or five fields";
                    return Err(bad(format!("there is no schedule \"{word}\""), cure));
                }
            };
            split(five)
        }
        five if five.len() == 5 => Ok(std::iter::once("0".to_owned()).chain(fields).collect()),
        six if six.len() == 6 => Ok(fields),
        other => Err(bad(format!("the schedule \"{expression}\" has {} fields", other.len()), FIELDS_CURE)),
    }
}

/// A field that begins with `*` does not restrict, also `*/2`: so say crontabs.
fn opens(field: &str) -> bool {
    field.starts_with(['*', '?'])
}

fn calendar(sets: [&Vec<u32>; 6]) -> Result<cron::Schedule, BadSchedule> {
    let fields = sets.map(|set| set.iter().map(u32::to_string).collect::<Vec<_>>().join(","));
    cron::Schedule::from_str(&fields.join(" ")).map_err(|_| bad("the schedule cannot be read", FIELDS_CURE))
}

/// One of the six fields.
struct Unit {
    name: &'static str,
    least: u32,
    most: u32,
    /// In order, from `least`; the first three letters count.
    words: &'static [&'static str],
}

const UNITS: [Unit; 6] = [
    Unit { name: "second", least: 0, most: 59, words: &[] },
    Unit { name: "minute", least: 0, most: 59, words: &[] },
    Unit { name: "hour", least: 0, most: 23, words: &[] },
    Unit { name: "day of month", least: 1, most: 31, words: &[] },
    Unit {
        name: "month",
        least: 1,
        most: 12,
        words: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    },
    // As crontabs count; `settle` turns it into the crate's 1 = Sunday.
    Unit {
        name: "day of week",
        least: 0,
        most: 7,
        words: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    },
];

impl Unit {
    fn is_weekday(&self) -> bool {
        self.most == 7
    }

    /// How many different values there are.
    fn span(&self) -> u32 {
        if self.is_weekday() { 7 } else { self.most - self.least + 1 }
    }

    fn all(&self) -> Vec<u32> {
        self.settle((0..self.span()).map(|n| self.least + n).collect())
    }

    fn read(&self, field: &str) -> Result<Vec<u32>, BadSchedule> {
        let mut values = Vec::new();
        for item in field.split(',') {
            let (range, step) = match item.split_once('/') {
                Some((range, step)) => (range, Some(self.step(item, step)?)),
                None => (item, None),
            };
            let stretch = self.stretch(item, range, step.is_some())?;
            values.extend(stretch.into_iter().step_by(step.unwrap_or(1)));
        }
        Ok(self.settle(values))
    }

    /// The values of a range, in order, around the end when it wraps.
    fn stretch(&self, item: &str, range: &str, stepped: bool) -> Result<Vec<u32>, BadSchedule> {
        if range == "*" || range == "?" {
            return Ok((0..self.span()).map(|n| self.least + n).collect());
        }
        let Some((from, to)) = range.split_once('-') else {
            let from = self.value(item, range)?;
            // `5/15` means from 5 to the end.
            let to = if stepped { self.least + self.span() - 1 } else { from };
            return Ok((from..=to.max(from)).collect());
        };
        let (from, to) = (self.value(item, from)?, self.value(item, to)?);
        let to = if to < from { to + self.span() } else { to };
        let last = self.least + self.span() - 1;
        Ok((from..=to)
            .map(|n| if n > last && !(self.is_weekday() && n == 7) { n - self.span() } else { n })
            .collect())
    }

    fn value(&self, item: &str, text: &str) -> Result<u32, BadSchedule> {
        let found = if text.bytes().all(|b| b.is_ascii_digit()) {
            text.parse().ok().filter(|n| (self.least..=self.most).contains(n))
        } else {
            self.word(text)
        };
        found.ok_or_else(|| {
            let cure = match self.words {
                [] => format!("write a number from {} to {}", self.least, self.most),
                [first, .., last] => {
                    format!(
                        "write a number from {} to {}, or a word from {first} to {last}",
                        self.least, self.most
                    )
                }
                [_] => String::new(),
            };
            bad(format!("the {} cannot be \"{item}\"", self.name), cure)
        })
    }

    /// `mon`, `Monday`.
    fn word(&self, text: &str) -> Option<u32> {
        let lower = text.to_ascii_lowercase();
        let long = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
        let nth = self
            .words
            .iter()
            .position(|w| lower == *w)
            .or_else(|| self.is_weekday().then(|| long.iter().position(|w| lower == *w)).flatten())?;
        Some(self.least + u32::try_from(nth).ok()?)
    }

    fn step(&self, item: &str, text: &str) -> Result<usize, BadSchedule> {
        text.parse().ok().filter(|step| (1..=self.most.max(1) as usize).contains(step)).ok_or_else(|| {
            let what = format!("the step of the {} cannot be \"{item}\"", self.name);
            bad(what, format!("write a step from 1 to {}, such as `*/2`", self.most))
        })
    }

    /// Sorted, without repetitions, in the crate's numbers.
    fn settle(&self, mut values: Vec<u32>) -> Vec<u32> {
        if self.is_weekday() {
            for value in &mut values {
                *value = *value % 7 + 1;
            }
        }
        values.sort_unstable();
        values.dedup();
        values
    }
}

#[cfg(test)]
mod tests;
