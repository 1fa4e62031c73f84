//! Charts as paths: drawn by the server, each with the sentence that says the same.

use std::fmt::Write as _;

use super::hours::{Day, HOURS};
use super::lag::{SLOTS, Slot};
use super::language::{Language, fill};
use super::moment::Moments;
use crate::model::Timestamp;

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 120.0;
/// Least height of something that is there.
const VISIBLE: f64 = 1.5;
const CLASSES: [&str; 6] = ["s0", "s1", "s2", "s3", "s4", "s5"];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bars {
    pub class: &'static str,
    pub path: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    pub class: &'static str,
    pub name: String,
    pub total: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chart {
    pub total: String,
    /// What the upper edge stands for.
    pub top: String,
    /// The chart in a sentence.
    pub summary: String,
    pub bars: Vec<Bars>,
    pub ticks: Vec<String>,
    pub series: Vec<Series>,
    pub note: String,
}

/// A row of 24 small bars.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strip {
    pub bars: String,
    /// Hours without any.
    pub none: String,
    pub summary: String,
}

/// Appends a bar that stands on `bottom`.
fn bar(path: &mut String, x: f64, width: f64, bottom: f64, height: f64) {
    // Writing to a text cannot fail.
    let _ = write!(path, "M{x:.1} {:.1}h{width:.1}v{height:.1}h-{width:.1}z", bottom - height);
}

#[allow(clippy::cast_precision_loss, reason = "counts of a chart stay far below 2^52")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[allow(clippy::cast_precision_loss, reason = "a few dozen slots")]
fn slot(at: usize, slots: usize, width: f64) -> f64 {
    at as f64 * width / slots as f64
}

pub fn strip(day: &Day, language: Language) -> Strip {
    let most = day.iter().copied().max().unwrap_or_default();
    let mut strip = Strip::default();
    for (at, count) in day.iter().enumerate() {
        let x = slot(at, HOURS, 168.0);
        match count {
            0 => bar(&mut strip.none, x, 5.5, 26.0, 2.0),
            count => bar(&mut strip.bars, x, 5.5, 26.0, (share(*count, most) * 26.0).max(3.0)),
        }
    }
    let w = language.words();
    let orders = language.count(day.iter().sum(), (w.orders_one, w.orders_other));
    strip.summary = format!("{}: {orders}", w.last_24_hours);
    strip
}

/// Orders per hour, the channels stacked upon each other.
pub fn per_hour(days: &[(String, Day)], moments: &Moments) -> Chart {
    let (language, w) = (moments.language, moments.language.words());
    let sums: Vec<u64> = (0..HOURS).map(|at| days.iter().map(|(_, day)| day[at]).sum()).collect();
    let most = sums.iter().copied().max().unwrap_or_default();
    let all = language.count(sums.iter().sum(), (w.orders_one, w.orders_other));
    let mut below = [0_u64; HOURS];
    let mut chart = Chart {
        top: language.number(most.max(1)),
        ticks: ticks(moments),
        summary: fill(w.chart_hours, &[("n", &all), ("m", &language.number(most))]),
        total: all,
        ..Chart::default()
    };
    for (rank, (name, day)) in days.iter().enumerate() {
        let class = CLASSES[rank.min(CLASSES.len() - 1)];
        let mut path = String::new();
        for (at, count) in day.iter().enumerate().filter(|(_, count)| **count > 0) {
            let bottom = HEIGHT - share(below[at], most) * HEIGHT;
            let height = (share(*count, most) * HEIGHT).max(VISIBLE);
            bar(&mut path, slot(at, HOURS, WIDTH) + 2.0, WIDTH / 24.0 - 4.0, bottom, height);
            below[at] += count;
        }
        chart.bars.push(Bars { class, path });
        let total = day.iter().sum();
        chart.series.push(Series { class, name: name.clone(), total: language.number(total) });
    }
    chart
}

