//! The daemon is down, is killed, is told to stop, and starts again.

use fenicia::random::Random;
use fenicia::sandbox::{Fault, stir, visit};

use super::market::{Market, Plan, Polls};

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_while_the_daemon_was_down_is_found_after_its_start() {
    let mut market = Market::open(Plan { polls: Polls::Unannounced, ..Plan::default() }).await;
    market.ready().await;
    market.agrees().await;
    market.stop();
    let random = Random::seeded(11);
    for shop in &market.shops {
        shop.suffers(Fault::Lost);
        for _ in 0..shop.row.crowd.min(200) {
            visit(shop.stand(), &random);
            stir(shop.stand(), &random);
        }
        shop.mend();
    }
    market.start();
    market.agrees().await;
    market.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_killed_at_any_moment_loses_nothing() {
    let mut market = Market::open(Plan::default()).await;
    market.ready().await;
    let random = Random::seeded(12);
    for _ in 0..3 {
        for shop in &market.shops {
            for _ in 0..6 {
                visit(shop.stand(), &random);
                stir(shop.stand(), &random);
            }
        }
        // In the middle of whatever the first news has set off.
        market.client().news().await;
        market.kill();
        market.start();
    }
    for shop in market.shops.iter().filter(|shop| shop.row.quiet) {
        for truth in shop.stand().truths(None, usize::MAX) {
            market.sync(shop, &truth.order_id).await;
        }
    }
    market.agrees().await;
    market.close();
}
