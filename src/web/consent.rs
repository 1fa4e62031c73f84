//! `GET /oauth/{channel}/callback`: the browser comes back from a marketplace with its consent.

use std::sync::Arc;

use hyper::StatusCode;

use super::reply::{self, Body, Reply};
use super::state::Api;
use crate::actors::ConsentError;
use crate::channel::{Given, NotGiven};
use crate::model::ChannelId;

/// Answers a person, in plain text. 404 unless a consent of this channel is under way.
pub async fn callback(api: &Arc<Api>, channel: &ChannelId, query: &str) -> Reply {
    let given = match Given::read(query) {
        Ok(given) => given,
        Err(NotGiven::NoState) => return reply::bare(StatusCode::NOT_FOUND),
        Err(NotGiven::NoCode) => {
            let text = "The marketplace gave no consent, so nothing was changed. Start again from fenicia.";
            return say(StatusCode::BAD_REQUEST, text);
        }
    };
    match redeem(api, channel, given).await {
        Ok(()) => {
            let name = api.handle.channel(channel).map_or_else(String::new, |found| found.name.clone());
            let text = format!("{name} is connected. Orders are being fetched. You can close this window.");
            say(StatusCode::OK, &text)
        }
        Err(ConsentError::NotUnderWay) => reply::bare(StatusCode::NOT_FOUND),
        Err(error @ ConsentError::WrongState) => say(StatusCode::BAD_REQUEST, &format!("No: {error}.")),
        Err(ConsentError::Refused(failure)) => {
            tracing::warn!(%channel, error = %failure, "a consent could not be redeemed");
            let text = format!(
                "The marketplace did not take its own consent back: {}. Start again from fenicia.",
                failure.message
            );
            say(StatusCode::BAD_GATEWAY, &text)
        }
    }
}

/// Runs on when the caller goes away: the code is good once.
pub(super) async fn redeem(api: &Arc<Api>, channel: &ChannelId, given: Given) -> Result<(), ConsentError> {
    let (handle, id) = (api.handle.clone(), channel.clone());
    let redeeming = tokio::spawn(async move { handle.finish_consent(&id, &given).await });
    redeeming.await.unwrap_or(Err(ConsentError::NotUnderWay))
}

fn say(status: StatusCode, text: &str) -> Reply {
    reply::typed(status, "text/plain; charset=utf-8", Body::whole(format!("{text}\n")))
}
