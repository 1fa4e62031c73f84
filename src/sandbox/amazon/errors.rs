//! Refusals in the API's own shape.

use serde_json::json;

use super::super::message::Response;

pub(super) fn refuse(status: u16, code: &str, message: &str, details: &str) -> Response {
    Response::json(status, &json!({ "errors": [{ "code": code, "message": message, "details": details }] }))
}

pub(super) fn invalid(message: &str) -> Response {
    refuse(400, "InvalidInput", message, "")
}

pub(super) fn not_found() -> Response {
    refuse(404, "NotFound", "The requested resource was not found.", "")
}

/// An access token that is missing, spent or void: all three are 403, told apart by `details`.
pub(super) fn unauthorised(details: &str) -> Response {
    refuse(403, "Unauthorized", "Access to requested resource is denied.", details)
}

pub(super) const TOKEN_MISSING: &str = "Access token is missing in the request header.";
pub(super) const TOKEN_EXPIRED: &str = "The access token you provided has expired.";
pub(super) const TOKEN_VOID: &str = "The access token you provided is revoked, malformed or invalid.";

/// Without Retry-After.
pub(super) fn quota() -> Response {
    refuse(429, "QuotaExceeded", "You exceeded your quota for the requested resource.", "")
}

pub(super) fn of_status(status: u16) -> Response {
    match status {
        400 => invalid("Invalid Input"),
        401 => refuse(401, "Unauthorized", "Access to requested resource is denied.", ""),
        403 => unauthorised(""),
        404 => not_found(),
        413 => refuse(413, "RequestTooLarge", "The request size exceeded the maximum accepted size.", ""),
        415 => refuse(415, "UnsupportedMediaType", "The request payload is in an unsupported format.", ""),
        429 => quota(),
        502 | 504 => {
            Response::html(status, "<html><head><title>Gateway error</title></head><body></body></html>")
        }
        503 => refuse(
            503,
            "ServiceUnavailable",
            "Service is temporarily unavailable. Please try again later.",
            "",
        ),
        status => {
            refuse(status, "InternalFailure", "We encountered an internal error. Please try again.", "")
        }
    }
}
