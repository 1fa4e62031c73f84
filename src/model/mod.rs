//! Values that every layer speaks: no input or output, no clock, no async.

mod action;
mod capability;
mod connection;
mod event;
mod failure;
mod ids;
mod job;
mod money;
mod observation;
mod order;
mod role;
mod secret;
mod status;
mod tiding;
mod time;

pub use action::{Action, ActionRequest, ActionState, CancelReason, Memo, ShipLine};
pub use capability::{CancelAbility, Capabilities, ReasonChoice, ShipAbility, TrackingAbility};
pub use connection::{ChannelError, ConnectionState, ConnectionStatus, Credentials, Left, RateLimit, Tokens};
pub use event::{Event, EventKind, FieldChange, Trigger};
pub use failure::{Failure, FailureKind};
pub use ids::{ActionId, BadChannelId, ChannelId, ChannelOrderId, OrderKey, SyncId};
pub use job::Lane;
pub use money::{Currency, decimal};
pub use observation::{AddressSeen, Anomaly, CustomerSeen, Native, Observation, Seen, Source};
pub use order::{
    Address, Amounts, Customer, FulfilledBy, Item, LastAction, Order, Person, Shipment, ShipmentItem,
    ShipmentStatus, SyncError, SyncInfo, SyncState, Version,
};
pub use role::Role;
pub use secret::Secret;
pub use status::{OrderStatus, PaymentStatus};
pub use tiding::{Delivery, Tiding};
pub use time::Timestamp;
