//! Shops of every marketplace and one daemon that keeps them in step.

use std::collections::BTreeMap;
use std::time::Duration;

use fenicia::clock::Clock;
use fenicia::kinds;
use fenicia::net::Method;
use fenicia::random::Random;
use fenicia::sandbox::{Deed, DeliveryState, Fault, Kit, Rule, Running, Stand, Tuning, Wish};
use serde_json::Value;

use super::picture;
use super::rows::{ROWS, Row};
use super::support::{Client, Daemon, Folder};

/// When the daemon polls beside the polls at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polls {
    /// Every few seconds.
    Quick,
    /// Never within a test: only webhooks bring news.
    Far,
    /// Every few seconds where there are no webhooks, whose lists lack their newest second; else never.
    Unannounced,
}

/// How a story begins.
pub struct Plan {
    pub rows: Vec<&'static Row>,
    pub polls: Polls,
    /// A multiple of the marketplaces' real allowances.
    pub limits: f64,
    /// Further sections of the config.
    pub config: &'static str,
}

/// Allowances that nothing reaches. Not more: a marketplace announces its allowance, and an absurd
/// one is not believed.
pub const GENEROUS: f64 = 1_000.0;
/// Waits of the marketplaces' own, shorter by this.
const HASTE: f64 = 1_000.0;

impl Default for Plan {
    fn default() -> Self {
        Self { rows: ROWS.iter().collect(), polls: Polls::Quick, limits: GENEROUS, config: "" }
    }
}

impl Plan {
    pub fn still() -> Self {
        Self { polls: Polls::Far, ..Self::default() }
    }

    /// Only the marketplaces that send webhooks.
    pub fn with_webhooks(self) -> Self {
        Self { rows: self.rows.into_iter().filter(|row| row.webhooks.is_some()).collect(), ..self }
    }
}

/// One shop at one marketplace.
pub struct Shop {
    pub row: &'static Row,
    /// The channel's id.
    pub id: String,
    running: Running,
}

impl Shop {
    async fn open(row: &'static Row, limits: f64) -> Self {
        let tuning = Tuning { limits, haste: HASTE, list_lag: Duration::ZERO, drop_oldest: false };
        let kit = Kit::new(Clock::system(), Random::seeded(2_026), tuning);
        let stand = kinds::stand(row.kind, kit).expect("the sandbox plays it");
        let running = Running::open(stand, 0).await.expect("loopback");
        Self { row, id: row.kind.replace('_', "-"), running }
    }

    pub fn stand(&self) -> &dyn Stand {
        self.running.stand().as_ref()
    }

    pub fn kit(&self) -> &Kit {
        self.stand().kit()
    }

    pub fn place(&self, wish: &Wish) -> String {
        self.stand().place(wish).unwrap_or_else(|refused| panic!("{}: {refused}", self.id))
    }

    pub fn orders(&self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.place(&Wish { paid: Some(true), ..Wish::default() })).collect()
    }

    /// Orders of a while ago: the newest minutes of some lists are not complete.
    pub fn earlier_orders(&self, count: usize, ago: Duration) -> Vec<String> {
        let first = self.kit().now().minus(ago);
        let wish = |at: usize| Wish {
            paid: Some(true),
            placed_at: Some(first.plus(Duration::from_millis(at as u64 * 100))),
            ..Wish::default()
        };
        (0..count).map(|at| self.place(&wish(at))).collect()
    }

    /// False when it cannot happen at this marketplace, or not to this order.
    pub fn happen(&self, order: &str, deed: &Deed) -> bool {
        self.stand().happen(order, deed).is_ok()
    }

    /// Something that every marketplace knows: the parcels of these orders leave.
    pub fn ship(&self, orders: &[String]) {
        for order in orders {
            let left = self.happen(order, &Deed::Ship { carrier: None, tracking: None, units: None });
            assert!(left, "{}: {order} cannot be shipped", self.id);
        }
    }

    /// From now on, until `mend`.
    pub fn suffers(&self, fault: Fault) {
        self.kit().faults.add(Rule::always("*", fault));
    }

    /// The next time that somebody lists or reads orders.
    pub fn suffers_once(&self, operation: &str, fault: Fault) {
        self.kit().faults.add(Rule::once(operation, fault));
    }

    pub fn mend(&self) {
        self.kit().faults.clear();
    }

    pub fn calls(&self) -> u64 {
        self.kit().effects.call_counts().values().sum()
    }

    pub fn token_calls(&self) -> u64 {
        self.kit().effects.calls_of(self.row.token)
    }

    pub fn breaches(&self) -> Vec<String> {
        let all = self.kit().violations.all();
        all.iter().map(|own| format!("{} at {}: {}", own.rule, own.request, own.detail)).collect()
    }

    /// `[channels.ID]`
    pub fn config(&self, polls: Polls) -> String {
        let poll = match polls {
            Polls::Quick => self.row.quick,
            Polls::Unannounced if self.row.webhooks.is_none() => self.row.quick,
            Polls::Far | Polls::Unannounced => "0 0 1 1 *",
        };
        format!("{}\npoll = \"{poll}\"\n\n", self.running.config(&self.id).trim_end())
    }

    pub fn path(&self, order: &str) -> String {
        format!("/api/v1/orders/{}:{order}", self.id)
    }

    pub fn channel_path(&self) -> String {
        format!("/api/v1/channels/{}", self.id)
    }
}

