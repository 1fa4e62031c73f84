//! Which span of time a poll asks for.

use std::time::Duration;

use crate::model::Timestamp;

/// What a stream's windows look like; from `channel::Stream`.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub overlap: Duration,
    /// How far back the very first window begins.
    pub first: Duration,
    pub longest: Duration,
}

/// Inclusive start, and an end when the span had to be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: Timestamp,
    pub to: Option<Timestamp>,
}

/// The next window after `watermark`. However old the watermark is, nothing is skipped: a long
/// gap is walked through in cut windows. A watermark in the future (a clock was set back) counts
/// as now.
pub fn next(watermark: Option<Timestamp>, shape: Shape, now: Timestamp) -> Span {
    let from = match watermark {
        Some(mark) => mark.min(now).minus(shape.overlap),
        None => now.minus(shape.first),
    };
    let end = from.plus(shape.longest);
    Span { from, to: (end < now).then_some(end) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        overlap: Duration::from_mins(10),
        first: Duration::from_hours(720),
        longest: Duration::from_hours(2_000),
    };

    #[test]
    fn a_window_begins_an_overlap_before_the_watermark() {
        let now = Timestamp::from_secs(10_000_000);
        let mark = now.minus(Duration::from_hours(5));
        let span = next(Some(mark), SHAPE, now);
        assert_eq!(span, Span { from: mark.minus(SHAPE.overlap), to: None });
    }

    #[test]
    fn the_first_window_reaches_back_to_the_configured_depth() {
        let now = Timestamp::from_secs(10_000_000);
        assert_eq!(next(None, SHAPE, now).from, now.minus(SHAPE.first));
    }

    #[test]
    fn a_long_gap_is_cut_and_walked_through_without_a_hole() {
        let now = Timestamp::from_secs(1_000_000_000);
        let shape = Shape { longest: Duration::from_hours(24), ..SHAPE };
        let mut mark = now.minus(Duration::from_hours(24 * 10));
        let mut windows = 0;
        loop {
            let span = next(Some(mark), shape, now);
            assert!(span.from <= mark, "no hole before {mark}");
            windows += 1;
            match span.to {
                Some(to) => {
                    assert!(to > mark, "the watermark moves on");
                    mark = to;
                }
                None => break,
            }
        }
        assert!((10..=12).contains(&windows), "{windows}");
    }

    #[test]
    fn a_clock_set_back_does_not_open_a_window_in_the_future() {
        let now = Timestamp::from_secs(10_000_000);
        let span = next(Some(now.plus(Duration::from_hours(3))), SHAPE, now);
        assert_eq!(span.from, now.minus(SHAPE.overlap));
    }
}
