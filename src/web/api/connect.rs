//! Starts a consent at a marketplace.

use std::sync::Arc;

use serde::Serialize;

use super::{Answer, Call};
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
    api.handle.begin_consent(&connection.id, redirect).ok_or_else(|| {
        let detail = format!(
            "{} has no consent that can be given in a browser. Put new credentials into config.toml and reload.",
            connection.kind.title
        );
        Problem::new(Code::Unsupported, detail)
    })
}
