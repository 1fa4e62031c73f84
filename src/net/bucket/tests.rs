use proptest::prelude::*;

use super::*;

const START: Timestamp = Timestamp::EPOCH;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn bucket(per_second: f64, burst: f64, reserve: f64) -> Bucket {
    Bucket::new(&Limit { operation: "", per_second, burst, reserve }, START)
}

/// Takes calls of one token until none is left, and says how many there were.
fn drain(bucket: &mut Bucket, now: Timestamp, keep_reserve: bool) -> u32 {
    bucket.advance(now);
    let mut taken = 0;
    while bucket.ready_at(1.0, keep_reserve) <= now {
        bucket.take(1.0);
        bucket.finish(1.0);
        taken += 1;
    }
    taken
}

#[test]
fn a_new_bucket_is_full() {
    assert_eq!(drain(&mut bucket(0.0056, 20.0, 0.0), START, false), 20);
    assert_eq!(drain(&mut bucket(0.0056, 1.0, 0.0), START, false), 1);
    assert_eq!(drain(&mut bucket(0.5, 30.0, 0.0), START, false), 30);
}

#[test]
fn a_quiet_channel_owes_no_note_and_a_busy_one_some_a_minute() {
    let mut bucket = bucket(0.5, 30.0, 0.0);
    let mut notes = 0;
    let mut call = |bucket: &mut Bucket, now| {
        bucket.advance(now);
        bucket.take(1.0);
        bucket.finish(1.0);
        if let Some(left) = bucket.owed() {
            bucket.note(left, now);
            notes += 1;
        }
        notes
    };
    for minute in 0..60 {
        assert_eq!(call(&mut bucket, at(minute * 60_000)), 0);
    }
    let mut now = at(3_600_000);
    let busy = at(7_200_000);
    while now < busy {
        now = bucket.ready_at(1.0, false).max(now);
        call(&mut bucket, now);
    }
    assert!((280..400).contains(&call(&mut bucket, now)), "one in some ten seconds");
}

#[test]
fn a_faster_rate_is_noted_once() {
    let mut bucket = bucket(0.0056, 20.0, 0.0);
    assert_eq!(bucket.owed(), None);
    bucket.learn(&LimitNews { per_second: Some(5.6), ..LimitNews::default() }, START);
    let left = bucket.owed().expect("a note");
    assert!((left.per_second - 5.6).abs() < EPSILON);
    bucket.note(left, START);
    assert_eq!(bucket.owed(), None);
}

#[test]
fn goes_on_where_the_last_note_says_and_waits_for_what_it_lacks() {
    let mut known = bucket(0.5, 30.0, 0.0);
    let left = |tokens, per_second| Some(Left { tokens, at: START, per_second });
    known.resume(left(-1.0, 0.5), at(10_000));
    assert_eq!(drain(&mut known, at(10_000), false), 3, "4.9 have flown in");
    let mut empty = bucket(0.0056, 20.0, 0.0);
    empty.resume(left(0.0, 0.0056), START);
    assert!(empty.ready_at(1.0, false) > at(178_000));
    let mut unknown = bucket(0.0056, 20.0, 0.0);
    unknown.resume(None, START);
    assert_eq!(drain(&mut unknown, START, false), 19);
    let mut long_ago = bucket(0.0056, 20.0, 0.0);
    long_ago.resume(left(-5.0, 0.0056), at(86_400_000));
    assert_eq!(drain(&mut long_ago, at(86_400_000), false), 19);
    let mut told_more = bucket(0.0056, 20.0, 0.0);
    told_more.resume(left(-5.0, 5.6), at(1_000));
    assert!(told_more.ready_at(1.0, false) < at(1_300), "as the answers before the restart said");
}

#[test]
fn an_empty_bucket_is_ready_one_interval_later() {
    let mut bucket = bucket(0.5, 2.0, 0.0);
    drain(&mut bucket, START, false);
    let ready = bucket.ready_at(1.0, false);
    assert!((at(2_000)..=at(2_050)).contains(&ready), "{ready}");
    bucket.advance(ready);
    assert_eq!(bucket.ready_at(1.0, false), ready);
}

#[test]
fn the_reserve_is_kept_unless_the_caller_may_use_it() {
    let mut bucket = bucket(1.0, 10.0, 3.0);
    assert_eq!(drain(&mut bucket, START, true), 7);
    assert_eq!(drain(&mut bucket, START, false), 3);
}

#[test]
fn a_reserve_as_large_as_the_bucket_does_not_lock_the_others_out() {
    assert!(drain(&mut bucket(1.0, 5.0, 9.0), START, true) >= 1);
}

#[test]
fn a_call_dearer_than_the_bucket_goes_when_it_is_full_and_leaves_a_debt() {
    let mut bucket = bucket(10.0, 100.0, 0.0);
    assert_eq!(bucket.ready_at(300.0, false), START);
    bucket.take(300.0);
    let ready = bucket.ready_at(1.0, false);
    assert!((at(20_000)..=at(21_000)).contains(&ready), "{ready}");
}

