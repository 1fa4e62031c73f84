//! `fenicia channels`: the connections.

use clap::Args;

use super::Done;
use super::client::segment;
use super::daemon::Daemon;
use super::screen::Screen;
use super::sheet::{Cell, Sheet};
use super::views::{ChannelView, Items};
use crate::clock::Clock;
use crate::model::Timestamp;

#[derive(Debug, Args)]
pub(super) struct Channels {
    /// Show only this channel, in full
    id: Option<String>,
    #[command(flatten)]
    daemon: Daemon,
}

impl Channels {
    pub(super) async fn run(self, screen: &mut Screen) -> Done {
        let client = self.daemon.client()?;
        let now = Clock::system().now();
        let Some(id) = self.id else {
            let answer = client.get("/api/v1/channels").await?;
            if self.daemon.json {
                return Ok(screen.json(&answer.text)?);
            }
            let channels: Items<ChannelView> = answer.read()?;
            if channels.items.is_empty() {
                screen.note("No channel is configured: add a [channels.…] table to the config.");
            }
            return Ok(screen.sheet(&list(&channels.items, now))?);
        };
        let answer = client.get(&format!("/api/v1/channels/{}", segment(&id))).await?;
        if self.daemon.json {
            return Ok(screen.json(&answer.text)?);
        }
        Ok(screen.sheet(&one(&answer.read()?, now))?)
    }
}

pub(super) fn list(channels: &[ChannelView], now: Timestamp) -> Sheet {
    let mut sheet = Sheet::new(&["id", "kind", "status", "last sync", "backlog", "next poll"]);
    for channel in channels {
        sheet.row([
            Cell::text(&channel.id),
            Cell::text(&channel.kind),
            Cell::state(&channel.status),
            Cell::when(channel.last_success_at, now),
            Cell::count(channel.backlog),
            Cell::when(channel.next_poll_at, now),
        ]);
    }
    sheet
}

fn one(channel: &ChannelView, now: Timestamp) -> Sheet {
    let mut sheet = Sheet::facts();
    sheet.fact("id", Cell::text(&channel.id));
    sheet.fact("name", Cell::text(&channel.name));
    sheet.fact("kind", Cell::text(&channel.kind));
    sheet.fact("status", Cell::state(&channel.status));
    sheet.fact("since", Cell::when(channel.status_since, now));
    sheet.fact("method", Cell::text(&channel.method));
    sheet.fact("schedule", Cell::text(&channel.schedule));
    sheet.fact("last sync", Cell::when(channel.last_success_at, now));
    sheet.fact("next poll", Cell::when(channel.next_poll_at, now));
    sheet.fact("last webhook", Cell::when(channel.last_webhook_at, now));
    sheet.fact("webhooks to", Cell::maybe(channel.webhook_url.as_deref()));
    sheet.fact("backlog", Cell::count(channel.backlog));
    sheet.fact("in flight", Cell::count(channel.in_flight));
    sheet.fact("allowance", Cell::maybe(channel.rate_limit.remaining.map(|left| format!("{left:.0} left"))));
    sheet.fact("resets", Cell::when(channel.rate_limit.resets_at, now));
    sheet.fact("orders", Cell::text(format!("{} ({} today)", channel.orders.total, channel.orders.today)));
    if let Some(error) = &channel.last_error {
        sheet.fact("last error", Cell::text(format!("{}: {}", error.kind, error.message)));
        sheet.fact("error at", Cell::when(error.at, now));
        sheet.fact("what to do", Cell::maybe(error.advice.as_deref()));
    }
    sheet
}
