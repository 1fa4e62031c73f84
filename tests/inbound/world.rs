//! One marketplace and a daemon that keeps its only channel, in one process and in virtual time.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fenicia::actors::{ConsentError, Handle};
use fenicia::channel::{Call, Env, Fetched, Given};
use fenicia::clock::Clock;
use fenicia::config;
use fenicia::kinds::{self, KINDS};
use fenicia::model::{
    ChannelId, ChannelOrderId, ConnectionState, ConnectionStatus, Failure, Lane, Observation, Order,
    OrderKey, Person, SyncId, Timestamp, Trigger,
};
use fenicia::net::{Http, HttpOptions, Method, Request};
use fenicia::random::Random;
use fenicia::sandbox::{Deed, Fault, Kit, Rule, Running, Stand, Tuning, Wish};
use fenicia::store::testing::on_backend;
use fenicia::store::{Asked, Command, CommandAnswer, CommandError, Store, SyncStatus, verify_running};
use fenicia::sync::{Merged, Merging, merge};
use fenicia::telemetry::Metrics;
use fenicia::web::{AdminOptions, Api, Bound, Options, Serving, WebhooksOptions};

use serde_json::Value;

use super::disk::Disk;

pub struct World {
    pub kind: &'static str,
    pub id: ChannelId,
    pub clock: Clock,
    shop: Running,
    folder: tempfile::TempDir,
    disk: Disk,
    daemon: Option<Daemon>,
}

struct Daemon {
    store: Store,
    handle: Handle,
    /// Where webhooks are sent.
    target: String,
    // Listens until it is dropped.
    serving: Serving,
}

/// A Tuesday. Marketplaces reckon with weekdays.
const START: i64 = 1_796_119_200;
const HOUR: Duration = Duration::from_hours(1);

impl World {
    /// With the marketplace's real allowances and waits.
    pub async fn open(kind: &'static str, seed: u64, config: &str) -> Self {
        let mut world = Self::closed(kind, seed, config).await;
        world.start().await;
        world
    }

    /// The shop is open, the daemon is not running yet.
    pub async fn closed(kind: &'static str, seed: u64, config: &str) -> Self {
        let clock = Clock::starting_at(Timestamp::from_secs(START));
        let kit = Kit::new(clock.clone(), Random::seeded(seed), Tuning::default());
        let shop = Running::open(kinds::stand(kind, kit).expect("the sandbox plays it"), 0).await;
        let shop = shop.expect("loopback");
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let text = format!(
            "{config}\n[store]\npath = \"{}\"\n[webhooks]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://orders.example.com\"\n[admin]\nlisten = \"127.0.0.1:0\"\n{}",
            data.display(),
            shop.config("shop")
        );
        std::fs::write(folder.path().join("config.toml"), text).expect("a config");
        let id = ChannelId::new("shop").expect("an id");
        Self { kind, id, clock, shop, folder, disk: Disk::default(), daemon: None }
    }

    pub async fn start(&mut self) {
        let random = Random::seeded(u64::try_from(self.clock.now().as_millis()).expect("later than 1970"));
        let env = Env { clock: self.clock.clone(), random: random.clone(), http: http() };
        let config = config::load_connected(&self.folder.path().join("config.toml"), KINDS, &env);
        let (config, connections) = config.unwrap_or_else(|faults| panic!("{faults}"));
        let bound = Bound::bind(config.webhooks.listen, config.admin.listen).await.expect("ports");
        let target = format!("http://{}/webhooks/{}", bound.addresses().webhooks, self.id);
        let options = fenicia::store::Options::new(&config.store.path, self.clock.clone(), random.clone());
        let store = on_backend(options, self.disk.clone()).expect("a store");
        let started = Handle::start(store.clone(), self.clock.clone(), random.clone(), &config, connections);
        let handle = started.await.expect("a tree");
        let options = Options {
            webhooks: WebhooksOptions {
                origin: "https://orders.example.com".to_owned(),
                max_body: config.webhooks.max_body,
                trusted_proxies: Vec::new(),
            },
            admin: AdminOptions { public_url: None, trusted_proxies: Vec::new() },
            data_dir: config.store.path.clone(),
        };
        let metrics = Metrics::unrecorded();
        let api = Api::new(store.clone(), handle.clone(), self.clock.clone(), random, metrics, options);
        self.kit().webhooks.set_target(Some(target.clone()));
        self.daemon = Some(Daemon { store, handle, target, serving: bound.serve(&Arc::new(api)) });
    }

