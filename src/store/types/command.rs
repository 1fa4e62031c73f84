//! What people ask for.

use serde::{Deserialize, Serialize};

use super::access::ApiKey;
use super::error::StoreError;
use crate::model::{ActionId, ActionRequest, ChannelId, Failure, Memo, OrderKey, Role, SyncId, Timestamp};

/// Who asked for a command, and under which idempotency key.
#[derive(Clone, Debug)]
pub struct Asked {
    /// User or key name.
    pub by: String,
    /// Caller-scoped key and the hash of the request it belongs to.
    pub key: Option<(String, [u8; 32])>,
}

/// Something that an operator asks for.
#[derive(Clone, Debug)]
pub enum Command {
    SyncOrder(OrderKey),
    SyncChannel {
        channel: ChannelId,
        since: Timestamp,
    },
    StopSync(SyncId),
    /// Checked against the stored order by the caller; memo as prepared.
    Act {
        order: OrderKey,
        request: ActionRequest,
        memo: Memo,
    },
    Retry(String),
    RetryAll {
        channel: Option<ChannelId>,
    },
    Dismiss(String),
    ReadNotification(String),
    CreateKey {
        name: String,
        role: Role,
    },
    RevokeKey(String),
}

/// Stored with the idempotency key, so it holds no secret: a repeated `CreateKey` answers the key
/// without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandAnswer {
    Sync(SyncId),
    Action(ActionId),
    /// How many were put back to work.
    Retried(u64),
    Key {
        key: ApiKey,
        secret: Option<String>,
    },
    Done,
}

#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("this idempotency key was used for another request")]
    KeyReused,
    #[error("no such {0}")]
    NotFound(&'static str),
    /// A bulk sync of the channel is under way.
    #[error("a sync of this channel is running")]
    Running(SyncId),
    #[error("{0}")]
    Conflict(String),
}

/// What became of an attempt at an action.
#[derive(Clone, Debug)]
pub enum ActionResult {
    /// `shown`: by the order as it is stored; else it is read again a little later.
    Done {
        shown: bool,
    },
    /// Taken by the channel, look again then. The memo takes the place of the stored one.
    Submitted {
        memo: Memo,
        look_at: Timestamp,
    },
    /// Certainly no effect; tried again then.
    Later {
        failure: Failure,
        at: Timestamp,
    },
    /// Sent, effect not known yet: look again then. The memo takes the place of the stored one.
    Doubtful {
        failure: Failure,
        memo: Memo,
        look_at: Timestamp,
    },
    Failed {
        failure: Failure,
    },
    Unknown {
        failure: Failure,
    },
}
