//! Login with Amazon: a refresh token that does not change buys access tokens of one hour. It comes
//! from the config file, or from the consent of the seller.

use std::time::Duration;

use serde::Deserialize;

use super::api::{Api, user_agent};
use crate::channel::Consent;
use crate::channel::said::Seconds;
use crate::model::{Failure, FailureKind, Lane, Secret, Timestamp, Tokens};
use crate::net::{Method, Request, Response};

/// Without a `Retry-After`, when the token endpoint asks us to wait.
const PAUSE: Duration = Duration::from_mins(1);

/// The life of a token that does not say it.
const HOUR: Duration = Duration::from_hours(1);

/// What the merchant's own application is known by.
pub(super) struct Credentials {
    /// Of the token endpoint, without a trailing slash.
    pub origin: String,
    pub client_id: String,
    pub client_secret: Secret,
    /// Where and as what the application asks for a consent; `None` where it was authorised by hand.
    pub consent: Option<Asking>,
    pub refresh_token: Option<Secret>,
}

pub(super) struct Asking {
    /// Seller Central of the first marketplace, without a trailing slash.
    pub origin: String,
    pub application_id: String,
}

#[derive(Deserialize)]
struct Grant {
    access_token: String,
    #[serde(default)]
    expires_in: Seconds,
    refresh_token: Option<String>,
}

/// The token endpoint has its own shape of errors.
#[derive(Default, Deserialize)]
struct Denial {
    error: Option<String>,
    error_description: Option<String>,
    request_id: Option<String>,
}

impl Credentials {
    /// Buys an access token, with the refresh token of the last consent if there was one.
    pub async fn renew(&self, api: &Api, held: Option<&Tokens>) -> Result<Tokens, Failure> {
        let consented = held.and_then(|tokens| tokens.refresh.clone());
        let Some(refresh) = consented.as_ref().or(self.refresh_token.as_ref()) else {
            return Err(Failure::permission(
                "There is no refresh token: nobody has consented yet. Connect the channel with fenicia connect",
            ));
        };
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh.expose())];
        let (grant, begun_at) = self.buy(api, &fields).await?;
        let generation = held.map_or(0, |tokens| tokens.generation);
        Ok(tokens(grant, begun_at, generation, consented))
    }

    /// What a consent gave, which takes the place of the config's refresh token.
    pub async fn redeem(&self, api: &Api, consent: &Consent<'_>, code: &str) -> Result<Tokens, Failure> {
        let fields =
            [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", consent.redirect)];
        let (mut grant, begun_at) = self.buy(api, &fields).await?;
        let refresh = grant.refresh_token.take().map(Secret::new).ok_or_else(without_token)?;
        Ok(tokens(grant, begun_at, 0, Some(refresh)))
    }

    /// Where the seller consents. An application that is not listed in the Appstore is in beta.
    pub fn consent_address(&self, consent: &Consent<'_>) -> Option<String> {
        let Asking { origin, application_id } = self.consent.as_ref()?;
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("application_id", application_id)
            .append_pair("state", consent.state)
            .append_pair("redirect_uri", consent.redirect)
            .append_pair("version", "beta")
            .finish();
        Some(format!("{origin}/apps/authorize/consent?{query}"))
    }

    async fn buy(&self, api: &Api, fields: &[(&str, &str)]) -> Result<(Grant, Timestamp), Failure> {
        let request = Request::new("token", Method::Post, format!("{}/auth/o2/token", self.origin))
            .header("user-agent", user_agent())
            .header("accept", "application/json")
            .body("application/x-www-form-urlencoded", self.form(fields).into_bytes());
        let response = api.wire.call(request, Lane::Action).await?;
        Ok((granted(&response, api.clock.now())?, response.begun_at))
    }

    fn form(&self, fields: &[(&str, &str)]) -> String {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .append_pair("client_id", &self.client_id)
            .append_pair("client_secret", self.client_secret.expose())
            .finish()
    }
}

fn granted(response: &Response, now: Timestamp) -> Result<Grant, Failure> {
    if !response.is_success() {
        return Err(denied(response, now));
    }
    serde_json::from_slice::<Grant>(&response.body)
        .ok()
        .filter(|grant| !grant.access_token.is_empty())
        .ok_or_else(without_token)
}

fn without_token() -> Failure {
    Failure::unavailable("Login with Amazon gave an answer without a token")
}

/// `generation` is that of the tokens held so far, `refresh` what a consent gave: that of the config
/// file is not copied into the store.
fn tokens(grant: Grant, begun_at: Timestamp, generation: u64, refresh: Option<Secret>) -> Tokens {
    let life = grant.expires_in.0.unwrap_or(HOUR);
    Tokens {
        // From the beginning of the request: early by the time of the call, never late.
        expires_at: Some(begun_at.plus(life)),
        refresh,
        generation: generation + 1,
        ..Tokens::bare(Secret::new(grant.access_token), begun_at)
    }
}

