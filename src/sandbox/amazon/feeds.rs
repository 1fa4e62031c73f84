//! The Feeds API, as far as cancelling goes: document, upload, feed, report.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::kit::Kit;
use super::super::message::{Request, Response};
use super::errors;
use super::world::{MARKETS, Phase, World};
use crate::model::Timestamp;

/// How long an upload or download address lives.
const ADDRESS_LIFETIME: Duration = Duration::from_mins(5);
const IN_QUEUE: Duration = Duration::from_secs(15);
const IN_PROGRESS: Duration = Duration::from_secs(45);
const FEED_TYPE: &str = "POST_ORDER_ACKNOWLEDGEMENT_DATA";
/// Most documents and feeds that are kept; the oldest go.
const KEPT: usize = 10_000;
const REASONS: [&str; 14] = [
    "NoInventory",
    "ShippingAddressUndeliverable",
    "CustomerExchange",
    "BuyerCanceled",
    "GeneralAdjustment",
    "CarrierCreditDecision",
    "RiskAssessmentInformationNotValid",
    "CarrierCoverageFailure",
    "CustomerReturn",
    "MerchandiseNotReceived",
    "CannotVerifyInformation",
    "PricingError",
    "RejectOrder",
    "WeatherDelay",
];

#[derive(Default)]
pub(super) struct Feeds {
    documents: BTreeMap<String, Document>,
    sent: BTreeMap<String, Feed>,
    next: u64,
}

struct Document {
    content_type: String,
    until: Timestamp,
    content: Option<Vec<u8>>,
}

struct Feed {
    created_at: Timestamp,
    markets: Value,
    content: Vec<u8>,
    done: Option<(&'static str, Option<String>, Timestamp)>,
}

impl Feeds {
    fn new_id(&mut self, kit: &Kit, kind: &str) -> String {
        self.next += 1;
        // The serial number keeps the ids in the order of their making.
        format!("amzn1.tortuga.{kind}.{:09}.{}", self.next, kit.random.token(9).replace(['-', '_'], "x"))
    }

    /// `POST /feeds/2021-06-30/documents`
    pub(super) fn create_document(&mut self, kit: &Kit, request: &Request) -> Response {
        let body = request.json().unwrap_or(Value::Null);
        let Some(content_type) = body.get("contentType").and_then(Value::as_str) else {
            kit.breach(request, "bad_body", "contentType is required");
            return errors::invalid("contentType is required.");
        };
        let id = self.new_id(kit, "document");
        let until = kit.now().plus(ADDRESS_LIFETIME);
        keep(&mut self.documents);
        self.documents
            .insert(id.clone(), Document { content_type: content_type.to_owned(), until, content: None });
        let url = address(request, "upload", &id);
        Response::json(201, &json!({ "feedDocumentId": id, "url": url }))
    }

    /// `PUT` to the address of a document.
    pub(super) fn upload(&mut self, kit: &Kit, request: &Request, id: &str) -> Response {
        if request.header("x-amz-access-token").is_some() {
            kit.breach(request, "token_leaked", "the upload address takes no access token");
        }
        let Some(document) = self.documents.get_mut(id).filter(|document| kit.now() < document.until) else {
            kit.breach(request, "old_address", "an upload address lives five minutes");
            return storage_error("AccessDenied", "Request has expired");
        };
        if request.header("content-type") != Some(document.content_type.as_str()) {
            kit.breach(request, "content_type", "the upload's content type is not that of the document");
            return storage_error("SignatureDoesNotMatch", "The signature does not match");
        }
        document.content = Some(request.body.clone());
        Response::empty(200)
    }

    /// `POST /feeds/2021-06-30/feeds`
    pub(super) fn create_feed(&mut self, kit: &Kit, request: &Request) -> Response {
        let body = request.json().unwrap_or(Value::Null);
        let refuse = |message: &str| {
            kit.breach(request, "bad_feed", message);
            errors::invalid(message)
        };
        if body["feedType"] != FEED_TYPE {
            return refuse("The sandbox takes order acknowledgements only.");
        }
        let markets = body["marketplaceIds"].as_array().filter(|markets| (1..=25).contains(&markets.len()));
        if !markets.is_some_and(|own| own.iter().all(|id| MARKETS.iter().any(|market| *id == market.id))) {
            return refuse("marketplaceIds holds 1 to 25 marketplaces of the region.");
        }
        let document = body["inputFeedDocumentId"].as_str().and_then(|id| self.documents.get(id));
        let Some(content) = document.and_then(|document| document.content.clone()) else {
            return refuse("The input document was not uploaded.");
        };
        let id = self.new_id(kit, "feed");
        keep(&mut self.sent);
        let feed =
            Feed { created_at: kit.now(), markets: body["marketplaceIds"].clone(), content, done: None };
        self.sent.insert(id.clone(), feed);
        kit.effect("createFeed", None, json!({ "feed": id }));
        Response::json(202, &json!({ "feedId": id }))
    }

