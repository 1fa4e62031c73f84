//! The connection: each call of the trait, handed to the file of its noun.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::api::{Api, Ask, alias_id};
use super::auth::Application;
use super::document::{Id, MissedDoc, NoticeDoc, OrderRefDoc, SearchDoc};
use super::listing::{Listing, Missed, ORDERS, OVERLAP, REACH};
use super::names::Names;
use super::notice::{self, Addressee};
use super::site::Site;
use super::{ability, command, fetch, map, outbound, probe};
use crate::channel::{
    Admitted, Answer, Call, Channel, Consent, Fetched, Finding, Given, Inbound, ListRequest, Memo, Page,
    Performed, Refusal, Refused, Reread, Stream, Verdict,
};
use crate::model::{
    Action, ActionRequest, Capabilities, ChannelOrderId, Delivery, Failure, FailureKind, Order, OrderStatus,
    Secret, Tiding, Timestamp, Tokens,
};
use crate::net::Wire;

pub struct MercadoLibre {
    pub api: Api,
    pub channel: String,
    pub base_url: Option<String>,
    pub site: &'static Site,
    pub user_id: u64,
    pub application: Application,
    pub path_secret: Option<Secret>,
    pub names: Names,
    /// The walk of the poll, and the walk of a bulk sync beside it.
    pub polled: Mutex<Listing>,
    pub bulk: Mutex<Listing>,
    pub missed: Mutex<Missed>,
}

const DAY: Duration = Duration::from_hours(24);

const fn missed(name: &'static str) -> Stream {
    Stream {
        name,
        overlap: Duration::ZERO,
        // Kept for two days.
        first: Some(Duration::from_hours(48)),
        every: Duration::ZERO,
        longest: REACH,
        durable_token: false,
        optional: true,
    }
}

const STREAMS: &[Stream] = &[
    Stream {
        name: ORDERS,
        overlap: OVERLAP,
        first: None,
        every: Duration::ZERO,
        longest: Duration::from_hours(87600),
        durable_token: false,
        optional: false,
    },
    missed("missed_feeds:orders_v2"),
    missed("missed_feeds:shipments"),
    missed("missed_feeds:payments"),
];

/// Most missed notifications that are asked for at once; some accounts take ten only.
const MISSED_OF_ORDERS: &[usize] = &[50, 10];
/// Each of these costs a call of its own.
const MISSED_OF_OTHERS: &[usize] = &[10];
/// Beyond this the polls of the orders do better.
const MISSED_DEEPEST: usize = 10_000;

impl Channel for MercadoLibre {
    fn admit(&self, request: &Inbound<'_>) -> Result<Admitted, Refusal> {
        notice::admit(request, &self.addressee())
    }

    fn read(&self, delivery: &Delivery) -> Vec<Tiding> {
        notice::read(delivery)
    }

    fn resolve<'a>(&'a self, call: Call<'a>, alias: &'a str) -> Answer<'a, Vec<ChannelOrderId>> {
        Box::pin(self.orders_behind(call, alias))
    }

    fn streams(&self) -> &[Stream] {
        STREAMS
    }

    fn list<'a>(&'a self, call: Call<'a>, request: ListRequest<'a>) -> Answer<'a, Page> {
        match request.stream.strip_prefix("missed_feeds:") {
            Some(topic) => Box::pin(self.list_missed(call, request, topic)),
            None => Box::pin(self.list_orders(call, request)),
        }
    }

    fn fetch<'a>(&'a self, call: Call<'a>, orders: &'a [ChannelOrderId]) -> Answer<'a, Vec<Fetched>> {
        Box::pin(async move {
            let mut fetched = Vec::with_capacity(orders.len());
            for order in orders {
                fetched.push(self.fetch_one(call, order).await?);
            }
            Ok(fetched)
        })
    }

    fn reread(&self) -> Option<Reread> {
        Some(Reread {
            statuses: &[OrderStatus::Pending, OrderStatus::Accepted, OrderStatus::Shipped],
            every: DAY,
            max_age: Duration::from_hours(8640),
        })
    }

    fn authorise<'a>(&'a self, held: Option<&'a Tokens>) -> Answer<'a, Tokens> {
        Box::pin(self.application.renew(&self.api, &self.channel, held))
    }

    fn refresh_is_single_use(&self) -> bool {
        true
    }

    fn probe<'a>(&'a self, call: Call<'a>) -> Answer<'a, Vec<Finding>> {
        Box::pin(probe::probe(&self.api, call, self.user_id, self.site))
    }

    fn consent(&self, consent: &Consent<'_>) -> Option<String> {
        Some(self.application.consent_address(self.site, self.base_url.as_deref(), consent))
    }

    fn redeem<'a>(&'a self, consent: &'a Consent<'a>, given: &'a Given) -> Answer<'a, Tokens> {
        Box::pin(self.application.redeem(&self.api, consent, &given.code))
    }

    fn wire(&self) -> Option<&Wire> {
        Some(self.api.wire())
    }

    fn capabilities(&self, order: &Order, now: Timestamp) -> Capabilities {
        ability::capabilities(order, now)
    }

    fn dress(&self, order: &mut Order) {
        ability::dress(order);
    }

    fn prepare(&self, order: &Order, request: &ActionRequest, now: Timestamp) -> Result<Memo, Refused> {
        command::prepare(order, request, now)
    }

    fn sends(&self, order: &Order, request: &ActionRequest) -> Option<&'static str> {
        command::sends(order, request)
    }

    fn perform<'a>(&'a self, call: Call<'a>, order: &'a Order, action: &'a Action) -> Answer<'a, Performed> {
        Box::pin(outbound::perform(&self.api, call, self.site, order, action))
    }

    fn follow<'a>(&'a self, call: Call<'a>, order: &'a Order, action: &'a Action) -> Answer<'a, Performed> {
        Box::pin(outbound::follow(&self.api, call, order, action))
    }

    fn judge(&self, order: &Order, action: &Action) -> Verdict {
        command::judge(order, action)
    }
}

