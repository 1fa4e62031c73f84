//! The channel's table in the config file, read into values that cannot be wrong.

use crate::channel::{Key, KeyFault, Settings, Shape};
use crate::model::Secret;

/// Newest stable version; the config may name another.
const DEFAULT_VERSION: &str = "2026-10";

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "shop",
        shape: Shape::Text,
        required: true,
        default: None,
        help: "the shop's permanent name, such as tienda.myshopify.com",
    },
    Key {
        name: "client_id",
        shape: Shape::Text,
        required: false,
        default: None,
        help: "Client ID of your app in Shopify's Dev Dashboard, under Settings",
    },
    Key {
        name: "client_secret",
        shape: Shape::Secret,
        required: false,
        default: None,
        help: "Client secret of the same app; webhooks are signed with it",
    },
    Key {
        name: "webhook_secrets",
        shape: Shape::SecretList,
        required: false,
        default: None,
        help: "more secrets to accept on webhooks, such as the old one for an hour after a rotation",
    },
    Key {
        name: "access_token",
        shape: Shape::Secret,
        required: false,
        default: None,
        help: "a static token (shpat_…) of an app made in the shop's admin; without it the client id and secret are used",
    },
    Key {
        name: "api_version",
        shape: Shape::Text,
        required: false,
        default: Some(DEFAULT_VERSION),
        help: "version of the Admin API, such as 2026-10",
    },
];

/// One shop and what lets us speak to it.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// `name.myshopify.com` in lower case: the only name that never changes.
    pub shop: String,
    /// Where calls go, without a trailing slash.
    pub origin: String,
    pub version: String,
    pub credentials: Credentials,
    /// Empty: webhooks cannot be verified, so none are taken.
    pub webhook_secrets: Vec<Secret>,
}

#[derive(Clone, Debug)]
pub(super) enum Credentials {
    /// Made in the shop's admin, valid until revoked.
    Static(Secret),
    /// Asked for a token once a day.
    Client { id: String, secret: Secret },
}

impl Account {
    /// Every fault at once.
    pub(super) fn read(settings: &Settings) -> Result<Self, Vec<KeyFault>> {
        let mut faults = Vec::new();
        let shop = note(shop(settings.text("shop")), &mut faults);
        let version = note(version(settings.text("api_version")), &mut faults);
        let credentials = note(credentials(settings), &mut faults);
        let webhook_secrets = note(webhook_secrets(settings), &mut faults);
        match (shop, version, credentials, webhook_secrets) {
            (Some(shop), Some(version), Some(credentials), Some(webhook_secrets)) => Ok(Self {
                origin: settings.origin(&format!("https://{shop}")),
                shop,
                version,
                credentials,
                webhook_secrets,
            }),
            _ => Err(faults),
        }
    }

    pub(super) fn graphql_url(&self) -> String {
        format!("{}/admin/api/{}/graphql.json", self.origin, self.version)
    }

    pub(super) fn token_url(&self) -> String {
        format!("{}/admin/oauth/access_token", self.origin)
    }
}

fn note<T>(read: Result<T, KeyFault>, faults: &mut Vec<KeyFault>) -> Option<T> {
    read.map_err(|fault| faults.push(fault)).ok()
}

fn fault(key: &'static str, what: impl Into<String>, cure: impl Into<String>) -> KeyFault {
    KeyFault { key, what: what.into(), cure: cure.into() }
}

/// Takes `tienda`, `tienda.myshopify.com` and the same as an address.
fn shop(text: &str) -> Result<String, KeyFault> {
    let host = text.trim().to_ascii_lowercase();
    let host = host.strip_prefix("https://").unwrap_or(&host).trim_end_matches('/');
    let cure = "write the permanent name, such as shop = \"tienda.myshopify.com\"; Shopify's admin shows it under Settings, Domains";
    let name = match host.split_once('.') {
        None => host,
        Some((name, "myshopify.com")) => name,
        Some(_) => return Err(fault("shop", format!("{text:?} is not a shop's permanent name"), cure)),
    };
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if (1..=60).contains(&name.len()) && name.bytes().all(fits) && !name.starts_with('-') {
        Ok(format!("{name}.myshopify.com"))
    } else {
        Err(fault("shop", format!("{text:?} is not a shop's permanent name"), cure))
    }
}

fn version(text: &str) -> Result<String, KeyFault> {
    let text = if text.is_empty() { DEFAULT_VERSION } else { text.trim() };
    let quarterly = text.split_once('-').is_some_and(|(year, month)| {
        year.len() == 4
            && year.bytes().all(|b| b.is_ascii_digit())
            && matches!(month, "01" | "04" | "07" | "10")
    });
    if quarterly || text == "unstable" {
        Ok(text.to_owned())
    } else {
        Err(fault(
            "api_version",
            format!("Shopify has no API version {text:?}: they are named after the first month of a quarter"),
            format!("write api_version = \"{DEFAULT_VERSION}\", or leave it out"),
        ))
    }
}

