//! The admin API, called as a program would.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fenicia::clock::Clock;
use fenicia::net::{Http, HttpOptions, Method, Request};
use serde_json::Value;

#[derive(Clone)]
pub struct Client {
    base: String,
    key: String,
    http: Http,
    clock: Clock,
    /// The newest change of an order that was waited for.
    seen: Arc<AtomicU64>,
}

/// A status and what came with it; null when the body is not JSON.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub text: String,
    pub bytes: Vec<u8>,
}

/// For one request, beyond the longest that the API itself waits.
const TIMEOUT: Duration = Duration::from_secs(90);
/// Longest wait for something that must come, far above what it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(150);

impl Client {
    pub fn new(base: String, key: String) -> Self {
        let options = HttpOptions {
            body_max_bytes: 64 << 20,
            connect_timeout: Duration::from_secs(10),
            user_agent: "fenicia-tests".to_owned(),
        };
        let http = Http::new(options).expect("a client");
        Self { base, key, http, clock: Clock::system(), seen: Arc::default() }
    }

    /// The same daemon, asked with another key.
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn key(&self) -> &str {
        &self.key
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::Get, path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::Post, path, Some(body)).await
    }

    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.call_as(method, path, body, &[]).await
    }

    /// With further headers. An empty key sends no `Authorization`.
    pub async fn call_as(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&'static str, &str)],
    ) -> Answer {
        self.send(method, path, body, headers).await.expect("an answer of the admin listener")
    }

    /// `None` when no answer comes, because the daemon died.
    pub async fn try_call(&self, method: Method, path: &str, body: Option<&Value>) -> Option<Answer> {
        self.send(method, path, body, &[]).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&'static str, &str)],
    ) -> Option<Answer> {
        let request = || {
            let mut request = Request::new("test", method, format!("{}{path}", self.base));
            if !self.key.is_empty() {
                request = request.header("authorization", format!("Bearer {}", self.key));
            }
            for (name, value) in headers {
                request = request.header(name, *value);
            }
            match body {
                Some(body) => request.body("application/json", body.to_string().into_bytes()),
                None => request,
            }
        };
        let mut sent = self.http.send(request(), TIMEOUT, self.clock.now()).await;
        if sent.is_err() && method == Method::Get {
            // On a busy machine the daemon may close a resting connection just as it is used again.
            sent = self.http.send(request(), TIMEOUT, self.clock.now()).await;
        }
        let response = sent.ok()?;
        let text = String::from_utf8_lossy(&response.body).into_owned();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Some(Answer { status: response.status, body, text, bytes: response.body })
    }

    /// Every item of a list, page by page.
    pub async fn all(&self, path: &str) -> Vec<Value> {
        let sign = if path.contains('?') { '&' } else { '?' };
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let answer = self.get(&format!("{path}{sign}limit=200{cursor}")).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            items.extend(answer.body["items"].as_array().cloned().unwrap_or_default());
            match answer.body["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    /// Waits until `wanted` is true of the answer at `path`. Panics with the last answer when it
    /// does not become true for very long.
    pub async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let patience = self.patience();
        loop {
            let answer = self.get(path).await;
            if answer.status == 200 && wanted(&answer.body) {
                return answer.body;
            }
            assert!(patience.is_left(), "it does not happen: {path} says {}", answer.text);
            self.news().await;
        }
    }

    /// A wait that has begun now.
    pub fn patience(&self) -> Patience {
        Patience { clock: self.clock.clone(), ends: self.clock.now().plus(PATIENCE) }
    }

    /// Returns when an order has changed since the last call, at the latest after a second, since
    /// not everything that is waited for is a change of an order.
    pub async fn news(&self) {
        self.try_news().await.expect("an answer of the admin listener");
    }

    /// `None` when the daemon died.
    pub async fn try_news(&self) -> Option<()> {
        let after = self.seen.load(Ordering::Relaxed);
        let path = format!("/api/v1/changes?after={after}&limit=200&wait=1s");
        let news = self.try_call(Method::Get, &path, None).await?;
        let items = news.body["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let newest = items.iter().filter_map(|item| item["seq"].as_u64()).max().unwrap_or(after);
        self.seen.fetch_max(newest, Ordering::Relaxed);
        Some(())
    }
}

pub struct Patience {
    clock: Clock,
    ends: fenicia::model::Timestamp,
}

impl Patience {
    pub fn is_left(&self) -> bool {
        self.clock.now() < self.ends
    }
}
