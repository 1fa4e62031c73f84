//! Mercado Libre: orders of one seller in one country.
//!
//! The unit is the *order*: one variation, n units. A cart is a *pack* of several orders that share
//! one shipment; it only lends its number. Notifications are unsigned hints, the truth is read with
//! our own token: order, shipment, buyer's name, notes. Whether an order can be marked as shipped
//! depends on the logistic mode of its shipment.

mod ability;
mod api;
mod auth;
mod command;
mod connector;
mod document;
mod fetch;
mod listing;
mod map;
mod names;
mod notice;
mod outbound;
mod probe;
mod refusal;
mod setup;
mod site;
mod state;
mod told;

#[cfg(test)]
mod samples;

pub use setup::KIND;
