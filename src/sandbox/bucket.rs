//! A token bucket as marketplaces run them.

use crate::model::Timestamp;

/// Fills at `rate` per second up to `burst`.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    rate: f64,
    burst: f64,
    level: f64,
    filled_at: Timestamp,
}

impl Bucket {
    /// Starts full.
    pub fn new(rate: f64, burst: f64, now: Timestamp) -> Self {
        Self { rate, burst, level: burst, filled_at: now }
    }

    /// What is there now.
    pub fn level(&mut self, now: Timestamp) -> f64 {
        self.level = self.burst.min(self.level + now.since(self.filled_at).as_secs_f64() * self.rate);
        self.filled_at = self.filled_at.max(now);
        self.level
    }

    /// Takes `amount` if it is there.
    pub fn take(&mut self, amount: f64, now: Timestamp) -> bool {
        let enough = self.level(now) >= amount;
        if enough {
            self.level -= amount;
        }
        enough
    }

    /// Gives back what was not used.
    pub fn give(&mut self, amount: f64) {
        self.level = self.burst.min(self.level + amount);
    }

    /// Nothing is left now, and nothing comes back before the span is over.
    pub fn drain(&mut self, now: Timestamp, span: std::time::Duration) {
        self.level = 0.0;
        self.filled_at = now.plus(span);
    }

    pub fn rate(&self) -> f64 {
        self.rate
    }

    pub fn burst(&self) -> f64 {
        self.burst
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_empties_and_refills() {
        let start = Timestamp::from_secs(1_000);
        let mut bucket = Bucket::new(0.5, 2.0, start);
        assert!(bucket.take(1.0, start) && bucket.take(1.0, start));
        assert!(!bucket.take(1.0, start.plus(Duration::from_secs(1))));
        assert!(bucket.take(1.0, start.plus(Duration::from_secs(2))));
        bucket.drain(start.plus(Duration::from_secs(2)), Duration::from_secs(10));
        assert!(!bucket.take(0.1, start.plus(Duration::from_secs(12))));
        assert!(bucket.take(0.5, start.plus(Duration::from_secs(13))));
    }
}
