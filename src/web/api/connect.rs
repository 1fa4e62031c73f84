//! Starts a consent at a marketplace.

use std::sync::Arc;

use serde::Serialize;

use super::{Answer, Call};
use crate::actors::{Connection, ConsentError};
use crate::channel::{Given, Key, Shape};
use crate::web::consent;
use crate::web::fields::Fields;
use crate::web::problem::{Code, Problem};
use crate::web::query::Query;
use crate::web::reply;
use crate::web::state::Api;

#[derive(Serialize)]
struct ConnectJson {
    /// To be opened by the owner of the account; absent once the consent is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    connected: bool,
}

/// Longest address that a marketplace sends a browser to.
const ANSWER_MAX: usize = 8_000;

/// `POST /api/v1/channels/{id}/connect`. A new address takes the place of an earlier one; an
/// idempotency key changes nothing here. `{"answer"}` ends the consent where the browser could not
/// reach the callback: the address that the marketplace sent it to.
pub async fn begin(api: &Arc<Api>, call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    let answer = Fields::parse(&call.body, &["answer"])?.text_at_most("answer", ANSWER_MAX)?;
    let url = match answer {
        None => Some(address(api, &call.id)?),
        Some(answer) => {
            redeem(api, &call.id, &answer).await?;
            None
        }
    };
    Ok(reply::ok(&ConnectJson { connected: url.is_none(), url }))
}

async fn redeem(api: &Arc<Api>, channel: &str, answer: &str) -> Result<(), Problem> {
    let connection = api.enabled(channel)?;
    let (_, query) = answer.split_once('?').unwrap_or(("", answer));
    let Ok(given) = Given::read(query) else {
        let detail = "This address holds no state or no code. Copy the whole address at which the browser ended, after \
                      the consent was given.";
        return Err(Problem::field("answer", detail));
    };
    match consent::redeem(api, &connection.id, given).await {
        Ok(()) => Ok(()),
        Err(ConsentError::Refused(failure)) => Err(Problem::new(
            Code::Conflict,
            format!(
                "The marketplace did not take its own consent back: {}. Start again: fenicia connect {channel}",
                failure.message
            ),
        )),
        Err(error) => Err(Problem::new(Code::Conflict, format!("Not connected: {error}."))),
    }
}

/// Where the owner of the account consents. An earlier address of the channel is no longer good.
pub fn address(api: &Api, channel: &str) -> Result<String, Problem> {
    let connection = api.enabled(channel)?;
    let redirect = format!("{}/oauth/{}/callback", api.options().webhooks.origin, connection.id);
    let begun = api.handle.begin_consent(&connection.id, redirect);
    begun.ok_or_else(|| Problem::new(Code::Unsupported, without_consent(&connection)))
}

/// The keys of the config that give access.
pub fn credentials(connection: &Connection) -> impl Iterator<Item = &'static Key> + use<> {
    connection.kind.keys.iter().filter(|key| match key.shape {
        Shape::Secret => true,
        Shape::Text => key.required,
        Shape::Choice(_) | Shape::TextList | Shape::SecretList | Shape::Flag => false,
    })
}

/// Which keys of the config take the place of a consent, and where their values come from.
fn without_consent(connection: &Connection) -> String {
    let keys: Vec<_> = credentials(connection).map(|key| format!("{} ({})", key.name, key.help)).collect();
    format!(
        "{} is connected by config.toml, not by a consent in a browser. Write what is wrong or out of date anew under [channels.{}]: {}. Then reload.",
        connection.kind.title,
        connection.id,
        keys.join("; ")
    )
}
