//! The contract's samples, read and mapped; and the deliveries it shows, admitted and read.

use serde::de::DeserializeOwned;

use super::shop::{APP_KEY, SECRET, SHOP_ID};
use crate::channel::hex::hex;
use crate::channel::tiktok_shop::document::{
    AfterSalesDoc, EnvelopeDoc, OrdersDoc, ProvidersDoc, ShopsDoc, TokenDoc,
};
use crate::channel::tiktok_shop::facts::{Facts, UnitState, key};
use crate::channel::tiktok_shop::map::{Reading, observe};
use crate::channel::tiktok_shop::money::{AfterSales, Ledger};
use crate::channel::tiktok_shop::notice::{admit, read};
use crate::channel::tiktok_shop::sign::Signer;
use crate::channel::{Admitted, Headers, Inbound, Refusal, contract};
use crate::model::{
    ChannelOrderId, Delivery, FulfilledBy, Native, Observation, OrderStatus, PaymentStatus, Secret, Seen,
    Source, Tiding, Timestamp,
};

fn text(name: &str) -> Option<String> {
    contract::sample(&format!("tiktok_shop/samples/{name}"))
}

/// The content of a recorded answer.
fn sample<T: DeserializeOwned>(name: &str) -> Option<T> {
    let text = text(name)?;
    let envelope: EnvelopeDoc<'_> = serde_json::from_str(&text).expect("an envelope");
    assert_eq!(&*envelope.code, "0");
    let data = envelope.data.expect("content").get();
    Some(serde_json::from_str(data).expect("a readable sample"))
}

fn id(text: &str) -> ChannelOrderId {
    ChannelOrderId::new(text).expect("an id")
}

fn seen_in(orders: &OrdersDoc, after: Option<&AfterSales>, source: Source) -> Observation {
    let order = &orders.orders.list()[0];
    let reading =
        Reading { order, after_sales: after, providers: None, source, read_at: Timestamp::from_secs(9) };
    observe(id(&order.id), &reading)
}

#[test]
fn the_order_of_the_contract_is_read_whole() {
    let Some(orders) = sample::<OrdersDoc>("order_detail_response.json") else { return };
    let seen = seen_in(&orders, Some(&AfterSales::default()), Source::Fetch);
    assert_eq!(seen.number.as_deref(), Some("576461413038785752"));
    assert_eq!(seen.status, Native::Known(OrderStatus::Pending));
    assert_eq!(seen.payment_status, Native::Known(PaymentStatus::Paid));
    assert!(!seen.refunds_unseen && !seen.incomplete);
    assert_eq!(seen.changed_at, Some(Timestamp::from_secs(1_619_621_355)));
    assert_eq!(seen.placed_at.map(|at| at.to_string()).as_deref(), Some("2021-04-28T12:06:01Z"));
    assert_eq!(seen.currency.map(|c| c.to_string()).as_deref(), Some("IDR"));
    let shown = |amount: Option<rust_decimal::Decimal>| amount.map(|a| a.to_string());
    assert_eq!(shown(seen.amounts.total).as_deref(), Some("5000"));
    assert_eq!(shown(seen.amounts.discount).as_deref(), Some("10000"));
    assert_eq!(shown(seen.amounts.refunded).as_deref(), Some("0"));
    assert_eq!(seen.customer.name, Seen::Value("David Kong".to_owned()));
    assert_eq!(seen.customer.phone, Seen::Absent, "it is masked");
    assert_eq!(seen.customer.email, Seen::Value("v2b2V5@chat.seller.tiktok.com".to_owned()));
    let Seen::Value(address) = &seen.shipping_address else { panic!("no address") };
    assert_eq!(address.line1, Seen::Value("TikTok 5800 bristol Pkwy".to_owned()));
    assert_eq!((&address.city, &address.region), (&Seen::Absent, &Seen::Absent));
    let items = seen.items.expect("items");
    assert_eq!((items.len(), items[0].quantity, items[0].sku.as_deref()), (1, 1, Some("red_iphone_256")));
    assert_eq!(items[0].variant.as_deref(), Some("Iphone"));
    assert_eq!(items[0].quantity_shipped, Some(0));
    let shipments = seen.shipments.expect("shipments");
    assert_eq!(shipments[0].shipment_id, "1153132168123859123");
    assert_eq!(shipments[0].carrier.as_deref(), Some("TT Virtual express"));
    assert_eq!(shipments[0].tracking_number.as_deref(), Some("JX12345"));
    assert_eq!(seen.notes, Some(vec!["Please ship asap!".to_owned(), "seller note".to_owned()]));
    assert_eq!((seen.tags, seen.fulfilled_by), (Some(Vec::new()), Some(FulfilledBy::Seller)));
    assert_eq!(seen.channel_status["status"], "UNPAID");
    assert!(seen.anomalies.is_empty(), "{:?}", seen.anomalies);
    let facts = Facts(&seen.facts);
    assert_eq!((facts.text(key::SHIPPED_WITH), facts.text(key::REGION)), ("TIKTOK", "US"));
    assert_eq!(facts.units()[0].state, UnitState::Open);
    let private = ["David", "bristol", "v2b2V5", "3213-31231412"];
    let all = format!("{:?} {:?}", seen.facts, seen.channel_status);
    assert!(private.iter().all(|word| !all.contains(word)), "{all}");
}

