//! The marketplaces that fenicia knows.

use crate::channel::{Kind, amazon};

/// One line per marketplace.
pub const KINDS: &[&Kind] = &[&amazon::KIND];
