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
    let connection = api.enabled(&call.id)?;
    let redirect = format!("{}/oauth/{}/callback", api.options.webhooks.origin, connection.id);
    let url = api.handle.begin_consent(&connection.id, redirect).ok_or_else(|| {
        let detail = format!(
            "{} has no consent that can be given in a browser. Put new credentials into config.toml and reload.",
            connection.kind.title
        );
        Problem::new(Code::Unsupported, detail)
    })?;
    Ok(reply::ok(&ConnectJson { url }))
}