fn credentials(settings: &Settings) -> Result<Credentials, KeyFault> {
    let id = settings.text("client_id").trim();
    let secret = settings.secret("client_secret").filter(|secret| !secret.is_empty());
    if let Some(token) = settings.secret("access_token").filter(|token| !token.is_empty()) {
        if token.expose().starts_with("shpss_") {
            return Err(fault(
                "access_token",
                "this is an app's client secret, not a token",
                "move it to client_secret, and write client_id beside it",
            ));
        }
        return if is_word(token.expose()) {
            Ok(Credentials::Static(token.clone()))
        } else {
            Err(fault(
                "access_token",
                "it holds spaces or other characters that no token has",
                "copy the token again",
            ))
        };
    }
    match (id, secret) {
        ("", None) => Err(fault(
            "client_id",
            "nothing here lets fenicia speak to the shop",
            "write client_id and client_secret of your app (Dev Dashboard, your app, Settings), or access_token",
        )),
        ("", Some(_)) => {
            Err(fault("client_id", "client_secret stands alone", "write the client_id that belongs to it"))
        }
        (_, None) => Err(fault(
            "client_secret",
            "client_id stands alone",
            "write the client_secret that belongs to it",
        )),
        (id, Some(secret)) if is_word(id) && is_word(secret.expose()) => {
            Ok(Credentials::Client { id: id.to_owned(), secret: secret.clone() })
        }
        _ => Err(fault(
            "client_secret",
            "the client id or secret holds spaces or other characters that they never have",
            "copy both again from the Dev Dashboard",
        )),
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}

fn webhook_secrets(settings: &Settings) -> Result<Vec<Secret>, KeyFault> {
    let more = settings.secrets("webhook_secrets");
    if more.iter().any(Secret::is_empty) {
        return Err(fault(
            "webhook_secrets",
            "one of them is empty",
            "remove it: an empty secret accepts forgeries",
        ));
    }
    let own = settings.secret("client_secret").filter(|secret| !secret.is_empty());
    Ok(own.into_iter().chain(more).cloned().collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::channel::Value;
    use crate::model::ChannelId;

    fn settings(texts: &[(&str, &str)], secrets: &[(&str, &str)]) -> Settings {
        let mut values = BTreeMap::new();
        for (key, text) in texts {
            values.insert((*key).to_owned(), Value::Text((*text).to_owned()));
        }
        for (key, secret) in secrets {
            values.insert((*key).to_owned(), Value::Secret(Secret::new(*secret)));
        }
        Settings {
            id: ChannelId::new("tienda").expect("id"),
            base_url: None,
            request_timeout: Duration::from_secs(30),
            values,
        }
    }

    fn faulty_keys(settings: &Settings) -> Vec<&'static str> {
        Account::read(settings).err().unwrap_or_default().iter().map(|fault| fault.key).collect()
    }

    #[test]
    fn every_spelling_of_a_shop_becomes_its_permanent_name() {
        for text in ["tienda", "Tienda.myshopify.com", "https://tienda.myshopify.com/"] {
            assert_eq!(shop(text).expect(text), "tienda.myshopify.com");
        }
        for text in [
            "",
            "www.tienda.mx",
            "-a",
            "a b",
            "tienda.myshopify.com.evil.example",
            "admin.shopify.com/store/a",
        ] {
            assert!(shop(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_token_or_a_client_is_needed_and_every_fault_is_told_at_once() {
        let id = ("client_id", "abc");
        let secret = ("client_secret", "shpss_x");
        assert!(Account::read(&settings(&[("shop", "a"), id], &[secret])).is_ok());
        assert!(Account::read(&settings(&[("shop", "a")], &[("access_token", "shpat_x")])).is_ok());
        assert_eq!(faulty_keys(&settings(&[("shop", "a")], &[])), ["client_id"]);
        assert_eq!(faulty_keys(&settings(&[("shop", "a"), id], &[])), ["client_secret"]);
        assert_eq!(faulty_keys(&settings(&[("shop", "a")], &[secret])), ["client_id"]);
        assert_eq!(
            faulty_keys(&settings(&[("shop", "a")], &[("access_token", "shpss_x")])),
            ["access_token"]
        );
        assert_eq!(
            faulty_keys(&settings(&[("shop", "a.com"), ("api_version", "2026-11"), id], &[])),
            ["shop", "api_version", "client_secret"]
        );
    }

    #[test]
    fn the_client_secret_is_also_the_first_webhook_secret() {
        let mut settings = settings(&[("shop", "a"), ("client_id", "abc")], &[("client_secret", "new")]);
        settings.values.insert("webhook_secrets".into(), Value::SecretList(vec![Secret::new("old")]));
        let account = Account::read(&settings).expect("account");
        assert_eq!(account.webhook_secrets, [Secret::new("new"), Secret::new("old")]);
        assert_eq!(account.graphql_url(), "https://a.myshopify.com/admin/api/2026-10/graphql.json");
        settings.values.insert("webhook_secrets".into(), Value::SecretList(vec![Secret::new("")]));
        assert_eq!(faulty_keys(&settings), ["webhook_secrets"]);
    }
}
