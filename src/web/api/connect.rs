//! Starts a consent at a marketplace.

use std::sync::Arc;

use serde::Serialize;

use super::{Answer, Call};
use crate::actors::Connection;
use crate::channel::{Key, Shape};
use crate::web::fields::Fields;
use crate::web::problem::{Code, Problem};
use crate::web::query::Query;
use crate::web::reply;
use crate::web::state::Api;

#[derive(Serialize)]
struct ConnectJson {
    /// To be opened by the owner of the account.
    url: String,
}

/// `POST /api/v1/channels/{id}/connect`. A new address takes the place of an earlier one; an
/// idempotency key changes nothing here.
pub fn begin(api: &Arc<Api>, call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    Fields::parse(&call.body, &[])?;
    Ok(reply::ok(&ConnectJson { url: address(api, &call.id)? }))
}

/// Where the owner of the account consents. An earlier address of the channel is no longer good.
pub fn address(api: &Api, channel: &str) -> Result<String, Problem> {
    let connection = api.enabled(channel)?;
    let redirect = format!("{}/oauth/{}/callback", api.options().webhooks.origin, connection.id);
    let begun = api.handle.begin_consent(&connection.id, redirect);
    begun.ok_or_else(|| Problem::new(Code::Unsupported, without_consent(&connection)))
}

/// The keys of the config that give access.
pub fn secrets(connection: &Connection) -> impl Iterator<Item = &'static Key> + use<> {
    connection.kind.keys.iter().filter(|key| matches!(key.shape, Shape::Secret))
}

/// Which keys of the config take the place of a consent, and where their values come from.
fn without_consent(connection: &Connection) -> String {
    let secrets: Vec<_> = secrets(connection).map(|key| format!("{} ({})", key.name, key.help)).collect();
    format!(
        "{} is connected by config.toml, not by a consent in a browser. Write what is out of date anew under [channels.{}]: {}. Then reload.",
        connection.kind.title,
        connection.id,
        secrets.join("; ")
    )
}
