//! Sealing of personal data, tokens and pending deliveries.
//!
//! Rows are sealed under the newest *epoch key*. Epoch keys lie in a small file beside the database,
//! wrapped by the master key. The engine does not wipe freed pages; erased data becomes unreadable
//! when the rows that live on were sealed under a newer epoch and the older keys are dropped.
//! The key of the blind index comes from the master key and never changes.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::{hkdf, hmac};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::codec::corrupt;
use super::tables::Tab;
use super::{OpenError, StoreError, files};
use crate::model::{Secret, Timestamp};
use crate::random::Random;

const VERSION: u8 = 1;
/// Version, epoch, nonce.
const HEAD: usize = 1 + 4 + NONCE_LEN;

/// Something that only a wrong key or a changed file explains.
#[derive(Debug)]
pub(super) struct Unreadable;

/// All keys of one moment; replaced as a whole when an epoch begins or ends.
#[derive(Clone)]
pub(super) struct Keyring {
    wrap: LessSafeKey,
    blind: hmac::Key,
    epochs: BTreeMap<u32, Epoch>,
}

#[derive(Clone)]
struct Epoch {
    opened_at: Timestamp,
    key: LessSafeKey,
    /// As in the file.
    wrapped: String,
}

#[derive(Serialize, Deserialize)]
struct EpochFile {
    version: u8,
    epochs: Vec<EpochRow>,
}

#[derive(Serialize, Deserialize)]
struct EpochRow {
    id: u32,
    opened_at: Timestamp,
    wrapped: String,
}

