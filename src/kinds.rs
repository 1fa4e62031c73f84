//! The marketplaces that fenicia knows.

use crate::channel::{Kind, amazon, mercadolibre, shopify};

/// One line per marketplace.
pub const KINDS: &[&Kind] = &[&shopify::KIND, &amazon::KIND, &mercadolibre::KIND];
