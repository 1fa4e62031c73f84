//! A POST that its receiver can trust, as Standard Webhooks say: an id that stays the same over all
//! attempts, the time of the attempt, and an HMAC-SHA256 over both and the body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::json;

use super::Message;
use crate::config::SigningKey;
use crate::model::Timestamp;
use crate::net::{Method, Request};

/// The request for one attempt.
pub(super) fn request(message: &Message, url: &str, key: Option<&SigningKey>, now: Timestamp) -> Request {
    let body = json!({
        "type": message.event,
        "timestamp": message.at,
        "data": message.data,
        "text": message.text,
        "url": message.link,
    });
    let body = body.to_string();
    let seconds = now.as_secs();
    let mut request = Request::new("notify", Method::Post, url)
        .header("webhook-id", &message.id)
        .header("webhook-timestamp", seconds.to_string());
    if let Some(key) = key {
        request = request.header("webhook-signature", sign(key, &message.id, seconds, &body));
    }
    request.body("application/json", body.into_bytes())
}

fn sign(key: &SigningKey, id: &str, seconds: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.bytes());
    let tag = hmac::sign(&key, format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the specification's reference implementations test themselves with.
    #[test]
    fn the_signature_is_the_one_of_the_specification() {
        let key = SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key");
        let signed = sign(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
