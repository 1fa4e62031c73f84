//! A link that signs in once: how the demo lets its only visitor in without a password.

use std::sync::{Arc, Mutex, PoisonError};

use subtle::ConstantTimeEq as _;

use crate::random::Random;
use crate::web::sha256;

/// Good for one sign-in as administrator. Kept as a hash only.
#[derive(Clone, Default)]
pub struct OneTime(Arc<Mutex<Option<[u8; 32]>>>);

impl OneTime {
    /// The address to open, below the page's own. An earlier link is no longer good.
    pub fn mint(&self, random: &Random) -> String {
        let token = random.token(32);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sha256(token.as_bytes()));
        format!("/login?once={token}")
    }

    /// Whether this is the token; it is spent by this.
    pub fn spend(&self, token: &str) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = kept.is_some_and(|hash| hash.ct_eq(&sha256(token.as_bytes())).into());
        if fits {
            *kept = None;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_good_once() {
        let once = OneTime::default();
        assert!(!once.spend(""));
        let address = once.mint(&Random::seeded(7));
        let token = address.strip_prefix("/login?once=").expect("the address");
        assert!(!once.spend("another"));
        assert!(once.spend(token));
        assert!(!once.spend(token));
    }
}
