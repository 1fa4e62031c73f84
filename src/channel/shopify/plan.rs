//! Which fulfilment orders ship what: one call for each location.

use super::facts::{FulfilmentOrder, Obstacle};
use crate::model::ShipLine;

/// What one call ships: all of one location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parcel {
    pub orders: Vec<Share>,
}

/// Lines of one fulfilment order: their ids there, and units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub fulfilment_order: String,
    pub lines: Vec<(String, u32)>,
}

/// Units that no fulfilment order offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shortage {
    /// The order's line.
    pub line: String,
    pub missing: u32,
    /// What holds them back; `None`: they are not waiting at all.
    pub obstacle: Option<Obstacle>,
}

/// Spreads what is wanted over the open work, from as few locations as a first look finds: a
/// location that has everything comes before all others.
pub(super) fn plan(work: &[FulfilmentOrder], wanted: &[ShipLine]) -> Result<Vec<Parcel>, Shortage> {
    let mut left: Vec<ShipLine> = wanted.iter().filter(|line| line.quantity > 0).cloned().collect();
    let mut parcels = Vec::new();
    for place in places(work, &left) {
        let open = work.iter().filter(|order| order.obstacle().is_none() && order.place() == place);
        let orders: Vec<Share> = open.filter_map(|order| share(order, &mut left)).collect();
        if !orders.is_empty() {
            parcels.push(Parcel { orders });
        }
    }
    match left.into_iter().find(|line| line.quantity > 0) {
        None => Ok(parcels),
        Some(line) => Err(Shortage {
            obstacle: work
                .iter()
                .filter(|order| has(order, &line.line_id))
                .filter_map(FulfilmentOrder::obstacle)
                .min(),
            missing: line.quantity,
            line: line.line_id,
        }),
    }
}

fn places<'a>(work: &'a [FulfilmentOrder], wanted: &[ShipLine]) -> Vec<&'a str> {
    let mut places: Vec<&str> = Vec::new();
    for order in work.iter().filter(|order| order.obstacle().is_none()) {
        if !places.contains(&order.place()) {
            places.push(order.place());
        }
    }
    let has_all =
        |place: &str| wanted.iter().all(|line| offered_at(work, place, &line.line_id) >= line.quantity);
    match places.iter().position(|place| has_all(place)) {
        Some(first) => vec![places[first]],
        None => places,
    }
}

fn offered_at(work: &[FulfilmentOrder], place: &str, line: &str) -> u32 {
    let open = work.iter().filter(|order| order.obstacle().is_none() && order.place() == place);
    open.flat_map(|order| &order.lines).filter(|left| left.order_line == line).map(|left| left.units).sum()
}

/// Units of an order line that may be shipped now.
pub(super) fn offered(work: &[FulfilmentOrder], line: &str) -> u32 {
    let open = work.iter().filter(|order| order.obstacle().is_none());
    open.flat_map(|order| &order.lines).filter(|left| left.order_line == line).map(|left| left.units).sum()
}

fn has(order: &FulfilmentOrder, line: &str) -> bool {
    order.lines.iter().any(|left| left.order_line == line && left.units > 0)
}

fn share(order: &FulfilmentOrder, wanted: &mut [ShipLine]) -> Option<Share> {
    let mut lines = Vec::new();
    for waiting in &order.lines {
        let Some(wish) = wanted.iter_mut().find(|wish| wish.line_id == waiting.order_line) else { continue };
        let units = wish.quantity.min(waiting.units);
        if units > 0 {
            wish.quantity -= units;
            lines.push((waiting.id.clone(), units));
        }
    }
    (!lines.is_empty()).then(|| Share { fulfilment_order: order.id.clone(), lines })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::shopify::facts::Left;

    fn order(id: &str, location: &str, status: &str, lines: &[(&str, u32)]) -> FulfilmentOrder {
        let left = |(line, units): &(&str, u32)| Left {
            id: format!("{id}-{line}"),
            order_line: (*line).to_owned(),
            units: *units,
        };
        FulfilmentOrder {
            id: id.into(),
            status: status.into(),
            request_status: "UNSUBMITTED".into(),
            location: location.into(),
            can_create: true,
            lines: lines.iter().map(left).collect(),
        }
    }

    fn wanted(lines: &[(&str, u32)]) -> Vec<ShipLine> {
        lines
            .iter()
            .map(|(line, quantity)| ShipLine { line_id: (*line).to_owned(), quantity: *quantity })
            .collect()
    }

    fn share(order: &str, lines: &[(&str, u32)]) -> Share {
        let lines = lines.iter().map(|(line, units)| (format!("{order}-{line}"), *units)).collect();
        Share { fulfilment_order: order.into(), lines }
    }

    #[test]
    fn order_lines_become_lines_of_the_fulfilment_order() {
        let work = [order("f1", "L1", "OPEN", &[("a", 3), ("b", 1)])];
        let parcels = plan(&work, &wanted(&[("a", 2)])).expect("a plan");
        assert_eq!(parcels, [Parcel { orders: vec![share("f1", &[("a", 2)])] }]);
    }

    #[test]
    fn two_locations_are_two_calls_and_one_location_is_one() {
        let work = [
            order("f1", "L1", "OPEN", &[("a", 1)]),
            order("f2", "L2", "OPEN", &[("b", 2)]),
            order("f3", "L1", "IN_PROGRESS", &[("c", 1)]),
        ];
        let parcels = plan(&work, &wanted(&[("a", 1), ("b", 2), ("c", 1)])).expect("a plan");
        assert_eq!(
            parcels,
            [
                Parcel { orders: vec![share("f1", &[("a", 1)]), share("f3", &[("c", 1)])] },
                Parcel { orders: vec![share("f2", &[("b", 2)])] },
            ]
        );
    }

    #[test]
    fn a_location_that_has_everything_ships_it_alone() {
        let work = [order("f1", "L1", "OPEN", &[("a", 1)]), order("f2", "L2", "OPEN", &[("a", 2)])];
        let parcels = plan(&work, &wanted(&[("a", 2)])).expect("a plan");
        assert_eq!(parcels, [Parcel { orders: vec![share("f2", &[("a", 2)])] }]);
        let both = plan(&work, &wanted(&[("a", 3)])).expect("a plan");
        assert_eq!(both.len(), 2);
    }

    #[test]
    fn what_cannot_be_shipped_is_named_with_its_obstacle() {
        let work = [order("f1", "L1", "OPEN", &[("a", 1)]), order("f2", "L1", "ON_HOLD", &[("a", 1)])];
        let shortage = plan(&work, &wanted(&[("a", 2)])).expect_err("one is held");
        assert_eq!(shortage, Shortage { line: "a".into(), missing: 1, obstacle: Some(Obstacle::Held) });
        let shortage = plan(&work, &wanted(&[("z", 1)])).expect_err("not there");
        assert_eq!(shortage.obstacle, None);
    }
}
