//! Outgoing webhooks: deadlines, retries, faults, and the end of a subscription nobody answers.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use super::faults::{Fault, Faults};
use super::log::locked;
use crate::clock::Clock;
use crate::model::Timestamp;
use crate::random::Random;

/// Parcels that may wait to be looked at; more are lost, and counted as lost.
const QUEUE: usize = 65_536;
/// Requests under way at a time.
const AT_ONCE: usize = 32;
/// Records kept.
const RECORDS: usize = 50_000;

/// How a marketplace delivers.
#[derive(Clone, Copy)]
pub struct Manner {
    /// Until the answer's headers are there.
    pub deadline: Duration,
    /// The waits before each further try.
    pub retries: &'static [Duration],
    /// The subscription ends when one parcel has used up its tries.
    pub ends_subscription: bool,
    /// Makes a forgery out of a parcel.
    pub forge: fn(&mut Parcel),
}

/// One webhook to deliver.
#[derive(Clone)]
pub struct Parcel {
    pub topic: String,
    pub order: Option<String>,
    pub subscription: Option<String>,
    /// Where the client wants it; `None`: configured outside of the interface, at the target.
    pub address: Option<String>,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub manner: Manner,
}

/// What became of a parcel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeliveryRecord {
    pub number: u64,
    pub topic: String,
    pub order: Option<String>,
    pub subscription: Option<String>,
    pub state: DeliveryState,
    /// A forgery of the sandbox's, which must be refused.
    pub forged: bool,
    pub tries: Vec<Try>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    Waiting,
    Delivered,
    /// Every try failed.
    Abandoned,
    /// Kept back by a fault, or no room.
    Lost,
}

/// One attempt: its answer, and how long it took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Try {
    pub at: Timestamp,
    /// `None`: no answer in time.
    pub status: Option<u16>,
    pub took_ms: u64,
}

/// Delivers the parcels of one stand.
pub struct Courier {
    clock: Clock,
    random: Random,
    haste: f64,
    faults: Arc<Faults>,
    target: Mutex<Option<String>>,
    queue: mpsc::Sender<(u64, Parcel)>,
    incoming: Mutex<Option<mpsc::Receiver<(u64, Parcel)>>>,
    records: Mutex<Records>,
    ended: Mutex<HashSet<String>>,
    under_way: watch::Sender<usize>,
    permits: Semaphore,
    client: Client<HttpConnector, Full<Bytes>>,
}

#[derive(Default)]
struct Records {
    by_number: BTreeMap<u64, DeliveryRecord>,
    next: u64,
}

