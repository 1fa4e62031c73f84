//! Records as bytes: a version byte, a checksum, JSON.
//!
//! A record that does not decode is an error that names its table and key, never a panic: the
//! engine verifies its own checksums only after a crash.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;
use super::keys;
use super::tables::Tab;

const VERSION: u8 = 1;
const HEAD: usize = 5;

pub(super) fn encode<T: Serialize>(tab: Tab, value: &T) -> Result<Vec<u8>, StoreError> {
    let mut bytes = vec![0; HEAD];
    serde_json::to_writer(&mut bytes, value)
        .map_err(|e| StoreError::Corrupt(format!("{}: cannot encode: {e}", tab.name())))?;
    bytes[0] = VERSION;
    let sum = crc32c::crc32c(&bytes[HEAD..]);
    bytes[1..HEAD].copy_from_slice(&sum.to_be_bytes());
    Ok(bytes)
}

pub(super) fn decode<T: DeserializeOwned>(tab: Tab, key: &[u8], bytes: &[u8]) -> Result<T, StoreError> {
    let fault = |what: &str| corrupt(tab, key, what);
    let Some(([version, sum @ ..], payload)) = bytes.split_first_chunk::<HEAD>() else {
        return Err(fault("it is too short"));
    };
    if *version != VERSION {
        return Err(fault("its version is unknown"));
    }
    if crc32c::crc32c(payload) != u32::from_be_bytes(*sum) {
        return Err(fault("its checksum is wrong"));
    }
    serde_json::from_slice(payload).map_err(|_| fault("its content is not what this table holds"))
}

/// The error for a row that cannot be read. Never holds the row's content.
pub(super) fn corrupt(tab: Tab, key: &[u8], what: &str) -> StoreError {
    StoreError::Corrupt(format!("table {}, key {}: {what}", tab.name(), keys::shown(key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_changed_byte_is_noticed_and_named() {
        let good = encode(Tab::Polls, &"watermark").expect("encode");
        assert_eq!(decode::<String>(Tab::Polls, b"k", &good).expect("decode"), "watermark");
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x20;
            let error = decode::<String>(Tab::Polls, b"tienda\0orders", &bad).expect_err("noticed");
            assert!(error.to_string().contains(r"polls, key tienda\x00orders"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(decode::<String>(Tab::Meta, b"k", &bytes).is_err());
        }
    }
}
