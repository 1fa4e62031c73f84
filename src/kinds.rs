//! The marketplaces that fenicia knows: how it speaks with each, and how the sandbox plays it.

use std::sync::Arc;

use crate::channel::{self, Kind};
use crate::sandbox::{self, Kit, Stand};

/// From one list: the connectors, and under the same names the stands that play their marketplaces.
macro_rules! marketplaces {
    ($($folder:ident played by $stand:ident,)*) => {
        pub const KINDS: &[&Kind] = &[$(&channel::$folder::KIND),*];
        const STANDS: &[fn(Kit) -> Arc<dyn Stand>] = &[$(sandbox::$folder::$stand::open),*];
    };
}

// In the order in which `fenicia demo` shows them.
marketplaces! {
    shopify played by Shopify,
    amazon played by Amazon,
    mercadolibre played by MercadoLibre,
    walmart played by Walmart,
    tiktok_shop played by TikTokShop,
}

/// The stand that plays the marketplace of this name, with its default settings. `None`: there is none.
pub fn stand(name: &str, kit: Kit) -> Option<Arc<dyn Stand>> {
    let at = KINDS.iter().position(|kind| kind.name == name)?;
    STANDS.get(at).map(|open| open(kit))
}
