//! How much room the disk has.

use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use crate::model::Timestamp;

const MIB: u64 = 1 << 20;
/// Below this the store does not open.
pub(super) const LEAST_TO_OPEN: u64 = 64 * MIB;
/// Below this deliveries are refused: the marketplace sends them again later.
pub(super) const LEAST_TO_ACCEPT: u64 = 256 * MIB;
/// A reading is good for this long.
const FRESH: Duration = Duration::from_secs(3);

/// Free bytes for this user; unknown counts as plenty, since a full disk also shows itself.
pub(super) fn free_bytes(dir: &Path) -> u64 {
    rustix::fs::statvfs(dir).map_or(u64::MAX, |fs| fs.f_bavail.saturating_mul(fs.f_frsize))
}

/// A reading that is asked for with each delivery.
#[derive(Debug, Default)]
pub(super) struct Gauge(Mutex<Reading>);

#[derive(Debug, Default)]
struct Reading {
    at: Option<Timestamp>,
    free: u64,
    /// For tests.
    pinned: bool,
}

impl Gauge {
    pub(super) fn free(&self, dir: &Path, now: Timestamp) -> u64 {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = reading.at.is_some_and(|at| now >= at && now.since(at) < FRESH);
        if !fresh && !reading.pinned {
            *reading = Reading { at: Some(now), free: free_bytes(dir), pinned: false };
        }
        reading.free
    }

    /// Says this from now on.
    pub(super) fn pin(&self, free: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Reading { at: None, free, pinned: true };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_kept_for_a_moment_and_taken_anew_when_the_clock_goes_back() {
        let gauge = Gauge::default();
        let dir = tempfile::tempdir().expect("folder");
        let now = Timestamp::from_secs(1_000);
        assert!(gauge.free(dir.path(), now) > 0);
        let gone = Path::new("/nonexistent");
        assert_ne!(gauge.free(gone, now.plus(Duration::from_secs(1))), u64::MAX, "still the first reading");
        assert_eq!(gauge.free(gone, now.minus(Duration::from_secs(1))), u64::MAX);
    }
}
