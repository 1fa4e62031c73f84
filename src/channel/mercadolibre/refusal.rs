//! What a refused call means. Decided by the HTTP status: the words in the bodies contradict each
//! other, and are needed for a few exceptions only.

use super::document::ErrorDoc;
use crate::model::{Failure, Timestamp};
use crate::net::Response;

/// What was asked about. A forged notification may name an order of somebody else, so a 403 about
/// one thing must not take the connection down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A list, the account: a right is missing.
    Account,
    /// One order, shipment or payment.
    OneThing,
    /// The same, to be changed.
    Change,
}

/// Words of a 403 that concern the connection even when one order was asked for.
const ACCOUNT_WIDE: [&str; 4] =
    ["pa_unauthorized_result_from_policies", "invalid scopes", "can not identify the user", "access_denied"];
/// Words of a 403 that concern one order even when a list was asked for.
const ONE_THING: [&str; 3] = ["not_owned_order", "the user has not access to the order", "caller.id.invalid"];

/// What came instead of a good answer. `resume_at`: when to go on after a 429.
pub fn refusal(response: &Response, about: About, resume_at: Timestamp) -> Failure {
    let said = Words::of(response);
    let told = said.told(response.status);
    let failure = match response.status {
        401 if said.any(&["invalid_user_id_for_order"]) => Failure::invalid(told),
        401 => Failure::permission(told).stale_token(),
        403 if said.any(&ONE_THING) => Failure::permission(told).local(),
        403 if about != About::Account && !said.any(&ACCOUNT_WIDE) => Failure::permission(told).local(),
        403 => Failure::permission(told),
        404 => Failure::not_found(told),
        // Somebody else is changing the same thing, and nothing happened.
        409 if about == About::Change => Failure::conflict(told),
        409 => Failure::unavailable(told).local(),
        429 => Failure::rate_limited("Mercado Libre asks to wait: too many requests", resume_at),
        400 if said.any(&["not_fulfilled_feedback_in_order_expired"]) => Failure::unsupported(
            "Mercado Libre no longer takes a cancellation for this order: its time for it has run out. \
             Settle it with the buyer in Mercado Libre.",
        ),
        423 | 499 | 500.. | ..400 => Failure::unavailable(told),
        _ => Failure::invalid(told),
    };
    failure.http(response.status, request_id(response))
}

/// A refused token request. `code` is OAuth's word.
pub fn token_refusal(response: &Response, channel: &str, resume_at: Timestamp) -> Failure {
    let said = Words::of(response);
    let failure = match response.status {
        429 => Failure::rate_limited("Mercado Libre asks to wait: too many token requests", resume_at),
        423 | 499 | 500.. | ..400 => Failure::unavailable(said.told(response.status)),
        _ => {
            let (why, cure) = token_words(&said.code, channel);
            let told = format!("Mercado Libre gives no access ({}): {why} {cure}", said.code);
            let failure = Failure::permission(told);
            if said.code == "invalid_grant" { failure.dead_grant() } else { failure }
        }
    };
    failure.http(response.status, request_id(response))
}

fn token_words(code: &str, channel: &str) -> (&'static str, String) {
    let reconnect = || format!("Reconnect the channel: fenicia connect {channel}");
    match code {
        "invalid_grant" => {
            ("the code or refresh token was used already, has expired or was withdrawn.", reconnect())
        }
        "invalid_client" => (
            "client_id and client_secret do not belong together.",
            "Compare both with the application in the DevCenter and correct the config.".to_owned(),
        ),
        "unauthorized_client" => ("the seller has withdrawn the application's access.", reconnect()),
        "unauthorized_application" => {
            ("the application is blocked.", "Ask Mercado Libre's developer support.".to_owned())
        }
        "invalid_operator_user_id" => (
            "a collaborator's login was used.",
            format!("Consent again with the account's owner: fenicia connect {channel}"),
        ),
        _ => ("the request for a token was refused.", reconnect()),
    }
}

/// The channel's own words about a refusal.
struct Words {
    /// The shortest name of the cause, empty when there is none.
    code: String,
    message: String,
    /// Everything that was said, in lower case.
    all: String,
}

impl Words {
    fn of(response: &Response) -> Self {
        let Ok(doc) = serde_json::from_slice::<ErrorDoc>(&response.body) else {
            // The gateway answers with bare text or a page of HTML; neither is worth showing.
            return Self { code: String::new(), message: String::new(), all: String::new() };
        };
        let first = doc.cause.list().first();
        let message = [doc.error_description.word(), doc.message.word()]
            .into_iter()
            .chain(first.map(|cause| cause.message.word()))
            .find(|text| !text.is_empty())
            .unwrap_or_default();
        let code = [doc.error.word(), doc.code.word()].into_iter().find(|text| !text.is_empty());
        let mut all = format!("{} {} {}", doc.error.word(), doc.code.word(), message);
        for cause in doc.cause.list() {
            all = format!("{all} {} {}", cause.code.word(), cause.message.word());
        }
        Self {
            code: presentable(code.unwrap_or_default(), 60),
            message: presentable(message, 300),
            all: all.to_lowercase(),
        }
    }

    fn any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.all.contains(word))
    }

    fn told(&self, status: u16) -> String {
        match (self.message.as_str(), self.code.as_str()) {
            ("", "") => format!("Mercado Libre answered with status {status}"),
            ("", code) => format!("Mercado Libre refused: {code}"),
            (message, "") => format!("Mercado Libre refused: {message}"),
            (message, code) => format!("Mercado Libre refused: {message} ({code})"),
        }
    }
}

