//! Makes sure that notifications come here: one path per topic, for the numbers of the topics are
//! not all published.

use serde_json::json;

use super::api::{Api, Ask};
use super::document::{Anything, WebhooksDoc};
use super::notice::{EVENTS, Event};
use crate::channel::{Call, Subscriptions};
use crate::model::Failure;
use crate::net::Method;

const PATH: &str = "/event/202309/webhooks";
/// Longest address that TikTok Shop takes.
const ADDRESS_MAX: usize = 255;

pub async fn subscribe(api: &Api, call: Call<'_>, address: &str) -> Result<Subscriptions, Failure> {
    let known = api.ask::<WebhooksDoc>(call, Ask::get("webhooks", PATH)).await?.doc;
    let mut subscriptions = Subscriptions::default();
    for (event, _, name) in EVENTS {
        let wanted = format!("{}/{}", address.trim_end_matches('/'), name.to_ascii_lowercase());
        if wanted.len() > ADDRESS_MAX {
            return Err(Failure::invalid(format!(
                "The address for notifications is longer than {ADDRESS_MAX} characters. Shorten public_url in the \
                 config."
            )));
        }
        let is_there =
            |hook: &super::document::WebhookDoc| *hook.event_type == *name && *hook.address == *wanted;
        if known.webhooks.list().iter().any(is_there) {
            subscriptions.present.push(name.to_owned());
            continue;
        }
        let body = json!({ "event_type": name, "address": wanted });
        let ask = Ask { method: Method::Put, ..Ask::post("subscribe", PATH, &body) };
        match api.ask::<Anything>(call, ask).await {
            Ok(_) => subscriptions.created.push(name.to_owned()),
            Err(failure)
                if event == Event::OrderStatus || failure.kind.is_temporary() || failure.stale_token =>
            {
                return Err(failure);
            }
            // The poll finds what this topic would have told.
            Err(failure) => {
                tracing::warn!(channel = api.channel, topic = name, kind = %failure.kind, "no notifications of this topic: {}", failure.message);
            }
        }
    }
    Ok(subscriptions)
}
