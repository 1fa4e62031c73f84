//! A shop that answers as a test says, over real HTTP on loopback.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::channel::shopify::KIND;
use crate::channel::{Call, Channel, Env, Headers, Settings, Value as Setting};
use crate::clock::Clock;
use crate::model::{ChannelId, Lane, Secret, Timestamp, Tokens};
use crate::net::{Http, HttpOptions};
use crate::random::Random;

/// One call as the shop saw it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub path: String,
    pub body: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Headers for Asked {
    fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

impl Asked {
    pub(super) fn query(&self) -> String {
        self.json()["query"].as_str().unwrap_or_default().to_owned()
    }

    pub(super) fn variables(&self) -> Value {
        self.json()["variables"].clone()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// What it answers.
pub(super) struct Told {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

pub(super) fn told(body: &Value) -> Told {
    Told { status: 200, headers: Vec::new(), body: body.to_string() }
}

#[allow(clippy::needless_pass_by_value, reason = "reads better with a literal")]
pub(super) fn data(data: Value) -> Told {
    told(&json!({ "data": data }))
}

pub(super) struct Shop {
    pub url: String,
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

    /// A channel with the client's credentials.
    pub(super) fn channel(&self) -> Arc<dyn Channel> {
        self.channel_with(&[
            ("client_id", Setting::Text("id".into())),
            ("client_secret", Setting::Secret(Secret::new("se&cret"))),
        ])
    }

    pub(super) fn channel_with(&self, values: &[(&str, Setting)]) -> Arc<dyn Channel> {
        channel_at(&self.url, "tienda", values)
    }
}

pub(super) fn channel_at(url: &str, shop: &str, values: &[(&str, Setting)]) -> Arc<dyn Channel> {
    let mut all: BTreeMap<String, Setting> = BTreeMap::new();
    all.insert("shop".into(), Setting::Text(shop.into()));
    all.extend(values.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    let settings = Settings {
        id: ChannelId::new("tienda").expect("an id"),
        base_url: Some(url.to_owned()),
        request_timeout: Duration::from_secs(10),
        values: all,
    };
    let http = Http::new(HttpOptions {
        body_max_bytes: 1 << 20,
        connect_timeout: Duration::from_secs(5),
        user_agent: "test".into(),
    });
    let env = Env { clock: Clock::system(), random: Random::seeded(1), http: http.expect("a client") };
    (KIND.build)(&settings, &env).unwrap_or_else(|faults| panic!("{faults:?}"))
}

async fn respond(
    request: Request<Incoming>,
    answer: Arc<impl Fn(&Asked) -> Told>,
    log: Arc<Mutex<Vec<Asked>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let pair = |(name, value): (&HeaderName, &HeaderValue)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    let headers: Vec<_> = request.headers().iter().filter_map(pair).collect();
    let body =
        request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let asked = Asked { path, headers, body: String::from_utf8_lossy(&body).into_owned() };
    let told = answer(&asked);
    log.lock().expect("no test panics while it holds this").push(asked);
    let mut response = Response::builder().status(told.status).header("content-type", "application/json");
    for (name, value) in told.headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::new(told.body.into())).expect("a response"))
}

pub(super) fn tokens(scopes: &str) -> Tokens {
    Tokens {
        generation: 1,
        scopes: scopes.split(',').filter(|scope| !scope.is_empty()).map(str::to_owned).collect(),
        ..Tokens::bare(Secret::new("shpat_test"), Timestamp::EPOCH)
    }
}

pub(super) fn call(tokens: &Tokens) -> Call<'_> {
    Call { tokens, lane: Lane::Manual }
}
