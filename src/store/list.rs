//! Lists of orders, newest first, by any combination of filters.
//!
//! Each combination of channel, status, payment status and sync state that occurs is a run of rows
//! already in list order. A list is the merge of the runs that its filter allows, so it reads
//! about as many rows as it answers. A query walks the places of its words instead.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::orders::updated_at;
use super::rows::{Bytes, GO_ON, Rows, STOP, Snapshot, Span};
use super::search::{Found, Matches};
use super::tables::Tab;
use super::views::{self, Facet, Stamps};
use super::{ChannelCounts, OrderFilter, OrderPage, Store, StoreError, Summary, keys};
use crate::model::{ChannelId, Order, OrderKey, OrderStatus, Person, Timestamp};

/// Rows that one page looks at before it is answered short, with a cursor to go on.
const BUDGET: usize = 20_000;
/// Steps through an index that cost as much as loading an order.
const LOAD: usize = 20;
/// Up to this many recently updated orders are sorted in memory.
const RECENT: usize = 3_000;
/// Most orders of one page.
const PAGE: usize = 1_000;

impl Store {
    /// Newest first. Fast at a million orders: walks only the index rows of matching facets. A
    /// page may be shorter than `limit` although `next` is set. `NotFound` for a broken cursor.
    pub fn list_orders(
        &self,
        filter: &OrderFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<OrderPage, StoreError> {
        let rows = self.snapshot()?;
        let limit = limit.clamp(1, PAGE);
        let from = match cursor {
            Some(cursor) => Cursor::read(cursor).ok_or(StoreError::NotFound("cursor"))?.place(),
            None => first_place(filter),
        };
        let matches = filter.q.as_deref().map(|q| Matches::of(&rows, q)).transpose()?;
        if let Some(matches) = matches.filter(|m| !m.is_everything()) {
            return by_query(&rows, filter, matches, from, limit);
        }
        if let Some(since) = filter.updated_after
            && let Some(recent) = recently_updated(&rows, since)?
        {
            return by_places(&rows, filter, recent, &from, limit);
        }
        by_facets(&rows, filter, &from, limit)
    }

    /// Counts by status, payment status, sync state and channel. Table `counts`.
    pub fn summary(&self) -> Result<Summary, StoreError> {
        let mut summary = Summary::default();
        for (channel, facet, count) in views::combinations(&self.snapshot()?, None)? {
            summary.total += count;
            let add = |map: &mut std::collections::BTreeMap<String, u64>, word: &str| {
                *map.entry(word.to_owned()).or_default() += count;
            };
            add(&mut summary.status, facet.status.as_str());
            add(&mut summary.payment_status, facet.payment_status.as_str());
            add(&mut summary.sync_state, facet.sync_state.as_str());
            add(&mut summary.channel, channel.as_str());
        }
        Ok(summary)
    }

    /// Orders of a channel, those placed since `today`, and what waits for it.
    pub fn channel_counts(&self, channel: &ChannelId, today: Timestamp) -> Result<ChannelCounts, StoreError> {
        let rows = self.snapshot()?;
        let mut counts = ChannelCounts::default();
        for (channel, facet, count) in views::combinations(&rows, Some(channel))? {
            counts.total += count;
            let run = facet.key(&channel).done();
            let end = facet.key(&channel).newest(today).tail(&[u8::MAX]).done();
            counts.today += rows.count(Tab::Facets, &Span::prefix(run).before(end))?;
        }
        for tab in [Tab::Inbox, Tab::Waiting, Tab::Due, Tab::ActionDue] {
            counts.backlog += rows.count(tab, &Span::prefix(keys::Key::of(channel).done()))?;
        }
        Ok(counts)
    }

    /// When the channel's newest order was placed.
    pub fn newest_order(&self, channel: &ChannelId) -> Result<Option<Timestamp>, StoreError> {
        let rows = self.snapshot()?;
        let mut newest = None;
        for (channel, facet, _) in views::combinations(&rows, Some(channel))? {
            rows.walk(Tab::Facets, &Span::prefix(facet.key(&channel).done()), &mut |key, _| {
                newest = newest.max(cut_facet(key).and_then(|(place, _)| keys::Cut(&place).newest()));
                STOP
            })?;
        }
        Ok(newest)
    }

    /// Orders in one of `statuses`, placed after `placed_after`, last read before `read_before`.
    /// Those that wait for a sync or a person already are left out.
    pub fn orders_to_reread(
        &self,
        channel: &ChannelId,
        statuses: &[OrderStatus],
        placed_after: Timestamp,
        read_before: Timestamp,
        limit: usize,
    ) -> Result<Vec<OrderKey>, StoreError> {
        let rows = self.snapshot()?;
        let mut found = Vec::new();
        for (channel, facet, _) in views::combinations(&rows, Some(channel))? {
            let synced = facet.sync_state == crate::model::SyncState::Synced;
            if !synced || !statuses.contains(&facet.status) || found.len() == limit {
                continue;
            }
            let span = Span::prefix(facet.key(&channel).done())
                .before(facet.key(&channel).newest(placed_after).done());
            rows.walk(Tab::Facets, &span, &mut |key, value| {
                let stale = Stamps::read(value).is_some_and(|stamps| stamps.read_at < read_before);
                if let Some((_, order)) = cut_facet(key).filter(|_| stale) {
                    found.push(order);
                }
                if found.len() < limit { GO_ON } else { STOP }
            })?;
        }
        Ok(found)
    }
}

/// A row of `facets` as its place in the list.
fn cut_facet(key: &[u8]) -> Option<(Vec<u8>, OrderKey)> {
    let mut cut = keys::Cut(key);
    let channel = cut.channel()?;
    Facet::cut(&mut cut)?;
    let placed = cut.newest()?;
    let order = OrderKey::new(channel, cut.order_id()?);
    Some((views::position(&order, placed), order))
}

/// Where the next page begins. Opaque to callers.
enum Cursor {
    /// After this order.
    After(Vec<u8>),
    /// At this place, which was not looked at yet.
    At(Vec<u8>),
}

impl Cursor {
    fn read(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (how, place) = bytes.split_first()?;
        keys::Cut(place).newest()?;
        match how {
            0 => Some(Self::After(place.to_vec())),
            1 => Some(Self::At(place.to_vec())),
            _ => None,
        }
    }

