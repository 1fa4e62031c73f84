//! Power loss: whatever subset of unsynced sectors reached the disk, the store opens, its
//! invariants hold, and everything acknowledged is there.

#[path = "../../../tests/support/torn_disk.rs"]
mod torn_disk;

use super::*;
use torn_disk::{Calls, TornDisk};

/// What was acknowledged before the power failed.
#[derive(Default)]
struct Ledger {
    deliveries: Vec<String>,
    orders: Vec<OrderKey>,
    asked: Vec<(String, CommandAnswer)>,
}

/// Works until the power fails.
async fn work(store: &Store, random: &Random, ledger: &mut Ledger) -> Result<(), StoreError> {
    let channel = tienda();
    let mut now = start();
    let change = ConnectionChange::Configured { kind: KIND, enabled: true, credentials: String::new() };
    store.update_connection(&channel, change, now).await?;
    for n in 0_u32.. {
        now = now.plus(Duration::from_secs(1));
        let order = random.below(12).to_string();
        match random.below(6) {
            0 | 1 => {
                let id = format!("d{n}");
                let body = vec![b'x'; usize::try_from(random.below(5_000)).unwrap_or(0)];
                store.accept_delivery(&channel, delivery(&id, &body, now)).await?;
                ledger.deliveries.push(id);
            }
            2 => {
                let pending = store.inbox(&channel, 5, now)?;
                let read = pending.into_iter().map(|item| {
                    let status = OrderStatus::ALL[usize::try_from(random.below(5)).unwrap_or(0)];
                    (item, vec![tiding(seen(&order, Source::Payload, now, status))])
                });
                let effects = store.apply_deliveries(&channel, KIND, read.collect(), now).await?;
                ledger.orders.extend(effects.changed.into_iter().map(|changed| changed.order));
            }
            3 => {
                let page = PageIn { tidings: vec![hint(&order)], ..PageIn::default() };
                store.store_page(&channel, KIND, "orders", page, now).await?;
                for claim in store.claim_due(&channel, 3, Vec::new(), Lane::Bulk, now).await? {
                    let key = claim.order.clone();
                    let fetched = seen(key.order.as_str(), Source::Fetch, now, OrderStatus::Shipped);
                    store.finish_sync(KIND, claim, found(fetched), now).await?;
                    ledger.orders.push(key);
                }
            }
            4 => {
                let key = format!("k{n}");
                let asked = Asked { by: "ana".to_owned(), key: Some((key.clone(), [1; 32])) };
                let order = OrderKey::new(channel.clone(), order_id(&order));
                match store.command(Command::SyncOrder(order), asked, now).await {
                    Ok(answer) => ledger.asked.push((key, answer)),
                    Err(CommandError::Store(e)) => return Err(e),
                    Err(e) => panic!("{e}"),
                }
            }
            _ if random.below(3) == 0 => {
                let who = EraseWho::Orders(vec![OrderKey::new(channel.clone(), order_id(&order))]);
                store.erase(who, None, now).await?;
            }
            _ => drop(store.prune(now).await?),
        }
    }
    Ok(())
}

async fn lose_power_once(seed: u64) {
    let dir = tempfile::tempdir().expect("folder");
    let random = Random::seeded(seed);
    let options = || Options {
        cache_bytes: 1 << 20,
        ..Options::new(dir.path(), Clock::starting_at(start()), random.clone())
    };
    let mut disk = TornDisk::default();
    let mut ledger = Ledger::default();
    for round in 0..3 {
        let store = testing::on_backend(options(), disk.clone()).expect("opens");
        let report = verify_running(&store).expect("checked");
        assert_eq!(report.faults, [], "seed {seed}, round {round}");
        for id in &ledger.deliveries {
            let again = store.accept_delivery(&tienda(), delivery(id, b"", start())).await.expect("answered");
            assert_eq!(again, Accepted::Duplicate, "seed {seed}: {id} was lost");
        }
        for key in &ledger.orders {
            assert!(store.order(key).expect("read").is_some(), "seed {seed}: {key} was lost");
        }
        for (key, answer) in &ledger.asked {
            let known = store.answered(&(key.clone(), [1; 32])).expect("read");
            assert_eq!(known.as_ref(), Some(answer), "seed {seed}: {key} was lost");
        }
        // Ids that the next round makes are new.
        ledger = Ledger { orders: ledger.orders, ..Ledger::default() };
        store.recover_claims(start()).await.expect("recovered");
        disk.breaks_after(random.below(600), Calls::Changes);
        let ended = work(&store, &random, &mut ledger).await;
        assert!(matches!(ended, Err(StoreError::Closed)), "seed {seed}: {ended:?}");
        disk = disk.after_power_loss(&random);
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_with_the_power() {
    let seeds = std::env::var("FENICIA_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(25);
    for seed in 0..seeds {
        lose_power_once(seed).await;
    }
}
