//! What a refused call means. The code in the body decides, then the HTTP status; code 36009004 is
//! shared by a dozen failures, which only its text tells apart.

use super::document::{EnvelopeDoc, Word};
use crate::model::{Failure, Timestamp};
use crate::net::Response;

/// Success.
pub const GOOD: i64 = 0;
/// The operation does not exist at this version or address.
const NO_SUCH_OPERATION: [i64; 2] = [36_009_009, 36_009_014];
/// This order or package is not this shop's.
const NOT_OURS: i64 = 21_008_111;
/// The refresh token was used before, or its authorization has ended. Other codes may mean the app,
/// which can be mended while the token stays good.
const DEAD_REFRESH_TOKEN: i64 = 36_004_001;
/// Refusals that say that the thing may have been done before, perhaps by an earlier try of ours:
/// the parcel is declared, the order's state is another, a cancellation is under way.
const DONE_BEFORE: [i64; 3] = [21_008_026, 21_008_013, 25_001_011];

/// The wrapping of an answer, read; the content stays raw.
pub struct Verdict {
    /// `None`: the body is not an answer of this interface.
    pub code: Option<i64>,
    message: Word,
    request_id: Word,
}

impl Verdict {
    pub fn of(response: &Response) -> Self {
        match serde_json::from_slice::<EnvelopeDoc<'_>>(&response.body) {
            Ok(doc) => Self { code: doc.code.parse().ok(), message: doc.message, request_id: doc.request_id },
            Err(_) => Self { code: None, message: Word::default(), request_id: Word::default() },
        }
    }

    pub fn is_good(&self, response: &Response) -> bool {
        self.code == Some(GOOD) && response.is_success()
    }

    pub fn is_rate_limit(&self, response: &Response) -> bool {
        response.status == 429 || matches!(self.code, Some(36_009_002 | 12_052_109))
    }

    pub fn request_id(&self) -> Option<String> {
        self.request_id.filled().map(|id| presentable(id, 80))
    }

    fn told(&self, response: &Response) -> String {
        let code = self.code.filter(|code| *code != GOOD);
        match (presentable(&self.message, 300).as_str(), code) {
            ("", None) => format!("TikTok Shop answered with status {}", response.status),
            ("", Some(code)) => format!("TikTok Shop refused the call (code {code})"),
            (text, None) => {
                format!("TikTok Shop answered with status {}: {text}", response.status)
            }
            (text, Some(code)) => format!("TikTok Shop refused the call: {text} (code {code})"),
        }
    }

    /// Why a signed call failed. `resume_at`: when to go on after "too many calls".
    pub fn refusal(&self, response: &Response, channel: &str, resume_at: Timestamp) -> Failure {
        let told = self.told(response);
        let failure = if self.is_rate_limit(response) {
            Failure::rate_limited("TikTok Shop asks to wait: too many calls", resume_at)
        } else {
            match self.code.filter(|code| *code != GOOD) {
                Some(code) => self.by_code(code, told, response, channel),
                None => by_status(response.status, told),
            }
        };
        failure.http(response.status, self.request_id())
    }

    fn by_code(&self, code: i64, told: String, response: &Response, channel: &str) -> Failure {
        let reconnect = || format!("{told}. Reconnect the channel: fenicia connect {channel}");
        match code {
            105_001..=105_004 => Failure::permission(reconnect()).stale_token(),
            105_005 => Failure::permission(format!(
                "{told}. A right is missing: add it to the app in Partner Center, then consent again: fenicia \
                 connect {channel}"
            )),
            101_000 => Failure::permission(reconnect()),
            36_004_004 => Failure::permission(format!(
                "{told}. The code of the consent was used before or is older than 30 minutes. Consent again: \
                 fenicia connect {channel}"
            )),
            106_001 => Failure::permission(format!(
                "{told}. The signature does not fit: compare app_key and app_secret with Partner Center and \
                 correct the config."
            )),
            36_009_033 => Failure::permission(format!(
                "{told}. This machine's public address is not on the app's IP allow list. Add it in Partner \
                 Center; it changes with a dynamic address or a second line."
            )),
            36_009_004 => self.shared_code(told, response, channel),
            NOT_OURS => Failure::not_found(told),
            36_009_007 => Failure::timeout(told),
            36_009_003 | 10_006_402 | 10_002_014 | 10_002_015 | 10_037_002..=10_037_004 | 33_001_002 => {
                Failure::unavailable(told)
            }
            21_008_025 => Failure::unsupported(
                "TikTok's own warehouse sends this order. Nothing is to be done here; look in TikTok Shop.",
            ),
            21_011_050 | 21_011_051 => Failure::unsupported(
                "TikTok Shop no longer takes another tracking number for this parcel: its time for changes has \
                 run out, or it was changed before. Correct it in Seller Center.",
            ),
            25_001_045 | 25_001_051 => Failure::unsupported(
                "The order is on its way or completed, so it cannot be cancelled any more. Settle it with the \
                 buyer in TikTok Shop.",
            ),
            106_013 | 36_009_009 | 36_009_010 | 36_009_014 | 36_009_021..=36_009_023 => {
                // About every call of this kind, not about this order.
                Failure { local: false, ..Failure::invalid(told) }
            }
            _ if response.status == 404 => Failure::not_found(told),
            _ if response.status >= 500 => Failure::unavailable(told),
            _ => Failure::invalid(told),
        }
    }

    /// 36009004.
    fn shared_code(&self, told: String, response: &Response, channel: &str) -> Failure {
        let text = self.message.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        let is_word = |word: &str| text.split(|c: char| !c.is_ascii_alphabetic()).any(|w| w == word);
        if says(&["timestamp"]) {
            Failure::permission(clock_words(response))
        } else if says(&["access token", "access_token", "access-token"]) {
            Failure::permission(format!("{told}. Reconnect the channel: fenicia connect {channel}"))
                .stale_token()
        } else if says(&["app_key", "app key", "appkey"]) {
            Failure::permission(format!(
                "{told}. Compare app_key with Partner Center and correct the config."
            ))
        } else if says(&["signature"]) || is_word("sign") {
            Failure::permission(format!(
                "{told}. Compare app_secret with Partner Center and correct the config."
            ))
        } else if says(&["shop_cipher", "cipher", "shop_id", "identifier"]) {
            Failure {
                local: false,
                ..Failure::invalid(format!("{told}. Compare shop_id and shop_cipher with the config."))
            }
        } else {
            Failure::invalid(told)
        }
    }

    /// Why no token was given. Whatever is not passing means that a person must consent again.
    pub fn token_refusal(&self, response: &Response, channel: &str, resume_at: Timestamp) -> Failure {
        let told = self.told(response);
        let failure = if self.is_rate_limit(response) {
            Failure::rate_limited("TikTok Shop asks to wait: too many token requests", resume_at)
        } else {
            match self.code.filter(|code| *code != GOOD) {
                Some(36_009_003) => Failure::unavailable(told),
                Some(36_009_007) => Failure::timeout(told),
                Some(code @ (36_009_033 | 36_004_004 | 106_001)) => {
                    self.by_code(code, told, response, channel)
                }
                Some(_) if response.status >= 500 => Failure::unavailable(told),
                Some(code) => {
                    let failure = Failure::permission(format!(
                        "{told}. The authorization has ended, or app_key and app_secret do not belong together. \
                         Compare both with Partner Center, then reconnect: fenicia connect {channel}"
                    ));
                    if code == DEAD_REFRESH_TOKEN { failure.dead_grant() } else { failure }
                }
                None => Failure { stale_token: false, ..by_status(response.status, told) },
            }
        };
        failure.http(response.status, self.request_id())
    }
}

