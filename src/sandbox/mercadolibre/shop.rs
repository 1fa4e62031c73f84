//! What shoppers, carriers and the seller's other tools do.

use std::time::Duration;

use rust_decimal::Decimal;

use super::super::book::MOST_ORDERS;
use super::super::names::{Goods, Shopper, street, tracking};
use super::super::stand::{Deed, Refused, Wish, WishLine};
use super::notify::Event;
use super::world::{Farewell, Line, Mode, Note, Parcel, Payment, Sale, Stage, World};
use crate::model::{Currency, Timestamp};
use crate::random::Random;

const ORDER: u64 = 2_000_009_000_000_000;
const PACK: u64 = 2_000_006_000_000_000;
const SHIPMENT: u64 = 44_000_000_000;
const PAYMENT: u64 = 91_000_000_000;
const PERSON: u64 = 6_000_000;
const BILLING: u64 = 700_000;

/// What `Flavour::read` knows beside the usual sale.
pub(super) const FLAVOURS: &[&str] = &[
    "custom",
    "full",
    "flex",
    "drop_off",
    "agreed",
    "cart",
    "slow",
    "never_shows",
    "fraud",
    "custom_field",
    "to_balance",
    "rejected_first",
];

/// A special sort of sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a peculiarity of its own")]
struct Flavour {
    /// `None`: no shipment, the delivery is agreed.
    mode: Option<Mode>,
    lines: usize,
    slow: Duration,
    fraud: bool,
    custom_field: bool,
    to_balance: bool,
    rejected_first: bool,
}

impl Flavour {
    const USUAL: Self = Self {
        mode: Some(Mode::Me1),
        lines: 1,
        slow: Duration::ZERO,
        fraud: false,
        custom_field: false,
        to_balance: false,
        rejected_first: false,
    };

    fn read(word: Option<&str>) -> Result<Self, Refused> {
        let usual = Self::USUAL;
        Ok(match word {
            None | Some("me1") => usual,
            Some("custom") => Self { mode: Some(Mode::Custom), ..usual },
            Some("full") => Self { mode: Some(Mode::Full), ..usual },
            Some("flex") => Self { mode: Some(Mode::Flex), ..usual },
            Some("drop_off") => Self { mode: Some(Mode::DropOff), ..usual },
            Some("agreed") => Self { mode: None, ..usual },
            Some("cart") => Self { lines: 2, ..usual },
            Some("slow") => Self { slow: Duration::from_secs(20), ..usual },
            Some("never_shows") => Self { slow: Duration::from_hours(1), ..usual },
            Some("fraud") => Self { fraud: true, ..usual },
            Some("custom_field") => Self { custom_field: true, ..usual },
            Some("to_balance") => Self { to_balance: true, mode: Some(Mode::DropOff), ..usual },
            Some("rejected_first") => Self { rejected_first: true, ..usual },
            Some(other) => return Err(Refused::new(format!("no sale here is called {other}"))),
        })
    }
}

