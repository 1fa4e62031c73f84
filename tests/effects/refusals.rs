//! Every refusal that a marketplace's contract names, in its own shape, to an action: its kind, its
//! words, and what the daemon makes of it.

use std::sync::Arc;
use std::time::Duration;

use fenicia::model::{
    ActionRequest, ActionState, CancelReason, ConnectionStatus, FailureKind, ShipLine, SyncError,
};
use fenicia::sandbox::{Response, Wish};
use serde_json::{Value, json};

use super::rows::ROWS;
use super::scripted::Scripted;
use super::shop::{Shop, stand};

use ActionState::{Done, Failed, Unknown};
use FailureKind::{
    InvalidRequest, NetworkTimeout, NotFound, Permission, RateLimited, Unavailable, Unsupported,
};

/// How a refused action goes on.
struct Case {
    answer: Response,
    times: u32,
    /// The first error that the action shows; `None`: mended without a word.
    kind: Option<FailureKind>,
    /// A part of what is told.
    words: &'static str,
    end: ActionState,
}

fn case(answer: Response, kind: FailureKind, words: &'static str, end: ActionState) -> Case {
    Case { answer, times: 1, kind: Some(kind), words, end }
}

impl Case {
    /// Again and again, until the daemon leaves it.
    fn always(self) -> Self {
        Self { times: u32::MAX, ..self }
    }

