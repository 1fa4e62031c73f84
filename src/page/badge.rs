//! States as word, shape and colour together, and the tiles that stand for marketplaces.

use super::language::capitalised;
use super::words::Words;
use crate::actors::Connection;

use crate::model::{
    ActionState, ConnectionStatus, FailureKind, LastAction, Order, OrderStatus, PaymentStatus, SyncState,
};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Badge {
    pub tone: &'static str,
    pub glyph: &'static str,
    pub word: &'static str,
}

const fn badge(tone: &'static str, glyph: &'static str, word: &'static str) -> Badge {
    Badge { tone, glyph, word }
}

pub const fn status(status: OrderStatus, w: &'static Words) -> Badge {
    match status {
        OrderStatus::Pending => badge("", "g-pending", w.pending),
        OrderStatus::Accepted => badge("blue", "g-accepted", w.accepted),
        OrderStatus::Shipped => badge("teal", "g-shipped", w.shipped),
        OrderStatus::Delivered => badge("green", "g-delivered", w.delivered),
        OrderStatus::Cancelled => badge("", "g-cancelled", w.cancelled),
    }
}

pub const fn payment(status: PaymentStatus, w: &'static Words) -> Badge {
    match status {
        PaymentStatus::Pending => badge("pay off", "g-unpaid", w.payment_pending),
        PaymentStatus::Paid => badge("pay green", "g-paid", w.paid),
        PaymentStatus::PartiallyRefunded => badge("pay amber", "g-part", w.partly_refunded),
        PaymentStatus::Refunded => badge("pay", "g-back", w.refunded),
    }
}

/// Only exceptions: an order that is in step has none.
pub fn sync(order: &Order, w: &'static Words) -> Option<Badge> {
    let state = order.last_action.as_ref().map(|LastAction { state, .. }| *state);
    match (state, order.sync.state) {
        (Some(ActionState::Unknown), _) => Some(badge("amber", "info", w.outcome_unknown)),
        (Some(ActionState::Failed), _) => Some(badge("red", "g-cut", w.action_refused)),
        (_, SyncState::Failed) => Some(badge("red", "g-late", w.sync_failed)),
        (_, SyncState::Missing) => Some(badge("amber", "g-gone", w.not_in_channel)),
        (_, SyncState::Pending) => Some(badge("", "g-wait", w.waiting)),
        (_, SyncState::Synced) => None,
    }
}

pub const fn sync_word(state: SyncState, w: &'static Words) -> &'static str {
    match state {
        SyncState::Synced => w.in_step,
        SyncState::Pending => w.waiting,
        SyncState::Failed => w.sync_failed,
        SyncState::Missing => w.not_in_channel,
    }
}

pub const fn connection(status: ConnectionStatus, w: &'static Words) -> Badge {
    match status {
        ConnectionStatus::Connected => badge("green", "g-ok", w.connected),
        ConnectionStatus::Degraded => badge("amber", "g-late", w.delayed),
        ConnectionStatus::NeedsReconnect => badge("red", "g-cut", w.reconnect_needed),
        ConnectionStatus::Disabled => badge("", "g-pause", w.turned_off),
    }
}

pub const fn possible(supported: bool, w: &'static Words) -> Badge {
    if supported { badge("green", "g-ok", w.yes) } else { badge("", "g-cancelled", w.no) }
}

/// How loud a failure is: red needs a person, amber cures itself.
pub const fn tone(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Permission | FailureKind::InvalidRequest | FailureKind::NotFound => "red",
        FailureKind::NetworkTimeout | FailureKind::RateLimited | FailureKind::Unavailable => "amber",
        FailureKind::Unsupported => "",
    }
}

/// Two letters for a marketplace, in place of its logo.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tile {
    pub letters: String,
    pub title: String,
}

impl Tile {
    /// `name`: of the kind in the config, for a channel that is no longer there.
    pub fn of(connection: Option<&Connection>, name: &str) -> Self {
        match connection.map(|connection| connection.kind) {
            Some(kind) => Self { letters: kind.tile.to_owned(), title: kind.title.to_owned() },
            None => Self { letters: capitalised(name.get(..2).unwrap_or(name)), title: name.to_owned() },
        }
    }
}
