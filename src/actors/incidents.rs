//! What the actors tell the merchant of, in words.

use crate::model::{ChannelId, Failure, Timestamp};
use crate::store::Incident;
use crate::sync::Backlog;

pub fn disk_full(key: String) -> Incident {
    Incident {
        key,
        kind: "disk_full",
        channel: None,
        order: None,
        error: None,
        message: "The disk under the data folder is nearly full, so deliveries of webhooks are refused."
            .to_owned(),
        advice:
            "Free some space there. The marketplaces send again what was refused, and the polls fetch the \
                 rest; below 64 MiB fenicia does not start."
                .to_owned(),
    }
}

pub fn backlog(key: String, channel: &ChannelId, waiting: u64) -> Incident {
    let minutes = Backlog::LONG.as_secs() / 60;
    Incident {
        key,
        kind: "backlog",
        channel: Some(channel.clone()),
        order: None,
        error: None,
        message: format!(
            "Channel {channel}: {waiting} deliveries, orders and actions wait, more than {} for {minutes} minutes.",
            Backlog::MUCH
        ),
        advice:
            "Look at the channel: it is slow, out of allowance or being imported. fenicia works through it \
                 by itself."
                .to_owned(),
    }
}

pub fn polls_late(key: String, channel: &ChannelId, since: Timestamp) -> Incident {
    Incident {
        key,
        kind: Incident::CHANNEL_DOWN,
        channel: Some(channel.clone()),
        order: None,
        error: None,
        message: format!(
            "Channel {channel}: no poll has come to its end since {since}, so orders may be missing whose webhook was lost."
        ),
        advice: "Look at the channel's errors and its rate limit. fenicia goes on trying; if nothing moves, \
                 report the log."
            .to_owned(),
    }
}

pub fn webhooks_off(key: String, channel: &ChannelId, failure: &Failure) -> Incident {
    Incident {
        key,
        kind: "webhooks_off",
        channel: Some(channel.clone()),
        order: None,
        error: None,
        message: format!(
            "Channel {channel} does not send webhooks, so its orders come by poll only. {}",
            failure.message
        ),
        advice:
            "Correct what the message names, most often `public_url` under [webhooks] in config.toml, then \
                 reload. It is tried again every hour."
                .to_owned(),
    }
}