    /// `GET /feeds/2021-06-30/feeds/{feedId}`
    pub(super) fn feed(&self, kit: &Kit, id: &str) -> Response {
        self.sent.get(id).map_or_else(errors::not_found, |feed| Response::json(200, &show(id, feed, kit)))
    }

    /// `GET /feeds/2021-06-30/feeds`
    pub(super) fn list(&self, kit: &Kit, request: &Request) -> Response {
        if request.param("feedTypes") != Some(FEED_TYPE) {
            kit.breach(request, "feed_types", "feedTypes is required");
            return errors::invalid("feedTypes is required.");
        }
        let since = request.param("createdSince").and_then(Timestamp::parse).unwrap_or_default();
        let found = self.sent.iter().rev().filter(|(_, feed)| feed.created_at >= since);
        let shown: Vec<Value> = found.take(100).map(|(id, feed)| show(id, feed, kit)).collect();
        Response::json(200, &json!({ "feeds": shown }))
    }

    /// `GET /feeds/2021-06-30/documents/{feedDocumentId}`
    pub(super) fn document(&mut self, kit: &Kit, request: &Request, id: &str) -> Response {
        let Some(document) = self.documents.get_mut(id) else { return errors::not_found() };
        document.until = kit.now().plus(ADDRESS_LIFETIME);
        let url = address(request, "download", id);
        let body = json!({ "feedDocumentId": id, "url": url, "compressionAlgorithm": "GZIP" });
        Response::json(200, &body)
    }

    /// `GET` of the address of a report.
    pub(super) fn download(&self, kit: &Kit, request: &Request, id: &str) -> Response {
        if request.header("x-amz-access-token").is_some() {
            kit.breach(request, "token_leaked", "the download address takes no access token");
        }
        let document = self.documents.get(id).filter(|document| kit.now() < document.until);
        match document.and_then(|document| document.content.clone()) {
            Some(content) => Response::typed(200, "text/xml", content),
            None => storage_error("AccessDenied", "Request has expired"),
        }
    }

    /// Works off the feeds whose time has come.
    pub(super) fn settle(&mut self, world: &mut World, kit: &Kit) {
        let ready = kit.now().minus(kit.hastened(IN_PROGRESS));
        let due: Vec<String> = self
            .sent
            .iter()
            .filter(|(_, feed)| feed.done.is_none() && feed.created_at <= ready)
            .map(|(id, _)| id.clone())
            .collect();
        for id in due {
            let Some(content) = self.sent.get(&id).map(|feed| feed.content.clone()) else { continue };
            let (state, report) = match Envelope::read(&content) {
                Some(envelope) => {
                    let document = self.new_id(kit, "result");
                    let report = gzip(envelope.process(world, kit).as_bytes());
                    keep(&mut self.documents);
                    let content_type = "text/xml".to_owned();
                    let result = Document { content_type, until: Timestamp::EPOCH, content: Some(report) };
                    self.documents.insert(document.clone(), result);
                    ("DONE", Some(document))
                }
                None => ("FATAL", None),
            };
            if let Some(feed) = self.sent.get_mut(&id) {
                feed.done = Some((state, report, kit.now()));
            }
        }
    }
}

fn keep<T>(kept: &mut BTreeMap<String, T>) {
    if kept.len() >= KEPT {
        kept.pop_first();
    }
}

fn show(id: &str, feed: &Feed, kit: &Kit) -> Value {
    let age = kit.now().since(feed.created_at);
    let mut shown = json!({
        "feedId": id,
        "feedType": FEED_TYPE,
        "marketplaceIds": feed.markets,
        "createdTime": feed.created_at.to_rfc3339_secs(),
        "processingStatus": if age < kit.hastened(IN_QUEUE) { "IN_QUEUE" } else { "IN_PROGRESS" },
    });
    if let Some((state, report, at)) = &feed.done {
        shown["processingStatus"] = (*state).into();
        shown["processingStartTime"] = feed.created_at.to_rfc3339_secs().into();
        shown["processingEndTime"] = at.to_rfc3339_secs().into();
        if let Some(report) = report {
            shown["resultFeedDocumentId"] = report.clone().into();
        }
    }
    shown
}

/// On this very server: one origin stands for all of the marketplace's hosts.
fn address(request: &Request, way: &str, id: &str) -> String {
    let host = request.header("host").unwrap_or("127.0.0.1");
    format!("http://{host}/storage/{way}/{id}?X-Amz-Expires=300&X-Amz-Signature=sandbox")
}

fn storage_error(code: &str, message: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    Response::typed(403, "application/xml", body.into_bytes())
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(content);
    written.and_then(|()| encoder.finish()).unwrap_or_default()
}

// ---- the document ------------------------------------------------------------------------

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope {
    header: Header,
    message_type: String,
    #[serde(default)]
    message: Vec<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Header {
    document_version: String,
    merchant_identifier: String,
}

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "MessageID")]
    id: u64,
    #[serde(rename = "OrderAcknowledgement")]
    acknowledgement: Acknowledgement,
}

