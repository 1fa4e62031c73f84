use std::io::Read as _;
use std::time::Duration;

use flate2::read::GzDecoder;
use serde_json::json;

use super::super::contract::{keys, sample};
use super::super::kit::Tuning;
use super::super::stand::WishLine;
use super::*;
use crate::clock::Clock;
use crate::random::Random;

struct Seller {
    stand: Amazon,
    token: String,
}

impl Seller {
    fn open() -> Self {
        Self::with(Options::default(), 1_000.0)
    }

    fn with(options: Options, limits: f64) -> Self {
        let clock = Clock::starting_at("2026-11-25T18:00:00Z".parse().expect("a time"));
        let kit = Kit::new(clock, Random::seeded(7), Tuning { limits, ..Tuning::default() });
        let stand = Amazon::new(kit, options);
        let token = Self::renew(&stand);
        Self { stand, token }
    }

    fn renew(stand: &Amazon) -> String {
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", REFRESH_TOKEN),
            ("client_id", CLIENT_ID),
            ("client_secret", CLIENT_SECRET),
        ];
        let answer = stand.handle(&Request::new("POST", "/auth/o2/token").with_form(&fields));
        answer.value()["access_token"].as_str().expect("a token").to_owned()
    }

    fn request(&self, method: &str, target: &str) -> Request {
        Request::new(method, target)
            .with_header("host", "127.0.0.1:1")
            .with_header("x-amz-access-token", &self.token)
            .with_header("x-amz-date", "20261125T180000Z")
            .with_header("user-agent", "Test/1.0 (Language=Rust/1.90)")
    }

    fn get(&self, target: &str) -> Response {
        self.stand.handle(&self.request("GET", target))
    }

    fn rules(&self) -> Vec<String> {
        self.stand.kit.violations.all().into_iter().map(|violation| violation.rule).collect()
    }

    fn place(&self, flavour: Option<&str>) -> String {
        let line = WishLine {
            sku: "MUG".to_owned(),
            title: None,
            variant: None,
            quantity: 2,
            unit_price: "10.00".to_owned(),
        };
        let wish = Wish { lines: vec![line], flavour: flavour.map(str::to_owned), ..Wish::default() };
        self.stand.place(&wish).expect("room")
    }

    fn ship(&self, id: &str, package: &Value, tracking: &str, units: u32) -> Response {
        let line = self.stand.native(id).expect("there")["orderItems"][0]["orderItemId"].clone();
        let body = json!({ "marketplaceId": "ATVPDKIKX0DER", "packageDetail": {
            "packageReferenceId": package, "carrierCode": "UPS", "trackingNumber": tracking,
            "shipDate": "2026-11-25T18:00:00Z", "orderItems": [{ "orderItemId": line, "quantity": units }],
        } });
        let target = format!("/orders/v0/orders/{id}/shipmentConfirmation");
        self.stand.handle(&self.request("POST", &target).with_json(&body))
    }
}

const ALL: &str = "includedData=BUYER,RECIPIENT,PROCEEDS,PROMOTION,CANCELLATION,FULFILLMENT,PACKAGES,PAYMENT";

