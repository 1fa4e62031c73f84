//! Composition: what is built from what, started in which order, and stopped in which.

mod admin_key;
mod daemon;
mod demo;
mod files;
mod reload;
mod run;
mod sandbox;

pub use daemon::{Addresses, Daemon, StartError};
pub use demo::{DemoError, DemoOptions, demo};
pub use run::{RunError, RunOptions, environment, run};
pub use sandbox::{SandboxError, SandboxOptions, sandbox};
