//! The real binary, driven from outside: what scenarios, the crash suite and the load driver share.
#![allow(dead_code, unused_imports, reason = "each test binary uses a part of it")]

mod api;
mod daemon;

pub use api::{Answer, Client};
pub use daemon::{Daemon, Folder};