#[derive(Deserialize)]
struct Acknowledgement {
    #[serde(rename = "AmazonOrderID")]
    order: String,
    #[serde(rename = "StatusCode")]
    status: String,
    #[serde(rename = "Item", default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "AmazonOrderItemCode")]
    code: String,
    #[serde(rename = "CancelReason")]
    reason: Option<String>,
}

impl Envelope {
    /// `None`: not to be processed at all.
    fn read(content: &[u8]) -> Option<Self> {
        let envelope: Self = quick_xml::de::from_str(std::str::from_utf8(content).ok()?).ok()?;
        let fits = envelope.header.document_version == "1.01"
            && envelope.header.merchant_identifier == super::SELLER_ID
            && envelope.message_type == "OrderAcknowledgement"
            && !envelope.message.is_empty();
        fits.then_some(envelope)
    }

    /// Cancels what can be cancelled, and reports.
    fn process(&self, world: &mut World, kit: &Kit) -> String {
        let mut results = String::new();
        let mut failed = 0;
        for message in &self.message {
            let acknowledgement = &message.acknowledgement;
            match cancellable(world, acknowledgement) {
                Ok(reason) => {
                    let now = kit.now();
                    world.change(&acknowledgement.order, now, |order| {
                        order.phase = Phase::Cancelled;
                        order.cancelled_by = Some(("MERCHANT", reason.clone()));
                    });
                    kit.effect("cancel", Some(&acknowledgement.order), json!({ "reason": reason }));
                }
                Err(why) => {
                    failed += 1;
                    results.push_str(&format_result(message.id, why, &acknowledgement.order));
                }
            }
        }
        let all = self.message.len();
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<AmazonEnvelope xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:noNamespaceSchemaLocation=\"amzn-envelope.xsd\"><Header><DocumentVersion>1.02</DocumentVersion><MerchantIdentifier>{}</MerchantIdentifier></Header><MessageType>ProcessingReport</MessageType><Message><MessageID>1</MessageID><ProcessingReport><DocumentTransactionID>1</DocumentTransactionID><StatusCode>Complete</StatusCode><ProcessingSummary><MessagesProcessed>{all}</MessagesProcessed><MessagesSuccessful>{}</MessagesSuccessful><MessagesWithError>{failed}</MessagesWithError><MessagesWithWarning>0</MessagesWithWarning></ProcessingSummary>{results}</ProcessingReport></Message></AmazonEnvelope>",
            super::SELLER_ID,
            all - failed,
        )
    }
}

fn format_result(message: u64, why: &str, order: &str) -> String {
    let order: String = order.chars().filter(|own| own.is_ascii_digit() || *own == '-').collect();
    format!(
        "<Result><MessageID>{message}</MessageID><ResultCode>Error</ResultCode><ResultMessageCode>18028</ResultMessageCode><ResultDescription>{why}</ResultDescription><AdditionalInfo><AmazonOrderID>{order}</AmazonOrderID></AdditionalInfo></Result>"
    )
}

/// The reason of the cancellation, or why there is none.
fn cancellable(world: &World, wanted: &Acknowledgement) -> Result<String, &'static str> {
    let order = world.order(&wanted.order).ok_or("The order does not exist.")?;
    if wanted.status != "Failure" {
        return Err("The status code is not Failure.");
    }
    if order.by_amazon {
        return Err("The order is fulfilled by Amazon.");
    }
    if order.status() != "UNSHIPPED" {
        return Err("The order cannot be cancelled in its state.");
    }
    let named = |id: &str| wanted.items.iter().any(|item| item.code == id);
    if wanted.items.len() != order.lines.len() || !order.lines.iter().all(|line| named(&line.id)) {
        return Err("Every item of the order must be named once.");
    }
    let mut reasons = wanted.items.iter().map(|item| item.reason.as_deref().unwrap_or_default());
    let first = reasons.next().unwrap_or_default();
    if !REASONS.contains(&first) || !reasons.all(|reason| REASONS.contains(&reason)) {
        return Err("The cancel reason is not one of the known ones.");
    }
    Ok(first.to_owned())
}
