//! The first API key: made at the first start and written where only the owner reads it.

use std::path::Path;

use super::daemon::StartError;
use super::files::{PRIVATE, write_atomically};
use crate::model::{Role, Timestamp};
use crate::store::{Asked, Command, CommandAnswer, Store};

pub const FILE: &str = "admin.key";
const NAME: &str = "admin";

/// Makes the key when the store has none, or when the file was lost before anybody used the key.
pub async fn ensure(store: &Store, folder: &Path, now: Timestamp) -> Result<(), StartError> {
    let path = folder.join(FILE);
    let keys = store.api_keys()?;
    let unread: Vec<String> = keys
        .iter()
        .filter(|key| key.name == NAME && key.last_used_at.is_none())
        .map(|key| key.id.clone())
        .collect();
    if path.exists() || (!keys.is_empty() && unread.is_empty()) {
        return Ok(());
    }
    for id in unread {
        store.command(Command::RevokeKey(id), asked(), now).await?;
    }
    let create = Command::CreateKey { name: NAME.to_owned(), role: Role::Admin };
    if let CommandAnswer::Key { secret: Some(secret), .. } = store.command(create, asked(), now).await? {
        write_atomically(&path, format!("{secret}\n").as_bytes(), PRIVATE)
            .map_err(|source| StartError::File { path: path.display().to_string(), source })?;
        tracing::info!(path = %path.display(), "admin key written");
    }
    Ok(())
}

fn asked() -> Asked {
    Asked { by: "fenicia".to_owned(), key: None }
}
