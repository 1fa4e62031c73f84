//! Reading orders afresh, up to fifty at once: the orders, their cancellations and their returns.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::api::{Answered, Api, Ask};
use super::document::{AfterSaleDoc, AfterSalesDoc, OrderDoc, OrdersDoc};
use super::facts::Provider;
use super::map::{Reading, observe};
use super::money::{AfterSales, Ledger};
use super::notice::order_id;
use super::providers::Providers;
use super::refusal::{is_no_such_operation, nonsense};
use crate::channel::{Call, Fetched};
use crate::model::{ChannelOrderId, Failure, FailureKind, Source, Timestamp};

/// Most orders of one call.
pub const BATCH: usize = 50;
/// Most entries of one page of cancellations or returns.
pub const AFTER_SALES_PAGE: &str = "50";
/// Fifty orders do not have more; a list that goes on and on is not worth believing.
const PAGES_MAX: usize = 100;
const DETAIL: &str = "/order/202507/orders";
/// Says the same in all that is read here.
const OLDER_DETAIL: &str = "/order/202309/orders";

#[derive(Default)]
pub struct Reader {
    /// The newer detail call is not known there.
    older: AtomicBool,
    pub providers: Providers,
}

/// The orders that were found, and why others were not.
#[derive(Default)]
struct Found {
    orders: BTreeMap<String, (OrderDoc, Timestamp)>,
    failed: BTreeMap<String, Failure>,
    /// The answer held orders that cannot be read: whoever was not found may be one of them.
    odd: bool,
}

impl Reader {
    /// One entry per id, in their order.
    pub async fn fetch(
        &self,
        api: &Api,
        call: Call<'_>,
        orders: &[ChannelOrderId],
    ) -> Result<Vec<Fetched>, Failure> {
        let ids: Vec<&str> =
            orders.iter().map(ChannelOrderId::as_str).filter(|id| order_id(id).is_some()).collect();
        let found = self.find(api, call, &ids).await?;
        let found_ids: Vec<&str> = found.orders.keys().map(String::as_str).collect();
        let (ledger, providers) =
            tokio::join!(after_sales(api, call, &found_ids), self.providers(api, call, &found));
        let ledger = ledger?;
        let fetched = |order: &ChannelOrderId| {
            if let Some((doc, read_at)) = found.orders.get(order.as_str()) {
                let after: Option<AfterSales> = ledger.as_ref().map(|ledger| ledger.of(order.as_str()));
                let reading = Reading {
                    order: doc,
                    after_sales: after.as_ref(),
                    providers: providers.get(&*doc.delivery_option_id).map(AsRef::as_ref),
                    source: Source::Fetch,
                    read_at: *read_at,
                };
                return Fetched::Found(Box::new(observe(order.clone(), &reading)));
            }
            match found.failed.get(order.as_str()) {
                Some(failure) => Fetched::Failed { order: order.clone(), failure: failure.clone() },
                None if found.odd => Fetched::Failed { order: order.clone(), failure: unreadable() },
                None => Fetched::Missing { order: order.clone(), reach: None },
            }
        };
        Ok(orders.iter().map(fetched).collect())
    }

    /// One id that is not this shop's spoils the whole call, so then each is asked for alone.
    async fn find(&self, api: &Api, call: Call<'_>, ids: &[&str]) -> Result<Found, Failure> {
        let mut found = Found::default();
        if ids.is_empty() {
            return Ok(found);
        }
        match self.details(api, call, ids).await {
            Ok(answer) => found.take(answer)?,
            Err(failure) if failure.local && ids.len() > 1 => {
                for &id in ids {
                    self.find_one(api, call, id, &mut found).await?;
                }
            }
            Err(failure) if failure.local => found.fail(ids[0], failure),
            Err(failure) => return Err(failure),
        }
        Ok(found)
    }

    async fn find_one(&self, api: &Api, call: Call<'_>, id: &str, found: &mut Found) -> Result<(), Failure> {
        match self.details(api, call, &[id]).await {
            Ok(answer) => found.take(answer)?,
            Err(failure) if failure.local => found.fail(id, failure),
            Err(failure) => return Err(failure),
        }
        Ok(())
    }

