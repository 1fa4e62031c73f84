//! What the merchant configures, and a connection made of it.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Amazon;
use super::api::{self, Api};
use super::auth::{Asking, Credentials};
use super::outbound::Confirmed;
use super::region::{REGION_NAMES, Region, TOKEN_HOST};
use super::told::LedgerRead;
use crate::channel::{Channel, Env, Key, KeyFault, Kind, Method, Retention, Settings, Shape};
use crate::model::Secret;
use crate::net::Wire;

const DAY: Duration = Duration::from_hours(24);

pub const KIND: Kind = Kind {
    name: "amazon",
    title: "Amazon",
    tile: "Az",
    keys: &[
        Key {
            name: "region",
            shape: Shape::Choice(REGION_NAMES),
            required: true,
            default: None,
            help: "na: US, CA, MX, BR · eu: Europe, the Middle East, India, ZA · fe: JP, AU, SG",
        },
        Key {
            name: "marketplace_ids",
            shape: Shape::TextList,
            required: true,
            default: None,
            help: "marketplaces of the region, such as [\"ATVPDKIKX0DER\"] for the US",
        },
        Key {
            name: "seller_id",
            shape: Shape::Text,
            required: true,
            default: None,
            help: "the merchant token, in Seller Central under Account Info",
        },
        Key {
            name: "client_id",
            shape: Shape::Text,
            required: true,
            default: None,
            help: "of the application, amzn1.application-oa2-client…",
        },
        Key {
            name: "client_secret",
            shape: Shape::Secret,
            required: true,
            default: None,
            help: "of the application; Amazon wants a new one every 180 days",
        },
        Key {
            name: "refresh_token",
            shape: Shape::Secret,
            required: false,
            default: None,
            help: "shown once by \"Authorize app\" in Seller Central, Atzr|…; or give application_id and consent",
        },
        Key {
            name: "application_id",
            shape: Shape::Text,
            required: false,
            default: None,
            help: "of the application, amzn1.sp.solution…: lets `fenicia connect` ask the seller in the browser",
        },
    ],
    method: Method::Polling,
    schedule: "*/15 * * * *",
    // Amazon's data protection policy: 30 days after delivery. Orders that Amazon sends itself are
    // never reported delivered.
    retention: Some(Retention {
        after_delivery: DAY.saturating_mul(30),
        after_last_change: DAY.saturating_mul(90),
    }),
    build,
};

fn build(settings: &Settings, env: &Env) -> Result<Arc<dyn Channel>, Vec<KeyFault>> {
    Ok(Arc::new(assemble(settings, env)?))
}

pub(super) fn assemble(settings: &Settings, env: &Env) -> Result<Amazon, Vec<KeyFault>> {
    let (region, marketplaces, credentials) = check(settings)?;
    let wire = Wire::new(
        env.http.clone(),
        env.clock.clone(),
        env.random.clone(),
        settings.id.clone(),
        settings.request_timeout,
        &api::limits(),
    );
    Ok(Amazon {
        api: Api::new(wire, settings, region.host, env),
        region,
        marketplaces,
        seller_id: settings.text("seller_id").to_owned(),
        credentials,
        told: Mutex::default(),
        ledger_read: LedgerRead::default(),
        addresses_missing: AtomicBool::new(false),
        confirmed: Confirmed::default(),
        feeds: Mutex::default(),
    })
}

/// Reads the settings; every fault at once.
fn check(settings: &Settings) -> Result<(Region, Vec<String>, Credentials), Vec<KeyFault>> {
    let mut faults = Vec::new();
    let marketplaces = settings.list("marketplace_ids").to_vec();
    let region = Region::named(settings.text("region"));
    match region {
        Some(region) => faults.extend(marketplaces.iter().filter_map(|id| region.fault(id))),
        None => faults.push(KeyFault {
            key: "region",
            what: "Amazon has no such region".to_owned(),
            cure: format!("write one of: {}", REGION_NAMES.join(", ")),
        }),
    }
    if marketplaces.is_empty() {
        faults.push(KeyFault {
            key: "marketplace_ids",
            what: "no marketplace is named".to_owned(),
            cure: region.map_or_else(
                || "name at least one".to_owned(),
                |region| format!("name at least one of: {}", region.choices()),
            ),
        });
    }
    for key in ["seller_id", "client_id"] {
        let text = settings.text(key);
        if text.is_empty() || text.contains(char::is_whitespace) {
            faults.push(KeyFault {
                key,
                what: "is empty or has a space in it".to_owned(),
                cure: "copy it from Seller Central as it stands there".to_owned(),
            });
        }
    }
    let secret = |key: &str| settings.secret(key).filter(|secret| !secret.is_empty()).cloned();
    let application_id = Some(settings.text("application_id")).filter(|id| !id.is_empty());
    let copy = "copy it from Seller Central, best as { env = \"NAME\" } or { credential = \"NAME\" }";
    if secret("client_secret").is_none() {
        faults.push(KeyFault { key: "client_secret", what: "is empty".to_owned(), cure: copy.to_owned() });
    }
    if secret("refresh_token").is_none() && application_id.is_none() {
        faults.push(KeyFault {
            key: "refresh_token",
            what: "is missing or empty".to_owned(),
            cure: format!("{copy}; or set application_id and run fenicia connect {}", settings.id),
        });
    }
    match (region, faults.is_empty()) {
        (Some(region), true) => {
            let central = region.seller_central(marketplaces.first().map_or("", String::as_str));
            let credentials = Credentials {
                origin: settings.origin(TOKEN_HOST),
                client_id: settings.text("client_id").to_owned(),
                client_secret: secret("client_secret").unwrap_or_else(|| Secret::new("")),
                consent: application_id
                    .map(|id| Asking { origin: settings.origin(&central), application_id: id.to_owned() }),
                refresh_token: secret("refresh_token"),
            };
            Ok((region, marketplaces, credentials))
        }
        _ => Err(faults),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Value as Setting;
    use crate::channel::amazon::stand::settings;

    #[test]
    fn every_fault_of_the_settings_is_told_at_once() {
        let mut settings = settings("http://127.0.0.1:1");
        settings
            .values
            .insert("marketplace_ids".to_owned(), Setting::TextList(vec!["A1PA6795UKMFR9".to_owned()]));
        settings.values.insert("seller_id".to_owned(), Setting::Text(String::new()));
        settings.values.remove("refresh_token");
        let Err(faults) = check(&settings) else { panic!("faults") };
        let keys: Vec<&str> = faults.iter().map(|fault| fault.key).collect();
        assert_eq!(keys, ["marketplace_ids", "seller_id", "refresh_token"]);
    }

    #[test]
    fn an_unknown_region_is_told() {
        let mut settings = settings("http://127.0.0.1:1");
        settings.values.insert("region".to_owned(), Setting::Text("mx".to_owned()));
        let Err(faults) = check(&settings) else { panic!("faults") };
        assert_eq!(faults[0].key, "region");
    }
}