/// Places a sale, or a cart of one sale per line; answers the first sale's id.
pub(super) fn place(
    world: &mut World,
    wish: &Wish,
    site: &super::Site,
    random: &Random,
    now: Timestamp,
) -> Result<(u64, Vec<Event>), Refused> {
    let flavour = Flavour::read(wish.flavour.as_deref())?;
    let currency: Currency = wish
        .currency
        .as_deref()
        .unwrap_or(site.currency)
        .parse()
        .map_err(|_| Refused::new("a currency has three letters"))?;
    let lines = lines(wish, flavour, currency, random)?;
    let at = wish.placed_at.unwrap_or(now).min(now);
    make_room(world, lines.len());

    let buyer = buyer(wish, random);
    let cart = (lines.len() > 1).then(|| world.number(PACK));
    let parcel = flavour.mode.map(|_| world.number(SHIPMENT));
    let (buyer_id, billing_id) = (world.number(PERSON), world.number(BILLING));
    let mut ids = Vec::new();
    for line in lines {
        let id = world.number(ORDER);
        let mut sale = Sale {
            id,
            pack: cart,
            parcel,
            buyer_id,
            billing_id,
            buyer: buyer.clone(),
            line,
            currency,
            stage: Stage::Unpaid,
            farewell: if flavour.to_balance { Farewell::ToBalance } else { Farewell::Cancelled },
            payments: Vec::new(),
            tags: tags(wish, flavour, cart.is_some()),
            fulfilled: None,
            notes: Vec::new(),
            feedback: None,
            placed_at: at,
            closed_at: None,
            updated_at: at,
        };
        if flavour.rejected_first {
            let payment = payment(world, &sale, "rejected", at);
            sale.payments.push(payment);
        }
        if let Some(text) = &wish.note {
            sale.notes.push(note(world, text, at));
        }
        world.sales.insert(&id.to_string(), at, sale).map_err(|full| Refused::new(full.to_string()))?;
        world.billings.insert(billing_id, id);
        ids.push(id);
    }
    if let Some((parcel, mode)) = parcel.zip(flavour.mode) {
        let cost = wish.shipping.as_deref().and_then(|cost| cost.parse().ok()).unwrap_or(Decimal::ZERO);
        let receiver = buyer;
        world.parcels.insert(
            parcel,
            Parcel {
                id: parcel,
                mode,
                status: "pending",
                substatus: None,
                sales: ids.clone(),
                receiver_id: buyer_id,
                receiver,
                paid: false,
                cost,
                tracking_number: None,
                tracking_method: None,
                placed_at: at,
                shipped_at: None,
                updated_at: at,
                slow: flavour.slow,
                reported: None,
            },
        );
    }
    if let Some(pack) = cart {
        world.packs.insert(pack, ids.clone());
    }
    let mut events: Vec<_> = ids.iter().map(|id| Event::order(*id)).collect();
    if wish.paid.unwrap_or(true) {
        events.extend(pay(world, ids[0], at)?);
    }
    // What happened long ago was told long ago.
    let told = at.plus(Duration::from_mins(1)) < now;
    Ok((ids[0], if told { Vec::new() } else { events }))
}

fn make_room(world: &mut World, wanted: usize) {
    while world.sales.len() + wanted > MOST_ORDERS && world.drop_oldest {
        let Some(oldest) = world.sales.iter().next().map(|sale| sale.id) else { return };
        world.forget(oldest);
    }
}

fn lines(wish: &Wish, flavour: Flavour, currency: Currency, random: &Random) -> Result<Vec<Line>, Refused> {
    if wish.lines.is_empty() {
        return Ok((0..flavour.lines).map(|_| invented(flavour, currency, random)).collect());
    }
    wish.lines.iter().map(|line| wanted(line, flavour)).collect()
}

fn invented(flavour: Flavour, currency: Currency, random: &Random) -> Line {
    let goods = Goods::invent(random);
    let hundredths = i64::try_from(goods.price_hundredths).unwrap_or(i64::MAX);
    Line {
        sku: Some(goods.sku),
        custom_field: flavour.custom_field,
        title: goods.title,
        variant: goods.variant,
        quantity: goods.quantity,
        unit_price: currency.round(Decimal::new(hundredths, 2)),
    }
}

fn wanted(line: &WishLine, flavour: Flavour) -> Result<Line, Refused> {
    let unit_price = line.unit_price.parse().map_err(|_| Refused::new("a unit price is a decimal number"))?;
    Ok(Line {
        sku: (!line.sku.is_empty()).then(|| line.sku.clone()),
        custom_field: flavour.custom_field,
        title: line.title.clone().unwrap_or_else(|| line.sku.clone()),
        variant: line.variant.clone(),
        quantity: line.quantity.max(1),
        unit_price,
    })
}

fn buyer(wish: &Wish, random: &Random) -> Shopper {
    let mut buyer = Shopper::invent(random);
    if let Some(name) = &wish.name {
        let (first, last) = name.split_once(' ').unwrap_or((name, ""));
        (buyer.first_name, buyer.last_name) = (first.to_owned(), last.to_owned());
    }
    buyer.phone = wish.phone.clone().unwrap_or(buyer.phone);
    buyer.line1 = wish.line1.clone().unwrap_or(buyer.line1);
    buyer
}