impl Keyring {
    /// A keyring without an epoch.
    pub(super) fn of_master(master: &Secret) -> Result<Self, Unreadable> {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"fenicia store 1").extract(master.expose().as_bytes());
        let derive = |name: &[u8]| {
            let mut key = Zeroizing::new([0; 32]);
            let info = [name];
            let okm = prk.expand(&info, hkdf::HKDF_SHA256).map_err(|_| Unreadable)?;
            okm.fill(key.as_mut()).map_err(|_| Unreadable)?;
            Ok(key)
        };
        Ok(Self {
            wrap: sealing_key(derive(b"wrap")?.as_ref())?,
            blind: hmac::Key::new(hmac::HMAC_SHA256, derive(b"blind")?.as_ref()),
            epochs: BTreeMap::new(),
        })
    }

    /// The epochs of a file's text under this master key.
    pub(super) fn read(master: &Secret, text: &str) -> Result<Self, Unreadable> {
        let mut ring = Self::of_master(master)?;
        let file: EpochFile = serde_json::from_str(text).map_err(|_| Unreadable)?;
        if file.version != VERSION || file.epochs.is_empty() {
            return Err(Unreadable);
        }
        for row in file.epochs {
            let key = ring.unwrap(row.id, &row.wrapped)?;
            ring.epochs.insert(row.id, Epoch { opened_at: row.opened_at, key, wrapped: row.wrapped });
        }
        Ok(ring)
    }

    /// The text of the file: wrapped keys only.
    pub(super) fn to_text(&self) -> String {
        let row = |(id, epoch): (&u32, &Epoch)| EpochRow {
            id: *id,
            opened_at: epoch.opened_at,
            wrapped: epoch.wrapped.clone(),
        };
        let file = EpochFile { version: VERSION, epochs: self.epochs.iter().map(row).collect() };
        serde_json::to_string(&file).unwrap_or_default()
    }

    pub(super) fn save(&self, dir: &Path) -> std::io::Result<()> {
        files::replace(&dir.join(files::EPOCHS), self.to_text().as_bytes())
    }

    /// This keyring with one epoch more, in use from now on. Nothing may be sealed under it before
    /// it is saved.
    pub(super) fn with_new_epoch(&self, random: &Random, now: Timestamp) -> Result<Self, Unreadable> {
        let id = self.current().map_or(1, |id| id + 1);
        let bytes = Zeroizing::new(random.bytes::<32>());
        let mut sealed = bytes.to_vec();
        let nonce = random.bytes::<NONCE_LEN>();
        self.wrap
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(aad_of_epoch(id)),
                &mut sealed,
            )
            .map_err(|_| Unreadable)?;
        let wrapped = STANDARD.encode([nonce.as_slice(), &sealed].concat());
        let mut ring = self.clone();
        ring.epochs.insert(id, Epoch { opened_at: now, key: sealing_key(bytes.as_ref())?, wrapped });
        Ok(ring)
    }

    /// This keyring without the epochs before `first`: what was sealed under them is gone.
    pub(super) fn without_before(&self, first: u32) -> Self {
        let mut ring = self.clone();
        ring.epochs.retain(|id, _| *id >= first);
        ring
    }

    pub(super) fn current(&self) -> Option<u32> {
        self.epochs.last_key_value().map(|(id, _)| *id)
    }

    pub(super) fn has_old(&self) -> bool {
        self.epochs.len() > 1
    }

    /// When the epoch in use began.
    pub(super) fn opened_at(&self) -> Timestamp {
        self.epochs.last_key_value().map_or(Timestamp::EPOCH, |(_, epoch)| epoch.opened_at)
    }

    fn unwrap(&self, id: u32, wrapped: &str) -> Result<LessSafeKey, Unreadable> {
        let bytes = STANDARD.decode(wrapped).map_err(|_| Unreadable)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(Unreadable)?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let key = self
            .wrap
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad_of_epoch(id)), &mut sealed)
            .map_err(|_| Unreadable)?;
        sealing_key(key)
    }

    /// Seals `plain` for exactly this row: elsewhere it does not open.
    pub(super) fn seal(
        &self,
        tab: Tab,
        key: &[u8],
        plain: &[u8],
        random: &Random,
    ) -> Result<Vec<u8>, StoreError> {
        let fault = || corrupt(tab, key, "it cannot be sealed");
        let (id, epoch) = self.epochs.last_key_value().ok_or_else(fault)?;
        let nonce = random.bytes::<NONCE_LEN>();
        let mut sealed = Vec::with_capacity(HEAD + plain.len() + CHACHA20_POLY1305.tag_len());
        sealed.push(VERSION);
        sealed.extend(id.to_be_bytes());
        sealed.extend(nonce);
        sealed.extend(plain);
        let tag = epoch
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(aad(tab, key)),
                &mut sealed[HEAD..],
            )
            .map_err(|_| fault())?;
        sealed.extend(tag.as_ref());
        Ok(sealed)
    }

    pub(super) fn open(&self, tab: Tab, key: &[u8], sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let fault = |what| corrupt(tab, key, what);
        let Some((head, body)) = sealed.split_first_chunk::<HEAD>() else {
            return Err(fault("it is too short"));
        };
        let [version, id @ .., _, _, _, _, _, _, _, _, _, _, _, _] = *head;
        if version != VERSION {
            return Err(fault("its version is unknown"));
        }
        let epoch = self
            .epochs
            .get(&u32::from_be_bytes(id))
            .ok_or_else(|| fault("the key it was sealed with was dropped"))?;
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&head[5..]);
        let mut body = body.to_vec();
        let plain = epoch
            .key
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(aad(tab, key)), &mut body)
            .map_err(|_| fault("it was changed, or sealed with another key"))?
            .len();
        body.truncate(plain);
        Ok(body)
    }

    /// Whether a sealed row is not under the epoch in use.
    pub(super) fn is_old(&self, sealed: &[u8]) -> bool {
        epoch_of(sealed) != self.current()
    }

    /// The stable hash of a personal term. `tag` keeps names, addresses and numbers apart.
    pub(super) fn blind(&self, tag: u8, term: &str) -> [u8; 16] {
        let mut context = hmac::Context::with_key(&self.blind);
        context.update(&[tag]);
        context.update(term.as_bytes());
        let mut short = [0; 16];
        short.copy_from_slice(&context.sign().as_ref()[..16]);
        short
    }
}

fn sealing_key(bytes: &[u8]) -> Result<LessSafeKey, Unreadable> {
    UnboundKey::new(&CHACHA20_POLY1305, bytes).map(LessSafeKey::new).map_err(|_| Unreadable)
}

fn aad(tab: Tab, key: &[u8]) -> Vec<u8> {
    [tab.name().as_bytes(), b"\0", key].concat()
}

fn aad_of_epoch(id: u32) -> Vec<u8> {
    [b"epoch\0".as_slice(), &id.to_be_bytes()].concat()
}

fn epoch_of(sealed: &[u8]) -> Option<u32> {
    let (_, rest) = sealed.split_first()?;
    rest.first_chunk().map(|id| u32::from_be_bytes(*id))
}

