//! A daemon without a command line: store, actors and both listeners on loopback.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::bazaar::{BAZAAR, Bazaar, SECRET, SOUK};
use super::schema;
use crate::actors::Handle;
use crate::channel::Channel;
use crate::clock::Clock;
use crate::config;
use crate::model::{ChannelId, Role};
use crate::random::Random;
use crate::store::{self, Asked, Command, CommandAnswer, Store};
use crate::telemetry::Metrics;
use crate::web::{Addresses, AdminOptions, Api, Bound, Options, Serving, WebhooksOptions};

/// Longest that a test waits for something to come about.
const PATIENCE: Duration = Duration::from_secs(20);
/// Largest delivery.
pub const MAX_BODY: usize = 64 << 10;

const CONFIG: &str = r#"
[channels.tienda]
kind = "bazaar"
name = "Tienda"
[channels.closed]
kind = "bazaar"
enabled = false
[channels.souk]
kind = "souk"
"#;

pub struct Rig {
    pub bazaar: Arc<Bazaar>,
    pub store: Store,
    pub addresses: Addresses,
    /// Secrets of an admin's, an operator's and a viewer's key.
    pub admin: String,
    pub operator: String,
    pub viewer: String,
    pub folder: TempDir,
    handle: Handle,
    serving: Serving,
    document: Value,
}

/// What came back.
#[derive(Debug)]
pub struct Seen {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Seen {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The answer's JSON, after its status was looked at.
    #[track_caller]
    pub fn with(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// The code and the field of a problem.
    #[track_caller]
    pub fn problem(&self, status: u16) -> (String, Option<String>) {
        let problem = self.with(status);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let text = |name: &str| problem[name].as_str().map(ToOwned::to_owned);
        (text("code").expect("a code"), text("field"))
    }
}

/// A request to be filled in.
pub struct Ask<'a> {
    rig: &'a Rig,
    method: &'static str,
    path: String,
    key: Option<String>,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Ask<'_> {
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    pub fn no_key(mut self) -> Self {
        self.key = None;
        self
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    pub fn raw(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub fn json(self, body: &Value) -> Self {
        self.raw(body.to_string()).header("content-type", "application/json")
    }

    pub async fn send(self) -> Seen {
        let (rig, method, path) = (self.rig, self.method, self.path.clone());
        let response = self.begin().await;
        let seen = read(response).await;
        rig.hold_against_description(method, &path, &seen);
        seen
    }

    /// The answer's head; its body is still to be read.
    pub async fn begin(self) -> Response<Incoming> {
        let mut request = Request::builder().method(self.method).uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        exchange(self.rig.addresses.admin, request.body(Full::new(self.body)).expect("a request")).await
    }
}

async fn exchange(address: SocketAddr, request: Request<Full<Bytes>>) -> Response<Incoming> {
    let stream = TcpStream::connect(address).await.expect("connected");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
    tokio::spawn(connection);
    sender.send_request(request).await.expect("an answer")
}

async fn read(response: Response<Incoming>) -> Seen {
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.expect("a whole body").to_bytes();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Seen { status: head.status.as_u16(), headers: head.headers, text }
}

impl Rig {
    pub async fn new() -> Self {
        Self::behind(&[]).await
    }

    /// Behind these proxies, which stand before the webhook listener.
    pub async fn behind(proxies: &[&str]) -> Self {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("config.toml");
        std::fs::write(&path, CONFIG).expect("written");
        let config = config::load(&path, &[&BAZAAR, &SOUK]).unwrap_or_else(|faults| panic!("{faults}"));
        let (clock, random) = (Clock::system(), Random::system());
        let store = open(&folder, &clock, &random).await;
        let bazaar = Arc::new(Bazaar::default());
        let id = |id: &str| ChannelId::new(id).expect("an id");
        let connections: config::Connections = BTreeMap::from([
            (id("tienda"), bazaar.clone() as Arc<dyn Channel>),
            (id("souk"), Arc::new(Bazaar::default()) as Arc<dyn Channel>),
        ]);
        let handle = Handle::start(store.clone(), clock.clone(), random.clone(), &config, connections)
            .await
            .expect("actors");
        let any = "127.0.0.1:0".parse().expect("an address");
        let bound = Bound::bind(any, any).await.expect("bound");
        let addresses = bound.addresses();
        let mut options = options(&folder, addresses);
        options.webhooks.trusted_proxies =
            proxies.iter().map(|block| block.parse().expect("a block of addresses")).collect();
        let metrics = Metrics::unrecorded();
        let api = Arc::new(Api::new(store.clone(), handle.clone(), clock, random, metrics, options));
        let serving = bound.serve(&api);
        let (admin, operator, viewer) = (
            secret(&store, Role::Admin).await,
            secret(&store, Role::Operator).await,
            secret(&store, Role::Viewer).await,
        );
        let mut rig = Self {
            bazaar,
            store,
            addresses,
            admin,
            operator,
            viewer,
            folder,
            handle,
            serving,
            document: Value::Null,
        };
        rig.document = read(rig.get("/api/v1/openapi.json").begin().await).await.json();
        rig
    }

    fn ask(&self, method: &'static str, path: impl Into<String>) -> Ask<'_> {
        Ask {
            rig: self,
            method,
            path: path.into(),
            key: Some(self.admin.clone()),
            headers: vec![("host", self.addresses.admin.to_string())],
            body: Bytes::new(),
        }
    }

    pub fn get(&self, path: impl Into<String>) -> Ask<'_> {
        self.ask("GET", path)
    }

    pub fn post(&self, path: impl Into<String>) -> Ask<'_> {
        self.ask("POST", path)
    }

    pub fn delete(&self, path: impl Into<String>) -> Ask<'_> {
        self.ask("DELETE", path)
    }

