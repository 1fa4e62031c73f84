//! The calls: signed, with a token, for one shop.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::document::{EnvelopeDoc, ShopDoc, ShopsDoc, TokenDoc};
use super::pace::{FASTEST, Pace};
use super::refusal::{Verdict, nonsense};
use super::sign::{Params, Signer};
use crate::channel::{Call, Env, Settings};
use crate::clock::Clock;
use crate::model::{Failure, Lane, Timestamp, Tokens};
use crate::net::{Limit, LimitNews, Method, Request, Response, Wire};
use crate::random::Random;

const ORIGIN: &str = "https://open-api.tiktokglobalshop.com";
pub const TOKEN_ORIGIN: &str = "https://auth.tiktok-shops.com";
/// Several calls in the same instant are enough to be refused.
const LIMITS: &[Limit] = &[Limit { operation: "", per_second: FASTEST, burst: 3.0, reserve: 1.0 }];
/// Under which name a consent keeps the shop's cipher with the tokens.
pub const CIPHER: &str = "shop_cipher";

pub struct Api {
    wire: Wire,
    pub signer: Signer,
    origin: String,
    token_origin: String,
    pub channel: String,
    pub shop_id: String,
    /// As configured; a consent's own goes before it.
    pub cipher: Option<String>,
    /// Asked for, where neither names one.
    learnt: Mutex<Option<String>>,
    clock: Clock,
    random: Random,
    pace: Mutex<Pace>,
}

/// What to ask.
pub struct Ask {
    pub operation: &'static str,
    pub method: Method,
    /// Made of fixed words and checked ids only.
    pub path: String,
    pub query: Vec<(&'static str, String)>,
    /// Serialised once: these bytes are signed and sent.
    pub body: Vec<u8>,
}

impl Ask {
    pub fn get(operation: &'static str, path: impl Into<String>) -> Self {
        Self { operation, method: Method::Get, path: path.into(), query: Vec::new(), body: Vec::new() }
    }

    pub fn post(operation: &'static str, path: impl Into<String>, body: &Value) -> Self {
        Self { method: Method::Post, body: body.to_string().into_bytes(), ..Self::get(operation, path) }
    }

    #[must_use]
    pub fn param(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }
}

/// A document and the answer it came in.
#[derive(Debug)]
pub struct Answered<T> {
    pub doc: T,
    pub response: Response,
}

impl Api {
    pub fn new(settings: &Settings, env: &Env, signer: Signer) -> Self {
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
            signer,
            origin: settings.origin(ORIGIN),
            token_origin: settings.origin(TOKEN_ORIGIN),
            channel: settings.id.to_string(),
            shop_id: settings.text("shop_id").trim().to_owned(),
            cipher: Some(settings.text("shop_cipher").trim().to_owned()).filter(|cipher| !cipher.is_empty()),
            learnt: Mutex::default(),
            clock,
            random,
            pace: Mutex::default(),
        }
    }

