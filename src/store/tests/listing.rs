//! Lists, counts and search.

use super::*;

async fn filled(count: u64) -> Bench {
    let bench = Bench::new();
    testing::fill(&bench.store, "tienda", 0, count, bench.now).await.expect("filled");
    testing::fill(&bench.store, "otra", 0, count, bench.now).await.expect("filled");
    bench
}

impl Bench {
    /// Every page of a list, as order keys.
    fn walk(&self, filter: &OrderFilter, limit: usize) -> Vec<String> {
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.store.list_orders(filter, cursor.as_deref(), limit).expect("page");
            assert!(page.orders.len() <= limit);
            found.extend(page.orders.iter().map(|(order, _)| order.key.to_string()));
            match page.next {
                Some(next) => cursor = Some(next),
                None => return found,
            }
        }
    }

    /// The same by looking at every order.
    fn expected(&self, keep: impl Fn(&Order, &Person) -> bool) -> Vec<String> {
        let mut all = Vec::new();
        for channel in ["tienda", "otra"] {
            for n in 0..400 {
                let key = order_key(&format!("{channel}:{}", 5_000_000_000_u64 + n));
                all.extend(self.store.order(&key).expect("read"));
            }
        }
        all.retain(|(order, person)| keep(order, person));
        all.sort_by(|(a, _), (b, _)| (b.placed_at, &a.key).cmp(&(a.placed_at, &b.key)));
        all.into_iter().map(|(order, _)| order.key.to_string()).collect()
    }
}

#[tokio::test]
async fn every_combination_of_filters_lists_the_same_as_looking_at_every_order() {
    let bench = filled(200).await;
    let after = bench.now.minus(Duration::from_mins(150));
    let before = bench.now.minus(Duration::from_mins(20));
    let statuses = [vec![], vec![OrderStatus::Accepted], vec![OrderStatus::Shipped, OrderStatus::Cancelled]];
    for channel in [None, Some(tienda())] {
        for status in &statuses {
            for payment in [vec![], vec![PaymentStatus::Paid, PaymentStatus::Refunded]] {
                for (placed_after, placed_before, updated_after) in
                    [(None, None, None), (Some(after), Some(before), None), (None, Some(before), Some(after))]
                {
                    let filter = OrderFilter {
                        channel: channel.clone(),
                        status: status.clone(),
                        payment_status: payment.clone(),
                        placed_after,
                        placed_before,
                        updated_after,
                        ..OrderFilter::default()
                    };
                    let expected = bench.expected(|order, _| {
                        filter.channel.as_ref().is_none_or(|c| *c == order.key.channel)
                            && (status.is_empty() || status.contains(&order.status))
                            && (payment.is_empty() || payment.contains(&order.payment_status))
                            && placed_after.is_none_or(|t| order.placed_at > t)
                            && placed_before.is_none_or(|t| order.placed_at < t)
                            && updated_after.is_none_or(|t| order.placed_at > t)
                    });
                    assert_eq!(bench.walk(&filter, 7), expected, "{filter:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn search_finds_numbers_by_their_beginning_and_people_by_whole_words() {
    let bench = filled(200).await;
    let q = |text: &str| OrderFilter { q: Some(text.to_owned()), ..OrderFilter::default() };
    let named = |word: &'static str| {
        bench.expected(move |_, person| {
            let name = person.customer.name.clone().expect("name");
            search::fold(&name).split(' ').any(|part| part == word)
        })
    };
    assert_eq!(bench.walk(&q("#1042"), 50), ["otra:5000000042", "tienda:5000000042"]);
    assert_eq!(bench.walk(&q("1042"), 50), ["otra:5000000042", "tienda:5000000042"]);
    assert_eq!(bench.walk(&q("5000000042"), 50).len(), 2);
    assert_eq!(
        bench.walk(&q("sku-12"), 9),
        bench.expected(|order, _| {
            order.items.iter().any(|item| item.sku.as_deref().is_some_and(|sku| sku.starts_with("SKU-12")))
        })
    );
    assert_eq!(bench.walk(&q("JOSE"), 7), named("jose"));
    assert_eq!(bench.walk(&q("josé apellido7"), 7), {
        let family = named("apellido7");
        named("jose").into_iter().filter(|key| family.contains(key)).collect::<Vec<_>>()
    });
    assert_eq!(bench.walk(&q("jos"), 7), Vec::<String>::new(), "people are found whole or not at all");
    assert_eq!(bench.walk(&q("Buyer7@Example.com"), 7).len(), 2);
    for phone in ["+52 55 00000007", "5500000007", "52 5500000007", "0000007", "(55) 0000-0007"] {
        assert_eq!(bench.walk(&q(phone), 7).len(), 2, "{phone}");
    }
    let paid = OrderFilter { payment_status: vec![PaymentStatus::Paid], ..q("jose") };
    let both = bench.walk(&paid, 7);
    assert!(!both.is_empty() && both.len() < bench.walk(&q("jose"), 7).len());
}

#[tokio::test]
async fn a_changed_order_moves_in_every_view() {
    let mut bench = Bench::configured().await;
    bench.poll(vec![tiding(seen("1", Source::Listing, bench.now, OrderStatus::Accepted))]).await;
    let summary = bench.store.summary().expect("summary");
    assert_eq!((summary.total, summary.status["accepted"], summary.channel["tienda"]), (1, 1, 1));
    let now = bench.later(60);
    let mut changed = seen("1", Source::Listing, now, OrderStatus::Cancelled);
    changed.customer.name = Seen::Value("Berta Luz".to_owned());
    bench.poll(vec![tiding(changed)]).await;
    let summary = bench.store.summary().expect("summary");
    assert_eq!((summary.total, summary.status.get("accepted"), summary.status["cancelled"]), (1, None, 1));
    let q = |text: &str| OrderFilter { q: Some(text.to_owned()), ..OrderFilter::default() };
    assert!(bench.walk(&q("nunez"), 5).is_empty());
    assert_eq!(bench.walk(&q("berta"), 5), ["tienda:1"]);
    let counts =
        bench.store.channel_counts(&tienda(), bench.now.minus(Duration::from_hours(2))).expect("counts");
    assert_eq!((counts.total, counts.today), (1, 1));
}

#[tokio::test]
async fn a_made_up_cursor_is_refused() {
    let bench = Bench::new();
    let filter = OrderFilter::default();
    for cursor in ["x", "", "AAAA", "%%%"] {
        let refused = bench.store.list_orders(&filter, Some(cursor), 5);
        assert!(matches!(refused, Err(StoreError::NotFound("cursor"))), "{cursor}");
    }
}
