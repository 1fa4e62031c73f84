//! Why something of the store cannot be done.

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("another fenicia has the data folder {dir} open: stop it first, or choose another folder")]
    InUse { dir: String },
    #[error("cannot use the data folder {dir}: {source}. Create it and make it writable for this user")]
    Folder { dir: String, source: std::io::Error },
    #[error(
        "the store in {dir} was written by a newer fenicia (format {found}, this one knows {known}): install that version again"
    )]
    Newer { dir: String, found: u32, known: u32 },
    #[error(
        "the key does not open the store in {dir}: restore the key file, or the key that the config named, from your backup"
    )]
    WrongKey { dir: String },
    #[error("the key that the config names is too short: use at least 16 characters, better 32 random ones")]
    WeakKey,
    #[error("the disk has {free_bytes} bytes free, 64 MiB are needed: free some space first")]
    DiskFull { free_bytes: u64 },
    #[error("the store in {dir} is damaged: {what}. Restore the newest backup with `fenicia restore`")]
    Damaged { dir: String, what: String },
}

/// Why a backup cannot be put back or checked.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("{file} is not a backup of fenicia: {what}. Name a file that `fenicia backup` made")]
    NotABackup { file: String, what: String },
    #[error("the data folder {dir} holds a store already: choose another folder, or replace the store")]
    NotEmpty { dir: String },
}

/// Why an operation was not done. None of them leaves half of it behind.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The queue stayed full for a second, or the channel's backlog is over its bound.
    #[error("too much is waiting to be written")]
    Busy,
    #[error("the disk is nearly full")]
    DiskFull,
    /// The store is closing, or failed and the process is about to end.
    #[error("the store is closed")]
    Closed,
    #[error("a stored record cannot be read: {0}")]
    Corrupt(String),
    #[error("no such {0}")]
    NotFound(&'static str),
}