/// Median of each half hour as a bar, the worst as a line above it.
pub fn lag(slots: &[Option<Slot>; SLOTS], since: Timestamp, moments: &Moments) -> Chart {
    let (language, w) = (moments.language, moments.language.words());
    let most = slots.iter().flatten().map(|slot| slot.worst).max();
    let note = fill(w.lag_since, &[("t", &moments.long(since).text)]);
    let mut chart = Chart { ticks: ticks(moments), note, ..Chart::default() };
    let (mut medians, mut worsts, mut unknown) = (String::new(), String::new(), String::new());
    let scale = u64::from(most.unwrap_or_default()).max(1);
    for (at, told) in slots.iter().enumerate() {
        let x = slot(at, SLOTS, WIDTH) + 1.5;
        match told {
            None => bar(&mut unknown, x, 7.0, HEIGHT, 2.0),
            Some(told) => {
                let height = (share(told.median.into(), scale) * HEIGHT).max(VISIBLE);
                bar(&mut medians, x, 7.0, HEIGHT, height);
                let top = HEIGHT - share(told.worst.into(), scale) * HEIGHT;
                bar(&mut worsts, x, 7.0, (top + VISIBLE).min(HEIGHT), VISIBLE);
            }
        }
    }
    let bars = [("none", unknown), ("s1", medians), ("worst", worsts)];
    chart.bars = bars.into_iter().map(|(class, path)| Bars { class, path }).collect();
    match most {
        None => {
            chart.total = w.no_data.to_owned();
            chart.summary = format!("{}: {}", w.sync_lag, w.no_data);
        }
        Some(worst) => {
            let median = overall(slots);
            let values = [("n", seconds(median, language)), ("m", seconds(worst, language))];
            let values = [("n", values[0].1.as_str()), ("m", values[1].1.as_str())];
            chart.total = fill(w.lag_total, &values);
            chart.summary = format!("{}: {}", w.sync_lag, chart.total);
            chart.top = seconds(worst, language);
        }
    }
    chart
}

/// The median half hour's median, each weighed by its samples.
fn overall(slots: &[Option<Slot>; SLOTS]) -> u32 {
    let mut medians: Vec<(u32, usize)> = slots.iter().flatten().map(|s| (s.median, s.samples)).collect();
    medians.sort_unstable();
    let half = medians.iter().map(|(_, samples)| samples).sum::<usize>().div_ceil(2);
    let mut passed = 0;
    for (median, samples) in medians {
        passed += samples;
        if passed >= half {
            return median;
        }
    }
    0
}

/// `0.4 s`, `14 s`, `3 min`.
fn seconds(millis: u32, language: Language) -> String {
    if millis < 10_000 {
        let tenths = millis.div_ceil(100);
        format!("{} s", language.amount(&format!("{}.{}", tenths / 10, tenths % 10)))
    } else {
        super::moment::span(u64::from(millis / 1_000))
    }
}

/// Times under the chart: a day ago, in quarters, until now.
fn ticks(moments: &Moments) -> Vec<String> {
    [24, 18, 12, 6, 0].into_iter().map(|back| moments.time(moments.hour(back)).text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments() -> Moments {
        Moments::new(Language::English, None, Timestamp::from_secs(1_764_000_000))
    }

    #[test]
    fn channels_stand_upon_each_other() {
        let mut one = [0; HOURS];
        let mut two = [0; HOURS];
        (one[23], two[23]) = (1, 3);
        let chart = per_hour(&[("A".to_owned(), one), ("B".to_owned(), two)], &moments());
        assert_eq!(chart.bars[0].path, "M462.0 90.0h16.0v30.0h-16.0z");
        assert_eq!(chart.bars[1].path, "M462.0 0.0h16.0v90.0h-16.0z");
        assert_eq!((chart.top.as_str(), chart.series[1].total.as_str()), ("4", "3"));
        assert!(chart.summary.contains("4 orders"), "{}", chart.summary);
    }

    #[test]
    fn nothing_known_is_said_and_not_drawn_as_zero() {
        let chart = lag(&[None; SLOTS], Timestamp::EPOCH, &moments());
        assert!(chart.summary.contains(Language::English.words().no_data));
        assert!(chart.bars[1].path.is_empty() && !chart.bars[0].path.is_empty());
    }

    #[test]
    fn short_lags_keep_a_decimal() {
        assert_eq!(seconds(420, Language::English), "0.5 s");
        assert_eq!(seconds(1_200, Language::Portuguese), "1,2 s");
        assert_eq!(seconds(14_000, Language::English), "14 s");
        assert_eq!(seconds(200_000, Language::English), "3 min");
    }
}
