//! The calls: one host, one bearer token, JSON.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde::de::{DeserializeOwned, IgnoredAny};

use super::document::{Id, TokenDoc};
use super::refusal::{About, nonsense, refusal, token_refusal};
use crate::channel::{Call, Env, Settings};
use crate::clock::Clock;
use crate::model::{Failure, Lane, Timestamp, Tokens};
use crate::net::{Limit, LimitNews, Method, Request, Response, Wire};
use crate::random::Random;

const ORIGIN: &str = "https://api.mercadolibre.com";
/// Mercado Libre publishes no numbers; this is a fifth of what integrators report per seller.
const LIMITS: &[Limit] = &[Limit { operation: "", per_second: 5.0, burst: 30.0, reserve: 5.0 }];
/// Under which name the grant's owner is kept with the tokens.
pub const OWNER: &str = "user_id";

pub struct Api {
    wire: Wire,
    origin: String,
    channel: String,
    user_id: u64,
    clock: Clock,
    random: Random,
    /// "Too many requests" in a row: the answer seldom says for how long.
    strain: AtomicU32,
}

/// What to ask.
pub struct Ask<'a> {
    pub operation: &'static str,
    /// Below the origin; made of fixed words and parsed numbers only.
    pub path: String,
    pub about: About,
    /// Beyond the usual ones.
    pub headers: &'a [(&'static str, &'static str)],
}

/// Opts into the documented form of shipments; without it an older one may come.
pub const NEW_FORMAT: &[(&str, &str)] = &[("x-format-new", "true")];

impl Ask<'_> {
    pub fn one(operation: &'static str, path: String) -> Self {
        Self { operation, path, about: About::OneThing, headers: &[] }
    }

    pub fn account(operation: &'static str, path: String) -> Self {
        Self { operation, path, about: About::Account, headers: &[] }
    }

    pub fn shipment(operation: &'static str, path: String) -> Self {
        Self { operation, path, about: About::OneThing, headers: NEW_FORMAT }
    }
}

/// A document and the answer it came in.
pub struct Answered<T> {
    pub doc: T,
    pub response: Response,
}

impl Api {
    pub fn new(settings: &Settings, env: &Env, user_id: u64) -> Self {
        let (clock, random) = (env.clock.clone(), env.random.clone());
        let wire = Wire::new(
            env.http.clone(),
            clock.clone(),
            random.clone(),
            settings.id.clone(),
            settings.request_timeout,
            LIMITS,
        );
        Self {
            wire,
            origin: settings.origin(ORIGIN),
            channel: settings.id.to_string(),
            user_id,
            clock,
            random,
            strain: AtomicU32::new(0),
        }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn wire(&self) -> &Wire {
        &self.wire
    }

    pub async fn get<T: DeserializeOwned>(
        &self,
        call: Call<'_>,
        ask: Ask<'_>,
    ) -> Result<Answered<T>, Failure> {
        let operation = ask.operation;
        let response = self.send(call, ask, Method::Get, None).await?;
        match serde_json::from_slice(&response.body) {
            Ok(doc) => Ok(Answered { doc, response }),
            Err(_) => Err(nonsense(operation, &response)),
        }
    }

    /// Sends once. A success has no body or JSON: a page comes from something in between.
    pub async fn write(
        &self,
        call: Call<'_>,
        ask: Ask<'_>,
        method: Method,
        body: &serde_json::Value,
    ) -> Result<Response, Failure> {
        let operation = ask.operation;
        let response = self.send(call, ask, method, Some(body.to_string().into_bytes())).await?;
        let is_json = serde_json::from_slice::<IgnoredAny>(&response.body).is_ok();
        if is_json || response.body.is_empty() { Ok(response) } else { Err(nonsense(operation, &response)) }
    }

    async fn send(
        &self,
        call: Call<'_>,
        ask: Ask<'_>,
        method: Method,
        body: Option<Vec<u8>>,
    ) -> Result<Response, Failure> {
        self.check_owner(call.tokens)?;
        let url = format!("{}{}", self.origin, ask.path);
        let mut request = Request::new(ask.operation, method, url)
            .header("authorization", format!("Bearer {}", call.tokens.access.expose()))
            .header("accept", "application/json");
        for (name, value) in ask.headers {
            request = request.header(name, *value);
        }
        if let Some(body) = body {
            request = request.body("application/json", body);
        }
        let response = self.wire.call(request, call.lane).await?;
        self.watch_strain(&response);
        if response.is_success() {
            return Ok(response);
        }
        Err(refusal(&response, ask.about, self.resume_at(&response)))
    }

    /// The grant of another seller must not be used for this channel: its orders would be taken
    /// for this seller's.
    fn check_owner(&self, tokens: &Tokens) -> Result<(), Failure> {
        match tokens.extra.get(OWNER) {
            Some(owner) if *owner != self.user_id.to_string() => Err(Failure::permission(format!(
                "The access was granted by Mercado Libre user {owner}, but the config names user {}. Correct \
                 user_id, or consent with the right account: fenicia connect {}",
                self.user_id, self.channel
            ))),
            _ => Ok(()),
        }
    }

    /// Asks the token endpoint. The fields hold secrets and go into the body, never into the
    /// address.
    pub async fn token(&self, fields: &[(&str, &str)]) -> Result<(TokenDoc, Timestamp), Failure> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::new("token", Method::Post, format!("{}/oauth/token", self.origin))
            .header("accept", "application/json")
            .body("application/x-www-form-urlencoded", body.into_bytes());
        let response = self.wire.call(request, Lane::Manual).await?;
        self.watch_strain(&response);
        if !response.is_success() {
            return Err(token_refusal(&response, &self.channel, self.resume_at(&response)));
        }
        match serde_json::from_slice(&response.body) {
            Ok(doc) => Ok((doc, response.begun_at)),
            Err(_) => Err(nonsense("token", &response)),
        }
    }

    fn watch_strain(&self, response: &Response) {
        if response.status == 429 {
            self.strain.fetch_add(1, Ordering::Relaxed);
            let resume_at = Some(self.resume_at(response));
            self.wire.learn("", LimitNews { resume_at, ..LimitNews::default() });
        } else if response.is_success() {
            self.strain.store(0, Ordering::Relaxed);
        }
    }

    /// When to go on: as told, else 1 s, doubled with each refusal in a row, at most 60 s.
    fn resume_at(&self, response: &Response) -> Timestamp {
        let now = self.clock.now();
        response.retry_after(now).unwrap_or_else(|| {
            let doublings = self.strain.load(Ordering::Relaxed).saturating_sub(1).min(6);
            let wait = Duration::from_secs((1 << doublings).min(60));
            now.plus(self.random.jitter(wait))
        })
    }
}

/// The id in a name such as `shipment:42`.
pub fn alias_id(alias: &str, kind: &str) -> Option<Id> {
    let digits = alias.strip_prefix(kind)?.strip_prefix(':')?;
    digits.parse().ok().map(Id)
}
