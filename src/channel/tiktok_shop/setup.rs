//! What the merchant configures.

use std::sync::Arc;

use super::api::Api;
use super::connector::TikTokShop;
use super::fetch::Reader;
use super::sign::Signer;
use crate::channel::{Channel, Env, Key, KeyFault, Kind, Method, Settings, Shape};
use crate::model::Secret;

pub const KIND: Kind = Kind {
    name: "tiktok_shop",
    title: "TikTok Shop",
    tile: "TT",
    keys: KEYS,
    method: Method::WebhooksAndPolling,
    schedule: "0 * * * *",
    retention: None,
    build,
};

const KEYS: &[Key] = &[
    Key {
        name: "app_key",
        shape: Shape::Text,
        required: true,
        default: None,
        help: "the key of your custom app, from Partner Center",
    },
    Key {
        name: "app_secret",
        shape: Shape::Secret,
        required: true,
        default: None,
        help: "the secret of the app, from Partner Center; it signs calls and proves notifications",
    },
    Key {
        name: "shop_id",
        shape: Shape::Text,
        required: true,
        default: None,
        help: "the shop's number, as the list of authorized shops names it",
    },
    Key {
        name: "shop_cipher",
        shape: Shape::Text,
        required: false,
        default: None,
        help: "the shop's cipher, from the same list; asked for when it is left out",
    },
    Key {
        name: "refresh_token",
        shape: Shape::Secret,
        required: false,
        default: None,
        help: "the first one; each renewal brings the next, which is kept in the store. Not needed when the \
               channel is connected with `fenicia connect`",
    },
];

fn build(settings: &Settings, env: &Env) -> Result<Arc<dyn Channel>, Vec<KeyFault>> {
    let channel = assemble(settings, env)?;
    Ok(Arc::new(channel))
}

pub fn assemble(settings: &Settings, env: &Env) -> Result<TikTokShop, Vec<KeyFault>> {
    let mut faults = Vec::new();
    let mut fault = |key: &'static str, what: &str, cure: &str| {
        faults.push(KeyFault { key, what: what.to_owned(), cure: cure.to_owned() });
    };
    let app_key = settings.text("app_key").trim();
    if !is_one_word(app_key) {
        fault("app_key", "is not an app key", "Write the letters and digits that Partner Center shows");
    }
    let secret = settings.secret("app_secret").filter(|secret| !secret.is_empty());
    if secret.is_none() {
        fault("app_secret", "is empty", "Write the app's secret, from Partner Center");
    }
    if !is_one_word(settings.text("shop_id").trim()) {
        fault("shop_id", "is not a shop's number", "Write its digits, such as \"7495000000000000001\"");
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let secret = secret.cloned().unwrap_or_else(|| Secret::new(""));
    Ok(TikTokShop {
        api: Api::new(settings, env, Signer::new(app_key, &secret)),
        refresh_token: settings.secret("refresh_token").filter(|token| !token.is_empty()).cloned(),
        reader: Reader::default(),
    })
}

fn is_one_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}
