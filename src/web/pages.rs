//! The seam to the web page: what no route of the API takes is asked of it.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use hyper::body::Bytes;
use hyper::header::{COOKIE, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};

use super::auth::Caller;
use super::problem::Problem;
use super::reply::{Body, Reply};
use super::state::Api;

/// Everything of a request but its body.
pub use hyper::http::request::Parts as Head;

/// What the page gives back, some time later.
pub type Coming<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The web page and its sessions.
pub trait Pages: Send + Sync {
    /// Who the session cookie of this request stands for. `None` without a session; an error for
    /// a write whose CSRF token or origin does not fit.
    fn caller<'a>(&'a self, api: &'a Api, head: &'a Head) -> Coming<'a, Result<Option<Caller>, Problem>>;

    /// Answers whatever is not the API's.
    fn serve<'a>(&'a self, api: &'a Arc<Api>, visit: Visit) -> Coming<'a, Leaf>;

    /// Runs beside the listeners for as long as they live.
    fn watch<'a>(&'a self, api: &'a Arc<Api>) -> Coming<'a, ()>;
}

/// A request for the page. Its `Host` is a known name.
pub struct Visit {
    pub head: Head,
    /// Who asks; `None` behind a proxy that is not trusted.
    pub client: Option<IpAddr>,
    pub body: Bytes,
}

impl Visit {
    pub fn is_post(&self) -> bool {
        self.head.method == Method::POST
    }

    /// `GET`, or a `HEAD`, whose answer goes unsent.
    pub fn is_read(&self) -> bool {
        self.head.method == Method::GET || self.head.method == Method::HEAD
    }

    pub fn path(&self) -> &str {
        self.head.uri.path()
    }

    pub fn query(&self) -> &str {
        self.head.uri.query().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    pub fn cookie(&self, name: &str) -> Option<&str> {
        cookie(&self.head, name)
    }
}

/// The first value of a header, if it is text.
pub fn header<'a>(head: &'a Head, name: &str) -> Option<&'a str> {
    head.headers.get(name)?.to_str().ok()
}

/// The value of a cookie.
pub fn cookie<'a>(head: &'a Head, name: &str) -> Option<&'a str> {
    let values = head.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// The page's answer. Carries all of its own headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leaf {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
}

impl From<Leaf> for Reply {
    fn from(leaf: Leaf) -> Self {
        let mut reply = Response::new(Body::whole(leaf.body));
        *reply.status_mut() = StatusCode::from_u16(leaf.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in leaf.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                reply.headers_mut().append(HeaderName::from_static(name), value);
            } else {
                tracing::error!(name, "a header of the page is not text");
            }
        }
        reply
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let request = Request::builder().header("cookie", "a=1; fenicia=xyz").header("cookie", "tz=UTC");
        let head = request.body(()).expect("a request").into_parts().0;
        assert_eq!(cookie(&head, "fenicia"), Some("xyz"));
        assert_eq!(cookie(&head, "tz"), Some("UTC"));
        assert_eq!(cookie(&head, "fen"), None);
    }
}