fn tags(wish: &Wish, flavour: Flavour, cart: bool) -> Vec<String> {
    let own = [
        ("not_paid", true),
        ("not_delivered", true),
        ("pack_order", cart),
        ("fraud_risk_detected", flavour.fraud),
        ("no_shipping", flavour.mode.is_none()),
    ];
    let own = own.into_iter().filter(|(_, wanted)| *wanted).map(|(tag, _)| tag.to_owned());
    own.chain(wish.tags.iter().cloned()).collect()
}

fn payment(world: &mut World, sale: &Sale, status: &'static str, at: Timestamp) -> Payment {
    let id = world.number(PAYMENT);
    world.payments.insert(id, sale.id);
    Payment { id, status, amount: sale.total(), refunded: Decimal::ZERO, to_balance: false, at }
}

pub(super) fn note(world: &mut World, text: &str, at: Timestamp) -> Note {
    let id = format!("{:024x}", world.number(0x681b_ace1));
    Note { id, at, text: text.to_owned() }
}

/// Something happens to a sale. What it makes the marketplace tell.
pub(super) fn happen(
    world: &mut World,
    id: u64,
    deed: &Deed,
    random: &Random,
    now: Timestamp,
) -> Result<Vec<Event>, Refused> {
    let sale = world.sale(id).ok_or_else(|| Refused::new("no such sale"))?;
    let (stage, parcel) = (sale.stage, sale.parcel);
    match deed {
        Deed::Pay => pay(world, id, now),
        Deed::ChangeAddress { line1 } => {
            let line1 = line1.clone().unwrap_or_else(|| street(random));
            change_address(world, parcel, line1, now)
        }
        Deed::Note { text } => {
            let note = note(world, text, now);
            world.change(id, now, |sale| sale.notes.push(note));
            Ok(vec![Event::order(id)])
        }
        Deed::Tag { tag } => {
            world.change(id, now, |sale| sale.add_tag(tag));
            Ok(vec![Event::order(id)])
        }
        Deed::Cancel if matches!(stage, Stage::Unpaid | Stage::Owed) => {
            let farewell = world.sale(id).map_or(Farewell::Cancelled, |sale| sale.farewell);
            Ok(give_up(world, id, farewell, now))
        }
        Deed::Cancel => Err(Refused::new("a sale that has left or ended is not cancelled")),
        Deed::RequestCancel => {
            world.change(id, now, |sale| sale.add_tag("claim_opened"));
            Ok(vec![Event::order(id)])
        }
        Deed::Refund { amount } => refund(world, id, amount.as_deref(), now),
        Deed::Ship { carrier, tracking: number, units } => {
            if units.is_some_and(|units| world.sale(id).is_some_and(|sale| units < sale.line.quantity)) {
                return Err(Refused::new("a sale ships as a whole here"));
            }
            let number = number.clone().unwrap_or_else(|| tracking(random));
            ship(world, id, carrier.as_deref(), number, now)
        }
        Deed::Deliver => deliver(world, id, now),
        Deed::Delete { .. } => {
            world.forget(id);
            Ok(vec![Event::order(id)])
        }
    }
}

/// A cart is paid as one.
fn pay(world: &mut World, id: u64, now: Timestamp) -> Result<Vec<Event>, Refused> {
    let sale = world.sale(id).ok_or_else(|| Refused::new("no such sale"))?;
    let (pack, parcel) = (sale.pack, sale.parcel);
    let cart = pack.and_then(|pack| world.packs.get(&pack).cloned()).unwrap_or_else(|| vec![id]);
    let mut events = Vec::new();
    for id in cart {
        let Some(sale) = world.sale(id).filter(|sale| sale.stage == Stage::Unpaid).cloned() else { continue };
        let payment = payment(world, &sale, "approved", now);
        events.extend([Event::order(id), Event::payment(payment.id, id)]);
        world.change(id, now, |sale| {
            sale.stage = Stage::Owed;
            sale.closed_at = Some(now);
            sale.payments.push(payment);
            sale.drop_tag("not_paid");
            sale.add_tag("paid");
        });
    }
    if events.is_empty() {
        return Err(Refused::new("nothing is to be paid"));
    }
    if let Some(parcel) = parcel.and_then(|parcel| world.parcels.get_mut(&parcel)) {
        parcel.pay(now);
        events.push(Event::shipment(parcel.id, id));
    }
    Ok(events)
}

