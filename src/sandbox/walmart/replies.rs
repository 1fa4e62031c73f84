//! Errors as the order service and the gateway in front of it word them.

use serde_json::{Value, json};

use super::super::message::Response;

/// The order service.
pub(super) fn service(status: u16, name: &str, field: &str, description: &str) -> Response {
    let info = match status {
        404 => "Requested content could not be found.",
        _ => "Request content is invalid.",
    };
    let severity = if status == 404 { "INFO" } else { "ERROR" };
    let error = json!({
        "code": format!("{name}.GMP_ORDER_API"), "field": field, "description": description, "info": info,
        "severity": severity, "category": "DATA", "causes": [], "errorIdentifiers": {"entry": []},
    });
    Response::json(status, &json!({"errors": {"error": [error]}}))
}

/// The gateway.
pub(super) fn gateway(status: u16, name: &str, description: &str) -> Response {
    let error = json!({
        "code": format!("{name}.GMP_GATEWAY_API"), "field": name, "description": description, "info": description,
        "severity": "ERROR", "category": "DATA", "causes": [], "errorIdentifiers": {},
    });
    Response::json(status, &json!({"error": [error]}))
}

pub(super) fn unauthorised() -> Response {
    gateway(401, "UNAUTHORIZED", "Unauthorized")
}

/// "No orders": on a list this is the empty answer.
pub(super) fn none_found() -> Response {
    let error = json!({
        "code": "CONTENT_NOT_FOUND.GMP_ORDER_API",
        "description": "Failed when called getAllOrders. Orders not found for given search parameters ",
        "info": "Requested content could not be found.", "severity": "INFO", "category": "APPLICATION",
        "causes": [], "errorIdentifiers": {"entry": []},
    });
    Response::json(404, &json!({"errors": {"error": [error]}}))
}

pub(super) fn no_such_order(id: &str) -> Response {
    service(404, "CONTENT_NOT_FOUND", "data", &format!("Order {id} not found"))
}

pub(super) fn bad_content(call: &str, id: &str, why: &str) -> Response {
    let description = format!("INVALID_REQUEST_CONTENT :: Failed when called {call} API for {id}. {why}");
    service(400, "INVALID_REQUEST_CONTENT", "data", &description)
}

/// What comes back when nobody asks for JSON.
pub(super) fn xml(status: u16) -> Response {
    let body = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?><ns3:list xmlns:ns3="http://walmart.com/mp/v3/orders"/>"#;
    Response::typed(status, "application/xml", body.as_bytes().to_vec())
}

/// An error for a fault.
pub(super) fn for_fault(status: u16) -> Response {
    match status {
        400 => service(400, "INVALID_REQUEST", "data", "Invalid Request"),
        401 => unauthorised(),
        403 => gateway(403, "FORBIDDEN", "Forbidden"),
        404 => none_found(),
        423 => service(423, "RESOURCE_LOCKED", "data", "The resource is locked"),
        429 => gateway(429, "REQUEST_THRESHOLD_VIOLATED", "Request limit exceeded"),
        502 | 503 | 520 => Response::html(
            status,
            "<HTML><HEAD><TITLE>Error</TITLE></HEAD><BODY>An error occurred.<p>Reference&#32;&#35;11</BODY></HTML>",
        ),
        status => {
            let error = json!({
                "code": "SYSTEM_ERROR.GMP_ORDER_API", "field": "data", "description": "Internal error",
                "info": "System encountered some internal error.", "severity": "ERROR", "category": "SYSTEM",
                "causes": [], "errorIdentifiers": {"entry": []},
            });
            Response::json(status, &json!({"errors": {"error": [error]}}))
        }
    }
}

/// Not an error: what a list of one looks like where the service sends the bare object.
pub(super) fn one_or_many(mut elements: Vec<Value>, bare: bool) -> Value {
    match elements.len() {
        1 if bare => elements.remove(0),
        _ => Value::Array(elements),
    }
}
