//! Who is told beside the page: once per incident, through kills and refusals, and by what the config
//! says at that moment. Also what else of the config takes effect without a restart.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test says what it expects"
)]

mod support;

use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fenicia::clock::Clock;
use fenicia::kinds;
use fenicia::net::Method;
use fenicia::random::Random;
use fenicia::sandbox::{Kit, Running, Tuning};
use serde_json::{Value, json};
use support::{Daemon, Folder};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A receiver of webhooks that answers each one when the test says so.
struct Sink {
    listener: TcpListener,
    address: String,
}

/// One message that waits for its answer.
struct Letter {
    stream: TcpStream,
    head: String,
    body: String,
}

impl Sink {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("an address").to_string();
        Self { listener, address }
    }

    fn config(&self) -> String {
        format!(
            "[notify.ops]\nkind = \"webhook\"\nurl = \"http://{}/hook\"\nsecret = \"{KEY}\"\n",
            self.address
        )
    }

    async fn next(&self) -> Letter {
        let waited = Duration::from_mins(2);
        let arrived = tokio::time::timeout(waited, self.listener.accept()).await.expect("a message");
        let (mut stream, _) = arrived.expect("a connection");
        let mut bytes = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                if body.len() >= length.expect("a length").parse().expect("a number") {
                    return Letter { stream, head: head.to_owned(), body: body.to_owned() };
                }
            }
            assert!(stream.read_buf(&mut bytes).await.expect("readable") > 0, "it broke off: {text}");
        }
    }
}

impl Letter {
    fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| line.strip_prefix(name)).expect("the header");
        line.trim_start_matches(": ")
    }

    fn id(&self) -> String {
        self.header("webhook-id").to_owned()
    }

    /// The type of an authentic message.
    fn kind(&self) -> String {
        let key = STANDARD.decode(&KEY["whsec_".len()..]).expect("base64");
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key);
        let signed = format!("{}.{}.{}", self.id(), self.header("webhook-timestamp"), self.body);
        let signature = self.header("webhook-signature").strip_prefix("v1,").expect("version 1");
        let signature = STANDARD.decode(signature).expect("base64");
        ring::hmac::verify(&key, signed.as_bytes(), &signature).expect("authentic");
        self.json()["type"].as_str().expect("a type").to_owned()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    async fn answer(mut self, status: &str) {
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        self.stream.write_all(answer.as_bytes()).await.expect("answered");
    }
}

async fn shop() -> Running {
    let kit = Kit::new(Clock::system(), Random::seeded(1), Tuning { limits: 1_000.0, ..Tuning::default() });
    let stand = kinds::stand("shopify", kit).expect("a stand");
    Running::open(stand, 0).await.expect("a port")
}

/// What a series of the metrics says; 0 when it is not there.
async fn metric(daemon: &Daemon, series: &str) -> u64 {
    let text = daemon.client.get("/metrics").await.text;
    let value = |line: &str| line.strip_prefix(series)?.trim().parse().ok();
    text.lines().find_map(value).unwrap_or(0)
}

async fn until_above(daemon: &Daemon, series: &str, before: u64) {
    let patience = daemon.client.patience();
    while metric(daemon, series).await <= before {
        assert!(patience.is_left(), "{series} stays at {before}");
        daemon.client.news().await;
    }
}