pub struct Market {
    pub shops: Vec<Shop>,
    pub folder: Folder,
    daemon: Option<Daemon>,
}

impl Market {
    pub async fn open(plan: Plan) -> Self {
        let mut market = Self::closed(plan).await;
        market.start();
        market
    }

    /// The shops are open, the daemon is not running yet.
    pub async fn closed(plan: Plan) -> Self {
        let mut shops = Vec::new();
        for row in &plan.rows {
            shops.push(Shop::open(row, plan.limits).await);
        }
        let channels: String = shops.iter().map(|shop| shop.config(plan.polls)).collect();
        let folder = Folder::new(&format!("{}\n{channels}", plan.config));
        Self { shops, folder, daemon: None }
    }

    pub fn start(&mut self) {
        assert!(self.try_start(&[]), "the daemon did not get ready:\n{}", self.folder.log());
    }

    /// False when it ends before it is ready.
    pub fn try_start(&mut self, environment: &[(&str, &str)]) -> bool {
        let Some(daemon) = Daemon::try_start(&self.folder, environment) else { return false };
        for shop in self.shops.iter().filter(|shop| shop.row.webhooks.is_some()) {
            let target = format!("{}/webhooks/{}", daemon.webhooks, shop.id);
            shop.kit().webhooks.set_target(Some(target));
        }
        self.daemon = Some(daemon);
        true
    }

    /// It has died by itself.
    pub fn has_died(&mut self) -> bool {
        self.daemon.as_mut().is_none_or(Daemon::has_ended)
    }

    pub fn bury(&mut self) {
        self.daemon = None;
    }

