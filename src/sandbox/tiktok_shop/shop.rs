//! What shoppers, carriers and the seller's other tools do.

use std::collections::BTreeMap;
use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::json;

use super::super::kit::Kit;
use super::super::names::{Goods, Shopper, street, tracking};
use super::super::stand::{Deed, Refused, Wish};
use super::market::{GB, ID, MX, Market, US};
use super::world::{AfterSale, COMPLETE, Event, Label, Order, RETURNED, Sender, Unit, UnitState, World};
use super::writes::declare;
use crate::model::{Currency, Timestamp};

/// What `Flavour::read` knows beside the usual order.
pub(super) const FLAVOURS: &[&str] = &[
    "on_hold",
    "tiktok_shipping",
    "by_tiktok",
    "cod",
    "gift",
    "sample",
    "partly_cancelled",
    "gb",
    "mx",
    "id",
];

const ORDER: u64 = 576_700_000_000_000_000;
const UNIT: u64 = 577_000_000_000_000_000;
const PACKAGE: u64 = 1_152_000_000_000_000_000;
const SKU: u64 = 1_729_300_000_000_000_000;

/// A special sort of order.
#[derive(Clone, Copy)]
#[allow(clippy::struct_excessive_bools, reason = "each is a peculiarity of its own")]
struct Flavour {
    market: &'static Market,
    sender: Sender,
    on_hold: bool,
    cod: bool,
    gift: bool,
    sample: bool,
    partly_cancelled: bool,
}

impl Flavour {
    const USUAL: Self = Self {
        market: &US,
        sender: Sender::Seller,
        on_hold: false,
        cod: false,
        gift: false,
        sample: false,
        partly_cancelled: false,
    };

    fn read(word: Option<&str>) -> Result<Self, Refused> {
        let usual = Self::USUAL;
        Ok(match word {
            None => usual,
            Some("on_hold") => Self { on_hold: true, ..usual },
            Some("tiktok_shipping") => Self { sender: Sender::TikTokLabel, ..usual },
            Some("by_tiktok") => Self { sender: Sender::Warehouse, ..usual },
            Some("cod") => Self { cod: true, market: &ID, ..usual },
            Some("gift") => Self { gift: true, ..usual },
            Some("sample") => Self { sample: true, ..usual },
            Some("partly_cancelled") => Self { partly_cancelled: true, ..usual },
            Some("gb") => Self { market: &GB, ..usual },
            Some("mx") => Self { market: &MX, ..usual },
            Some("id") => Self { market: &ID, ..usual },
            Some(other) => return Err(Refused::new(format!("no order here is called {other}"))),
        })
    }
}

/// Places an order; answers its id.
pub(super) fn place(world: &mut World, wish: &Wish, kit: &Kit) -> Result<(String, Vec<Event>), Refused> {
    let flavour = Flavour::read(wish.flavour.as_deref())?;
    let now = kit.now();
    let at = wish.placed_at.unwrap_or(now).min(now);
    let id = world.number(ORDER).to_string();
    let units = units(world, wish, flavour, kit)?;
    let paid = !flavour.cod && wish.paid.unwrap_or(true);
    let shipping = match &wish.shipping {
        Some(cost) => decimal(cost)?,
        None => Decimal::ZERO,
    };
    let order = Order {
        id: id.clone(),
        market: flavour.market,
        sender: flavour.sender,
        buyer: buyer(wish, kit),
        units,
        shipping,
        cash_on_delivery: flavour.cod,
        is_sample: flavour.sample,
        paid_at: paid.then_some(at),
        on_hold: paid && flavour.on_hold,
        placed_at: at,
        updated_at: at,
        sent_at: None,
        delivered_at: None,
        completed_at: None,
        cancelled: None,
        request: None,
        address_changed: false,
        buyer_message: wish.note.clone(),
        seller_note: None,
    };
    let mut events = vec![order.told()];
    world.orders.insert(&id, at, order).map_err(|full| Refused::new(full.to_string()))?;
    if paid && flavour.on_hold {
        world.hold(&id, kit);
    }
    if flavour.partly_cancelled && paid {
        events.extend(drop_unit(world, &id, at));
    }
    // What happened long ago was told long ago.
    let told = at.plus(Duration::from_mins(1)) < now;
    Ok((id, if told { Vec::new() } else { events }))
}

fn decimal(text: &str) -> Result<Decimal, Refused> {
    text.parse().map_err(|_| Refused::new("an amount is a decimal number"))
}

fn buyer(wish: &Wish, kit: &Kit) -> Shopper {
    let mut buyer = Shopper::invent(&kit.random);
    if let Some(name) = &wish.name {
        let (first, last) = name.split_once(' ').unwrap_or((name, ""));
        (buyer.first_name, buyer.last_name) = (first.to_owned(), last.to_owned());
    }
    buyer.phone = wish.phone.clone().unwrap_or(buyer.phone);
    buyer.line1 = wish.line1.clone().unwrap_or(buyer.line1);
    buyer
}

