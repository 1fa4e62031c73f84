//! The admin listener: known name, route, caller, role, body, in this order; then the API answers.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};

use super::api::{self, Call};
use super::auth::{self, Caller, sha256};
use super::listener::{Answers, Arrival, UploadError};
use super::pages::{Pages, Visit};
use super::peer;
use super::problem::{Code, Problem};
use super::reply::Reply;
use super::route::{Found, Need, Routes};
use super::state::Api;
use crate::model::Role;

/// Largest body of a request.
const BODY_MAX: usize = 1 << 20;
const IDEMPOTENCY_KEY: &str = "idempotency-key";
const IDEMPOTENCY_KEY_MAX: usize = 255;
const LAST_EVENT_ID: &str = "last-event-id";

/// Answers the admin listener.
pub struct Admin {
    api: Arc<Api>,
    routes: Routes,
}

impl Admin {
    pub fn new(api: Arc<Api>) -> Self {
        Self { api, routes: Routes::new() }
    }

    async fn serve(&self, arrival: Arrival) -> Result<Reply, Problem> {
        let Arrival { head, peer, upload } = arrival;
        if !peer::is_known_host(&head.headers, self.api.options().admin.public_url.as_deref()) {
            let detail = "This host name is not known here. Use the address, or set admin.public_url.";
            return Err(Problem::new(Code::UnknownHost, detail));
        }
        let found = match (self.routes.find(&head.method, head.uri.path()), &self.api.pages) {
            (Err(problem), Some(pages)) if is_for_people(&problem, head.uri.path()) => {
                return self.turn_to(pages.as_ref(), Arrival { head, peer, upload }).await;
            }
            (found, _) => found?,
        };
        let caller = self.caller(&found, &head, peer).await?;
        let body = upload.read(BODY_MAX).await?;
        require_json(&head.headers, &body)?;
        let call = Call {
            idempotency: idempotency(&head, &caller, &body)?,
            caller,
            id: found.id,
            query: head.uri.query().unwrap_or_default().to_owned(),
            body,
            last_event_id: number(&head.headers, LAST_EVENT_ID),
        };
        api::answer(&self.api, found.route, &call).await
    }

    /// Whatever is not the API's is the page's.
    async fn turn_to(&self, pages: &dyn Pages, arrival: Arrival) -> Result<Reply, Problem> {
        let Arrival { head, peer, upload } = arrival;
        let body = upload.read(BODY_MAX).await?;
        let client = peer::client(peer, &head.headers, &self.api.options().admin.trusted_proxies);
        Ok(pages.serve(&self.api, Visit { head, client, body }).await.into())
    }

    async fn caller(&self, found: &Found, head: &Parts, peer: SocketAddr) -> Result<Caller, Problem> {
        match found.need {
            Need::Loopback if self.is_local(head, peer) => {
                Ok(Caller { id: "loopback".to_owned(), name: "loopback".to_owned(), role: Role::Viewer })
            }
            Need::Loopback => auth::caller(&self.api, head).await,
            Need::Role(role) => {
                let caller = auth::caller(&self.api, head).await?;
                auth::allow(&caller, role)?;
                Ok(caller)
            }
        }
    }

    fn is_local(&self, head: &Parts, peer: SocketAddr) -> bool {
        let options = self.api.options();
        peer::client(peer, &head.headers, &options.admin.trusted_proxies)
            .is_some_and(|client| client.is_loopback())
    }
}

impl Answers for Admin {
    async fn answer(self: Arc<Self>, arrival: Arrival) -> Reply {
        self.serve(arrival).await.unwrap_or_else(Problem::into_reply)
    }
}

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::TooLarge => {
                Self::new(Code::TooLarge, "The body is larger than 1 MiB. Send it in several requests.")
            }
            UploadError::TimedOut => {
                Self::new(Code::Timeout, "The body did not arrive within 10 seconds. Send it again.")
            }
            UploadError::Broken => Self::new(Code::InvalidRequest, "The body broke off. Send it again."),
        }
    }
}

/// An address outside of the API.
fn is_for_people(problem: &Problem, path: &str) -> bool {
    problem.code == Code::NotFound && !path.starts_with("/api/")
}

/// Also keeps plain HTML forms of other sites out: they cannot send JSON.
fn require_json(headers: &HeaderMap, body: &Bytes) -> Result<(), Problem> {
    let is_json = |value: &HeaderValue| {
        let media = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
        media.eq_ignore_ascii_case("application/json")
    };
    if body.is_empty() || headers.get(CONTENT_TYPE).is_some_and(is_json) {
        return Ok(());
    }
    let detail = "The body must be JSON. Send it with Content-Type: application/json.";
    Err(Problem::new(Code::UnsupportedMediaType, detail))
}

/// The caller's key and the hash of the request that it belongs to. Only on POST.
fn idempotency(head: &Parts, caller: &Caller, body: &[u8]) -> Result<Option<(String, [u8; 32])>, Problem> {
    if head.method != Method::POST {
        return Ok(None);
    }
    let Some(value) = head.headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = value.to_str().unwrap_or_default().trim();
    if key.is_empty() || key.len() > IDEMPOTENCY_KEY_MAX {
        let detail = format!("An idempotency key is 1 to {IDEMPOTENCY_KEY_MAX} visible characters.");
        return Err(Problem::parameter("Idempotency-Key", detail));
    }
    let mut request = head.uri.path().as_bytes().to_vec();
    request.push(0);
    request.extend_from_slice(body);
    Ok(Some((format!("{}/{key}", caller.id), sha256(&request))))
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn head(method: Method, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri("/api/v1/orders/a:1/ship?x=1");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request").into_parts().0
    }

    fn ana() -> Caller {
        Caller { id: "user:ana".to_owned(), name: "ana".to_owned(), role: Role::Operator }
    }

    #[test]
    fn an_idempotency_key_belongs_to_its_caller_and_request() {
        let keyed = head(Method::POST, &[("idempotency-key", "k1")]);
        let first = idempotency(&keyed, &ana(), b"{}").ok().flatten().expect("a key");
        assert_eq!(first.0, "user:ana/k1");
        let again = idempotency(&keyed, &ana(), b"{}").ok().flatten().expect("a key");
        assert_eq!(first, again);
        let other = idempotency(&keyed, &ana(), b"{ }").ok().flatten().expect("a key");
        assert_ne!(first.1, other.1);
        assert_eq!(idempotency(&head(Method::POST, &[]), &ana(), b"").ok(), Some(None));
        assert_eq!(
            idempotency(&head(Method::GET, &[("idempotency-key", "k")]), &ana(), b"").ok(),
            Some(None)
        );
        let long = "k".repeat(256);
        let refused = idempotency(&head(Method::POST, &[("idempotency-key", &long)]), &ana(), b"");
        assert_eq!(refused.err().and_then(|p| p.field).as_deref(), Some("Idempotency-Key"));
    }

    #[test]
    fn a_body_is_json_or_empty() {
        let with = |value: &str| HeaderMap::from_iter([(CONTENT_TYPE, value.parse().expect("a value"))]);
        let body = Bytes::from_static(b"{}");
        assert!(require_json(&with("application/json"), &body).is_ok());
        assert!(require_json(&with("Application/JSON; charset=utf-8"), &body).is_ok());
        assert!(require_json(&with("text/plain"), &body).is_err());
        assert!(require_json(&HeaderMap::new(), &body).is_err());
        assert!(require_json(&HeaderMap::new(), &Bytes::new()).is_ok());
    }
}
