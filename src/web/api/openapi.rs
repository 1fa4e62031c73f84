//! `GET /api/v1/openapi.json`: the API described by itself, from the table of routes.

use std::sync::LazyLock;

use hyper::StatusCode;
use hyper::body::Bytes;
use serde_json::{Map, Value, json};

use super::orders::filters_and;
use super::schemas::{self, count, list_of, named, text, time};
use super::{Answer, Call};
use crate::web::problem::Code;
use crate::web::query::{LIMIT_DEFAULT, LIMIT_MAX, Query};
use crate::web::reply::{self, Body};
use crate::web::route::{Entry, Need, Route, TABLE};

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(document().to_string()));

/// `GET /api/v1/openapi.json`
pub fn show(call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    Ok(reply::typed(StatusCode::OK, "application/json", Body::whole(DOCUMENT.clone())))
}

fn document() -> Value {
    let mut paths = Map::new();
    for entry in &TABLE {
        let path = paths.entry(entry.path).or_insert_with(|| json!({}));
        path[entry.method.as_str().to_ascii_lowercase()] = operation(entry);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "fenicia",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "security": [{ "key": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "key": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas::all(),
        },
    })
}

const DESCRIPTION: &str = "Orders of several marketplaces, kept in step. Times are RFC 3339 in UTC, money is \
a decimal string beside a currency. A field that a channel does not give is null. Roles: viewer reads, \
operator also acts on orders and syncs, admin also manages keys and connections. Errors are problems \
(RFC 9457) with a stable `code`. A POST with an `Idempotency-Key` header acts once: a repeat gets the first \
answer, the same key with another body is refused with `idempotency_key_reused`. Where a repeat does no harm \
by nature (test, connect, erase, backup) the key is taken and changes nothing.";

/// What is said about a route beside its row in the table.
struct Words {
    summary: &'static str,
    query: Vec<&'static str>,
    /// Named schema of the body.
    body: Option<&'static str>,
    status: u16,
    answer: Shape,
    /// Codes of problems beyond those that every route has.
    problems: &'static [Code],
}

