//! For tests: a small Amazon that says what it is told to, and orders as the store would hold them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Amazon;
use super::document::OrderDocument;
use super::finances::Refunds;
use super::map::{Reading, observe};
use super::setup::{KIND, assemble};
use crate::channel::{Env, Settings, Value as Setting};
use crate::clock::Clock;
use crate::model::{
    ChannelId, ChannelOrderId, FulfilledBy, Native, Order, OrderKey, OrderStatus, PaymentStatus, Secret,
    Source, SyncInfo, Timestamp, Tokens, Version,
};
use crate::net::{Http, HttpOptions};
use crate::random::Random;

pub(super) const ID: &str = "701-0000001-0000001";

pub(super) fn settings(base_url: &str) -> Settings {
    let text = |text: &str| Setting::Text(text.to_owned());
    let secret = |text: &str| Setting::Secret(Secret::new(text));
    let values = [
        ("region", text("na")),
        ("marketplace_ids", Setting::TextList(vec!["A1AM78C64UM0Y8".to_owned(), "ATVPDKIKX0DER".to_owned()])),
        ("seller_id", text("A1SELLER")),
        ("client_id", text("client")),
        ("client_secret", secret("secret")),
        ("refresh_token", secret("Atzr|r")),
    ];
    Settings {
        id: ChannelId::new("mx").expect("id"),
        base_url: Some(base_url.to_owned()),
        request_timeout: Duration::from_secs(5),
        values: values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
    }
}

pub(super) fn amazon(base_url: &str) -> Amazon {
    let options = HttpOptions {
        body_max_bytes: 1 << 20,
        connect_timeout: Duration::from_secs(5),
        user_agent: "test".to_owned(),
    };
    let now = Timestamp::parse("2026-11-25T12:00:00Z").expect("time");
    let env = Env {
        clock: Clock::starting_at(now),
        random: Random::seeded(1),
        http: Http::new(options).expect("client"),
    };
    assemble(&settings(base_url), &env).unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// The order that the store would hold after this document was read first.
pub(super) fn stored(document: &OrderDocument) -> Order {
    let id = ChannelOrderId::new(&document.order_id).expect("id");
    let reading = Reading { source: Source::Fetch, read_at: Timestamp::EPOCH, refunds: &Refunds::None };
    let seen = observe(id.clone(), document, reading);
    Order {
        key: OrderKey::new(ChannelId::new("mx").expect("id"), id),
        channel_kind: KIND.name.to_owned(),
        number: seen.number.unwrap_or_default(),
        status: if let Native::Known(status) = seen.status { status } else { OrderStatus::Pending },
        payment_status: PaymentStatus::Paid,
        channel_status: seen.channel_status,
        currency: seen.currency,
        amounts: seen.amounts,
        placed_at: seen.placed_at.unwrap_or_default(),
        items: seen.items.unwrap_or_default(),
        shipments: seen.shipments.unwrap_or_default(),
        tags: seen.tags.unwrap_or_default(),
        fulfilled_by: seen.fulfilled_by.unwrap_or(FulfilledBy::Seller),
        facts: seen.facts,
        version: Version { changed_at: None, read_at: Timestamp::EPOCH, fetched_at: None },
        created_at: Timestamp::EPOCH,
        stored_at: Timestamp::EPOCH,
        told: Vec::new(),
        sync: SyncInfo::default(),
        last_action: None,
        next_seq: 0,
        erased: false,
    }
}

/// One request as it came in.
#[derive(Clone, Debug)]
pub(super) struct Got {
    pub line: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Got {
    /// `GET /path?query`, decoded.
    pub fn line(&self) -> String {
        percent_encoding::percent_decode_str(&self.line.replace('+', " ")).decode_utf8_lossy().into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("json")
    }
}

/// What the test's Amazon says next, in the order of the requests.
#[derive(Clone)]
pub(super) struct Says {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

pub(super) fn says(status: u16, body: &Value) -> Says {
    Says { status, headers: vec![("content-type", "application/json".to_owned())], body: body.to_string() }
}

pub(super) fn text(status: u16, body: &str) -> Says {
    Says { status, headers: Vec::new(), body: body.to_owned() }
}

pub(super) struct Stand {
    pub origin: String,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Stand {
    /// Answers in turn; `ORIGIN` in a body becomes the stand's own address.
    pub async fn open(answers: Vec<Says>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let origin = format!("http://{}", listener.local_addr().expect("address"));
        let got = Arc::new(Mutex::new(Vec::new()));
        let (own, seen) = (origin.clone(), Arc::clone(&got));
        tokio::spawn(async move {
            let mut answers: VecDeque<Says> = answers.into();
            while let Ok((stream, _)) = listener.accept().await {
                let says = answers.pop_front().unwrap_or_else(|| text(500, "nothing more to say"));
                serve(stream, says, &own, &seen).await;
            }
        });
        Self { origin, got }
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.lock().expect("lock").clone()
    }

    pub fn lines(&self) -> Vec<String> {
        self.got().iter().map(Got::line).collect()
    }
}

async fn serve(mut stream: TcpStream, says: Says, origin: &str, seen: &Mutex<Vec<Got>>) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4_096];
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        let read = stream.read(&mut buffer).await.expect("request");
        assert_ne!(read, 0, "a whole request");
        bytes.extend_from_slice(&buffer[..read]);
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut lines = text.lines();
    let line = lines.next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    while bytes.len() < head + length {
        let read = stream.read(&mut buffer).await.expect("body");
        bytes.extend_from_slice(&buffer[..read]);
    }
    let body = String::from_utf8_lossy(&bytes[head..]).into_owned();
    seen.lock().expect("lock").push(Got { line, headers, body });
    let body = says.body.replace("ORIGIN", origin);
    let lines: Vec<String> =
        says.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let extra = lines.concat();
    let answer = format!(
        "HTTP/1.1 {} X\r\nconnection: close\r\ncontent-length: {}\r\n{extra}\r\n{body}",
        says.status,
        body.len()
    );
    stream.write_all(answer.as_bytes()).await.expect("answer");
    stream.shutdown().await.expect("end");
}

pub(super) fn tokens() -> Tokens {
    Tokens { generation: 1, ..Tokens::bare(Secret::new("Atza|a"), Timestamp::EPOCH) }
}

pub(super) fn order(status: &str) -> Value {
    json!({
        "orderId": ID, "createdTime": "2026-11-20T10:00:00Z", "lastUpdatedTime": "2026-11-21T10:00:00Z",
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": "A1AM78C64UM0Y8"},
        "proceeds": {"grandTotal": {"amount": "100.00", "currencyCode": "MXN"}},
        "fulfillment": {"fulfillmentStatus": status, "fulfilledBy": "MERCHANT"},
        "orderItems": [{"orderItemId": "11", "quantityOrdered": 2, "product": {"sellerSku": "TAZA"},
                        "fulfillment": {"quantityFulfilled": 0, "quantityUnfulfilled": 2}}]
    })
}

pub(super) fn held(status: &str) -> Order {
    stored(&serde_json::from_str(&order(status).to_string()).expect("order"))
}
