//! Erasures, backups and sizes.

use serde::Serialize;

use crate::model::{ChannelId, OrderKey};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EraseWho {
    Orders(Vec<OrderKey>),
    Email(String),
    Channel(ChannelId),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Erased {
    pub orders: Vec<OrderKey>,
    /// The sealing keys under which the erased data was kept are gone from disk.
    pub keys_dropped: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BackupReport {
    pub orders: u64,
    pub bytes: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    pub file_bytes: u64,
    pub stored_bytes: u64,
    pub free_bytes: u64,
}
