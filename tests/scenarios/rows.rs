//! The marketplaces that every story is told about. Adding one is one row.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// What a story must know about a marketplace beside what its stand says.
pub struct Row {
    pub kind: &'static str,
    /// It sends webhooks, and by which operation the daemon asks for them, if it can.
    pub webhooks: Option<Webhooks>,
    /// A quick poll that its allowance bears.
    pub quick: &'static str,
    /// The stand's words for: one order afresh, a token.
    pub read: &'static [&'static str],
    pub token: &'static str,
    /// What ships, as the stand calls it.
    pub ships: &'static [&'static str],
    /// Orders that it can bring in within seconds at its real pace.
    pub crowd: usize,
    /// Some changes are announced nowhere: they are found by reading again, once in a while.
    pub quiet: bool,
    /// A refusal for too many calls says how long to wait.
    pub says_how_long: bool,
    /// The stand shows who ordered.
    pub people: bool,
    /// Its owner consents in a browser.
    pub consents: bool,
    /// A refresh token is spent by its use, whether its answer arrives or not.
    pub single_use: bool,
}

pub struct Webhooks {
    /// The header and content of a delivery that is authentic and makes no sense.
    pub nonsense: Option<fn(&[u8]) -> Vec<(&'static str, String)>>,
    /// The status for a body that is signed by nobody.
    pub stranger: u16,
}

pub const ROWS: &[Row] = &[
    Row {
        kind: "shopify",
        webhooks: Some(Webhooks { nonsense: Some(signed_by_shopify), stranger: 401 }),
        quick: "* * * * * *",
        read: &["order", "nodes"],
        token: "token",
        ships: &["fulfillmentCreate"],
        crowd: 1_000,
        quiet: true,
        says_how_long: true,
        people: true,
        consents: true,
        single_use: false,
    },
    Row {
        kind: "amazon",
        webhooks: None,
        quick: "* * * * * *",
        read: &["getOrder"],
        token: "token",
        ships: &["confirmShipment"],
        crowd: 1_000,
        quiet: false,
        says_how_long: false,
        people: true,
        consents: true,
        single_use: false,
    },
    Row {
        kind: "mercadolibre",
        webhooks: Some(Webhooks { nonsense: None, stranger: 400 }),
        quick: "*/5 * * * * *",
        read: &["order"],
        token: "token",
        ships: &["seller_notifications", "update_shipment"],
        crowd: 12,
        quiet: true,
        says_how_long: true,
        people: true,
        consents: true,
        single_use: true,
    },
    Row {
        kind: "walmart",
        webhooks: None,
        quick: "* * * * * *",
        read: &["get_order"],
        token: "token",
        ships: &["ship"],
        crowd: 50,
        quiet: false,
        says_how_long: true,
        people: true,
        consents: false,
        single_use: false,
    },
    Row {
        kind: "tiktok_shop",
        webhooks: Some(Webhooks { nonsense: Some(signed_by_tiktok_shop), stranger: 401 }),
        quick: "*/5 * * * * *",
        read: &["orders"],
        token: "token_refresh",
        ships: &["ship_units", "ship_package"],
        crowd: 60,
        quiet: true,
        says_how_long: true,
        people: false,
        consents: true,
        single_use: false,
    },
];

/// A body that is the marketplace's own, whatever it says.
fn signed_by_shopify(body: &[u8]) -> Vec<(&'static str, String)> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"sandbox-client-secret");
    vec![
        ("content-type", "application/json".to_owned()),
        ("x-shopify-topic", "orders/updated".to_owned()),
        ("x-shopify-shop-domain", fenicia::sandbox::shopify::SHOP.to_owned()),
        ("x-shopify-webhook-id", format!("nonsense-{}", body.len())),
        ("x-shopify-hmac-sha256", STANDARD.encode(hmac::sign(&key, body))),
    ]
}

fn signed_by_tiktok_shop(body: &[u8]) -> Vec<(&'static str, String)> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"sandbox-app-secret-0123456789abcdef");
    let signed = [&b"6sandbox000001"[..], body].concat();
    let signature = hmac::sign(&key, &signed);
    let hex = signature.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    vec![("content-type", "application/json".to_owned()), ("authorization", hex)]
}
