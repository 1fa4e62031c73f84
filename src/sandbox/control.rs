//! The sandbox's own routes beside the marketplace's, for tests that drive the real binary.
//!
//! | route | does |
//! |---|---|
//! | `GET /_sandbox` | counts of everything below |
//! | `GET /_sandbox/config?channel=NAME&base_url=URL` | the table of a ready config file |
//! | `POST /_sandbox/orders` `Wish`, or `{"count":N}` with it | 201 `{"ids":[…]}` |
//! | `GET /_sandbox/orders?after=ID&limit=N` | `{"orders":[Truth…]}` in the order of placing |
//! | `GET /_sandbox/orders/ID` | `{"truth":…,"native":…}` |
//! | `POST /_sandbox/orders/ID/deeds` `Deed` | 204, or 409 with the reason |
//! | `GET`, `POST` (`Rule` or a list), `DELETE /_sandbox/faults` | the faults in force |
//! | `GET`, `DELETE /_sandbox/violations` | breaches of the protocol |
//! | `GET /_sandbox/effects?order=ID` | what the client changed |
//! | `GET /_sandbox/calls` | `{"counts":{…},"calls":[…]}` |
//! | `GET`, `PUT /_sandbox/webhooks` `{"target":URL or null}` | deliveries · where they go |
//! | `POST /_sandbox/notices` `{"topic","order"?}` | a webhook that no order causes |
//! | `PUT /_sandbox/access` `{"state":"revoked"\|"expired"\|"restored"}` | the client's tokens |

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::faults::Rule;
use super::message::{Request, Response};
use super::stand::{Deed, Refused, Stand, Wish};

/// Most orders that one request places or lists.
const AT_ONCE: usize = 10_000;

pub(super) fn answer(stand: &dyn Stand, request: &Request) -> Response {
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().skip(1).map(String::as_str).collect();
    let outcome = match (request.method.as_str(), path.as_slice()) {
        ("GET", []) => Ok(overview(stand)),
        ("GET", ["config"]) => Ok(config(stand, request)),
        ("POST", ["orders"]) => place(stand, request),
        ("GET", ["orders"]) => Ok(list(stand, request)),
        ("GET", ["orders", id]) => show(stand, id),
        ("POST", ["orders", id, "deeds"]) => happen(stand, id, request),
        (_, ["faults"]) => faults(stand, request),
        (_, ["violations"]) => Ok(violations(stand, request)),
        ("GET", ["effects"]) => Ok(effects(stand, request)),
        ("GET", ["calls"]) => Ok(calls(stand)),
        (_, ["webhooks"]) => webhooks(stand, request),
        ("POST", ["notices"]) => notice(stand, request),
        ("PUT", ["access"]) => access(stand, request),
        _ => Err(problem(404, "the sandbox has no such route; see GET /_sandbox")),
    };
    outcome.unwrap_or_else(|refusal| refusal)
}

fn problem(status: u16, why: &str) -> Response {
    Response::json(status, &json!({ "error": why }))
}

fn refused(refusal: &Refused) -> Response {
    problem(409, &refusal.0)
}

fn body<T: DeserializeOwned>(request: &Request) -> Result<T, Response> {
    let bytes: &[u8] = if request.body.is_empty() { b"{}" } else { &request.body };
    serde_json::from_slice(bytes).map_err(|error| problem(400, &error.to_string()))
}

fn overview(stand: &dyn Stand) -> Response {
    let kit = stand.kit();
    Response::json(
        200,
        &json!({
            "kind": stand.kind(),
            "now": kit.now(),
            "orders": stand.orders(),
            "violations": kit.violations.total(),
            "effects": kit.effects.all().len(),
            "faults": kit.faults.waiting().len(),
            "calls": kit.effects.call_counts(),
        }),
    )
}

fn config(stand: &dyn Stand, request: &Request) -> Response {
    let host = request.header("host").map(|host| format!("http://{host}")).unwrap_or_default();
    let base_url = request.param("base_url").unwrap_or(&host);
    Response::text(200, &stand.config(request.param("channel").unwrap_or(stand.kind()), base_url))
}

