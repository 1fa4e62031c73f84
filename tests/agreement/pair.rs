//! A connector beside its stand, and orders as fenicia would store them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fenicia::channel::{Call, Channel, Env, Fetched, ListRequest, Tiding};
use fenicia::clock::Clock;
use fenicia::config;
use fenicia::kinds::{self, KINDS};
use fenicia::model::{
    ChannelId, ChannelOrderId, Lane, Observation, Order, OrderKey, Person, Tokens, Trigger,
};
use fenicia::net::{Http, HttpOptions};
use fenicia::random::Random;
use fenicia::sandbox::{Kit, Running, Stand, Truth, Tuning};
use fenicia::sync::{Merged, Merging, merge};

/// A connector beside the stand that it calls.
pub struct Pair {
    pub running: Running,
    pub channel: Arc<dyn Channel>,
    pub id: ChannelId,
    pub tokens: Tokens,
    pub clock: Clock,
}

/// Orders as fenicia would store them.
pub type Stored = BTreeMap<ChannelOrderId, (Order, Person)>;

impl Pair {
    pub async fn open(kind: &str) -> Self {
        let clock = Clock::system();
        // No marketplace's own waits, and allowances that nothing here reaches.
        let tuning = Tuning { limits: 1e6, haste: 1e6, list_lag: Duration::ZERO, ..Tuning::default() };
        let kit = Kit::new(clock.clone(), Random::seeded(2_026), tuning);
        let stand = kinds::stand(kind, kit).expect("the sandbox plays it");
        let running = Running::open(stand, 0).await.expect("loopback");
        let id = ChannelId::new("shop").expect("well formed");
        let channel = connect(&running, &id, &clock);
        let tokens = channel.authorise(None).await.expect("the sandbox's own credentials");
        Self { running, channel, id, tokens, clock }
    }

    pub fn stand(&self) -> &dyn Stand {
        self.running.stand().as_ref()
    }

    pub fn call(&self) -> Call<'_> {
        Call { tokens: &self.tokens, lane: Lane::Manual }
    }

    /// True when the observation leaves a doubt that only a fetch ends.
    pub fn take(&self, stored: &mut Stored, seen: Observation) -> bool {
        let order = seen.order.clone();
        let key = OrderKey::new(self.id.clone(), order.clone());
        let how = Merging {
            key: &key,
            channel_kind: self.stand().kind(),
            trigger: Trigger::Poll,
            now: self.clock.now(),
        };
        let known = stored.get(&order).map(|(order, person)| (order, person));
        match merge(known, seen, how) {
            Merged::Applied(applied) => {
                stored.insert(order, (applied.order, applied.person));
                false
            }
            Merged::Doubtful => true,
            Merged::Stale | Merged::Unchanged { .. } => false,
        }
    }

    /// Every stream from a day ago, page by page; answers what has to be fetched.
    pub async fn list(&self, stored: &mut Stored) -> Vec<ChannelOrderId> {
        let from = self.clock.now().minus(Duration::from_secs(86_400));
        let mut hinted = Vec::new();
        for stream in self.channel.streams() {
            let mut token: Option<String> = None;
            loop {
                let request =
                    ListRequest { stream: stream.name, from, to: None, token: token.as_deref(), bulk: true };
                let page = self.channel.list(self.call(), request).await.expect("a page");
                for tiding in page.tidings {
                    match tiding {
                        Tiding::Seen(seen) => {
                            let (order, incomplete) = (seen.order.clone(), seen.incomplete);
                            if self.take(stored, *seen) || incomplete {
                                hinted.push(order);
                            }
                        }
                        Tiding::Hint { order, .. } | Tiding::Settling { order, .. } => hinted.push(order),
                        Tiding::Alias(alias) => {
                            hinted
                                .extend(self.channel.resolve(self.call(), &alias).await.expect("an answer"));
                        }
                        _ => {}
                    }
                }
                token = page.next;
                if token.is_none() {
                    break;
                }
            }
        }
        hinted.sort();
        hinted.dedup();
        hinted
    }

    pub async fn fetch(&self, stored: &mut Stored, orders: &[ChannelOrderId]) {
        for batch in orders.chunks(self.channel.batch().max(1)) {
            for fetched in self.channel.fetch(self.call(), batch).await.expect("an answer") {
                match fetched {
                    Fetched::Found(seen) => assert!(!self.take(stored, *seen), "a fetch leaves no doubt"),
                    Fetched::Missing { order, .. } => panic!("{order} is missing"),
                    Fetched::Failed { order, failure } => panic!("{order}: {failure:?}"),
                }
            }
        }
    }

    /// What differs between what is stored and what is true.
    pub fn differences(&self, stored: &Stored) -> Vec<String> {
        let mut found = Vec::new();
        for truth in self.stand().truths(None, 10_000) {
            let id = ChannelOrderId::new(&truth.order_id).expect("an id");
            match stored.get(&id) {
                None => found.push(format!("{id} was never seen")),
                Some((order, _)) => found.extend(compare(order, &truth)),
            }
        }
        found.truncate(10);
        found
    }

    pub fn breaches(&self) -> Vec<String> {
        let violations = self.stand().kit().violations.all();
        let mut breaches: Vec<String> = violations
            .into_iter()
            .map(|own| format!("{} at {}: {}", own.rule, own.request, own.detail))
            .collect();
        breaches.sort();
        breaches.dedup();
        breaches
    }
}

