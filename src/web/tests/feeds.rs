//! The feed of changes and the stream of events.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::bazaar::order;
use super::rig::Rig;

const STAMP: &str = "2026-11-20T10:00:00Z";

#[tokio::test]
async fn changes_come_in_order_and_wake_who_waits() {
    let rig = Rig::new().await;
    rig.stored(&order("1", STAMP)).await;
    let feed = rig.get("/api/v1/changes").send().await.with(200);
    assert_eq!(feed["items"][0]["order_id"], "tienda:1");
    assert_eq!(feed["items"][0]["change"], "created");
    let last = feed["items"].as_array().and_then(|items| items.last()).expect("one")["seq"].as_u64();
    let last = last.expect("a number");
    let none = rig.get(format!("/api/v1/changes?after={last}")).send().await.with(200);
    assert_eq!(none, json!({ "items": [], "next_cursor": null }));
    let wait = rig.get(format!("/api/v1/changes?after={last}&wait=30s")).send();
    let second = order("2", STAMP);
    let (woken, ()) = tokio::join!(wait, rig.stored(&second));
    assert_eq!(woken.with(200)["items"][0]["order_id"], "tienda:2");
    let first = rig.get("/api/v1/changes?limit=1").send().await.with(200);
    assert_eq!(first["next_cursor"], first["items"][0]["seq"].to_string());
    rig.stop().await;
}

#[tokio::test]
async fn a_number_from_the_future_is_a_gap() {
    let rig = Rig::new().await;
    let seen = rig.get("/api/v1/changes?after=1000000").send().await;
    assert_eq!(seen.problem(410), ("gone".to_owned(), Some("after".to_owned())));
    rig.stop().await;
}

/// Reads events as they come.
struct Stream {
    body: Incoming,
    text: String,
}

impl Stream {
    fn of(response: Response<Incoming>) -> Self {
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body(), text: String::new() }
    }

    /// The next event's name and data; `None` at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let mut lines = event.lines().filter_map(|line| line.split_once(": "));
                    lines.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
                };
                let name = field("event").expect("a name");
                let data = serde_json::from_str(&field("data").expect("data")).expect("JSON");
                self.text = rest.to_owned();
                return Some((name, data));
            }
            let frame = tokio::time::timeout(Duration::from_secs(20), self.body.frame()).await;
            let frame = frame.expect("an event in time")?.expect("a frame");
            self.text += &String::from_utf8_lossy(frame.data_ref().expect("data"));
        }
    }

    async fn until(&mut self, name: &str) -> Value {
        loop {
            let (event, data) = self.next().await.expect("the stream goes on");
            if event == name {
                return data;
            }
        }
    }
}

#[tokio::test]
async fn the_stream_tells_what_changes_by_id_only() {
    let rig = Rig::new().await;
    let mut stream = Stream::of(rig.get("/api/v1/events").key(&rig.viewer).begin().await);
    let (first, hello) = stream.next().await.expect("an event");
    assert_eq!((first.as_str(), &hello["build"]), ("hello", &json!(env!("CARGO_PKG_VERSION"))));
    rig.stored(&order("1", STAMP)).await;
    let told = stream.until("order").await;
    assert_eq!(told["id"], "tienda:1");
    assert!(!told.to_string().contains("Ana"));
    let body = json!({ "carrier": "DHL", "tracking_number": "JD01" });
    let action = rig.post("/api/v1/orders/tienda:1/ship").json(&body).send().await.with(202);
    loop {
        let told = stream.until("action").await;
        assert_eq!((&told["id"], &told["order_id"]), (&action["id"], &json!("tienda:1")));
        if told["state"] == "done" {
            break;
        }
    }
    rig.stop().await;
    while let Some((name, _)) = stream.next().await {
        if name == "bye" {
            return;
        }
    }
    panic!("the stream ended without a bye");
}

#[tokio::test]
async fn a_broken_stream_goes_on_where_it_was() {
    let rig = Rig::new().await;
    rig.stored(&order("1", STAMP)).await;
    rig.stored(&order("2", STAMP)).await;
    let again = rig.get("/api/v1/events").header("last-event-id", "1").begin().await;
    let mut stream = Stream::of(again);
    assert_eq!(stream.next().await.expect("an event").0, "hello");
    assert_eq!(stream.next().await.expect("an event").1["id"], "tienda:2");
    let lost = rig.get("/api/v1/events").header("last-event-id", "999999").begin().await;
    let mut lost = Stream::of(lost);
    assert_eq!(lost.next().await.expect("an event").0, "hello");
    assert_eq!(lost.next().await.expect("an event").0, "resync");
    rig.stop().await;
}
