//! Who is signed in.

use super::*;

fn ana(now: Timestamp) -> Session {
    Session {
        caller: "user:ana".to_owned(),
        name: "ana".to_owned(),
        role: Role::Operator,
        ground: [7; 32],
        began_at: now,
        seen_at: now,
    }
}

fn hours(hours: u64) -> Duration {
    Duration::from_hours(hours)
}

#[test]
fn a_session_idles_out_and_does_not_outlive_a_week() {
    let session = ana(start());
    assert!(session.is_good(start().plus(hours(11))));
    assert!(!session.is_good(start().plus(hours(12))));
    let busy = |at: u64| Session { seen_at: start().plus(hours(at)), ..session.clone() };
    assert!(busy(160).is_good(start().plus(hours(167))));
    assert!(!busy(167).is_good(start().plus(hours(168))));
    assert!(!session.is_worth_noting(start().plus(Duration::from_mins(9))));
    assert!(session.is_worth_noting(start().plus(Duration::from_mins(10))));
}

#[tokio::test]
async fn a_session_lives_in_the_file_until_it_is_ended_or_over() {
    let dir = tempfile::tempdir().expect("folder");
    let clock = |at: Timestamp| Options::new(dir.path(), Clock::starting_at(at), Random::system());
    let store = Store::open(clock(start())).expect("store");
    store.begin_session([1; 32], ana(start())).await.expect("begun");
    store.begin_session([2; 32], ana(start())).await.expect("begun");
    store.end_session([2; 32]).await.expect("ended");
    store.close().await;

    let store = Store::open(clock(start().plus(hours(11)))).expect("store");
    assert_eq!(store.session(&[1; 32]).expect("read"), Some(ana(start())));
    assert_eq!(store.session(&[2; 32]).expect("read"), None);
    store.note_session([1; 32], start().plus(hours(11))).await.expect("noted");
    store.note_session([2; 32], start().plus(hours(11))).await.expect("nothing to note");
    assert_eq!(store.session(&[2; 32]).expect("read"), None, "what has ended stays ended");
    let file = dir.path().join("copy.backup");
    store.backup(&file).expect("backup");
    store.close().await;

    let store = Store::open(clock(start().plus(hours(22)))).expect("store");
    assert!(store.session(&[1; 32]).expect("read").is_some(), "the use was noted");
    store.close().await;
    restore(&file, dir.path(), None, true).expect("restored");
    let store = Store::open(clock(start().plus(hours(22)))).expect("store");
    assert_eq!(store.session(&[1; 32]).expect("read"), None, "a backup signs nobody in");
    store.close().await;
}

#[tokio::test]
async fn what_is_over_leaves_and_the_longest_unused_makes_room() {
    let mut bench = Bench::configured().await;
    let hash = |n: u64| {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&n.to_be_bytes());
        hash
    };
    bench.store.begin_session([9; 32], ana(bench.now)).await.expect("begun");
    bench.later(12 * 3_600);
    for n in 0..1_001 {
        let at = bench.now.plus(Duration::from_millis(n));
        bench.store.begin_session(hash(n), ana(at)).await.expect("begun");
    }
    let rows = bench.store.snapshot().expect("a view");
    assert_eq!(
        crate::store::rows::Rows::count(
            &rows,
            crate::store::tables::Tab::Sessions,
            &crate::store::rows::Span::all()
        )
        .expect("counted"),
        1_000
    );
    assert_eq!(bench.store.session(&hash(0)).expect("read"), None);
    assert!(bench.store.session(&hash(1_000)).expect("read").is_some());
}
