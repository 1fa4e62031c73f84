//! The marketplaces that fenicia knows.

use crate::channel::{Kind, amazon, mercadolibre, shopify, tiktok_shop, walmart};

/// One line per marketplace.
pub const KINDS: &[&Kind] =
    &[&shopify::KIND, &amazon::KIND, &mercadolibre::KIND, &walmart::KIND, &tiktok_shop::KIND];
