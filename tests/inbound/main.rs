//! Orders come in: whatever happens at a marketplace and on the way from there, what is stored ends
//! equal to what the marketplace has. The whole daemon but its process runs against the sandbox in
//! virtual time, over every marketplace of the sandbox alike: an hour takes a moment, and waits and
//! allowances are the real ones.
//!
//! `FENICIA_HISTORIES` and `FENICIA_BULK` set the sizes, `FENICIA_SEED` another run.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test says what it expects"
)]
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "shares and small spans")]

mod bulk;
#[path = "../support/disk.rs"]
mod disk;
mod histories;
mod privacy;
mod story;
mod trouble;
mod world;

use std::future::Future;

use fenicia::kinds::KINDS;

/// A number from the environment.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn seed() -> u64 {
    number("FENICIA_SEED", 1)
}

/// The same for every marketplace, each in a virtual time of its own. `FENICIA_KIND` picks one.
fn each<F: Future<Output = ()>>(work: impl Fn(&'static str) -> F + Copy + Send + Sync) {
    let only = std::env::var("FENICIA_KIND").ok();
    let kinds = KINDS.iter().map(|kind| kind.name);
    let kinds: Vec<_> = kinds.filter(|kind| only.as_deref().is_none_or(|only| only == *kind)).collect();
    std::thread::scope(|scope| {
        let running: Vec<_> =
            kinds.into_iter().map(|kind| scope.spawn(move || in_virtual_time(work(kind)))).collect();
        for ended in running.into_iter().map(std::thread::ScopedJoinHandle::join) {
            ended.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked));
        }
    });
}

fn in_virtual_time(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(work);
}
