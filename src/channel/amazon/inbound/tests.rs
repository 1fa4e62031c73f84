use serde_json::{Value, json};

use super::*;
use crate::channel::amazon::stand::{ID, Says, Stand, amazon, order, says, text, tokens};
use crate::channel::{Channel, Consent, Given};
use crate::model::{Native, PaymentStatus, Secret};

fn refund(id: &str, amount: i32) -> Value {
    json!({
        "transactionType": "Refund", "transactionStatus": "RELEASED", "postedDate": "2026-11-24T00:00:00Z",
        "relatedIdentifiers": [{"relatedIdentifierName": "ORDER_ID", "relatedIdentifierValue": ID},
                               {"relatedIdentifierName": "REFUND_ID", "relatedIdentifierValue": id}],
        "items": [{"breakdowns": [{"breakdownType": "OurPricePrincipal",
                                   "breakdownAmount": {"currencyAmount": -amount, "currencyCode": "MXN"}}]}]
    })
}

fn ledger(transactions: &[Value], next: Option<&str>) -> Says {
    says(200, &json!({"payload": {"transactions": transactions, "nextToken": next}}))
}

fn denied(details: &str) -> Says {
    says(
        403,
        &json!({"errors": [{"code": "Unauthorized", "message": "Access is denied.", "details": details}]}),
    )
}

fn request<'a>(stream: &'static str, token: Option<&'a str>) -> ListRequest<'a> {
    let from = Timestamp::parse("2026-11-24T00:00:00.5Z").expect("time");
    ListRequest { stream, from, to: None, token, bulk: false }
}

async fn list(channel: &Amazon, request: ListRequest<'_>) -> Result<Page, Failure> {
    let tokens = tokens();
    channel.list(Call { tokens: &tokens, lane: Lane::Poll }, request).await
}

async fn fetch(channel: &Amazon, lane: Lane) -> Result<Fetched, Failure> {
    let tokens = tokens();
    let ids = [ChannelOrderId::new(ID).expect("id")];
    let mut fetched = channel.fetch(Call { tokens: &tokens, lane }, &ids).await?;
    Ok(fetched.remove(0))
}

