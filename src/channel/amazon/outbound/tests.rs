use serde_json::json;

use super::*;
use crate::channel::Channel;
use crate::channel::amazon::stand::order;
use crate::channel::amazon::stand::{ID, Says, Stand, amazon, held, says, stored, text, tokens};
use crate::model::{ActionId, ActionState, CancelReason, ChannelId, FailureKind, Lane, OrderKey, Timestamp};

fn action(request: ActionRequest, memo: Memo, attempts: u32) -> Action {
    Action {
        id: ActionId(uuid::Uuid::nil()),
        order: OrderKey::new(ChannelId::new("mx").expect("id"), ChannelOrderId::new(ID).expect("id")),
        request,
        state: ActionState::Running,
        attempts,
        failed_tries: 0,
        by: None,
        requested_at: Timestamp::parse("2026-11-25T11:59:00Z").expect("time"),
        updated_at: Timestamp::EPOCH,
        sent_boot: None,
        memo,
        error: None,
    }
}

fn ship(tracking: &str, quantity: u32) -> ActionRequest {
    ActionRequest::Ship {
        carrier: "Mi Paquetería".to_owned(),
        tracking_number: Some(tracking.to_owned()),
        tracking_url: None,
        items: vec![ShipLine { line_id: "11".to_owned(), quantity }],
    }
}

fn cancel() -> ActionRequest {
    ActionRequest::Cancel { reason: CancelReason::OutOfStock, note: None }
}

fn prepared(channel: &Amazon, order: &Order, request: ActionRequest, attempts: u32) -> Action {
    let memo = channel.prepare(order, &request, channel.api.clock.now()).expect("possible");
    action(request, memo, attempts)
}

async fn perform(channel: &Amazon, order: &Order, action: &Action) -> Result<Performed, Failure> {
    let tokens = tokens();
    channel.perform(Call { tokens: &tokens, lane: Lane::Action }, order, action).await
}

async fn follow(channel: &Amazon, order: &Order, action: &Action) -> Result<Performed, Failure> {
    let tokens = tokens();
    channel.follow(Call { tokens: &tokens, lane: Lane::Action }, order, action).await
}