/// A line of goods before it is taken apart.
struct Goodies {
    sku: String,
    title: String,
    variant: Option<String>,
    price: Decimal,
    quantity: u32,
}

/// Each unit on its own, all in one package.
fn units(world: &mut World, wish: &Wish, flavour: Flavour, kit: &Kit) -> Result<Vec<Unit>, Refused> {
    let currency: Currency =
        flavour.market.currency.parse().map_err(|_| Refused::new("a currency has three letters"))?;
    let mut lines = if wish.lines.is_empty() {
        vec![invented(currency, flavour, kit)]
    } else {
        wish.lines
            .iter()
            .map(|line| {
                Ok(Goodies {
                    sku: line.sku.clone(),
                    title: line.title.clone().unwrap_or_else(|| line.sku.clone()),
                    variant: line.variant.clone(),
                    price: decimal(&line.unit_price)?,
                    quantity: line.quantity.max(1),
                })
            })
            .collect::<Result<_, Refused>>()?
    };
    if flavour.gift {
        let gift = Goodies { price: Decimal::ZERO, quantity: 1, ..invented(currency, flavour, kit) };
        lines.push(gift);
    }
    if flavour.partly_cancelled
        && let Some(first) = lines.first_mut()
    {
        first.quantity = first.quantity.max(2);
    }
    let package = world.number(PACKAGE).to_string();
    let mut units = Vec::new();
    for line in lines {
        let sku_id = world.number(SKU).to_string();
        for _ in 0..line.quantity {
            units.push(Unit {
                id: world.number(UNIT).to_string(),
                sku_id: sku_id.clone(),
                seller_sku: line.sku.clone(),
                title: line.title.clone(),
                variant: line.variant.clone(),
                price: if flavour.sample { Decimal::ZERO } else { line.price },
                package: package.clone(),
                state: UnitState::Open,
                label: None,
            });
        }
    }
    Ok(units)
}

fn invented(currency: Currency, flavour: Flavour, kit: &Kit) -> Goodies {
    let goods = Goods::invent(&kit.random);
    let hundredths = i64::try_from(goods.price_hundredths).unwrap_or(i64::MAX);
    // A rupiah is worth less than a cent.
    let price = if flavour.market.currency == "IDR" {
        Decimal::from(hundredths * 100)
    } else {
        currency.round(Decimal::new(hundredths, 2))
    };
    Goodies { sku: goods.sku, title: goods.title, variant: goods.variant, price, quantity: goods.quantity }
}

/// One unit is out of stock and its money goes back; the rest is still owed.
fn drop_unit(world: &mut World, id: &str, at: Timestamp) -> Vec<Event> {
    let number = world.number(4_035_000_000_000_000_000);
    let dropped = world.orders.touch(id, |order| {
        let unit = order.units.first_mut()?;
        unit.state = UnitState::Cancelled;
        Some((unit.id.clone(), unit.price, order.market.currency))
    });
    let Some((unit, amount, currency)) = dropped.flatten() else { return Vec::new() };
    vec![world.enter(AfterSale {
        id: number,
        order: id.to_owned(),
        is_return: false,
        by_buyer: false,
        status: COMPLETE,
        amount,
        currency,
        reason: "seller_cancel_reason_out_of_stock".to_owned(),
        units: vec![unit],
        deadline: None,
        placed_at: at,
        updated_at: at,
    })]
}

/// Something happens to an order. What it makes the marketplace tell.
pub(super) fn happen(world: &mut World, id: &str, deed: &Deed, kit: &Kit) -> Result<Vec<Event>, Refused> {
    let now = kit.now();
    let order = world.orders.get(id).ok_or_else(|| Refused::new("no such order"))?;
    let status = order.status();
    let is_over = matches!(status, "CANCELLED" | "COMPLETED");
    match deed {
        Deed::Pay if status == "UNPAID" => Ok(world.change(id, now, |order| order.paid_at = Some(now))),
        Deed::Pay => Err(Refused::new("nothing is to be paid")),
        Deed::ChangeAddress { line1 } if !is_over && !order.has_left() => {
            let line1 = line1.clone().unwrap_or_else(|| street(&kit.random));
            world.orders.touch(id, |order| {
                order.buyer.line1 = line1;
                order.address_changed = true;
            });
            let data = json!({"order_id": id, "update_time": now.as_secs()});
            Ok(vec![Event { kind: 3, order: id.to_owned(), data }])
        }
        Deed::ChangeAddress { .. } => Err(Refused::new("the address is fixed by now")),
        // Nobody is told.
        Deed::Note { text } => {
            world.orders.touch(id, |order| order.seller_note = Some(text.clone()));
            Ok(Vec::new())
        }
        Deed::Tag { .. } => Err(Refused::new("orders have no tags here")),
        Deed::Cancel if !is_over && !order.has_left() => {
            Ok(world.cancel(id, "BUYER", "ecom_order_to_ship_canceled_reason_no_longer_needed", kit).1)
        }
        Deed::Cancel => Err(Refused::new("an order that has left or ended is not cancelled")),
        Deed::RequestCancel if status == "AWAITING_SHIPMENT" && order.request.is_none() => {
            Ok(world.request(id, kit))
        }
        Deed::RequestCancel => Err(Refused::new("a buyer asks only for what waits to be shipped")),
        Deed::Refund { amount } => refund(world, id, amount.as_deref(), now),
        Deed::Ship { carrier, tracking: number, units } => {
            ship(world, id, carrier.as_deref(), number.clone(), *units, kit)
        }
        Deed::Deliver => deliver(world, id, now),
        Deed::Delete { .. } => {
            world.orders.remove(id);
            Ok(Vec::new())
        }
    }
}

