//! A TikTok Shop that answers as a test says, over real HTTP on loopback, and checks signatures.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::channel::tiktok_shop::connector::TikTokShop;
use crate::channel::tiktok_shop::setup::assemble;
use crate::channel::tiktok_shop::sign::{Params, Signer};
use crate::channel::{Call, Env, Settings, Value as Setting};
use crate::clock::Clock;
use crate::model::{ChannelId, Lane, Secret, Timestamp, Tokens};
use crate::net::{Http, HttpOptions};
use crate::random::Random;

pub(super) const APP_KEY: &str = "6fenicia000001";
pub(super) const SECRET: &str = "fenicia-test-secret";
pub(super) const SHOP_ID: &str = "7495000000000000001";
pub(super) const CIPHER: &str = "ROW_cipher+/=";
pub(super) const NOW: i64 = 1_764_000_000;

/// One call as the shop saw it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub method: String,
    pub path: String,
    /// Decoded.
    pub query: BTreeMap<String, String>,
    pub token: Option<String>,
    pub body: String,
}

impl Asked {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    pub(super) fn param(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    /// `METHOD /path`
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn is_signed(&self) -> bool {
        const NAMES: [&str; 9] = [
            "app_key",
            "ids",
            "idempotency_key",
            "page_size",
            "page_token",
            "shop_cipher",
            "sort_field",
            "sort_order",
            "timestamp",
        ];
        let signed = |name: &'static str| self.query.get(name).map(|value| (name, value.clone()));
        let params: Params = NAMES.into_iter().filter_map(signed).collect();
        let sign =
            Signer::new(APP_KEY, &Secret::new(SECRET)).of_call(&self.path, &params, self.body.as_bytes());
        params.len() + 1 == self.query.len() && sign == self.param("sign")
    }
}

/// What it answers.
pub(super) struct Told {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

#[allow(clippy::needless_pass_by_value, reason = "reads better with a literal")]
pub(super) fn good(data: Value) -> Told {
    let body = json!({"code": 0, "message": "Success", "request_id": "r0", "data": data});
    Told { status: 200, headers: Vec::new(), body: body.to_string() }
}

pub(super) fn bad(status: u16, code: i64, message: &str) -> Told {
    let body = json!({"code": code, "message": message, "request_id": "r1", "data": null});
    Told { status, headers: Vec::new(), body: body.to_string() }
}

pub(super) struct Shop {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Shop {
    pub(super) async fn start(answer: impl Fn(&Asked) -> Told + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), asked.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, log) = (answer.clone(), log.clone());
                let service = service_fn(move |request| respond(request, answer.clone(), log.clone()));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { url, asked }
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no test panics while it holds this").clone()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.asked().iter().map(Asked::line).collect()
    }

    pub(super) fn channel(&self) -> TikTokShop {
        channel(&self.url, true)
    }

    /// One whose config does not name the cipher.
    pub(super) fn channel_without_cipher(&self) -> TikTokShop {
        channel(&self.url, false)
    }
}

pub(super) fn channel(url: &str, with_cipher: bool) -> TikTokShop {
    let text = |text: &str| Setting::Text(text.to_owned());
    let secret = |text: &str| Setting::Secret(Secret::new(text));
    let mut values = BTreeMap::from([
        ("app_key".to_owned(), text(APP_KEY)),
        ("app_secret".to_owned(), secret(SECRET)),
        ("shop_id".to_owned(), text(SHOP_ID)),
        ("refresh_token".to_owned(), secret("first-refresh")),
    ]);
    if with_cipher {
        values.insert("shop_cipher".to_owned(), text(CIPHER));
    }
    let settings = Settings {
        id: ChannelId::new("tt").expect("an id"),
        base_url: Some(url.to_owned()),
        request_timeout: Duration::from_secs(10),
        values,
    };
    let http = Http::new(HttpOptions {
        body_max_bytes: 1 << 20,
        connect_timeout: Duration::from_secs(5),
        user_agent: "test".into(),
    });
    let clock = Clock::starting_at(Timestamp::from_secs(NOW));
    let env = Env { clock, random: Random::seeded(1), http: http.expect("a client") };
    assemble(&settings, &env).unwrap_or_else(|faults| panic!("{faults:?}"))
}

async fn respond(
    request: Request<Incoming>,
    answer: Arc<impl Fn(&Asked) -> Told>,
    log: Arc<Mutex<Vec<Asked>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let query = request.uri().query().unwrap_or_default();
    let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    let token = request.headers().get("x-tts-access-token").and_then(|t| t.to_str().ok()).map(str::to_owned);
    let body =
        request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let asked = Asked { method, path, query, token, body: String::from_utf8_lossy(&body).into_owned() };
    let told = if asked.path.starts_with("/api/v2/token/") || asked.is_signed() {
        answer(&asked)
    } else {
        bad(401, 106_001, "sign is invalid")
    };
    log.lock().expect("no test panics while it holds this").push(asked);
    let mut response = Response::builder().status(told.status).header("content-type", "application/json");
    for (name, value) in told.headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::new(told.body.into())).expect("a response"))
}

pub(super) fn tokens() -> Tokens {
    Tokens {
        refresh: Some(Secret::new("held-refresh")),
        generation: 4,
        scopes: vec!["seller.order.info".to_owned()],
        ..Tokens::bare(Secret::new("ROW_access"), Timestamp::EPOCH)
    }
}

pub(super) fn call(tokens: &Tokens) -> Call<'_> {
    Call { tokens, lane: Lane::Manual }
}

/// One delivery: path, headers, body.
pub(super) type Delivered = (String, Vec<(String, String)>, Vec<u8>);

/// Takes deliveries and says 200 to each.
pub(super) async fn receive(listener: TcpListener, tell: tokio::sync::mpsc::Sender<Delivered>) {
    while let Ok((stream, _)) = listener.accept().await {
        let tell = tell.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let tell = tell.clone();
            async move {
                let path = request.uri().path().to_owned();
                let text = |value: &hyper::header::HeaderValue| value.to_str().unwrap_or_default().to_owned();
                let headers =
                    request.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
                let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
                drop(tell.send((path, headers, body.unwrap_or_default().to_vec())).await);
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
            }
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
        );
    }
}
