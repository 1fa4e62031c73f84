use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect(text)
}

/// The first `n` runs after an instant, shown in UTC without seconds.
fn runs(expression: &str, zone: &str, after: &str, n: usize) -> Vec<String> {
    let schedule = Schedule::parse(expression, zone).expect(expression);
    let mut now = at(after);
    let mut seen = Vec::new();
    for _ in 0..n {
        now = schedule.next_after(now).expect("another run");
        seen.push(now.to_string().trim_end_matches(":00Z").to_owned());
    }
    seen
}

#[test]
fn five_fields_mean_what_a_crontab_means() {
    // 2026-11-23 is a Monday.
    for (expression, expected) in [
        ("*/15 * * * *", vec!["2026-11-23T10:15", "2026-11-23T10:30", "2026-11-23T10:45"]),
        ("0 9 * * 1", vec!["2026-11-30T09:00", "2026-12-07T09:00"]),
        ("0 9 * * 0", vec!["2026-11-29T09:00"]),
        ("0 9 * * 7", vec!["2026-11-29T09:00"]),
        (
            "0 9 * * Fri-Mon",
            vec!["2026-11-27T09:00", "2026-11-28T09:00", "2026-11-29T09:00", "2026-11-30T09:00"],
        ),
        ("0 9 * * 5-7", vec!["2026-11-27T09:00", "2026-11-28T09:00", "2026-11-29T09:00", "2026-12-04T09:00"]),
        ("0 9 * * 6-2", vec!["2026-11-24T09:00", "2026-11-28T09:00", "2026-11-29T09:00", "2026-11-30T09:00"]),
        (
            "0 22-1 * * *",
            vec!["2026-11-23T22:00", "2026-11-23T23:00", "2026-11-24T00:00", "2026-11-24T01:00"],
        ),
        ("0 9 1 * Wed", vec!["2026-11-25T09:00", "2026-12-01T09:00", "2026-12-02T09:00"]),
        ("0 9 */2 * Wed", vec!["2026-11-25T09:00", "2026-12-09T09:00"]),
        ("30 0 29 2 *", vec!["2028-02-29T00:30"]),
        (
            "5/20 * * * *",
            vec!["2026-11-23T10:05", "2026-11-23T10:25", "2026-11-23T10:45", "2026-11-23T11:05"],
        ),
        ("0 0 1 nov-jan *", vec!["2026-12-01T00:00", "2027-01-01T00:00", "2027-11-01T00:00"]),
        ("@daily", vec!["2026-11-24T00:00"]),
    ] {
        let got = runs(expression, "UTC", "2026-11-23T10:00:00Z", expected.len());
        assert_eq!(got, expected, "{expression}");
    }
}

#[test]
fn six_fields_begin_with_seconds() {
    assert_eq!(
        runs("*/20 * * * * *", "UTC", "2026-11-23T10:00:00.500Z", 3),
        ["2026-11-23T10:00:20Z", "2026-11-23T10:00:40Z", "2026-11-23T10:01"]
    );
}

#[test]
fn a_skipped_hour_runs_once_and_a_repeated_hour_does_not_run_twice() {
    // New York 2026: 2026-03-08 02:00 EST -> 03:00 EDT (07:00Z); 2026-11-01 02:00 EDT -> 01:00 EST (06:00Z).
    let ny = "America/New_York";
    assert_eq!(
        runs("30 2 * * *", ny, "2026-03-07T00:00:00Z", 3),
        ["2026-03-07T07:30", "2026-03-08T07:00", "2026-03-09T06:30"]
    );
    assert_eq!(runs("30 1 * * *", ny, "2026-10-31T12:00:00Z", 2), ["2026-11-01T05:30", "2026-11-02T06:30"]);
    // Asked for in the middle of the second pass, too.
    assert_eq!(runs("30 1 * * *", ny, "2026-11-01T06:10:00Z", 1), ["2026-11-02T06:30"]);
}