    /// A fresh token mends it.
    fn mended(answer: Response) -> Self {
        Self { answer, times: 1, kind: None, words: "", end: Done }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Ship,
    Cancel,
}

/// One order for each case, all with the same daemon.
async fn holds(kind: &str, flavour: Option<&str>, verb: Verb, cases: Vec<Case>) {
    let (clock, inner) = stand(kind, 3);
    let scripted = Arc::new(Scripted::new(inner));
    let shop = Shop::over(scripted.clone(), clock, 3).await;
    let row = ROWS.iter().find(|row| row.kind == kind).expect("a row");
    let operations = if verb == Verb::Ship { row.ships } else { row.writes_cancel() };
    for (nth, case) in cases.into_iter().enumerate() {
        let wish = Wish { flavour: flavour.map(str::to_owned), paid: Some(true), ..Wish::default() };
        let order = shop.stand().place(&wish).expect("placed");
        let stored = shop.read(&order).await;
        let items = stored.items.iter();
        let request = match verb {
            Verb::Cancel => ActionRequest::Cancel { reason: CancelReason::OutOfStock, note: None },
            Verb::Ship => ActionRequest::Ship {
                carrier: shop.carrier(&order),
                tracking_number: Some(format!("1Z999BB{nth:09}")),
                tracking_url: Some("https://track.example.com/1".to_owned()),
                items: items
                    .map(|item| ShipLine { line_id: item.line_id.clone(), quantity: item.quantity })
                    .collect(),
            },
        };
        let shown = String::from_utf8_lossy(&case.answer.body).chars().take(160).collect::<String>();
        let what = format!("{kind} {} {shown}", case.answer.status);
        scripted.answers(operations, case.times, case.answer);
        let id = shop
            .ask(&order, &request, &format!("refusal-{nth}"))
            .await
            .unwrap_or_else(|why| panic!("{what}: {why}"));
        let mut first: Option<SyncError> = None;
        let action = shop
            .until(&what, || {
                let action = shop.action(id)?;
                first = first.take().or_else(|| action.error.clone());
                matches!(action.state, Done | Failed | Unknown).then_some(action)
            })
            .await;
        scripted.answers(operations, 0, Response::empty(204));
        assert_eq!(first.as_ref().map(|error| error.kind), case.kind, "{what}: {first:?}");
        let told = first.map(|error| error.message).unwrap_or_default();
        assert!(told.contains(case.words), "{what}: {told}");
        assert_eq!(action.state, case.end, "{what}: {:?}", action.error);
        // What may have been done, or what a person must mend, is never sent again behind their back.
        let hits = shop
            .kit()
            .effects
            .of_order(&order)
            .iter()
            .filter(|own| row.ships.contains(&own.operation.as_str()) && own.operation != "acknowledge")
            .count();
        assert!(hits <= 1, "{what}: {hits}");
        tokio::time::sleep(Duration::from_mins(10)).await;
    }
}

fn html(status: u16) -> Response {
    Response::html(status, "<html><body><h1>Service unavailable</h1></body></html>")
}

// ---- Shopify ---------------------------------------------------------------------------------

fn errors(code: &str, message: &str) -> Response {
    let error = json!({ "message": message, "extensions": { "code": code, "requestId": "r-1" } });
    Response::json(200, &json!({ "data": null, "errors": [error] }))
}

fn user_error(code: Value, message: &str) -> Response {
    let error = json!({ "field": ["fulfillment"], "message": message, "code": code });
    Response::json(200, &json!({ "data": { "payload": { "fulfillment": null, "userErrors": [error] } } }))
}

#[tokio::test(start_paused = true)]
async fn shopify_s_refusals() {
    let unauthorised = || {
        let why = "[API] Invalid API key or access token (unrecognized login or wrong password)";
        Response::json(401, &json!({ "errors": why }))
    };
    let cases = vec![
        case(errors("THROTTLED", "Throttled"), RateLimited, "", Done),
        case(
            Response::json(429, &json!({ "errors": "Exceeded" })).with_header("retry-after", "2"),
            RateLimited,
            "",
            Done,
        ),
        case(errors("ACCESS_DENIED", "Access denied for fulfillmentCreate field."), Permission, "", Failed),
        case(Response::json(402, &json!({ "errors": "Unavailable Shop" })), Permission, "", Failed),
        case(Response::json(423, &json!({ "errors": "Locked" })), Permission, "", Failed),
        case(Response::json(403, &json!({ "errors": "Forbidden" })), Permission, "", Failed),
        case(Response::json(404, &json!({ "errors": "Not Found" })), NotFound, "", Failed),
        case(user_error(json!("NOT_FOUND"), "Fulfillment order does not exist."), NotFound, "", Failed),
        case(user_error(Value::Null, "Invalid tracking."), InvalidRequest, "Invalid tracking", Failed),
        case(errors("undefinedField", "Field 'x' doesn't exist"), InvalidRequest, "", Failed),
        case(errors("MAX_COST_EXCEEDED", "Query cost is too high"), InvalidRequest, "", Failed),
        case(Response::json(422, &json!({ "errors": { "base": ["no"] } })), InvalidRequest, "", Failed),
        case(errors("INTERNAL_SERVER_ERROR", "Internal error"), Unavailable, "", Done),
        case(errors("TIMEOUT", "Timeout"), Unavailable, "", Done),
        case(Response::text(430, "Shopify Security Rejection"), Unavailable, "", Done),
        case(html(503), Unavailable, "", Done),
        case(html(200), Unavailable, "", Done),
        Case::mended(unauthorised()),
        case(unauthorised(), Permission, "", Failed).always(),
    ];
    holds("shopify", None, Verb::Ship, cases).await;
}

// ---- Amazon ----------------------------------------------------------------------------------

fn amazon(status: u16, code: &str, message: &str, details: &str) -> Response {
    let error = json!({ "code": code, "message": message, "details": details });
    Response::json(status, &json!({ "errors": [error] }))
}

#[tokio::test(start_paused = true)]
async fn amazon_s_refusals() {
    let expired = || {
        amazon(
            403,
            "Unauthorized",
            "Access to requested resource is denied.",
            "The access token you provided has expired.",
        )
    };
    let revoked = || {
        amazon(
            403,
            "Unauthorized",
            "Access to requested resource is denied.",
            "The access token you provided is revoked, malformed or invalid.",
        )
    };
    let cases = vec![
        case(amazon(400, "InvalidInput", "Invalid carrier", ""), InvalidRequest, "Invalid carrier", Failed),
        case(
            amazon(400, "InvalidInput", "PackageToUpdateNotFound", ""),
            InvalidRequest,
            "confirmed elsewhere",
            Failed,
        ),
        case(
            amazon(400, "InvalidInput", "NonexistentOrderItem", ""),
            InvalidRequest,
            "cancelled meanwhile",
            Failed,
        ),
        case(amazon(404, "NotFound", "no such order", ""), NotFound, "", Failed),
        case(amazon(413, "RequestTooLarge", "too large", ""), InvalidRequest, "", Failed),
        case(amazon(415, "UnsupportedMediaType", "no", ""), InvalidRequest, "", Failed),
        case(amazon(429, "QuotaExceeded", "You exceeded your quota", ""), RateLimited, "", Done),
        case(amazon(500, "InternalFailure", "try again", ""), Unavailable, "", Done),
        case(amazon(503, "ServiceUnavailable", "try again", ""), Unavailable, "", Done),
        case(html(504), Unavailable, "", Done),
        case(html(200), Unavailable, "", Done),
        case(
            amazon(403, "MissingAuthenticationToken", "Missing Authentication Token", ""),
            InvalidRequest,
            "",
            Failed,
        ),
        Case::mended(expired()),
        Case::mended(revoked()),
        case(
            amazon(403, "Unauthorized", "Access to requested resource is denied.", ""),
            Permission,
            "",
            Failed,
        )
        .always(),
        case(revoked(), Permission, "", Failed).always(),
        case(amazon(401, "Unauthorized", "token format", ""), Permission, "", Failed).always(),
    ];
    holds("amazon", None, Verb::Ship, cases).await;
}

// ---- Mercado Libre ---------------------------------------------------------------------------

fn libre(status: u16, error: &str, message: &str) -> Response {
    Response::json(status, &json!({ "message": message, "error": error, "status": status, "cause": [] }))
}

#[tokio::test(start_paused = true)]
async fn mercado_libre_s_refusals() {
    let cases = vec![
        case(libre(400, "bad_request", "invalid_service_id"), InvalidRequest, "", Failed),
        case(
            libre(401, "invalid_user_id_for_order", "invalid_user_id_for_order"),
            InvalidRequest,
            "",
            Failed,
        ),
        case(libre(403, "not_owned_order", "The user has not access to the order"), Permission, "", Failed),
        case(libre(403, "forbidden", "Invalid scopes"), Permission, "", Failed),
        case(libre(404, "not_found", "shipment not found"), NotFound, "", Failed),
        case(
            Response::text(429, "local_rate_limited").with_header("retry-after", "2"),
            RateLimited,
            "",
            Done,
        ),
        case(libre(409, "conflict", "try again"), InvalidRequest, "try again", Done),
        case(libre(409, "conflict", "try again"), InvalidRequest, "try again", Failed).always(),
        case(libre(423, "locked", "locked"), Unavailable, "", Done),
        case(html(500), Unavailable, "", Done),
        case(html(535), Unavailable, "", Done),
        case(html(200), Unavailable, "", Done),
        Case::mended(libre(401, "not_found", "invalid_token")),
        case(libre(401, "not_found", "invalid_token"), Permission, "", Failed).always(),
    ];
    holds("mercadolibre", Some("custom"), Verb::Ship, cases).await;
}

#[tokio::test(start_paused = true)]
async fn mercado_libre_s_refusals_to_give_a_sale_up() {
    let cases = vec![
        case(
            libre(400, "not_fulfilled_feedback_in_order_expired", "not_fulfilled_feedback_in_order_expired"),
            Unsupported,
            "",
            Failed,
        ),
        case(libre(400, "bad_request", "feedback already exists"), InvalidRequest, "", Failed),
        case(html(503), Unavailable, "", Done),
    ];
    holds("mercadolibre", None, Verb::Cancel, cases).await;
}

// ---- Walmart ---------------------------------------------------------------------------------

fn walmart(status: u16, code: &str, description: &str) -> Response {
    let error = json!({ "code": format!("{code}.GMP_ORDER_API"), "field": "data", "description": description,
                        "info": "", "severity": "ERROR", "category": "DATA", "causes": [] });
    Response::json(status, &json!({ "errors": { "error": [error] } }))
}

#[tokio::test(start_paused = true)]
async fn walmart_s_refusals() {
    let unauthorised = || {
        let error = json!({ "code": "UNAUTHORIZED.GMP_GATEWAY_API", "description": "Unauthorized" });
        Response::json(401, &json!({ "error": [error] }))
    };
    let cases = vec![
        case(
            walmart(400, "INVALID_REQUEST_CONTENT", "Method code is not supported in line number 1"),
            InvalidRequest,
            "Method code",
            Failed,
        ),
        case(
            walmart(400, "INVALID_REQUEST_CONTENT", "The Line: 1 of PO: 1 is in SHIPPED status"),
            InvalidRequest,
            "SHIPPED",
            Failed,
        ),
        case(walmart(400, "MALFORMED_REQUEST_CONTENT", "no"), InvalidRequest, "", Failed),
        case(walmart(403, "FORBIDDEN", "Forbidden"), Permission, "", Failed),
        case(walmart(404, "CONTENT_NOT_FOUND", "No such order"), NotFound, "", Failed),
        case(walmart(404, "URI_NOT_FOUND", "No such resource"), InvalidRequest, "", Failed),
        case(walmart(405, "METHOD_NOT_ALLOWED", "no"), InvalidRequest, "", Failed),
        case(walmart(406, "INVALID_ACCEPT_TYPE", "no"), InvalidRequest, "", Failed),
        case(walmart(413, "REQUEST_TOO_LARGE", "no"), InvalidRequest, "", Failed),
        case(walmart(415, "UNSUPPORTED_MEDIA_TYPE", "no"), InvalidRequest, "", Failed),
        case(walmart(429, "REQUEST_THRESHOLD_VIOLATED", "slow"), RateLimited, "", Done),
        case(walmart(423, "LOCKED", "locked"), Unavailable, "", Done),
        case(walmart(500, "SYSTEM_ERROR", "no"), Unavailable, "", Done),
        case(html(520), Unavailable, "", Done),
        case(html(200), Unavailable, "", Done),
        Case::mended(unauthorised()),
        Case::mended(walmart(400, "INVALID_TOKEN", "expired")),
        case(unauthorised(), Permission, "", Failed).always(),
    ];
    holds("walmart", Some("acknowledged"), Verb::Ship, cases).await;
}

// ---- TikTok Shop -----------------------------------------------------------------------------

fn tiktok(status: u16, code: i64, message: &str) -> Response {
    Response::json(status, &json!({ "code": code, "message": message, "request_id": "r1", "data": null }))
}

#[tokio::test(start_paused = true)]
async fn tiktok_shop_s_refusals() {
    let cases = vec![
        case(tiktok(200, 36_009_007, "timeout"), NetworkTimeout, "", Done),
        case(
            tiktok(429, 36_009_002, "Too many requests").with_header("retry-after", "1"),
            RateLimited,
            "",
            Done,
        ),
        case(tiktok(200, 12_052_109, "too many"), RateLimited, "", Done),
        case(tiktok(200, 105_005, "the app does not have the scope"), Permission, "right is missing", Failed),
        case(tiktok(200, 106_001, "sign is invalid"), Permission, "signature", Failed),
        case(tiktok(200, 36_009_033, "ip"), Permission, "allow list", Failed),
        case(tiktok(200, 36_009_004, "Invalid timestamp"), Permission, "clock", Failed).always(),
        case(tiktok(200, 36_009_004, "parameter error"), InvalidRequest, "", Failed),
        case(tiktok(200, 36_009_009, "no schema found for this path"), InvalidRequest, "", Failed),
        case(tiktok(200, 21_008_111, "order not found"), NotFound, "", Failed),
        case(tiktok(200, 21_008_013, "the order status"), InvalidRequest, "", Failed),
        case(tiktok(200, 21_011_044, "on hold"), InvalidRequest, "", Failed),
        case(tiktok(200, 21_011_041, "a cancellation is pending"), InvalidRequest, "", Failed),
        case(tiktok(200, 21_008_026, "shipped already"), InvalidRequest, "", Failed),
        case(tiktok(200, 21_008_025, "fulfilled by platform"), Unsupported, "warehouse", Failed),
        case(tiktok(200, 99_999_999, "something new"), InvalidRequest, "something new", Failed),
        case(tiktok(500, 36_009_003, "internal error"), Unavailable, "", Done),
        case(tiktok(200, 10_006_402, "busy"), Unavailable, "", Done),
        case(html(503), Unavailable, "", Done),
        case(html(200), Unavailable, "", Done),
        Case::mended(tiktok(401, 105_002, "access token is expired")),
        case(tiktok(401, 105_002, "access token is expired"), Permission, "fenicia connect", Failed).always(),
    ];
    holds("tiktok_shop", None, Verb::Ship, cases).await;
}

#[tokio::test(start_paused = true)]
async fn tiktok_shop_s_refusals_to_cancel() {
    let cases = vec![
        case(tiktok(200, 25_001_021, "the cancel reason is invalid"), InvalidRequest, "", Failed),
        case(tiktok(200, 25_001_011, "a request is pending"), InvalidRequest, "", Failed),
        case(tiktok(200, 25_001_045, "shipped already"), Unsupported, "on its way", Failed),
        case(tiktok(200, 25_001_051, "completed"), Unsupported, "", Failed),
        case(html(503), Unavailable, "", Done),
    ];
    holds("tiktok_shop", None, Verb::Cancel, cases).await;
}

/// The clock of this machine is wrong: every signed call is refused, until it is right again.
#[tokio::test(start_paused = true)]
async fn a_wrong_clock_is_named_and_the_channel_recovers_once_it_is_right() {
    const SIGNED: &[&str] = &["orders", "ship_units", "ship_package"];
    let (clock, inner) = stand("tiktok_shop", 3);
    let scripted = Arc::new(Scripted::new(inner));
    let shop = Shop::over(scripted.clone(), clock, 3).await;
    let order = shop.stand().place(&Wish { paid: Some(true), ..Wish::default() }).expect("placed");
    let stored = shop.read(&order).await;
    let items = stored.items.iter();
    let request = ActionRequest::Ship {
        carrier: shop.carrier(&order),
        tracking_number: Some("1Z999CC000000001".to_owned()),
        tracking_url: None,
        items: items
            .map(|item| ShipLine { line_id: item.line_id.clone(), quantity: item.quantity })
            .collect(),
    };
    let ended = |id| {
        let action = shop.action(id)?;
        matches!(action.state, Done | Failed | Unknown).then_some(action)
    };
    scripted.answers(SIGNED, u32::MAX, tiktok(200, 36_009_004, "Invalid timestamp"));
    let id = shop.ask(&order, &request, "clock").await.expect("taken");
    let action = shop.until("it is refused", || ended(id)).await;
    let error = action.error.expect("a reason");
    assert_eq!((action.state, error.kind), (Failed, Permission));
    assert!(error.message.contains("clock"), "{}", error.message);
    let state = shop.connection().expect("known");
    assert_eq!(state.status, ConnectionStatus::NeedsReconnect, "{state:?}");
    assert!(state.last_error.expect("told").message.contains("clock"));

    scripted.answers(SIGNED, 0, Response::empty(204));
    shop.test().await;
    let connected = || shop.connection().filter(|state| state.status == ConnectionStatus::Connected);
    shop.until("the channel is connected again", connected).await;
    shop.retry_all().await;
    let action = shop.until("it is done after all", || ended(id).filter(|own| own.state == Done)).await;
    assert_eq!(action.error, None);
    assert_eq!(shop.kit().effects.of_order(&order).len(), 1);
}
