//! `GET /oauth/{channel}/callback`: the browser comes back from a marketplace with its consent.

use std::sync::Arc;

use hyper::StatusCode;

use super::reply::{self, Body, Reply};
use super::state::Api;
use crate::actors::ConsentError;
use crate::model::ChannelId;

/// Answers a person, in plain text. 404 unless a consent of this channel is under way.
pub async fn callback(api: &Arc<Api>, channel: &ChannelId, query: &str) -> Reply {
    let (Some(state), code) = answer(query) else { return reply::bare(StatusCode::NOT_FOUND) };
    let Some(code) = code else {
        return say(
            StatusCode::BAD_REQUEST,
            "The marketplace gave no consent, so nothing was changed. Start again from fenicia.",
        );
    };
    match redeem(api, channel, state, code).await {
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
pub(super) async fn redeem(
    api: &Arc<Api>,
    channel: &ChannelId,
    state: String,
    code: String,
) -> Result<(), ConsentError> {
    let (handle, id) = (api.handle.clone(), channel.clone());
    let redeeming = tokio::spawn(async move { handle.finish_consent(&id, &state, &code).await });
    redeeming.await.unwrap_or(Err(ConsentError::NotUnderWay))
}

/// State and code of the query. Marketplaces call the code `code`, with or without a prefix.
pub(super) fn answer(query: &str) -> (Option<String>, Option<String>) {
    let (mut state, mut code) = (None, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name == "state" {
            state.get_or_insert_with(|| value.into_owned());
        } else if name == "code" || name.ends_with("_code") {
            code.get_or_insert_with(|| value.into_owned());
        }
    }
    (state, code.filter(|code| !code.is_empty()))
}

fn say(status: StatusCode, text: &str) -> Reply {
    reply::typed(status, "text/plain; charset=utf-8", Body::whole(format!("{text}\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_found_under_any_of_its_names() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(answer("state=s&code=c"), (some("s"), some("c")));
        assert_eq!(answer("oauth_code=c&state=s"), (some("s"), some("c")));
        assert_eq!(answer("state=s&error=access_denied"), (some("s"), None));
        assert_eq!(answer("state=s&code="), (some("s"), None));
        assert_eq!(answer(""), (None, None));
    }
}