#[test]
fn a_page_of_the_list_says_the_same_but_for_refunds() {
    let Some(page) = sample::<OrdersDoc>("orders_search_response.json") else { return };
    let Some(detail) = sample::<OrdersDoc>("order_detail_response.json") else { return };
    let listed = seen_in(&page, None, Source::Listing);
    let fetched = seen_in(&detail, Some(&AfterSales::default()), Source::Fetch);
    assert!(listed.refunds_unseen);
    assert!(!listed.incomplete, "an unpaid order has no refunds");
    let content = |seen: Observation| {
        (
            seen.status,
            seen.payment_status,
            seen.items,
            seen.shipments,
            seen.shipping_address,
            seen.channel_status,
        )
    };
    let (mut ours, theirs) = (content(listed), content(fetched));
    // The list does not know refunds, the samples' line break apart they are equal.
    if let Some(items) = ours.2.as_mut() {
        items[0].quantity_refunded = Some(0);
    }
    assert_eq!(ours, theirs);
    assert_eq!(
        &*page.next_page_token,
        "6AsPQsUMvH3RkchNUPPh22NROHkE0D8pmq/N5M1kHYcZmtRyv9aVrNv65W7Q6tFA+7D1ud64MPNz5OaT"
    );
}

#[test]
fn after_sales_are_entered_by_order() {
    let Some(cancellations) = sample::<AfterSalesDoc>("cancellations_search_response.json") else { return };
    let Some(returns) = sample::<AfterSalesDoc>("returns_search_response.json") else { return };
    let mut ledger = Ledger::default();
    cancellations.cancellations.list().iter().for_each(|doc| ledger.enter(doc));
    returns.return_orders.list().iter().for_each(|doc| ledger.enter(doc));
    let wish = ledger.of("577087614418520388").wish.expect("the buyer's wish");
    assert_eq!(wish.cancel_id, "4035318504086604100");
    assert_eq!(wish.deadline, Some(Timestamp::from_secs(1_690_554_680)));
    assert_eq!(ledger.of("577686530908261117"), AfterSales::default(), "a pending return refunds nothing");
}

#[test]
fn a_buyer_s_wish_is_told_with_its_deadline() {
    let Some(orders) = sample::<OrdersDoc>("order_detail_response.json") else { return };
    let Some(cancellations) = sample::<AfterSalesDoc>("cancellations_search_response.json") else { return };
    let mut ledger = Ledger::default();
    cancellations.cancellations.list().iter().for_each(|doc| ledger.enter(doc));
    let seen = seen_in(&orders, Some(&ledger.of("577087614418520388")), Source::Fetch);
    assert_eq!(seen.anomalies[0].code, "buyer_wants_to_cancel:4035318504086604100");
    assert!(seen.anomalies[0].summary.contains("until 2023-07-28T14:31:20Z"), "{:?}", seen.anomalies);
    assert_eq!(Facts(&seen.facts).text(key::CANCEL_ID), "4035318504086604100");
}

#[test]
fn refunds_that_this_app_may_not_see_are_told_as_such() {
    let Some(orders) = sample::<OrdersDoc>("order_detail_response.json") else { return };
    let seen = seen_in(&orders, None, Source::Fetch);
    assert!(seen.refunds_unseen);
    assert_eq!(seen.anomalies[0].code, "refunds_withheld");
    assert_eq!(seen.amounts.refunded, None);
}

