//! One marketplace and one daemon in this process, and time that passes for both.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fenicia::actors::Handle;
use fenicia::channel::Env;
use fenicia::clock::Clock;
use fenicia::config;
use fenicia::kinds::{self, KINDS};
use fenicia::model::{
    Action, ActionId, ActionRequest, Capabilities, ChannelId, ChannelOrderId, ConnectionState, Lane, Order,
    OrderKey, Timestamp,
};
use fenicia::net::{Http, HttpOptions};
use fenicia::random::Random;
use fenicia::sandbox::{Fault, Kit, Rule, Running, Stand, Tuning};
use fenicia::store::testing::on_backend;
use fenicia::store::{Asked, Command, CommandAnswer, CommandError, Options, Store};
use tokio::task::JoinHandle;

use super::disk::Disk;

pub struct Shop {
    pub clock: Clock,
    pub random: Random,
    pub id: ChannelId,
    running: Running,
    folder: tempfile::TempDir,
    daemon: Mutex<Option<Daemon>>,
    pub kills: AtomicU32,
    time: JoinHandle<()>,
}

struct Daemon {
    store: Store,
    handle: Handle,
    disk: Disk,
}

/// A marketplace with allowances that nothing here reaches, else at its own pace.
pub fn stand(kind: &str, seed: u64) -> (Clock, Arc<dyn Stand>) {
    let clock = Clock::starting_at(Timestamp::from_secs(1_795_000_000));
    let tuning = Tuning { limits: 1_000.0, list_lag: Duration::ZERO, ..Tuning::default() };
    let kit = Kit::new(clock.clone(), Random::seeded(seed), tuning);
    (clock, kinds::stand(kind, kit).expect("the sandbox plays it"))
}

/// Longest wait for something, in virtual time: beyond the last step of every ladder.
const PATIENCE: Duration = Duration::from_hours(48);

impl Shop {
    pub async fn open(kind: &str, seed: u64) -> Self {
        let (clock, stand) = stand(kind, seed);
        Self::over(stand, clock, seed).await
    }

    pub async fn over(stand: Arc<dyn Stand>, clock: Clock, seed: u64) -> Self {
        let running = Running::open(stand, 0).await.expect("loopback");
        let id = ChannelId::new("shop").expect("an id");
        let folder = tempfile::tempdir().expect("a folder");
        // Only what an action itself reads and writes: no poll may mend what it forgets.
        let config = format!("{}\npoll = \"0 0 1 1 *\"\n", running.config("shop").trim_end());
        std::fs::write(folder.path().join("config.toml"), config).expect("written");
        let time = tokio::spawn(let_time_pass(Arc::clone(running.stand())));
        let shop = Self {
            clock,
            random: Random::seeded(seed),
            id,
            running,
            folder,
            daemon: Mutex::default(),
            kills: AtomicU32::new(0),
            time,
        };
        shop.start(Disk::default()).await;
        shop
    }

    async fn start(&self, disk: Disk) {
        let http = Http::new(HttpOptions {
            body_max_bytes: 32 << 20,
            connect_timeout: Duration::from_secs(5),
            user_agent: "fenicia/effects".to_owned(),
        });
        let random = Random::seeded(u64::from(self.kills.load(Ordering::Relaxed)) + 77);
        let env = Env { clock: self.clock.clone(), random: random.clone(), http: http.expect("a client") };
        let path = self.folder.path().join("config.toml");
        let loaded = config::load_connected(&path, KINDS, &env);
        let (config, connections) = loaded.unwrap_or_else(|faults| panic!("{faults}"));
        let options = Options::new(self.folder.path().join("data"), self.clock.clone(), random.clone());
        let store = on_backend(options, disk.clone()).expect("the store opens");
        let handle = Handle::start(store.clone(), self.clock.clone(), random, &config, connections).await;
        let daemon = Daemon { store, handle: handle.expect("a tree"), disk };
        *self.daemon.lock().unwrap_or_else(PoisonError::into_inner) = Some(daemon);
    }

    /// Kills the daemon wherever it is, and starts the next one over what is on the disk.
    pub async fn kill(&self) {
        let Some(daemon) = self.daemon.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let left = daemon.disk.take_away();
        daemon.handle.stop(Duration::ZERO).await;
        drop(daemon);
        self.kills.fetch_add(1, Ordering::Relaxed);
        self.start(left).await;
    }

    pub fn stand(&self) -> &dyn Stand {
        self.running.stand().as_ref()
    }

    pub fn kit(&self) -> &Kit {
        self.stand().kit()
    }

    /// What a running daemon answers; `None` while there is none.
    fn with<T>(&self, ask: impl FnOnce(&Daemon) -> Option<T>) -> Option<T> {
        self.daemon.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(ask)
    }

    pub fn key(&self, order: &str) -> OrderKey {
        OrderKey::new(self.id.clone(), ChannelOrderId::new(order).expect("an id"))
    }

    /// As `GET` shows it.
    pub fn order(&self, order: &str) -> Option<Order> {
        let key = self.key(order);
        self.with(|daemon| daemon.store.order(&key).ok().flatten()).map(|(order, _)| order)
    }

    pub fn action(&self, id: ActionId) -> Option<Action> {
        self.with(|daemon| daemon.store.action(id).ok().flatten())
    }