    fn row(&self) -> &[u8] {
        match self {
            Self::After(place) | Self::At(place) => place,
        }
    }

    fn to_text(&self) -> String {
        let (how, place) = match self {
            Self::After(place) => (0, place),
            Self::At(place) => (1, place),
        };
        URL_SAFE_NO_PAD.encode([&[how], place.as_slice()].concat())
    }

    fn place(self) -> Vec<u8> {
        match self {
            Self::After(place) => after(place),
            Self::At(place) => place,
        }
    }
}

fn cut_place(place: &[u8]) -> Option<OrderKey> {
    let mut cut = keys::Cut(place);
    cut.newest()?;
    cut.order()
}

/// The first place that can come after this one.
fn after(mut place: Vec<u8>) -> Vec<u8> {
    place.push(0);
    place
}

/// Where the list begins: orders placed later than the filter allows are skipped by seeking.
fn first_place(filter: &OrderFilter) -> Vec<u8> {
    filter.placed_before.map_or_else(Vec::new, |before| {
        let last = Timestamp::from_millis(before.as_millis() - 1);
        keys::Key::new().newest(last).done()
    })
}

/// Places from this one on are older than the filter allows.
fn end_place(filter: &OrderFilter) -> Option<Vec<u8>> {
    filter.placed_after.map(|after| keys::Key::new().newest(after).done())
}

fn allows(filter: &OrderFilter, channel: &ChannelId, facet: Facet) -> bool {
    fn of<T: PartialEq>(allowed: &[T], value: &T) -> bool {
        allowed.is_empty() || allowed.contains(value)
    }
    filter.channel.as_ref().is_none_or(|wanted| wanted == channel)
        && of(&filter.status, &facet.status)
        && of(&filter.payment_status, &facet.payment_status)
        && of(&filter.sync_state, &facet.sync_state)
}

fn matches(filter: &OrderFilter, order: &Order) -> bool {
    allows(filter, &order.key.channel, Facet::of(order))
        && filter.placed_after.is_none_or(|after| order.placed_at > after)
        && filter.placed_before.is_none_or(|before| order.placed_at < before)
        && filter.updated_after.is_none_or(|after| updated_at(order) > after)
}

/// What the place alone tells: orders of other channels are not loaded.
fn may_match(filter: &OrderFilter, place: &[u8]) -> bool {
    let Some(wanted) = &filter.channel else { return true };
    cut_place(place).is_none_or(|order| order.channel == *wanted)
}

/// A page being filled.
struct Filling<'s> {
    rows: &'s Snapshot,
    limit: usize,
    orders: Vec<(Order, Person)>,
    last: Vec<u8>,
}