fn connect(running: &Running, id: &ChannelId, clock: &Clock) -> Arc<dyn Channel> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.toml");
    std::fs::write(&path, running.config(id.as_str())).expect("the config can be written");
    let http = Http::new(HttpOptions {
        body_max_bytes: 32 << 20,
        connect_timeout: Duration::from_secs(5),
        user_agent: "fenicia/agreement".to_owned(),
    });
    let env = Env { clock: clock.clone(), random: Random::seeded(1), http: http.expect("a client") };
    let connections = config::load_connected(&path, KINDS, &env).map(|(_, connections)| connections);
    let connections = connections.unwrap_or_else(|faults| panic!("the sandbox's config is faulty: {faults}"));
    connections.get(id).cloned().expect("the channel")
}

fn compare(order: &Order, truth: &Truth) -> Vec<String> {
    let units: u32 = order.items.iter().map(|item| item.quantity).sum();
    let mut tracking: Vec<String> =
        order.shipments.iter().filter_map(|own| own.tracking_number.clone()).collect();
    let mut true_tracking = truth.tracking_numbers.clone();
    tracking.sort();
    true_tracking.sort();
    let own = [
        ("number", order.number.clone()),
        ("status", order.status.to_string()),
        ("payment_status", order.payment_status.to_string()),
        ("currency", format!("{:?}", order.currency.map(|currency| currency.to_string()))),
        ("total", format!("{:?}", order.amounts.total.map(|total| total.to_string()))),
        ("items", order.items.len().to_string()),
        ("units", units.to_string()),
        ("shipments", order.shipments.len().to_string()),
        ("tracking", format!("{tracking:?}")),
        ("placed_at", order.placed_at.as_secs().to_string()),
    ];
    let wanted = [
        truth.number.clone(),
        truth.status.to_owned(),
        truth.payment_status.to_owned(),
        format!("{:?}", truth.currency),
        format!("{:?}", truth.total),
        truth.items.to_string(),
        truth.units.to_string(),
        truth.shipments.to_string(),
        format!("{true_tracking:?}"),
        truth.placed_at.as_secs().to_string(),
    ];
    let pairs = own.into_iter().zip(wanted).filter(|((_, own), wanted)| own != wanted);
    pairs
        .map(|((field, own), wanted)| format!("{}: {field} is {own}, not {wanted}", truth.order_id))
        .collect()
}
