//! What fenicia promises, told as stories: shoppers order, marketplaces fail, strangers knock,
//! operators act. The real binary against the sandbox, over every marketplace of one table.
#![allow(
    clippy::cast_precision_loss,
    clippy::float_cmp,
    clippy::large_stack_arrays,
    clippy::type_complexity,
    reason = "counts as metrics tell them; bodies that are too large on purpose"
)]

mod access;
mod actions;
mod api;
mod bulk;
mod deliveries;
mod intruders;
mod life;
mod limits;
mod market;
mod orders;
mod outages;
mod picture;
mod points;
mod privacy;
mod reload;
mod rotation;
mod rows;
#[path = "../support/mod.rs"]
mod support;
