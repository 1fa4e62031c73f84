//! Who is asking, and whether they may.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;
use ring::digest::{SHA256, digest};
use tokio::time::Instant;

use super::problem::{Code, Problem};
use super::state::Api;
use crate::model::Role;
use crate::store::ApiKey;

/// How long a key that was looked up is believed. A key that is revoked here is forgotten at once.
const BELIEVED: Duration = Duration::from_secs(30);
/// Keys remembered at the same time.
const REMEMBERED: usize = 256;

/// The user or program behind a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Unique per key and per user; the scope of idempotency keys.
    pub id: String,
    /// For the timeline: never a secret.
    pub name: String,
    pub role: Role,
}

/// Keys that were looked up a moment ago, by the hash of their secret.
#[derive(Default)]
pub struct Keys(Mutex<HashMap<[u8; 32], (ApiKey, Instant)>>);

impl Keys {
    fn entries(&self) -> MutexGuard<'_, HashMap<[u8; 32], (ApiKey, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recall(&self, hash: &[u8; 32]) -> Option<ApiKey> {
        let entries = self.entries();
        let (key, at) = entries.get(hash)?;
        (at.elapsed() < BELIEVED).then(|| key.clone())
    }

    fn remember(&self, hash: [u8; 32], key: ApiKey) {
        let mut entries = self.entries();
        if entries.len() >= REMEMBERED {
            entries.clear();
        }
        entries.insert(hash, (key, Instant::now()));
    }

    /// After a key was made or revoked.
    pub fn forget_all(&self) {
        self.entries().clear();
    }
}

/// Who sends this request: by API key, else by the page's session.
pub async fn caller(api: &Api, head: &Parts) -> Result<Caller, Problem> {
    if head.headers.contains_key(AUTHORIZATION) {
        let secret = bearer(&head.headers).ok_or_else(|| {
            Problem::new(Code::Unauthenticated, "The Authorization header must be: Bearer and an API key.")
        })?;
        return by_key(api, secret).await;
    }
    let session = match &api.pages {
        Some(pages) => pages.caller(api, head).await?,
        None => None,
    };
    session.ok_or_else(|| {
        Problem::new(
            Code::Unauthenticated,
            "This needs an API key. Make one with `fenicia key create`, send it as: Authorization: Bearer KEY.",
        )
    })
}

/// Refuses a caller whose role is below the one needed.
pub fn allow(caller: &Caller, need: Role) -> Result<(), Problem> {
    if caller.role >= need {
        return Ok(());
    }
    let detail =
        format!("Your role is {}. This needs {need}: ask an administrator for such a key.", caller.role);
    Err(Problem::new(Code::Forbidden, detail))
}

async fn by_key(api: &Api, secret: &str) -> Result<Caller, Problem> {
    let hash = sha256(secret.as_bytes());
    let key = match api.keys.recall(&hash) {
        Some(key) => key,
        None => look_up(api, secret, hash).await?,
    };
    Ok(Caller { id: key.id, name: key.name, role: key.role })
}

async fn look_up(api: &Api, secret: &str, hash: [u8; 32]) -> Result<ApiKey, Problem> {
    let secret = secret.to_owned();
    let found = api.read(move |store| store.authenticate(&secret)).await?;
    let key = found.ok_or_else(|| {
        let detail = "This API key is not known here, or was revoked. Make one with `fenicia key create`.";
        Problem::new(Code::Unauthenticated, detail)
    })?;
    api.keys.remember(hash, key.clone());
    Ok(key)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, secret) = headers.get(AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    let secret = secret.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !secret.is_empty()).then_some(secret)
}

pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, value.parse().expect("a header value"))])
    }

    fn key(role: Role) -> ApiKey {
        ApiKey {
            id: "k1".to_owned(),
            name: "ops".to_owned(),
            role,
            created_at: Timestamp::EPOCH,
            last_used_at: None,
        }
    }

    #[test]
    fn only_a_bearer_key_counts() {
        assert_eq!(bearer(&headers("Bearer abc")), Some("abc"));
        assert_eq!(bearer(&headers("bearer  abc ")), Some("abc"));
        for other in ["Basic abc", "Bearer", "Bearer ", "abc"] {
            assert_eq!(bearer(&headers(other)), None, "{other}");
        }
    }

    #[test]
    fn each_role_may_do_what_the_lower_ones_may() {
        for (has, need, allowed) in [
            (Role::Viewer, Role::Viewer, true),
            (Role::Viewer, Role::Operator, false),
            (Role::Operator, Role::Viewer, true),
            (Role::Operator, Role::Admin, false),
            (Role::Admin, Role::Operator, true),
        ] {
            let caller = Caller { id: String::new(), name: String::new(), role: has };
            assert_eq!(allow(&caller, need).is_ok(), allowed, "{has} {need}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_is_believed_for_a_while_only() {
        let keys = Keys::default();
        keys.remember([1; 32], key(Role::Viewer));
        assert!(keys.recall(&[1; 32]).is_some());
        assert!(keys.recall(&[2; 32]).is_none());
        tokio::time::advance(BELIEVED).await;
        assert!(keys.recall(&[1; 32]).is_none());
        keys.remember([1; 32], key(Role::Viewer));
        keys.forget_all();
        assert!(keys.recall(&[1; 32]).is_none());
    }
}
