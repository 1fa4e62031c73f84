//! Measures the release binary on this machine: acknowledged webhooks per second beside a plain echo of
//! the same body, webhook to visible, memory, start-up, lists and searches at a million orders.
//!
//! `just load` runs everything; `just load -- --orders 100000` with a smaller store. Loopback only,
//! bounded in count and time.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, reason = "a measuring tool")]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "statistics"
)]
#![allow(clippy::disallowed_methods, reason = "it measures real time")]

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use fenicia::clock::Clock;
use fenicia::random::Random;
use fenicia::store::{Options, Store, testing};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

const SECRET: &str = "load-test-secret-of-nobody";
const SHOP: &str = "load.myshopify.com";
const RUN: Duration = Duration::from_secs(5);

fn main() {
    let orders = argument("--orders").unwrap_or(1_000_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    println!("machine: {} cores, {}", std::thread::available_parallelism().unwrap(), cpu());
    let fsync = fdatasync();
    println!("raw fdatasync: p50 {} us, p99 {} us\n", fsync.0, fsync.1);
    runtime.block_on(async {
        if argument("--acks") != Some(0) {
            acknowledgements().await;
        }
        visible().await;
        at_rest().await;
        if orders > 0 {
            at_size(orders).await;
        }
    });
}

fn argument(name: &str) -> Option<u64> {
    let mut arguments = std::env::args().skip_while(|a| a != name);
    arguments.nth(1)?.parse().ok()
}

// ---- acknowledged webhooks per second ----------------------------------------------------------

async fn acknowledgements() {
    println!("| connections | plain echo /s | fenicia 200 /s | ratio | p50 ms | p99 ms |");
    println!("|---|---|---|---|---|---|");
    let bodies = Arc::new(Body::many(1_000));
    for connections in [16, 64, 256] {
        let echo = echo().await;
        let plain = drive(echo, "/", connections, RUN, &bodies, None).await;
        let daemon = Daemon::start(Folder::new());
        let pid = Some(daemon.child.id());
        let acked = drive(daemon.webhooks, "/webhooks/shop", connections, RUN, &bodies, pid).await;
        println!(
            "| {connections} | {:.0} | {:.0} | {:.3} | {:.2} | {:.2} |",
            plain.per_second,
            acked.per_second,
            acked.per_second / plain.per_second,
            acked.p50,
            acked.p99
        );
    }
    println!();
}

struct Body {
    bytes: Bytes,
    signature: String,
}

impl Body {
    fn many(count: u64) -> Vec<Self> {
        (0..count).map(|n| Self::of(5_000_000_000 + n)).collect()
    }

    fn of(order: u64) -> Self {
        let now = fenicia::model::Timestamp::from_secs(1_800_000_000).to_rfc3339_secs();
        let line = |n: u64| {
            serde_json::json!({"id": order * 10 + n, "sku": format!("SKU-{n}"), "title": "Cotton shirt", "variant_title": "Blue / M",
                "quantity": 1, "current_quantity": 1, "fulfillable_quantity": 1, "price": "249.00", "name": "x".repeat(1_500)})
        };
        let body = serde_json::json!({"id": order, "name": format!("#{order}"), "created_at": now, "updated_at": now, "processed_at": now,
            "currency": "MXN", "current_total_price": "747.00", "total_price": "747.00", "financial_status": "paid", "fulfillment_status": null,
            "email": "shopper@example.com", "phone": null, "note": null, "tags": "", "cancelled_at": null,
            "customer": {"id": 7, "first_name": "Sample", "last_name": "Shopper"}, "shipping_address": {"name": "Sample Shopper",
            "address1": "1 Test Street", "city": "Sampleton", "country_code": "MX", "zip": "01000"},
            "line_items": [line(1), line(2), line(3)], "fulfillments": [], "refunds": []});
        let bytes = Bytes::from(body.to_string());
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
        let signature = base64::engine::general_purpose::STANDARD.encode(ring::hmac::sign(&key, &bytes));
        Self { bytes, signature }
    }
}

struct Driven {
    per_second: f64,
    p50: f64,
    p99: f64,
}

static DELIVERY: AtomicU64 = AtomicU64::new(0);

async fn drive(
    address: std::net::SocketAddr,
    path: &'static str,
    connections: usize,
    span: Duration,
    bodies: &Arc<Vec<Body>>,
    _pid: Option<u32>,
) -> Driven {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..connections)
        .map(|_| {
            let bodies = bodies.clone();
            tokio::spawn(async move {
                let stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let (mut send, connection) =
                    hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
                tokio::spawn(connection);
                let mut latencies = Vec::with_capacity(8_192);
                while begun.elapsed() < span {
                    let n = DELIVERY.fetch_add(1, Ordering::Relaxed);
                    let sent = Instant::now();
                    let answer = send
                        .send_request(request(path, &bodies[n as usize % bodies.len()], n))
                        .await
                        .unwrap();
                    assert_eq!(answer.status(), 200);
                    answer.into_body().collect().await.unwrap();
                    latencies.push(sent.elapsed());
                }
                latencies
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.unwrap());
    }
    let seconds = begun.elapsed().as_secs_f64();
    let (p50, p99) = quantiles(&mut latencies);
    Driven { per_second: latencies.len() as f64 / seconds, p50, p99 }
}

fn request(path: &str, body: &Body, n: u64) -> hyper::Request<Full<Bytes>> {
    hyper::Request::post(path)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("x-shopify-topic", "orders/updated")
        .header("x-shopify-shop-domain", SHOP)
        .header("x-shopify-webhook-id", format!("load-{n}"))
        .header("x-shopify-hmac-sha256", &body.signature)
        .body(Full::new(body.bytes.clone()))
        .unwrap()
}

/// Milliseconds.
fn quantiles(latencies: &mut [Duration]) -> (f64, f64) {
    latencies.sort_unstable();
    let at = |q: f64| latencies[((latencies.len() - 1) as f64 * q) as usize].as_secs_f64() * 1_000.0;
    (at(0.5), at(0.99))
}

/// Reads the body and answers 200: what any server at all must do.
async fn echo() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { return };
            drop(stream.set_nodelay(true));
            let service = service_fn(|request: hyper::Request<Incoming>| async move {
                let body = request.into_body().collect().await?.to_bytes();
                Ok::<_, hyper::Error>(hyper::Response::new(Full::new(body.slice(0..0))))
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    address
}

// ---- webhook to visible ------------------------------------------------------------------------

async fn visible() {
    let daemon = Daemon::start(Folder::new());
    let bodies: Vec<Body> = (0..2_000).map(|n| Body::of(7_000_000_000 + n)).collect();
    let (host, key) = (daemon.admin, daemon.key.clone());
    let count = bodies.len();
    let reader = tokio::spawn(async move {
        let mut seen = std::collections::HashMap::new();
        let mut after = 0;
        while seen.len() < count {
            let text = get(host, &key, &format!("/api/v1/changes?after={after}&limit=200&wait=30s")).await.1;
            let now = Instant::now();
            let page: serde_json::Value = serde_json::from_str(&text).unwrap();
            let items = page["items"].as_array().unwrap_or_else(|| panic!("{text}"));
            assert!(!items.is_empty(), "the feed is silent");
            for item in items {
                after = item["seq"].as_u64().unwrap();
                seen.entry(item["order_id"].as_str().unwrap().to_owned()).or_insert(now);
            }
        }
        seen
    });
    let mut sent = std::collections::HashMap::new();
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    let stream = TcpStream::connect(daemon.webhooks).await.unwrap();
    let (mut send, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    for (n, body) in bodies.iter().enumerate() {
        tick.tick().await;
        send.ready().await.unwrap();
        sent.insert(format!("shop:{}", 7_000_000_000 + n as u64), Instant::now());
        let answer = send.send_request(request("/webhooks/shop", body, 10_000_000 + n as u64)).await.unwrap();
        answer.into_body().collect().await.unwrap();
    }
    let seen = reader.await.unwrap();
    let mut latencies: Vec<Duration> =
        sent.iter().map(|(order, at)| seen[order].duration_since(*at)).collect();
    let (p50, p99) = quantiles(&mut latencies);
    println!("webhook to visible in the feed of changes at 200/s: p50 {p50:.1} ms, p99 {p99:.1} ms\n");
}

// ---- memory, start, size -----------------------------------------------------------------------

async fn at_rest() {
    let folder = Folder::new();
    let daemon = Daemon::start(folder);
    let first = daemon.ready_after;
    get(daemon.admin, &daemon.key, "/api/v1/channels").await;
    let idle = rss_mib(daemon.child.id());
    let folder = daemon.stop();
    let daemon = Daemon::start(folder);
    println!(
        "start: {} ms on an empty folder, {} ms after a clean stop",
        first.as_millis(),
        daemon.ready_after.as_millis()
    );
    println!("idle memory: {idle:.1} MiB");
    let bytes = std::fs::metadata(binary()).unwrap().len();
    println!("binary: {:.1} MB\n", bytes as f64 / 1e6);
}

// ---- a large store -----------------------------------------------------------------------------

async fn at_size(orders: u64) {
    let folder = Folder::new();
    let data = folder.path.join("data");
    let begun = Instant::now();
    {
        let mut options = Options::new(data.clone(), Clock::system(), Random::system());
        options.cache_bytes = 256 << 20;
        let store = Store::open(options).unwrap();
        testing::fill(&store, "shop", 0, orders, Clock::system().now()).await.unwrap();
        store.close().await;
    }
    println!(
        "filled {orders} orders in {:.0} s, file {:.0} MiB",
        begun.elapsed().as_secs_f64(),
        std::fs::metadata(data.join("store.redb")).unwrap().len() as f64 / 1_048_576.0
    );
    let daemon = Daemon::start(folder);
    println!("start with {orders} orders, clean: {} ms", daemon.ready_after.as_millis());
    let bodies = Arc::new(Body::many(100));
    drive(daemon.webhooks, "/webhooks/shop", 4, Duration::from_secs(2), &bodies, None).await;
    let folder = daemon.kill();
    let daemon = Daemon::start(folder);
    println!("start with {orders} orders, after kill -9 under load: {} ms\n", daemon.ready_after.as_millis());
    println!("| request at {orders} orders | p50 ms | p99 ms |");
    println!("|---|---|---|");
    for (what, path) in [
        ("newest 50", "/api/v1/orders?limit=50"),
        ("by status", "/api/v1/orders?status=shipped&limit=50"),
        ("by status and payment", "/api/v1/orders?status=accepted&payment_status=refunded&limit=50"),
        ("by number", "/api/v1/orders?q=%23{n}"),
        ("by SKU", "/api/v1/orders?q=SKU-{s}"),
        ("by name", "/api/v1/orders?q=mar%C3%ADa+apellido{c}"),
        ("by e-mail", "/api/v1/orders?q=buyer{s}%40example.com"),
        ("one order", "/api/v1/orders/shop:{o}"),
        ("summary", "/api/v1/orders/summary"),
    ] {
        let mut latencies = Vec::new();
        for n in 0..300u64 {
            let pick = n * 7_919 % orders;
            let path = path
                .replace("{n}", &(1_000 + pick).to_string())
                .replace("{s}", &(pick % 5_000).to_string())
                .replace("{c}", &(pick % 100).to_string())
                .replace("{o}", &(5_000_000_000 + pick).to_string());
            let begun = Instant::now();
            let (status, text) = get(daemon.admin, &daemon.key, &path).await;
            latencies.push(begun.elapsed());
            assert_eq!(status, 200, "{path}: {text}");
        }
        let (p50, p99) = quantiles(&mut latencies);
        println!("| {what} | {p50:.2} | {p99:.2} |");
    }
    let session = sign_in(daemon.admin, &daemon.key).await;
    for (what, path) in
        [("page: overview", "/"), ("page: orders", "/orders"), ("page: to ship", "/orders?status=accepted")]
    {
        let mut latencies = Vec::new();
        for _ in 0..100 {
            let begun = Instant::now();
            let request = hyper::Request::get(path).header("cookie", &session);
            let (head, text) = send(daemon.admin, request, String::new()).await;
            latencies.push(begun.elapsed());
            assert_eq!(head.status, 200, "{path}: {text}");
        }
        let (p50, p99) = quantiles(&mut latencies);
        println!("| {what} | {p50:.2} | {p99:.2} |");
    }
    println!("\nmemory after that: {:.0} MiB", rss_mib(daemon.child.id()));
}

// ---- the daemon --------------------------------------------------------------------------------

struct Folder {
    path: PathBuf,
}

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("fenicia-load-{}", Random::system().token(9)));
        std::fs::create_dir_all(&path).unwrap();
        let config = format!(
            "[store]\npath = \"data\"\n[webhooks]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[channels.shop]\nkind = \"shopify\"\n\
             shop = \"{SHOP}\"\naccess_token = \"shpat_load\"\nclient_secret = \"{SECRET}\"\nbase_url = \"http://127.0.0.1:9\"\npoll = \"0 0 1 1 *\"\n"
        );
        std::fs::write(path.join("config.toml"), config).unwrap();
        Self { path }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.path));
    }
}