/// The keys of a store that was just opened: read, or made for a fresh one.
pub(super) fn unlock(
    dir: &Path,
    given: Option<&Secret>,
    fresh: bool,
    random: &Random,
    now: Timestamp,
) -> Result<Keyring, OpenError> {
    let folder = |source| OpenError::Folder { dir: dir.display().to_string(), source };
    let wrong = |_| OpenError::WrongKey { dir: dir.display().to_string() };
    let master = master_key(dir, given, fresh, random)?;
    match files::read(&dir.join(files::EPOCHS)).map_err(folder)? {
        Some(text) => Keyring::read(&master, &text).map_err(wrong),
        None if fresh => {
            let ring =
                Keyring::of_master(&master).and_then(|r| r.with_new_epoch(random, now)).map_err(wrong)?;
            ring.save(dir).map_err(folder)?;
            Ok(ring)
        }
        None => Err(OpenError::Damaged {
            dir: dir.display().to_string(),
            what: format!("{}, which holds the sealing keys, is missing", files::EPOCHS),
        }),
    }
}

/// The key from the config, else from the key file; the file is made for a fresh store only.
pub(super) fn master_key(
    dir: &Path,
    given: Option<&Secret>,
    fresh: bool,
    random: &Random,
) -> Result<Secret, OpenError> {
    let folder = |source| OpenError::Folder { dir: dir.display().to_string(), source };
    if let Some(key) = given {
        return if key.expose().len() < 16 { Err(OpenError::WeakKey) } else { Ok(key.clone()) };
    }
    let path = dir.join(files::KEY);
    if let Some(text) = files::read(&path).map_err(folder)? {
        return Ok(Secret::new(text.trim()));
    }
    if !fresh {
        return Err(OpenError::WrongKey { dir: dir.display().to_string() });
    }
    let key = Secret::new(random.token(32));
    files::replace(&path, format!("{}\n", key.expose()).as_bytes()).map_err(folder)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(master: &str) -> Keyring {
        Keyring::of_master(&Secret::new(master))
            .and_then(|r| r.with_new_epoch(&Random::seeded(master.len() as u64), Timestamp::EPOCH))
            .expect("keys")
    }

    #[test]
    fn a_sealed_row_opens_in_its_own_place_only() {
        let keys = ring("a master key");
        let sealed = keys.seal(Tab::Persons, b"row", b"Ana", &Random::seeded(2)).expect("seal");
        assert!(!sealed.windows(3).any(|w| w == b"Ana"));
        assert_eq!(keys.open(Tab::Persons, b"row", &sealed).expect("open").as_slice(), b"Ana");
        assert!(keys.open(Tab::Persons, b"other", &sealed).is_err());
        assert!(keys.open(Tab::Tokens, b"row", &sealed).is_err());
        assert!(ring("another key").open(Tab::Persons, b"row", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[at] ^= 1;
            assert!(keys.open(Tab::Persons, b"row", &bad).is_err(), "byte {at}");
        }
    }

    #[test]
    fn the_file_opens_with_its_master_key_only() {
        let keys = ring("a master key");
        let text = keys.to_text();
        let sealed = keys.seal(Tab::Tokens, b"row", b"token", &Random::seeded(2)).expect("seal");
        let again = Keyring::read(&Secret::new("a master key"), &text).expect("the same key");
        assert_eq!(again.open(Tab::Tokens, b"row", &sealed).expect("open").as_slice(), b"token");
        assert_eq!(again.blind(b'n', "ana"), keys.blind(b'n', "ana"));
        assert!(Keyring::read(&Secret::new("a wrong key"), &text).is_err());
    }

    #[test]
    fn a_dropped_epoch_cannot_be_read_any_more() {
        let old = ring("a master key");
        let sealed = old.seal(Tab::Persons, b"row", b"Ana", &Random::seeded(2)).expect("seal");
        let both = old.with_new_epoch(&Random::seeded(3), Timestamp::EPOCH).expect("keys");
        assert!(both.is_old(&sealed) && both.open(Tab::Persons, b"row", &sealed).is_ok());
        let new = both.without_before(2);
        assert!(!new.has_old());
        let error = new.open(Tab::Persons, b"row", &sealed).expect_err("gone");
        assert!(error.to_string().contains("dropped"), "{error}");
    }
}
