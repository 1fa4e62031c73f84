//! The shop's orders as Shopify keeps them, and what can happen to them.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use rust_decimal::Decimal;

use super::super::book::Book;
use super::super::names::{Goods, Shopper, street, tracking};
use super::super::stand::{Refused, Wish};
use crate::model::{Currency, Timestamp, decimal};
use crate::random::Random;

/// The two places that goods leave from.
pub(super) const LOCATIONS: [(u64, &str); 2] =
    [(68_100_000_001, "Main warehouse"), (68_100_000_002, "Back room")];

/// Entries of `owners` from which on those of forgotten orders are dropped.
const OWNERS_MAX: usize = 1_000_000;

pub(super) struct World {
    pub orders: Book<Order>,
    pub jobs: BTreeMap<String, CancelJob>,
    /// The order that a fulfilment order or a fulfilment belongs to.
    owners: HashMap<u64, u64>,
    next_id: u64,
    next_number: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Order {
    pub id: u64,
    pub number: u64,
    pub currency: Currency,
    pub placed_at: Timestamp,
    pub created_at: Timestamp,
    /// Milliseconds, though answers show seconds.
    pub updated_at: Timestamp,
    pub cancelled: Option<Cancelled>,
    pub note: Option<String>,
    pub tags: Vec<String>,
    pub customer: Option<Customer>,
    pub address: Option<Address>,
    pub lines: Vec<Line>,
    pub shipping: Decimal,
    pub tax: Decimal,
    pub discount: Decimal,
    pub payment: Payment,
    pub refunds: Vec<Refund>,
    pub fulfillment_orders: Vec<FulfillmentOrder>,
    pub fulfillments: Vec<Fulfillment>,
    pub test: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Cancelled {
    pub at: Timestamp,
    pub reason: String,
    pub staff_note: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Customer {
    pub id: u64,
    pub shopper: Shopper,
}

#[derive(Clone, Debug)]
pub(super) struct Address {
    pub id: u64,
    pub first_name: String,
    pub last_name: String,
    pub line1: String,
    pub line2: Option<String>,
    pub city: String,
    pub zip: String,
    pub phone: String,
}

#[derive(Clone, Debug)]
pub(super) struct Line {
    pub id: u64,
    pub sku: String,
    pub title: String,
    pub variant: Option<String>,
    pub quantity: u32,
    pub current_quantity: u32,
    pub price: Decimal,
    pub requires_shipping: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payment {
    Pending,
    Authorized,
    Paid,
    Voided,
    /// No transaction at all: the status is null.
    None,
}

#[derive(Clone, Debug)]
pub(super) struct Refund {
    pub id: u64,
    pub at: Timestamp,
    pub amount: Decimal,
    /// Line and units, when goods come back.
    pub lines: Vec<(u64, u32)>,
}

#[derive(Clone, Debug)]
pub(super) struct FulfillmentOrder {
    pub id: u64,
    pub status: &'static str,
    pub request_status: &'static str,
    pub location: usize,
    pub method: &'static str,
    pub updated_at: Timestamp,
    pub lines: Vec<FulfillmentOrderLine>,
}

#[derive(Clone, Debug)]
pub(super) struct FulfillmentOrderLine {
    pub id: u64,
    pub line: u64,
    pub total: u32,
    pub remaining: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Fulfillment {
    pub id: u64,
    pub status: &'static str,
    pub display_status: &'static str,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub delivered_at: Option<Timestamp>,
    pub location: usize,
    pub company: Option<String>,
    pub numbers: Vec<String>,
    pub urls: Vec<String>,
    /// Own id, order line, units.
    pub lines: Vec<(u64, u64, u32)>,
}

/// A cancellation under way.
#[derive(Clone, Debug)]
pub(super) struct CancelJob {
    pub order: u64,
    pub due: Timestamp,
    pub refund: bool,
    pub reason: String,
    pub staff_note: Option<String>,
    pub outcome: Option<Result<(), String>>,
}

/// What a shipment takes: fulfilment order, and units by its line; `None`: all that remains.
pub(super) type Parts = Vec<(u64, Option<Vec<(u64, u32)>>)>;

/// How a shipment is tracked.
#[derive(Clone, Debug, Default)]
pub(super) struct Tracking {
    pub company: Option<String>,
    pub numbers: Vec<String>,
    pub urls: Vec<String>,
}

impl World {
    pub(super) fn new(drop_oldest: bool) -> Self {
        Self {
            orders: Book::new(drop_oldest),
            jobs: BTreeMap::new(),
            owners: HashMap::new(),
            next_id: 5_100_000_000_000,
            next_number: 1_001,
        }
    }

    /// Ids grow by an odd step, so that nobody takes them for a count.
    pub(super) fn new_id(&mut self) -> u64 {
        self.next_id += 32_767;
        self.next_id
    }

    pub(super) fn order(&self, id: u64) -> Option<&Order> {
        self.orders.get(&id.to_string())
    }

    /// The order of a fulfilment order or fulfilment.
    pub(super) fn owner(&self, part: u64) -> Option<&Order> {
        self.order(*self.owners.get(&part)?)
    }

    fn own(&mut self, part: u64, order: u64) {
        if self.owners.len() >= OWNERS_MAX {
            let orders = &self.orders;
            self.owners.retain(|_, order| orders.get(&order.to_string()).is_some());
        }
        self.owners.insert(part, order);
    }

    pub(super) fn place(&mut self, wish: &Wish, random: &Random, now: Timestamp) -> Result<u64, Refused> {
        let order = self.invent(wish, random, now)?;
        let id = order.id;
        for part in &order.fulfillment_orders {
            self.own(part.id, id);
        }
        self.orders
            .insert(&id.to_string(), order.updated_at, order)
            .map_err(|full| Refused::new(full.to_string()))?;
        Ok(id)
    }

    fn invent(&mut self, wish: &Wish, random: &Random, now: Timestamp) -> Result<Order, Refused> {
        let flavour = Flavour::read(wish.flavour.as_deref())?;
        let default_currency = if flavour == Flavour::Yen { "JPY" } else { "USD" };
        let currency: Currency = wish
            .currency
            .as_deref()
            .unwrap_or(default_currency)
            .parse()
            .map_err(|_| Refused::new("the currency is three letters"))?;
        let lines = self.lines(wish, flavour, currency, random)?;
        let subtotal: Decimal = lines.iter().map(|line| line.price * Decimal::from(line.quantity)).sum();
        let share = |hundredths: u64| {
            currency.round(subtotal * Decimal::new(i64::try_from(hundredths).unwrap_or(0), 2))
        };
        let given = wish
            .shipping
            .as_deref()
            .map(|text| decimal(text).ok_or_else(|| Refused::new("shipping is a decimal")));
        let ships = lines.iter().any(|line| line.requires_shipping);
        let shipping = match given {
            Some(given) => given?,
            None if ships && wish.lines.is_empty() => currency.round(Decimal::new(490, 2)),
            None => Decimal::ZERO,
        };
        let invented = wish.lines.is_empty();
        let discount = if invented && random.below(4) == 0 { share(10) } else { Decimal::ZERO };
        let tax = if invented && random.below(2) == 0 { share(8) } else { Decimal::ZERO };
        let (customer, address) = self.people(wish, flavour, ships, random);
        let at = wish.placed_at.unwrap_or(now);
        let id = self.new_id();
        let number = self.next_number;
        self.next_number += 1;
        let fulfillment_orders = self.fulfillment_orders(&lines, flavour, at);
        Ok(Order {
            id,
            number,
            currency,
            placed_at: at,
            created_at: at,
            updated_at: at,
            cancelled: None,
            note: wish.note.clone(),
            tags: sorted_tags(wish.tags.clone()),
            customer,
            address,
            lines,
            shipping,
            tax,
            discount,
            payment: flavour.payment(wish.paid.unwrap_or(true)),
            refunds: Vec::new(),
            fulfillment_orders,
            fulfillments: Vec::new(),
            test: flavour == Flavour::Test,
        })
    }

    fn lines(
        &mut self,
        wish: &Wish,
        flavour: Flavour,
        currency: Currency,
        random: &Random,
    ) -> Result<Vec<Line>, Refused> {
        let requires_shipping = !matches!(flavour, Flavour::Digital);
        if wish.lines.is_empty() {
            let count = if flavour == Flavour::ManyLines { 60 } else { 1 + random.below(3) };
            return Ok((0..count).map(|_| self.invented_line(currency, requires_shipping, random)).collect());
        }
        let mut lines = Vec::with_capacity(wish.lines.len());
        for wanted in &wish.lines {
            let price = decimal(&wanted.unit_price).ok_or_else(|| Refused::new("unit_price is a decimal"))?;
            lines.push(Line {
                id: self.new_id(),
                sku: wanted.sku.clone(),
                title: wanted.title.clone().unwrap_or_else(|| wanted.sku.clone()),
                variant: wanted.variant.clone(),
                quantity: wanted.quantity,
                current_quantity: wanted.quantity,
                price,
                requires_shipping,
            });
        }
        Ok(lines)
    }

    fn invented_line(&mut self, currency: Currency, requires_shipping: bool, random: &Random) -> Line {
        let goods = Goods::invent(random);
        let hundredths = Decimal::new(i64::try_from(goods.price_hundredths).unwrap_or(0), 2);
        let price = if currency.decimals() == 0 { hundredths * Decimal::ONE_HUNDRED } else { hundredths };
        Line {
            id: self.new_id(),
            sku: goods.sku,
            title: goods.title,
            variant: goods.variant,
            quantity: goods.quantity,
            current_quantity: goods.quantity,
            price: currency.round(price),
            requires_shipping,
        }
    }

    fn people(
        &mut self,
        wish: &Wish,
        flavour: Flavour,
        ships: bool,
        random: &Random,
    ) -> (Option<Customer>, Option<Address>) {
        let mut shopper = Shopper::invent(random);
        if let Some(name) = &wish.name {
            let (first, last) = name.split_once(' ').unwrap_or((name, ""));
            (shopper.first_name, shopper.last_name) = (first.to_owned(), last.to_owned());
        }
        if let Some(email) = &wish.email {
            shopper.email.clone_from(email);
        }
        if let Some(phone) = &wish.phone {
            shopper.phone.clone_from(phone);
        }
        if let Some(line1) = &wish.line1 {
            shopper.line1.clone_from(line1);
        }
        let wants_address = ships && flavour != Flavour::Pickup;
        let address = wants_address.then(|| Address {
            id: self.new_id(),
            first_name: shopper.first_name.clone(),
            last_name: shopper.last_name.clone(),
            line1: shopper.line1.clone(),
            line2: (random.below(3) == 0).then(|| format!("Floor {}", 1 + random.below(9))),
            city: shopper.city.clone(),
            zip: shopper.postal_code.clone(),
            phone: shopper.phone.clone(),
        });
        let customer = (flavour != Flavour::NoCustomer).then(|| Customer { id: self.new_id(), shopper });
        (customer, address)
    }

    fn fulfillment_orders(
        &mut self,
        lines: &[Line],
        flavour: Flavour,
        at: Timestamp,
    ) -> Vec<FulfillmentOrder> {
        let places = if flavour == Flavour::TwoLocations && lines.len() > 1 { 2 } else { 1 };
        let (status, request_status) = flavour.fulfillment_state();
        let method = match flavour {
            Flavour::Digital => "NONE",
            Flavour::Pickup => "PICK_UP",
            _ => "SHIPPING",
        };
        (0..places)
            .map(|place| {
                let id = self.new_id();
                let own: Vec<(u64, u32)> = lines
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| at % places == place)
                    .map(|(_, line)| (line.id, line.quantity))
                    .collect();
                let lines = own
                    .into_iter()
                    .map(|(line, units)| FulfillmentOrderLine {
                        id: self.new_id(),
                        line,
                        total: units,
                        remaining: units,
                    })
                    .collect();
                FulfillmentOrder {
                    id,
                    status,
                    request_status,
                    location: place,
                    method,
                    updated_at: at,
                    lines,
                }
            })
            .collect()
    }

    /// Changes an order and stamps it. `None`: no such order.
    pub(super) fn change<R>(
        &mut self,
        id: u64,
        now: Timestamp,
        change: impl FnOnce(&mut Order) -> R,
    ) -> Option<R> {
        self.orders.change(&id.to_string(), now, |order| {
            order.updated_at = now;
            change(order)
        })
    }

    /// Ships parts of one order from one place; the caller has checked them.
    pub(super) fn ship(&mut self, id: u64, parts: &Parts, tracking: Tracking, now: Timestamp) -> Option<u64> {
        let fulfillment_id = self.new_id();
        let first_line_id = self.new_id();
        let mut order = self.order(id)?.clone();
        let mut lines = Vec::new();
        let mut location = 0;
        for (fulfillment_order, units) in parts {
            let part = order.fulfillment_orders.iter_mut().find(|part| part.id == *fulfillment_order)?;
            location = part.location;
            for line in &mut part.lines {
                let taken = match units {
                    None => line.remaining,
                    Some(units) => {
                        units.iter().filter(|(own, _)| *own == line.id).map(|(_, units)| *units).sum()
                    }
                };
                if taken > 0 {
                    line.remaining -= taken.min(line.remaining);
                    lines.push((first_line_id + lines.len() as u64, line.line, taken));
                }
            }
            part.status =
                if part.lines.iter().all(|line| line.remaining == 0) { "CLOSED" } else { "IN_PROGRESS" };
            part.updated_at = now;
        }
        order.fulfillments.push(Fulfillment {
            id: fulfillment_id,
            status: "SUCCESS",
            display_status: "FULFILLED",
            created_at: now,
            updated_at: now,
            delivered_at: None,
            location,
            company: tracking.company,
            numbers: tracking.numbers,
            urls: tracking.urls,
            lines,
        });
        self.own(fulfillment_id, id);
        self.change(id, now, |there| *there = Order { updated_at: now, ..order });
        Some(fulfillment_id)
    }

    /// Ends an order; `refund` returns the money of a paid one.
    pub(super) fn cancel(
        &mut self,
        id: u64,
        cancelled: Cancelled,
        refund: bool,
        now: Timestamp,
    ) -> Option<()> {
        let refund_id = self.new_id();
        self.change(id, now, |order| {
            let owed = order.received() - order.refunded();
            if order.payment == Payment::Paid && refund && owed > Decimal::ZERO {
                let lines = order.lines.iter().map(|line| (line.id, line.current_quantity)).collect();
                order.refunds.push(Refund { id: refund_id, at: now, amount: owed, lines });
            } else if order.payment != Payment::Paid {
                order.payment = Payment::Voided;
            }
            order.lines.iter_mut().for_each(|line| line.current_quantity = 0);
            for part in &mut order.fulfillment_orders {
                part.status = "CLOSED";
                part.updated_at = now;
                part.lines.iter_mut().for_each(|line| (line.total, line.remaining) = (0, 0));
            }
            order.cancelled = Some(cancelled);
        })
    }

    /// Money goes back: an amount, or all of it together with the goods.
    pub(super) fn refund(
        &mut self,
        id: u64,
        amount: Option<Decimal>,
        now: Timestamp,
    ) -> Option<Result<(), Refused>> {
        let refund_id = self.new_id();
        let order = self.order(id)?;
        let owed = order.received() - order.refunded();
        let wanted = amount.unwrap_or(owed);
        if wanted <= Decimal::ZERO || wanted > owed {
            return Some(Err(Refused::new("there is not that much left to refund")));
        }
        self.change(id, now, |order| {
            let everything = amount.is_none();
            let lines = order.lines.iter().map(|line| (line.id, line.current_quantity));
            let lines = if everything { lines.collect() } else { Vec::new() };
            if everything {
                order.lines.iter_mut().for_each(|line| line.current_quantity = 0);
            }
            order.refunds.push(Refund { id: refund_id, at: now, amount: wanted, lines });
        });
        Some(Ok(()))
    }

    /// Lets cancellations whose time has come take effect; answers the orders concerned.
    pub(super) fn finish_jobs(&mut self, now: Timestamp) -> Vec<u64> {
        let due: Vec<String> = self
            .jobs
            .iter()
            .filter(|(_, job)| job.outcome.is_none() && job.due <= now)
            .map(|(id, _)| id.clone())
            .collect();
        let mut cancelled = Vec::new();
        for id in due {
            let Some(job) = self.jobs.get(&id).cloned() else { continue };
            let outcome = match self.order(job.order).map(Order::cancellable) {
                Some(Ok(())) => {
                    let record =
                        Cancelled { at: now, reason: job.reason.clone(), staff_note: job.staff_note.clone() };
                    self.cancel(job.order, record, job.refund, now);
                    cancelled.push(job.order);
                    Ok(())
                }
                Some(Err(why)) => Err(why.to_owned()),
                None => Err("Order does not exist".to_owned()),
            };
            if let Some(job) = self.jobs.get_mut(&id) {
                job.outcome = Some(outcome);
            }
        }
        cancelled
    }
}

impl Order {
    pub(super) fn name(&self) -> String {
        format!("#{}", self.number)
    }

    pub(super) fn subtotal(&self) -> Decimal {
        self.lines.iter().map(|line| line.price * Decimal::from(line.quantity)).sum::<Decimal>()
            - self.discount
    }

    pub(super) fn total(&self) -> Decimal {
        self.subtotal() + self.shipping + self.tax
    }

    /// Whether any unit is still wanted; else every current amount is nought.
    pub(super) fn is_live(&self) -> bool {
        self.lines.iter().any(|line| line.current_quantity > 0)
    }

    pub(super) fn current_total(&self) -> Decimal {
        if self.is_live() { self.total() } else { Decimal::ZERO }
    }

    pub(super) fn received(&self) -> Decimal {
        if self.payment == Payment::Paid { self.total() } else { Decimal::ZERO }
    }

    pub(super) fn refunded(&self) -> Decimal {
        self.refunds.iter().map(|refund| refund.amount).sum()
    }

    pub(super) fn financial_status(&self) -> Option<&'static str> {
        match self.payment {
            Payment::None => None,
            Payment::Pending => Some("PENDING"),
            Payment::Authorized => Some("AUTHORIZED"),
            Payment::Voided => Some("VOIDED"),
            Payment::Paid if self.refunded() >= self.total() && !self.refunds.is_empty() => Some("REFUNDED"),
            Payment::Paid if self.refunds.is_empty() => Some("PAID"),
            Payment::Paid => Some("PARTIALLY_REFUNDED"),
        }
    }

    pub(super) fn remaining(&self) -> u32 {
        self.fulfillment_orders.iter().flat_map(|part| &part.lines).map(|line| line.remaining).sum()
    }

    pub(super) fn has_shipped(&self) -> bool {
        self.fulfillments.iter().any(|fulfillment| fulfillment.status == "SUCCESS")
    }

    pub(super) fn fulfillment_status(&self) -> &'static str {
        match (self.has_shipped(), self.remaining()) {
            (true, 0) => "FULFILLED",
            (true, _) => "PARTIALLY_FULFILLED",
            (false, _) if self.cancelled.is_some() => "UNFULFILLED",
            (false, _) => match self.fulfillment_orders.first().map(|part| part.status) {
                Some("ON_HOLD") => "ON_HOLD",
                Some("SCHEDULED") => "SCHEDULED",
                Some("IN_PROGRESS") => "IN_PROGRESS",
                _ => "UNFULFILLED",
            },
        }
    }

    pub(super) fn cancellable(&self) -> Result<(), &'static str> {
        if self.cancelled.is_some() {
            return Err("Cannot cancel an order that has already been canceled");
        }
        if self.has_shipped() {
            return Err("Cannot cancel an order that has outstanding fulfillments");
        }
        Ok(())
    }

    /// All open fulfilment orders of each place, with all that remains or `units` of each line.
    pub(super) fn parts(&self, units: Option<u32>) -> Vec<Parts> {
        (0..LOCATIONS.len())
            .map(|place| {
                self.fulfillment_orders
                    .iter()
                    .filter(|part| part.location == place && matches!(part.status, "OPEN" | "IN_PROGRESS"))
                    .filter(|part| part.lines.iter().any(|line| line.remaining > 0))
                    .map(|part| {
                        let lines = units.map(|units| {
                            let taken = part.lines.iter().map(|line| (line.id, units.min(line.remaining)));
                            taken.collect()
                        });
                        (part.id, lines)
                    })
                    .collect::<Parts>()
            })
            .filter(|parts| !parts.is_empty())
            .collect()
    }
}

/// Invented tracking, as another tool of the merchant's would enter it.
pub(super) fn invented_tracking(carrier: Option<&str>, number: Option<&str>, random: &Random) -> Tracking {
    Tracking {
        company: Some(carrier.unwrap_or("UPS").to_owned()),
        numbers: vec![number.map_or_else(|| tracking(random), str::to_owned)],
        urls: Vec::new(),
    }
}

pub(super) fn new_street(given: Option<&String>, random: &Random) -> String {
    given.cloned().unwrap_or_else(|| street(random))
}

/// Sorted, and unique whatever the case.
pub(super) fn sorted_tags(mut tags: Vec<String>) -> Vec<String> {
    tags.retain(|tag| !tag.trim().is_empty());
    tags.sort_by_key(|tag| tag.to_lowercase());
    tags.dedup_by_key(|tag| tag.to_lowercase());
    tags
}

/// How long a cancellation takes.
pub(super) const CANCEL_TAKES: Duration = Duration::from_secs(2);

/// The special sorts of orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flavour {
    Plain,
    TwoLocations,
    ThirdParty,
    OnHold,
    Scheduled,
    Pickup,
    Digital,
    Authorized,
    NoTransaction,
    Yen,
    Test,
    ManyLines,
    NoCustomer,
}