struct Daemon {
    child: Child,
    webhooks: std::net::SocketAddr,
    admin: std::net::SocketAddr,
    key: String,
    ready_after: Duration,
    folder: Option<Folder>,
}

fn binary() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("fenicia")
}

impl Daemon {
    fn start(folder: Folder) -> Self {
        let socket = folder.path.join("notify");
        drop(std::fs::remove_file(&socket));
        let notifications = UnixDatagram::bind(&socket).unwrap();
        notifications.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        let begun = Instant::now();
        let child = Command::new(binary())
            .args(["run", "--config"])
            .arg(folder.path.join("config.toml"))
            .env("NOTIFY_SOCKET", &socket)
            .env("FENICIA_LOG", "error")
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(folder.path.join("log")).unwrap())
            .spawn()
            .expect("build the release binary first: cargo build --release");
        let mut message = [0; 1024];
        loop {
            let length = notifications.recv(&mut message).expect("ready in time");
            if String::from_utf8_lossy(&message[..length]).contains("READY=1") {
                break;
            }
        }
        let ready_after = begun.elapsed();
        let data = folder.path.join("data");
        let addresses: serde_json::Value =
            serde_json::from_slice(&std::fs::read(data.join("addresses.json")).unwrap()).unwrap();
        let address = |name: &str| addresses[name].as_str().unwrap().parse().unwrap();
        let key = std::fs::read_to_string(data.join("admin.key")).unwrap().trim().to_owned();
        Self {
            child,
            webhooks: address("webhooks"),
            admin: address("admin"),
            key,
            ready_after,
            folder: Some(folder),
        }
    }

    fn stop(mut self) -> Folder {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        self.child.wait().unwrap();
        self.folder.take().unwrap()
    }

    fn kill(mut self) -> Folder {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.folder.take().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn get(address: std::net::SocketAddr, key: &str, path: &str) -> (u16, String) {
    let request = hyper::Request::get(path).header("authorization", format!("Bearer {key}"));
    let (head, text) = send(address, request, String::new()).await;
    (head.status.as_u16(), text)
}

/// The cookie of a session on the page, opened with the key.
async fn sign_in(address: std::net::SocketAddr, key: &str) -> String {
    let cookie = |head: &Head| {
        let cookies = head.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
        cookies.map(|value| value.split(';').next().unwrap()).collect::<Vec<_>>().join("; ")
    };
    let (head, text) = send(address, hyper::Request::get("/login"), String::new()).await;
    let csrf = text.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("csrf", csrf), ("api_key", key)])
        .finish();
    let request = hyper::Request::post("/login")
        .header("cookie", cookie(&head))
        .header("content-type", "application/x-www-form-urlencoded");
    let (head, text) = send(address, request, form).await;
    assert_eq!(head.status, 303, "{text}");
    cookie(&head)
}

