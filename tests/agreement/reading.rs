//! Fetching, listing, probing, and the life of an access.

use fenicia::model::{ChannelOrderId, FailureKind};
use fenicia::random::Random;
use fenicia::sandbox::{Deed, Wish, stir};

use crate::pair::{Pair, Stored};
use crate::{each, fill};

#[tokio::test]
async fn fetching_an_order_finds_what_is_true() {
    each(|kind| async move {
        let pair = Pair::open(kind).await;
        fill(pair.stand());
        let truths = pair.stand().truths(None, 10_000);
        let ids: Vec<ChannelOrderId> =
            truths.iter().map(|truth| ChannelOrderId::new(&truth.order_id).expect("an id")).collect();
        let mut stored = Stored::new();
        pair.fetch(&mut stored, &ids).await;
        assert_eq!(pair.differences(&stored), Vec::<String>::new(), "{kind}");
        assert_eq!(pair.breaches(), Vec::<String>::new(), "{kind}");
    })
    .await;
}

#[tokio::test]
async fn listing_finds_every_order_and_what_is_true() {
    each(|kind| async move {
        let pair = Pair::open(kind).await;
        fill(pair.stand());
        let mut stored = Stored::new();
        let hinted = pair.list(&mut stored).await;
        pair.fetch(&mut stored, &hinted).await;
        assert_eq!(pair.differences(&stored), Vec::<String>::new(), "{kind}");
        assert_eq!(pair.breaches(), Vec::<String>::new(), "{kind}");
    })
    .await;
}

#[tokio::test]
async fn a_listing_after_changes_ends_in_what_is_true() {
    each(|kind| async move {
        let pair = Pair::open(kind).await;
        fill(pair.stand());
        let mut stored = Stored::new();
        let hinted = pair.list(&mut stored).await;
        pair.fetch(&mut stored, &hinted).await;
        let random = Random::seeded(6);
        for _ in 0..20 {
            stir(pair.stand(), &random);
        }
        let hinted = pair.list(&mut stored).await;
        pair.fetch(&mut stored, &hinted).await;
        // What the marketplace announces nowhere is found by reading again.
        if let Some(again) = pair.channel.reread() {
            let due = stored.iter().filter(|(_, (order, _))| again.statuses.contains(&order.status));
            let due: Vec<ChannelOrderId> = due.map(|(id, _)| id.clone()).collect();
            pair.fetch(&mut stored, &due).await;
        }
        assert_eq!(pair.differences(&stored), Vec::<String>::new(), "{kind}");
        assert_eq!(pair.breaches(), Vec::<String>::new(), "{kind}");
    })
    .await;
}

#[tokio::test]
async fn a_probe_finds_the_sandbox_in_order() {
    each(|kind| async move {
        let pair = Pair::open(kind).await;
        let findings = pair.channel.probe(pair.call()).await.expect("an answer");
        let bad: Vec<_> = findings.iter().filter(|finding| !finding.ok).collect();
        assert!(bad.is_empty(), "{kind}: {bad:?}");
        assert_eq!(pair.breaches(), Vec::<String>::new(), "{kind}");
    })
    .await;
}

#[tokio::test]
async fn a_revoked_access_is_a_permission_failure_and_an_expired_one_is_renewed() {
    each(|kind| async move {
        let mut pair = Pair::open(kind).await;
        let order = pair.stand().place(&Wish::default()).expect("room");
        let order = [ChannelOrderId::new(&order).expect("an id")];
        pair.stand().expire_access();
        let failure = pair.channel.fetch(pair.call(), &order).await.expect_err("the token ran out");
        assert!(failure.stale_token, "{kind}: {failure:?}");
        pair.tokens = pair.channel.authorise(Some(&pair.tokens)).await.expect("renewing works");
        let mut stored = Stored::new();
        pair.fetch(&mut stored, &order).await;
        pair.stand().revoke_access();
        let failure = pair.channel.authorise(Some(&pair.tokens)).await.expect_err("nothing helps");
        assert_eq!(failure.kind, FailureKind::Permission, "{kind}: {failure:?}");
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_order_and_its_refund_are_seen() {
    each(|kind| async move {
        let pair = Pair::open(kind).await;
        let id = pair.stand().place(&Wish::default()).expect("room");
        if pair.stand().happen(&id, &Deed::Cancel).is_err() {
            return;
        }
        let mut stored = Stored::new();
        let order = ChannelOrderId::new(&id).expect("an id");
        pair.fetch(&mut stored, std::slice::from_ref(&order)).await;
        assert_eq!(stored[&order].0.status.to_string(), "cancelled", "{kind}");
    })
    .await;
}
