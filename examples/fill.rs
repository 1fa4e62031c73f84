//! Fills a store as bulk syncs would have left it, for the journeys through the page.
//!
//! `fill DATA-FOLDER ORDERS CHANNEL…` shares the orders among the channels and tells a long story of
//! the newest one of the first channel, whose id it prints. The daemon must not run meanwhile.

use std::error::Error;
use std::io::Write as _;

use fenicia::clock::Clock;
use fenicia::model::OrderKey;
use fenicia::random::Random;
use fenicia::store::{Options, Store, testing};

/// Events of the long story.
const STORY: u32 = 2_000;
const CACHE: usize = 256 << 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, orders, channels @ ..] = arguments.as_slice() else {
        return Err("usage: fill DATA-FOLDER ORDERS CHANNEL…".into());
    };
    let first = channels.first().ok_or("name at least one channel")?;
    let share = orders.parse::<u64>()? / channels.len() as u64;
    let now = Clock::system().now();
    let mut options = Options::new(folder, Clock::system(), Random::system());
    options.cache_bytes = CACHE;
    let store = Store::open(options)?;
    for (channel, nth) in channels.iter().zip(0..) {
        testing::fill(&store, channel, nth * share, share, now).await?;
    }
    let longest: OrderKey = testing::sample(first, share.saturating_sub(1), now).0.key;
    testing::tell(&store, longest.clone(), STORY, now).await?;
    store.close().await;
    writeln!(std::io::stdout(), "{longest}")?;
    Ok(())
}
