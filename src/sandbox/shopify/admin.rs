//! The GraphQL endpoint: versions, tokens, cost, throttling.

use serde_json::{Map, Value, json};

use super::super::bucket::Bucket;
use super::super::kit::Kit;
use super::super::message::{Request, Response};
use super::graphql::{self, Cost, GraphError, Schema};
use super::resolver::Api;
use super::{Options, State, deeds};
use crate::model::Timestamp;

/// Reachable versions, oldest first.
const VERSIONS: [&str; 5] = ["2026-01", "2026-04", "2026-07", "2026-10", "2027-01"];
/// Most points of one query.
const COST_MAX: Cost = 1_000;

pub(super) fn versions() -> Value {
    let shown = VERSIONS
        .iter()
        .map(|version| json!({ "displayName": version, "handle": version, "supported": true }));
    Value::Array(shown.collect())
}

/// The version that a request really gets: a retired one falls forward. `None`: no version.
pub(super) fn served_version(asked: &str) -> Option<&str> {
    if asked == "unstable" {
        return Some("unstable");
    }
    let (year, month) = asked.split_once('-')?;
    let plausible =
        year.len() == 4 && year.parse::<u16>().is_ok() && matches!(month, "01" | "04" | "07" | "10");
    if !plausible || asked > VERSIONS[VERSIONS.len() - 1] {
        return None;
    }
    Some(VERSIONS.iter().find(|version| **version >= asked).copied().unwrap_or(VERSIONS[0]))
}

/// What a GraphQL request carries.
struct Call {
    query: String,
    operation: Option<String>,
    variables: Map<String, Value>,
}

impl Call {
    fn read(body: &Value) -> Option<Self> {
        let variables = match body.get("variables") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(variables)) => variables.clone(),
            Some(_) => return None,
        };
        Some(Self {
            query: body.get("query")?.as_str()?.to_owned(),
            operation: body.get("operationName").and_then(Value::as_str).map(str::to_owned),
            variables,
        })
    }
}

/// Answers `POST /admin/api/{version}/graphql.json`.
pub(super) fn graphql(
    state: &mut State,
    schema: &Schema,
    options: &Options,
    kit: &Kit,
    request: &Request,
    asked: &str,
) -> Response {
    let Some(version) = served_version(asked) else {
        kit.breach(request, "bad_version", format!("there is no version `{asked}`"));
        return Response::json(404, &json!({ "errors": "Not Found" }));
    };
    if version != asked {
        kit.breach(request, "retired_version", format!("{asked} is answered as {version}"));
    }
    let answer = match admit(state, options, kit, request) {
        Ok(call) => Served { state, schema, options, kit, request, version }.run(&call),
        Err(refusal) => refusal,
    };
    answer
        .with_header("x-shopify-api-version", version)
        .with_header("x-request-id", kit.random.uuid_v4().to_string())
}

fn admit(state: &mut State, options: &Options, kit: &Kit, request: &Request) -> Result<Call, Response> {
    if request.method != "POST" {
        kit.breach(request, "wrong_method", "GraphQL takes POST");
        return Err(Response::json(404, &json!({ "errors": "Not Found" })));
    }
    if request.header("user-agent").is_none_or(str::is_empty) {
        kit.breach(request, "missing_header", "no User-Agent");
    }
    if request.header("authorization").is_some() {
        kit.breach(request, "wrong_header", "the token goes into X-Shopify-Access-Token, not Authorization");
    }
    if request.content_type().as_deref() != Some("application/json") {
        kit.breach(request, "content_type", "GraphQL takes application/json");
        return Err(Response::json(415, &json!({ "errors": "Unsupported Media Type" })));
    }
    if let Some(until) = state.blocked_until.filter(|until| kit.now() < *until) {
        kit.breach(request, "over_rate_limit", "called before Retry-After was over");
        return Err(too_many(until.since(kit.now()).as_secs() + 1));
    }
    let token = request.header("x-shopify-access-token").unwrap_or_default();
    let fixed = options.access_token.as_deref().is_some_and(|own| own == token) && state.access.installed;
    if !fixed && !state.access.accepts(token, kit.now()) {
        if token.is_empty() {
            kit.breach(request, "missing_header", "no X-Shopify-Access-Token");
        }
        return Err(unauthorised());
    }
    let body = request.json().unwrap_or(Value::Null);
    Call::read(&body).ok_or_else(|| {
        kit.breach(request, "bad_body", "the body is no JSON object with a query");
        Response::json(400, &json!({ "errors": { "query": "Required parameter missing or invalid" } }))
    })
}

pub(super) fn unauthorised() -> Response {
    let message = "[API] Invalid API key or access token (unrecognized login or wrong password)";
    Response::json(401, &json!({ "errors": message }))
}

pub(super) fn too_many(seconds: u64) -> Response {
    let message =
        "Exceeded 2 calls per second for api client. Reduce request rates to resume uninterrupted service.";
    Response::json(429, &json!({ "errors": message })).with_header("retry-after", format!("{seconds}.0"))
}

