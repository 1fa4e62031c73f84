//! How the daemon is: for service managers, load balancers and Prometheus.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use serde_json::json;
use tokio::time::timeout;

use super::api::Answer;
use super::problem::Problem;
use super::reply::{self, Body};
use super::state::Api;
use crate::model::{ConnectionStatus, Timestamp};
use crate::telemetry::metrics;

/// Who does not answer within this is not well.
const PATIENCE: Duration = Duration::from_secs(2);

/// `GET /healthz`: root, scheduler and writer answer.
pub async fn alive(api: &Arc<Api>) -> Answer {
    let alive = timeout(PATIENCE, api.handle.is_alive()).await.unwrap_or(false);
    Ok(if alive {
        reply::ok(&json!({ "status": "ok" }))
    } else {
        reply::json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": "stuck" }))
    })
}

/// `GET /readyz`: new work is taken.
pub async fn ready(api: &Arc<Api>) -> Answer {
    let writes = matches!(timeout(PATIENCE, api.store.ping()).await, Ok(Ok(())));
    let status = match (writes, api.handle.is_ready()) {
        (true, true) => return Ok(reply::ok(&json!({ "status": "ready" }))),
        (false, _) => "the store does not answer",
        (true, false) => "starting up or shutting down",
    };
    Ok(reply::json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": status })))
}

/// `GET /metrics`: Prometheus' text format. Gauges are taken now rather than kept up.
pub async fn metrics(api: &Arc<Api>) -> Answer {
    take_gauges(api).await?;
    let text = api.metrics.render();
    Ok(reply::typed(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", Body::whole(text)))
}

async fn take_gauges(api: &Arc<Api>) -> Result<(), Problem> {
    let connections = api.handle.channels();
    let in_flight: Vec<_> =
        connections.iter().map(|connection| (connection.id.clone(), connection.in_flight())).collect();
    let now = api.now();
    api.read(move |store| {
        for (channel, in_flight) in in_flight {
            let label = channel.as_str();
            metrics::in_flight(label).set(approximately(in_flight as u64));
            metrics::backlog(label).set(approximately(store.channel_counts(&channel, now)?.backlog));
            let Some(state) = store.connection(&channel)? else { continue };
            metrics::channel_up(label).set(f64::from(u8::from(state.status == ConnectionStatus::Connected)));
            let last = state.last_success_at.map_or(0, Timestamp::as_secs);
            metrics::channel_last_success(label).set(approximately(u64::try_from(last).unwrap_or(0)));
        }
        metrics::store_bytes().set(approximately(store.sizes()?.file_bytes));
        Ok(())
    })
    .await
}

/// Prometheus knows only floats; counts stay exact up to 2^53.
#[allow(clippy::cast_precision_loss, reason = "a metric")]
fn approximately(count: u64) -> f64 {
    count as f64
}
