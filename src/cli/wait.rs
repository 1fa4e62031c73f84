//! Asking again until something is over.

use std::time::Duration;

use serde::de::DeserializeOwned;

use super::client::{Answer, Client};
use super::trouble::{Exit, Trouble};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// A daemon that is restarted meanwhile goes on with the work: about a minute of patience.
const MISSES: u32 = 60;

/// Reads `path` until `is_over`, showing each state to `look`. `None` once `patience` has run out.
pub(super) async fn until<T: DeserializeOwned>(
    client: &Client,
    path: &str,
    patience: Option<Duration>,
    mut look: impl FnMut(&T),
    is_over: impl Fn(&T) -> bool,
) -> Result<Option<(T, Answer)>, Trouble> {
    let mut pause = FIRST_PAUSE;
    let mut waited = Duration::ZERO;
    let mut misses = 0;
    loop {
        match client.get(path).await {
            Ok(answer) => {
                misses = 0;
                let state: T = answer.read()?;
                look(&state);
                if is_over(&state) {
                    return Ok(Some((state, answer)));
                }
            }
            Err(trouble) if trouble.exit == Exit::Unreachable && misses < MISSES => misses += 1,
            Err(trouble) => return Err(trouble),
        }
        if patience.is_some_and(|patience| waited >= patience) {
            return Ok(None);
        }
        tokio::time::sleep(pause).await;
        waited += pause;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}
