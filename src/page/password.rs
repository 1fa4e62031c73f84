//! Passwords against their argon2id hashes, slowly, and equally slowly for unknown users.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use crate::model::Secret;

/// Each takes the memory that its hash asks for.
const AT_ONCE: usize = 2;
/// Of somebody who does not exist, to spend the same time on.
const NOBODY: &str =
    "$argon2id$v=19$m=65536,t=3,p=1$bm9ib2R5bm9ib2R5$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Checks passwords, a few at a time.
#[derive(Clone)]
pub struct Checker(Arc<Semaphore>);

impl Default for Checker {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Checker {
    /// Whether the password is the user's. `hash`: the user's, `None` for an unknown one; then
    /// `like` (another user's hash) tells how long it takes.
    pub async fn is_right(&self, password: Secret, hash: Option<Secret>, like: Option<Secret>) -> bool {
        let Ok(_permit) = self.0.acquire().await else { return false };
        let known = hash.is_some();
        let hash = hash.or(like).unwrap_or_else(|| Secret::new(NOBODY));
        let right = tokio::task::spawn_blocking(move || verify(&password, &hash)).await;
        right.is_ok_and(|right| right && known)
    }
}

/// `false` also for a hash that cannot be read: the config lets none in.
fn verify(password: &Secret, hash: &Secret) -> bool {
    let Some((params, salt, wanted)) = parse(hash.expose()) else { return false };
    let mut found = vec![0; wanted.len()];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let made = argon.hash_password_into(password.expose().as_bytes(), &salt, &mut found);
    made.is_ok() && found.ct_eq(&wanted).into()
}

/// `$argon2id$v=19$m=…,t=…,p=…$SALT$HASH`
fn parse(text: &str) -> Option<(Params, Vec<u8>, Vec<u8>)> {
    let parts: Vec<&str> = text.split('$').collect();
    let ["", "argon2id", "v=19", cost, salt, hash] = parts[..] else { return None };
    let mut numbers = cost.split(',').filter_map(|part| part.split_once('=')?.1.parse().ok());
    let (memory, passes, lanes) = (numbers.next()?, numbers.next()?, numbers.next()?);
    let (salt, hash) = (STANDARD_NO_PAD.decode(salt).ok()?, STANDARD_NO_PAD.decode(hash).ok()?);
    let params = Params::new(memory, passes, lanes, Some(hash.len())).ok()?;
    Some((params, salt, hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_of(password: &str) -> Secret {
        let salt = b"0123456789abcdef";
        let params = Params::new(64, 1, 1, Some(32)).expect("params");
        let mut out = [0; 32];
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon.hash_password_into(password.as_bytes(), salt, &mut out).expect("a hash");
        let (salt, out) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(out));
        Secret::new(format!("$argon2id$v=19$m=64,t=1,p=1${salt}${out}"))
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_is_right() {
        let checker = Checker::default();
        let hash = hash_of("tortilla");
        let check = async |password: &str, hash: Option<Secret>, like: Option<Secret>| {
            checker.is_right(Secret::new(password), hash, like).await
        };
        assert!(check("tortilla", Some(hash.clone()), None).await);
        assert!(!check("Tortilla", Some(hash.clone()), None).await);
        assert!(!check("tortilla", None, Some(hash)).await);
        assert!(!check("tortilla", Some(Secret::new("nonsense")), None).await);
    }

    #[test]
    fn the_hash_of_nobody_can_be_worked_at() {
        let (params, _, hash) = parse(NOBODY).expect("well formed");
        assert_eq!((params.m_cost(), params.t_cost(), hash.len()), (65_536, 3, 32));
    }
}