/// An answer that says nothing in its body.
fn by_status(status: u16, told: String) -> Failure {
    match status {
        401 => Failure::permission(told).stale_token(),
        403 => Failure::permission(told),
        400 | 405..=499 => Failure::invalid(told),
        _ => Failure::unavailable(told),
    }
}

/// TikTok Shop takes a call whose time is from 5 minutes behind to 30 seconds ahead of its own.
fn clock_words(response: &Response) -> String {
    const CURE: &str = "TikTok Shop refuses calls that are 5 minutes behind or 30 seconds ahead. Set this \
                        machine's clock, best by NTP.";
    let Some(theirs) = response.date() else {
        return format!("This machine's clock differs from TikTok Shop's. {CURE}");
    };
    let (word, skew) = skew(response.begun_at, theirs);
    format!("This machine's clock is {skew} seconds {word} TikTok Shop's. {CURE}")
}

/// How far our clock is from theirs, in seconds.
pub fn skew(ours: Timestamp, theirs: Timestamp) -> (&'static str, u64) {
    if ours > theirs {
        ("ahead of", ours.since(theirs).as_secs())
    } else {
        ("behind", theirs.since(ours).as_secs())
    }
}

/// An answer of success that is not the document it should be.
pub fn nonsense(what: &str, response: &Response) -> Failure {
    Failure::unavailable(format!("TikTok Shop's answer about {what} cannot be read"))
        .http(response.status, None)
}

