//! Every metric of the daemon in one place: name, labels, help text, buckets.
//!
//! Each instrument is a function that takes its label values, so that a name or a label cannot be
//! misspelt at the place of use. The label `channel` is a configured channel's id, every other
//! label value comes from a closed set: never an order id, an address or an error text. A hot path
//! keeps the handle; looking it up allocates.

use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

/// How often samples must be folded into their buckets, or they pile up while nobody scrapes.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// One metric as it is described to the outside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spec {
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    pub labels: &'static [&'static str],
    pub help: &'static str,
    /// Upper bounds; empty for what is not a histogram.
    pub buckets: &'static [f64],
}

/// From one quick commit to a marketplace's longest patience, in seconds.
const ACK: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
/// A call or a sync, in seconds.
const CALL: &[f64] = &[0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];
/// From an instant webhook to a day's outage, in seconds.
const LAG: &[f64] =
    &[0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0, 1_800.0, 3_600.0, 14_400.0, 86_400.0];
/// One commit, in seconds.
const COMMIT: &[f64] =
    &[0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// Operations in one commit.
const RECORDS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

macro_rules! instruments {
    ($($(#[$doc:meta])* $function:ident($($label:ident),*) -> $kind:ident $type:ident
        $name:literal, $help:literal, $buckets:expr;)+) => {
        /// All metrics, as `/metrics` describes them.
        pub const ALL: &[Spec] = &[$(Spec {
            name: $name,
            kind: stringify!($kind),
            labels: &[$(stringify!($label)),*],
            help: $help,
            buckets: $buckets,
        }),+];

        $($(#[$doc])* pub fn $function($($label: &str),*) -> ::metrics::$type {
            ::metrics::$kind!($name $(, stringify!($label) => $label.to_owned())*)
        })+
    };
}

instruments! {
    build_info(version) -> gauge Gauge
        "fenicia_build_info", "Always 1; the label says which build runs.", &[];
    webhooks(channel, outcome) -> counter Counter
        "fenicia_webhooks_total", "Deliveries received, by what became of them.", &[];
    webhook_ack() -> histogram Histogram
        "fenicia_webhook_ack_seconds", "From a delivery's headers to its answer.", ACK;
    polls(channel, outcome) -> counter Counter
        "fenicia_polls_total", "Polls of a channel, by outcome.", &[];
    order_syncs(channel, trigger, outcome) -> counter Counter
        "fenicia_order_syncs_total", "Orders brought into step, by what set it off and its outcome.", &[];
    order_sync(channel, trigger) -> histogram Histogram
        "fenicia_order_sync_seconds", "Time that one order's sync took.", CALL;
    sync_lag(channel) -> histogram Histogram
        "fenicia_sync_lag_seconds", "From the marketplace's change to its being stored here.", LAG;
    backlog(channel) -> gauge Gauge
        "fenicia_backlog", "Deliveries, orders and actions that wait.", &[];
    in_flight(channel) -> gauge Gauge
        "fenicia_in_flight", "Order syncs and actions under way.", &[];
    channel_requests(channel, operation, outcome) -> counter Counter
        "fenicia_channel_requests_total", "Calls to a marketplace, by operation and outcome.", &[];
    channel_request(channel, operation) -> histogram Histogram
        "fenicia_channel_request_seconds", "Time that one call to a marketplace took.", CALL;
    rate_limit_wait(channel) -> counter Counter
        "fenicia_rate_limit_wait_seconds_total", "Whole seconds that calls waited for the channel's allowance.",
        &[];
    actions(channel, kind, outcome) -> counter Counter
        "fenicia_actions_total", "Outbound actions, by what became of them.", &[];
    channel_up(channel) -> gauge Gauge
        "fenicia_channel_up", "1 while the channel is connected, else 0.", &[];
    channel_last_success(channel) -> gauge Gauge
        "fenicia_channel_last_success_timestamp_seconds", "Time of the channel's last successful sync.", &[];
    channel_token_expiry(channel) -> gauge Gauge
        "fenicia_channel_token_expiry_seconds", "Until the channel's tokens expire for good.", &[];
    anomalies(channel, class) -> counter Counter
        "fenicia_anomalies_total", "Oddities in what a marketplace sent, by class.", &[];
    notifications(target, outcome) -> counter Counter
        "fenicia_notifications_total", "Messages to the targets of the config, by what became of them.", &[];
    http_panics() -> counter Counter
        "fenicia_http_panics_total", "Requests answered 500 because their handler panicked.", &[];
    config_reloads(outcome) -> counter Counter
        "fenicia_config_reloads_total", "Configs read again, by whether they were applied.", &[];
    store_commit() -> histogram Histogram
        "fenicia_store_commit_seconds", "Time that one commit took.", COMMIT;
    store_commit_records() -> histogram Histogram
        "fenicia_store_commit_records", "Operations that shared one commit.", RECORDS;
    store_bytes() -> gauge Gauge
        "fenicia_store_bytes", "Size of the store's file.", &[];
    actor_restarts(actor) -> counter Counter
        "fenicia_actor_restarts_total", "Actors restarted by their supervisor.", &[];
}

/// The actors that are started again when they die.
const ACTORS: [&str; 9] =
    ["scheduler", "channels", "janitor", "channel", "order", "action", "poll", "bulk", "upkeep"];

/// What has been measured so far. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

/// The process has a recorder already.
#[derive(Debug, thiserror::Error)]
#[error("the metrics of this process are already being recorded")]
pub struct AlreadyInstalled;

impl Metrics {
    /// Records for the whole process. Once, before anything measures.
    pub fn install() -> Result<Self, AlreadyInstalled> {
        let recorder = recorder();
        let metrics = Self(recorder.handle());
        ::metrics::set_global_recorder(recorder).map_err(|_| AlreadyInstalled)?;
        describe();
        Ok(metrics)
    }

    /// Measures nothing; for a process that must not record twice.
    pub fn unrecorded() -> Self {
        Self(recorder().handle())
    }

    /// Folds samples into their buckets for as long as it is polled.
    pub async fn keep_up(self) {
        let mut tick = tokio::time::interval(UPKEEP_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.0.run_upkeep();
        }
    }

    /// All metrics in Prometheus' text format.
    pub fn render(&self) -> String {
        self.0.render()
    }
}

fn recorder() -> PrometheusRecorder {
    ALL.iter()
        .filter(|spec| !spec.buckets.is_empty())
        .try_fold(PrometheusBuilder::new(), |builder, spec| {
            builder.set_buckets_for_metric(Matcher::Full(spec.name.to_owned()), spec.buckets)
        })
        // Refused for an empty list of bounds only, which the filter rules out.
        .unwrap_or_default()
        .build_recorder()
}

/// Help texts, and the one metric that never changes.
fn describe() {
    for spec in ALL {
        match spec.kind {
            "counter" => ::metrics::describe_counter!(spec.name, spec.help),
            "gauge" => ::metrics::describe_gauge!(spec.name, spec.help),
            _ => ::metrics::describe_histogram!(spec.name, spec.help),
        }
    }
    build_info(env!("CARGO_PKG_VERSION")).set(1.0);
    // Nothing of this may ever happen, and its absence must not look like a missing metric.
    for actor in ACTORS {
        actor_restarts(actor).increment(0);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// Exercises every instrument once against a recorder of its own.
    fn rendered() -> String {
        let recorder = recorder();
        let handle = recorder.handle();
        ::metrics::with_local_recorder(&recorder, || {
            describe();
            webhooks("tienda", "accepted").increment(1);
            webhook_ack().record(0.003);
            polls("us-east", "ok").increment(1);
            order_syncs("tienda", "webhook", "ok").increment(2);
            order_sync("tienda", "webhook").record(0.2);
            sync_lag("tienda").record(1.5);
            backlog("tienda").set(4.0);
            in_flight("tienda").set(2.0);
            channel_requests("tienda", "order", "ok").increment(1);
            channel_request("tienda", "order").record(0.4);
            rate_limit_wait("tienda").increment(3);
            actions("tienda", "ship", "done").increment(1);
            channel_up("tienda").set(1.0);
            channel_last_success("tienda").set(1_764_000_000.0);
            channel_token_expiry("tienda").set(86_400.0);
            anomalies("tienda", "clock").increment(1);
            notifications("ops", "delivered").increment(1);
            http_panics().increment(1);
            config_reloads("applied").increment(1);
            store_commit().record(0.000_4);
            store_commit_records().record(12.0);
            store_bytes().set(1_048_576.0);
            actor_restarts("channel").increment(1);
        });
        handle.render()
    }

    /// A sample line taken apart.
    struct Sample {
        name: String,
        labels: BTreeMap<String, String>,
        value: f64,
    }

    fn sample(line: &str) -> Sample {
        let (series, value) = line.rsplit_once(' ').expect("name and value");
        let (name, labels) = match series.split_once('{') {
            Some((name, rest)) => (name, rest.strip_suffix('}').expect("closed braces")),
            None => (series, ""),
        };
        let labels = labels
            .split(',')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (label, value) = pair.split_once('=').expect("label=value");
                let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).expect("quoted");
                (label.to_owned(), value.to_owned())
            })
            .collect();
        Sample { name: name.to_owned(), labels, value: value.parse().expect("a number") }
    }

    fn family(name: &str) -> &'static Spec {
        let of = |suffix: &str| name.strip_suffix(suffix).unwrap_or(name).to_owned();
        let plain = ALL.iter().find(|spec| spec.name == name);
        plain.unwrap_or_else(|| {
            ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| {
                    ALL.iter().find(|spec| spec.kind == "histogram" && spec.name == of(suffix))
                })
                .unwrap_or_else(|| panic!("{name} is not in the list"))
        })
    }

    #[test]
    fn the_text_format_describes_every_metric_and_only_those() {
        let text = rendered();
        let mut seen = BTreeSet::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("help text");
                assert_eq!(family(name).help, help);
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("type");
                assert_eq!(family(name).kind, kind);
            } else {
                let sample = sample(line);
                let spec = family(&sample.name);
                seen.insert(spec.name);
                let labels: Vec<&str> =
                    sample.labels.keys().map(String::as_str).filter(|label| *label != "le").collect();
                let mut wanted = spec.labels.to_vec();
                wanted.sort_unstable();
                assert_eq!(labels, wanted, "{line}");
                assert!(sample.value.is_finite(), "{line}");
            }
        }
        let all: BTreeSet<_> = ALL.iter().map(|spec| spec.name).collect();
        assert_eq!(seen, all, "{text}");
    }

    #[test]
    fn latencies_are_histograms_with_the_bounds_of_the_list() {
        let text = rendered();
        for spec in ALL.iter().filter(|spec| spec.kind == "histogram") {
            let bounds: Vec<f64> = text
                .lines()
                .filter(|line| line.starts_with(&format!("{}_bucket", spec.name)))
                .map(|line| sample(line).labels["le"].parse().expect("a bound"))
                .filter(|bound: &f64| bound.is_finite())
                .collect();
            assert_eq!(bounds, spec.buckets, "{}", spec.name);
        }
    }

    #[test]
    fn names_follow_the_conventions() {
        for spec in ALL {
            assert!(spec.name.starts_with("fenicia_"), "{}", spec.name);
            assert_eq!(spec.kind == "counter", spec.name.ends_with("_total"), "{}", spec.name);
            assert_eq!(spec.kind == "histogram", !spec.buckets.is_empty(), "{}", spec.name);
        }
    }
}
