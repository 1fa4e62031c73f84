//! One daemon over one disk, killed and started again.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use fenicia::actors::Handle;
use fenicia::channel::Channel;
use fenicia::clock::Clock;
use fenicia::config::{self, Connections};
use fenicia::model::{Action, ActionId, ActionRequest, ChannelId, ChannelOrderId, Lane, OrderKey, Timestamp};
use fenicia::random::Random;
use fenicia::store::testing::on_backend;
use fenicia::store::{Asked, Command, CommandAnswer, CommandError, Options, Store};

use super::super::disk::Disk;
use super::market::{KIND, Market, ORDER, Sort, Turn, UNITS, World};

pub struct Bench {
    folder: tempfile::TempDir,
    pub clock: Clock,
    pub market: Market,
    disk: Disk,
    pub store: Store,
    handle: Handle,
    boots: u64,
}

impl Bench {
    pub async fn open(sort: Sort, writes: Vec<Turn>, reads: Vec<bool>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("config.toml"), "[channels.m]\nkind = \"machine\"\n")
            .expect("written");
        let clock = Clock::starting_at(Timestamp::from_secs(1_800_000_000));
        let world = World { left: UNITS, writes: writes.into(), ..World::default() };
        let market = Market { sort, world: Arc::new(Mutex::new(world)) };
        let disk = Disk::default();
        let (store, handle) = start(&folder, &clock, &market, &disk, 0).await;
        let bench = Self { folder, clock, market, disk, store, handle, boots: 1 };
        let now = bench.clock.now();
        bench.store.raise(vec![Bench::key()], Lane::Manual, now, now).await.expect("raised");
        bench.handle.nudge(&Bench::key().channel);
        while bench.store.order(&Bench::key()).expect("readable").is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bench.market.world().reads = reads.into();
        bench
    }

    pub async fn kill(self) -> Self {
        let disk = self.disk.take_away();
        self.handle.stop(Duration::ZERO).await;
        let Self { folder, clock, market, boots, store, handle, .. } = self;
        drop((store, handle));
        let (store, handle) = start(&folder, &clock, &market, &disk, boots).await;
        Self { folder, clock, market, disk, store, handle, boots: boots + 1 }
    }

    pub fn key() -> OrderKey {
        OrderKey::new(ChannelId::new("m").expect("an id"), ChannelOrderId::new(ORDER).expect("an id"))
    }

    /// As the API would; `None`: refused at once.
    pub async fn ask(&self, request: ActionRequest) -> Option<ActionId> {
        let (order, _) = self.store.order(&Self::key()).expect("readable").expect("stored");
        let memo = self.market.prepare(&order, &request, self.clock.now()).ok()?;
        let command = Command::Act { order: Self::key(), request, memo };
        let asked = Asked { by: "ana".to_owned(), key: None };
        let answer = self.store.command(command, asked, self.clock.now()).await;
        self.handle.nudge(&Self::key().channel);
        match answer {
            Ok(CommandAnswer::Action(id)) => Some(id),
            // The very same is under way already.
            Err(CommandError::Conflict(_)) => None,
            other => panic!("{other:?}"),
        }
    }

    pub fn action(&self, id: ActionId) -> Action {
        self.store.action(id).expect("readable").expect("kept")
    }
}

async fn start(
    folder: &tempfile::TempDir,
    clock: &Clock,
    market: &Market,
    disk: &Disk,
    boots: u64,
) -> (Store, Handle) {
    let config = config::load(&folder.path().join("config.toml"), &[&KIND]).expect("a sound config");
    let random = Random::seeded(boots + 1);
    let options = Options::new(folder.path().join("data"), clock.clone(), random.clone());
    let store = on_backend(options, disk.clone()).expect("the store opens");
    let id = ChannelId::new("m").expect("an id");
    let connections: Connections = [(id, Arc::new(market.clone()) as Arc<dyn Channel>)].into();
    let handle = Handle::start(store.clone(), clock.clone(), random, &config, connections).await;
    (store, handle.expect("a tree"))
}