#[test]
fn after_a_park_exactly_one_call_goes_at_once_and_the_rest_at_the_usual_pace() {
    let mut bucket = bucket(0.0056, 20.0, 0.0);
    bucket.learn(&LimitNews { resume_at: Some(at(2_000)), ..LimitNews::default() }, START);
    assert_eq!(bucket.ready_at(1.0, false), at(2_000));
    assert_eq!(drain(&mut bucket, at(1_999), false), 0);
    assert_eq!(drain(&mut bucket, at(2_000), false), 1);
    assert!(bucket.ready_at(1.0, false) > at(170_000));
}

#[test]
fn a_shorter_park_does_not_cut_a_longer_one_and_none_exceeds_a_day() {
    let mut bucket = bucket(1.0, 5.0, 0.0);
    let park = |at| LimitNews { resume_at: Some(at), ..LimitNews::default() };
    bucket.learn(&park(at(9_000)), START);
    bucket.learn(&park(at(3_000)), START);
    assert_eq!(bucket.ready_at(1.0, false), at(9_000));
    bucket.learn(&park(Timestamp::MAX), START);
    assert_eq!(bucket.ready_at(1.0, false), START.plus(LONGEST_PARK));
}

#[test]
fn a_clock_set_back_neither_prolongs_a_park_nor_stops_the_flow() {
    let late = at(3_600_000);
    let mut bucket = Bucket::new(&Limit { operation: "", per_second: 1.0, burst: 5.0, reserve: 0.0 }, late);
    bucket.learn(
        &LimitNews { resume_at: Some(late.plus(Duration::from_secs(10))), ..LimitNews::default() },
        late,
    );
    bucket.advance(START);
    assert_eq!(bucket.ready_at(1.0, false), at(10_000));
}

#[test]
fn what_is_on_its_way_is_taken_off_the_marketplaces_count() {
    let mut bucket = bucket(50.0, 1_000.0, 0.0);
    bucket.take(100.0);
    bucket.take(100.0);
    bucket.finish(100.0);
    bucket.learn(&LimitNews { remaining: Some(500.0), ..LimitNews::default() }, START);
    assert_eq!(bucket.rate_limit().remaining, Some(400));
}

#[test]
fn nonsense_in_an_answer_changes_nothing() {
    let mut bucket = bucket(1.0, 5.0, 0.0);
    let nonsense = LimitNews {
        per_second: Some(0.0),
        burst: Some(f64::NAN),
        remaining: Some(f64::INFINITY),
        resume_at: Some(START),
    };
    bucket.learn(&nonsense, START);
    assert_eq!(drain(&mut bucket, START, false), 5);
}

#[test]
fn tells_a_person_what_is_left_and_when_it_is_full_again() {
    let mut bucket = bucket(1.0, 5.0, 0.0);
    assert_eq!(bucket.rate_limit(), RateLimit { remaining: Some(5), resets_at: None });
    bucket.take(1.0);
    assert_eq!(bucket.rate_limit().remaining, Some(4));
    assert!(bucket.rate_limit().resets_at.is_some_and(|at| at > START));
}

proptest! {
    #[test]
    fn never_gives_more_than_burst_and_flow(
        per_second in 0.001_f64..50.0,
        burst in 1.0_f64..100.0,
        steps in prop::collection::vec((0_u64..20_000, 0.1_f64..1.0), 1..200),
    ) {
        let mut bucket = bucket(per_second, burst, 0.0);
        let mut now = START;
        let mut taken = 0.0;
        for (millis, cost) in steps {
            now = now.plus(Duration::from_millis(millis));
            bucket.advance(now);
            if bucket.ready_at(cost, false) <= now {
                bucket.take(cost);
                bucket.finish(cost);
                taken += cost;
                let most = burst + now.since(START).as_secs_f64() * per_second + 0.001;
                prop_assert!(taken <= most, "{taken} > {most}");
            }
        }
    }

    #[test]
    fn never_gives_more_through_any_number_of_crashes(
        per_second in 0.001_f64..50.0,
        burst in 1.0_f64..100.0,
        steps in prop::collection::vec((0_u64..20_000, 0.1_f64..1.0, prop::bool::weighted(0.2)), 1..200),
    ) {
        let mut alive = bucket(per_second, burst, 0.0);
        let mut ledger = None;
        alive.resume(ledger, START);
        let mut now = START;
        // The marketplace's own count.
        let mut left = burst;
        for (millis, cost, dies) in steps {
            now = now.plus(Duration::from_millis(millis));
            left = (left + Duration::from_millis(millis).as_secs_f64() * per_second).min(burst);
            if dies {
                alive = bucket(per_second, burst, 0.0);
                alive.resume(ledger, now);
            }
            alive.advance(now);
            if alive.ready_at(cost, false) <= now {
                alive.take(cost);
                if let Some(owed) = alive.owed() {
                    ledger = Some(owed);
                    alive.note(owed, now);
                }
                alive.finish(cost);
                left -= cost;
                prop_assert!(left >= -0.001, "{left}");
            }
        }
    }

    #[test]
    fn the_promised_moment_holds(
        per_second in 0.001_f64..50.0,
        burst in 1.0_f64..100.0,
        cost in 0.1_f64..200.0,
        spent in 0.0_f64..300.0,
    ) {
        let mut bucket = bucket(per_second, burst, 0.0);
        bucket.take(spent);
        let ready = bucket.ready_at(cost, false);
        bucket.advance(ready);
        prop_assert_eq!(bucket.ready_at(cost, false), ready);
    }
}
