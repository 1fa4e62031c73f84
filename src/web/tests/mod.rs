//! The API over a real store and real actors, against a marketplace made up for these tests. Every
//! answer is held against the API's own description.

mod acting;
mod administration;
mod admission;
mod bazaar;
mod deliveries;
mod feeds;
mod reading;
mod rig;
mod schema;
mod syncing;