#[tokio::test(start_paused = true)]
async fn a_list_is_walked_by_token_and_shows_what_is_two_minutes_old() {
    let seller = Seller::open();
    let mut placed: Vec<String> = (0..5).map(|_| seller.place(None)).collect();
    let first = "/orders/2026-01-01/orders?lastUpdatedAfter=2026-11-25T17:00:00Z&maxResultsPerPage=2";
    assert_eq!(seller.get(first).value()["orders"], json!([]));
    tokio::time::advance(Duration::from_secs(121)).await;
    let mut seen = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let token: Option<String> =
            next.as_deref().map(|token| form_urlencoded::byte_serialize(token.as_bytes()).collect());
        let target = token.map_or(first.to_owned(), |token| format!("{first}&paginationToken={token}"));
        let page = seller.get(&target).value();
        assert_eq!(page["lastUpdatedBefore"], "2026-11-25T18:00:01.000Z");
        for order in page["orders"].as_array().expect("orders") {
            seen.push(order["orderId"].as_str().expect("an id").to_owned());
        }
        next = page["pagination"]["nextToken"].as_str().map(str::to_owned);
        if next.is_none() {
            assert_eq!(page.get("pagination"), None, "absent on the last page");
            break;
        }
    }
    seen.sort();
    placed.sort();
    assert_eq!(seen, placed);
    assert_eq!(seller.rules(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn every_breach_of_the_list_s_rules_is_refused_and_recorded() {
    let seller = Seller::open();
    (0..3).for_each(|_| drop(seller.place(None)));
    tokio::time::advance(Duration::from_secs(200)).await;
    let base = "/orders/2026-01-01/orders?";
    let after = "lastUpdatedAfter=2026-11-25T17:00:00Z";
    let page = seller.get(&format!("{base}{after}&maxResultsPerPage=1")).value();
    let token = page["pagination"]["nextToken"].as_str().expect("more pages");
    let token: String = form_urlencoded::byte_serialize(token.as_bytes()).collect();
    for (query, rule) in [
        ("maxResultsPerPage=5".to_owned(), "exactly_one_after"),
        (format!("{after}&createdAfter=2026-11-25T17:00:00Z"), "exactly_one_after"),
        (format!("{after}&createdBefore=2026-11-25T17:30:00Z"), "before_without_after"),
        (format!("{after}&lastUpdatedBefore=2026-11-25T16:00:00Z"), "before_after"),
        (format!("{after}&lastUpdatedBefore=2026-11-25T18:02:30Z"), "two_minutes"),
        ("lastUpdatedAfter=2026-11-25T18:03:00Z".to_owned(), "two_minutes"),
        ("lastUpdatedAfter=2026-11-25".to_owned(), "bad_time"),
        (format!("{after}&maxResultsPerPage=101"), "over_page_size"),
        (format!("{after}&includedData=EVERYTHING"), "unknown_value"),
        (format!("{after}&fulfillmentStatuses=Canceled"), "unknown_value"),
        (format!("{after}&includedData=BUYER&includedData=PACKAGES"), "repeated_parameter"),
        (format!("lastUpdatedAfter=2026-11-25T17:00:00.000Z&paginationToken={token}"), "token_parameters"),
        (format!("{after}&paginationToken=nonsense"), "bad_token"),
    ] {
        seller.stand.kit.violations.clear();
        let answer = seller.get(&format!("{base}{query}"));
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(answer.value()["errors"][0]["code"], "InvalidInput");
        assert_eq!(seller.rules(), [rule], "{query}");
    }
    let elsewhere = seller.get(&format!("{base}{after}&marketplaceIds=A1PA6795UKMFR9"));
    assert_eq!(
        (elsewhere.status, elsewhere.value()["errors"][0]["code"].clone()),
        (403, json!("Unauthorized"))
    );
}

#[tokio::test]
async fn tokens_run_out_with_403_and_are_told_apart_by_details() {
    let mut seller = Seller::open();
    let target = format!("/orders/2026-01-01/orders/{}", seller.place(None));
    assert_eq!(seller.get(&target).status, 200);
    let details = |response: Response| {
        (response.status, response.value()["errors"][0]["details"].as_str().map(str::to_owned))
    };
    seller.stand.expire_access();
    assert_eq!(details(seller.get(&target)), (403, Some(errors::TOKEN_EXPIRED.to_owned())));
    seller.token = Seller::renew(&seller.stand);
    assert_eq!(seller.get(&target).status, 200);
    seller.stand.revoke_access();
    assert_eq!(details(seller.get(&target)), (403, Some(errors::TOKEN_VOID.to_owned())));
    let fields = json!({
        "grant_type": "refresh_token", "refresh_token": REFRESH_TOKEN, "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    });
    let refused = seller.stand.handle(&Request::new("POST", "/auth/o2/token").with_json(&fields));
    assert_eq!((refused.status, refused.value()["error"].clone()), (400, json!("invalid_grant")));
    let bare = seller.stand.handle(&Request::new("GET", &target));
    assert_eq!(details(bare), (403, Some(errors::TOKEN_MISSING.to_owned())));
    assert!(seller.rules().contains(&"user_agent".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn the_bucket_of_the_list_is_small_and_slow() {
    let seller = Seller::with(Options::default(), 1.0);
    tokio::time::advance(Duration::from_secs(300)).await;
    let target = "/orders/2026-01-01/orders?lastUpdatedAfter=2026-11-25T17:00:00Z";
    for _ in 0..20 {
        let answer = seller.get(target);
        assert_eq!((answer.status, answer.header("x-amzn-ratelimit-limit")), (200, Some("0.0056")));
    }
    let refused = seller.get(target);
    assert_eq!((refused.status, refused.header("retry-after")), (429, None));
    assert_eq!(refused.value()["errors"][0]["code"], "QuotaExceeded");
    tokio::time::advance(Duration::from_secs(179)).await;
    assert_eq!(seller.get(target).status, 200);
}

#[tokio::test]
async fn an_order_shows_only_what_was_asked_for_and_what_is_known() {
    let seller = Seller::open();
    let of = |id: &str, query: &str| {
        seller.get(&format!("/orders/2026-01-01/orders/{id}?{query}")).value()["order"].clone()
    };
    let plain = seller.place(None);
    assert_eq!(of(&plain, "")["fulfillment"], Value::Null, "not even a status");
    assert_eq!(of(&plain, ALL)["proceeds"]["grandTotal"]["amount"], "20.00");
    let pending = seller.stand.place(&Wish { paid: Some(false), ..Wish::default() }).expect("room");
    let shown = of(&pending, ALL);
    for part in ["buyer", "recipient", "proceeds", "payment"] {
        assert_eq!(shown.get(part), None, "{part}");
    }
    assert_eq!(shown["orderItems"][0]["product"].get("price"), None);
    assert_eq!(shown["fulfillment"]["fulfillmentStatus"], "PENDING");
    let fba = seller.place(Some("fba"));
    seller
        .stand
        .happen(&fba, &Deed::Ship { carrier: None, tracking: None, units: None })
        .expect("Amazon ships");
    let shown = of(&fba, ALL);
    assert_eq!((shown.get("packages"), shown["buyer"].get("buyerEmail")), (None, None));
    assert_eq!(seller.get("/orders/2026-01-01/orders/123").status, 400);
    assert_eq!(seller.get("/orders/2026-01-01/orders/123-1234567-1234567").status, 404);
    assert_eq!(seller.get("/orders/v0/orders").value()["errors"][0]["code"], "MissingAuthenticationToken");
}

#[tokio::test]
async fn answers_have_the_keys_of_the_samples() {
    let Some(recorded) = sample("amazon/samples/get_order_gb.json") else { return };
    let seller = Seller::open();
    let id = seller.place(Some("business"));
    seller
        .stand
        .happen(&id, &Deed::Ship { carrier: None, tracking: None, units: None })
        .expect("can be shipped");
    let own = seller.stand.native(&id).expect("there");
    let recorded = &recorded["order"];
    // Other samples have these.
    let elsewhere =
        ["payment", "cancellation", "deliveryPreference", "buyerCompanyName", "buyerPurchaseOrderNumber"];
    let mut pairs = vec![(&own, recorded)];
    for part in ["salesChannel", "buyer", "proceeds", "fulfillment", "recipient"] {
        pairs.push((&own[part], &recorded[part]));
    }
    pairs.push((&own["recipient"]["deliveryAddress"], &recorded["recipient"]["deliveryAddress"]));
    pairs.push((&own["orderItems"][0], &recorded["orderItems"][0]));
    pairs.push((&own["orderItems"][0]["product"], &recorded["orderItems"][0]["product"]));
    pairs.push((&own["packages"][0], &recorded["packages"][0]));
    for (own, recorded) in pairs {
        let known = keys(recorded);
        let strange = |key: &String| !known.contains(key) && !elsewhere.contains(&key.as_str());
        assert_eq!(keys(own).into_iter().filter(strange).collect::<Vec<_>>(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_shipment_is_checked_and_repeating_its_number_edits_it() {
    let seller = Seller::open();
    let id = seller.place(None);
    assert_eq!(seller.ship(&id, &json!(1), "T1", 1).status, 400, "the number is a string");
    assert_eq!(seller.ship(&id, &json!("one"), "T1", 1).status, 400);
    assert_eq!(seller.ship(&id, &json!("1"), "", 1).status, 400);
    assert_eq!(seller.ship(&id, &json!("1"), "T1", 3).status, 400);
    assert!(seller.stand.kit.effects.all().is_empty());

    let answer = seller.ship(&id, &json!("1"), "T1", 1);
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert_eq!(seller.stand.truth(&id).map(|truth| truth.status), Some("accepted"));
    assert_eq!(seller.ship(&id, &json!("1"), "T2", 1).status, 204);
    assert_eq!(seller.ship(&id, &json!("2"), "T3", 1).status, 204);
    let truth = seller.stand.truth(&id).expect("there");
    assert_eq!((truth.status, truth.tracking_numbers), ("shipped", vec!["T2".to_owned(), "T3".to_owned()]));
    let late = seller.ship(&id, &json!("3"), "T4", 1).value()["errors"][0]["message"].clone();
    assert!(late.as_str().is_some_and(|message| message.contains("PackageToUpdateNotFound")));
    for flavour in ["fba", "ship_plus", "preorder"] {
        assert_eq!(seller.ship(&seller.place(Some(flavour)), &json!("1"), "T", 1).status, 400, "{flavour}");
    }
    seller.stand.happen(&id, &Deed::Deliver).expect("on its way");
    assert_eq!(seller.stand.truth(&id).map(|truth| truth.status), Some("delivered"));
}

/// The whole way of a cancellation; answers the report.
async fn cancel(seller: &Seller, xml: &str) -> (String, String) {
    let document = json!({ "contentType": "text/xml; charset=UTF-8" });
    let made =
        seller.stand.handle(&seller.request("POST", "/feeds/2021-06-30/documents").with_json(&document));
    assert_eq!(made.status, 201);
    let made = made.value();
    let path = |url: &Value| {
        url.as_str().and_then(|url| url.strip_prefix("http://127.0.0.1:1")).expect("ours").to_owned()
    };
    let mut upload =
        Request::new("PUT", &path(&made["url"])).with_header("content-type", "text/xml; charset=UTF-8");
    upload.body = xml.as_bytes().to_vec();
    assert_eq!(seller.stand.handle(&upload).status, 200);
    let feed = json!({
        "feedType": "POST_ORDER_ACKNOWLEDGEMENT_DATA", "marketplaceIds": ["ATVPDKIKX0DER"],
        "inputFeedDocumentId": made["feedDocumentId"],
    });
    let created = seller.stand.handle(&seller.request("POST", "/feeds/2021-06-30/feeds").with_json(&feed));
    assert_eq!(created.status, 202);
    let feed = format!("/feeds/2021-06-30/feeds/{}", created.value()["feedId"].as_str().expect("an id"));
    assert_eq!(seller.get(&feed).value()["processingStatus"], "IN_QUEUE");
    tokio::time::advance(Duration::from_secs(46)).await;
    let done = seller.get(&feed).value();
    let state = done["processingStatus"].as_str().expect("a state").to_owned();
    let Some(result) = done["resultFeedDocumentId"].as_str() else { return (state, String::new()) };
    let result = seller.get(&format!("/feeds/2021-06-30/documents/{result}")).value();
    assert_eq!(result["compressionAlgorithm"], "GZIP");
    let report = seller.stand.handle(&Request::new("GET", &path(&result["url"])));
    let mut text = String::new();
    GzDecoder::new(report.body.as_slice()).read_to_string(&mut text).expect("gzip");
    (state, text)
}

fn envelope(order: &str, item: &str, reason: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><AmazonEnvelope xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:noNamespaceSchemaLocation=\"amzn-envelope.xsd\"><Header><DocumentVersion>1.01</DocumentVersion><MerchantIdentifier>{SELLER_ID}</MerchantIdentifier></Header><MessageType>OrderAcknowledgement</MessageType><Message><MessageID>1</MessageID><OrderAcknowledgement><AmazonOrderID>{order}</AmazonOrderID><StatusCode>Failure</StatusCode><Item><AmazonOrderItemCode>{item}</AmazonOrderItemCode><CancelReason>{reason}</CancelReason></Item></OrderAcknowledgement></Message></AmazonEnvelope>"
    )
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_goes_through_a_feed_and_is_done_once() {
    let seller = Seller::open();
    let id = seller.place(None);
    let item = seller.stand.native(&id).expect("there")["orderItems"][0]["orderItemId"].clone();
    let item = item.as_str().expect("an id");
    let (state, report) = cancel(&seller, &envelope(&id, item, "Whim")).await;
    assert_eq!(state, "DONE");
    assert!(report.contains("<ResultCode>Error</ResultCode>"), "{report}");
    let (_, report) = cancel(&seller, &envelope(&id, item, "NoInventory")).await;
    assert!(report.contains("<MessagesSuccessful>1</MessagesSuccessful>"), "{report}");
    assert_eq!(
        seller.stand.truth(&id).map(|truth| (truth.status, truth.payment_status)),
        Some(("cancelled", "pending"))
    );
    let (_, report) = cancel(&seller, &envelope(&id, item, "NoInventory")).await;
    assert!(report.contains("<MessagesWithError>1</MessagesWithError>"), "{report}");
    assert_eq!(cancel(&seller, "<AmazonEnvelope>").await.0, "FATAL");
    assert_eq!(seller.stand.kit.effects.of_order(&id).len(), 1);
    assert_eq!(seller.rules(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn refunds_are_found_in_the_ledger_in_numbers_and_sometimes_twice() {
    let seller = Seller::open();
    let id = seller.place(None);
    seller
        .stand
        .happen(&id, &Deed::Ship { carrier: None, tracking: None, units: None })
        .expect("can be shipped");
    for amount in ["5.00", "2.50"] {
        seller.stand.happen(&id, &Deed::Refund { amount: Some(amount.to_owned()) }).expect("can be refunded");
    }
    let by_order = format!(
        "/finances/2024-06-19/transactions?relatedIdentifierName=ORDER_ID&relatedIdentifierValue={id}"
    );
    let answer = seller.get(&by_order).value();
    let refunds: Vec<&Value> = answer["payload"]["transactions"]
        .as_array()
        .expect("transactions")
        .iter()
        .filter(|own| own["transactionType"] == "Refund")
        .collect();
    assert_eq!(refunds.len(), 3, "the second is deferred, then released");
    assert_eq!(
        refunds[0]["items"][0]["breakdowns"][0]["breakdowns"][0]["breakdownAmount"]["currencyAmount"],
        -5.0
    );
    assert_eq!(refunds[1]["relatedIdentifiers"][1], refunds[2]["relatedIdentifiers"][1]);
    assert_eq!(seller.stand.truth(&id).map(|truth| truth.payment_status), Some("partially_refunded"));

    let sweep = "/finances/2024-06-19/transactions?postedAfter=2026-11-25T17:00:00Z";
    tokio::time::advance(Duration::from_secs(300)).await;
    let empty = seller.get(sweep).value();
    assert_eq!(empty["payload"]["transactions"], json!([]));
    let token = empty["payload"]["nextToken"].as_str().expect("a token on an empty page");
    let token: String = form_urlencoded::byte_serialize(token.as_bytes()).collect();
    let page = seller.get(&format!("{sweep}&nextToken={token}")).value();
    assert_eq!(page["payload"]["transactions"].as_array().map(Vec::len), Some(4));
    assert_eq!(seller.get("/finances/2024-06-19/transactions").status, 400);
}
