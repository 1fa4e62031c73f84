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
use super::guard::Reach;
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
        Self::reaching(Reach::Anywhere, options)
    }

    /// As `new`, as far as this.
    pub fn reaching(reach: Reach, options: HttpOptions) -> Result<Self, HttpError> {
        let builder = || {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
        };
        let (roots, has_roots) = match builder()?.with_native_roots() {
            Ok(roots) => (roots, true),
            Err(_) => (builder()?.with_root_certificates(rustls::RootCertStore::empty()), false),
        };
        Self::assemble(options, roots.with_no_client_auth(), has_roots, reach)
    }

    fn assemble(
        options: HttpOptions,
        tls: ClientConfig,
        has_roots: bool,
        reach: Reach,
    ) -> Result<Self, HttpError> {
        let HttpOptions { body_max_bytes, connect_timeout, user_agent } = options;
        let Ok(user_agent) = HeaderValue::from_str(&user_agent) else {
            return Err(HttpError::UserAgent(user_agent));
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .http1_max_buf_size(HEAD_MAX_BYTES)
            .retry_canceled_requests(false)
            .build(Connector::new(tls, has_roots, connect_timeout, reach));
        Ok(Self(Arc::new(Inner { client, user_agent, body_max_bytes, has_roots })))
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
        let answer = tokio::time::timeout(timeout, answer).await;
        answer.unwrap_or_else(|_| {
            let connected = connection.connection_metadata().is_some();
            Err(Fault::Late { after: timeout, connected })
        })
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::test_server::{Reply, Server, ok};
    use super::*;
    use crate::model::FailureKind;

    const MAX: usize = 10_000;

    fn client() -> Http {
        trusting_nobody(true)
    }

    fn trusting_nobody(has_roots: bool) -> Http {
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        Http::assemble(options(), tls, has_roots, Reach::Anywhere).unwrap()
    }

    fn options() -> HttpOptions {
        HttpOptions {
            body_max_bytes: MAX,
            connect_timeout: Duration::from_secs(10),
            user_agent: "fenicia-test".into(),
        }
    }

    async fn get(url: String) -> Result<Response, Failure> {
        send(&client(), Request::new("get_order", Method::Get, url)).await
    }

    async fn send(http: &Http, request: Request) -> Result<Response, Failure> {
        http.send(request, Duration::from_secs(30), Timestamp::from_secs(7)).await
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[tokio::test]
    async fn a_request_arrives_as_it_was_made() {
        let mut server = Server::start(vec![Reply::Bytes(ok("", b"{}"))]).await;
        let request = Request::new("ship", Method::Post, server.url("/orders?page=2"))
            .header("X-Token", "secret")
            .header("WM_SEC.ACCESS_TOKEN", "with dots")
            .body("application/json", b"{\"a\":1}".to_vec());
        let response = send(&client(), request).await.unwrap();
        assert_eq!((response.status, response.body.as_slice()), (200, b"{}".as_slice()));
        assert_eq!(response.begun_at, Timestamp::from_secs(7));
        let seen = server.request().await;
        assert!(seen.starts_with("POST /orders?page=2 HTTP/1.1\r\n"), "{seen}");
        for line in [
            "x-token: secret",
            "wm_sec.access_token: with dots",
            "content-type: application/json",
            "content-length: 7",
            "user-agent: fenicia-test",
            "accept-encoding: gzip",
        ] {
            assert!(seen.contains(line), "{line} in {seen}");
        }
        assert!(seen.contains(&format!("host: {}", server.host())), "{seen}");
        assert!(seen.ends_with("{\"a\":1}"), "{seen}");
    }

    #[tokio::test]
    async fn connections_are_used_again() {
        let mut server = Server::start(vec![Reply::Bytes(ok("", b"1")), Reply::Bytes(ok("", b"2"))]).await;
        let http = client();
        for expected in [b"1", b"2"] {
            let request = Request::new("get", Method::Get, server.url("/"));
            assert_eq!(send(&http, request).await.unwrap().body, expected);
            server.request().await;
        }
        assert_eq!(server.connections(), 1);
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_is_not_followed() {
        let mut server = Server::start(vec![Reply::Bytes(
            b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".to_vec(),
        )])
        .await;
        let response = get(server.url("/orders")).await.unwrap();
        assert_eq!((response.status, response.header("location")), (302, Some("/elsewhere")));
        server.request().await;
        assert!(server.no_more_requests());
    }

    #[tokio::test]
    async fn any_status_is_an_answer() {
        for status in [400, 401, 404, 429, 500, 503] {
            let head = format!("HTTP/1.1 {status} No\r\nContent-Length: 2\r\n\r\nno");
            let server = Server::start(vec![Reply::Bytes(head.into_bytes())]).await;
            assert_eq!(get(server.url("/")).await.unwrap().status, status);
        }
    }

    #[tokio::test]
    async fn gzip_is_undone_and_no_longer_announced() {
        let server =
            Server::start(vec![Reply::Bytes(ok("Content-Encoding: gzip\r\n", &gzip(b"an order")))]).await;
        let response = get(server.url("/")).await.unwrap();
        assert_eq!(response.body, b"an order");
        assert_eq!((response.header("content-encoding"), response.header("content-length")), (None, None));
    }

    #[tokio::test]
    async fn answers_over_the_cap_are_refused() {
        let announced = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".to_vec();
        let mut chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for _ in 0..11 {
            chunked.extend_from_slice(format!("3e8\r\n{}\r\n", "x".repeat(1_000)).as_bytes());
        }
        let bomb = ok("Content-Encoding: gzip\r\n", &gzip(&vec![0; 5_000_000]));
        for reply in [announced, chunked, bomb] {
            let server = Server::start(vec![Reply::Bytes(reply)]).await;
            let failure = get(server.url("/")).await.unwrap_err();
            assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
            assert!(failure.message.contains("larger than 10000 bytes"), "{failure}");
            assert_eq!((failure.http_status, failure.no_effect), (Some(200), false));
        }
    }

    #[tokio::test]
    async fn a_connection_that_breaks_is_a_time_out_with_unknown_effect() {
        let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf".to_vec();
        for (reply, words) in [
            (Reply::Reset, "broke before the answer"),
            (Reply::Close(Vec::new()), "closed the connection without an answer"),
            (Reply::Close(b"HTTP/1.1 200 OK\r\nConte".to_vec()), "closed the connection without an answer"),
            (Reply::Close(cut), "middle of the answer"),
        ] {
            let server = Server::start(vec![reply]).await;
            let failure = get(server.url("/?token=hush")).await.unwrap_err();
            assert_eq!(failure.kind, FailureKind::NetworkTimeout, "{failure}");
            assert!(failure.message.contains(words), "{words}: {failure}");
            assert!(
                failure.message.contains(&server.host()) && !failure.message.contains("hush"),
                "{failure}"
            );
            assert!(!failure.no_effect);
        }
    }

    #[tokio::test]
    async fn a_server_that_hangs_is_a_time_out_with_unknown_effect() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf".to_vec();
        for reply in [Reply::Hang(Vec::new()), Reply::Hang(head)] {
            let mut server = Server::start(vec![reply]).await;
            let url = server.url("/");
            let call = tokio::spawn(get(url));
            server.request().await;
            // From here on only the deadline can happen, so let the runtime jump to it.
            tokio::time::pause();
            let failure = call.await.unwrap().unwrap_err();
            tokio::time::resume();
            assert_eq!(failure.kind, FailureKind::NetworkTimeout, "{failure}");
            assert!(failure.message.contains("did not answer within 30s"), "{failure}");
            assert!(!failure.no_effect);
        }
    }

    #[tokio::test]
    async fn nothing_can_have_happened_without_a_connection() {
        let closed = Server::closed_address().await;
        let failure = get(format!("http://{closed}/?token=hush")).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::NetworkTimeout);
        assert_eq!(failure.message, format!("{closed} refuses the connection"));
        assert!(failure.no_effect);

        let server = Server::start(vec![Reply::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())]).await;
        let failure = get(server.url("/").replace("http:", "https:")).await.unwrap_err();
        assert!(failure.message.contains("no secure connection (TLS)"), "{failure}");
        assert!(failure.no_effect);

        let failure = get("http://no-such-host.invalid/".to_owned()).await.unwrap_err();
        assert_eq!(failure.message, "the name no-such-host.invalid cannot be resolved (DNS)");
        assert!(failure.no_effect);
    }

    #[tokio::test]
    async fn a_handshake_that_hangs_is_given_up_within_the_connect_limit() {
        let mut server = Server::start(vec![Reply::Hang(Vec::new())]).await;
        let url = server.url("/").replace("http:", "https:");
        let call = tokio::spawn(get(url));
        server.request().await;
        tokio::time::pause();
        let failure = call.await.unwrap().unwrap_err();
        assert_eq!(failure.message, format!("no connection to {} within 10s", server.host()));
        assert!(failure.no_effect);
    }

    #[tokio::test]
    async fn a_guarded_client_goes_nowhere_inside() {
        let guarded = Http::reaching(Reach::Public, options()).unwrap();
        let server = Server::start(vec![]).await;
        let port = server.host().rsplit_once(':').unwrap().1.to_owned();
        for host in
            ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "127.1", "0x7f000001", "2130706433"]
        {
            let url = format!("http://{host}:{port}/?token=hush");
            let failure = send(&guarded, Request::new("tell", Method::Post, url)).await.unwrap_err();
            assert!(failure.message.contains("internal network"), "{host}: {failure}");
            assert!(failure.no_effect && !failure.message.contains("hush"));
        }
    }

    #[tokio::test]
    async fn without_roots_http_works_and_https_says_what_is_missing() {
        let http = trusting_nobody(false);
        let server = Server::start(vec![Reply::Bytes(ok("", b"{}"))]).await;
        assert!(send(&http, Request::new("get", Method::Get, server.url("/"))).await.is_ok());
        let https = server.url("/").replace("http:", "https:");
        let failure = send(&http, Request::new("get", Method::Get, https)).await.unwrap_err();
        assert!(failure.message.contains("ca-certificates") && failure.no_effect, "{failure}");
        assert!(matches!(http.require_roots(), Err(HttpError::NoRoots)));
    }

    #[tokio::test]
    async fn what_is_not_http_is_unavailable() {
        let server = Server::start(vec![Reply::Close(b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec())]).await;
        let failure = get(server.url("/")).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unavailable);
        assert!(failure.message.contains("not HTTP"), "{failure}");
    }

    #[tokio::test]
    async fn what_cannot_be_sent_is_refused_without_showing_it() {
        let failure = get("/orders?token=hush".to_owned()).await.unwrap_err();
        assert_eq!((failure.kind, failure.no_effect), (FailureKind::InvalidRequest, true));
        assert!(!failure.message.contains("hush"));
        let request = Request::new("get", Method::Get, "http://localhost/").header("x-token", "hush\n");
        let failure = send(&client(), request).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::InvalidRequest);
        assert!(failure.message.contains("x-token") && !failure.message.contains("hush"), "{failure}");
    }

    #[test]
    fn a_client_can_be_made_on_any_machine() {
        assert!(Http::new(options()).is_ok());
    }
}
