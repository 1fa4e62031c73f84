//! Exactly one effect, or a visible unknown: shipments, corrected numbers and cancellations against
//! marketplaces that lose their answers, by a daemon that is killed in between.
//!
//! The whole daemon runs in this process over a disk in memory, in virtual time that is let on only
//! while sockets are served. A kill takes the disk away first, so that nothing that was under way
//! leaves a trace, and then every actor.
//!
//! `FENICIA_EFFECTS` sets how many actions each marketplace is asked for (default 60; `just effects`
//! asks for 1,000), `FENICIA_SEED` repeats a run.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test says what it expects"
)]

#[path = "../support/disk.rs"]
mod disk;
mod ledger;
mod machine;
mod refusals;
mod rows;
mod scripted;
mod shop;
mod stories;

use rows::ROWS;

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

async fn prove(kind: &str) {
    let row = ROWS.iter().find(|row| row.kind == kind).expect("a row");
    let wanted = number("FENICIA_EFFECTS", 60);
    let seed = number("FENICIA_SEED", 1) as u64;
    let tally = stories::tell(row, wanted, seed).await;
    eprintln!("{}", ledger::Tally::head());
    eprintln!("{}", tally.line(kind));
    for (reason, times) in &tally.reasons {
        eprintln!("{kind}: {times} {reason}");
    }
    assert_eq!(tally.faults, Vec::<String>::new(), "{kind}, seed {seed}");
    assert!(tally.done > tally.asked / 3, "{kind}: hardly anything was done: {}", tally.line(kind));
}

#[tokio::test(start_paused = true)]
async fn shopify_acts_once_or_says_that_it_does_not_know() {
    prove("shopify").await;
}

#[tokio::test(start_paused = true)]
async fn amazon_acts_once_or_says_that_it_does_not_know() {
    prove("amazon").await;
}

#[tokio::test(start_paused = true)]
async fn mercado_libre_acts_once_or_says_that_it_does_not_know() {
    prove("mercadolibre").await;
}

#[tokio::test(start_paused = true)]
async fn walmart_acts_once_or_says_that_it_does_not_know() {
    prove("walmart").await;
}

#[tokio::test(start_paused = true)]
async fn tiktok_shop_acts_once_or_says_that_it_does_not_know() {
    prove("tiktok_shop").await;
}