impl MercadoLibre {
    fn addressee(&self) -> Addressee<'_> {
        Addressee {
            user_id: self.user_id,
            client_id: self.application.client_id,
            path_secret: self.path_secret.as_ref(),
        }
    }

    /// A shipment or payment that is not ours has no orders. One that is not to be seen may be too new,
    /// so that is a failure.
    async fn orders_behind(&self, call: Call<'_>, alias: &str) -> Result<Vec<ChannelOrderId>, Failure> {
        let found: Vec<OrderRefDoc> = if let Some(Id(id)) = alias_id(alias, "shipment") {
            let ask = Ask::shipment("shipment_items", format!("/shipments/{id}/items"));
            foreign_is_none(self.api.get(call, ask).await.map(|answer| answer.doc))?
        } else if let Some(Id(id)) = alias_id(alias, "payment") {
            let ask = Ask::one("payment", format!("/collections/{id}"));
            foreign_is_none(self.api.get(call, ask).await.map(|answer| vec![answer.doc]))?
        } else {
            Vec::new()
        };
        let order_of = |doc: &OrderRefDoc| doc.order_id.or_else(|| *doc.collection.as_ref()?.order_id);
        let mut ids: Vec<_> = found.iter().filter_map(order_of).map(|id| id.0).collect();
        ids.sort_unstable();
        ids.dedup();
        Ok(ids.into_iter().map(ChannelOrderId::from).collect())
    }

    async fn list_orders(&self, call: Call<'_>, request: ListRequest<'_>) -> Result<Page, Failure> {
        let listing = if request.bulk { &self.bulk } else { &self.polled };
        let query = locked(listing).query(self.user_id, request.from, request.token);
        let ask = Ask::account("search", format!("/orders/search?{query}"));
        let answer = self.api.get::<SearchDoc>(call, ask).await?;
        let now = answer.response.date().unwrap_or(answer.response.begun_at);
        Ok(locked(listing).absorb(&answer.doc, now))
    }

    async fn list_missed(
        &self,
        call: Call<'_>,
        request: ListRequest<'_>,
        topic: &str,
    ) -> Result<Page, Failure> {
        let offset = request.token.and_then(|token| token.parse::<usize>().ok()).unwrap_or(0);
        if offset == 0 {
            locked(&self.missed).of(request.stream).begin(request.from);
        }
        let (doc, limit, now) = self.missed_page(call, topic, offset).await?;
        let messages = doc.messages.list();
        let mut page = Page {
            tidings: self.news(request.stream, messages),
            // The place in this list is only a proof that everything before it was stored.
            watermark: Some(now.max(request.from)),
            ..Page::default()
        };
        let next = offset + messages.len();
        if messages.len() < limit || next >= MISSED_DEEPEST {
            locked(&self.missed).of(request.stream).end(now.max(request.from));
        } else {
            page.next = Some(next.to_string());
        }
        Ok(page)
    }

    /// What of these was not told before, each thing once.
    fn news(&self, stream: &'static str, messages: &[NoticeDoc]) -> Vec<Tiding> {
        let who = self.addressee();
        let mut missed = locked(&self.missed);
        let told = missed.of(stream);
        let mut news = Vec::new();
        for message in messages {
            let Some(tiding) = message.tiding(&who) else { continue };
            let fresh = told.is_news(message.key(message.resource.word().as_bytes()), ());
            if fresh && !news.contains(&tiding) {
                news.push(tiding);
            }
        }
        news
    }

    async fn missed_page(
        &self,
        call: Call<'_>,
        topic: &str,
        offset: usize,
    ) -> Result<(MissedDoc, usize, Timestamp), Failure> {
        let limits = if topic == "orders_v2" { MISSED_OF_ORDERS } else { MISSED_OF_OTHERS };
        let mut refused = None;
        for &limit in limits {
            let path = format!(
                "/missed_feeds?app_id={}&topic={topic}&offset={offset}&limit={limit}",
                self.application.client_id
            );
            match self.api.get::<MissedDoc>(call, Ask::account("missed_feeds", path)).await {
                Ok(answer) => {
                    let now = answer.response.date().unwrap_or(answer.response.begun_at);
                    return Ok((answer.doc, limit, now));
                }
                Err(failure) if failure.kind == FailureKind::InvalidRequest => refused = Some(failure),
                Err(failure) => return Err(failure),
            }
        }
        Err(refused.unwrap_or_else(|| Failure::unavailable("the missed notifications cannot be read")))
    }

    async fn fetch_one(&self, call: Call<'_>, order: &ChannelOrderId) -> Result<Fetched, Failure> {
        let Ok(id) = order.as_str().parse::<u64>() else {
            return Ok(Fetched::Missing { order: order.clone(), reach: None });
        };
        match fetch::read(&self.api, call, (self.site, &self.names), id).await {
            Ok(Some(reading)) => Ok(Fetched::Found(Box::new(map::observe(order.clone(), &reading)))),
            Ok(None) => Ok(Fetched::Missing { order: order.clone(), reach: Some(REACH) }),
            Err(failure) if failure.local => Ok(Fetched::Failed { order: order.clone(), failure }),
            Err(failure) => Err(failure),
        }
    }
}

fn foreign_is_none<T>(answer: Result<Vec<T>, Failure>) -> Result<Vec<T>, Failure> {
    match answer {
        Err(failure) if failure.local && failure.kind == FailureKind::Permission => Ok(Vec::new()),
        answer => answer,
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