/// Every flavour by its word.
const FLAVOURS: [(&str, Flavour); 12] = [
    ("two_locations", Flavour::TwoLocations),
    ("third_party", Flavour::ThirdParty),
    ("on_hold", Flavour::OnHold),
    ("scheduled", Flavour::Scheduled),
    ("pickup", Flavour::Pickup),
    ("digital", Flavour::Digital),
    ("authorized", Flavour::Authorized),
    ("no_transaction", Flavour::NoTransaction),
    ("yen", Flavour::Yen),
    ("test", Flavour::Test),
    ("many_lines", Flavour::ManyLines),
    ("no_customer", Flavour::NoCustomer),
];

/// The words of `FLAVOURS`.
pub(super) const FLAVOUR_WORDS: [&str; 12] = {
    let mut words = [""; 12];
    let mut at = 0;
    while at < words.len() {
        words[at] = FLAVOURS[at].0;
        at += 1;
    }
    words
};

impl Flavour {
    fn read(word: Option<&str>) -> Result<Self, Refused> {
        let Some(word) = word else { return Ok(Self::Plain) };
        FLAVOURS
            .iter()
            .find(|(name, _)| *name == word)
            .map(|(_, flavour)| *flavour)
            .ok_or_else(|| Refused::new(format!("no flavour {word}; there are {}", FLAVOUR_WORDS.join(", "))))
    }

    fn payment(self, paid: bool) -> Payment {
        match self {
            Self::Authorized => Payment::Authorized,
            Self::NoTransaction => Payment::None,
            _ if paid => Payment::Paid,
            _ => Payment::Pending,
        }
    }

    fn fulfillment_state(self) -> (&'static str, &'static str) {
        match self {
            Self::ThirdParty => ("IN_PROGRESS", "ACCEPTED"),
            Self::OnHold => ("ON_HOLD", "UNSUBMITTED"),
            Self::Scheduled => ("SCHEDULED", "UNSUBMITTED"),
            _ => ("OPEN", "UNSUBMITTED"),
        }
    }
}
