//! How the daemon is: for service managers, load balancers and Prometheus.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use serde_json::json;
use tokio::time::timeout;

use super::reply::{self, Body, Reply};
use super::state::Api;

/// Who does not answer within this is not well.
const PATIENCE: Duration = Duration::from_secs(2);

/// `GET /healthz`: root, scheduler and writer answer.
pub async fn alive(api: &Arc<Api>) -> Reply {
    let alive = timeout(PATIENCE, api.handle.is_alive()).await.unwrap_or(false);
    if alive {
        reply::ok(&json!({ "status": "ok" }))
    } else {
        reply::json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": "stuck" }))
    }
}

/// `GET /readyz`: new work is taken.
pub async fn ready(api: &Arc<Api>) -> Reply {
    let writes = matches!(timeout(PATIENCE, api.store.ping()).await, Ok(Ok(())));
    let status = match (writes, api.handle.is_ready()) {
        (true, true) if api.store.has_room() => return reply::ok(&json!({ "status": "ready" })),
        (true, true) => "the disk is nearly full",
        (false, _) => "the store does not answer",
        (true, false) => "starting up or shutting down",
    };
    reply::json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": status }))
}

/// `GET /metrics`: Prometheus' text format.
pub fn metrics(api: &Arc<Api>) -> Reply {
    let text = api.metrics.render();
    reply::typed(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", Body::whole(text))
}