fn found(fetched: Fetched) -> Observation {
    match fetched {
        Fetched::Found(seen) => *seen,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_token_is_bought_with_a_form() {
    let stand = Stand::open(vec![says(200, &json!({"access_token": "Atza|n", "expires_in": 3600}))]).await;
    let renewed = amazon(&stand.origin).authorise(Some(&tokens())).await.expect("tokens");
    assert_eq!((renewed.access.expose(), renewed.generation), ("Atza|n", 2));
    let got = &stand.got()[0];
    assert_eq!(got.line, "POST /auth/o2/token");
    assert_eq!(got.headers["content-type"], "application/x-www-form-urlencoded");
    assert!(got.body.contains("grant_type=refresh_token"), "the whole grant");
}

#[tokio::test]
async fn a_consent_counts_when_it_is_this_sellers_and_outlives_renewals() {
    let granted = json!({"access_token": "Atza|c", "refresh_token": "Atzr|c", "expires_in": 3600});
    let stand = Stand::open(vec![says(200, &granted), says(200, &granted)]).await;
    let channel = amazon(&stand.origin);
    let consent =
        Consent { redirect: "https://orders.example.com/oauth/mx/callback", state: "s", verifier: "" };
    let given = |seller: &str| {
        let query = format!("state=s&selling_partner_id={seller}&spapi_oauth_code=c0de");
        Given::read(&query).expect("a consent")
    };
    let foreign = channel.redeem(&consent, &given("A9OTHER")).await.expect_err("another seller's");
    assert!(foreign.message.contains("A9OTHER") && foreign.message.contains("A1SELLER"), "{foreign}");
    assert!(stand.got().is_empty(), "its code is not used");

    let tokens = channel.redeem(&consent, &given("A1SELLER")).await.expect("tokens");
    assert!(stand.got()[0].body.contains("code=c0de"), "{}", stand.got()[0].body);
    let renewed = channel.authorise(Some(&tokens)).await.expect("tokens");
    assert_eq!(renewed.refresh.as_ref().map(Secret::expose), Some("Atzr|c"));
    assert!(stand.got()[1].body.contains("refresh_token=Atzr%7Cc"), "not the config's");
}

#[tokio::test]
async fn pages_repeat_the_first_words_and_the_first_end_of_the_window() {
    let page = |next: Value, before: &str| {
        says(200, &json!({"orders": [order("UNSHIPPED")], "pagination": next, "lastUpdatedBefore": before}))
    };
    let stand = Stand::open(vec![
        page(json!({"nextToken": "a+b/=="}), "2026-11-25T11:58:00Z"),
        page(Value::Null, "2026-11-25T11:59:00Z"),
    ])
    .await;
    let channel = amazon(&stand.origin);
    let first = list(&channel, request("orders", None)).await.expect("page");
    let second = list(&channel, request("orders", first.next.as_deref())).await.expect("page");
    assert_eq!(first.watermark, Timestamp::parse("2026-11-25T11:58:00Z"));
    assert_eq!((second.watermark, second.next), (first.watermark, None));
    let lines = stand.lines();
    assert_eq!(
        lines[0],
        "GET /orders/2026-01-01/orders?lastUpdatedAfter=2026-11-24T00:00:00Z&\
         marketplaceIds=A1AM78C64UM0Y8,ATVPDKIKX0DER&maxResultsPerPage=100&\
         includedData=BUYER,RECIPIENT,PROCEEDS,PROMOTION,CANCELLATION,FULFILLMENT,PACKAGES,PAYMENT"
    );
    assert!(stand.got()[1].line.ends_with("&paginationToken=a%2Bb%2F%3D%3D"), "{}", stand.got()[1].line);
    assert!(lines[1].starts_with(&lines[0]));
    let got = &stand.got()[0];
    assert_eq!(got.headers["x-amz-access-token"], "Atza|a");
    assert_eq!(got.headers["x-amz-date"], "20261125T120000Z");
    assert!(got.headers["user-agent"].starts_with("Fenicia/"));
    assert!(!got.headers.contains_key("content-length") && !got.headers.contains_key("authorization"));
}

#[tokio::test]
async fn other_shops_orders_are_left_out_and_odd_ones_are_asked_for() {
    let mut foreign = order("SHIPPED");
    foreign["salesChannel"]["channelName"] = json!("NON_AMAZON");
    let odd = json!({"orderId": ID, "orderItems": "none"});
    let stand = Stand::open(vec![says(200, &json!({"orders": [foreign, odd, order("UNSHIPPED")]}))]).await;
    let page = list(&amazon(&stand.origin), request("orders", None)).await.expect("page");
    assert!(
        matches!(page.tidings.as_slice(), [Tiding::Anomaly { .. }, Tiding::Hint { .. }, Tiding::Seen(_)]),
        "{:?}",
        page.tidings
    );
}

#[tokio::test]
async fn an_answer_that_is_not_the_list_is_an_outage() {
    for body in ["<html></html>", "{}", "{\"orders\": [{\"orderId\""] {
        let stand = Stand::open(vec![text(200, body)]).await;
        let failure = list(&amazon(&stand.origin), request("orders", None)).await.expect_err("nonsense");
        assert_eq!(failure.kind, FailureKind::Unavailable, "{body}");
    }
}

#[tokio::test]
async fn a_used_up_allowance_waits_at_least_one_refill() {
    let quota = json!({"errors": [{"code": "QuotaExceeded", "message": "m", "details": ""}]});
    let stand = Stand::open(vec![says(429, &quota)]).await;
    let channel = amazon(&stand.origin);
    let now = channel.api.clock.now();
    let failure = list(&channel, request("orders", None)).await.expect_err("quota");
    assert_eq!(failure.kind, FailureKind::RateLimited);
    let wait = failure.resume_at.expect("a time").since(now).as_secs();
    assert!((178..=200).contains(&wait), "{wait}");
}

#[tokio::test]
async fn the_sweep_hints_each_refund_once_its_window_was_closed() {
    let stand = Stand::open(vec![
        ledger(&[], Some("t")),
        ledger(&[refund("r1", 5)], None),
        ledger(&[refund("r1", 5)], None),
        ledger(&[refund("r1", 5), refund("r2", 5)], None),
        ledger(&[refund("r1", 5)], None),
    ])
    .await;
    let channel = amazon(&stand.origin);
    let first = list(&channel, request("refunds", None)).await.expect("page");
    assert!(first.tidings.is_empty() && first.next.is_some(), "an empty page with a token");
    let hints = |page: Page| page.tidings.len();
    assert_eq!(hints(list(&channel, request("refunds", first.next.as_deref())).await.expect("page")), 1);
    assert_eq!(
        hints(list(&channel, request("refunds", None)).await.expect("page")),
        1,
        "the window is repeated"
    );
    let mut later = request("refunds", None);
    later.from = later.from.minus(Duration::ZERO).plus(Duration::from_secs(1));
    let news = list(&channel, later).await.expect("page");
    assert_eq!(hints(news), 1, "only the new refund, for the same order");
    later.bulk = true;
    assert_eq!(hints(list(&channel, later).await.expect("page")), 1, "a bulk sync tells all");
    assert!(
        stand.lines()[0]
            .starts_with("GET /finances/2024-06-19/transactions?postedAfter=2026-11-24T00:00:00Z")
    );
    assert!(stand.lines()[1].ends_with("&nextToken=t"));
}

#[tokio::test]
async fn one_order_is_read_with_its_refunds() {
    let stand = Stand::open(vec![
        says(200, &json!({"order": order("SHIPPED")})),
        ledger(&[refund("r1", 60)], Some("n")),
        ledger(&[refund("r1", 60), refund("r2", 40)], None),
    ])
    .await;
    let seen = found(fetch(&amazon(&stand.origin), Lane::Manual).await.expect("order"));
    assert_eq!(seen.payment_status, Native::Known(PaymentStatus::Refunded));
    assert_eq!(seen.amounts.refunded.map(|a| a.to_string()).as_deref(), Some("100.00"));
    assert!(!seen.refunds_unseen);
    assert!(
        stand.lines()[1].ends_with(&format!("relatedIdentifierName=ORDER_ID&relatedIdentifierValue={ID}"))
    );
    assert!(stand.lines()[2].ends_with("&nextToken=n"));
}

#[tokio::test]
async fn a_missing_role_for_refunds_is_told_and_harms_nothing_else() {
    let stand = Stand::open(vec![says(200, &json!({"order": order("SHIPPED")})), denied("")]).await;
    let seen = found(fetch(&amazon(&stand.origin), Lane::Manual).await.expect("order"));
    assert_eq!(seen.payment_status, Native::Known(PaymentStatus::Paid));
    assert!(seen.refunds_unseen);
    assert!(seen.anomalies.iter().any(|anomaly| anomaly.code == "refunds_unknown"));
    let stand = Stand::open(vec![denied("")]).await;
    let failure = list(&amazon(&stand.origin), request("refunds", None)).await.expect_err("refused");
    assert!(failure.local && !failure.stale_token);
}

#[tokio::test]
async fn an_expired_token_asks_for_a_fresh_one_everywhere() {
    let expired = "The access token you provided has expired.";
    let stand =
        Stand::open(vec![denied(expired), says(200, &json!({"order": order("SHIPPED")})), denied(expired)])
            .await;
    let channel = amazon(&stand.origin);
    assert!(list(&channel, request("orders", None)).await.expect_err("expired").stale_token);
    assert!(fetch(&channel, Lane::Manual).await.expect_err("expired").stale_token);
}

#[tokio::test]
async fn an_outage_of_the_ledger_fails_a_sync_but_no_action() {
    let answers = || vec![says(200, &json!({"order": order("UNSHIPPED")})), text(503, "")];
    let stand = Stand::open(answers()).await;
    let failure = fetch(&amazon(&stand.origin), Lane::Manual).await.expect_err("no refunds");
    assert_eq!(failure.kind, FailureKind::Unavailable);
    let stand = Stand::open(answers()).await;
    let seen = found(fetch(&amazon(&stand.origin), Lane::Action).await.expect("order"));
    assert!(seen.refunds_unseen);
}

#[tokio::test]
async fn orders_that_cannot_be_read_are_told_apart() {
    let gone = json!({"errors": [{"code": "NotFound", "message": "m"}]});
    let mut foreign = order("SHIPPED");
    foreign["salesChannel"]["channelName"] = json!("NON_AMAZON");
    let stand = Stand::open(vec![says(404, &gone), says(200, &json!({"order": foreign}))]).await;
    let channel = amazon(&stand.origin);
    let reach = |fetched| match fetched {
        Fetched::Missing { reach, .. } => reach,
        other => panic!("{other:?}"),
    };
    assert_eq!(reach(fetch(&channel, Lane::Poll).await.expect("gone")), Some(REACH));
    assert_eq!(reach(fetch(&channel, Lane::Poll).await.expect("foreign")), Some(Duration::ZERO));
    let tokens = tokens();
    let wrong = [ChannelOrderId::new("1042").expect("id")];
    let fetched = channel.fetch(Call { tokens: &tokens, lane: Lane::Manual }, &wrong).await.expect("answer");
    let [Fetched::Failed { failure, .. }] = fetched.as_slice() else { panic!("{fetched:?}") };
    assert!(failure.kind == FailureKind::InvalidRequest && failure.local);
    assert_eq!(stand.got().len(), 2, "a wrong number costs no call");
}

#[tokio::test]
async fn the_probe_finds_what_is_not_in_order() {
    let participations = json!({"payload": [{"marketplace": {"id": "A1AM78C64UM0Y8"},
                                             "participation": {"isParticipating": true, "hasSuspendedListings": false}}]});
    let mut answer = says(200, &participations);
    answer.headers.push(("date", "Wed, 25 Nov 2026 12:05:00 GMT".to_owned()));
    let stand = Stand::open(vec![answer, denied("")]).await;
    let tokens = tokens();
    let channel = amazon(&stand.origin);
    let findings = channel.probe(Call { tokens: &tokens, lane: Lane::Manual }).await.expect("findings");
    let bad: Vec<&str> = findings.iter().filter(|f| !f.ok).map(|f| f.what.as_str()).collect();
    assert_eq!(bad.len(), 3, "{bad:?}");
    assert!(
        bad[0].contains("ATVPDKIKX0DER") && bad[1].contains("clock") && bad[2].contains("refunds"),
        "{bad:?}"
    );
    assert!(findings.iter().filter(|f| !f.ok).all(|f| f.cure.is_some()));
}

#[tokio::test]
async fn a_shipped_order_is_fetched_once_for_each_of_its_changes() {
    let listed = |changed: &str| {
        let mut order = order("SHIPPED");
        order["lastUpdatedTime"] = json!(changed);
        says(200, &json!({"orders": [order]}))
    };
    let stand = Stand::open(vec![
        listed("2026-11-21T10:00:00Z"),
        says(200, &json!({"order": order("SHIPPED")})),
        ledger(&[], None),
        listed("2026-11-21T10:00:00Z"),
        listed("2026-11-21T10:00:01Z"),
    ])
    .await;
    let channel = amazon(&stand.origin);
    let incomplete = async || {
        let page = list(&channel, request("orders", None)).await.expect("page");
        matches!(page.tidings.as_slice(), [Tiding::Seen(seen)] if seen.incomplete)
    };
    assert!(incomplete().await, "its ledger was not read yet");
    fetch(&channel, Lane::Poll).await.expect("order");
    assert!(!incomplete().await, "listed again by the overlap");
    assert!(incomplete().await, "it changed");
}

#[tokio::test]
async fn one_order_that_cannot_be_read_is_not_the_channel_s_trouble() {
    let mut odd = order("UNSHIPPED");
    odd["orderItems"] = json!("none");
    let stand = Stand::open(vec![says(200, &json!({"order": odd})), text(200, "<html>")]).await;
    let channel = amazon(&stand.origin);
    for local in [true, false] {
        let failure = fetch(&channel, Lane::Poll).await.expect_err("unreadable");
        assert_eq!((failure.kind, failure.local), (FailureKind::Unavailable, local), "{failure}");
    }
}

#[tokio::test]
async fn a_list_that_does_not_say_where_it_ends_ends_with_its_newest_change() {
    let stand = Stand::open(vec![says(200, &json!({"orders": [order("UNSHIPPED")]}))]).await;
    let page = list(&amazon(&stand.origin), request("orders", None)).await.expect("page");
    assert_eq!(page.watermark, Timestamp::parse("2026-11-21T10:00:00Z"));
}

#[tokio::test]
async fn what_an_order_does_not_say_is_not_taken_for_none() {
    let mut thin = order("UNSHIPPED");
    thin["orderItems"] = Value::Null;
    thin["buyer"] = json!([]);
    thin["programs"] = json!({});
    let stand = Stand::open(vec![says(200, &json!({"orders": [thin]}))]).await;
    let page = list(&amazon(&stand.origin), request("orders", None)).await.expect("page");
    let [Tiding::Seen(seen)] = page.tidings.as_slice() else { panic!("{:?}", page.tidings) };
    assert_eq!(seen.items, None);
}
