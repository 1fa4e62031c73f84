//! The shared client: connections, TLS, time-outs, caps.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use hyper::{Uri, http};
use hyper_rustls::ConfigBuilderExt;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;

use super::body;
use super::connect::Connector;
use super::fault::Fault;
use super::{Method, Request, Response};
use crate::model::{Failure, Timestamp};

/// Shorter than the keep-alive of common servers (the shortest is 5 s), so that a request seldom
/// meets a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(4);
const IDLE_PER_HOST: usize = 16;
/// The whole head of an answer.
const HEAD_MAX_BYTES: usize = 128 * 1024;

/// Settings of the client, the same for every connection.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Largest answer that is read, before and after decompression.
    pub body_max_bytes: usize,
    /// For name, TCP and TLS together.
    pub connect_timeout: Duration,
    pub user_agent: String,
}

/// The client could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// From `require_roots` only: a client without roots still serves plain `http`.
    #[error("no trusted root certificates on this machine: install the ca-certificates package")]
    NoRoots,
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    #[error("the user agent {0:?} cannot be a header")]
    UserAgent(String),
}

/// A cheap handle on the shared client.
#[derive(Clone)]
pub struct Http(Arc<Inner>);

struct Inner {
    client: Client<Connector, Full<Bytes>>,
    user_agent: HeaderValue,
    body_max_bytes: usize,
    has_roots: bool,
}

impl Http {
    /// Reads the machine's certificate store. That it is empty shows with the first `https` call,
    /// or through `require_roots`.
    pub fn new(options: HttpOptions) -> Result<Self, HttpError> {
        let builder = || {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
        };
        let (roots, has_roots) = match builder()?.with_native_roots() {
            Ok(roots) => (roots, true),
            Err(_) => (builder()?.with_root_certificates(rustls::RootCertStore::empty()), false),
        };
        Self::assemble(options, roots.with_no_client_auth(), has_roots)
    }

    fn assemble(options: HttpOptions, tls: ClientConfig, has_roots: bool) -> Result<Self, HttpError> {
        let user_agent = HeaderValue::from_str(&options.user_agent)
            .map_err(|_| HttpError::UserAgent(options.user_agent.clone()))?;
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .http1_max_buf_size(HEAD_MAX_BYTES)
            .retry_canceled_requests(false)
            .build(Connector::new(tls, has_roots, options.connect_timeout));
        Ok(Self(Arc::new(Inner { client, user_agent, body_max_bytes: options.body_max_bytes, has_roots })))
    }

    /// For `fenicia check`: whether `https` can work on this machine.
    pub fn require_roots(&self) -> Result<(), HttpError> {
        if self.0.has_roots { Ok(()) } else { Err(HttpError::NoRoots) }
    }

    /// Sends once, without limits or metrics: connectors use a `Wire`. The whole answer must have
    /// come within `timeout`.
    pub async fn send(
        &self,
        request: Request,
        timeout: Duration,
        begun_at: Timestamp,
    ) -> Result<Response, Failure> {
        let Some(target) = Target::parse(&request.url) else {
            return Err(Fault::BadAddress.into_failure(""));
        };
        let answer = self.exchange(request, target.uri, timeout).await;
        let (status, headers, body) = answer.map_err(|fault| fault.into_failure(&target.host))?;
        Ok(Response { status, headers, body, begun_at })
    }

    async fn exchange(&self, request: Request, uri: Uri, timeout: Duration) -> Result<Answer, Fault> {
        let mut outgoing = self.outgoing(request, uri)?;
        let connection = capture_connection(&mut outgoing);
        let answer = async {
            let incoming = self.0.client.request(outgoing).await.map_err(|error| Fault::of(&error))?;
            let (head, body) = incoming.into_parts();
            let status = head.status.as_u16();
            let body = body::read(body, status, &head.headers, self.0.body_max_bytes).await?;
            Ok((status, plain_headers(&head.headers), body))
        };
        match tokio::time::timeout(timeout, answer).await {
            Ok(answer) => answer,
            Err(_) => {
                let connected = connection.connection_metadata().is_some();
                Err(Fault::Late { after: timeout, connected })
            }
        }
    }

    fn outgoing(&self, request: Request, uri: Uri) -> Result<http::Request<Full<Bytes>>, Fault> {
        let mut outgoing = http::Request::new(Full::new(Bytes::from(request.body)));
        *outgoing.uri_mut() = uri;
        *outgoing.method_mut() = match request.method {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
            Method::Put => http::Method::PUT,
            Method::Patch => http::Method::PATCH,
            Method::Delete => http::Method::DELETE,
        };
        let headers = outgoing.headers_mut();
        for (name, text) in request.headers {
            let key = HeaderName::try_from(name).map_err(|_| Fault::BadHeader(name))?;
            let mut value = HeaderValue::try_from(text).map_err(|_| Fault::BadHeader(name))?;
            value.set_sensitive(true);
            headers.append(key, value);
        }
        headers.entry(USER_AGENT).or_insert_with(|| self.0.user_agent.clone());
        headers.entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("gzip"));
        Ok(outgoing)
    }
}

type Answer = (u16, Vec<(String, String)>, Vec<u8>);

struct Target {
    uri: Uri,
    /// With the port where the address has one.
    host: String,
}

impl Target {
    fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return None;
        }
        let name = uri.host().filter(|name| !name.is_empty())?;
        let host = uri.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
        Some(Self { uri, host })
    }
}

/// What described the compressed form is left out: the body is not compressed any more.
fn plain_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let compressed = headers.contains_key(CONTENT_ENCODING);
    let stale = |name: &HeaderName| compressed && (name == CONTENT_ENCODING || name == CONTENT_LENGTH);
    headers
        .iter()
        .filter(|(name, _)| !stale(name))
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect()
}
