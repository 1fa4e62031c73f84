//! Where bytes of strangers come in, one function each. Shared by the fuzz targets and the smoke
//! test: whatever the bytes are, nothing panics and nothing hangs.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use fenicia::channel::{Call, Channel, Env, Fetched, Headers, Inbound, ListRequest, Tiding};
use fenicia::clock::Clock;
use fenicia::config;
use fenicia::kinds::{self, KINDS};
use fenicia::model::{ChannelId, ChannelOrderId, Delivery, Lane, Observation, OrderKey, Tokens, Trigger};
use fenicia::net::{Http, HttpOptions};
use fenicia::random::Random;
use fenicia::sandbox::{
    self, Deed, Kit, Refused, Request, Response, Running, Stand, Truth, Tuning, Wish, stir,
};
use fenicia::sync::{Merged, Merging, merge};
use ring::hmac;
use serde_json::Value;
use tokio::runtime::Runtime;

/// The whole config file.
pub fn config_text(data: &[u8]) {
    let path = stage().folder.path().join("fuzzed.toml");
    if std::fs::write(&path, data).is_ok() {
        let _ = config::load(&path, KINDS);
        let _ = config::locate(&path);
    }
}

/// Rows of the store.
pub fn stored_record(data: &[u8]) {
    fenicia::store::testing::read_back(data);
}

/// Requests to either listener, before anybody is asked who they are.
pub fn request(data: &[u8]) {
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let mut text = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (method, target) = (text(), text());
    fenicia::web::testing::take_apart(&method, &target, parts.next().unwrap_or_default());
}

/// A delivery at every connector: admitted or refused, and read as if it had been admitted.
pub fn delivery(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else { return };
    let now = Clock::system().now();
    for shop in &stage().shops {
        let own = Header { signature: sign(shop.kind, body), choice: *choice };
        for topic in [None, Some("orders_v2"), Some("ORDER_STATUS_CHANGE")] {
            let inbound = Inbound { topic, headers: &own, body, received_at: now };
            if let Ok(admitted) = shop.channel.admit(&inbound) {
                assert!(admitted.delivery_id.len() <= 128, "{}", shop.kind);
                read(shop, admitted.topic, admitted.notes, body);
            }
        }
        for topic in ["orders/updated", "orders_v2", "shipments", "customers/redact", "ORDER_STATUS_CHANGE"] {
            read(shop, topic.to_owned(), Vec::new(), body);
        }
    }
}

fn read(shop: &Shop, topic: String, notes: Vec<(String, String)>, body: &[u8]) {
    let delivery = Delivery {
        delivery_id: "fuzzed".to_owned(),
        topic,
        notes,
        body: body.to_vec(),
        received_at: Clock::system().now(),
    };
    for tiding in shop.channel.read(&delivery) {
        if let Tiding::Seen(seen) = tiding {
            take(shop, *seen);
        }
    }
}

/// Answers of a marketplace, spoilt as the data says, at every connector.
pub fn answer(data: &[u8]) {
    let stage = stage();
    let [choice, question, spoiling @ ..] = data else { return };
    let shop = &stage.shops[usize::from(*choice) % stage.shops.len()];
    // A connection of its own: what an earlier answer taught must not stop this call.
    let Some(channel) = stage.connect(shop) else { return };
    *shop.spoiling.lock().unwrap_or_else(PoisonError::into_inner) = Some(spoiling.to_vec());
    stage.runtime.block_on(async {
        let calls = ask(shop, channel.as_ref(), usize::from(*question));
        // The connectors wait for what a marketplace tells them to wait for: that is no hang.
        let _ = tokio::time::timeout(PATIENCE, calls).await;
    });
    *shop.spoiling.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// One question, so that no allowance is used up: an order or a page, mostly.
async fn ask(shop: &Shop, channel: &dyn Channel, question: usize) {
    let call = Call { tokens: &shop.tokens, lane: Lane::Manual };
    match question % 16 {
        0 => drop(channel.probe(call).await),
        1 => drop(channel.authorise(Some(&shop.tokens)).await),
        2..8 => {
            let order = std::slice::from_ref(&shop.orders[question / 16 % shop.orders.len()]);
            for one in channel.fetch(call, order).await.unwrap_or_default() {
                if let Fetched::Found(seen) = one {
                    take(shop, *seen);
                }
            }
        }
        _ => {
            let streams = channel.streams();
            let stream = streams[question / 16 % streams.len()].name;
            let from = Clock::system().now().minus(Duration::from_hours(24));
            let request = ListRequest { stream, from, to: None, token: None, bulk: false };
            for tiding in channel.list(call, request).await.unwrap_or_default().tidings {
                if let Tiding::Seen(seen) = tiding {
                    take(shop, *seen);
                }
            }
        }
    }
}

/// What is seen is merged and asked about, as the daemon does.
fn take(shop: &Shop, seen: Observation) {
    let key = OrderKey::new(shop.id.clone(), seen.order.clone());
    let now = Clock::system().now();
    let how = Merging { key: &key, channel_kind: shop.kind, trigger: Trigger::Poll, now };
    if let Merged::Applied(applied) = merge(None, seen, how) {
        let _ = shop.channel.capabilities(&applied.order, now);
        let _ = shop.channel.wants(&applied.order);
        let _ = serde_json::to_string(&applied.order);
    }
}

// ---- the stage ---------------------------------------------------------------------------

struct Stage {
    runtime: Runtime,
    folder: tempfile::TempDir,
    env: Env,
    shops: Vec<Shop>,
}

/// A connector with orders of every sort at its marketplace.
struct Shop {
    kind: &'static str,
    id: ChannelId,
    config: PathBuf,
    channel: Arc<dyn Channel>,
    tokens: Tokens,
    orders: Vec<ChannelOrderId>,
    spoiling: Spoiling,
    _running: Running,
}

type Spoiling = Arc<Mutex<Option<Vec<u8>>>>;

fn stage() -> &'static Stage {
    static STAGE: OnceLock<Stage> = OnceLock::new();
    STAGE.get_or_init(Stage::set)
}

