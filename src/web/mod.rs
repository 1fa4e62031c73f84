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
mod peer;
mod problem;
mod query;
mod reply;
mod route;
mod server;
mod state;

pub use auth::{Caller, Sessions};
pub use listener::Limits;
pub use problem::{Code, Problem};
pub use server::{Addresses, BindError, Bound, Serving};
pub use state::{AdminOptions, Api, Options, WebhooksOptions};
