//! TikTok Shop: orders of one shop, in every market.
//!
//! Every call is signed and carries its time. Webhooks are signed thin hints, sent five times at
//! most, so a poll by change time finds what they miss. An order's lines are single units, folded
//! here by SKU and price. Refunds are not part of the order: they are read from the cancellations
//! and the returns. What TikTok masks is as good as not said.

mod ability;
mod address;
mod api;
mod auth;
mod command;
mod connector;
mod document;
mod facts;
mod fetch;
mod lines;
mod listing;
mod map;
mod money;
mod notice;
mod outbound;
mod pace;
mod probe;
mod providers;
mod reason;
mod refusal;
mod setup;
mod sign;
mod state;
mod subscription;

#[cfg(test)]
mod tests;

pub use setup::KIND;
