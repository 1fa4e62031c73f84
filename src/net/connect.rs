//! Connections: name, TCP and TLS within one time limit, and which of them failed.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use super::guard::Reach;

/// Why there is no connection. Nothing has been sent.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum ConnectFault {
    #[error("connecting took longer than {0:?}")]
    Slow(Duration),
    #[error("the name cannot be resolved")]
    Dns,
    #[error("the name or address leads into an internal network")]
    Internal,
    #[error("no TCP connection: {0}")]
    Tcp(io::ErrorKind),
    #[error("no TLS session: {0}")]
    Tls(rustls::Error),
    #[error("no trusted root certificates")]
    NoRoots,
    #[error("no connection")]
    Other,
}

impl ConnectFault {
    fn of(error: &(dyn Error + 'static)) -> Self {
        let mut tcp = None;
        let mut cause = Some(error);
        while let Some(error) = cause {
            if error.is::<Unresolved>() {
                return Self::Dns;
            }
            if error.is::<Internal>() {
                return Self::Internal;
            }
            if let Some(tls) = error.downcast_ref::<rustls::Error>() {
                return Self::Tls(tls.clone());
            }
            cause = match error.downcast_ref::<io::Error>() {
                Some(io) => {
                    tcp = tcp.or(Some(io.kind()));
                    // An `io::Error` skips what it wraps when asked for its source.
                    io.get_ref().map(|inner| inner as &(dyn Error + 'static))
                }
                None => error.source(),
            };
        }
        tcp.map_or(Self::Other, Self::Tcp)
    }
}

#[derive(Clone)]
pub(super) struct Connector {
    https: HttpsConnector<HttpConnector<Resolver>>,
    timeout: Duration,
    has_roots: bool,
    reach: Reach,
}

impl Connector {
    pub(super) fn new(tls: rustls::ClientConfig, has_roots: bool, timeout: Duration, reach: Reach) -> Self {
        let mut http = HttpConnector::new_with_resolver(Resolver { system: GaiResolver::new(), reach });
        http.enforce_http(false);
        http.set_nodelay(true);
        // Divided among the name's addresses, so that a dead one leaves time for the next.
        http.set_connect_timeout(Some(timeout));
        http.set_keepalive(Some(Duration::from_secs(30)));
        Self { https: HttpsConnector::from((http, Arc::new(tls))), timeout, has_roots, reach }
    }

    /// An address instead of a name never meets the resolver.
    fn forbids(&self, target: &Uri) -> bool {
        let host = target.host().unwrap_or_default().trim_matches(['[', ']']);
        host.parse::<IpAddr>().is_ok_and(|address| !self.reach.allows(address))
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = ConnectFault;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectFault>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ConnectFault>> {
        self.https.poll_ready(context).map_err(|error| ConnectFault::of(error.as_ref()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        if !self.has_roots && target.scheme_str() == Some("https") {
            return Box::pin(async { Err(ConnectFault::NoRoots) });
        }
        if self.forbids(&target) {
            return Box::pin(async { Err(ConnectFault::Internal) });
        }
        let timeout = self.timeout;
        let connecting = self.https.call(target);
        Box::pin(async move {
            let connected = tokio::time::timeout(timeout, connecting).await;
            let connected = connected.map_err(|_| ConnectFault::Slow(timeout))?;
            connected.map_err(|error| ConnectFault::of(error.as_ref()))
        })
    }
}

/// The system's resolver, with a mark on its errors and only as far as the client may reach.
#[derive(Clone)]
pub(super) struct Resolver {
    system: GaiResolver,
    reach: Reach,
}

#[derive(Debug, thiserror::Error)]
#[error("the name cannot be resolved")]
struct Unresolved(#[source] io::Error);

#[derive(Debug, thiserror::Error)]
#[error("the name leads into an internal network")]
struct Internal;

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.system.poll_ready(context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolving = self.system.call(name);
        let reach = self.reach;
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                resolving.await.map_err(|error| io::Error::other(Unresolved(error)))?.collect();
            if found.iter().all(|address| reach.allows(address.ip())) {
                Ok(found.into_iter())
            } else {
                Err(io::Error::other(Internal))
            }
        })
    }
}
