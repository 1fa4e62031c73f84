//! A search keeps personal data out of addresses: only what is a number of ours goes there.

use super::filters::Filters;
use super::form::Form;
use super::leaf::see_other;
use super::reader::{Answer, Reader, order_href};
use crate::model::Order;
use crate::store::OrderFilter;

const WORDS_MAX: usize = 200;
/// Hits looked at to tell a number from a name.
const LOOKED_AT: usize = 20;

/// `POST /orders/search`
pub async fn search(reader: &Reader<'_>) -> Answer {
    let kept = Filters::parse(&Form::parse(reader.form.get("filters").as_bytes()));
    let words: String = reader.form.get("words").chars().take(WORDS_MAX).collect();
    if words.is_empty() {
        return Ok(see_other(kept.href("/orders", &[])));
    }
    let wanted = OrderFilter { q: Some(words.clone()), ..OrderFilter::default() };
    let hits = reader.read(move |store| store.list_orders(&wanted, None, LOOKED_AT)).await?;
    let exact: Vec<&Order> = hits.orders.iter().map(|(o, _)| o).filter(|o| is_named(o, &words)).collect();
    if let ([only], 1, None) = (&exact[..], hits.orders.len(), &hits.next) {
        return Ok(see_other(order_href(&only.key)));
    }
    if let [only] = exact[..]
        && is_number_of(only, &words)
    {
        return Ok(see_other(order_href(&only.key)));
    }
    if !exact.is_empty() {
        return Ok(see_other(kept.href("/orders", &[("q", &words)])));
    }
    let searches = &reader.page.searches;
    let id = searches.remember(&reader.session.id, words, &reader.api.random, reader.moments.now);
    Ok(see_other(kept.href("/orders", &[("s", &id)])))
}

/// The words are the order's number, its id at the marketplace, a SKU or a tracking number: all of
/// it, so that a name that happens to begin one stays private.
fn is_named(order: &Order, words: &str) -> bool {
    let same = |text: &str| text.eq_ignore_ascii_case(words);
    is_number_of(order, words)
        || order.items.iter().any(|item| item.sku.as_deref().is_some_and(same))
        || order.shipments.iter().any(|parcel| parcel.tracking_number.as_deref().is_some_and(same))
}

fn is_number_of(order: &Order, words: &str) -> bool {
    let bare = |text: &str| text.trim_start_matches('#').to_ascii_lowercase();
    bare(&order.number) == bare(words) || order.key.order.as_str() == words || order.key.to_string() == words
}
