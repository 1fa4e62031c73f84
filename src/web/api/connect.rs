//! Starts a consent at a marketplace.

use std::sync::Arc;

use serde::Serialize;

use super::{Answer, Call};
use crate::model::Timestamp;
use crate::web::consent;
use crate::web::fields::Fields;
use crate::web::query::Query;
use crate::web::reply;
use crate::web::state::Api;

#[derive(Serialize)]
struct ConnectJson {
    url: String,
    expires_at: Timestamp,
}

/// `POST /api/v1/channels/{id}/connect`. Each call gives a new address, an earlier one stays good;
/// an idempotency key changes nothing here.
pub fn begin(api: &Arc<Api>, call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    Fields::parse(&call.body, &[])?;
    let connection = api.enabled(&call.id)?;
    let url = consent::begin(api, &connection)?;
    Ok(reply::ok(&ConnectJson { url, expires_at: api.now().plus(consent::LIFETIME) }))
}
