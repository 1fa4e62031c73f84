//! What the merchant configures.

use std::sync::{Arc, Mutex};

use super::api::Api;
use super::auth::Application;
use super::connector::MercadoLibre;
use super::listing::{Listing, Missed};
use super::names::Names;
use super::site::{SITE_IDS, SITES, Site};
use crate::channel::{Channel, Env, Key, KeyFault, Kind, Method, Settings, Shape};

pub const KIND: Kind = Kind {
    name: "mercadolibre",
    title: "Mercado Libre",
    tile: "ML",
    keys: KEYS,
    method: Method::WebhooksAndPolling,
    schedule: "*/15 * * * *",
    retention: None,
    build,
};

const KEYS: &[Key] = &[
    Key {
        name: "site",
        shape: Shape::Choice(SITE_IDS),
        required: true,
        default: None,
        help: "the country of the seller's account: MLA Argentina, MLB Brazil, MLM Mexico, MLC Chile, MCO \
               Colombia, MLU Uruguay, MPE Peru",
    },
    Key {
        name: "user_id",
        shape: Shape::Text,
        required: true,
        default: None,
        help: "the seller's number, as GET /users/me tells it",
    },
    Key {
        name: "client_id",
        shape: Shape::Text,
        required: true,
        default: None,
        help: "the application's number, from the DevCenter",
    },
    Key {
        name: "client_secret",
        shape: Shape::Secret,
        required: true,
        default: None,
        help: "the application's secret key, from the DevCenter",
    },
    Key {
        name: "refresh_token",
        shape: Shape::Secret,
        required: false,
        default: None,
        help: "the first one (TG-...); each renewal brings the next, which is kept in the store. Not needed \
               when the channel is connected with `fenicia connect`",
    },
    Key {
        name: "webhook_path_secret",
        shape: Shape::Secret,
        required: false,
        default: None,
        help: "a word that nobody guesses, the last part of the callback's address: \
               /webhooks/CHANNEL/WORD. Mercado Libre signs nothing, so this keeps strangers out",
    },
];

fn build(settings: &Settings, env: &Env) -> Result<Arc<dyn Channel>, Vec<KeyFault>> {
    let mut faults = Vec::new();
    let mut number = |key: &'static str, example: &str| {
        let digits = settings.text(key);
        digits.parse::<u64>().unwrap_or_else(|_| {
            faults.push(KeyFault {
                key,
                what: "is not a number".to_owned(),
                cure: format!("Write digits only, such as \"{example}\""),
            });
            0
        })
    };
    let user_id = number("user_id", "468424240");
    let client_id = number("client_id", "5503910054141466");
    let site = Site::find(settings.text("site"));
    if site.is_none() {
        faults.push(KeyFault {
            key: "site",
            what: "is not a country that fenicia knows".to_owned(),
            cure: format!("Write one of {}", SITE_IDS.join(", ")),
        });
    }
    if settings.secret("client_secret").is_none_or(crate::model::Secret::is_empty) {
        faults.push(KeyFault {
            key: "client_secret",
            what: "is empty".to_owned(),
            cure: "Write the secret key of the application, from the DevCenter".to_owned(),
        });
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Arc::new(MercadoLibre {
        api: Api::new(settings, env, user_id),
        channel: settings.id.to_string(),
        base_url: settings.base_url.clone(),
        site: site.unwrap_or(&SITES[0]),
        user_id,
        application: Application {
            client_id,
            client_secret: settings
                .secret("client_secret")
                .cloned()
                .unwrap_or_else(|| crate::model::Secret::new("")),
            refresh_token: settings.secret("refresh_token").filter(|token| !token.is_empty()).cloned(),
        },
        path_secret: settings.secret("webhook_path_secret").filter(|secret| !secret.is_empty()).cloned(),
        names: Names::default(),
        polled: Mutex::new(Listing::new()),
        bulk: Mutex::new(Listing::new()),
        missed: Mutex::new(Missed::new()),
    }))
}