impl Courier {
    pub(super) fn new(clock: Clock, random: Random, haste: f64, faults: Arc<Faults>) -> Self {
        let (queue, incoming) = mpsc::channel(QUEUE);
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(Duration::from_secs(1)));
        connector.set_nodelay(true);
        Self {
            clock,
            random,
            haste: haste.max(0.001),
            faults,
            target: Mutex::default(),
            queue,
            incoming: Mutex::new(Some(incoming)),
            records: Mutex::default(),
            ended: Mutex::default(),
            under_way: watch::Sender::new(0),
            permits: Semaphore::new(AT_ONCE),
            client: Client::builder(TokioExecutor::new()).build(connector),
        }
    }

    /// Where webhooks really go. An address that the client registered keeps its path and gets
    /// this origin; a marketplace whose address is set up by hand sends to exactly this.
    pub fn set_target(&self, target: Option<String>) {
        *locked(&self.target) = target;
    }

    /// Whether anybody could receive a parcel.
    pub fn has_target(&self) -> bool {
        locked(&self.target).is_some()
    }

    /// Puts a parcel on its way. Never waits.
    pub fn send(&self, parcel: Parcel) {
        self.put(parcel, false);
    }

    /// Every record that is still kept, oldest first.
    pub fn records(&self) -> Vec<DeliveryRecord> {
        locked(&self.records).by_number.values().cloned().collect()
    }

    /// Whether the marketplace gave up on this subscription.
    pub fn has_ended(&self, subscription: &str) -> bool {
        locked(&self.ended).contains(subscription)
    }

    /// Returns once every parcel is delivered, abandoned or lost.
    pub async fn settled(&self) {
        let _ = self.under_way.subscribe().wait_for(|count| *count == 0).await;
    }

    fn put(&self, parcel: Parcel, forged: bool) {
        let number = {
            let mut records = locked(&self.records);
            let number = records.next;
            records.next += 1;
            if records.by_number.len() == RECORDS {
                records.by_number.pop_first();
            }
            records.by_number.insert(
                number,
                DeliveryRecord {
                    number,
                    topic: parcel.topic.clone(),
                    order: parcel.order.clone(),
                    subscription: parcel.subscription.clone(),
                    state: DeliveryState::Waiting,
                    forged,
                    tries: Vec::new(),
                },
            );
            number
        };
        self.under_way.send_modify(|count| *count += 1);
        if self.queue.try_send((number, parcel)).is_err() {
            self.close(number, DeliveryState::Lost);
        }
    }

    /// Works until dropped. A second call returns at once.
    pub(super) async fn run(self: Arc<Self>) {
        let Some(mut incoming) = locked(&self.incoming).take() else { return };
        let mut tasks = JoinSet::new();
        while let Some((number, parcel)) = incoming.recv().await {
            while tasks.try_join_next().is_some() {}
            let courier = Arc::clone(&self);
            tasks.spawn(async move { courier.carry(number, parcel).await });
        }
    }

    async fn carry(&self, number: u64, parcel: Parcel) {
        let forged = self.record(number, |record| record.forged).unwrap_or(false);
        match if forged { None } else { self.faults.take_for_webhook(&parcel.topic) } {
            Some(Fault::Lost) => return self.close(number, DeliveryState::Lost),
            Some(Fault::Doubled) => {
                self.attempt(number, &parcel).await;
            }
            Some(Fault::Late { ms }) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Some(Fault::Shuffled { ms }) => {
                tokio::time::sleep(Duration::from_millis(self.random.below(ms))).await;
            }
            Some(Fault::Forged) => {
                let mut forgery = parcel.clone();
                (parcel.manner.forge)(&mut forgery);
                self.put(forgery, true);
            }
            _ => {}
        }
        let retries = if forged { &[] } else { parcel.manner.retries };
        if self.attempt(number, &parcel).await {
            return self.close(number, DeliveryState::Delivered);
        }
        for wait in retries {
            tokio::time::sleep(wait.div_f64(self.haste)).await;
            if self.attempt(number, &parcel).await {
                return self.close(number, DeliveryState::Delivered);
            }
        }
        if let Some(subscription) = parcel.subscription.filter(|_| parcel.manner.ends_subscription && !forged)
        {
            locked(&self.ended).insert(subscription);
        }
        self.close(number, DeliveryState::Abandoned);
    }

    /// One request. True for an answer of 2xx within the deadline; a redirect is a failure.
    async fn attempt(&self, number: u64, parcel: &Parcel) -> bool {
        let Ok(_permit) = self.permits.acquire().await else { return false };
        let at = self.clock.now();
        let started = tokio::time::Instant::now();
        let status = match self.request(parcel) {
            Some(request) => {
                let answer = tokio::time::timeout(parcel.manner.deadline, self.client.request(request)).await;
                answer.ok().and_then(Result::ok).map(|response| response.status().as_u16())
            }
            None => None,
        };
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.record(number, |record| record.tries.push(Try { at, status, took_ms }));
        status.is_some_and(|status| (200..300).contains(&status))
    }

    fn request(&self, parcel: &Parcel) -> Option<hyper::Request<Full<Bytes>>> {
        let address = self.address(parcel.address.as_deref())?;
        let mut request = hyper::Request::post(address);
        for (name, value) in &parcel.headers {
            request = request.header(name, value);
        }
        request.body(Full::new(Bytes::from(parcel.body.clone()))).ok()
    }

    fn address(&self, registered: Option<&str>) -> Option<String> {
        let target = locked(&self.target).clone();
        match (target, registered) {
            (None, registered) => {
                registered.filter(|address| address.starts_with("http://")).map(str::to_owned)
            }
            (Some(target), None) => Some(target),
            (Some(target), Some(registered)) => {
                let target: hyper::Uri = target.parse().ok()?;
                let registered: hyper::Uri = registered.parse().ok()?;
                let path = registered.path_and_query().map_or("/", |path| path.as_str());
                Some(format!("{}://{}{path}", target.scheme_str()?, target.authority()?))
            }
        }
    }

    fn close(&self, number: u64, state: DeliveryState) {
        self.record(number, |record| record.state = state);
        self.under_way.send_modify(|count| *count = count.saturating_sub(1));
    }

    fn record<R>(&self, number: u64, change: impl FnOnce(&mut DeliveryRecord) -> R) -> Option<R> {
        locked(&self.records).by_number.get_mut(&number).map(change)
    }
}