/// Foreign text, shortened, on one line, without tokens.
fn presentable(text: &str, most: usize) -> String {
    let words = text.split_whitespace().map(|word| {
        let secret = word.contains("APP_USR-") || word.contains("TG-");
        if secret { "***" } else { word }
    });
    let line = words.collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(most).collect()
}

fn request_id(response: &Response) -> Option<String> {
    response.header("x-request-id").map(|id| presentable(id, 80))
}

/// An answer of 200 that is not the document it should be.
pub fn nonsense(what: &str, response: &Response) -> Failure {
    Failure::unavailable(format!("Mercado Libre's answer about {what} cannot be read"))
        .http(response.status, request_id(response))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FailureKind;

    fn response(status: u16, body: &str) -> Response {
        Response { status, headers: Vec::new(), body: body.as_bytes().to_vec(), begun_at: Timestamp::EPOCH }
    }

    fn judged(status: u16, body: &str, about: About) -> (FailureKind, bool, bool) {
        let failure = refusal(&response(status, body), about, Timestamp::EPOCH);
        (failure.kind, failure.local, failure.stale_token)
    }

    #[test]
    fn the_status_decides_and_the_words_make_the_exceptions() {
        use About::{Account, OneThing};
        use FailureKind as K;
        #[rustfmt::skip]
        let table = [
            (401, r#"{"message":"invalid_token","cause":[],"error":"not_found","status":401}"#, OneThing, (K::Permission, false, true)),
            (401, r#"{"code":"unauthorized","message":"authorization value not present"}"#, Account, (K::Permission, false, true)),
            (401, r#"{"message":"Unauthorized receiver_id for order_id","error":"invalid_user_id_for_order"}"#, OneThing, (K::InvalidRequest, true, false)),
            (403, r#"{"status":403,"error":"Invalid scopes","code":"FORBIDDEN"}"#, OneThing, (K::Permission, false, false)),
            (403, r#"{"status":403,"error":"access_denied","message":"access to the requested resource is forbidden","code":"FORBIDDEN"}"#, OneThing, (K::Permission, false, false)),
            (403, r#"{"code":"PA_UNAUTHORIZED_RESULT_FROM_POLICIES","blocked_by":"PolicyAgent","message":"At least one policy returned UNAUTHORIZED.","status":403}"#, OneThing, (K::Permission, false, false)),
            (403, r#"{"message":"The caller is not authorized to access this resource","error":"forbidden","status":403,"cause":[]}"#, OneThing, (K::Permission, true, false)),
            (403, r#"{"message":"The caller is not authorized to access this resource","error":"forbidden","status":403,"cause":[]}"#, Account, (K::Permission, false, false)),
            (403, r#"{"error":"not_owned_order"}"#, Account, (K::Permission, true, false)),
            (404, r#"{"message":"Order not found.","error":"order_not_found","status":404,"cause":null}"#, OneThing, (K::NotFound, true, false)),
            (400, r#"{"error":"bad_request","cause":[{"code":"invalid_service_id","message":"service"}]}"#, OneThing, (K::InvalidRequest, true, false)),
            (400, r#"{"message":"x","error":"not_fulfilled_feedback_in_order_expired"}"#, OneThing, (K::Unsupported, true, false)),
            (409, "{}", OneThing, (K::Unavailable, true, false)),
            (429, "local_rate_limited", OneThing, (K::RateLimited, false, false)),
            (423, "{}", Account, (K::Unavailable, false, false)),
            (499, "", Account, (K::Unavailable, false, false)),
            (503, "<html>", Account, (K::Unavailable, false, false)),
            (535, "", Account, (K::Unavailable, false, false)),
            (302, "", Account, (K::Unavailable, false, false)),
            (415, "", Account, (K::InvalidRequest, true, false)),
        ];
        for (status, body, about, expected) in table {
            assert_eq!(judged(status, body, about), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_conflict_had_no_effect_and_an_outage_may_have_had_one() {
        let conflict = refusal(&response(409, "{}"), About::Change, Timestamp::EPOCH);
        assert!(conflict.no_effect && conflict.conflict, "{conflict:?}");
        assert!(!refusal(&response(502, ""), About::Change, Timestamp::EPOCH).no_effect);
    }

    #[test]
    fn no_token_reaches_a_message() {
        let body = r#"{"message":"invalid access token: APP_USR-1-2-3","error":"x"}"#;
        let failure = refusal(&response(400, body), About::Account, Timestamp::EPOCH);
        assert_eq!(failure.message, "Mercado Libre refused: invalid access token: *** (x)");
    }

    #[test]
    fn each_refused_token_says_what_to_do() {
        let body = r#"{"error_description":"Error validating grant","error":"invalid_grant","status":400,"cause":[]}"#;
        let failure = token_refusal(&response(400, body), "mx", Timestamp::EPOCH);
        assert_eq!(failure.kind, FailureKind::Permission);
        assert!(failure.message.ends_with("fenicia connect mx"), "{}", failure.message);
        assert!(failure.dead_grant && !failure.stale_token);
        let blocked = r#"{"message":"blocked","error":"unauthorized_application","status":400,"cause":[]}"#;
        let blocked = token_refusal(&response(400, blocked), "mx", Timestamp::EPOCH);
        assert_eq!(
            (blocked.kind, blocked.dead_grant),
            (FailureKind::Permission, false),
            "it may end by itself"
        );
        let limited = token_refusal(&response(429, "local_rate_limited"), "mx", Timestamp::EPOCH);
        assert_eq!(limited.kind, FailureKind::RateLimited);
        let down = token_refusal(&response(500, "<html>"), "mx", Timestamp::EPOCH);
        assert_eq!(down.kind, FailureKind::Unavailable);
    }
}
