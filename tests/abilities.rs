//! What each channel says it can do at all, as its page and the API show it.

use std::time::Duration;

use fenicia::channel::{self, Env};
use fenicia::clock::Clock;
use fenicia::config;
use fenicia::kinds::KINDS;
use fenicia::model::Timestamp;
use fenicia::net::{Http, HttpOptions};
use fenicia::random::Random;

const CONFIG: &str = r#"
[channels.a]
kind = "shopify"
shop = "tienda.myshopify.com"
client_id = "id"
client_secret = "secret"
access_token = "token"
[channels.b]
kind = "amazon"
region = "na"
marketplace_ids = ["ATVPDKIKX0DER"]
seller_id = "A1SELLER"
client_id = "id"
client_secret = "secret"
refresh_token = "token"
[channels.c]
kind = "mercadolibre"
site = "MLM"
user_id = "123456789"
client_id = "1234567890123456"
client_secret = "secret"
refresh_token = "TG-token-123456789"
[channels.d]
kind = "walmart"
market = "us"
client_id = "id"
client_secret = "secret"
[channels.e]
kind = "tiktok_shop"
app_key = "key"
app_secret = "secret"
shop_id = "7495"
shop_cipher = "cipher"
refresh_token = "token"
"#;

#[tokio::test]
async fn every_channel_can_ship_track_and_cancel_an_ordinary_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.toml");
    std::fs::write(&path, CONFIG).expect("written");
    let options = HttpOptions {
        body_max_bytes: 1,
        connect_timeout: Duration::from_secs(1),
        user_agent: "test".to_owned(),
    };
    let env = Env {
        clock: Clock::starting_at(Timestamp::from_secs(1_764_000_000)),
        random: Random::seeded(1),
        http: Http::new(options).expect("a client"),
    };
    let read = config::load_connected(&path, KINDS, &env);
    let (config, connections) = read.unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(connections.len(), KINDS.len(), "a channel of each kind");
    for (id, connection) in connections {
        let kind = config.channels[&id].kind.name;
        let can = channel::abilities(&*connection, &id, kind, env.clock.now());
        assert!(can.ship.supported, "{kind}: {:?}", can.ship.why);
        assert!(can.tracking.supported, "{kind}: {:?}", can.tracking.why);
        assert!(can.cancel.supported, "{kind}: {:?}", can.cancel.why);
        assert!(!can.cancel.reasons.is_empty(), "{kind}");
    }
}