/// Orders that are asked for.
const ORDERS: usize = 16;
/// For one question.
const PATIENCE: Duration = Duration::from_millis(500);

impl Stage {
    fn set() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let options = HttpOptions {
            body_max_bytes: 4 << 20,
            connect_timeout: Duration::from_secs(5),
            user_agent: "fenicia/fuzz".to_owned(),
        };
        let env = Env {
            clock: Clock::system(),
            random: Random::seeded(1),
            http: Http::new(options).expect("a client"),
        };
        let folder = tempfile::tempdir().expect("a folder");
        let shops = KINDS.iter().map(|kind| runtime.block_on(Shop::open(kind.name, &folder, &env))).collect();
        Self { runtime, folder, env, shops }
    }

    fn connect(&self, shop: &Shop) -> Option<Arc<dyn Channel>> {
        connect(&shop.config, &shop.id, &self.env)
    }
}

fn connect(config: &std::path::Path, id: &ChannelId, env: &Env) -> Option<Arc<dyn Channel>> {
    let (_, connections) = config::load_connected(config, KINDS, env).ok()?;
    connections.get(id).cloned()
}

impl Shop {
    async fn open(kind: &'static str, folder: &tempfile::TempDir, env: &Env) -> Self {
        let tuning = Tuning { limits: 1e6, haste: 1e6, list_lag: Duration::ZERO, drop_oldest: false };
        let stand =
            kinds::stand(kind, Kit::new(env.clock.clone(), Random::seeded(2), tuning)).expect("a stand");
        let spoiling = Spoiling::default();
        let spoilt = Spoilt { stand: Arc::clone(&stand), spoiling: Arc::clone(&spoiling) };
        let running = Running::open(Arc::new(spoilt), 0).await.expect("loopback");
        fill(stand.as_ref());
        let id = ChannelId::new("fuzz").expect("well formed");
        let config = folder.path().join(format!("{kind}.toml"));
        std::fs::write(&config, running.config(id.as_str())).expect("a config");
        let channel = connect(&config, &id, env).expect("the sandbox's own config");
        let tokens = channel.authorise(None).await.expect("the sandbox's own credentials");
        let orders = stand.truths(None, usize::MAX).into_iter().rev().take(ORDERS);
        let orders = orders.filter_map(|truth| ChannelOrderId::new(&truth.order_id).ok()).collect();
        Self { kind, id, config, channel, tokens, orders, spoiling, _running: running }
    }
}

fn fill(stand: &dyn Stand) {
    let random = Random::seeded(3);
    for flavour in stand.flavours().iter().map(|flavour| Some((*flavour).to_owned())).chain([None, None]) {
        let _ = stand.place(&Wish { flavour, note: Some("Ring twice.".to_owned()), ..Wish::default() });
        stir(stand, &random);
    }
}

/// A marketplace whose answers are spoilt on demand.
struct Spoilt {
    stand: Arc<dyn Stand>,
    spoiling: Spoiling,
}

impl Stand for Spoilt {
    fn kind(&self) -> &'static str {
        self.stand.kind()
    }

    fn kit(&self) -> &Kit {
        self.stand.kit()
    }

    fn operation(&self, request: &Request) -> String {
        self.stand.operation(request)
    }

    fn handle(&self, request: &Request) -> Response {
        let mut response = self.stand.handle(request);
        if let Some(spoiling) = &*self.spoiling.lock().unwrap_or_else(PoisonError::into_inner) {
            spoil(&mut response, spoiling);
        }
        response
    }

    fn refusal(&self, status: u16, request: &Request) -> Response {
        self.stand.refusal(status, request)
    }

    fn throttled(&self, seconds: u64, request: &Request) -> Response {
        self.stand.throttled(seconds, request)
    }

    fn revoke_access(&self) {}

    fn expire_access(&self) {}

    fn restore_access(&self) {}

    fn config(&self, channel: &str, base_url: &str) -> String {
        self.stand.config(channel, base_url)
    }

    fn place(&self, wish: &Wish) -> Result<String, Refused> {
        self.stand.place(wish)
    }

    fn happen(&self, order: &str, deed: &Deed) -> Result<(), Refused> {
        self.stand.happen(order, deed)
    }

    fn orders(&self) -> usize {
        self.stand.orders()
    }

    fn truth(&self, order: &str) -> Option<Truth> {
        self.stand.truth(order)
    }

    fn truths(&self, after: Option<&str>, limit: usize) -> Vec<Truth> {
        self.stand.truths(after, limit)
    }

    fn native(&self, order: &str) -> Option<Value> {
        self.stand.native(order)
    }

    fn nth_newest(&self, nth: usize) -> Option<String> {
        self.stand.nth_newest(nth)
    }
}