#[test]
fn the_small_samples_are_read() {
    let Some(shops) = sample::<ShopsDoc>("authorized_shops_response.json") else { return };
    assert_eq!(&*shops.shops.list()[0].cipher, "GCP_XF90igAAAABh00qsWgtvOiGFNqyubMt3");
    let Some(tokens) = sample::<TokenDoc>("token_get_response.json") else { return };
    assert_eq!((&*tokens.access_token_expire_in, &*tokens.user_type), ("1660556783", "0"));
    let Some(providers) = sample::<ProvidersDoc>("shipping_providers_response.json") else { return };
    assert_eq!(&*providers.shipping_providers.list()[0].name, "USPS");
}

// ---- deliveries ------------------------------------------------------------------------------

struct Signed(String, &'static str);

impl Headers for Signed {
    fn get(&self, name: &str) -> Option<&str> {
        match name {
            "authorization" => Some(self.0.as_str()).filter(|value| !value.is_empty()),
            "content-type" => Some(self.1),
            _ => None,
        }
    }
}

fn signature(body: &[u8]) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
    hex(ring::hmac::sign(&key, &[APP_KEY.as_bytes(), body].concat()).as_ref())
}

fn ours() -> Signer {
    Signer::new(APP_KEY, &Secret::new(SECRET))
}

fn offered(body: &str, topic: Option<&str>) -> Result<Admitted, Refusal> {
    let headers = Signed(signature(body.as_bytes()), "application/json; charset=utf-8");
    let request = Inbound { topic, headers: &headers, body: body.as_bytes(), received_at: Timestamp::EPOCH };
    admit(&request, &ours(), SHOP_ID)
}

fn told(body: &str, topic: Option<&str>) -> Vec<Tiding> {
    let admitted = offered(body, topic).expect("admitted");
    let delivery = Delivery {
        delivery_id: admitted.delivery_id,
        topic: admitted.topic,
        notes: admitted.notes,
        body: body.as_bytes().to_vec(),
        received_at: Timestamp::from_secs(50),
    };
    read(&delivery, "tt")
}

fn notice(kind: u32, data: &str) -> String {
    format!(
        r#"{{"type":{kind},"tts_notification_id":"n1","shop_id":"{SHOP_ID}","timestamp":1,"data":{data}}}"#
    )
}

fn hint(order: &str) -> Tiding {
    Tiding::Hint { order: id(order), changed_at: None }
}

#[test]
fn the_official_delivery_is_authentic_and_another_shop_s() {
    let Some(body) = text("webhook_01_order_status_change.json") else { return };
    assert_eq!(body.len(), 223);
    let header = "5dec0f11ec2f6783b8deee53c9ffbf8d024302f7c7e7fa55a35d17629031ac05";
    let signer = Signer::new("abcdef", &Secret::new("123"));
    let headers = Signed(header.to_owned(), "application/json");
    let request =
        Inbound { topic: None, headers: &headers, body: body.as_bytes(), received_at: Timestamp::EPOCH };
    let own = admit(&request, &signer, "7495540735365777507").expect("authentic");
    assert_eq!((own.delivery_id.as_str(), own.ignore), ("7380066284010030890", false));
    assert!(admit(&request, &signer, SHOP_ID).expect("authentic").ignore);
    assert_eq!(admit(&request, &ours(), SHOP_ID), Err(Refusal::Unauthenticated));
}

