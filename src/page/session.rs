//! Who is signed in. The browser has a secret, the store its hash: a restart signs nobody out.
//!
//! A session stands on a user of the config, on an API key, or on the demo's link. It is over as
//! soon as that is gone or has another password or role, whether this process saw it happen or not.

use super::csrf::Token;
use super::door::{ONCE, USER};
use super::site::Page;
use crate::store;
use crate::web::{Api, Caller, Head, Problem, cookie, sha256};

/// What a session's secret hashes to.
pub type SessionId = [u8; 32];

/// A session, as a request sees it.
#[derive(Clone)]
pub struct Session {
    pub id: SessionId,
    pub caller: Caller,
    pub token: Token,
}

impl Page {
    /// Answers the cookie's secret, which is kept nowhere.
    pub(super) async fn begin_session(&self, api: &Api, caller: Caller) -> Result<String, Problem> {
        let ground = self.ground(&caller.id).ok_or_else(Problem::internal)?;
        let now = api.now();
        let secret = api.random.token(32);
        let Caller { id, name, role } = caller;
        let session = store::Session { caller: id, name, role, ground, began_at: now, seen_at: now };
        api.store.begin_session(sha256(secret.as_bytes()), session).await?;
        Ok(secret)
    }

    /// `by_hand`: a person does something, which keeps the session from idling out.
    pub(super) async fn session(
        &self,
        api: &Api,
        head: &Head,
        by_hand: bool,
    ) -> Result<Option<Session>, Problem> {
        let Some(secret) = cookie(head, self.cookie_name()) else { return Ok(None) };
        let id = sha256(secret.as_bytes());
        let found = api.read(move |store| {
            let Some(found) = store.session(&id)? else { return Ok(None) };
            let stands = !is_key(&found.caller) || store.has_api_key(&found.caller)?;
            Ok(stands.then_some(found))
        });
        let Some(found) = found.await? else { return Ok(None) };
        if self.ground(&found.caller) != Some(found.ground) {
            return Ok(None);
        }
        let now = api.now();
        if by_hand
            && found.is_worth_noting(now)
            && let Err(error) = api.store.note_session(id, now).await
        {
            tracing::warn!(%error, "that a session is in use could not be noted; it may end early");
        }
        let caller = Caller { id: found.caller, name: found.name, role: found.role };
        Ok(Some(Session { id, caller, token: Token::derived(secret.as_bytes(), b"forms") }))
    }

    /// A mark of what the sessions of this caller stand on; `None` when it is gone. Whether a key
    /// is still there only the store knows.
    fn ground(&self, caller: &str) -> Option<[u8; 32]> {
        if let Some(name) = caller.strip_prefix(USER) {
            let manners = self.manners();
            let user = manners.users.get(name)?;
            return Some(sha256(format!("{} {}", user.role, user.password_hash.expose()).as_bytes()));
        }
        // The link is good for this process, and so is who came by it.
        Some(if is_key(caller) { sha256(caller.as_bytes()) } else { sha256(&self.door_key) })
    }
}

fn is_key(caller: &str) -> bool {
    caller != ONCE && !caller.starts_with(USER)
}
