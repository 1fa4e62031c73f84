//! What the merchant configures.

use std::sync::Arc;

use super::Walmart;
use super::api::Api;
use super::auth::Credentials;
use super::inbound::Sellers;
use super::market::{MARKETS, Market};
use crate::channel::{Channel, Env, Key, KeyFault, Kind, Method, Settings, Shape};
use crate::model::Secret;

pub const KIND: Kind = Kind {
    name: "walmart",
    title: "Walmart",
    tile: "Wm",
    keys: KEYS,
    method: Method::Polling,
    schedule: "*/15 * * * *",
    retention: None,
    build,
};

const KEYS: &[Key] = &[
    Key {
        name: "market",
        shape: Shape::Choice(MARKETS),
        required: false,
        default: Some("us"),
        help: "the country of the seller's account: us United States, mx Mexico, ca Canada, cl Chile",
    },
    Key {
        name: "client_id",
        shape: Shape::Text,
        required: true,
        default: None,
        help: "of the production key, in the developer portal under API Key Management",
    },
    Key {
        name: "client_secret",
        shape: Shape::Secret,
        required: true,
        default: None,
        help: "of the same key, which needs full access to Orders",
    },
    Key {
        name: "acknowledge",
        shape: Shape::Choice(&["on_import", "on_ship", "never"]),
        required: false,
        default: Some("on_import"),
        help: "when an order is acknowledged, which Walmart wants within 4 hours: on_import at once, on_ship right \
               before it is marked as shipped, never when another tool does it",
    },
];

/// Who acknowledges orders, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acknowledge {
    OnImport,
    OnShip,
    Never,
}

impl Acknowledge {
    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "on_import" | "" => Self::OnImport,
            "on_ship" => Self::OnShip,
            "never" => Self::Never,
            _ => return None,
        })
    }
}

fn build(settings: &Settings, env: &Env) -> Result<Arc<dyn Channel>, Vec<KeyFault>> {
    Ok(Arc::new(read(settings, env)?))
}

fn read(settings: &Settings, env: &Env) -> Result<Walmart, Vec<KeyFault>> {
    let mut faults = Vec::new();
    let market = Some(settings.text("market")).filter(|name| !name.is_empty()).unwrap_or("us");
    let market = Market::named(market).or_else(|| {
        faults.push(fault(
            "market",
            "is not a country of Walmart's",
            format!("Write one of {}", MARKETS.join(", ")),
        ));
        None
    });
    let acknowledge = Acknowledge::named(settings.text("acknowledge")).or_else(|| {
        faults.push(fault("acknowledge", "is not known", "Write on_import, on_ship or never".to_owned()));
        None
    });
    let client_id = settings.text("client_id");
    if client_id.is_empty() || client_id.contains(char::is_whitespace) || client_id.contains(':') {
        let what = "is empty, or has a space or a colon in it";
        faults.push(fault(
            "client_id",
            what,
            "Copy it from the developer portal as it stands there".to_owned(),
        ));
    }
    let secret = settings.secret("client_secret").filter(|secret| !secret.is_empty());
    if secret.is_none() {
        let cure =
            "Copy it from the developer portal, best as { env = \"NAME\" } or { credential = \"NAME\" }";
        faults.push(fault("client_secret", "is empty", cure.to_owned()));
    }
    match (market, acknowledge, secret, faults.is_empty()) {
        (Some(market), Some(acknowledge), Some(secret), true) => {
            let credentials =
                Credentials { client_id: client_id.to_owned(), client_secret: Secret::new(secret.expose()) };
            Ok(Walmart {
                api: Api::new(settings, env, market),
                market,
                acknowledge,
                credentials,
                sellers: Sellers::default(),
            })
        }
        _ => Err(faults),
    }
}

fn fault(key: &'static str, what: &str, cure: String) -> KeyFault {
    KeyFault { key, what: what.to_owned(), cure }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::channel::Value;
    use crate::clock::Clock;
    use crate::model::{ChannelId, Timestamp};
    use crate::net::{Http, HttpOptions};
    use crate::random::Random;

    pub fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    /// A connection, or the keys that are wrong.
    pub fn connect(
        values: &[(&str, Value)],
        base_url: Option<String>,
        clock: Clock,
    ) -> Result<Walmart, Vec<&'static str>> {
        let settings = Settings {
            id: ChannelId::new("walmart").unwrap(),
            base_url,
            request_timeout: Duration::from_secs(30),
            values: values
                .iter()
                .map(|(key, value)| ((*key).to_owned(), value.clone()))
                .collect::<BTreeMap<_, _>>(),
        };
        let options = HttpOptions {
            body_max_bytes: 10_000_000,
            connect_timeout: Duration::from_secs(5),
            user_agent: "fenicia-test".into(),
        };
        let env = Env { clock, random: Random::seeded(1), http: Http::new(options).unwrap() };
        read(&settings, &env).map_err(|faults| faults.into_iter().map(|fault| fault.key).collect())
    }

    pub fn walmart(market: &str, acknowledge: &str) -> Walmart {
        let values = [
            ("market", text(market)),
            ("acknowledge", text(acknowledge)),
            ("client_id", text("id")),
            ("client_secret", Value::Secret(Secret::new("s"))),
        ];
        connect(&values, None, Clock::starting_at(Timestamp::EPOCH)).unwrap_or_else(|keys| panic!("{keys:?}"))
    }

    #[tokio::test]
    async fn every_fault_is_named_at_once() {
        let faults = |values: &[(&str, Value)]| {
            connect(values, None, Clock::starting_at(Timestamp::EPOCH)).err().unwrap_or_default()
        };
        let secret = || Value::Secret(Secret::new("s"));
        assert_eq!(faults(&[("client_id", text("id")), ("client_secret", secret())]), Vec::<&str>::new());
        assert_eq!(
            faults(&[("market", text("br")), ("acknowledge", text("later")), ("client_id", text("a b"))]),
            ["market", "acknowledge", "client_id", "client_secret"]
        );
    }
}
