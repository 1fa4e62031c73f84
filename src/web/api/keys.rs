//! API keys. A key is shown once, when it is made.

use std::sync::Arc;

use hyper::StatusCode;
use serde::Serialize;

use super::{Answer, Call, List, command, surprised};
use crate::model::{Role, Timestamp};
use crate::store::{ApiKey, Asked, Command, CommandAnswer};
use crate::web::fields::Fields;
use crate::web::problem::Problem;
use crate::web::query::Query;
use crate::web::reply;
use crate::web::state::Api;

#[derive(Serialize)]
struct KeyJson<'a> {
    id: &'a str,
    name: &'a str,
    role: Role,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
}

impl<'a> KeyJson<'a> {
    fn of(key: &'a ApiKey, secret: Option<&'a str>) -> Self {
        Self {
            id: &key.id,
            name: &key.name,
            role: key.role,
            created_at: key.created_at,
            last_used_at: key.last_used_at,
            key: secret,
        }
    }
}

/// `GET /api/v1/keys`: all at once, they are few.
pub async fn list(api: &Arc<Api>, call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    let keys = api.read(crate::store::Store::api_keys).await?;
    let items = keys.iter().map(|key| KeyJson::of(key, None)).collect();
    Ok(reply::ok(&List { items, next_cursor: None }))
}

/// `POST /api/v1/keys`. A repeat under the same idempotency key answers without the secret, which
/// is stored nowhere.
pub async fn create(api: &Arc<Api>, call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    let fields = Fields::parse(&call.body, &["name", "role"])?;
    let name = fields.text_at_most("name", 100)?;
    let name = name.ok_or_else(|| Problem::field("name", "name is missing. Say what the key is for."))?;
    let role = fields.word("role", Role::ALL, Role::parse)?;
    match command(api, call, Command::CreateKey { name, role }).await? {
        CommandAnswer::Key { key, secret } => {
            Ok(reply::json(StatusCode::CREATED, &KeyJson::of(&key, secret.as_deref())))
        }
        other => Err(surprised(&other)),
    }
}

/// `DELETE /api/v1/keys/{id}`: at once, open streams of the key included.
pub async fn delete(api: &Arc<Api>, call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    revoke(api, &call.id, call.asked()).await?;
    Ok(reply::no_content())
}

/// The key is no longer good, its streams and sessions end.
pub async fn revoke(api: &Api, id: &str, asked: Asked) -> Result<(), Problem> {
    let keys = api.read(crate::store::Store::api_keys).await?;
    if is_last_admin(&keys, id) {
        return Err(Problem::conflict(
            "This is the last admin key; without one nobody could make another. Make one first.",
        ));
    }
    match api.store.command(Command::RevokeKey(id.to_owned()), asked, api.now()).await? {
        CommandAnswer::Done => {}
        other => return Err(surprised(&other)),
    }
    api.keys.forget_all();
    api.live.end_streams_of(id);
    Ok(())
}

fn is_last_admin(keys: &[ApiKey], id: &str) -> bool {
    let mut admins = keys.iter().filter(|key| key.role == Role::Admin);
    admins.next().is_some_and(|key| key.id == id) && admins.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_admin_key_stays() {
        let key = |id: &str, role| ApiKey {
            id: id.to_owned(),
            name: String::new(),
            role,
            created_at: Timestamp::EPOCH,
            last_used_at: None,
        };
        let keys = [key("v", Role::Viewer), key("a", Role::Admin)];
        assert!(is_last_admin(&keys, "a"));
        assert!(!is_last_admin(&keys, "v"));
        assert!(!is_last_admin(&[key("a", Role::Admin), key("b", Role::Admin)], "a"));
    }
}