fn denied(response: &Response, now: Timestamp) -> Failure {
    let denial: Denial = serde_json::from_slice(&response.body).unwrap_or_default();
    let code = denial.error.unwrap_or_default();
    let why = match code.as_str() {
        "invalid_client" => {
            "client_id or client_secret is wrong, or the secret is past its rotation deadline (180 days). \
             Put the current ones into the config file and reload"
        }
        "invalid_grant" => {
            "refresh_token is wrong, revoked, or of another application or region. Authorise the application \
             again in Seller Central, put the new refresh token into the config file and reload"
        }
        "unauthorized_client" | "invalid_scope" | "access_denied" => {
            "the application is not allowed to act for this seller. Authorise it again in Seller Central"
        }
        _ => "",
    };
    let said = denial.error_description.unwrap_or_default();
    let parts: Vec<&str> =
        [why, code.as_str(), said.as_str()].into_iter().filter(|p| !p.is_empty()).collect();
    let text = format!("Login with Amazon gave no token: HTTP {} {}", response.status, parts.join(": "));
    let failure = match kind(response.status, &code) {
        FailureKind::RateLimited => {
            Failure::rate_limited(text, response.retry_after(now).unwrap_or_else(|| now.plus(PAUSE)))
        }
        kind => Failure::new(kind, text),
    };
    let request_id = denial.request_id.or_else(|| response.header("x-amzn-requestid").map(str::to_owned));
    failure.http(response.status, request_id)
}

fn kind(status: u16, code: &str) -> FailureKind {
    match (status, code) {
        (429, _) => FailureKind::RateLimited,
        (500.., _) | (_, "server_error" | "temporarily_unavailable") => FailureKind::Unavailable,
        (
            _,
            "invalid_grant" | "invalid_client" | "unauthorized_client" | "invalid_scope" | "access_denied",
        )
        | (401 | 403, _) => FailureKind::Permission,
        (400..=499, _) => FailureKind::InvalidRequest,
        _ => FailureKind::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Response {
        Response {
            status,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
            begun_at: Timestamp::from_secs(1_000),
        }
    }

    #[test]
    fn a_grant_becomes_tokens_of_the_next_generation() {
        let body =
            r#"{"access_token":"Atza|x","refresh_token":"Atzr|y","token_type":"bearer","expires_in":3600}"#;
        let grant = granted(&answer(200, body), Timestamp::EPOCH).expect("a grant");
        let tokens = tokens(grant, Timestamp::from_secs(1_000), 4, None);
        assert_eq!(tokens.access.expose(), "Atza|x");
        assert_eq!((tokens.generation, tokens.expires_at), (5, Some(Timestamp::from_secs(4_600))));
    }

    #[test]
    fn every_row_of_the_token_error_table() {
        use FailureKind::{InvalidRequest, Permission, RateLimited, Unavailable};
        let rows = [
            (400, "invalid_grant", Permission),
            (401, "invalid_client", Permission),
            (400, "unauthorized_client", Permission),
            (400, "invalid_scope", Permission),
            (400, "access_denied", Permission),
            (400, "unsupported_grant_type", InvalidRequest),
            (400, "invalid_request", InvalidRequest),
            (500, "server_error", Unavailable),
            (503, "temporarily_unavailable", Unavailable),
            (429, "", RateLimited),
        ];
        for (status, code, expected) in rows {
            let body = format!(r#"{{"error":"{code}","error_description":"d","request_id":"r-1"}}"#);
            let failure = granted(&answer(status, &body), Timestamp::EPOCH).err().expect("refused");
            assert_eq!(failure.kind, expected, "{status} {code}");
            assert_eq!(failure.request_id.as_deref(), Some("r-1"));
            assert!(!failure.stale_token, "renewing again would not help");
        }
    }

    #[test]
    fn an_html_page_is_an_outage() {
        let failure = granted(&answer(200, "<html></html>"), Timestamp::EPOCH).err().expect("no token");
        assert_eq!(failure.kind, FailureKind::Unavailable);
    }

    fn credentials() -> Credentials {
        Credentials {
            origin: String::new(),
            client_id: "amzn1.application-oa2-client.a".to_owned(),
            client_secret: Secret::new("s&s"),
            consent: Some(Asking {
                origin: "https://sellercentral.amazon.com.mx".to_owned(),
                application_id: "amzn1.sp.solution.a".to_owned(),
            }),
            refresh_token: None,
        }
    }

    #[test]
    fn the_form_is_encoded() {
        assert_eq!(
            credentials().form(&[("grant_type", "refresh_token"), ("refresh_token", "Atzr|a+b")]),
            "grant_type=refresh_token&refresh_token=Atzr%7Ca%2Bb&client_id=amzn1.application-oa2-client.a\
             &client_secret=s%26s"
        );
    }

    #[test]
    fn the_seller_consents_in_seller_central_where_the_application_is_known() {
        let consent =
            Consent { redirect: "https://orders.example.com/oauth/mx/callback", state: "s", verifier: "v" };
        let address = "https://sellercentral.amazon.com.mx/apps/authorize/consent?application_id=amzn1.sp.solution.a\
                       &state=s&redirect_uri=https%3A%2F%2Forders.example.com%2Foauth%2Fmx%2Fcallback&version=beta";
        assert_eq!(credentials().consent_address(&consent).as_deref(), Some(address));
        let by_hand = Credentials { consent: None, ..credentials() };
        assert_eq!(by_hand.consent_address(&consent), None);
    }
}
