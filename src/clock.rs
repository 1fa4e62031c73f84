//! The only place that reads the time.

use std::time::Duration;

use crate::model::Timestamp;

/// Wall time. Waiting is always `tokio::time`, so a paused runtime and a virtual clock move
/// together.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    /// Starts at a chosen instant and follows the runtime's (possibly paused) time.
    Virtual {
        start: Timestamp,
        origin: tokio::time::Instant,
    },
}

impl Clock {
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock for tests: `start` plus what `tokio::time` says has passed since.
    pub fn starting_at(start: Timestamp) -> Self {
        Self(Source::Virtual { start, origin: tokio::time::Instant::now() })
    }

    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp::from_jiff(jiff::Timestamp::now()),
            Source::Virtual { start, origin } => start.plus(origin.elapsed()),
        }
    }

    /// Sleeps until `at`, re-reading the wall clock at least every 30 s: the monotonic clock
    /// stops during suspend and the wall clock may be set.
    pub async fn sleep_until(&self, at: Timestamp) {
        loop {
            let left = at.since(self.now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(Duration::from_secs(30))).await;
        }
    }
}
