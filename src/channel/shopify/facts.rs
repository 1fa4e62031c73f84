//! What later calls need to know of an order's fulfilment orders, as one compact fact.
//!
//! A fulfilment order is Shopify's unit of work: some lines at one location. Shipping names its
//! ids and those of its lines, never the order's.

use std::collections::BTreeMap;

/// The fact's name. Its text: fulfilment orders joined by `;`, each
/// `id,status,request,location,flags|line:order-line:left …`.
const KEY: &str = "fulfilment_orders";

/// Work that is left at one location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FulfilmentOrder {
    pub id: String,
    pub status: String,
    pub request_status: String,
    /// Empty when the location is gone.
    pub location: String,
    /// Shopify offers to create a fulfilment.
    pub can_create: bool,
    pub lines: Vec<Left>,
}

/// Units of one order line that wait in a fulfilment order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Left {
    pub id: String,
    pub order_line: String,
    pub units: u32,
}

/// Why units that are left cannot be shipped from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Obstacle {
    Service,
    Held,
    Scheduled,
    Other,
}

impl FulfilmentOrder {
    pub(super) fn units(&self) -> u32 {
        self.lines.iter().map(|line| line.units).sum()
    }

    /// `None`: fulfilments may be created here.
    pub(super) fn obstacle(&self) -> Option<Obstacle> {
        if matches!(self.request_status.as_str(), "SUBMITTED" | "ACCEPTED" | "CANCELLATION_REQUESTED") {
            return Some(Obstacle::Service);
        }
        match self.status.as_str() {
            "OPEN" | "IN_PROGRESS" if self.can_create => None,
            "ON_HOLD" => Some(Obstacle::Held),
            "SCHEDULED" => Some(Obstacle::Scheduled),
            _ => Some(Obstacle::Other),
        }
    }

    /// Fulfilment orders of one call must share this.
    pub(super) fn place(&self) -> &str {
        if self.location.is_empty() { &self.id } else { &self.location }
    }
}

impl Obstacle {
    /// Fits after "Shopify: ".
    pub(super) const fn why(self) -> &'static str {
        match self {
            Self::Service => {
                "what is left belongs to a fulfilment service, which ships it. Ask the service, or take the request back in Shopify."
            }
            Self::Held => "what is left is on hold. Release the hold in Shopify, then sync this order.",
            Self::Scheduled => {
                "what is left is scheduled for a later date. Move the date in Shopify, then sync this order."
            }
            Self::Other => "nothing that is left can be fulfilled now. Look at the order in Shopify.",
        }
    }
}

/// Writes the fact. Fulfilment orders without units are left out: they are history.
pub(super) fn write(facts: &mut BTreeMap<String, String>, orders: &[FulfilmentOrder]) {
    let text = orders.iter().filter(|order| order.units() > 0).map(encode).collect::<Vec<_>>().join(";");
    facts.insert(KEY.to_owned(), text);
}

/// `None` when no reading told about fulfilment orders yet.
pub(super) fn read(facts: &BTreeMap<String, String>) -> Option<Vec<FulfilmentOrder>> {
    let text = facts.get(KEY)?;
    Some(text.split(';').filter_map(decode).collect())
}

fn encode(order: &FulfilmentOrder) -> String {
    let flags = if order.can_create { "c" } else { "" };
    let lines: Vec<String> = order
        .lines
        .iter()
        .filter(|line| line.units > 0)
        .map(|line| format!("{}:{}:{}", line.id, line.order_line, line.units))
        .collect();
    format!(
        "{},{},{},{},{flags}|{}",
        order.id,
        order.status,
        order.request_status,
        order.location,
        lines.join(" ")
    )
}

fn decode(text: &str) -> Option<FulfilmentOrder> {
    let (head, lines) = text.split_once('|')?;
    let mut words = head.split(',').map(str::to_owned);
    Some(FulfilmentOrder {
        id: words.next()?,
        status: words.next()?,
        request_status: words.next()?,
        location: words.next()?,
        can_create: words.next()?.contains('c'),
        lines: lines.split(' ').filter_map(decode_line).collect(),
    })
}

fn decode_line(text: &str) -> Option<Left> {
    let mut words = text.split(':');
    Some(Left {
        id: words.next()?.to_owned(),
        order_line: words.next()?.to_owned(),
        units: words.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(status: &str, request: &str, can_create: bool) -> FulfilmentOrder {
        FulfilmentOrder {
            id: "7".into(),
            status: status.into(),
            request_status: request.into(),
            location: "3".into(),
            can_create,
            lines: vec![
                Left { id: "71".into(), order_line: "11".into(), units: 2 },
                Left { id: "72".into(), order_line: "12".into(), units: 1 },
            ],
        }
    }

    #[test]
    fn what_is_left_survives_the_fact() {
        let mut facts = BTreeMap::new();
        assert_eq!(read(&facts), None);
        let mut done = order("CLOSED", "CLOSED", false);
        done.lines.clear();
        let open = order("OPEN", "UNSUBMITTED", true);
        let held = FulfilmentOrder {
            id: "8".into(),
            location: String::new(),
            ..order("ON_HOLD", "UNSUBMITTED", false)
        };
        write(&mut facts, &[done, open.clone(), held.clone()]);
        assert_eq!(read(&facts), Some(vec![open, held]));
        write(&mut facts, &[]);
        assert_eq!(read(&facts), Some(vec![]));
    }

    #[test]
    fn only_open_work_of_the_merchant_can_be_shipped() {
        let table = [
            ("OPEN", "UNSUBMITTED", true, None),
            ("IN_PROGRESS", "UNSUBMITTED", true, None),
            ("OPEN", "REJECTED", true, None),
            ("OPEN", "UNSUBMITTED", false, Some(Obstacle::Other)),
            ("IN_PROGRESS", "ACCEPTED", true, Some(Obstacle::Service)),
            ("OPEN", "SUBMITTED", true, Some(Obstacle::Service)),
            ("ON_HOLD", "UNSUBMITTED", false, Some(Obstacle::Held)),
            ("SCHEDULED", "UNSUBMITTED", false, Some(Obstacle::Scheduled)),
            ("CLOSED", "CLOSED", true, Some(Obstacle::Other)),
            ("CANCELLED", "UNSUBMITTED", true, Some(Obstacle::Other)),
            ("INCOMPLETE", "CLOSED", true, Some(Obstacle::Other)),
            ("NEW_WORD", "UNSUBMITTED", true, Some(Obstacle::Other)),
        ];
        for (status, request, can_create, obstacle) in table {
            assert_eq!(order(status, request, can_create).obstacle(), obstacle, "{status} {request}");
        }
    }
}