fn memo_of(performed: Performed) -> Memo {
    match performed {
        Performed::Submitted { memo, .. } => memo,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_shipment_is_confirmed_with_every_compulsory_field() {
    let stand = Stand::open(vec![text(204, "")]).await;
    let channel = amazon(&stand.origin);
    let held = held("UNSHIPPED");
    let shipping = prepared(&channel, &held, ship(" T1 ", 1), 1);
    assert_eq!(perform(&channel, &held, &shipping).await, Ok(Performed::Done));
    let got = &stand.got()[0];
    assert_eq!(got.line, format!("POST /orders/v0/orders/{ID}/shipmentConfirmation"));
    assert_eq!(got.headers["content-type"], "application/json");
    assert_eq!(
        got.json(),
        json!({"marketplaceId": "A1AM78C64UM0Y8", "packageDetail": {
            "packageReferenceId": "1", "carrierCode": "Other", "carrierName": "Mi Paquetería",
            "trackingNumber": "T1", "shipDate": "2026-11-25T12:00:00Z",
            "orderItems": [{"orderItemId": "11", "quantity": 1}]}})
    );
}

#[tokio::test]
async fn two_shipments_asked_for_at_once_become_two_parcels() {
    let stand = Stand::open(vec![text(204, ""), text(204, "")]).await;
    let channel = amazon(&stand.origin);
    let held = held("UNSHIPPED");
    let first = prepared(&channel, &held, ship("T1", 1), 1);
    let early = prepared(&channel, &held, ship("T2", 1), 1);
    assert_eq!(perform(&channel, &held, &first).await, Ok(Performed::Done));
    let waits = perform(&channel, &held, &early).await.expect_err("not under the first one's reference");
    assert!(waits.no_effect && stand.got().len() == 1, "the first parcel is not overwritten");
    // Prepared when its turn comes, it takes the next one.
    let second = prepared(&channel, &held, ship("T2", 1), 1);
    assert_eq!(perform(&channel, &held, &second).await, Ok(Performed::Done));
    assert_eq!(stand.got()[1].json()["packageDetail"]["packageReferenceId"], "2");
}

#[tokio::test]
async fn a_parcel_that_another_tool_confirmed_first_is_a_success() {
    let refused = json!({"errors": [{"code": "InvalidInput", "message": "PackageToUpdateNotFound"}]});
    let mut shipped = order("SHIPPED");
    shipped["packages"] = json!([{"packageReferenceId": "77", "trackingNumber": "T1",
                                  "packageItems": [{"orderItemId": "11", "quantity": 2}]}]);
    for (document, done) in [(shipped, true), (order("UNSHIPPED"), false)] {
        let stand = Stand::open(vec![says(400, &refused), says(200, &json!({"order": document}))]).await;
        let channel = amazon(&stand.origin);
        let held = held("UNSHIPPED");
        let shipping = prepared(&channel, &held, ship("T1", 2), 1);
        let performed = perform(&channel, &held, &shipping).await;
        match performed {
            Ok(performed) => assert!(done && performed == Performed::Done),
            Err(failure) => {
                assert!(!done && failure.kind == FailureKind::InvalidRequest && failure.no_effect);
            }
        }
    }
}

#[tokio::test]
async fn a_corrected_label_states_the_whole_parcel_again() {
    let mut shipped = order("SHIPPED");
    shipped["packages"] = json!([{"packageReferenceId": "3", "trackingNumber": "T1", "shipTime": "2026-11-24T08:00:00Z",
                                  "packageItems": [{"orderItemId": "11", "quantity": 2}]}]);
    let held = stored(&serde_json::from_str(&shipped.to_string()).expect("order"));
    let stand = Stand::open(vec![text(204, "")]).await;
    let channel = amazon(&stand.origin);
    let request = ActionRequest::Tracking {
        carrier: "ups".to_owned(),
        tracking_number: "T2".to_owned(),
        tracking_url: None,
        shipment_id: None,
    };
    let correcting = prepared(&channel, &held, request, 1);
    assert_eq!(perform(&channel, &held, &correcting).await, Ok(Performed::Done));
    assert_eq!(
        stand.got()[0].json()["packageDetail"],
        json!({"packageReferenceId": "3", "carrierCode": "UPS", "trackingNumber": "T2",
               "shipDate": "2026-11-24T08:00:00Z", "orderItems": [{"orderItemId": "11", "quantity": 2}]})
    );
}

const REPORT: &str = "<AmazonEnvelope><Message><ProcessingReport><ProcessingSummary>\
    <MessagesProcessed>1</MessagesProcessed></ProcessingSummary></ProcessingReport></Message></AmazonEnvelope>";

fn document(id: &str) -> Says {
    says(201, &json!({"feedDocumentId": id, "url": "ORIGIN/storage/upload?sig=x"}))
}

#[tokio::test]
async fn a_cancellation_goes_through_all_six_steps() {
    let stand = Stand::open(vec![
        document("d1"),
        text(200, ""),
        says(202, &json!({"feedId": "f/1"})),
        says(200, &json!({"feedId": "f/1", "processingStatus": "IN_QUEUE"})),
        says(200, &json!({"feedId": "f/1", "processingStatus": "DONE", "resultFeedDocumentId": "r1"})),
        says(200, &json!({"feedDocumentId": "r1", "url": "ORIGIN/storage/report"})),
        text(200, REPORT),
        says(200, &json!({"order": order("UNSHIPPED")})),
        says(200, &json!({"order": order("CANCELLED")})),
    ])
    .await;
    let channel = amazon(&stand.origin);
    let held = held("UNSHIPPED");
    let mut cancelling = prepared(&channel, &held, cancel(), 1);
    let sent = perform(&channel, &held, &cancelling).await.expect("taken");
    let Performed::Submitted { memo, look_after } = sent else { panic!("asynchronous") };
    assert_eq!((memo["feed"].as_str(), look_after.as_secs()), ("f/1", 30));
    cancelling.memo.extend(memo);
    for _ in 0..2 {
        let looked = follow(&channel, &held, &cancelling).await.expect("under way");
        let Performed::Submitted { memo, look_after } = looked else { panic!("not yet") };
        assert_eq!(look_after.as_secs(), 60);
        cancelling.memo.extend(memo);
    }
    assert_eq!(follow(&channel, &held, &cancelling).await, Ok(Performed::Done));

    let got = stand.got();
    assert_eq!(got[0].json(), json!({"contentType": "text/xml; charset=UTF-8"}));
    assert_eq!(got[1].line, "PUT /storage/upload?sig=x");
    assert_eq!(got[1].headers["content-type"], "text/xml; charset=UTF-8");
    assert!(!got[1].headers.contains_key("x-amz-access-token"), "the address is signed");
    assert!(got[1].body.contains("<CancelReason>NoInventory</CancelReason>"), "{}", got[1].body);
    assert_eq!(
        got[2].json(),
        json!({"feedType": "POST_ORDER_ACKNOWLEDGEMENT_DATA", "marketplaceIds": ["A1AM78C64UM0Y8"],
               "inputFeedDocumentId": "d1"})
    );
    assert_eq!(got[3].line, "GET /feeds/2021-06-30/feeds/f%2F1");
    assert!(!got[6].headers.contains_key("x-amz-access-token"));
    assert_eq!(got.len(), 9, "an accepted report is not downloaded again");
}

#[tokio::test]
async fn a_refused_cancellation_fails_in_amazon_s_words() {
    let report = REPORT.replace(
        "</ProcessingReport>",
        "<Result><MessageID>1</MessageID><ResultCode>Error</ResultCode><ResultMessageCode>1</ResultMessageCode>\
         <ResultDescription>Too late.</ResultDescription></Result></ProcessingReport>",
    );
    let stand = Stand::open(vec![
        says(200, &json!({"processingStatus": "DONE", "resultFeedDocumentId": "r1"})),
        says(200, &json!({"url": "ORIGIN/storage/report"})),
        text(200, &report),
        says(200, &json!({"order": order("UNSHIPPED")})),
    ])
    .await;
    let memo = Memo::from([("feed".to_owned(), "f1".to_owned())]);
    let cancelling = action(cancel(), memo, 1);
    let failure = follow(&amazon(&stand.origin), &held("UNSHIPPED"), &cancelling).await.expect_err("refused");
    assert_eq!(failure.kind, FailureKind::InvalidRequest);
    assert!(failure.message.contains("Too late."), "{}", failure.message);
}

#[tokio::test]
async fn trouble_before_the_feed_exists_has_no_effect_and_after_it_may_have() {
    let before = Stand::open(vec![document("d1"), text(503, "")]).await;
    let channel = amazon(&before.origin);
    let held = held("UNSHIPPED");
    let cancelling = prepared(&channel, &held, cancel(), 1);
    assert!(perform(&channel, &held, &cancelling).await.expect_err("no storage").no_effect);
    let after = Stand::open(vec![document("d1"), text(200, ""), text(500, "")]).await;
    let failure = perform(&amazon(&after.origin), &held, &cancelling).await.expect_err("lost");
    assert!(!failure.no_effect, "the feed may exist");
}

#[tokio::test]
async fn a_feed_whose_answer_was_lost_is_found_and_not_sent_twice() {
    let feeds = json!({"feeds": [{"feedId": "lost", "feedType": "POST_ORDER_ACKNOWLEDGEMENT_DATA"}]});
    let stand = Stand::open(vec![says(200, &feeds)]).await;
    let channel = amazon(&stand.origin);
    let held = held("UNSHIPPED");
    let cancelling = prepared(&channel, &held, cancel(), 2);
    let memo = memo_of(perform(&channel, &held, &cancelling).await.expect("found"));
    assert_eq!((memo["feed"].as_str(), memo["adopted"].as_str()), ("lost", "yes"));
    assert_eq!(
        stand.lines(),
        ["GET /feeds/2021-06-30/feeds?feedTypes=POST_ORDER_ACKNOWLEDGEMENT_DATA&\
          createdSince=2026-11-25T11:57:00Z&pageSize=100"]
    );
}

#[tokio::test]
async fn a_found_feed_of_another_order_leads_to_a_feed_of_our_own() {
    let stand = Stand::open(vec![
        says(200, &json!({"processingStatus": "FATAL"})),
        document("d2"),
        text(200, ""),
        says(202, &json!({"feedId": "own"})),
    ])
    .await;
    let channel = amazon(&stand.origin);
    let held = held("UNSHIPPED");
    let mut cancelling = prepared(&channel, &held, cancel(), 2);
    for (key, value) in [("feed", "lost"), ("adopted", "yes")] {
        cancelling.memo.insert(key.to_owned(), value.to_owned());
    }
    let memo = memo_of(follow(&channel, &held, &cancelling).await.expect("sent again"));
    assert_eq!((memo["feed"].as_str(), memo["adopted"].as_str()), ("own", "no"));
}

#[tokio::test]
async fn a_feed_without_an_end_is_left_to_a_person() {
    let stand = Stand::open(vec![says(200, &json!({"processingStatus": "IN_PROGRESS"}))]).await;
    let memo = [("feed", "f1"), ("feed_at", "2026-11-25T05:00:00Z")];
    let memo = memo.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let looked = follow(&amazon(&stand.origin), &held("UNSHIPPED"), &action(cancel(), memo, 1)).await;
    assert!(matches!(looked, Ok(Performed::Unconfirmed { .. })), "{looked:?}");
}

#[tokio::test]
async fn a_confirmation_is_any_success_without_an_error() {
    let error = r#"{"errors":[{"code":"InvalidInput","message":"no such line"}]}"#;
    let table = [("", None), ("{}", None), (r#"{"payload":null}"#, None), ("null", None)];
    let bad = [(error, Some(FailureKind::InvalidRequest)), ("<html>", Some(FailureKind::Unavailable))];
    for (body, kind) in table.into_iter().chain(bad) {
        let stand = Stand::open(vec![text(200, body)]).await;
        let channel = amazon(&stand.origin);
        let held = held("UNSHIPPED");
        let shipping = prepared(&channel, &held, ship("T1", 1), 1);
        let sent = perform(&channel, &held, &shipping).await;
        assert_eq!(sent.err().map(|failure| failure.kind), kind, "{body}");
    }
}
