//! Signatures: of our calls, and of TikTok Shop's notifications. Two different formulas.

use std::collections::BTreeMap;

use ring::hmac;
use subtle::ConstantTimeEq as _;

use crate::channel::hex::hex;
use crate::model::Secret;

/// Query parameters in the order in which they are signed: by name, byte by byte.
pub type Params = BTreeMap<&'static str, String>;

/// The app's identity and how it proves it.
pub struct Signer {
    pub app_key: String,
    secret: Secret,
    key: hmac::Key,
}

impl Signer {
    pub fn new(app_key: &str, secret: &Secret) -> Self {
        Self {
            app_key: app_key.to_owned(),
            secret: secret.clone(),
            key: hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()),
        }
    }

    pub const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The `sign` parameter of a call. `params` holds every other query parameter, decoded; `body`
    /// is exactly what is sent.
    pub fn of_call(&self, path: &str, params: &Params, body: &[u8]) -> String {
        let mut text = self.secret.expose().as_bytes().to_vec();
        text.extend_from_slice(path.as_bytes());
        for (name, value) in params {
            text.extend_from_slice(name.as_bytes());
            text.extend_from_slice(value.as_bytes());
        }
        text.extend_from_slice(body);
        text.extend_from_slice(self.secret.expose().as_bytes());
        let sign = hmac::sign(&self.key, &text);
        zeroize::Zeroize::zeroize(&mut text);
        hex(sign.as_ref())
    }

    /// Whether a notification's `Authorization` header is the one that only TikTok Shop and this
    /// app can make. In constant time.
    pub fn is_notice(&self, authorization: &str, body: &[u8]) -> bool {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(self.app_key.as_bytes());
        context.update(body);
        hex(context.sign().as_ref()).as_bytes().ct_eq(authorization.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_signed_as_the_platform_signs_it() {
        let official = Signer::new("29a39d", &Secret::new("e59af819cc"));
        let params = Params::from([("timestamp", "1623812664".into()), ("app_key", "29a39d".into())]);
        assert_eq!(
            official.of_call("/authorization/202309/shops", &params, b""),
            "b596b73e0cc6de07ac26f036364178ab16b0a907af13d43f0a0cd2345f582dc8"
        );
        let ours = Signer::new("6fenicia000001", &Secret::new("fenicia-test-secret"));
        let params = Params::from([
            ("app_key", "6fenicia000001".into()),
            ("page_size", "100".into()),
            ("page_token", "a+b/c==".into()),
            ("shop_cipher", "ROW_FENICIAtestcipher".into()),
            ("sort_field", "update_time".into()),
            ("sort_order", "ASC".into()),
            ("timestamp", "1764000000".into()),
        ]);
        let body = br#"{"update_time_ge":1763990000,"update_time_lt":1764000000}"#;
        assert_eq!(
            ours.of_call("/order/202309/orders/search", &params, body),
            "c2780044dac5c773c6cf41ac1e941100df8bbbbba2009dbb6d91d16052759bf8"
        );
    }

    #[test]
    fn a_notification_is_signed_over_the_app_and_the_raw_body() {
        let ours = Signer::new("6fenicia000001", &Secret::new("fenicia-test-secret"));
        let body = br#"{"type":1,"tts_notification_id":"7400000000000000001","shop_id":"7495000000000000001","timestamp":1764000000,"data":{"is_on_hold_order":false,"order_id":"576700000000000001","order_status":"AWAITING_SHIPMENT","update_time":1763999998}}"#;
        let good = "bba37175d9c3ea86e0e15589b9bd7022ccd2dd6dcd210968bcc4e0f987bdef06";
        assert!(ours.is_notice(good, body));
        assert!(!ours.is_notice(good, &body[..body.len() - 1]));
        assert!(!ours.is_notice("", body));
        assert!(!ours.is_notice(&format!("Bearer {good}"), body));
    }
}
