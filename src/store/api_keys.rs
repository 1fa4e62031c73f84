//! API keys: the secret is shown once and stored as its hash.

use std::sync::PoisonError;

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::rows::{GO_ON, Rows, Span};
use super::tables::Tab;
use super::txn::Txn;
use super::{ApiKey, Store, StoreError, codec, keys};
use crate::model::{Role, Timestamp};

/// Secrets begin with this, so that scanners of leaked secrets can know them.
const PREFIX: &str = "fen_";

/// A row of `api_keys`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeyRow {
    pub(super) key: ApiKey,
    pub(super) hash: Vec<u8>,
}

impl Store {
    /// The key with this secret; its use is noted. Constant time over the hash. Tables `key_hashes`,
    /// `api_keys`.
    pub fn authenticate(&self, secret: &str) -> Result<Option<ApiKey>, StoreError> {
        let hash = hash(secret);
        let rows = self.snapshot()?;
        let Some(id) = rows.get(Tab::KeyHashes, &hash)? else { return Ok(None) };
        let found = rows.record::<KeyRow>(Tab::ApiKeys, &id)?;
        let Some(found) = found.filter(|row| bool::from(row.hash.ct_eq(&hash))) else { return Ok(None) };
        let now = self.shared.clock.now();
        self.shared
            .last_used
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(found.key.id.clone(), now);
        Ok(Some(ApiKey { last_used_at: Some(now), ..found.key }))
    }

    /// Whether there is such a key. Table `api_keys`.
    pub fn has_api_key(&self, id: &str) -> Result<bool, StoreError> {
        self.snapshot()?.has(Tab::ApiKeys, &row(id))
    }

    /// All keys, oldest first. Table `api_keys`.
    pub fn api_keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        let rows = self.snapshot()?;
        let used = self.shared.last_used.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut found = Vec::new();
        rows.walk(Tab::ApiKeys, &Span::all(), &mut |key, bytes| {
            let row: KeyRow = codec::decode(Tab::ApiKeys, key, bytes)?;
            let last_used_at = row.key.last_used_at.max(used.get(&row.key.id).copied());
            found.push(ApiKey { last_used_at, ..row.key });
            GO_ON
        })?;
        found.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        Ok(found)
    }
}

fn hash(secret: &str) -> Vec<u8> {
    digest(&SHA256, secret.as_bytes()).as_ref().to_vec()
}

fn row(id: &str) -> Vec<u8> {
    keys::Key::new().text(id).done()
}

/// A new key and its secret.
pub(super) fn create(
    tx: &mut Txn<'_>,
    name: String,
    role: Role,
    now: Timestamp,
) -> Result<(ApiKey, String), StoreError> {
    let secret = format!("{PREFIX}{}", tx.random().token(32));
    let key = ApiKey { id: tx.uuid(now).to_string(), name, role, created_at: now, last_used_at: None };
    let hash = hash(&secret);
    tx.put_bytes(Tab::KeyHashes, hash.clone(), &row(&key.id))?;
    tx.put(Tab::ApiKeys, row(&key.id), &KeyRow { key: key.clone(), hash })?;
    Ok((key, secret))
}

/// Answers whether there was such a key.
pub(super) fn revoke(tx: &mut Txn<'_>, id: &str) -> Result<bool, StoreError> {
    let Some(known) = tx.take::<KeyRow>(Tab::ApiKeys, &row(id))? else { return Ok(false) };
    tx.remove(Tab::KeyHashes, &known.hash)?;
    Ok(true)
}

/// Writes down when keys were used.
pub(super) fn note_uses(tx: &mut Txn<'_>, used: &[(String, Timestamp)]) -> Result<(), StoreError> {
    for (id, at) in used {
        if let Some(mut known) = tx.record::<KeyRow>(Tab::ApiKeys, &row(id))?
            && known.key.last_used_at < Some(*at)
        {
            known.key.last_used_at = Some(*at);
            tx.put(Tab::ApiKeys, row(id), &known)?;
        }
    }
    Ok(())
}
