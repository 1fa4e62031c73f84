//! Turns a shopper's wish into an order.

use rust_decimal::Decimal;

use super::super::names::{Goods, Shopper};
use super::super::stand::{Refused, Wish};
use super::flavour::Flavour;
use super::order::{Address, Customer, FulfillmentOrder, FulfillmentOrderLine, Line, Order};
use super::world::{World, sorted_tags};
use crate::model::{Currency, Timestamp, decimal};
use crate::random::Random;

impl World {
    pub(super) fn invent(&mut self, wish: &Wish, random: &Random, now: Timestamp) -> Result<Order, Refused> {
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
            deleted: false,
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
}
