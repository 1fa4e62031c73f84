//! Proof that a form comes from a page of ours: a token per session, masked afresh each time, and
//! where the browser says that the request comes from.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use subtle::ConstantTimeEq as _;

use crate::random::Random;
use crate::web::{Head, header};

const BYTES: usize = 32;

/// A session's token. Never sent as it is, so that compressed pages do not give it away.
#[derive(Clone)]
pub struct Token([u8; BYTES]);

impl Token {
    /// Follows from both, and tells nothing about the key.
    pub fn derived(key: &[u8], text: &[u8]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let mut bytes = [0; BYTES];
        bytes.copy_from_slice(hmac::sign(&key, text).as_ref());
        Self(bytes)
    }

    /// For one form: differs each time.
    pub fn masked(&self, random: &Random) -> String {
        let pad: [u8; BYTES] = random.bytes();
        let mut both = pad.to_vec();
        both.extend(pad.iter().zip(self.0).map(|(pad, byte)| pad ^ byte));
        URL_SAFE_NO_PAD.encode(both)
    }

    pub fn fits(&self, masked: &str) -> bool {
        let Ok(both) = URL_SAFE_NO_PAD.decode(masked) else { return false };
        if both.len() != 2 * BYTES {
            return false;
        }
        let (pad, hidden) = both.split_at(BYTES);
        let plain: Vec<u8> = pad.iter().zip(hidden).map(|(a, b)| a ^ b).collect();
        plain.ct_eq(&self.0).into()
    }
}

/// Whether the browser says that the request comes from another site. Programs say nothing.
pub fn is_foreign(head: &Head, public_url: Option<&str>) -> bool {
    if let Some(site) = header(head, "sec-fetch-site") {
        return site != "same-origin";
    }
    let Some(origin) = header(head, "origin") else { return false };
    let host = header(head, "host").unwrap_or_default();
    let own = [format!("http://{host}"), format!("https://{host}")];
    !own.iter().any(|own| own.eq_ignore_ascii_case(origin)) && public_url != Some(origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_fits_however_it_is_masked() {
        let random = Random::seeded(1);
        let token = Token::derived(b"a key", b"forms");
        let (a, b) = (token.masked(&random), token.masked(&random));
        assert_ne!(a, b);
        assert!(token.fits(&a) && token.fits(&b));
        assert!(!Token::derived(b"another", b"forms").fits(&a));
        for bad in ["", "x", &a[1..]] {
            assert!(!token.fits(bad));
        }
    }
}
