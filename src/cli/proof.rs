//! The proof of a channel's credentials: one harmless call, and no token lost on the way to it.

use std::path::Path;

use serde::Deserialize;
use serde_json::json;

use super::client::segment;
use super::daemon::at_config;
use super::trouble::Trouble;
use crate::channel::{Call, Channel, Env, Finding};
use crate::config::{Config, Connections};
use crate::model::{ChannelId, Credentials, Failure, Lane, Tokens};
use crate::notify::{Message, Post};
use crate::store::{OpenError, Options, Store};

/// What the proof of one channel gave.
pub(super) struct Proof {
    pub channel: String,
    pub findings: Vec<Finding>,
}

/// Proves every enabled channel, one after the other.
pub(super) async fn all(path: &Path, config: &Config, connections: &Connections, env: &Env) -> Vec<Proof> {
    let mut proofs = Vec::new();
    for (id, channel) in config.channels.iter().filter(|(_, channel)| channel.enabled) {
        let Some(connection) = connections.get(id) else { continue };
        let proof = if connection.refresh_is_single_use() {
            let credentials = channel.credentials();
            let store = options(config, env);
            with_kept_tokens(path, store, (id, &credentials), connection.as_ref(), env).await
        } else {
            with_new_tokens(connection.as_ref()).await
        };
        let findings = proof.unwrap_or_else(|bad| vec![bad]);
        proofs.push(Proof { channel: format!("{id} ({})", channel.kind.title), findings });
    }
    proofs
}

/// What the test message to one target of `[notify.*]` came to.
pub(super) struct Reached {
    pub target: String,
    pub kind: &'static str,
    /// `Err`: why not.
    pub outcome: Result<(), String>,
}

/// Sends each target a test message, one after the other.
pub(super) async fn targets(config: &Config, env: &Env) -> Vec<Reached> {
    let post = Post::new(env.clock.clone());
    let mut reached = Vec::new();
    for (name, notify) in &config.notify {
        let now = env.clock.now();
        let id = env.random.uuid_v7(now).to_string();
        let message = Message::test(name, &id, now, config.admin.public_url.as_deref());
        let outcome = post.send(&notify.target, &message).await.map_err(|undelivered| undelivered.why);
        reached.push(Reached { target: name.clone(), kind: notify.target.kind(), outcome });
    }
    reached
}

fn bad(failure: &Failure) -> Finding {
    Finding::bad(failure.to_string(), failure.kind.advice())
}

/// Where asking for a token leaves the others valid, the file's credentials are proved as they are.
async fn with_new_tokens(connection: &dyn Channel) -> Result<Vec<Finding>, Finding> {
    let tokens = connection.authorise(None).await.map_err(|failure| bad(&failure))?;
    probe(connection, &tokens).await.map_err(|failure| bad(&failure))
}

async fn probe(connection: &dyn Channel, tokens: &Tokens) -> Result<Vec<Finding>, Failure> {
    connection.probe(Call { tokens, lane: Lane::Manual }).await
}

/// A refresh token that is spent by its use must not be lost: its successor goes into the store
/// before anything else. While the daemon runs, only the daemon may do that.
async fn with_kept_tokens(
    path: &Path,
    store: Options,
    (id, credentials): (&ChannelId, &Credentials),
    connection: &dyn Channel,
    env: &Env,
) -> Result<Vec<Finding>, Finding> {
    let store = match Store::open(store) {
        Ok(store) => store,
        Err(OpenError::InUse { .. }) => {
            return by_daemon(path, id).await.map_err(|t| Finding::bad(t.why, t.cure));
        }
        Err(error) => {
            return Err(Finding::bad(error.to_string(), "Make the store usable: its tokens are needed."));
        }
    };
    let findings = through_store(&store, (id, credentials), connection, env).await;
    store.close().await;
    findings
}

fn options(config: &Config, env: &Env) -> Options {
    Options {
        dir: config.store.path.clone(),
        key: config.store.encryption_key.clone(),
        clock: env.clock.clone(),
        random: env.random.clone(),
        cache_bytes: 16 << 20,
        backlog_max: u64::MAX,
    }
}

async fn through_store(
    store: &Store,
    (id, credentials): (&ChannelId, &Credentials),
    connection: &dyn Channel,
    env: &Env,
) -> Result<Vec<Finding>, Finding> {
    let lost = |error: crate::store::StoreError| {
        Finding::bad(error.to_string(), "Check the store with `fenicia verify`, then try again.")
    };
    // The daemon finds its tokens by the same mark.
    let held = store.tokens(id).map_err(lost)?.and_then(|tokens| tokens.usable_by(credentials));
    if let Some(tokens) = held.as_ref().filter(|t| t.expires_at.is_none_or(|end| end > env.clock.now())) {
        match probe(connection, tokens).await {
            Err(failure) if failure.stale_token => {}
            answer => return answer.map_err(|failure| bad(&failure)),
        }
    }
    let renewed = connection.authorise(held.as_ref()).await.map_err(|failure| bad(&failure))?;
    let kept = store.put_tokens(id, renewed.marked(credentials, held.as_ref())).await.map_err(lost)?;
    probe(connection, &kept).await.map_err(|failure| bad(&failure))
}

#[derive(Deserialize)]
struct Tested {
    findings: Vec<TestedFinding>,
}

#[derive(Deserialize)]
struct TestedFinding {
    ok: bool,
    what: String,
    cure: Option<String>,
}

async fn by_daemon(path: &Path, id: &ChannelId) -> Result<Vec<Finding>, Trouble> {
    let client = at_config(path)?;
    let answer = client.post(&format!("/api/v1/channels/{}/test", segment(id.as_str())), &json!({})).await?;
    let tested: Tested = answer.read()?;
    Ok(tested.findings.into_iter().map(|f| Finding { ok: f.ok, what: f.what, cure: f.cure }).collect())
}
