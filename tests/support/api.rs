//! The admin API, called as a program would.

use std::time::Duration;

use fenicia::clock::Clock;
use fenicia::net::{Http, HttpOptions, Method, Request};
use serde_json::Value;

#[derive(Clone)]
pub struct Client {
    base: String,
    key: String,
    http: Http,
}

/// A status and what came with it; null when the body is not JSON.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub text: String,
}

impl Client {
    pub fn new(base: String, key: String) -> Self {
        let options = HttpOptions {
            body_max_bytes: 64 << 20,
            connect_timeout: Duration::from_secs(10),
            user_agent: "fenicia-tests".to_owned(),
        };
        Self { base, key, http: Http::new(options).expect("a client") }
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
        let mut request = Request::new("test", method, format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {}", self.key));
        if let Some(body) = body {
            request = request.body("application/json", body.to_string().into_bytes());
        }
        let sent = self.http.send(request, Duration::from_secs(60), Clock::system().now()).await;
        let response = sent.expect("an answer of the admin listener");
        let text = String::from_utf8_lossy(&response.body).into_owned();
        Answer { status: response.status, body: serde_json::from_str(&text).unwrap_or_default(), text }
    }

    /// Waits, woken by the feed of changes, until `wanted` is true of the answer at `path`. Panics
    /// with the last answer when nothing changes for a minute.
    pub async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut after = 0;
        loop {
            let answer = self.get(path).await;
            if answer.status == 200 && wanted(&answer.body) {
                return answer.body;
            }
            let news = self.get(&format!("/api/v1/changes?after={after}&limit=200&wait=30s")).await;
            let items = news.body["items"].as_array().cloned().unwrap_or_default();
            assert!(!items.is_empty(), "nothing changed any more, and {path} says {}", answer.text);
            after = items.iter().filter_map(|item| item["seq"].as_u64()).max().unwrap_or(after);
        }
    }
}