    pub fn with_method(&self, method: &'static str, path: impl Into<String>) -> Ask<'_> {
        self.ask(method, path)
    }

    /// To the webhook listener.
    pub async fn knock(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Seen {
        let mut request = Request::builder().method(method).uri(path).header("host", "orders.example.com");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).expect("a request");
        read(exchange(self.addresses.webhooks, request).await).await
    }

    /// An authentic delivery of the channel `tienda`.
    pub async fn deliver(&self, delivery_id: &str, order: &Value) -> u16 {
        let headers =
            [("x-secret", SECRET), ("x-delivery", delivery_id), ("content-type", "application/json")];
        self.knock("POST", "/webhooks/tienda", &headers, order.to_string()).await.status
    }

    /// An order that the marketplace has, has told, and that is stored.
    pub async fn stored(&self, order: &Value) {
        let id = order["id"].as_str().expect("an id");
        let stamp = order["changed_at"].as_str().expect("a stamp");
        self.bazaar.put(order);
        assert_eq!(self.deliver(&format!("d-{id}-{stamp}"), order).await, 200);
        self.until(&format!("/api/v1/orders/tienda:{id}"), |seen| seen.status == 200).await;
    }

    /// Asks until the answer is as wanted.
    pub async fn until(&self, path: &str, wanted: impl Fn(&Seen) -> bool) -> Seen {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let mut tick = tokio::time::interval(Duration::from_millis(10));
        loop {
            tick.tick().await;
            let seen = self.get(path).send().await;
            if wanted(&seen) {
                return seen;
            }
            assert!(tokio::time::Instant::now() < deadline, "{path} stays {seen:?}");
        }
    }

    /// Stops everything, in the order of the daemon.
    pub async fn stop(self) {
        self.handle.close();
        self.serving.shutdown().await;
        self.handle.stop(Duration::from_secs(1)).await;
        self.store.close().await;
    }

    #[track_caller]
    fn hold_against_description(&self, method: &str, path: &str, seen: &Seen) {
        let operation = schema::operation(&self.document, method, path);
        if operation.is_null() {
            return;
        }
        let described = &operation["responses"][seen.status.to_string()];
        let general = matches!(seen.status, 413 | 415 | 421);
        assert!(general || described.is_object(), "{method} {path} answers {} undescribed", seen.status);
        let Some(media) = seen.headers.get("content-type").and_then(|value| value.to_str().ok()) else {
            return;
        };
        let media = media.split(';').next().unwrap_or(media);
        let schema = &described["content"][media]["schema"];
        assert!(general || described["content"][media].is_object(), "{method} {path}: {media} undescribed");
        if media.ends_with("json") && !schema.is_null() {
            let fault = schema::fault(&self.document, schema, &seen.json(), "");
            assert_eq!(fault, None, "{method} {path}: {}", seen.text);
        }
    }
}

async fn open(folder: &TempDir, clock: &Clock, random: &Random) -> Store {
    let options = store::Options {
        dir: folder.path().join("data"),
        key: None,
        clock: clock.clone(),
        random: random.clone(),
        cache_bytes: 4 << 20,
        backlog_max: 1_000,
    };
    let opened = tokio::task::spawn_blocking(move || Store::open(options)).await;
    opened.expect("opened").unwrap_or_else(|error| panic!("{error}"))
}

fn options(folder: &TempDir, addresses: Addresses) -> Options {
    Options {
        webhooks: WebhooksOptions {
            origin: format!("http://{}", addresses.webhooks),
            max_body: MAX_BODY,
            trusted_proxies: Vec::new(),
        },
        admin: AdminOptions { public_url: None, trusted_proxies: Vec::new() },
        data_dir: folder.path().join("data"),
    }
}

async fn secret(store: &Store, role: Role) -> String {
    let asked = Asked { by: "test".to_owned(), key: None };
    let command = Command::CreateKey { name: role.to_string(), role };
    let answer = store.command(command, asked, Clock::system().now()).await.expect("a key");
    match answer {
        CommandAnswer::Key { secret: Some(secret), .. } => secret,
        other => panic!("{other:?}"),
    }
}