    pub fn abilities(&self, order: &Order) -> Option<Capabilities> {
        let now = self.clock.now();
        self.with(|daemon| Some(daemon.handle.channel(&self.id)?.channel.capabilities(order, now)))
    }

    /// The first that the channel lists for this order, or one that it takes as text.
    pub fn carrier(&self, order: &str) -> String {
        let abilities = self.order(order).and_then(|stored| self.abilities(&stored));
        let listed = abilities.and_then(|abilities| abilities.ship.carriers).unwrap_or_default();
        listed.first().map_or("UPS", String::as_str).to_owned()
    }

    pub fn connection(&self) -> Option<ConnectionState> {
        self.with(|daemon| daemon.store.connection(&self.id).ok().flatten())
    }

    /// A person proves the connection.
    pub async fn test(&self) {
        let handle = self.with(|daemon| Some(daemon.handle.clone())).expect("it runs");
        let findings = handle.test(&self.id).await.expect("it answers");
        assert!(findings.iter().all(|finding| finding.ok), "{findings:?}");
    }

    /// A person puts everything that is parked back to work.
    pub async fn retry_all(&self) {
        let daemon = self.with(|daemon| Some((daemon.store.clone(), daemon.handle.clone())));
        let (store, handle) = daemon.expect("it runs");
        let asked = Asked { by: "ana".to_owned(), key: None };
        let command = Command::RetryAll { channel: None };
        store.command(command, asked, self.clock.now()).await.expect("put back");
        handle.nudge(&self.id);
    }

    /// Asks as the API does: held against the stored order, then made durable under a key.
    /// `Err`: refused at once, in words.
    pub async fn ask(&self, order: &str, request: &ActionRequest, key: &str) -> Result<ActionId, String> {
        loop {
            let stored = self.until("the order is stored", || self.order(order)).await;
            let now = self.clock.now();
            let prepared = self.with(|daemon| {
                let memo = daemon.handle.channel(&self.id)?.channel.prepare(&stored, request, now);
                Some((daemon.store.clone(), daemon.handle.clone(), memo))
            });
            let Some((store, handle, memo)) = prepared else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let asked = Asked { by: "ana".to_owned(), key: Some((key.to_owned(), [0; 32])) };
            // A repeat is answered before the order is looked at: it has moved on.
            if let Ok(Some(CommandAnswer::Action(id))) = store.answered(&(key.to_owned(), [0; 32])) {
                return Ok(id);
            }
            let memo = memo.map_err(|refused| format!("{refused:?}"))?;
            let command = Command::Act { order: self.key(order), request: request.clone(), memo };
            match store.command(command, asked, now).await {
                Ok(CommandAnswer::Action(id)) => {
                    handle.nudge(&self.id);
                    return Ok(id);
                }
                Ok(other) => panic!("{other:?}"),
                Err(CommandError::Conflict(why)) => return Err(why),
                // Killed meanwhile: asked again with the same key.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Brings an order in that nobody announced.
    pub async fn read(&self, order: &str) -> Order {
        loop {
            let now = self.clock.now();
            let raised = self.with(|daemon| Some((daemon.store.clone(), daemon.handle.clone())));
            if let Some((store, handle)) = raised
                && store.raise(vec![self.key(order)], Lane::Manual, now, now).await.is_ok()
            {
                handle.nudge(&self.id);
            }
            for _ in 0..600 {
                tokio::time::sleep(Duration::from_millis(100)).await;
                let read = |own: &Order| own.sync.last_success_at.is_some_and(|at| at >= now);
                if let Some(order) = self.order(order).filter(read) {
                    return order;
                }
            }
        }
    }

    pub async fn until<T>(&self, what: &str, mut holds: impl FnMut() -> Option<T>) -> T {
        let ends = self.clock.now().plus(PATIENCE);
        loop {
            if let Some(value) = holds() {
                return value;
            }
            assert!(self.clock.now() < ends, "not within two days: {what}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The next call of one of these operations goes wrong.
    pub fn spoil(&self, operations: &[&str], fault: &Fault) {
        let at = usize::try_from(self.random.below(operations.len() as u64)).expect("small");
        self.kit().faults.add(Rule::once(operations[at], fault.clone()));
    }

    pub fn is_sound(&self) -> Vec<String> {
        let report = self.with(|daemon| fenicia::store::verify_running(&daemon.store).ok());
        report
            .map(|report| report.faults.iter().map(|fault| format!("{fault:?}")).collect())
            .unwrap_or_default()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.time.abort();
    }
}

/// Sockets are real, so time may not jump as soon as nobody runs: a step for each short rest of this
/// thread, small ones while calls are made.
#[allow(clippy::disallowed_methods, reason = "the sockets' turn: nothing waits for this to pass")]
async fn let_time_pass(stand: Arc<dyn Stand>) {
    const SMALL: Duration = Duration::from_millis(20);
    const BIG: Duration = Duration::from_millis(500);
    const CALM: u32 = 40;
    let (mut seen, mut calm) = (0, 0);
    loop {
        let rested = tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_micros(150))).await;
        rested.expect("it sleeps");
        let calls: u64 = stand.kit().effects.call_counts().values().sum();
        calm = if calls == seen { calm + 1 } else { 0 };
        seen = calls;
        tokio::time::advance(if calm < CALM { SMALL } else { BIG }).await;
    }
}