#[test]
fn a_schedule_of_every_hour_goes_on_through_both() {
    let ny = "America/New_York";
    assert_eq!(
        runs("*/30 * * * *", ny, "2026-11-01T05:00:00Z", 4),
        ["2026-11-01T05:30", "2026-11-01T06:00", "2026-11-01T06:30", "2026-11-01T07:00"]
    );
    assert_eq!(
        runs("*/30 * * * *", ny, "2026-03-08T06:00:00Z", 3),
        ["2026-03-08T06:30", "2026-03-08T07:00", "2026-03-08T07:30"]
    );
}

#[test]
fn what_is_no_schedule_is_told_with_a_cure() {
    for (expression, zone, what) in [
        ("* * * *", "UTC", "has 4 fields"),
        ("* * * * * * 2026", "UTC", "has 7 fields"),
        ("", "UTC", "has 0 fields"),
        ("60 * * * *", "UTC", "minute cannot be"),
        ("* 24 * * *", "UTC", "hour cannot be"),
        ("* * 0 * *", "UTC", "day of month cannot be"),
        ("* * * 13 *", "UTC", "month cannot be"),
        ("* * * * 8", "UTC", "day of week cannot be"),
        ("* * * * Mond", "UTC", "day of week cannot be"),
        ("*/0 * * * *", "UTC", "step of the minute"),
        ("*/99 * * * *", "UTC", "step of the minute"),
        ("1, * * * *", "UTC", "minute cannot be"),
        ("0 0 31 2 *", "UTC", "never comes"),
        ("0 0 31 4,6 *", "UTC", "never comes"),
        ("@sometimes", "UTC", "no schedule"),
        ("* * * * *", "America/Mexico", "no time zone"),
    ] {
        let fault = Schedule::parse(expression, zone).expect_err(expression);
        assert!(fault.what.contains(what), "{expression}: {}", fault.what);
        assert!(!fault.cure.is_empty(), "{expression}");
    }
    assert!(
        Schedule::parse("* * * * *", "America/Mexico_Cty")
            .expect_err("typo")
            .cure
            .contains("America/Mexico_City")
    );
}

const ZONES: [&str; 6] = [
    "America/New_York",
    "America/Santiago",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "America/Mexico_City",
    "Asia/Kolkata",
];

const EXPRESSIONS: [&str; 8] = [
    "*/15 * * * *",
    "30 2 * * *",
    "0 0 * * *",
    "30 1,2 * * Sun",
    "15 */4 * * *",
    "7 * * * *",
    "0 0-3 1 * Mon",
    "*/20 2 * * *",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn runs_only_go_forward_and_every_day_has_its_run(
        zone in prop::sample::select(&ZONES[..]),
        expression in prop::sample::select(&EXPRESSIONS[..]),
        start in 1_600_000_000_i64..1_900_000_000,
    ) {
        let schedule = Schedule::parse(expression, zone).expect(expression);
        let mut now = Timestamp::from_secs(start);
        for _ in 0..400 {
            let next = schedule.next_after(now).expect("another run");
            prop_assert!(next > now, "{} {}: {} after {}", expression, zone, next, now);
            // The same answer from any instant in between.
            let between = now.plus(next.since(now) / 2);
            if between < next {
                prop_assert_eq!(schedule.next_after(between), Some(next), "{} {} from {}", expression, zone, between);
            }
            now = next;
        }
    }

    #[test]
    fn a_daily_run_happens_once_on_every_day_of_the_year(
        zone in prop::sample::select(&ZONES[..]),
        hour in 0_u8..24,
        minute in 0_u8..60,
        year in 2021_i16..2037,
    ) {
        let schedule = Schedule::parse(&format!("{minute} {hour} * * *"), zone).expect("daily");
        let zone = TimeZone::get(zone).expect("zone");
        let first = jiff::civil::date(year, 1, 1).to_zoned(zone.clone()).expect("a day").timestamp();
        let mut now = Timestamp::from_millis(first.as_millisecond() - 1);
        let mut days = BTreeSet::new();
        for _ in 0..365 {
            now = schedule.next_after(now).expect("another day");
            prop_assert!(days.insert(now.to_jiff().to_zoned(zone.clone()).date()), "twice on one day: {}", now);
        }
        let last = days.last().copied().expect("days");
        prop_assert!(last.year() == year && last.day_of_year() == 365, "a day was skipped before {}", last);
    }
}