impl<'s> Filling<'s> {
    fn new(rows: &'s Snapshot, limit: usize) -> Self {
        Self { rows, limit, orders: Vec::new(), last: Vec::new() }
    }

    /// Takes the order at `place` in when `keep` says so; answers whether there is room for more.
    fn take(&mut self, place: &[u8], keep: impl Fn(&Order) -> bool) -> Result<bool, StoreError> {
        let key =
            cut_place(place).ok_or_else(|| StoreError::Corrupt("a place in a list is unknown".to_owned()))?;
        let row = keys::order(&key);
        if let Some(order) = self.rows.record::<Order>(Tab::Orders, &row)?
            && keep(&order)
        {
            let person = self.rows.sealed(Tab::Persons, &row)?.unwrap_or_default();
            self.orders.push((order, person));
            self.last = place.to_vec();
        }
        Ok(self.orders.len() < self.limit)
    }

    fn full(self) -> OrderPage {
        let next = (self.orders.len() == self.limit).then(|| Cursor::After(self.last).to_text());
        OrderPage { orders: self.orders, next, looked_back_to: None }
    }

    /// Answered short, with work left.
    fn short(self, next: &Cursor) -> OrderPage {
        let looked_back_to = keys::Cut(next.row()).newest();
        OrderPage { orders: self.orders, next: Some(next.to_text()), looked_back_to }
    }
}

fn by_query(
    rows: &Snapshot,
    filter: &OrderFilter,
    mut words: Matches<'_>,
    from: Vec<u8>,
    limit: usize,
) -> Result<OrderPage, StoreError> {
    let end = end_place(filter);
    let mut page = Filling::new(rows, limit);
    let mut budget = BUDGET;
    let mut place = from;
    loop {
        match words.seek(place, &mut budget)? {
            Found::End => return Ok(page.full()),
            Found::Tired(at) => return Ok(page.short(&Cursor::At(at))),
            Found::At(at) => {
                if end.as_ref().is_some_and(|end| at >= *end) {
                    return Ok(page.full());
                }
                if may_match(filter, &at) {
                    budget = budget.saturating_sub(LOAD);
                    if !page.take(&at, |order| matches(filter, order))? {
                        return Ok(page.full());
                    }
                }
                place = after(at);
            }
        }
    }
}

/// The places of the orders updated after `since`, or `None` when they are too many to sort.
fn recently_updated(rows: &Snapshot, since: Timestamp) -> Result<Option<BTreeSet<Vec<u8>>>, StoreError> {
    let mut places = BTreeSet::new();
    let span = Span::all().before(keys::Key::new().newest(since).done());
    rows.walk(Tab::Updated, &span, &mut |key, placed| {
        let mut cut = keys::Cut(key);
        let order = cut.newest().and_then(|_| cut.order());
        let placed = keys::Cut(placed).time();
        places.extend(order.zip(placed).map(|(order, placed)| views::position(&order, placed)));
        if places.len() <= RECENT { GO_ON } else { STOP }
    })?;
    Ok((places.len() <= RECENT).then_some(places))
}

