//! `fenicia sync`: one order, or a whole channel with a progress bar.

use clap::Args;
use indicatif::ProgressBar;
use serde_json::json;

use super::Done;
use super::client::{Client, segment};
use super::daemon::Daemon;
use super::screen::Screen;
use super::sheet::{Cell, Sheet};
use super::trouble::Trouble;
use super::views::{OrderView, SyncStarted, SyncView};
use super::wait;
use crate::clock::Clock;
use crate::config::parse_span;
use crate::model::Timestamp;

#[derive(Debug, Args)]
pub(super) struct Sync {
    /// An order such as tienda:5123456789, or a channel such as tienda
    id: String,
    /// How far back, for a channel: 7d, 12h, 2026-11-23 or an RFC 3339 time [default: 7d]
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Do not wait for the end
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    daemon: Daemon,
}

impl Sync {
    pub(super) async fn run(self, screen: &mut Screen) -> Done {
        let is_order = self.id.contains(':');
        if is_order && self.since.is_some() {
            return Err(Trouble::failed(
                "an order is synced as a whole",
                "--since is for a channel",
                "Leave --since out, or name the channel alone.",
            ));
        }
        let client = self.daemon.client()?;
        let sync_id =
            if is_order { self.order(&client).await? } else { self.channel(&client, screen).await? };
        if self.no_wait {
            let json = json!({ "sync_id": sync_id }).to_string();
            let said = if self.daemon.json { screen.json(&json) } else { screen.line(&sync_id) };
            return Ok(said?);
        }
        self.follow(&client, &sync_id, is_order, screen).await
    }

    async fn order(&self, client: &Client) -> Result<String, Trouble> {
        let answer = client.post(&format!("/api/v1/orders/{}/sync", segment(&self.id)), &json!({})).await?;
        Ok(answer.read::<SyncStarted>()?.sync_id)
    }

    /// Joins a sync that is already running.
    async fn channel(&self, client: &Client, screen: &mut Screen) -> Result<String, Trouble> {
        let mut body = json!({});
        if let Some(since) = &self.since {
            body["since"] = moment(since, Clock::system().now())?.to_string().into();
        }
        match client.post(&format!("/api/v1/channels/{}/sync", segment(&self.id)), &body).await {
            Ok(answer) => Ok(answer.read::<SyncStarted>()?.sync_id),
            Err(trouble) => match trouble.problem.as_ref().and_then(|p| p.sync_id.clone()) {
                Some(running) => {
                    screen.note(&format!("A sync of {} is already running; following that one.", self.id));
                    Ok(running)
                }
                None => Err(trouble),
            },
        }
    }

    async fn follow(&self, client: &Client, sync_id: &str, is_order: bool, screen: &mut Screen) -> Done {
        let bar = screen.bar("{prefix:>8} {bar:30} {pos}/{len} {msg}");
        let path = format!("/api/v1/syncs/{}", segment(sync_id));
        let over =
            wait::until::<SyncView>(client, &path, None, |sync| show(&bar, sync), |s| s.state != "running")
                .await;
        bar.finish_and_clear();
        let Some((sync, answer)) = over? else { return Ok(()) };
        if self.daemon.json {
            screen.json(&answer.text)?;
        } else if is_order || !screen.is_terminal() {
            let mut sheet = Sheet::new(&["sync", "state", "found", "done", "failed"]);
            let counts = [sync.found, sync.done, sync.failed].map(Cell::count);
            sheet.row([Cell::text(&self.id), Cell::state(&sync.state)].into_iter().chain(counts));
            screen.sheet(&sheet)?;
        } else {
            screen.line(&format!(
                "{}: {} orders found, {} synced, {} failed",
                self.id, sync.found, sync.done, sync.failed
            ))?;
        }
        match sync.state.as_str() {
            "done" if is_order && sync.failed > 0 => Err(self.explain(client).await),
            "done" => Ok(()),
            "cancelled" => Err(Trouble::failed(
                format!("the sync of {} was stopped", self.id),
                "somebody stopped it before its end",
                "Run it again: what was fetched stays.",
            )),
            _ if is_order => Err(self.explain(client).await),
            _ => Err(Trouble::failed(
                format!("the sync of {} failed", self.id),
                "the channel could not be read to the end",
                format!("See `fenicia channels {}` for the cause and what to do.", self.id),
            )),
        }
    }

    /// Why this order could not be fetched, from the order itself.
    async fn explain(&self, client: &Client) -> Trouble {
        let what = format!("the sync of {} failed", self.id);
        let order = match client.get(&format!("/api/v1/orders/{}", segment(&self.id))).await {
            Ok(answer) => answer.read::<OrderView>().unwrap_or_default(),
            Err(_) => OrderView::default(),
        };
        let error = order.sync.error.unwrap_or_default();
        let or = |text: String, other: &str| if text.is_empty() { other.to_owned() } else { text };
        Trouble::failed(
            what,
            or(error.message, "the daemon does not say why"),
            or(error.advice.unwrap_or_default(), "See `fenicia failures` and the order's timeline."),
        )
    }
}

fn show(bar: &ProgressBar, sync: &SyncView) {
    bar.set_prefix(sync.phase.clone().unwrap_or_default());
    bar.set_length(sync.found.max(1));
    bar.set_position(sync.done + sync.failed);
    let eta = sync.eta_seconds.map(|secs| format!("{secs:.0} s left")).unwrap_or_default();
    let failed = if sync.failed > 0 { format!("{} failed ", sync.failed) } else { String::new() };
    bar.set_message(failed + &eta);
}

/// An instant as people write it: a span before now, a date in UTC, or RFC 3339.
pub(super) fn moment(text: &str, now: Timestamp) -> Result<Timestamp, Trouble> {
    parse_span(text)
        .map(|span| now.minus(span))
        .or_else(|| Timestamp::parse(text))
        .or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z")))
        .ok_or_else(|| {
            Trouble::failed(
                format!("\"{text}\" is not a time"),
                "it is neither a span before now, nor a date, nor a time with its zone",
                "Write 7d, 12h, 2026-11-23 or 2026-11-23T10:00:00Z.",
            )
        })
}