type Head = hyper::http::response::Parts;

async fn send(
    address: std::net::SocketAddr,
    request: hyper::http::request::Builder,
    body: String,
) -> (Head, String) {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut send, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = request.header("host", address.to_string()).body(Full::new(Bytes::from(body))).unwrap();
    let (head, body) = send.send_request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head, String::from_utf8_lossy(&body).into_owned())
}

// ---- the machine -------------------------------------------------------------------------------

fn rss_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1_024.0
}

fn cpu() -> String {
    let mut text = String::new();
    drop(std::fs::File::open(Path::new("/proc/cpuinfo")).and_then(|mut f| f.read_to_string(&mut text)));
    let model = text.lines().find(|l| l.starts_with("model name"));
    model.and_then(|l| l.split(": ").nth(1)).unwrap_or("unknown processor").to_owned()
}

/// Microseconds of a 4 KiB append with its sync.
fn fdatasync() -> (u128, u128) {
    let path = std::env::temp_dir().join("fenicia-load-fsync");
    let mut file = std::fs::File::create(&path).unwrap();
    let mut spans: Vec<Duration> = (0..1_000)
        .map(|_| {
            let begun = Instant::now();
            file.write_all(&[7; 4_096]).unwrap();
            file.sync_data().unwrap();
            begun.elapsed()
        })
        .collect();
    drop(std::fs::remove_file(path));
    spans.sort_unstable();
    (spans[500].as_micros(), spans[990].as_micros())
}