/// Before an order leaves, money only goes back with units of it.
fn refund(world: &mut World, id: &str, amount: Option<&str>, now: Timestamp) -> Result<Vec<Event>, Refused> {
    let order = world.orders.get(id).ok_or_else(|| Refused::new("no such order"))?;
    let left = order.total() - world.refunded(id);
    let amount = match amount {
        None => left,
        Some(text) => decimal(text)?,
    };
    if order.paid_at.is_none() || order.cancelled.is_some() || !order.has_left() {
        return Err(Refused::new("money goes back only for what was paid and shipped"));
    }
    if amount <= Decimal::ZERO || amount > left {
        return Err(Refused::new("so much money is not there"));
    }
    let (currency, units) = (order.market.currency, order.units.iter().map(|unit| unit.id.clone()).collect());
    let is_last = amount == left && order.status() != "COMPLETED";
    let number = world.number(4_036_000_000_000_000_000);
    // The order's change time stays, unless this ends it.
    let mut events = vec![world.enter(AfterSale {
        id: number,
        order: id.to_owned(),
        is_return: true,
        by_buyer: true,
        status: RETURNED,
        amount,
        currency,
        reason: "ecom_order_delivered_refund_reason_damaged".to_owned(),
        units,
        deadline: None,
        placed_at: now,
        updated_at: now,
    })];
    if is_last {
        events.extend(world.change(id, now, |order| order.completed_at = Some(now)));
    }
    Ok(events)
}

fn ship(
    world: &mut World,
    id: &str,
    carrier: Option<&str>,
    number: Option<String>,
    most: Option<u32>,
    kit: &Kit,
) -> Result<Vec<Event>, Refused> {
    let order = world.orders.get(id).ok_or_else(|| Refused::new("no such order"))?;
    if !matches!(order.status(), "AWAITING_SHIPMENT" | "PARTIALLY_SHIPPING") || order.request.is_some() {
        return Err(Refused::new("nothing is to be shipped now"));
    }
    let open: Vec<&Unit> = order.units.iter().filter(|unit| unit.state == UnitState::Open).collect();
    let mut taken: BTreeMap<&str, u32> = BTreeMap::new();
    let mut ids = Vec::new();
    for unit in &open {
        let of_line = taken.entry(unit.sku_id.as_str()).or_default();
        *of_line += 1;
        if most.is_none_or(|most| *of_line <= most) {
            ids.push(unit.id.clone());
        }
    }
    let own = open.first().map(|unit| unit.package.clone()).unwrap_or_default();
    let known = order.market.carriers;
    let carrier = known.iter().find(|(_, name)| carrier == Some(*name)).or(known.first()).copied();
    let Some(carrier) = carrier else { return Err(Refused::new("no carrier serves here")) };
    let whole = ids.len() == open.len();
    let package = if whole { own } else { world.number(PACKAGE).to_string() };
    let label = Label { carrier, number: number.unwrap_or_else(|| tracking(&kit.random)), at: kit.now() };
    Ok(declare(world, id, &ids, &package, &label, kit))
}

/// Cash on delivery is paid then.
fn deliver(world: &mut World, id: &str, now: Timestamp) -> Result<Vec<Event>, Refused> {
    let order = world.orders.get(id).ok_or_else(|| Refused::new("no such order"))?;
    if !matches!(order.status(), "AWAITING_COLLECTION" | "IN_TRANSIT") {
        return Err(Refused::new("nothing is on its way"));
    }
    Ok(world.change(id, now, |order| {
        order.delivered_at = Some(now);
        order.paid_at.get_or_insert(now);
        for unit in order.units.iter_mut().filter(|unit| unit.state != UnitState::Cancelled) {
            unit.state = UnitState::Arrived;
        }
    }))
}