fn by_places(
    rows: &Snapshot,
    filter: &OrderFilter,
    places: BTreeSet<Vec<u8>>,
    from: &[u8],
    limit: usize,
) -> Result<OrderPage, StoreError> {
    let mut page = Filling::new(rows, limit);
    for place in places.into_iter().skip_while(|place| place.as_slice() < from) {
        if !page.take(&place, |order| matches(filter, order))? {
            break;
        }
    }
    Ok(page.full())
}

/// One combination's rows, in list order.
struct Run {
    rows: redb::Range<'static, Bytes, Bytes>,
}

impl Run {
    /// From `place` on: a run holds one channel, so only the order's id is compared after the time.
    fn of(rows: &Snapshot, channel: &ChannelId, facet: Facet, place: &[u8]) -> Result<Self, StoreError> {
        let prefix = facet.key(channel).done();
        let mut span = Span::prefix(prefix.clone());
        if let Some((time, rest)) = place.split_at_checked(8) {
            let own = keys::Key::of(channel).done();
            let from = match rest.strip_prefix(own.as_slice()) {
                Some(order) => [&prefix, time, order].concat(),
                // Equal times are ordered by channel: this run's come before or after the place.
                None if own.as_slice() < rest => {
                    let next = u64::from_be_bytes(time.try_into().unwrap_or_default()).saturating_add(1);
                    [prefix.as_slice(), &next.to_be_bytes()].concat()
                }
                None => [&prefix, time].concat(),
            };
            span = span.starting(from);
        }
        let rows = rows.table(Tab::Facets)?.range::<&[u8]>(span.bounds()).map_err(|e| broken(&e))?;
        Ok(Self { rows })
    }

    fn next(&mut self) -> Result<Option<(Vec<u8>, Stamps)>, StoreError> {
        let Some(row) = self.rows.next() else {
            return Ok(None);
        };
        let (key, value) = row.map_err(|e| broken(&e))?;
        let parsed = cut_facet(key.value()).zip(Stamps::read(value.value()));
        let ((place, _), stamps) =
            parsed.ok_or_else(|| super::codec::corrupt(Tab::Facets, key.value(), "it is unknown"))?;
        Ok(Some((place, stamps)))
    }
}

fn by_facets(
    rows: &Snapshot,
    filter: &OrderFilter,
    from: &[u8],
    limit: usize,
) -> Result<OrderPage, StoreError> {
    let end = end_place(filter);
    let mut runs = Vec::new();
    let mut heads = BinaryHeap::new();
    for (channel, facet, _) in views::combinations(rows, filter.channel.as_ref())? {
        if allows(filter, &channel, facet) {
            let mut run = Run::of(rows, &channel, facet, from)?;
            if let Some((place, stamps)) = run.next()? {
                heads.push(Reverse((place, runs.len(), stamps.updated_at)));
            }
            runs.push(run);
        }
    }
    let mut page = Filling::new(rows, limit);
    let mut budget = BUDGET;
    while let Some(Reverse((place, at, updated))) = heads.pop() {
        if end.as_ref().is_some_and(|end| place >= *end) {
            break;
        }
        if let Some((next, stamps)) = runs[at].next()? {
            heads.push(Reverse((next, at, stamps.updated_at)));
        }
        if filter.updated_after.is_some_and(|since| updated <= since) {
            budget -= 1;
            if budget == 0 {
                return Ok(page.short(&Cursor::After(place)));
            }
            continue;
        }
        if !page.take(&place, |_| true)? {
            break;
        }
    }
    Ok(page.full())
}

fn broken(error: &redb::StorageError) -> StoreError {
    StoreError::Corrupt(format!("table {}: {error}", Tab::Facets.name()))
}
