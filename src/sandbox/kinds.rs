//! The marketplaces that the sandbox can play.

use std::sync::Arc;

use super::amazon::Amazon;
use super::kit::Kit;
use super::mercadolibre::MercadoLibre;
use super::shopify::Shopify;
use super::stand::Stand;
use super::tiktok_shop::TikTokShop;
use super::walmart::Walmart;

/// One marketplace and how to set up its stand.
#[derive(Clone, Copy)]
pub struct Kind {
    /// The word after `kind =` in the config file.
    pub name: &'static str,
    pub open: fn(Kit) -> Arc<dyn Stand>,
}

/// In the order in which `fenicia demo` shows them.
pub const KINDS: &[Kind] = &[
    Kind { name: "shopify", open: Shopify::open },
    Kind { name: "amazon", open: Amazon::open },
    Kind { name: "mercadolibre", open: MercadoLibre::open },
    Kind { name: "walmart", open: Walmart::open },
    Kind { name: "tiktok_shop", open: TikTokShop::open },
];

/// The stand of a kind with its default settings. `None`: the sandbox does not play it.
pub fn open(name: &str, kit: Kit) -> Option<Arc<dyn Stand>> {
    KINDS.iter().find(|kind| kind.name == name).map(|kind| (kind.open)(kit))
}
