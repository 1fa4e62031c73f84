//! Webhooks over a real socket: disorder, forgery.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use fenicia::channel::{Delivery, Headers, Inbound, Refusal, Tiding};
use fenicia::model::{ChannelOrderId, Timestamp};
use fenicia::sandbox::{Fault, Rule, Wish};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::pair::{Pair, Stored};
use crate::{each, fill};

/// A webhook as it came in.
struct Heard {
    topic: Option<String>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Heard {
    fn inbound(&self, received_at: Timestamp) -> Inbound<'_> {
        Inbound { topic: self.topic.as_deref(), headers: self, body: &self.body, received_at }
    }
}

impl Headers for Heard {
    fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// A listener that takes every webhook; answers its address.
async fn listen() -> (String, Arc<Mutex<Vec<Heard>>>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = format!("http://{}/webhooks/shop", socket.local_addr().expect("an address"));
    let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
    let kept = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            let kept = Arc::clone(&kept);
            let service = service_fn(move |request| take_webhook(request, Arc::clone(&kept)));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (address, heard)
}

async fn take_webhook(
    request: hyper::Request<Incoming>,
    kept: Arc<Mutex<Vec<Heard>>>,
) -> Result<hyper::Response<Empty<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let heard = Heard {
        topic: parts.uri.path().strip_prefix("/webhooks/shop/").map(str::to_owned),
        headers: parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: body.collect().await.expect("a body").to_bytes().to_vec(),
    };
    kept.lock().expect("not poisoned").push(heard);
    Ok(hyper::Response::new(Empty::new()))
}

impl Pair {
    /// Takes one delivery in as the daemon does; answers what has to be fetched.
    async fn receive(&self, stored: &mut Stored, heard: &Heard) -> Vec<ChannelOrderId> {
        let now = self.clock.now();
        let admitted = self.channel.admit(&heard.inbound(now)).expect("authentic");
        let delivery = Delivery {
            delivery_id: admitted.delivery_id,
            topic: admitted.topic,
            notes: admitted.notes,
            body: heard.body.clone(),
            received_at: now,
        };
        let mut fetch = Vec::new();
        for tiding in self.channel.read(&delivery) {
            match tiding {
                Tiding::Seen(seen) => {
                    let order = seen.order.clone();
                    if self.take(stored, *seen) {
                        fetch.push(order);
                    }
                }
                Tiding::Hint { order, .. } | Tiding::Settling { order, .. } => fetch.push(order),
                Tiding::Alias(alias) => {
                    fetch.extend(self.channel.resolve(self.call(), &alias).await.expect("an answer"));
                }
                _ => {}
            }
        }
        fetch
    }
}

#[tokio::test]
async fn webhooks_in_any_order_end_in_what_is_true() {
    each(|kind| async move {
        let pair = Pair::open(kind).await;
        let (address, heard) = listen().await;
        let courier = &pair.stand().kit().webhooks;
        courier.set_target(Some(address));
        let public = "https://orders.example.com/webhooks/shop";
        pair.channel.subscribe(pair.call(), public).await.expect("subscriptions");
        fill(pair.stand());
        courier.settled().await;
        let mut heard = std::mem::take(&mut *heard.lock().expect("not poisoned"));
        if heard.is_empty() {
            return;
        }
        heard.reverse();
        let mut stored = Stored::new();
        let mut fetch = Vec::new();
        for delivery in &heard {
            fetch.extend(pair.receive(&mut stored, delivery).await);
        }
        fetch.sort();
        fetch.dedup();
        pair.fetch(&mut stored, &fetch).await;
        assert_eq!(pair.differences(&stored), Vec::<String>::new(), "{kind}");
        assert_eq!(pair.breaches(), Vec::<String>::new(), "{kind}");
    })
    .await;
}

#[tokio::test]
async fn a_forged_webhook_is_refused_and_the_true_one_beside_it_is_not() {
    each(|kind| async move {
        let pair = Pair::open(kind).await;
        let (address, heard) = listen().await;
        let courier = &pair.stand().kit().webhooks;
        courier.set_target(Some(address));
        let public = "https://orders.example.com/webhooks/shop";
        pair.channel.subscribe(pair.call(), public).await.expect("subscriptions");
        pair.stand().kit().faults.add(Rule::always("*", Fault::Forged));
        pair.stand().place(&Wish::default()).expect("room");
        courier.settled().await;
        let heard = std::mem::take(&mut *heard.lock().expect("not poisoned"));
        let now = pair.clock.now();
        let judged: Vec<bool> = heard
            .iter()
            .map(|own| match pair.channel.admit(&own.inbound(now)) {
                Ok(_) => true,
                Err(refusal) => {
                    assert_eq!(refusal, Refusal::Unauthenticated, "{kind}");
                    false
                }
            })
            .collect();
        let admitted = judged.iter().filter(|admitted| **admitted).count();
        assert_eq!(admitted * 2, judged.len(), "{kind}");
    })
    .await;
}
