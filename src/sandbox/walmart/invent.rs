//! New orders.

use std::time::Duration;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::super::kit::Kit;
use super::super::names::{Goods, Shopper};
use super::super::stand::{Refused, Wish, WishLine};
use super::world::{Batch, Line, Order, Stage, Warehouse};
use crate::model::{Timestamp, decimal};
use crate::random::Random;

const DAY: Duration = Duration::from_hours(24);
const METHODS: [&str; 4] = ["Value", "Standard", "Express", "OneDay"];

/// The sorts of orders that a wish can name.
pub(super) const FLAVOURS: [&str; 10] = [
    "wfs",
    "3pl",
    "replacement",
    "masked",
    "no_mail",
    "unwanted",
    "subscription",
    "many_lines",
    "bare",
    "acknowledged",
];

/// Invents what the wish leaves open.
pub(super) fn order(wish: &Wish, kit: &Kit) -> Result<Order, Refused> {
    let flavour = wish.flavour.as_deref().unwrap_or_default();
    if !flavour.is_empty() && !FLAVOURS.contains(&flavour) {
        return Err(Refused::new(format!("Walmart has no orders of the sort {flavour}")));
    }
    let random = &kit.random;
    let placed_at = wish.placed_at.unwrap_or_else(|| kit.now());
    let warehouse = match flavour {
        "wfs" => Warehouse::Walmart,
        "3pl" => Warehouse::ThirdParty,
        _ => Warehouse::Seller,
    };
    let known = warehouse == Warehouse::Walmart || flavour == "acknowledged";
    let stage = if known { Stage::Acknowledged } else { Stage::Created };
    let mut shopper = Shopper::invent(random);
    // Walmart shows no country code.
    if let Some(local) = shopper.phone.strip_prefix("+1").map(str::to_owned) {
        shopper.phone = local;
    }
    shopper.email =
        format!("{:032X}@relay.walmart.com", u128::from(random.u64()) << 64 | u128::from(random.u64()));
    let mut order = Order {
        id: digits(random),
        number: digits(random),
        warehouse,
        replaces: (flavour == "replacement").then(|| digits(random)),
        currency: wish.currency.clone().unwrap_or_else(|| "USD".to_owned()),
        shopper,
        mail_known: flavour != "no_mail",
        phone_masked: flavour == "masked",
        method: METHODS[pick(random, METHODS.len())],
        placed_at,
        ship_by: placed_at.plus(DAY * 2),
        deliver_by: placed_at.plus(DAY * 7),
        lines: lines(wish, flavour, stage, placed_at, random)?,
        changed_at: placed_at,
        bare: flavour == "bare",
    };
    overrule(&mut order, wish);
    Ok(order)
}

fn overrule(order: &mut Order, wish: &Wish) {
    if let Some(name) = &wish.name {
        let (first, last) = name.split_once(' ').unwrap_or((name, ""));
        first.clone_into(&mut order.shopper.first_name);
        last.clone_into(&mut order.shopper.last_name);
    }
    if let Some(email) = &wish.email {
        order.shopper.email.clone_from(email);
    }
    if let Some(phone) = &wish.phone {
        order.shopper.phone.clone_from(phone);
    }
    if let Some(line1) = &wish.line1 {
        order.shopper.line1.clone_from(line1);
    }
}

fn lines(
    wish: &Wish,
    flavour: &str,
    stage: Stage,
    at: Timestamp,
    random: &Random,
) -> Result<Vec<Line>, Refused> {
    let wanted = if wish.lines.is_empty() {
        let count = if flavour == "many_lines" { 40 } else { 1 + pick(random, 3) };
        (0..count).map(|_| invented(random)).collect()
    } else {
        wish.lines.clone()
    };
    let shipping = match &wish.shipping {
        Some(text) => cents(text)?,
        None => [0, 0, 599][pick(random, 3)],
    };
    let mut number = 0;
    let mut lines = Vec::with_capacity(wanted.len());
    for (at_place, line) in wanted.iter().enumerate() {
        // Numbers have gaps, as when a line was moved to another purchase order.
        number += 1 + pick(random, 2);
        let units = line.quantity.max(1);
        let goods = cents(&line.unit_price)?.saturating_mul(i64::from(units));
        lines.push(Line {
            number: number.to_string(),
            sku: line.sku.clone(),
            title: line.title.clone().unwrap_or_else(|| line.sku.clone()),
            quantity: units,
            goods,
            shipping: if at_place == 0 { shipping } else { 0 },
            tax: if wish.lines.is_empty() { goods * 8 / 100 } else { 0 },
            discount: if flavour == "subscription" { goods / 20 } else { 0 },
            refunded: 0,
            batches: vec![Batch { stage, units, label: None, reason: None, since: at }],
            unwanted: flavour == "unwanted",
            changed_at: at,
        });
    }
    Ok(lines)
}

fn invented(random: &Random) -> WishLine {
    let goods = Goods::invent(random);
    WishLine {
        sku: goods.sku,
        title: Some(goods.title),
        variant: goods.variant,
        quantity: goods.quantity,
        unit_price: format!("{}.{:02}", goods.price_hundredths / 100, goods.price_hundredths % 100),
    }
}

/// A decimal as hundredths.
pub(super) fn cents(text: &str) -> Result<i64, Refused> {
    let amount = decimal(text).map(|amount| amount * Decimal::ONE_HUNDRED);
    let whole = amount.filter(|amount| amount.fract().is_zero() && !amount.is_sign_negative());
    whole
        .and_then(|amount| amount.to_i64())
        .ok_or_else(|| Refused::new(format!("{text:?} is not an amount of money")))
}

fn digits(random: &Random) -> String {
    format!("{}{:012}", 1 + random.below(9), random.below(1_000_000_000_000))
}

fn pick(random: &Random, len: usize) -> usize {
    usize::try_from(random.below(len as u64)).unwrap_or(0)
}