    /// As `kill -9`: what was committed is there at the next start, nothing else.
    pub async fn kill(&mut self) {
        let Daemon { store, handle, serving, .. } = self.daemon.take().expect("the daemon runs");
        drop(serving);
        // Nobody is answered any more: whatever was, is on the disk.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        let left = self.disk.as_it_is();
        handle.stop(Duration::ZERO).await;
        store.close().await;
        self.disk = left;
    }

    pub fn is_running(&self) -> bool {
        self.daemon.is_some()
    }

    fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().expect("the daemon runs")
    }

    /// The folder beside the disk, with the keys.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Everything on the disk.
    pub fn bytes(&self) -> Vec<u8> {
        self.disk.bytes()
    }

    pub fn store(&self) -> &Store {
        &self.daemon().store
    }

    pub fn handle(&self) -> &Handle {
        &self.daemon().handle
    }

    pub fn stand(&self) -> &dyn Stand {
        self.shop.stand().as_ref()
    }

    pub fn kit(&self) -> &Kit {
        self.stand().kit()
    }

    // ---- what happens ----------------------------------------------------------------------

    pub fn place(&self, wish: &Wish) -> String {
        self.stand().place(wish).unwrap_or_else(|refused| panic!("{}: {refused}", self.kind))
    }

    /// Paid orders, a tenth of a second apart, the first that long ago.
    pub fn earlier_orders(&self, count: usize, ago: Duration) -> Vec<String> {
        let first = self.clock.now().minus(ago);
        let at = |n: usize| Some(first.plus(Duration::from_millis(n as u64 * 100)));
        let wish = |n: usize| Wish { paid: Some(true), placed_at: at(n), ..Wish::default() };
        (0..count).map(|n| self.place(&wish(n))).collect()
    }

    pub fn ship(&self, order: &str) {
        let deed = Deed::Ship { carrier: None, tracking: None, units: None };
        let left = self.stand().happen(order, &deed);
        left.unwrap_or_else(|refused| panic!("{}: {refused}", self.kind));
    }

    pub fn suffers(&self, fault: Fault) {
        self.kit().faults.add(Rule::always("*", fault));
    }

    /// Webhooks reach nobody from now on; answers where they went.
    pub fn cut_the_way_in(&self) -> String {
        self.kit().webhooks.set_target(Some("http://127.0.0.1:9/webhooks/shop".to_owned()));
        self.daemon().target.clone()
    }

    pub fn restore_the_way_in(&self, target: String) {
        self.kit().webhooks.set_target(Some(target));
    }

    pub fn mend(&self) {
        self.kit().faults.clear();
    }

    pub fn calls(&self) -> u64 {
        self.kit().effects.call_counts().values().sum()
    }

    pub fn breaches(&self) -> Vec<String> {
        let all = self.kit().violations.all();
        all.iter().take(5).map(|own| format!("{} at {}: {}", own.rule, own.request, own.detail)).collect()
    }

    // ---- what is known here ------------------------------------------------------------------

    pub fn key(&self, order: &str) -> OrderKey {
        OrderKey::new(self.id.clone(), ChannelOrderId::new(order).expect("an id"))
    }

    pub fn order(&self, order: &str) -> Option<(Order, Person)> {
        self.store().order(&self.key(order)).expect("readable")
    }

    pub fn state(&self) -> ConnectionState {
        self.store().connection(&self.id).expect("readable").expect("configured")
    }

    /// Deliveries, orders and actions that wait.
    pub fn backlog(&self) -> u64 {
        self.store().channel_counts(&self.id, self.clock.now()).expect("readable").backlog
    }

    /// For whoever reads why a test failed.
    pub fn condition(&self) -> String {
        let connection = self.handle().channel(&self.id).expect("configured");
        let calls = self.kit().effects.calls();
        let newest: Vec<_> = calls.iter().rev().take(12).collect();
        format!(
            "now {}; {:?}; backlog {}, in flight {}, next poll {:?}; newest calls {newest:#?}",
            self.clock.now(),
            self.state(),
            self.backlog(),
            connection.in_flight(),
            connection.next_poll_at()
        )
    }

    /// Starts a bulk sync; answers the one that runs when there is one.
    pub async fn begin_sync(&self, since: Timestamp) -> Result<SyncId, SyncId> {
        let command = Command::SyncChannel { channel: self.id.clone(), since };
        let asked = Asked { by: "ana".to_owned(), key: None };
        let answer = self.store().command(command, asked, self.clock.now()).await;
        self.handle().nudge(&self.id);
        match answer {
            Ok(CommandAnswer::Sync(id)) => Ok(id),
            Err(CommandError::Running(id)) => Err(id),
            other => panic!("{}: {other:?}", self.kind),
        }
    }

    pub async fn stop_sync(&self, sync: SyncId) {
        let asked = Asked { by: "ana".to_owned(), key: None };
        self.store().command(Command::StopSync(sync), asked, self.clock.now()).await.expect("stopped");
        self.handle().nudge(&self.id);
    }

    pub async fn sync_order(&self, order: &str) {
        let asked = Asked { by: "ana".to_owned(), key: None };
        let command = Command::SyncOrder(self.key(order));
        self.store().command(command, asked, self.clock.now()).await.expect("queued");
        self.handle().nudge(&self.id);
    }

    pub fn sync(&self, sync: SyncId) -> SyncStatus {
        self.store().sync_status(sync).expect("readable").expect("known")
    }

    /// How long it takes until this is so; looked at that often, at most that long.
    pub async fn until(
        &self,
        what: &str,
        (every, most): (Duration, Duration),
        mut holds: impl FnMut() -> bool,
    ) -> Duration {
        let begun = self.clock.now();
        while !holds() {
            let waited = self.clock.now().since(begun);
            assert!(waited <= most, "{}: not within {most:?}: {what}; {:?}", self.kind, self.state());
            tokio::time::sleep(every).await;
        }
        self.clock.now().since(begun)
    }

    // ---- what is true ----------------------------------------------------------------------

    /// Orders that are not stored as the marketplace has them, by what the stand knows.
    pub fn untrue(&self) -> Vec<String> {
        let truths = self.stand().truths(None, usize::MAX);
        truths
            .iter()
            .filter_map(|truth| match self.order(&truth.order_id) {
                None => Some(format!("{} is not known", truth.order_id)),
                Some((order, _)) => {
                    let shown = (
                        order.number.clone(),
                        order.status.to_string(),
                        order.payment_status.to_string(),
                        order.amounts.total.map(|total| total.to_string()),
                        order.shipments.len(),
                    );
                    let due = (
                        truth.number.clone(),
                        truth.status.to_owned(),
                        truth.payment_status.to_owned(),
                        truth.total.clone(),
                        truth.shipments,
                    );
                    (shown != due).then(|| format!("{}: {shown:?}, not {due:?}", truth.order_id))
                }
            })
            .collect()
    }

    /// One order afresh, as its connector reads it; what is missing is not found.
    pub async fn read(&self, order: &str) -> Result<Observation, Failure> {
        let connection = self.handle().channel(&self.id).expect("configured");
        let tokens = self.store().tokens(&self.id).expect("readable").expect("tokens");
        let call = Call { tokens: &tokens, lane: Lane::Manual };
        let order = self.key(order).order;
        match connection.channel.fetch(call, &[order]).await?.remove(0) {
            Fetched::Found(seen) => Ok(*seen),
            Fetched::Missing { .. } => Err(Failure::not_found("it is missing")),
            Fetched::Failed { failure, .. } => Err(failure),
        }
    }

    /// Where the marketplace has spent a refresh token and its answer was lost, the owner consents
    /// again. Answers whether that was necessary.
    pub async fn reconnect_if_lost(&self) -> bool {
        // Where a refresh token outlives its use, the next probe finds out by itself.
        let connection = self.handle().channel(&self.id).expect("configured");
        if self.state().status != ConnectionStatus::NeedsReconnect
            || !connection.channel.refresh_is_single_use()
        {
            return false;
        }
        while !self.consent().await {
            tokio::time::sleep(Duration::from_mins(1)).await;
        }
        true
    }

    /// The owner consents in a browser. False when the weather spoils it, so that it must be begun anew.
    async fn consent(&self) -> bool {
        let redirect = format!("https://orders.example.com/oauth/{}/callback", self.id);
        let address = self.handle().begin_consent(&self.id, redirect);
        let address = address.expect("such a marketplace asks for a consent");
        let browser = http().send(Request::new("test", Method::Get, address), HOUR, self.clock.now()).await;
        let back = browser.ok().and_then(|answer| answer.header("location").map(str::to_owned));
        let Some(back) = back else { return false };
        let query = back.split_once('?').expect("a query").1;
        let given = Given::read(query).expect("a consent");
        match self.handle().finish_consent(&self.id, &given).await {
            Ok(()) => true,
            Err(ConsentError::Refused(failure)) if failure.kind.is_temporary() => false,
            Err(error) => panic!("{}: {error}", self.kind),
        }
    }

    /// Fields that are not stored as a fresh reading by the connector has them.
    pub async fn unlike_a_fresh_reading(&self) -> Vec<String> {
        // Renews the tokens if they have run out.
        if let Err(failure) = self.handle().test(&self.id).await {
            return vec![format!("{}: {failure}", self.kind)];
        }
        let connection = self.handle().channel(&self.id).expect("configured");
        let truths = self.stand().truths(None, usize::MAX);
        let orders: Vec<_> = truths.iter().map(|truth| self.key(&truth.order_id).order).collect();
        let mut unlike = Vec::new();
        for batch in orders.chunks(connection.channel.batch().max(1)) {
            let tokens = self.store().tokens(&self.id).expect("readable").expect("tokens");
            let call = Call { tokens: &tokens, lane: Lane::Manual };
            for fetched in connection.channel.fetch(call, batch).await.expect("an answer") {
                let Fetched::Found(seen) = fetched else { panic!("{}: {fetched:?}", self.kind) };
                unlike.extend(self.differences(*seen));
            }
        }
        unlike
    }

    /// What this reading would change.
    fn differences(&self, seen: Observation) -> Vec<String> {
        let key = self.key(seen.order.as_str());
        let Some((order, person)) = self.order(seen.order.as_str()) else {
            return vec![format!("{key} is not known")];
        };
        let now = self.clock.now();
        let how = Merging { key: &key, channel_kind: self.kind, trigger: Trigger::Manual, now };
        let fresh = match merge(Some((&order, &person)), seen, how) {
            Merged::Applied(fresh) => content(&fresh.order, &fresh.person),
            Merged::Unchanged { .. } => return Vec::new(),
            other => panic!("{key}: {other:?}"),
        };
        let own = content(&order, &person);
        let fields = own.iter().filter(|(field, value)| fresh[*field] != **value);
        fields.map(|(field, value)| format!("{key}: {field} is {value}, not {}", fresh[field])).collect()
    }

    /// No breach of the marketplace's protocol, and a sound store.
    pub fn is_sound(&self) {
        assert_eq!(self.breaches(), Vec::<String>::new(), "{}", self.kind);
        assert_eq!(verify_running(self.store()).expect("readable").faults, [], "{}", self.kind);
    }
}

fn http() -> Http {
    let options = HttpOptions {
        body_max_bytes: 32 << 20,
        connect_timeout: Duration::from_secs(10),
        user_agent: "fenicia/inbound".to_owned(),
    };
    Http::new(options).expect("a client")
}

/// What an order says, without when and how it came here. The connector's own facts hang on the list
/// in which it found the order.
fn content(order: &Order, person: &Person) -> serde_json::Map<String, Value> {
    let mut content = serde_json::to_value(order).expect("an order");
    let content = content.as_object_mut().expect("an object");
    let own = ["version", "created_at", "stored_at", "told", "sync", "last_action", "next_seq", "facts"];
    for field in own {
        content.remove(field);
    }
    // Unknown, not nothing, as long as only lists without refunds told of the order.
    let amounts = content.get_mut("amounts").and_then(Value::as_object_mut).expect("amounts");
    amounts.retain(|field, amount| field != "refunded" || !(amount.is_null() || amount == "0.00"));
    content.insert("person".to_owned(), serde_json::to_value(person).expect("a person"));
    std::mem::take(content)
}