fn place(stand: &dyn Stand, request: &Request) -> Result<Response, Response> {
    let mut wanted: serde_json::Map<String, serde_json::Value> = body(request)?;
    let count = match wanted.remove("count") {
        None => 1,
        Some(count) => usize::try_from(count.as_u64().unwrap_or(0)).unwrap_or(0),
    };
    if !(1..=AT_ONCE).contains(&count) {
        return Err(problem(400, "count is between 1 and 10000"));
    }
    let wish: Wish =
        serde_json::from_value(wanted.into()).map_err(|error| problem(400, &error.to_string()))?;
    let mut ids = Vec::with_capacity(count);
    for _ in 0..count {
        ids.push(stand.place(&wish).map_err(|refusal| refused(&refusal))?);
    }
    Ok(Response::json(201, &json!({ "ids": ids })))
}

fn list(stand: &dyn Stand, request: &Request) -> Response {
    let limit = request.param("limit").and_then(|limit| limit.parse().ok()).unwrap_or(1_000);
    Response::json(200, &json!({ "orders": stand.truths(request.param("after"), limit.min(AT_ONCE)) }))
}

fn show(stand: &dyn Stand, id: &str) -> Result<Response, Response> {
    let native = stand.native(id).ok_or_else(|| problem(404, "no such order"))?;
    Ok(Response::json(200, &json!({ "truth": stand.truth(id), "native": native })))
}

fn happen(stand: &dyn Stand, id: &str, request: &Request) -> Result<Response, Response> {
    let deed: Deed = body(request)?;
    stand.happen(id, &deed).map_err(|refusal| refused(&refusal))?;
    Ok(Response::empty(204))
}

fn faults(stand: &dyn Stand, request: &Request) -> Result<Response, Response> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        Many(Vec<Rule>),
        One(Rule),
    }
    let faults = &stand.kit().faults;
    match request.method.as_str() {
        "POST" => {
            let rules = match body(request)? {
                OneOrMany::Many(rules) => rules,
                OneOrMany::One(rule) => vec![rule],
            };
            if !rules.into_iter().all(|rule| faults.add(rule)) {
                return Err(problem(409, "too many faults wait already: delete them first"));
            }
        }
        "DELETE" => faults.clear(),
        _ => {}
    }
    Ok(Response::json(200, &json!({ "faults": faults.waiting() })))
}

fn violations(stand: &dyn Stand, request: &Request) -> Response {
    let violations = &stand.kit().violations;
    if request.method == "DELETE" {
        violations.clear();
    }
    Response::json(200, &json!({ "total": violations.total(), "violations": violations.all() }))
}

fn effects(stand: &dyn Stand, request: &Request) -> Response {
    let effects = &stand.kit().effects;
    let found = request.param("order").map_or_else(|| effects.all(), |order| effects.of_order(order));
    Response::json(200, &json!({ "effects": found }))
}

fn calls(stand: &dyn Stand) -> Response {
    let effects = &stand.kit().effects;
    Response::json(200, &json!({ "counts": effects.call_counts(), "calls": effects.calls() }))
}

fn webhooks(stand: &dyn Stand, request: &Request) -> Result<Response, Response> {
    #[derive(Deserialize)]
    struct Wanted {
        target: Option<String>,
    }
    let courier = &stand.kit().webhooks;
    if request.method == "PUT" {
        let wanted: Wanted = body(request)?;
        if wanted.target.as_deref().is_some_and(|target| !target.starts_with("http://")) {
            return Err(problem(400, "a target begins with http://, since the sandbox speaks no TLS"));
        }
        courier.set_target(wanted.target);
    }
    Ok(Response::json(200, &json!({ "has_target": courier.has_target(), "deliveries": courier.records() })))
}

fn notice(stand: &dyn Stand, request: &Request) -> Result<Response, Response> {
    #[derive(Deserialize)]
    struct Wanted {
        topic: String,
        order: Option<String>,
    }
    let wanted: Wanted = body(request)?;
    stand.notice(&wanted.topic, wanted.order.as_deref()).map_err(|refusal| refused(&refusal))?;
    Ok(Response::empty(204))
}

fn access(stand: &dyn Stand, request: &Request) -> Result<Response, Response> {
    #[derive(Deserialize)]
    struct Wanted {
        state: State,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum State {
        Revoked,
        Expired,
        Restored,
    }
    match body::<Wanted>(request)?.state {
        State::Revoked => stand.revoke_access(),
        State::Expired => stand.expire_access(),
        State::Restored => stand.restore_access(),
    }
    Ok(Response::empty(204))
}
