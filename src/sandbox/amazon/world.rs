//! The seller's orders as Amazon keeps them, and what can happen to them.

use rust_decimal::Decimal;

use super::super::book::Book;
use super::super::names::{Goods, Shopper, street, tracking};
use super::super::stand::{Deed, Refused, Wish};
use crate::model::{Currency, Timestamp, decimal};
use crate::random::Random;

/// A marketplace of the seller's region.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Market {
    pub id: &'static str,
    pub name: &'static str,
    pub country: &'static str,
    pub currency: &'static str,
    pub state: &'static str,
}

pub(super) const MARKETS: [Market; 4] = [
    Market { id: "ATVPDKIKX0DER", name: "Amazon.com", country: "US", currency: "USD", state: "WA" },
    Market { id: "A2EUQ1WTGCTBG2", name: "Amazon.ca", country: "CA", currency: "CAD", state: "ON" },
    Market { id: "A1AM78C64UM0Y8", name: "Amazon.com.mx", country: "MX", currency: "MXN", state: "CDMX" },
    Market { id: "A2Q3Y263D00KWC", name: "Amazon.com.br", country: "BR", currency: "BRL", state: "SP" },
];

pub(super) struct World {
    pub orders: Book<Order>,
    next_number: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Order {
    pub id: String,
    pub alias: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub market: &'static Market,
    pub currency: Currency,
    pub by_amazon: bool,
    /// Placed in another shop and only fulfilled by Amazon.
    pub elsewhere: bool,
    pub phase: Phase,
    /// Whether the payment ever was authorised, so that prices are known.
    pub priced: bool,
    pub lines: Vec<Line>,
    pub shipping: Decimal,
    pub tax: Decimal,
    pub packages: Vec<Package>,
    pub shopper: Shopper,
    pub company: Option<String>,
    pub instruction: Option<String>,
    pub programs: Vec<&'static str>,
    pub replaces: Option<String>,
    pub cancel_request: Option<String>,
    pub cancelled_by: Option<(&'static str, String)>,
    pub refunds: Vec<Refund>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    PendingAvailability,
    Pending,
    /// Authorised: unshipped, partially shipped or shipped, by its units.
    Open,
    Cancelled,
    Unfulfillable,
}

#[derive(Clone, Debug)]
pub(super) struct Line {
    pub id: String,
    pub sku: String,
    pub title: String,
    pub quantity: u32,
    pub fulfilled: u32,
    pub price: Decimal,
    pub gift: Option<String>,
    pub transparency: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Package {
    pub reference: String,
    pub carrier: String,
    pub tracking: String,
    pub service: Option<String>,
    pub ship_time: Timestamp,
    pub created_at: Timestamp,
    pub status: &'static str,
    /// Line and units.
    pub items: Vec<(String, u32)>,
    pub edits: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Refund {
    pub id: String,
    pub at: Timestamp,
    pub amount: Decimal,
    pub full: bool,
}

/// The special sorts of orders.
pub(super) const FLAVOURS: [&str; 11] = [
    "fba",
    "non_amazon",
    "preorder",
    "ship_plus",
    "gift",
    "transparency",
    "brazil",
    "canada",
    "business",
    "replacement",
    "unfulfillable",
];

impl World {
    pub(super) fn new(drop_oldest: bool) -> Self {
        Self { orders: Book::new(drop_oldest), next_number: 1 }
    }

    pub(super) fn order(&self, id: &str) -> Option<&Order> {
        self.orders.get(id)
    }

    /// Changes an order and stamps it.
    pub(super) fn change<R>(
        &mut self,
        id: &str,
        now: Timestamp,
        change: impl FnOnce(&mut Order) -> R,
    ) -> Option<R> {
        self.orders.change(id, now, |order| {
            order.updated_at = now;
            change(order)
        })
    }

    pub(super) fn place(&mut self, wish: &Wish, random: &Random, now: Timestamp) -> Result<String, Refused> {
        let order = self.invent(wish, random, now)?;
        let id = order.id.clone();
        self.orders.insert(&id, order.updated_at, order).map_err(|full| Refused::new(full.to_string()))?;
        Ok(id)
    }

    fn invent(&mut self, wish: &Wish, random: &Random, now: Timestamp) -> Result<Order, Refused> {
        let flavour = wish.flavour.as_deref().unwrap_or("plain");
        if flavour != "plain" && !FLAVOURS.contains(&flavour) {
            return Err(Refused::new(format!("no flavour {flavour}; there are {}", FLAVOURS.join(", "))));
        }
        let market = match flavour {
            "canada" => &MARKETS[1],
            "brazil" => &MARKETS[3],
            _ => &MARKETS[0],
        };
        let wanted = wish.currency.as_deref().unwrap_or(market.currency);
        let currency: Currency = wanted.parse().map_err(|_| Refused::new("the currency is three letters"))?;
        let number = self.next_number;
        self.next_number += 1;
        let mut lines = lines(wish, number, random)?;
        for line in &mut lines {
            line.price = if flavour == "replacement" { Decimal::ZERO } else { currency.round(line.price) };
            line.gift = (flavour == "gift").then(|| "With the best wishes!".to_owned());
            line.transparency = flavour == "transparency";
        }
        let goods: Decimal = lines.iter().map(|line| line.price * Decimal::from(line.quantity)).sum();
        let invented = wish.lines.is_empty() && flavour != "replacement";
        let shipping = match wish.shipping.as_deref() {
            Some(text) => decimal(text).ok_or_else(|| Refused::new("shipping is a decimal"))?,
            None if invented && random.below(2) == 0 => Decimal::new(599, 2),
            None => Decimal::ZERO,
        };
        let tax = if invented { currency.round(goods * Decimal::new(7, 2)) } else { Decimal::ZERO };
        let phase = match flavour {
            "preorder" => Phase::PendingAvailability,
            "unfulfillable" => Phase::Unfulfillable,
            _ if wish.paid == Some(false) => Phase::Pending,
            _ => Phase::Open,
        };
        let at = wish.placed_at.unwrap_or(now);
        let by_amazon = matches!(flavour, "fba" | "non_amazon" | "unfulfillable");
        Ok(Order {
            id: order_id(number, random),
            alias: (flavour == "business").then(|| format!("SANDBOX-{number}")),
            created_at: at,
            updated_at: at,
            market,
            currency,
            by_amazon,
            elsewhere: matches!(flavour, "non_amazon" | "unfulfillable"),
            phase,
            priced: matches!(phase, Phase::Open | Phase::Unfulfillable),
            lines,
            shipping,
            tax,
            packages: Vec::new(),
            shopper: shopper(wish, number, random),
            company: (flavour == "business").then(|| "Sandbox Trading".to_owned()),
            instruction: wish.note.clone(),
            programs: programs(flavour).to_vec(),
            replaces: (flavour == "replacement").then(|| order_id(number + 500_000, random)),
            cancel_request: None,
            cancelled_by: None,
            refunds: Vec::new(),
        })
    }

    /// Lets something happen that the client did not do.
    pub(super) fn happen(
        &mut self,
        id: &str,
        deed: &Deed,
        random: &Random,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let order = self.order(id).ok_or_else(|| Refused::new("no such order"))?;
        let mut changed = order.clone();
        changed.suffer(deed, random, now)?;
        self.change(id, now, |order| *order = Order { updated_at: now, ..changed });
        Ok(())
    }
}

impl Order {
    pub(super) fn status(&self) -> &'static str {
        let fulfilled: u32 = self.lines.iter().map(|line| line.fulfilled).sum();
        let wanted: u32 = self.lines.iter().map(|line| line.quantity).sum();
        match self.phase {
            Phase::PendingAvailability => "PENDING_AVAILABILITY",
            Phase::Pending => "PENDING",
            Phase::Cancelled => "CANCELLED",
            Phase::Unfulfillable => "UNFULFILLABLE",
            Phase::Open if fulfilled == 0 => "UNSHIPPED",
            Phase::Open if fulfilled < wanted => "PARTIALLY_SHIPPED",
            Phase::Open => "SHIPPED",
        }
    }

    pub(super) fn goods(&self) -> Decimal {
        self.lines.iter().map(|line| line.price * Decimal::from(line.quantity)).sum()
    }

    pub(super) fn total(&self) -> Decimal {
        self.goods() + self.shipping + self.tax
    }

    pub(super) fn refunded(&self) -> Decimal {
        self.refunds.iter().map(|refund| refund.amount).sum()
    }

    fn suffer(&mut self, deed: &Deed, random: &Random, now: Timestamp) -> Result<(), Refused> {
        match deed {
            Deed::Pay => self.pay(),
            Deed::ChangeAddress { line1 } => {
                self.must_be(&["UNSHIPPED"])?;
                self.shopper.line1 = line1.clone().unwrap_or_else(|| street(random));
                Ok(())
            }
            Deed::Note { text } => {
                self.must_be(&["UNSHIPPED"])?;
                self.instruction = Some(text.clone());
                Ok(())
            }
            Deed::Tag { .. } | Deed::Delete { .. } => Err(Refused::new("Amazon knows no such thing")),
            Deed::Cancel => {
                self.must_be(&["PENDING", "PENDING_AVAILABILITY", "UNSHIPPED"])?;
                self.phase = Phase::Cancelled;
                self.cancelled_by = Some(("BUYER", "Changed mind".to_owned()));
                Ok(())
            }
            Deed::RequestCancel => {
                self.must_be(&["UNSHIPPED"])?;
                self.cancel_request = Some("Ordered by mistake".to_owned());
                Ok(())
            }
            Deed::Refund { amount } => self.refund(amount.as_deref(), random, now),
            Deed::Ship { carrier, tracking, units } => {
                self.ship(carrier.as_deref(), tracking.as_deref(), *units, random, now)
            }
            Deed::Deliver => self.deliver(),
        }
    }

    fn must_be(&self, statuses: &[&str]) -> Result<(), Refused> {
        if statuses.contains(&self.status()) {
            return Ok(());
        }
        Err(Refused::new(format!("not while the order is {}", self.status())))
    }

    fn pay(&mut self) -> Result<(), Refused> {
        self.must_be(&["PENDING", "PENDING_AVAILABILITY"])?;
        self.phase = if self.phase == Phase::PendingAvailability { Phase::Pending } else { Phase::Open };
        self.priced = self.phase == Phase::Open;
        Ok(())
    }

    fn refund(&mut self, amount: Option<&str>, random: &Random, now: Timestamp) -> Result<(), Refused> {
        self.must_be(&["PARTIALLY_SHIPPED", "SHIPPED"])?;
        let owed = self.total() - self.refunded();
        let wanted = match amount {
            Some(text) => decimal(text).ok_or_else(|| Refused::new("the amount is a decimal"))?,
            None => owed,
        };
        if wanted <= Decimal::ZERO || wanted > owed {
            return Err(Refused::new("there is not that much left to refund"));
        }
        let full = self.refunds.is_empty() && wanted == owed;
        self.refunds.push(Refund {
            id: format!("amzn1:crow:{}", random.token(12)),
            at: now,
            amount: wanted,
            full,
        });
        Ok(())
    }

    /// The seller with another tool, or Amazon itself.
    fn ship(
        &mut self,
        carrier: Option<&str>,
        number: Option<&str>,
        units: Option<u32>,
        random: &Random,
        now: Timestamp,
    ) -> Result<(), Refused> {
        self.must_be(&["UNSHIPPED", "PARTIALLY_SHIPPED"])?;
        let mut items = Vec::new();
        for line in &mut self.lines {
            let taken = units.unwrap_or(u32::MAX).min(line.quantity - line.fulfilled);
            line.fulfilled += taken;
            if taken > 0 {
                items.push((line.id.clone(), taken));
            }
        }
        if !self.by_amazon {
            self.packages.push(Package {
                reference: format!("MFN-{}", self.packages.len() + 1),
                carrier: carrier.unwrap_or("UPS").to_owned(),
                tracking: number.map_or_else(|| tracking(random), str::to_owned),
                service: None,
                ship_time: now,
                created_at: now,
                status: "IN_TRANSIT",
                items,
                edits: 0,
            });
        }
        Ok(())
    }

    fn deliver(&mut self) -> Result<(), Refused> {
        let mut moved = false;
        for package in self.packages.iter_mut().filter(|package| package.status == "IN_TRANSIT") {
            package.status = "DELIVERED";
            moved = true;
        }
        if moved { Ok(()) } else { Err(Refused::new("no package of the seller's is on its way")) }
    }
}

fn lines(wish: &Wish, number: u64, random: &Random) -> Result<Vec<Line>, Refused> {
    let line = |at: usize, sku: String, title: String, quantity: u32, price: Decimal| Line {
        id: format!("{:014}", 40_000_000_000_000 + number * 100 + at as u64),
        sku,
        title,
        quantity,
        fulfilled: 0,
        price,
        gift: None,
        transparency: false,
    };
    if wish.lines.is_empty() {
        let count = 1 + usize::try_from(random.below(3)).unwrap_or(0);
        return Ok((0..count)
            .map(|at| {
                let goods = Goods::invent(random);
                let price = Decimal::new(i64::try_from(goods.price_hundredths).unwrap_or(0), 2);
                line(at, goods.sku, goods.title, goods.quantity, price)
            })
            .collect());
    }
    let read = |(at, wanted): (usize, &super::super::stand::WishLine)| {
        let price = decimal(&wanted.unit_price).ok_or_else(|| Refused::new("unit_price is a decimal"))?;
        let title = wanted.title.clone().unwrap_or_else(|| wanted.sku.clone());
        Ok(line(at, wanted.sku.clone(), title, wanted.quantity, price))
    };
    wish.lines.iter().enumerate().map(read).collect()
}

fn shopper(wish: &Wish, number: u64, random: &Random) -> Shopper {
    let mut shopper = Shopper::invent(random);
    // A relay address, another one for each order.
    shopper.email = format!("sbx{number:08}@marketplace.example.com");
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
    shopper
}

fn programs(flavour: &str) -> &'static [&'static str] {
    match flavour {
        "fba" => &["PRIME"],
        "preorder" => &["PREORDER"],
        "ship_plus" => &["FBM_SHIP_PLUS"],
        "business" => &["AMAZON_BUSINESS"],
        _ => &[],
    }
}

/// 3-7-7. The serial number keeps it unique, the rest looks random.
fn order_id(number: u64, random: &Random) -> String {
    format!("{:03}-{:07}-{:07}", 100 + random.below(15), random.below(10_000_000), number % 10_000_000)
}
