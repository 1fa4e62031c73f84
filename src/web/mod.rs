//! Both listeners: deliveries from marketplaces, and the API for people and programs.
//!
//! Bind first, build the [`Api`] with the real addresses, then [`Bound::serve`] it;
//! [`Serving::shutdown`] ends everything. Requests are decided here and done elsewhere: reads come
//! from the store, work is a row in the store plus a nudge to the actors.

mod admin;
mod api;
mod auth;
mod consent;
mod fields;
mod health;
mod hooks;
mod line;
mod listener;
mod live;
mod pages;
mod peer;
mod problem;
mod query;
mod reply;
mod route;
mod server;
mod state;
#[doc(hidden)]
pub mod testing;

/// What an operator asks for, whether by API or by page: checked, made durable, the actors nudged.
pub mod desk {
    pub use super::api::{
        Wish, begin_sync, capabilities, channel_capabilities, columns, connection_status, consent_address,
        credentials, eta, left, prove, put_back, request, revoke_key, shown, stop_sync, sync_order,
    };
}

pub use auth::{Caller, sha256};
pub use listener::Limits;
pub use pages::{Coming, Head, Leaf, Pages, Visit, cookie, header};
pub use problem::{Code, Problem};
pub use server::{Addresses, BindError, Bound, Serving};
pub use state::{AdminOptions, Api, Options, WebhooksOptions};

#[cfg(test)]
mod tests;
