//! `fenicia failures`, `retry` and `dismiss`: parked work.

use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Done;
use super::client::{query, segment};
use super::daemon::Daemon;
use super::screen::Screen;
use super::sheet::{Cell, Sheet};
use super::views::{FailureView, Items};
use crate::clock::Clock;
use crate::model::Timestamp;

#[derive(Debug, Args)]
pub(super) struct Failures {
    #[command(flatten)]
    daemon: Daemon,
}

#[derive(Debug, Args)]
pub(super) struct Retry {
    /// Which failures, as `fenicia failures` lists them
    #[arg(required_unless_present = "all", value_name = "ID")]
    ids: Vec<String>,
    /// Everything that is parked
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    #[command(flatten)]
    daemon: Daemon,
}

#[derive(Debug, Args)]
pub(super) struct Dismiss {
    /// Which failures, as `fenicia failures` lists them
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    daemon: Daemon,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Retried {
    retried: Option<u64>,
}

impl Failures {
    pub(super) async fn run(self, screen: &mut Screen) -> Done {
        let client = self.daemon.client()?;
        let mut items: Vec<Value> = Vec::new();
        let mut cursor = None;
        loop {
            let path = query("/api/v1/failures", [("limit", Some("200".to_owned())), ("cursor", cursor)]);
            let page: Items<Value> = client.get(&path).await?.read()?;
            items.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        if self.daemon.json {
            return Ok(screen.json(&json!({ "items": items, "next_cursor": null }).to_string())?);
        }
        if items.is_empty() {
            screen.note("Nothing has failed.");
        }
        let failures: Vec<FailureView> =
            items.into_iter().filter_map(|i| serde_json::from_value(i).ok()).collect();
        Ok(screen.sheet(&list(&failures, Clock::system().now()))?)
    }
}

fn list(failures: &[FailureView], now: Timestamp) -> Sheet {
    let mut sheet = Sheet::new(&["id", "what", "of", "error", "attempts", "failed", "next try"]);
    for failure in failures {
        sheet.row([
            Cell::text(&failure.id),
            Cell::text(&failure.what),
            Cell::text(failure.order_id.as_deref().unwrap_or(&failure.channel)),
            Cell::text(format!("{}: {}", failure.error.kind, failure.error.message)),
            Cell::count(failure.attempts),
            Cell::when(failure.failed_at, now),
            Cell::when(failure.next_attempt_at, now),
        ]);
    }
    sheet
}

impl Retry {
    pub(super) async fn run(self, screen: &mut Screen) -> Done {
        let client = self.daemon.client()?;
        if self.all {
            let answer = client.post("/api/v1/failures/retry", &json!({})).await?;
            let retried = answer.read::<Retried>().unwrap_or_default().retried;
            screen.note(&match retried {
                Some(count) => format!("{count} put back to work."),
                None => "Everything that was parked is put back to work.".to_owned(),
            });
            if self.daemon.json {
                screen.json(&answer.text)?;
            }
            return Ok(());
        }
        for id in &self.ids {
            let answer = client.post(&format!("/api/v1/failures/{}/retry", segment(id)), &json!({})).await?;
            if self.daemon.json && !answer.text.trim().is_empty() {
                screen.json(&answer.text)?;
            }
            screen.note(&format!("{id} is put back to work."));
        }
        Ok(())
    }
}

impl Dismiss {
    pub(super) async fn run(self, screen: &mut Screen) -> Done {
        let client = self.daemon.client()?;
        for id in &self.ids {
            client.post(&format!("/api/v1/failures/{}/dismiss", segment(id)), &json!({})).await?;
            screen.note(&format!("{id} is dismissed."));
        }
        Ok(())
    }
}
