//! Every connector against its marketplace of the sandbox: what the connector makes of an order
//! must be what the marketplace knows to be true, however it came in, and without a single breach
//! of the marketplace's protocol.

mod actions;
mod pair;
mod reading;
mod webhooks;

use std::future::Future;

use fenicia::kinds::KINDS;
use fenicia::random::Random;
use fenicia::sandbox::{Stand, Wish, stir, visit};
use tokio::task::JoinSet;

/// Does the same with every kind at once: the connectors keep to the real allowances.
async fn each<F: Future<Output = ()> + Send + 'static>(work: impl Fn(&'static str) -> F) {
    let mut under_way: JoinSet<()> = KINDS.iter().map(|kind| work(kind.name)).collect();
    while let Some(ended) = under_way.join_next().await {
        if let Err(panicked) = ended {
            std::panic::resume_unwind(panicked.into_panic());
        }
    }
}

/// Orders of every sort in every state.
fn fill(stand: &dyn Stand) {
    let random = Random::seeded(5);
    for flavour in stand.flavours() {
        let wish = Wish { flavour: Some((*flavour).to_owned()), ..Wish::default() };
        stand.place(&wish).unwrap_or_else(|refused| panic!("{flavour}: {refused}"));
    }
    for _ in 0..12 {
        visit(stand, &random);
        stir(stand, &random);
        stir(stand, &random);
    }
}
