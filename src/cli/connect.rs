//! `fenicia connect`: the consent of an account's owner.

use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use serde_json::json;

use super::Done;
use super::client::segment;
use super::daemon::Daemon;
use super::screen::Screen;
use super::trouble::Trouble;
use super::views::ChannelView;
use super::wait;

/// The daemon forgets a consent that was not given by then.
const PATIENCE: Duration = Duration::from_mins(15);

#[derive(Debug, Args)]
pub(super) struct Connect {
    /// The channel, such as tienda
    channel: String,
    /// Print the address and do not wait for the consent
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    daemon: Daemon,
}

#[derive(Debug, Deserialize)]
struct Begun {
    /// Where the account's owner consents.
    url: String,
}

impl Connect {
    pub(super) async fn run(self, screen: &mut Screen) -> Done {
        let client = self.daemon.client()?;
        let path = format!("/api/v1/channels/{}", segment(&self.channel));
        let before: ChannelView = client.get(&path).await?.read()?;
        let answer = client.post(&format!("{path}/connect"), &json!({})).await?;
        let begun: Begun = answer.read()?;
        if self.daemon.json {
            screen.json(&answer.text)?;
        } else {
            screen.note("Open this address, logged in as the owner of the account, and consent:");
            screen.line(&begun.url)?;
        }
        screen.flush()?;
        if self.no_wait {
            return Ok(());
        }
        let bar = screen.bar("{spinner} waiting for the consent of {msg}");
        bar.set_message(self.channel.clone());
        let is_over = |now: &ChannelView| is_connected_anew(&before, now);
        let over = wait::until(&client, &path, Some(PATIENCE), |_| bar.tick(), is_over).await;
        bar.finish_and_clear();
        if over?.is_none() {
            return Err(Trouble::failed(
                format!("{} is not connected", self.channel),
                "no consent came back in 15 min",
                format!(
                    "Run `fenicia connect {}` again. The marketplace must be able to send the browser to the webhook listener's public address.",
                    self.channel
                ),
            ));
        }
        screen.note(&format!("{} is connected.", self.channel));
        Ok(())
    }
}

/// A connection that was in order before is entered afresh by a consent.
fn is_connected_anew(before: &ChannelView, now: &ChannelView) -> bool {
    now.status == "connected" && (before.status != "connected" || now.status_since != before.status_since)
}