enum Shape {
    One(&'static str),
    List(&'static str),
    Media(&'static [&'static str]),
    Nothing,
}

fn read(summary: &'static str, answer: Shape) -> Words {
    Words { summary, query: Vec::new(), body: None, status: 200, answer, problems: &[] }
}

fn ask(summary: &'static str, status: u16, answer: Shape) -> Words {
    Words { status, body: Some("Nothing"), ..read(summary, answer) }
}

impl Words {
    fn query(self, query: &[&'static str]) -> Self {
        Self { query: query.to_vec(), ..self }
    }

    fn filters(self, more: &[&'static str]) -> Self {
        Self { query: filters_and(more), ..self }
    }

    fn body(self, body: &'static str) -> Self {
        Self { body: Some(body), ..self }
    }

    fn problems(self, problems: &'static [Code]) -> Self {
        Self { problems, ..self }
    }
}

const PAGED: &[&str] = &["limit", "cursor"];

fn words(route: Route) -> Words {
    match route {
        Route::Orders => read("Orders, newest first", Shape::List("Order")).filters(PAGED),
        Route::OrdersSummary => {
            read("Counts by status, payment status, sync state and channel", Shape::One("Summary"))
        }
        Route::OrdersExport => {
            read("Orders as CSV or lines of JSON, streamed", Shape::Media(&["text/csv", "application/jsonl"]))
                .filters(&["format", "columns"])
        }
        Route::Order => read("One order", Shape::One("Order")).problems(&[Code::NotFound]),
        Route::Timeline => read("Every sync event of an order, newest first", Shape::List("TimelineEvent"))
            .query(PAGED)
            .problems(&[Code::NotFound]),
        Route::SyncOrder => ask("Ask the channel for the order now", 202, Shape::One("SyncStarted"))
            .problems(&[Code::NotFound, Code::Conflict]),
        Route::Ship => act("Mark units as shipped", "Ship"),
        Route::Tracking => act("Replace a parcel's tracking number", "Tracking"),
        Route::Cancel => act("Cancel the order", "Cancel"),
        Route::Action => read("One action", Shape::One("Action")).problems(&[Code::NotFound]),
        Route::Channels => read("Connections", Shape::List("Channel")).query(PAGED),
        Route::Channel => read("One connection", Shape::One("Channel")).problems(&[Code::NotFound]),
        Route::SyncChannel => ask(
            "Sync a channel's orders changed since a time, by default the last 7 days",
            202,
            Shape::One("SyncStarted"),
        )
        .body("Since")
        .problems(&[Code::NotFound, Code::Conflict]),
        Route::TestChannel => ask("Prove the connection now", 200, Shape::One("ChannelTest"))
            .problems(&[Code::NotFound, Code::Conflict]),
        Route::ConnectChannel => {
            let summary = "Start the consent; answers the address to open in a browser. With the address at which the \
                           browser ended: end it";
            ask(summary, 200, Shape::One("Consent")).body("ConsentAnswer").problems(&[
                Code::NotFound,
                Code::Conflict,
                Code::Unsupported,
            ])
        }
        Route::SyncAll => ask("Sync every channel", 202, Shape::One("SyncsStarted")).body("Since"),
        Route::Sync => read("A sync's progress", Shape::One("Sync")).problems(&[Code::NotFound]),
        Route::StopSync => read("Stop a sync; what is done stays", Shape::One("Sync"))
            .problems(&[Code::NotFound, Code::Conflict]),
        Route::Failures => read("Parked work", Shape::List("Failure")).query(&["channel", "limit", "cursor"]),
        Route::RetryAll => ask("Put all parked work back", 202, Shape::One("Retried")).body("RetryChannel"),
        Route::Retry => ask("Put parked work back", 202, Shape::One("Retried"))
            .problems(&[Code::NotFound, Code::Conflict]),
        Route::Dismiss => {
            ask("Give parked work up", 204, Shape::Nothing).problems(&[Code::NotFound, Code::Conflict])
        }
        Route::Notifications => read("What the user was told, newest first", Shape::List("Notification"))
            .query(&["unread", "limit", "cursor"]),
        Route::ReadNotification => {
            ask("Mark a notification as read", 204, Shape::Nothing).problems(&[Code::NotFound])
        }
        Route::Changes => {
            read("Changes of orders in order, at least once, without a gap", Shape::List("Change"))
                .query(&["after", "cursor", "limit", "wait"])
                .problems(&[Code::Gone, Code::RateLimited])
        }
        Route::Events => read(
            "News for the page: ids and numbers, as Server-Sent Events",
            Shape::Media(&["text/event-stream"]),
        )
        .problems(&[Code::RateLimited]),
        Route::Keys => read("API keys", Shape::List("Key")),
        Route::CreateKey => ask("Make an API key; it is shown once", 201, Shape::One("Key")).body("NewKey"),
        Route::RevokeKey => {
            read("Revoke an API key", Shape::Nothing).no_content().problems(&[Code::NotFound, Code::Conflict])
        }
        Route::Erase => {
            ask("Erase personal data now, by orders or by e-mail", 200, Shape::One("Erased")).body("Erase")
        }
        Route::Backup => {
            ask("A consistent copy of the store", 200, Shape::Media(&["application/octet-stream"]))
                .problems(&[Code::Conflict])
        }
        Route::OpenApi => read("This description", Shape::Media(&["application/json"])),
        Route::Metrics => read("Metrics in Prometheus' text format", Shape::Media(&["text/plain"])),
        Route::Health => read("Whether the daemon works", Shape::One("Health")),
        Route::Ready => read("Whether the daemon takes new work", Shape::One("Health")),
    }
}

fn act(summary: &'static str, body: &'static str) -> Words {
    ask(summary, 202, Shape::One("Action")).body(body).problems(&[
        Code::NotFound,
        Code::Conflict,
        Code::Unsupported,
    ])
}

impl Words {
    fn no_content(self) -> Self {
        Self { status: 204, ..self }
    }
}

fn operation(entry: &Entry) -> Value {
    let words = words(entry.route);
    let mut parameters: Vec<Value> = words.query.iter().map(|name| in_query(name)).collect();
    if entry.path.contains("{id}") {
        parameters.push(json!({ "name": "id", "in": "path", "required": true, "schema": text() }));
    }
    if entry.method == hyper::Method::POST {
        parameters.push(json!({ "name": "Idempotency-Key", "in": "header", "schema": text() }));
    }
    let mut operation = json!({
        "operationId": format!("{:?}", entry.route),
        "summary": words.summary,
        "description": needed(entry.need),
        "parameters": parameters,
        "responses": responses(&words, entry),
    });
    if let Some(body) = words.body {
        let required = !matches!(body, "Nothing" | "Since" | "RetryChannel");
        operation["requestBody"] =
            json!({ "required": required, "content": { "application/json": { "schema": named(body) } } });
    }
    if entry.need == Need::Loopback {
        operation["security"] = json!([{}, { "key": [] }]);
    }
    operation
}

fn needed(need: Need) -> String {
    match need {
        Need::Role(role) => format!("Needs the role {role}."),
        Need::Loopback => "Needs no key from this machine, a key of any role from elsewhere.".to_owned(),
    }
}

fn responses(words: &Words, entry: &Entry) -> Value {
    let mut responses = Map::new();
    let json_of = |schema: Value| json!({ "application/json": { "schema": schema } });
    let answer = match words.answer {
        Shape::One(name) => json!({ "description": "Done.", "content": json_of(named(name)) }),
        Shape::List(name) => json!({ "description": "A page.", "content": json_of(list_of(&named(name))) }),
        Shape::Media(media) => {
            let content: Map<String, Value> =
                media.iter().map(|media| ((*media).to_owned(), json!({}))).collect();
            json!({ "description": "The content.", "content": content })
        }
        Shape::Nothing => json!({ "description": "Done." }),
    };
    responses.insert(words.status.to_string(), answer);
    let mut codes = vec![Code::InvalidRequest, Code::Unauthenticated, Code::Forbidden, Code::Unavailable];
    codes.extend(words.problems);
    let mut by_status: std::collections::BTreeMap<u16, Vec<&str>> = std::collections::BTreeMap::new();
    for code in codes {
        by_status.entry(code.status().as_u16()).or_default().push(code.as_str());
    }
    if words.body.is_some() {
        by_status.entry(422).or_default().push(Code::InvalidRequest.as_str());
        by_status.entry(422).or_default().push(Code::IdempotencyKeyReused.as_str());
    }
    if matches!(entry.route, Route::Health | Route::Ready) {
        let health = json!({ "description": "Not now.", "content": json_of(named("Health")) });
        responses.insert("503".to_owned(), health);
        by_status.remove(&503);
    }
    for (status, codes) in by_status {
        let content = json!({ "application/problem+json": { "schema": named("Problem") } });
        let problem = json!({ "description": codes.join(" or "), "content": content });
        responses.insert(status.to_string(), problem);
    }
    Value::Object(responses)
}

fn in_query(name: &str) -> Value {
    let (schema, description) = match name {
        "limit" => (
            json!({ "type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT }),
            "Most rows in the answer.",
        ),
        "cursor" => (text(), "Where to go on: the next_cursor of the answer before."),
        "placed_after" | "placed_before" | "updated_after" => (time(), "A time, or a date at midnight UTC."),
        "status" | "payment_status" | "sync_state" => (text(), "One word, or several with commas."),
        "q" => (text(), "Order number, SKU, tracking number by their beginning; customer by whole words."),
        "after" => (count(), "The newest number that was seen."),
        "wait" => (text(), "Wait this long for a change, up to 60s."),
        "unread" => (json!({ "type": "boolean" }), "Only those not marked as read."),
        "format" => (json!({ "type": "string", "enum": ["csv", "jsonl"], "default": "csv" }), "The form."),
        "columns" => (text(), "Names with commas. Without: everything that is not personal."),
        _ => (text(), "The channel's id."),
    };
    json!({ "name": name, "in": "query", "schema": schema, "description": description })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described() {
        let document = document();
        for entry in &TABLE {
            let operation = &document["paths"][entry.path][entry.method.as_str().to_ascii_lowercase()];
            assert!(operation["summary"].is_string(), "{} {}", entry.method, entry.path);
            assert!(operation["responses"]["401"].is_object(), "{}", entry.path);
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let mut pending = vec![&document];
        while let Some(value) = pending.pop() {
            match value {
                Value::Object(map) => {
                    if let Some(target) = map.get("$ref").and_then(Value::as_str) {
                        let pointer = target.trim_start_matches('#');
                        assert!(document.pointer(pointer).is_some(), "{target}");
                    }
                    pending.extend(map.values());
                }
                Value::Array(list) => pending.extend(list),
                _ => {}
            }
        }
    }
}
