//! A whole channel is synced at the marketplace's real allowances.

use std::time::Duration;

use fenicia::clock::Clock;
use fenicia::model::{SyncId, Timestamp};
use fenicia::sandbox::{Fault, Rule, Wish};
use fenicia::store::SyncRunState;
use fenicia::web::desk::eta;

use super::world::World;
use super::{each, number, seed};

/// A daemon that does not import what lies back by itself.
const FORGETFUL: &str = "[sync]\ninitial_import = \"1h\"\n";
/// Longest time until a person's wish is done beside a bulk sync.
const INSTANT: Duration = Duration::from_secs(15);
const A_DAY: Duration = Duration::from_hours(24);
const SECOND: Duration = Duration::from_secs(1);

/// What was seen while a sync ran.
struct Watch {
    clock: Clock,
    begun: Timestamp,
    /// When which end was foretold.
    foretold: Vec<(Timestamp, Timestamp)>,
    /// Of what a person asked for meanwhile.
    slowest: Duration,
    found: u64,
    done: u64,
}

impl Watch {
    fn see(&mut self, world: &World, sync: SyncId) -> SyncRunState {
        let status = world.sync(sync);
        assert!(status.found >= self.found && status.done >= self.done, "{}: {status:?}", world.kind);
        (self.found, self.done) = (status.found, status.done);
        let now = self.clock.now();
        let left = eta(&status, now).map(Duration::from_secs);
        self.foretold.extend(left.map(|left| (now, now.plus(left))));
        status.state
    }

    /// By how much the foretold ends were wrong, in the middle, as a share of the whole time.
    fn error(&self) -> Option<f64> {
        let (begun, ended) = (self.begun, self.clock.now());
        let miss = |at: &Timestamp| at.since(ended).max(ended.since(*at)).as_secs_f64();
        let mut misses: Vec<f64> = self.foretold.iter().map(|(_, end)| miss(end)).collect();
        misses.sort_by(f64::total_cmp);
        misses.get(misses.len() / 2).map(|miss| miss / ended.since(begun).as_secs_f64())
    }
}

#[test]
fn a_bulk_sync_keeps_to_the_allowances_beside_live_work_and_through_kills() {
    let count = usize::try_from(number("FENICIA_BULK", 400)).expect("a count");
    each(async |kind| {
        let mut world = World::closed(kind, seed(), FORGETFUL).await;
        let orders = world.earlier_orders(count, Duration::from_hours(48));
        world.start().await;
        world.until("the first poll", (SECOND, A_DAY), || world.state().last_success_at.is_some()).await;
        // What a call takes on its way.
        world.suffers(Fault::Delay { ms: 150 });
        let since = world.clock.now().minus(Duration::from_hours(24 * 7));
        let sync = world.begin_sync(since).await.expect("none runs yet");
        assert_eq!(world.begin_sync(since).await, Err(sync), "{kind}: one at a time");

        let clock = world.clock.clone();
        let mut watch = Watch {
            begun: clock.now(),
            clock,
            foretold: Vec::new(),
            slowest: Duration::ZERO,
            found: 0,
            done: 0,
        };
        let (mut kills, mut probes) = (vec![0.6, 0.2], 0.0);
        while watch.see(&world, sync) == SyncRunState::Running {
            let share = watch.done as f64 / count as f64;
            if kills.last().is_some_and(|at| share > *at) {
                kills.pop();
                world.kill().await;
                world.start().await;
            } else if share >= probes {
                probes += 0.1;
                watch.slowest = watch.slowest.max(a_person_is_served(&world).await);
            }
            let waited = watch.clock.now().since(watch.begun);
            assert!(waited < A_DAY * 7, "{kind}: {:?}", world.sync(sync));
            tokio::time::sleep(SECOND / 2).await;
        }
        let ended = world.sync(sync);
        let took = watch.clock.now().since(watch.begun);
        assert_eq!((ended.state, ended.failed), (SyncRunState::Done, 0), "{kind}: {ended:?}");
        assert!(ended.done >= count as u64 && ended.done == ended.found, "{kind}: {ended:?}");
        assert!(orders.iter().all(|order| world.order(order).is_some()), "{kind}: every order is here");
        assert!(watch.slowest <= INSTANT, "{kind}: a person waited for {:?}", watch.slowest);
        eprintln!(
            "{kind}: {count} orders in {took:.0?}, {} calls, {} of them refused, {} kills, a person waited {:?} at most, the foretold end was wrong by {:.0} % of the time",
            world.calls(),
            world.kit().effects.calls().iter().filter(|call| call.status == Some(429)).count(),
            2 - kills.len(),
            watch.slowest,
            watch.error().unwrap_or_default() * 100.0
        );
        world.mend();
        world.until("all is true", (SECOND * 60, A_DAY), || world.untrue().is_empty()).await;
        world.is_sound();
        a_sync_ends_when_told(&world, since).await;
        world.is_sound();
    });
}

/// How long somebody waits who asks for a new order now.
async fn a_person_is_served(world: &World) -> Duration {
    // Without its webhook, lest that be quicker.
    world.kit().faults.add(Rule::once("*", Fault::Lost));
    let order = world.place(&Wish { paid: Some(true), ..Wish::default() });
    world.sync_order(&order).await;
    world.until("the order is here", (SECOND / 10, A_DAY), || world.order(&order).is_some()).await
}

async fn a_sync_ends_when_told(world: &World, since: Timestamp) {
    let sync = world.begin_sync(since).await.expect("none runs");
    tokio::time::sleep(SECOND).await;
    if world.sync(sync).state != SyncRunState::Running {
        return;
    }
    world.stop_sync(sync).await;
    assert_eq!(world.sync(sync).state, SyncRunState::Cancelled, "{}", world.kind);
    // What was under way ends, then there is nothing left to do for it.
    let idle = || world.backlog() == 0;
    world.until("nothing is left of it", (SECOND, SECOND * 120), idle).await;
    world.begin_sync(since).await.expect("nothing is in the way of the next one");
}
