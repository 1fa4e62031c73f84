//! Who may come in.

use serde::{Deserialize, Serialize};

use crate::model::{Role, Timestamp};

/// Somebody who is signed in to the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Unique per user and per key.
    pub caller: String,
    pub name: String,
    pub role: Role,
    /// A mark of what it stands on: over as soon as that is another, or gone.
    pub ground: [u8; 32],
    pub began_at: Timestamp,
    /// Not written at each use.
    pub seen_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    pub id: String,
    pub name: String,
    pub role: Role,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
}
