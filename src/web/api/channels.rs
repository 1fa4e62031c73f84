//! Connections: how they are, and proving them.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::error::{ChannelErrorJson, ErrorJson};
use super::order::TURNED_OFF;
use super::{Answer, Call, List};
use crate::actors::Connection;
use crate::channel::{self, Finding};
use crate::model::{
    Capabilities, ChannelId, ConnectionState, ConnectionStatus, Failure, RateLimit, Timestamp,
};
use crate::store::ChannelCounts;
use crate::web::fields::Fields;
use crate::web::problem::Problem;
use crate::web::query::Query;
use crate::web::reply;
use crate::web::state::Api;

const DAY: i64 = 86_400;
/// Longest time that a test may take, should a marketplace hang.
const TEST_PATIENCE: Duration = Duration::from_mins(1);

#[derive(Serialize)]
struct ChannelJson<'a> {
    id: &'a ChannelId,
    kind: &'static str,
    name: &'a str,
    status: ConnectionStatus,
    status_since: Option<Timestamp>,
    last_success_at: Option<Timestamp>,
    last_error: Option<ChannelErrorJson<'a>>,
    method: &'static str,
    schedule: &'a str,
    next_poll_at: Option<Timestamp>,
    last_webhook_at: Option<Timestamp>,
    backlog: u64,
    in_flight: usize,
    rate_limit: RateLimit,
    orders: OrderCounts,
    capabilities: Capabilities,
    webhook_url: Option<&'a str>,
}

#[derive(Serialize)]
struct OrderCounts {
    total: u64,
    today: u64,
}

/// A connection with what the store knows of it.
struct Known {
    connection: Arc<Connection>,
    state: Option<ConnectionState>,
    counts: ChannelCounts,
}

impl Known {
    fn shape(&self, now: Timestamp) -> ChannelJson<'_> {
        let (connection, state) = (&*self.connection, self.state.as_ref());
        ChannelJson {
            id: &connection.id,
            kind: connection.kind.name,
            name: &connection.name,
            status: status(connection.enabled, state),
            status_since: state.map(|state| state.status_since),
            last_success_at: state.and_then(|state| state.last_success_at),
            last_error: state.and_then(|state| state.last_error.as_ref()).map(ChannelErrorJson::from),
            method: connection.kind.method.as_str(),
            schedule: &connection.schedule,
            next_poll_at: connection.next_poll_at(),
            last_webhook_at: state.and_then(|state| state.last_webhook_at),
            backlog: self.counts.backlog,
            in_flight: connection.in_flight(),
            rate_limit: connection.channel.rate_limit(),
            orders: OrderCounts { total: self.counts.total, today: self.counts.today },
            capabilities: abilities(connection, now),
            webhook_url: connection.webhook_url.as_deref(),
        }
    }
}

/// What the channel can do with an ordinary order.
pub fn abilities(connection: &Connection, now: Timestamp) -> Capabilities {
    if connection.enabled {
        channel::abilities(&*connection.channel, &connection.id, connection.kind.name, now)
    } else {
        Capabilities::none(TURNED_OFF)
    }
}

/// A connection without a row yet has not been called yet: not known to work.
pub fn status(enabled: bool, state: Option<&ConnectionState>) -> ConnectionStatus {
    match state {
        _ if !enabled => ConnectionStatus::Disabled,
        Some(state) => state.status,
        None => ConnectionStatus::Degraded,
    }
}

/// `GET /api/v1/channels`. Never so many that a second page is needed.
pub async fn list(api: &Arc<Api>, call: &Call) -> Answer {
    let query = Query::parse(&call.query, &["limit", "cursor"])?;
    let limit = query.limit()?;
    let after = query.cursor()?.map(ToOwned::to_owned);
    let mut rest = api.handle.channels();
    rest.retain(|connection| after.as_deref().is_none_or(|after| connection.id.as_str() > after));
    let more = rest.len() > limit;
    rest.truncate(limit);
    let known = look_up(api, rest).await?;
    let next_cursor = known.last().filter(|_| more).map(|last| last.connection.id.to_string());
    let now = api.now();
    let items = known.iter().map(|known| known.shape(now)).collect();
    Ok(reply::ok(&List { items, next_cursor }))
}

/// `GET /api/v1/channels/{id}`
pub async fn one(api: &Arc<Api>, call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    let connection = api.connection(&call.id)?;
    let known = look_up(api, vec![connection]).await?;
    let known = known.first().ok_or_else(Problem::internal)?;
    Ok(reply::ok(&known.shape(api.now())))
}

async fn look_up(api: &Api, connections: Vec<Arc<Connection>>) -> Result<Vec<Known>, Problem> {
    let now = api.now();
    let today = Timestamp::from_secs(now.as_secs().div_euclid(DAY) * DAY);
    api.read(move |store| {
        let known = |connection: Arc<Connection>| {
            Ok(Known {
                state: store.connection(&connection.id)?,
                counts: store.channel_counts(&connection.id, today)?,
                connection,
            })
        };
        connections.into_iter().map(known).collect()
    })
    .await
}

#[derive(Serialize)]
struct TestJson<'a> {
    ok: bool,
    findings: Vec<FindingJson<'a>>,
    error: Option<ErrorJson<'a>>,
}

#[derive(Serialize)]
struct FindingJson<'a> {
    ok: bool,
    what: &'a str,
    cure: Option<&'a str>,
}

impl<'a> From<&'a Finding> for FindingJson<'a> {
    fn from(finding: &'a Finding) -> Self {
        Self { ok: finding.ok, what: &finding.what, cure: finding.cure.as_deref() }
    }
}

/// `POST /api/v1/channels/{id}/test`: one harmless call, now. Repeating it does no harm, so an
/// idempotency key changes nothing here.
pub async fn test(api: &Arc<Api>, call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    Fields::parse(&call.body, &[])?;
    let connection = api.enabled(&call.id)?;
    Ok(match prove(api, &connection.id).await {
        Ok(findings) => reply::ok(&TestJson {
            ok: findings.iter().all(|finding| finding.ok),
            findings: findings.iter().map(FindingJson::from).collect(),
            error: None,
        }),
        Err(failure) => {
            let error = failure.to_error(failure.resume_at);
            let cure = Some(error.kind.advice());
            reply::ok(&TestJson {
                ok: false,
                findings: vec![FindingJson { ok: false, what: &error.message, cure }],
                error: Some(ErrorJson::from(&error)),
            })
        }
    })
}

/// One harmless call, now; what it found.
pub async fn prove(api: &Api, channel: &ChannelId) -> Result<Vec<Finding>, Failure> {
    let tested = tokio::time::timeout(TEST_PATIENCE, api.handle.test(channel)).await;
    tested.unwrap_or_else(|_| Err(Failure::timeout("the marketplace did not answer within a minute")))
}