fn change_address(
    world: &mut World,
    parcel: Option<u64>,
    line1: String,
    now: Timestamp,
) -> Result<Vec<Event>, Refused> {
    let parcel = parcel.and_then(|id| world.parcels.get(&id)).filter(|parcel| !parcel.has_left());
    let parcel = parcel.map(|parcel| parcel.id).ok_or_else(|| Refused::new("no parcel waits here"))?;
    let sales = world.move_parcel(parcel, now, |parcel| parcel.receiver.line1 = line1);
    Ok(sales.first().map(|sale| Event::shipment(parcel, *sale)).into_iter().collect())
}

/// The sale ends, with the parcel if it was the last in it.
pub(super) fn give_up(world: &mut World, id: u64, farewell: Farewell, now: Timestamp) -> Vec<Event> {
    let payments = world.change(id, now, |sale| {
        sale.give_up(farewell);
        sale.payments.iter().map(|payment| payment.id).collect::<Vec<_>>()
    });
    let payments = payments.unwrap_or_default().into_iter().map(|payment| Event::payment(payment, id));
    let mut events: Vec<_> = std::iter::once(Event::order(id)).chain(payments).collect();
    events.extend(world.close_parcel(id, now).map(|parcel| Event::shipment(parcel, id)));
    events
}

fn refund(world: &mut World, id: u64, amount: Option<&str>, now: Timestamp) -> Result<Vec<Event>, Refused> {
    let sale = world.sale(id).ok_or_else(|| Refused::new("no such sale"))?;
    let left = sale.paid() - sale.refunded();
    let amount = match amount {
        None => left,
        Some(text) => text.parse().map_err(|_| Refused::new("an amount is a decimal number"))?,
    };
    if sale.stage == Stage::GivenUp || amount <= Decimal::ZERO || amount > left {
        return Err(Refused::new("so much money is not there"));
    }
    if amount == left {
        return Ok(give_up(world, id, Farewell::Cancelled, now));
    }
    let payment = world.change(id, now, |sale| {
        let payment = sale.payments.iter_mut().find(|payment| payment.status == "approved")?;
        payment.refunded += amount;
        Some(payment.id)
    });
    let payment = payment.flatten().map(|payment| Event::payment(payment, id));
    Ok(std::iter::once(Event::order(id)).chain(payment).collect())
}

fn ship(
    world: &mut World,
    id: u64,
    carrier: Option<&str>,
    number: String,
    now: Timestamp,
) -> Result<Vec<Event>, Refused> {
    let sale = world.sale(id).filter(|sale| sale.stage == Stage::Owed);
    let parcel = sale.ok_or_else(|| Refused::new("nothing is owed"))?.parcel;
    let parcel = parcel.ok_or_else(|| Refused::new("the delivery is agreed: nothing is shipped"))?;
    if let Some(parcel) = world.parcels.get_mut(&parcel) {
        parcel.tracking_method = Some(carrier.unwrap_or("Sandbox Express").to_owned());
    }
    world.dispatch(parcel, Some(number), now);
    Ok(vec![Event::shipment(parcel, id)])
}

fn deliver(world: &mut World, id: u64, now: Timestamp) -> Result<Vec<Event>, Refused> {
    let sale = world.sale(id).ok_or_else(|| Refused::new("no such sale"))?;
    match (sale.parcel, sale.stage) {
        (Some(parcel), Stage::Sent) => {
            let sales = world.move_parcel(parcel, now, |parcel| parcel.status = "delivered");
            for sale in sales {
                world.sales.touch(&sale.to_string(), |sale| {
                    if sale.stage == Stage::Sent {
                        sale.stage = Stage::Arrived;
                    }
                });
            }
            Ok(vec![Event::shipment(parcel, id)])
        }
        (None, Stage::Owed) => {
            world.change(id, now, |sale| {
                sale.stage = Stage::Arrived;
                sale.fulfilled = Some(true);
                sale.drop_tag("not_delivered");
                sale.add_tag("delivered");
            });
            Ok(vec![Event::order(id)])
        }
        _ => Err(Refused::new("nothing is on its way")),
    }
}
