//! The shapes of the API's JSON, as schemas. A test holds them against real answers.

use serde_json::{Map, Value, json};

use crate::model::{
    ActionState, CancelReason, ConnectionStatus, EventKind, FailureKind, FulfilledBy, OrderStatus,
    PaymentStatus, Role, ShipmentStatus, SyncState, Trigger,
};
use crate::web::problem::Code;

/// All named schemas.
pub fn all() -> Value {
    let mut schemas = Map::new();
    for (name, schema) in
        orders().into_iter().chain(work()).chain(connections()).chain(feeds()).chain(administration())
    {
        schemas.insert(name.to_owned(), schema);
    }
    Value::Object(schemas)
}

type Named = (&'static str, Value);

/// A reference to a named schema.
pub fn named(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// A page of a list of `items`.
pub fn list_of(items: &Value) -> Value {
    object(&[("items", json!({ "type": "array", "items": items })), ("next_cursor", or_null(text()))])
}

/// An object with exactly these fields, all of them there.
pub fn object(fields: &[(&str, Value)]) -> Value {
    object_with(fields, &[])
}

/// An object with exactly these fields; the latter ones may be absent.
pub fn object_with(fields: &[(&str, Value)], optional: &[(&str, Value)]) -> Value {
    let properties: Map<String, Value> =
        fields.iter().chain(optional).map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    let required: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

pub fn text() -> Value {
    json!({ "type": "string" })
}

pub fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn flag() -> Value {
    json!({ "type": "boolean" })
}

pub fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn money() -> Value {
    json!({ "type": ["string", "null"], "pattern": r"^-?\d+(\.\d+)?$" })
}

fn words<T: ToString>(all: &[T]) -> Value {
    json!({ "type": "string", "enum": all.iter().map(ToString::to_string).collect::<Vec<_>>() })
}

fn or_null(schema: Value) -> Value {
    keyed("anyOf", Value::Array(vec![schema, json!({ "type": "null" })]), json!({}))
}

fn array(items: Value) -> Value {
    keyed("items", items, json!({ "type": "array" }))
}

fn map_of(values: Value) -> Value {
    keyed("additionalProperties", values, json!({ "type": "object" }))
}

fn keyed(keyword: &str, inner: Value, mut outer: Value) -> Value {
    outer[keyword] = inner;
    outer
}

fn orders() -> Vec<Named> {
    vec![
        ("Order", order()),
        ("Item", item()),
        ("Shipment", shipment()),
        ("Capabilities", capabilities()),
        ("TimelineEvent", timeline_event()),
        (
            "Summary",
            object(&[
                ("total", count()),
                ("status", map_of(count())),
                ("payment_status", map_of(count())),
                ("sync_state", map_of(count())),
                ("channel", map_of(count())),
            ]),
        ),
    ]
}

fn order() -> Value {
    let customer =
        object(&[("name", or_null(text())), ("email", or_null(text())), ("phone", or_null(text()))]);
    let address = ["name", "line1", "line2", "city", "region", "postal_code", "country", "phone"];
    let address = object(&address.map(|part| (part, or_null(text()))));
    let last_action = object(&[("id", text()), ("kind", text()), ("state", words(ActionState::ALL))]);
    let sync = object(&[
        ("state", words(SyncState::ALL)),
        ("last_success_at", or_null(time())),
        ("error", or_null(named("Error"))),
    ]);
    object(&[
        ("id", text()),
        ("channel", text()),
        ("channel_kind", text()),
        ("channel_order_id", text()),
        ("number", text()),
        ("status", words(OrderStatus::ALL)),
        ("payment_status", words(PaymentStatus::ALL)),
        ("channel_status", map_of(text())),
        ("currency", or_null(text())),
        ("total", money()),
        ("subtotal", money()),
        ("shipping", money()),
        ("tax", money()),
        ("discount", money()),
        ("refunded", money()),
        ("placed_at", time()),
        ("updated_at", or_null(time())),
        ("synced_at", time()),
        ("customer", customer),
        ("shipping_address", or_null(address)),
        ("items", array(named("Item"))),
        ("shipments", array(named("Shipment"))),
        ("notes", array(text())),
        ("tags", array(text())),
        ("fulfilled_by", words(FulfilledBy::ALL)),
        ("capabilities", named("Capabilities")),
        ("last_action", or_null(last_action)),
        ("sync", sync),
    ])
}

fn item() -> Value {
    object(&[
        ("line_id", text()),
        ("sku", or_null(text())),
        ("title", or_null(text())),
        ("variant", or_null(text())),
        ("quantity", count()),
        ("unit_price", money()),
        ("quantity_shipped", or_null(count())),
        ("quantity_cancelled", or_null(count())),
        ("quantity_refunded", or_null(count())),
    ])
}

fn shipment() -> Value {
    object(&[
        ("shipment_id", text()),
        ("carrier", or_null(text())),
        ("tracking_number", or_null(text())),
        ("tracking_url", or_null(text())),
        ("status", or_null(words(ShipmentStatus::ALL))),
        ("shipped_at", or_null(time())),
        ("items", array(object(&[("line_id", text()), ("quantity", count())]))),
    ])
}

fn capabilities() -> Value {
    let ship = object_with(
        &[
            ("supported", flag()),
            ("partial", flag()),
            ("carriers", or_null(array(text()))),
            ("carrier_other", flag()),
            ("tracking_required", flag()),
            ("tracking_url_for_other", flag()),
            ("ship_by", or_null(time())),
        ],
        &[("why", text()), ("consequence", text())],
    );
    let tracking = object_with(&[("supported", flag()), ("until", or_null(time()))], &[("why", text())]);
    let reason = object(&[("reason", words(CancelReason::ALL)), ("channel_word", text())]);
    let cancel = object_with(
        &[("supported", flag()), ("reasons", array(reason)), ("note_limit", or_null(count()))],
        &[("why", text()), ("consequence", text())],
    );
    object(&[("ship", ship), ("tracking", tracking), ("cancel", cancel)])
}

fn timeline_event() -> Value {
    let change = object(&[("field", text()), ("from", or_null(text())), ("to", or_null(text()))]);
    object(&[
        ("seq", count()),
        ("at", time()),
        ("kind", words(EventKind::ALL)),
        ("trigger", or_null(words(Trigger::ALL))),
        ("by", or_null(text())),
        ("attempt", count()),
        ("summary", text()),
        ("changes", array(change)),
        ("error", or_null(named("Error"))),
    ])
}

/// Actions, syncs and failures.
fn work() -> Vec<Named> {
    let action = object_with(
        &[
            ("id", text()),
            ("order_id", text()),
            ("kind", words(&["ship", "tracking", "cancel", "acknowledge"])),
            ("state", words(ActionState::ALL)),
            ("attempts", count()),
        ],
        &[("error", named("Error"))],
    );
    let error = object(&[
        ("kind", words(FailureKind::ALL)),
        ("message", text()),
        ("advice", text()),
        ("retry_at", or_null(time())),
    ]);
    let sync = object_with(
        &[
            ("id", text()),
            ("channel", text()),
            ("order_id", or_null(text())),
            ("state", words(&["running", "done", "failed", "cancelled"])),
            ("phase", words(&["listing", "syncing"])),
            ("since", or_null(time())),
            ("started_by", or_null(text())),
            ("started_at", time()),
            ("ended_at", or_null(time())),
            ("found", count()),
            ("done", count()),
            ("failed", count()),
            ("eta_seconds", or_null(count())),
        ],
        &[("error", named("Error"))],
    );
    let on_channel = object(&[("channel", text()), ("sync_id", text()), ("started", flag())]);
    let failure = object(&[
        ("id", text()),
        ("what", words(&["sync", "action", "poll"])),
        ("channel", text()),
        ("order_id", or_null(text())),
        ("action_id", or_null(text())),
        ("error", named("Error")),
        ("attempts", count()),
        ("failed_at", time()),
        ("next_attempt_at", or_null(time())),
    ]);
    vec![
        ("Action", action),
        ("Error", error),
        ("Sync", sync),
        ("SyncStarted", object(&[("sync_id", text())])),
        ("SyncsStarted", object(&[("syncs", array(on_channel))])),
        ("Failure", failure),
        ("Retried", object(&[("retried", count())])),
    ]
}

fn connections() -> Vec<Named> {
    let last_error =
        object(&[("kind", words(FailureKind::ALL)), ("message", text()), ("advice", text()), ("at", time())]);
    let rate_limit = object(&[("remaining", or_null(count())), ("resets_at", or_null(time()))]);
    let channel = object(&[
        ("id", text()),
        ("kind", text()),
        ("name", text()),
        ("status", words(ConnectionStatus::ALL)),
        ("status_since", or_null(time())),
        ("last_success_at", or_null(time())),
        ("last_error", or_null(last_error)),
        ("method", words(&["webhooks", "polling", "webhooks+polling"])),
        ("schedule", text()),
        ("next_poll_at", or_null(time())),
        ("last_webhook_at", or_null(time())),
        ("backlog", count()),
        ("in_flight", count()),
        ("rate_limit", rate_limit),
        ("orders", object(&[("total", count()), ("today", count())])),
        ("capabilities", named("Capabilities")),
        ("webhook_url", or_null(text())),
    ]);
    let finding = object(&[("ok", flag()), ("what", text()), ("cure", or_null(text()))]);
    let test = object(&[("ok", flag()), ("findings", array(finding)), ("error", or_null(named("Error")))]);
    vec![
        ("Channel", channel),
        ("ChannelTest", test),
        ("Consent", object_with(&[("connected", flag())], &[("url", text())])),
    ]
}

fn feeds() -> Vec<Named> {
    let notification = object(&[
        ("id", text()),
        ("kind", text()),
        ("channel", or_null(text())),
        ("order_id", or_null(text())),
        ("error", or_null(named("Error"))),
        ("message", text()),
        ("advice", text()),
        ("count", count()),
        ("opened_at", time()),
        ("closed_at", or_null(time())),
        ("read", flag()),
    ]);
    let change = object(&[
        ("seq", count()),
        ("at", time()),
        ("order_id", text()),
        ("change", words(&["created", "updated"])),
        ("status", words(OrderStatus::ALL)),
        ("payment_status", words(PaymentStatus::ALL)),
        ("fields", array(text())),
    ]);
    vec![("Notification", notification), ("Change", change)]
}

fn administration() -> Vec<Named> {
    let key = object_with(
        &[
            ("id", text()),
            ("name", text()),
            ("role", words(Role::ALL)),
            ("created_at", time()),
            ("last_used_at", or_null(time())),
        ],
        &[("key", text())],
    );
    let problem = object_with(
        &[
            ("type", text()),
            ("title", text()),
            ("status", count()),
            ("detail", text()),
            ("code", words(&Code::ALL.map(Code::as_str))),
        ],
        &[("field", text()), ("sync_id", text())],
    );
    vec![
        ("Key", key),
        ("Erased", object(&[("orders", array(text())), ("keys_dropped", flag())])),
        ("Health", object(&[("status", text())])),
        ("Problem", problem),
        ("Ship", ship_request()),
        ("Tracking", tracking_request()),
        ("Cancel", object_with(&[("reason", words(CancelReason::ALL))], &[("note", text())])),
        ("Since", object_with(&[], &[("since", time())])),
        ("ConsentAnswer", object_with(&[], &[("answer", text())])),
        ("RetryChannel", object_with(&[], &[("channel", text())])),
        ("NewKey", object(&[("name", text()), ("role", words(Role::ALL))])),
        ("Erase", object_with(&[], &[("orders", array(text())), ("email", text())])),
        ("Nothing", object(&[])),
    ]
}

fn ship_request() -> Value {
    let line = object(&[("line_id", text()), ("quantity", json!({ "type": "integer", "minimum": 1 }))]);
    object_with(
        &[("carrier", text())],
        &[("tracking_number", text()), ("tracking_url", text()), ("items", array(line))],
    )
}

fn tracking_request() -> Value {
    object_with(
        &[("carrier", text()), ("tracking_number", text())],
        &[("tracking_url", text()), ("shipment_id", text())],
    )
}
