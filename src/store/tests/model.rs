//! Random histories of a marketplace, its webhooks, polls, fetches and operators: whatever happens
//! and in whatever order it is heard of, the store ends up saying what the marketplace says.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// The order changes at the marketplace.
    Change {
        order: u8,
        status: u8,
    },
    /// A webhook with the whole order as it was `ago` changes ago.
    Payload {
        order: u8,
        ago: u8,
    },
    /// A webhook without content.
    Hint {
        order: u8,
    },
    /// The same delivery id as one before.
    Repeat,
    /// A page of the list with all orders, as an index that trails by `ago` changes shows them.
    Poll {
        ago: u8,
    },
    /// Up to `count` due jobs run and end like this.
    Run {
        count: u8,
        ending: u8,
    },
    Press {
        order: u8,
    },
    Wait {
        secs: u16,
    },
    Erase {
        order: u8,
    },
    Act {
        order: u8,
    },
    RunActions {
        ending: u8,
    },
    Bulk,
    Prune,
    RetryAll,
}

fn step() -> impl Strategy<Value = Step> {
    let order = 0..4_u8;
    prop_oneof![
        4 => (order.clone(), 0..5_u8).prop_map(|(order, status)| Step::Change { order, status }),
        4 => (order.clone(), 0..3_u8).prop_map(|(order, ago)| Step::Payload { order, ago }),
        3 => order.clone().prop_map(|order| Step::Hint { order }),
        1 => Just(Step::Repeat),
        2 => (0..2_u8).prop_map(|ago| Step::Poll { ago }),
        5 => (1..4_u8, 0..6_u8).prop_map(|(count, ending)| Step::Run { count, ending }),
        2 => order.clone().prop_map(|order| Step::Press { order }),
        3 => (0..4_000_u16).prop_map(|secs| Step::Wait { secs }),
        1 => order.clone().prop_map(|order| Step::Erase { order }),
        1 => order.prop_map(|order| Step::Act { order }),
        2 => (0..5_u8).prop_map(|ending| Step::RunActions { ending }),
        1 => Just(Step::Bulk),
        1 => Just(Step::Prune),
        1 => Just(Step::RetryAll),
    ]
}

/// The marketplace: every version of every order.
#[derive(Default)]
struct Market(BTreeMap<u8, Vec<(Timestamp, OrderStatus)>>);

impl Market {
    fn as_it_was(&self, order: u8, ago: u8, source: Source) -> Option<Observation> {
        let versions = self.0.get(&order)?;
        let (changed, status) = versions[versions.len().saturating_sub(1 + usize::from(ago))];
        Some(seen(&order.to_string(), source, changed, status))
    }
}

struct World {
    bench: Bench,
    market: Market,
    sent: u32,
}

fn key_of(order: u8) -> OrderKey {
    OrderKey::new(tienda(), order_id(&order.to_string()))
}

impl World {
    async fn take(&mut self, step: Step) {
        let now = self.bench.now;
        match step {
            Step::Change { order, status } => {
                let now = self.bench.later(1);
                let status = OrderStatus::ALL[usize::from(status)];
                self.market.0.entry(order).or_default().push((now, status));
            }
            Step::Payload { order, ago } => {
                if let Some(seen) = self.market.as_it_was(order, ago, Source::Payload) {
                    self.send(vec![tiding(seen)]).await;
                }
            }
            Step::Hint { order } => self.send(vec![hint(&order.to_string())]).await,
            Step::Repeat if self.sent > 0 => {
                let again = delivery(&format!("d{}", self.sent), b"{}", now);
                self.bench.store.accept_delivery(&tienda(), again).await.expect("answered");
                self.apply(Vec::new()).await;
            }
            Step::Repeat => {}
            Step::Poll { ago } => {
                let listed = (0..4).filter_map(|order| self.market.as_it_was(order, ago, Source::Listing));
                self.bench.poll(listed.map(tiding).collect()).await;
            }
            Step::Run { count, ending } => self.run(usize::from(count), ending).await,
            Step::Press { order } => {
                let command = Command::SyncOrder(key_of(order));
                self.bench.store.command(command, by("ana"), now).await.expect("asked");
            }
            Step::Wait { secs } => drop(self.bench.later(u64::from(secs))),
            Step::Erase { order } => {
                let who = EraseWho::Orders(vec![key_of(order)]);
                self.bench.store.erase(who, None, now).await.expect("erased");
            }
            Step::Act { order } => {
                let request = ActionRequest::Cancel { reason: CancelReason::Other, note: None };
                let command = Command::Act { order: key_of(order), request, memo: Memo::new() };
                match self.bench.store.command(command, by("ana"), now).await {
                    Ok(_) | Err(CommandError::NotFound(_) | CommandError::Conflict(_)) => {}
                    Err(e) => panic!("{e}"),
                }
            }
            Step::RunActions { ending } => self.run_actions(ending).await,
            Step::Bulk => self.bulk().await,
            Step::Prune => drop(self.bench.store.prune(now).await.expect("pruned")),
            Step::RetryAll => {
                let command = Command::RetryAll { channel: None };
                self.bench.store.command(command, by("ana"), now).await.expect("retried");
            }
        }
    }

