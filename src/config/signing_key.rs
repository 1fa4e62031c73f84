//! The secret of a webhook, as Standard Webhooks write it: `whsec_` and base64.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Signs what is sent. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(Zeroizing<Vec<u8>>);

const PREFIX: &str = "whsec_";
/// What the specification asks for, in bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

impl SigningKey {
    /// With the prefix it must be base64. Without it, base64 of a key's length is decoded, as the
    /// receivers' libraries do, and anything else is the key as it stands. `None`: the prefix
    /// promises what does not follow.
    pub fn parse(text: &str) -> Option<Self> {
        let decode = |text: &str| STANDARD.decode(text).ok().map(Zeroizing::new);
        if let Some(encoded) = text.strip_prefix(PREFIX) {
            return decode(encoded).filter(|bytes| !bytes.is_empty()).map(Self);
        }
        let decoded = decode(text).filter(|bytes| LENGTHS.contains(&bytes.len()));
        Some(Self(decoded.unwrap_or_else(|| Zeroizing::new(text.as_bytes().to_vec()))))
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn is_weak(&self) -> bool {
        self.0.len() < *LENGTHS.start()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_its_receiver_reads_it() {
        let key = |text: &str| SigningKey::parse(text).map(|key| key.bytes().to_vec());
        let long = STANDARD.encode([7; 32]);
        assert_eq!(key(&format!("whsec_{long}")), Some(vec![7; 32]));
        assert_eq!(key(&long), Some(vec![7; 32]));
        assert_eq!(key("a plain word"), Some(b"a plain word".to_vec()));
        assert_eq!(key("c2hvcnQ="), Some(b"c2hvcnQ=".to_vec()), "too short to be an encoded key");
        assert_eq!(key("whsec_%%%"), None);
        assert_eq!(key("whsec_"), None);
        assert_eq!(format!("{:?}", SigningKey::parse("hush")), "Some(***)");
    }
}
