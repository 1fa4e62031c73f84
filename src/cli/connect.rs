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
    #[arg(long, conflicts_with = "answer")]
    no_wait: bool,
    /// The address at which the browser ended, where it could not reach fenicia by itself
    #[arg(long, value_name = "ADDRESS")]
    answer: Option<String>,
    #[command(flatten)]
    daemon: Daemon,
}

#[derive(Debug, Deserialize)]
struct Begun {
    /// Where the account's owner consents.
    #[serde(default)]
    url: String,
}

impl Connect {
    pub(super) async fn run(self, screen: &mut Screen) -> Done {
        let client = self.daemon.client()?;
        let path = format!("/api/v1/channels/{}", segment(&self.channel));
        if let Some(answer) = &self.answer {
            let ended = client.post(&format!("{path}/connect"), &json!({ "answer": answer })).await?;
            if self.daemon.json {
                screen.json(&ended.text)?;
            }
            screen.note(&format!("{} is connected.", self.channel));
            return Ok(());
        }
        let before: ChannelView = client.get(&path).await?.read()?;
        let answer = client.post(&format!("{path}/connect"), &json!({})).await?;
        let begun: Begun = answer.read()?;
        if self.daemon.json {
            screen.json(&answer.text)?;
        } else {
            screen.note("Open this address, logged in as the owner of the account, and consent:");
            screen.line(&begun.url)?;
            screen.note(&format!(
                "If the browser then cannot open the page it is sent to, copy that page's address: fenicia connect {} --answer 'ADDRESS'",
                self.channel
            ));
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
                    "Run `fenicia connect {0}` again. The browser must reach the webhook listener's public address; if it cannot, copy the address at which it ended: fenicia connect {0} --answer 'ADDRESS'",
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