struct Served<'a> {
    state: &'a mut State,
    schema: &'a Schema,
    options: &'a Options,
    kit: &'a Kit,
    request: &'a Request,
    version: &'a str,
}

impl Served<'_> {
    fn run(&mut self, call: &Call) -> Response {
        let prepared = graphql::prepare(
            self.schema,
            self.version,
            &call.query,
            call.operation.as_deref(),
            &call.variables,
        );
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(errors) => return self.refuse(&errors),
        };
        let requested = graphql::requested(self.schema, &prepared);
        let now = self.kit.now();
        if requested > COST_MAX {
            self.kit.breach(self.request, "over_cost", format!("one query asks for {requested} points"));
            return self.too_costly(requested, now);
        }
        if !self.state.bucket.take(f64::from(requested), now) {
            self.kit.breach(self.request, "over_rate_limit", format!("{requested} points are not there"));
            return throttled(requested, &mut self.state.bucket, now);
        }
        let mut api = Api {
            world: &mut self.state.world,
            hooks: &mut self.state.hooks,
            kit: self.kit,
            options: self.options,
            request: self.request,
            now,
            events: Vec::new(),
            search: None,
        };
        let execution = graphql::run(self.schema, &prepared, &mut api);
        let (events, search) = (std::mem::take(&mut api.events), api.search.take());
        let used = graphql::actual(self.schema, &prepared, &execution.data).min(requested);
        self.state.bucket.give(f64::from(requested - used));
        let secret = self.state.access.client_secret.clone();
        self.state.hooks.tell(events, &secret, &self.options.webhook_version, self.kit);
        self.note(&execution.errors);
        let mut body = Map::new();
        if !execution.errors.is_empty() {
            body.insert("errors".into(), execution.errors.iter().map(GraphError::to_json).collect());
        }
        body.insert("data".into(), execution.data);
        let mut extensions = json!({ "cost": cost(requested, Some(used), &mut self.state.bucket, now) });
        if let Some(search) = search {
            extensions["search"] = search;
        }
        body.insert("extensions".into(), extensions);
        Response::json(200, &Value::Object(body))
    }

    fn refuse(&self, errors: &[GraphError]) -> Response {
        self.note(errors);
        let errors: Vec<Value> = errors.iter().map(GraphError::to_json).collect();
        Response::json(200, &json!({ "errors": errors }))
    }

    /// Every error but a refused right is the client's fault.
    fn note(&self, errors: &[GraphError]) {
        for error in errors {
            let code = error.extensions["code"].as_str().unwrap_or("error");
            if !matches!(code, "ACCESS_DENIED" | "MAX_INPUT_SIZE_EXCEEDED") {
                self.kit.breach(self.request, &format!("graphql_{code}"), error.message.clone());
            }
        }
    }

    fn too_costly(&mut self, requested: Cost, now: Timestamp) -> Response {
        let message = format!(
            "Query cost is {requested}, which exceeds the single query max cost limit ({COST_MAX}).\n\nSee https://shopify.dev/concepts/about-apis/rate-limits for more information on how the\ncost of a query is calculated."
        );
        let error = json!({
            "message": message,
            "extensions": { "code": "MAX_COST_EXCEEDED", "cost": requested, "maxCost": COST_MAX },
        });
        let cost = cost(requested, None, &mut self.state.bucket, now);
        Response::json(200, &json!({ "errors": [error], "extensions": { "cost": cost } }))
    }
}

/// Refused for want of points: HTTP 200, no `data`.
pub(super) fn throttled(requested: Cost, bucket: &mut Bucket, now: Timestamp) -> Response {
    let error = json!({
        "message": "Throttled",
        "extensions": { "code": "THROTTLED", "documentation": "https://shopify.dev/api/usage/rate-limits" },
    });
    let cost = cost(requested, None, bucket, now);
    Response::json(200, &json!({ "errors": [error], "extensions": { "cost": cost } }))
}

fn cost(requested: Cost, used: Option<Cost>, bucket: &mut Bucket, now: Timestamp) -> Value {
    json!({
        "requestedQueryCost": requested,
        "actualQueryCost": used,
        "throttleStatus": {
            "maximumAvailable": whole(bucket.burst()),
            "currentlyAvailable": whole(bucket.level(now)),
            "restoreRate": whole(bucket.rate()),
        },
    })
}

#[allow(clippy::cast_possible_truncation, reason = "points are small and never negative")]
fn whole(points: f64) -> i64 {
    points.floor() as i64
}

/// Cancellations whose time has come take effect and are told.
pub(super) fn settle(state: &mut State, options: &Options, kit: &Kit) {
    for order in state.world.finish_jobs(kit.now()) {
        let events = deeds::cancelled(&state.world, order);
        let secret = state.access.client_secret.clone();
        state.hooks.tell(events, &secret, &options.webhook_version, kit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retired_version_falls_forward() {
        assert_eq!(served_version("2026-10"), Some("2026-10"));
        assert_eq!(served_version("2024-07"), Some("2026-01"));
        assert_eq!(served_version("unstable"), Some("unstable"));
        assert_eq!(served_version("2026-11"), None);
        assert_eq!(served_version("2031-01"), None);
    }
}