fn hint_or_settling(tidings: &[Tiding]) -> String {
    match tidings {
        [Tiding::Hint { order, changed_at: None } | Tiding::Settling { order, .. }] => order.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_nameless_notice_of_a_new_address_is_read_when_its_second_is_over() {
    let notice = |id: &str| {
        format!(
            r#"{{"type":3,{id}"shop_id":"{SHOP_ID}","timestamp":7,"data":{{"order_id":"5","update_time":7}}}}"#
        )
    };
    assert_eq!(told(&notice(r#""tts_notification_id":"n9","#), None), [hint("5")]);
    let [Tiding::Settling { until, .. }] = told(&notice(""), None)[..] else { panic!("told at once") };
    assert_eq!(until, Timestamp::from_secs(52));
}

#[test]
fn the_sample_deliveries_point_at_their_order() {
    for name in [
        "webhook_03_recipient_address_update.json",
        "webhook_11_cancellation_status_change.json",
        "webhook_12_return_status_change.json",
    ] {
        let Some(body) = text(name) else { return };
        let body = body.replace("7494049642642441621", SHOP_ID);
        assert!(offered(&body, None).expect("admitted").delivery_id.starts_with("sha256:"), "{name}");
        let order = hint_or_settling(&told(&body, None));
        assert_eq!(order, "576486316948490001", "{name}");
    }
}

#[test]
fn an_unsigned_delivery_is_refused_before_it_is_read() {
    let body = notice(1, r#"{"order_id":"5"}"#);
    let offer = |authorization: &str, kind: &'static str| {
        let headers = Signed(authorization.to_owned(), kind);
        let request =
            Inbound { topic: None, headers: &headers, body: body.as_bytes(), received_at: Timestamp::EPOCH };
        admit(&request, &ours(), SHOP_ID)
    };
    let good = signature(body.as_bytes());
    for wrong in [String::new(), format!("Bearer {good}"), good.to_uppercase(), good[1..].to_owned()] {
        assert_eq!(offer(&wrong, "application/json"), Err(Refusal::Unauthenticated), "{wrong}");
    }
    assert_eq!(offer(&good, "text/plain"), Err(Refusal::ContentType));
    assert!(offer(&good, "application/json").is_ok());
}

#[test]
fn an_order_s_id_is_checked_and_what_is_not_about_orders_is_ignored() {
    let ignored = |body: &str, topic| offered(body, topic).expect("authentic").ignore;
    assert!(!ignored(&notice(1, r#"{"order_id":"576700000000000001"}"#), None));
    assert!(!ignored(&notice(1, r#"{"order_id":576700000000000001}"#), None));
    for bad in ["\"../../token\"", "\"\"", "null", "\"123456789012345678901\"", "-5", "1.5", "\"٣\""] {
        assert!(ignored(&notice(1, &format!(r#"{{"order_id":{bad}}}"#)), None), "{bad}");
    }
    assert!(ignored(&notice(5, r#"{"order_id":"5"}"#), None), "a product");
    assert!(ignored(&notice(99, r#"{"order_id":"5"}"#), None));
    assert!(!ignored(&notice(99, r#"{"order_id":"5"}"#), Some("return_status_change")), "the path says more");
    let foreign = notice(1, r#"{"order_id":"5"}"#).replace(SHOP_ID, "1");
    assert!(ignored(&foreign, None));
}

#[test]
fn a_repetition_has_the_same_id() {
    let id = |body: &str| offered(body, None).expect("admitted").delivery_id;
    let first = notice(1, r#"{"order_id":"5"}"#);
    assert_eq!(id(&first), "n1");
    let nameless = first.replace(r#""tts_notification_id":"n1","#, "");
    assert_eq!(id(&nameless), id(&nameless));
    assert_ne!(id(&nameless), id(&nameless.replace("\"5\"", "\"6\"")));
}

#[test]
fn every_topic_means_what_it_says() {
    let packages = r#"{"sc_type":"COMBINE","package_list":[{"package_id":"1","order_id_list":["7","6"]},{"order_id_list":["6",8,"x"]}]}"#;
    assert_eq!(told(&notice(4, packages), Some("package_update")), [hint("6"), hint("7"), hint("8")]);
    let access = |tidings: Vec<Tiding>| match tidings.as_slice() {
        [Tiding::Access { ends_at, message }] if message.contains("fenicia connect tt") => *ends_at,
        other => panic!("{other:?}"),
    };
    assert_eq!(access(told(&notice(6, r#"{"message":"x"}"#), None)), Some(Timestamp::from_secs(50)));
    let ends = r#"{"message":"x","expiration_time":"1764000000"}"#;
    assert_eq!(access(told(&notice(7, ends), None)), Some(Timestamp::from_secs(1_764_000_000)));
    assert!(matches!(told(&notice(4, "{}"), None).as_slice(), [Tiding::PollNow, Tiding::Anomaly { .. }]));
    for broken in ["[1", "7", "\u{feff}"] {
        assert_eq!(told(broken, None)[0], Tiding::PollNow, "{broken}");
    }
}
