//! The connector against the contract's samples, and against a shop that answers over loopback.

mod calls;
mod samples;
mod shop;