    async fn send(&mut self, tidings: Vec<Tiding>) {
        self.sent += 1;
        let new = delivery(&format!("d{}", self.sent), b"{}", self.bench.now);
        let answer = self.bench.store.accept_delivery(&tienda(), new).await.expect("accepted");
        assert_eq!(answer, Accepted::New);
        self.apply(tidings).await;
    }

    async fn apply(&mut self, tidings: Vec<Tiding>) {
        let pending = self.bench.store.inbox(&tienda(), 10, self.bench.now).expect("inbox");
        let read = pending.into_iter().map(|item| (item, tidings.clone())).collect();
        self.bench.store.apply_deliveries(&tienda(), KIND, read, self.bench.now).await.expect("applied");
    }

    async fn run(&mut self, count: usize, ending: u8) {
        let now = self.bench.now;
        let claims = self.bench.store.claim_due(&tienda(), count, Vec::new(), Lane::Bulk, now).await;
        for claim in claims.expect("claims") {
            let order: u8 = claim.order.order.as_str().parse().expect("order");
            let truth = self.market.as_it_was(order, 0, Source::Fetch);
            let truth = truth.map(|seen| Observation { read_at: now, ..seen });
            let later = now.plus(Duration::from_secs(30));
            let failed = |failure, retry_at| SyncOutcome::Failed { failure, retry_at };
            let outcome = match (ending, truth) {
                // Killed: nothing is finished.
                (0, _) => continue,
                (1, _) => failed(Failure::timeout("no answer"), Some(later)),
                (2, _) => failed(Failure::invalid("refused"), None),
                (3, _) => failed(Failure::rate_limited("slow down", later), Some(later)),
                (_, Some(seen)) => found(seen),
                (_, None) => SyncOutcome::Missing { reach: None },
            };
            self.bench.finish(claim, outcome).await;
        }
    }

    async fn run_actions(&mut self, ending: u8) {
        let now = self.bench.now;
        for action in self.bench.store.due_actions(&tienda(), 2, &[], now).expect("due") {
            let store = &self.bench.store;
            store.intend_action(action.id, Memo::new(), now).await.expect("begun");
            let at = now.plus(Duration::from_mins(1));
            let result = match ending {
                0 => continue,
                1 => ActionResult::Done { shown: false },
                2 => ActionResult::Later { failure: Failure::unavailable("HTTP 503"), at },
                3 => ActionResult::Unknown { failure: Failure::timeout("no answer") },
                _ => ActionResult::Failed { failure: Failure::invalid("refused") },
            };
            store.settle_action(action.id, result, now).await.expect("settled");
        }
    }

    async fn bulk(&mut self) {
        let now = self.bench.now;
        let command = Command::SyncChannel { channel: tienda(), since: start() };
        let sync = match self.bench.store.command(command, by("ana"), now).await {
            Ok(CommandAnswer::Sync(sync)) => sync,
            Err(CommandError::Running(_)) => return,
            other => panic!("{other:?}"),
        };
        let tidings = (0..4).filter(|order| self.market.0.contains_key(order)).map(|o| hint(&o.to_string()));
        let page = PageIn { tidings: tidings.collect(), ..PageIn::default() };
        self.bench.store.store_bulk_page(&tienda(), KIND, sync, page, now).await.expect("page");
        self.bench.store.end_bulk_listing(sync, None, now).await.expect("listed");
    }

    /// Everything works again, and everybody has time.
    async fn settle(&mut self) {
        let command = Command::RetryAll { channel: None };
        self.bench.store.command(command, by("ana"), self.bench.now).await.expect("retried");
        for order in 0..4 {
            self.send(vec![hint(&order.to_string())]).await;
        }
        for _ in 0..60 {
            self.bench.later(4_000);
            self.run_actions(1).await;
            self.run(100, 5).await;
        }
    }

    fn check(&self) {
        for (order, versions) in &self.market.0 {
            let (changed, status) = versions.last().expect("a version");
            let stored = self.bench.order(&key_of(*order).to_string());
            assert_eq!(stored.status, *status, "order {order}");
            assert_eq!(stored.version.changed_at, Some(*changed));
            assert_eq!(stored.sync.state, SyncState::Synced, "order {order}: {:?}", stored.sync.error);
            self.bench.kinds(&stored.key.to_string());
        }
        let counts = self.bench.store.channel_counts(&tienda(), start()).expect("counts");
        assert_eq!(counts.backlog, 0);
        assert_eq!(self.bench.store.running_bulk(&tienda()).expect("read"), None);
        let summary = self.bench.store.summary().expect("summary");
        assert_eq!(summary.total, self.market.0.len() as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn the_store_ends_up_saying_what_the_marketplace_says(steps in proptest::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        runtime.block_on(async {
            let mut world = World { bench: Bench::configured().await, market: Market::default(), sent: 0 };
            for step in steps {
                world.take(step).await;
            }
            assert_eq!(verify_running(&world.bench.store).expect("checked").faults, []);
            world.settle().await;
            world.check();
        });
    }
}