    pub(super) fn wire(&self) -> &Wire {
        &self.wire
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Where a person goes to consent.
    pub fn token_origin(&self) -> &str {
        &self.token_origin
    }

    /// A call about the shop.
    pub async fn ask<T: DeserializeOwned>(&self, call: Call<'_>, ask: Ask) -> Result<Answered<T>, Failure> {
        let cipher = self.cipher(call).await?;
        self.send(call.tokens, call.lane, ask.param("shop_cipher", cipher)).await
    }

    /// The shops that the seller opened to this app. The one call without a shop.
    pub async fn shops(&self, tokens: &Tokens, lane: Lane) -> Result<Answered<ShopsDoc>, Failure> {
        self.send(tokens, lane, Ask::get("shops", "/authorization/202309/shops")).await
    }

    /// The cipher of a consent, else the configured one, else asked for once.
    async fn cipher(&self, call: Call<'_>) -> Result<String, Failure> {
        let known = call.tokens.extra.get(CIPHER).or(self.cipher.as_ref()).cloned();
        if let Some(cipher) = known.or_else(|| locked(&self.learnt).clone()) {
            return Ok(cipher);
        }
        let answer = self.shops(call.tokens, call.lane).await?;
        let shop = self.own_shop(answer.doc.shops.list())?;
        let cipher = shop.cipher.to_string();
        *locked(&self.learnt) = Some(cipher.clone());
        Ok(cipher)
    }

    /// The configured shop among those that the seller opened to this app.
    pub fn own_shop<'a>(&self, shops: &'a [ShopDoc]) -> Result<&'a ShopDoc, Failure> {
        shops.iter().find(|shop| *shop.id == self.shop_id).ok_or_else(|| {
            Failure::permission(format!(
                "The seller's consent does not include shop {}. Correct shop_id, or consent with the account \
                 that owns it: fenicia connect {}",
                self.shop_id, self.channel
            ))
        })
    }

    async fn send<T: DeserializeOwned>(
        &self,
        tokens: &Tokens,
        lane: Lane,
        ask: Ask,
    ) -> Result<Answered<T>, Failure> {
        let operation = ask.operation;
        let make = |now| self.signed(tokens, ask, now);
        let response = self.wire.call_at(operation, 1.0, lane, make).await?;
        self.take(operation, response, |verdict, response, resume_at| {
            verdict.refusal(response, &self.channel, resume_at)
        })
    }

    /// Made when it is sent: the signature covers the time, and an old one is refused.
    fn signed(&self, tokens: &Tokens, ask: Ask, now: Timestamp) -> Request {
        let mut params: Params = ask.query.into_iter().collect();
        params.insert("app_key", self.signer.app_key.clone());
        params.insert("timestamp", now.as_secs().to_string());
        let sign = self.signer.of_call(&ask.path, &params, &ask.body);
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&params).append_pair("sign", &sign);
        let url = format!("{}{}?{}", self.origin, ask.path, query.finish());
        Request::new(ask.operation, ask.method, url)
            .header("x-tts-access-token", tokens.access.expose())
            .header("accept", "application/json")
            .body("application/json", ask.body)
    }

    /// Asks the token host. The secrets go into the address, as it wants them: never log it.
    pub async fn token(&self, path: &str, params: &[(&str, &str)]) -> Result<(TokenDoc, Timestamp), Failure> {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("app_key", &self.signer.app_key)
            .append_pair("app_secret", self.signer.secret().expose())
            .extend_pairs(params)
            .finish();
        let request = Request::new("token", Method::Get, format!("{}{path}?{query}", self.token_origin))
            .header("accept", "application/json");
        let response = self.wire.call(request, Lane::Manual).await?;
        let answered: Answered<TokenDoc> = self.take("token", response, |verdict, response, resume_at| {
            verdict.token_refusal(response, &self.channel, resume_at)
        })?;
        Ok((answered.doc, answered.response.begun_at))
    }

    fn take<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        response: Response,
        refusal: impl FnOnce(&Verdict, &Response, Timestamp) -> Failure,
    ) -> Result<Answered<T>, Failure> {
        let verdict = Verdict::of(&response);
        if verdict.is_rate_limit(&response) {
            let resume_at = self.slow_down(&response);
            return Err(refusal(&verdict, &response, resume_at));
        }
        self.keep_pace();
        if !verdict.is_good(&response) {
            return Err(self.hush(refusal(&verdict, &response, self.now())));
        }
        match content(&response.body) {
            Some(doc) => Ok(Answered { doc, response }),
            None => Err(Failure { request_id: verdict.request_id(), ..nonsense(operation, &response) }),
        }
    }

    /// A refusal may repeat what was sent.
    fn hush(&self, failure: Failure) -> Failure {
        let message = failure.message.replace(self.signer.secret().expose(), "***");
        Failure { message, ..failure }
    }

    /// As long as told, and at least a wait that doubles with each refusal in a row.
    fn slow_down(&self, response: &Response) -> Timestamp {
        let now = self.now();
        let (per_second, wait) = locked(&self.pace).refused();
        let least = now.plus(wait).plus(Duration::from_millis(self.random.below(501)));
        let resume_at = response.retry_after(now).map_or(least, |at| at.max(least));
        let news =
            LimitNews { per_second: Some(per_second), resume_at: Some(resume_at), ..LimitNews::default() };
        self.wire.learn("", news);
        resume_at
    }

    fn keep_pace(&self) {
        let faster = locked(&self.pace).answered();
        if faster.is_some() {
            self.wire.learn("", LimitNews { per_second: faster, ..LimitNews::default() });
        }
    }
}

/// The content of a good answer; nothing at all is an empty document.
fn content<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    let envelope: EnvelopeDoc<'_> = serde_json::from_slice(body).ok()?;
    let raw = envelope.data.map_or("{}", serde_json::value::RawValue::get);
    serde_json::from_str(raw).ok()
}

/// Locks a value that no code can leave half-changed.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a consent's tokens carry beside themselves.
pub fn extra(cipher: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(CIPHER.to_owned(), cipher.to_owned())])
}
