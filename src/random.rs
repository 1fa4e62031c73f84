//! Randomness and ids, injected so that tests repeat.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use uuid::{Builder, Uuid};

use crate::model::Timestamp;

/// A source of random bytes: the system's, or a seeded one for tests.
#[derive(Clone)]
pub struct Random(Source);

#[derive(Clone)]
enum Source {
    System(SystemRandom),
    /// splitmix64, for tests and the sandbox only.
    Seeded(Arc<Mutex<u64>>),
}

impl Random {
    pub fn system() -> Self {
        Self(Source::System(SystemRandom::new()))
    }

    /// Repeats for the same seed. Never for keys.
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(Mutex::new(seed))))
    }

    /// Fills `bytes`. A machine whose kernel gives no randomness cannot run fenicia safely.
    pub fn fill(&self, bytes: &mut [u8]) {
        match &self.0 {
            Source::System(system) => {
                if system.fill(bytes).is_err() {
                    tracing::error!("the kernel gives no randomness: stopping");
                    std::process::abort();
                }
            }
            Source::Seeded(state) => {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                for chunk in bytes.chunks_mut(8) {
                    chunk.copy_from_slice(&splitmix(&mut state).to_le_bytes()[..chunk.len()]);
                }
            }
        }
    }

    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    pub fn u64(&self) -> u64 {
        u64::from_le_bytes(self.bytes())
    }

    /// Uniform in `0..bound`; 0 for a bound of 0.
    pub fn below(&self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.u64() % bound }
    }

    /// The span, more or less 20 %.
    pub fn jitter(&self, span: Duration) -> Duration {
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX / 4);
        let fifth = millis / 5;
        Duration::from_millis((millis - fifth).saturating_add(self.below(2 * fifth + 1)))
    }

    /// A time-ordered id.
    pub fn uuid_v7(&self, now: Timestamp) -> Uuid {
        let millis = u64::try_from(now.as_millis()).unwrap_or(0);
        Builder::from_unix_timestamp_millis(millis, &self.bytes()).into_uuid()
    }

    /// A random id, for correlation with a marketplace.
    pub fn uuid_v4(&self) -> Uuid {
        Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    /// `len` random bytes as text for URLs and headers.
    pub fn token(&self, len: usize) -> String {
        use base64::Engine as _;
        let mut bytes = vec![0; len];
        self.fill(&mut bytes);
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
    }
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_within_a_fifth() {
        let random = Random::seeded(7);
        for _ in 0..1_000 {
            let got = random.jitter(Duration::from_secs(10));
            assert!((Duration::from_secs(8)..=Duration::from_secs(12)).contains(&got), "{got:?}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_ids() {
        let now = Timestamp::from_secs(1_700_000_000);
        assert_eq!(Random::seeded(1).uuid_v7(now), Random::seeded(1).uuid_v7(now));
        assert_ne!(Random::seeded(1).uuid_v7(now), Random::seeded(2).uuid_v7(now));
    }
}