/// The call is not known there, so that an older version of it may be.
pub fn is_no_such_operation(failure: &Failure) -> bool {
    has_code(failure, &NO_SUCH_OPERATION)
}

/// See [`DONE_BEFORE`]: the order must be looked at again.
pub fn may_be_done_before(failure: &Failure) -> bool {
    has_code(failure, &DONE_BEFORE)
}

fn has_code(failure: &Failure, codes: &[i64]) -> bool {
    codes.iter().any(|code| failure.message.contains(&format!("(code {code})")))
}

/// Foreign text on one line, shortened, without anything that could be a token or an address.
pub fn presentable(text: &str, most: usize) -> String {
    let words = text.split_whitespace().map(|word| {
        let long = word.len() > 40 && !word.contains(',');
        let secret = long || ["://", "secret=", "token=", "ROW_", "TTP_"].iter().any(|s| word.contains(s));
        if secret { "***" } else { word }
    });
    let line = words.collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FailureKind;

    fn response(status: u16, body: &str) -> Response {
        Response {
            status,
            headers: vec![("date".to_owned(), "Thu, 01 Jan 1970 00:01:00 GMT".to_owned())],
            body: body.as_bytes().to_vec(),
            begun_at: Timestamp::from_secs(105),
        }
    }

    fn refused(status: u16, body: &str) -> Failure {
        let response = response(status, body);
        Verdict::of(&response).refusal(&response, "tt", Timestamp::from_secs(200))
    }

    fn coded(status: u16, code: i64, message: &str) -> Failure {
        refused(status, &format!(r#"{{"code":{code},"message":"{message}","request_id":"r1","data":null}}"#))
    }

    #[test]
    fn the_code_decides_before_the_status() {
        use FailureKind as K;
        #[rustfmt::skip]
        let table = [
            (200, 36_009_002, "", K::RateLimited),
            (429, 36_009_002, "", K::RateLimited),
            (200, 12_052_109, "", K::RateLimited),
            (200, 36_009_007, "", K::NetworkTimeout),
            (200, 105_002, "", K::Permission),
            (401, 105_002, "", K::Permission),
            (403, 105_005, "", K::Permission),
            (200, 101_000, "", K::Permission),
            (401, 106_001, "", K::Permission),
            (403, 36_009_033, "", K::Permission),
            (400, 36_009_004, "Invalid app_key", K::Permission),
            (400, 36_009_004, "The access token is invalid", K::Permission),
            (400, 36_009_004, "x-tts-access-token header missing: invalid access token", K::Permission),
            (400, 36_009_004, "the timestamp is too far ahead", K::Permission),
            (400, 36_009_004, "missing signature", K::Permission),
            (400, 36_009_004, "invalid sign", K::Permission),
            (400, 36_009_004, "unexpected identifier", K::InvalidRequest),
            (400, 36_009_004, "invalid shop_cipher", K::InvalidRequest),
            (400, 36_009_004, "page_size must be between 1 and 100", K::InvalidRequest),
            (404, 36_009_009, "no schema found", K::InvalidRequest),
            (200, 21_008_111, "order not found", K::NotFound),
            (404, 77, "gone", K::NotFound),
            (200, 36_009_003, "", K::Unavailable),
            (500, 36_009_003, "", K::Unavailable),
            (200, 10_037_003, "", K::Unavailable),
            (200, 33_001_002, "", K::Unavailable),
            (503, 99, "busy", K::Unavailable),
            (200, 21_008_025, "", K::Unsupported),
            (200, 21_011_050, "", K::Unsupported),
            (200, 21_011_051, "", K::Unsupported),
            (200, 25_001_045, "", K::Unsupported),
            (200, 25_001_051, "", K::Unsupported),
            (200, 25_001_021, "", K::InvalidRequest),
            (200, 25_001_011, "", K::InvalidRequest),
            (200, 21_011_044, "", K::InvalidRequest),
            (200, 21_008_026, "", K::InvalidRequest),
            (200, 123_456, "something new", K::InvalidRequest),
        ];
        for (status, code, message, kind) in table {
            let failure = coded(status, code, message);
            assert_eq!(failure.kind, kind, "{status} {code} {message}: {failure}");
            assert_eq!(failure.request_id.as_deref(), Some("r1"));
        }
    }

    #[test]
    fn without_a_code_the_status_decides() {
        use FailureKind as K;
        for (status, body, kind) in [
            (200, "<html>", K::Unavailable),
            (200, "", K::Unavailable),
            (302, "", K::Unavailable),
            (401, "", K::Permission),
            (403, "<html>", K::Permission),
            (404, "<html>", K::Unavailable),
            (413, "", K::InvalidRequest),
            (429, "", K::RateLimited),
            (502, "<html>", K::Unavailable),
            (503, "", K::Unavailable),
        ] {
            assert_eq!(refused(status, body).kind, kind, "{status} {body}");
        }
    }

    #[test]
    fn only_a_token_that_renewing_can_cure_is_stale() {
        assert!(coded(200, 105_002, "expired").stale_token);
        assert!(coded(400, 36_009_004, "invalid access token").stale_token);
        assert!(refused(401, "").stale_token);
        for failure in [
            coded(200, 105_005, "no scope"),
            coded(200, 36_009_033, "ip"),
            coded(400, 36_009_004, "timestamp"),
            coded(400, 36_009_004, "app_key"),
        ] {
            assert!(!failure.stale_token, "{failure}");
        }
    }

    #[test]
    fn a_wrong_clock_and_a_foreign_address_say_what_to_do() {
        let clock = coded(400, 36_009_004, "Invalid timestamp").message;
        assert!(clock.contains("45 seconds ahead of") && clock.contains("NTP"), "{clock}");
        let address = coded(200, 36_009_033, "IP address not in allow list").message;
        assert!(address.contains("IP allow list"), "{address}");
        let secret = coded(401, 106_001, "sign").message;
        assert!(secret.contains("app_secret"), "{secret}");
    }

    #[test]
    fn a_refused_token_needs_a_person_unless_it_is_passing() {
        use FailureKind as K;
        for (status, body, kind) in [
            (200, r#"{"code":36004001,"message":"refresh token invalid"}"#, K::Permission),
            (200, r#"{"code":36004004,"message":"auth code"}"#, K::Permission),
            (200, r#"{"code":36009002,"message":""}"#, K::RateLimited),
            (200, r#"{"code":36009003,"message":""}"#, K::Unavailable),
            (200, r#"{"code":36009007,"message":""}"#, K::NetworkTimeout),
            (429, "", K::RateLimited),
            (502, "<html>", K::Unavailable),
            (200, r#"{"code":36004002,"message":"app secret"}"#, K::Permission),
            (403, "", K::Permission),
        ] {
            let response = response(status, body);
            let failure = Verdict::of(&response).token_refusal(&response, "tt", Timestamp::EPOCH);
            assert_eq!(failure.kind, kind, "{status} {body}");
            assert_eq!(failure.dead_grant, body.contains("36004001"), "{status} {body}");
            assert!(!failure.stale_token);
        }
    }

    #[test]
    fn no_token_and_no_address_reaches_a_message() {
        let told =
            coded(400, 1, "bad https://auth.tiktok-shops.com/x?app_secret=hush and ROW_Fw8rBwAAAA").message;
        assert_eq!(told, "TikTok Shop refused the call: bad *** and *** (code 1)");
    }

    #[test]
    fn an_older_version_is_tried_for_a_call_that_is_not_known() {
        assert!(is_no_such_operation(&coded(404, 36_009_009, "no path")));
        assert!(is_no_such_operation(&coded(400, 36_009_014, "version")));
        assert!(!is_no_such_operation(&coded(400, 36_009_004, "x")));
        assert!(may_be_done_before(&coded(200, 21_008_026, "x")));
        assert!(!may_be_done_before(&coded(200, 21_011_044, "x")));
    }
}
