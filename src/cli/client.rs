//! Calls to the daemon's admin API.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::trouble::{Exit, Problem, Trouble};
use crate::model::Secret;
use crate::random::Random;

/// No list or order is near this.
const ANSWER_MAX_BYTES: usize = 64 << 20;
/// For everything but streams.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What stays as it is in a path segment: the colon of an order's id, for readable logs.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b':');

pub(super) struct Client {
    url: String,
    key: Option<Secret>,
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    random: Random,
}

/// A successful answer's body.
pub(super) struct Answer {
    pub text: String,
}

impl Answer {
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Trouble> {
        serde_json::from_str(&self.text).map_err(|error| {
            Trouble::failed(
                "the daemon's answer makes no sense",
                error,
                "Use the fenicia that the daemon runs: compare `fenicia --version` on both sides.",
            )
        })
    }
}

impl Client {
    pub(super) fn new(url: String, key: Option<Secret>) -> Result<Self, Trouble> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Trouble::failed("TLS cannot be set up", error, "Use an http address."))?;
        let tls = if url.starts_with("https://") {
            tls.with_native_roots().map_err(|error| {
                Trouble::failed("no trusted root certificates", error, "Install the ca-certificates package.")
            })?
        } else {
            tls.with_root_certificates(rustls::RootCertStore::empty())
        };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls.with_no_client_auth())
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let pool = Pool::builder(TokioExecutor::new()).build(connector);
        Ok(Self { url, key, pool, random: Random::system() })
    }

    pub(super) async fn get(&self, path: &str) -> Result<Answer, Trouble> {
        self.call(Method::GET, path, None).await
    }

    /// Sent once, under an idempotency key of its own.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Answer, Trouble> {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<Answer, Trouble> {
        self.call(Method::DELETE, path, None).await
    }

    /// An answer that is read piece by piece.
    pub(super) async fn stream(&self, method: Method, path: &str) -> Result<Response<Incoming>, Trouble> {
        let response = self.send(method, path, None).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let text = self.text(response).await?;
        Err(refusal(status, &text))
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, Trouble> {
        let whole = async {
            let response = self.send(method, path, body).await?;
            let status = response.status();
            let text = self.text(response).await?;
            if status.is_success() { Ok(Answer { text }) } else { Err(refusal(status, &text)) }
        };
        let late = |_| self.unreachable(&format!("no answer within {} s", ANSWER_TIMEOUT.as_secs()));
        tokio::time::timeout(ANSWER_TIMEOUT, whole).await.map_err(late)?
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response<Incoming>, Trouble> {
        let bad = |error: hyper::http::Error| {
            let why = format!("{} is no usable address: {error}", self.url);
            Trouble::failed("cannot ask the daemon", why, "Write --url as http://HOST:PORT.")
        };
        let mut request = Request::builder().method(&method).uri(format!("{}{path}", self.url));
        if let Some(key) = &self.key {
            let mut value = hyper::header::HeaderValue::try_from(format!("Bearer {}", key.expose()))
                .map_err(|error| bad(error.into()))?;
            value.set_sensitive(true);
            request = request.header(hyper::header::AUTHORIZATION, value);
        }
        if method == Method::POST {
            request = request.header("idempotency-key", self.random.uuid_v4().to_string());
        }
        if body.is_some() {
            request = request.header(hyper::header::CONTENT_TYPE, "application/json");
        }
        let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let request = request.body(Full::new(bytes)).map_err(bad)?;
        self.pool.request(request).await.map_err(|error| self.unreachable(&root_cause(&error)))
    }

    async fn text(&self, response: Response<Incoming>) -> Result<String, Trouble> {
        let body = Limited::new(response.into_body(), ANSWER_MAX_BYTES).collect().await;
        let bytes = body.map_err(|error| self.unreachable(&error.to_string()))?.to_bytes();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    pub(super) fn unreachable(&self, why: &str) -> Trouble {
        Trouble::new(
            Exit::Unreachable,
            format!("cannot reach the daemon at {}", self.url),
            why,
            "Start it with `fenicia run`, or name its admin address with --url or FENICIA_URL.",
        )
    }
}

/// The innermost error says it shortest: "connection refused".
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

fn refusal(status: StatusCode, text: &str) -> Trouble {
    Trouble::refused(status.as_u16(), serde_json::from_str::<Problem>(text).unwrap_or_default())
}

/// One segment of a path.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// A path with a query of the parameters that have a value.
pub(super) fn query<'a>(
    path: &str,
    parameters: impl IntoIterator<Item = (&'a str, Option<String>)>,
) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters {
        if let Some(value) = value {
            query.append_pair(name, &value);
        }
    }
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}