    pub fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().expect("the daemon runs")
    }

    pub fn client(&self) -> &Client {
        &self.daemon().client
    }

    pub fn kill(&mut self) {
        self.daemon.take().expect("the daemon runs").kill();
    }

    /// Told to stop, it stops well.
    pub fn stop(&mut self) {
        let ended = self.daemon.take().expect("the daemon runs").stop();
        assert!(ended.success(), "{ended}:\n{}", self.folder.log());
    }

    /// Stops it, and holds against it whatever it did wrong all along.
    pub fn close(mut self) {
        for shop in &self.shops {
            assert_eq!(shop.breaches(), Vec::<String>::new(), "{}", shop.id);
        }
        self.stop();
        let report = fenicia::store::verify(&self.folder.data(), None, false).expect("a store");
        assert_eq!(report.faults, []);
    }

    /// Every channel has been polled and, where there are any, its webhooks come.
    pub async fn ready(&self) {
        for shop in &self.shops {
            self.client().until(&shop.channel_path(), |channel| channel["last_success_at"].is_string()).await;
            if shop.row.webhooks.is_some() {
                self.webhooks_come(shop).await;
            }
        }
    }

    async fn webhooks_come(&self, shop: &Shop) {
        while !shop.kit().webhooks.records().iter().any(|own| own.state == DeliveryState::Delivered) {
            let order = shop.place(&Wish::default());
            self.sync(shop, &order).await;
            self.client().until(&shop.path(&order), |_| true).await;
        }
    }

    /// Whatever the daemon has to do for this shop is done.
    pub async fn idle(&self, shop: &Shop) {
        let idle = |channel: &Value| channel["backlog"] == 0 && channel["in_flight"] == 0;
        self.client().until(&shop.channel_path(), idle).await;
    }

    /// A person asks for this order.
    pub async fn sync(&self, shop: &Shop, order: &str) {
        let asked = self.client().call(Method::Post, &format!("{}/sync", shop.path(order)), None).await;
        assert_eq!(asked.status, 202, "{}", asked.text);
        let path = format!("/api/v1/syncs/{}", asked.body["sync_id"].as_str().expect("an id"));
        self.client().until(&path, |sync| sync["state"] != "running").await;
    }

    pub async fn channel(&self, shop: &Shop) -> Value {
        self.client().get(&shop.channel_path()).await.body
    }

    pub async fn until_channel(&self, shop: &Shop, status: &str) -> Value {
        self.client().until(&shop.channel_path(), |channel| channel["status"] == status).await
    }

    pub async fn timeline(&self, shop: &Shop, order: &str) -> Vec<Value> {
        self.client().all(&format!("{}/timeline", shop.path(order))).await
    }

    pub async fn failures(&self, shop: &Shop) -> Vec<Value> {
        self.client().all(&format!("/api/v1/failures?channel={}", shop.id)).await
    }

    /// Notifications about this channel, newest first.
    pub async fn told(&self, shop: &Shop, kind: &str) -> Vec<Value> {
        let mut all = self.client().all("/api/v1/notifications").await;
        all.retain(|own| own["channel"] == shop.id.as_str() && own["kind"] == kind);
        all
    }

    /// Sum of the samples of a metric whose labels contain all of `labels`.
    pub async fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let text = self.client().get("/metrics").await.text;
        let of_it = text.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
                && labels.iter().all(|(label, value)| line.contains(&format!("{label}=\"{value}\"")))
        });
        of_it.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    pub async fn until_metric(&self, name: &str, labels: &[(&str, &str)], wanted: impl Fn(f64) -> bool) {
        let patience = self.client().patience();
        loop {
            let value = self.metric(name, labels).await;
            if wanted(value) {
                return;
            }
            assert!(patience.is_left(), "{name} of {labels:?} stays at {value}");
            self.client().news().await;
        }
    }

    /// Every order of every shop is as its marketplace has it.
    pub async fn agrees(&self) {
        for shop in &self.shops {
            self.agrees_on(shop).await;
        }
    }

    pub async fn agrees_on(&self, shop: &Shop) {
        let patience = self.client().patience();
        loop {
            let left = self.differences(shop).await;
            if left.is_empty() {
                return;
            }
            let shown: Vec<_> = left.iter().take(10).collect();
            let told = || self.complaints(shop);
            assert!(patience.is_left(), "{}: {} differences: {shown:#?}\n{}", shop.id, left.len(), told());
            self.client().news().await;
        }
    }

    /// What the daemon's log last complained of about this shop.
    fn complaints(&self, shop: &Shop) -> String {
        let log = self.folder.log();
        let of_it = |line: &&str| line.contains(&shop.id) && !line.contains(" INFO ");
        let mut last: Vec<_> = log.lines().filter(of_it).rev().take(20).collect();
        last.reverse();
        last.join("\n")
    }

    async fn differences(&self, shop: &Shop) -> Vec<String> {
        let orders = self.client().all(&format!("/api/v1/orders?channel={}", shop.id)).await;
        let known: BTreeMap<&str, &Value> =
            orders.iter().filter_map(|order| Some((order["channel_order_id"].as_str()?, order))).collect();
        let compared = shop.stand().truths(None, usize::MAX).into_iter().flat_map(|truth| {
            match known.get(truth.order_id.as_str()) {
                Some(order) => picture::differences(order, &truth),
                None => vec![format!("{} is not known", truth.order_id)],
            }
        });
        compared.collect()
    }
}