    async fn details(&self, api: &Api, call: Call<'_>, ids: &[&str]) -> Result<Answered<OrdersDoc>, Failure> {
        let ask = |path: &str| Ask::get("orders", path).param("ids", ids.join(","));
        if !self.older.load(Ordering::Relaxed) {
            match api.ask(call, ask(DETAIL)).await {
                Err(failure) if is_no_such_operation(&failure) => self.older.store(true, Ordering::Relaxed),
                settled => return settled,
            }
        }
        api.ask(call, ask(OLDER_DETAIL)).await
    }

    /// The carriers of the orders that can be shipped from here. A courtesy: not to know them hides
    /// no order.
    async fn providers(&self, api: &Api, call: Call<'_>, found: &Found) -> BTreeMap<String, Arc<[Provider]>> {
        let open = found.orders.values().map(|(order, _)| order).filter(|order| is_ours_to_ship(order));
        let options: BTreeSet<&str> = open.filter_map(|order| order.delivery_option_id.filled()).collect();
        let mut known = BTreeMap::new();
        for option in options {
            match self.providers.of(api, call, option).await {
                Ok(list) => {
                    known.insert(option.to_owned(), list);
                }
                Err(failure) => {
                    tracing::debug!(channel = api.channel, kind = %failure.kind, "the carriers could not be asked for");
                    break;
                }
            }
        }
        known
    }
}

impl Found {
    fn take(&mut self, answer: Answered<OrdersDoc>) -> Result<(), Failure> {
        if answer.doc.is_torn() {
            return Err(nonsense("orders", &answer.response));
        }
        let read_at = answer.response.begun_at;
        self.odd |= answer.doc.orders.odd > 0;
        for order in answer.doc.orders.into_list() {
            self.orders.insert(order.id.to_string(), (order, read_at));
        }
        Ok(())
    }

    /// What is not this shop's is simply not there.
    fn fail(&mut self, id: &str, failure: Failure) {
        if failure.kind != FailureKind::NotFound {
            self.failed.insert(id.to_owned(), failure);
        }
    }
}

fn unreadable() -> Failure {
    Failure::unavailable("TikTok Shop's answer about this order cannot be read").local()
}

fn is_ours_to_ship(order: &OrderDoc) -> bool {
    &*order.shipping_type == "SELLER"
        && &*order.fulfillment_type == "FULFILLMENT_BY_SELLER"
        && matches!(
            &*order.status,
            "AWAITING_SHIPMENT" | "PARTIALLY_SHIPPING" | "AWAITING_COLLECTION" | "IN_TRANSIT"
        )
}

/// `None`: this app may not see them.
pub async fn after_sales(api: &Api, call: Call<'_>, ids: &[&str]) -> Result<Option<Ledger>, Failure> {
    if ids.is_empty() {
        return Ok(Some(Ledger::default()));
    }
    let (cancellations, returns) = tokio::join!(
        all(api, call, "cancellations", "/return_refund/202309/cancellations/search", ids),
        all(api, call, "returns", "/return_refund/202309/returns/search", ids),
    );
    let mut ledger = Ledger::default();
    for list in [cancellations, returns] {
        match list {
            Ok(docs) => docs.iter().for_each(|doc| ledger.enter(doc)),
            Err(failure) if is_withheld(&failure) => return Ok(None),
            Err(failure) => return Err(failure),
        }
    }
    Ok(Some(ledger))
}

/// Not for this app to see, and no fresh token or later try will change that.
fn is_withheld(failure: &Failure) -> bool {
    !failure.kind.is_temporary() && !failure.stale_token
}

async fn all(
    api: &Api,
    call: Call<'_>,
    operation: &'static str,
    path: &'static str,
    ids: &[&str],
) -> Result<Vec<AfterSaleDoc>, Failure> {
    let body = json!({ "order_ids": ids });
    let mut docs = Vec::new();
    let mut token = String::new();
    for _ in 0..PAGES_MAX {
        let mut ask = Ask::post(operation, path, &body).param("page_size", AFTER_SALES_PAGE);
        if !token.is_empty() {
            ask = ask.param("page_token", token.as_str());
        }
        let Answered { doc: page, response } = api.ask::<AfterSalesDoc>(call, ask).await?;
        if page.is_torn() {
            return Err(nonsense(operation, &response));
        }
        docs.extend(page.cancellations.into_list());
        docs.extend(page.return_orders.into_list());
        if page.next_page_token.is_empty() || *page.next_page_token == token {
            return Ok(docs);
        }
        token = page.next_page_token.to_string();
    }
    Err(Failure::unavailable(format!("TikTok Shop's list of {operation} does not come to an end")))
}
