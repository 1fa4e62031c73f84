//! The connector against the contract's samples, and against a shop that answers over loopback.

mod calls;
mod outward;
mod samples;
mod sandbox;
mod shop;