async fn reload(daemon: &Daemon) {
    let series = "fenicia_config_reloads_total{outcome=\"applied\"}";
    let before = metric(daemon, series).await;
    daemon.signal("-HUP");
    until_above(daemon, series, before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_is_told_once_through_kills_and_refusals_and_so_is_its_end() {
    let (shop, sink) = (shop().await, Sink::open().await);
    let good = format!("{}\n{}", shop.config("shop").trim_end(), sink.config());
    let wrong = good.replace("client_secret = \"", "client_secret = \"wrong-");
    let folder = Folder::new(&shop.config("shop"));
    let daemon = Daemon::start(&folder);
    daemon.client.until("/api/v1/channels/shop", |channel| channel["last_success_at"].is_string()).await;

    // Who is told, and the credentials, change in one reload.
    folder.write(&wrong);
    reload(&daemon).await;
    let first = sink.next().await;
    assert_eq!(first.kind(), "channel_down");
    let link = first.json()["url"].as_str().expect("a link").to_owned();
    assert_eq!(link, format!("{}/channels/shop", daemon.client.base()));
    daemon.kill();

    let daemon = Daemon::start(&folder);
    let second = sink.next().await;
    assert_eq!(
        (second.id(), second.kind()),
        (first.id(), "channel_down".to_owned()),
        "told again, as the same"
    );
    second.answer("500 Internal Server Error").await;
    let third = sink.next().await;
    assert_eq!(third.id(), first.id(), "tried again after the refusal");
    third.answer("204 No Content").await;
    let shown = daemon.client.until("/api/v1/notifications", |list| list["items"][0].is_object()).await;
    assert_eq!(shown["items"].as_array().expect("a list").len(), 1, "{shown}");
    let series = "fenicia_notifications_total{target=\"ops\",outcome=\"delivered\"}";
    until_above(&daemon, series, 0).await;
    daemon.kill();

    let daemon = Daemon::start(&folder);
    folder.write(&good);
    reload(&daemon).await;
    let fourth = sink.next().await;
    assert_eq!(fourth.kind(), "channel_recovered", "the first was not told again");
    fourth.answer("200 OK").await;
    assert!(daemon.stop().success(), "{}", folder.log());
    let log = folder.log();
    assert!(!log.contains(KEY) && !log.contains("/hook"), "secrets in the log");
    let verify = Command::new(env!("CARGO_BIN_EXE_fenicia"))
        .args(["verify", "--data"])
        .arg(folder.data())
        .output()
        .expect("it runs");
    assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stdout));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_listeners_keep_to_changes_with_a_reload() {
    let shop = shop().await;
    let folder = Folder::new("");
    let write = |webhooks: &str, admin: &str| {
        let text = format!(
            "[store]\npath = \"data\"\n[webhooks]\nlisten = \"127.0.0.1:0\"\n{webhooks}[admin]\nlisten = \"127.0.0.1:0\"\n{admin}{}",
            shop.config("shop")
        );
        std::fs::write(folder.config(), text).expect("a config");
    };
    write("public_url = \"https://one.example.com\"\nmax_body = \"64KiB\"\n", "");
    let daemon = Daemon::start(&folder);
    let deliver = async || {
        let url = format!("{}/webhooks/shop", daemon.webhooks);
        post(&url, &"x".repeat(100_000)).await
    };
    let as_host = async |host| {
        daemon.client.call_as(Method::Get, "/api/v1/channels/shop", None, &[("host", host)]).await
    };
    assert_eq!(deliver().await, 413);
    assert_eq!(as_host("fenicia.lan").await.status, 421);
    let channel = daemon.client.get("/api/v1/channels/shop").await;
    assert_eq!(channel.body["webhook_url"], "https://one.example.com/webhooks/shop");

    write(
        "public_url = \"https://two.example.com\"\nmax_body = \"1MiB\"\n",
        "public_url = \"https://fenicia.lan\"\n",
    );
    reload(&daemon).await;
    assert_eq!(deliver().await, 401, "its size is no longer refused, its missing signature is");
    let channel = as_host("fenicia.lan").await;
    assert_eq!(
        (channel.status, &channel.body["webhook_url"]),
        (200, &json!("https://two.example.com/webhooks/shop"))
    );
    assert!(daemon.stop().success(), "{}", folder.log());
}

async fn post(url: &str, body: &str) -> u16 {
    use fenicia::net::{Http, HttpOptions, Request};
    let options = HttpOptions {
        body_max_bytes: 1 << 16,
        connect_timeout: Duration::from_secs(10),
        user_agent: "fenicia-tests".to_owned(),
    };
    let request = Request::new("test", Method::Post, url).body("application/json", body.as_bytes().to_vec());
    let http = Http::new(options).expect("a client");
    http.send(request, Duration::from_secs(30), Clock::system().now()).await.expect("an answer").status
}

#[tokio::test(flavor = "multi_thread")]
async fn check_online_sends_each_target_a_test_and_names_the_cause() {
    let sink = Sink::open().await;
    let dead = Sink::open().await.address;
    let folder = Folder::new(&format!(
        "{}[notify.chat]\nkind = \"slack\"\nurl = \"http://{dead}/services/hush\"\n",
        sink.config()
    ));
    let config = folder.config();
    let check = tokio::task::spawn_blocking(move || {
        Command::new(env!("CARGO_BIN_EXE_fenicia"))
            .args(["check", "--online", "--json", "--config"])
            .arg(config)
            .output()
            .expect("it runs")
    });
    let letter = sink.next().await;
    assert_eq!(letter.kind(), "test");
    letter.answer("200 OK").await;
    let output = check.await.expect("it ended");
    assert_eq!(output.status.code(), Some(2));
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(found["notify"][1], json!({"target": "ops", "kind": "webhook", "ok": true, "why": null}));
    let why = found["notify"][0]["why"].as_str().expect("a cause");
    assert!(why.contains("refuses the connection") && !why.contains("hush"), "{found}");
}