// ---- spoiling ----------------------------------------------------------------------------

/// What a value may turn into.
const TURNS: [&str; 24] = [
    "null",
    "true",
    "0",
    "-1",
    "1e400",
    "-0.0",
    "18446744073709551616",
    "99999999999999999999999999999999999999999.99",
    "0.1234567890123456789012345678901",
    r#""""#,
    r#""0""#,
    r#""-12.345""#,
    r#""1e9""#,
    r#""\u0000""#,
    r#""\ud83d\ude00""#,
    r#""2026-13-45T99:99:99Z""#,
    r#""9999-12-31T23:59:59.999999999+23:59""#,
    "\"-000001-01-01T00:00:00Z\"",
    "[]",
    "{}",
    "[[]]",
    "[null]",
    "{\"\": {}}",
    "[{}, {}]",
];

/// The first byte says how: a value of the JSON turns into another one (three bytes each), bytes
/// are overwritten (three bytes each), the answer is cut, or it is replaced by the rest.
fn spoil(response: &mut Response, spoiling: &[u8]) {
    let Some((how, rest)) = spoiling.split_first() else { return };
    match how % 8 {
        0..=4 => {
            let Ok(mut json) = serde_json::from_slice::<Value>(&response.body) else { return };
            for step in rest.chunks_exact(3) {
                turn(&mut json, usize::from(u16::from_be_bytes([step[0], step[1]])), step[2]);
            }
            response.body = json.to_string().into_bytes();
        }
        5 => {
            for step in rest.chunks_exact(3) {
                let at = usize::from(u16::from_be_bytes([step[0], step[1]]));
                let length = response.body.len().max(1);
                if let Some(byte) = response.body.get_mut(at % length) {
                    *byte = step[2];
                }
            }
        }
        6 => {
            let part = usize::from(rest.first().copied().unwrap_or(0));
            response.body.truncate(response.body.len() * part / 256);
        }
        _ => response.body = rest.to_vec(),
    }
    if how & 0x80 != 0 {
        response.status = [200, 206, 400, 404, 409, 422, 500, 302][usize::from(how >> 4 & 7)];
    }
}

/// The `nth` value of a tree, counted around its end, turns into another one, or goes.
fn turn(json: &mut Value, nth: usize, into: u8) {
    let count = values(json).max(1);
    let mut left = nth % count;
    replace(json, &mut left, into);
}

fn values(json: &Value) -> usize {
    1 + match json {
        Value::Array(list) => list.iter().map(values).sum(),
        Value::Object(map) => map.values().map(values).sum(),
        _ => 0,
    }
}

/// True once it is done.
fn replace(json: &mut Value, left: &mut usize, into: u8) -> bool {
    if *left == 0 {
        let turned = TURNS[usize::from(into) % TURNS.len()];
        *json = serde_json::from_str(turned).unwrap_or(Value::Null);
        return true;
    }
    *left -= 1;
    match json {
        Value::Array(list) => list.iter_mut().any(|value| replace(value, left, into)),
        Value::Object(map) => {
            let gone = into >= 192 && *left < map.len();
            if gone {
                let name = map.keys().nth(*left).cloned().unwrap_or_default();
                map.remove(&name);
                return true;
            }
            map.values_mut().any(|value| replace(value, left, into))
        }
        _ => false,
    }
}

// ---- headers -----------------------------------------------------------------------------

/// Headers that make a body authentic, or nearly so.
struct Header {
    signature: String,
    choice: u8,
}

impl Headers for Header {
    fn get(&self, name: &str) -> Option<&str> {
        match name {
            "content-type" if self.choice & 1 == 0 => Some("application/json"),
            "x-shopify-topic" => Some(if self.choice & 2 == 0 { "orders/updated" } else { "orders/create" }),
            "x-shopify-shop-domain" => Some(sandbox::shopify::SHOP),
            "x-shopify-order-id" if self.choice & 4 == 0 => Some("5"),
            "x-shopify-hmac-sha256" | "authorization" => Some(&self.signature),
            _ => None,
        }
    }
}

/// By the secrets of the sandbox.
fn sign(kind: &str, body: &[u8]) -> String {
    use base64::Engine as _;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    if kind == "tiktok_shop" {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"sandbox-app-secret-0123456789abcdef");
        return hex(hmac::sign(&key, &[&b"6sandbox000001"[..], body].concat()).as_ref());
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"sandbox-client-secret");
    base64::engine::general_purpose::STANDARD.encode(hmac::sign(&key, body))
}
