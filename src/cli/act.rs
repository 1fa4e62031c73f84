//! `fenicia ship`, `track` and `cancel`: what is changed at the marketplace.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::Done;
use super::client::{Client, segment};
use super::daemon::Daemon;
use super::screen::Screen;
use super::sheet::{Cell, Sheet};
use super::trouble::Trouble;
use super::views::{ActionView, ItemView, OrderView};
use super::wait;
use crate::model::CancelReason;

/// Marketplaces that take an action as a job of their own answer within this.
const PATIENCE: Duration = Duration::from_mins(15);

#[derive(Debug, Args)]
pub(super) struct Ship {
    /// The order, such as tienda:5123456789
    id: String,
    /// Who carries the parcel; `fenicia orders ID --json` lists what the channel accepts
    #[arg(long, value_name = "CARRIER")]
    carrier: String,
    /// The tracking number
    #[arg(long, value_name = "NUMBER")]
    tracking: Option<String>,
    /// Where the parcel can be followed
    #[arg(long, value_name = "URL")]
    tracking_url: Option<String>,
    /// Ship only these units; repeat for more. A SKU or a line id [default: all that is left]
    #[arg(long = "item", value_name = "SKU=QTY", value_parser = choice)]
    items: Vec<(String, u64)>,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
pub(super) struct Track {
    /// The order, such as tienda:5123456789
    id: String,
    /// Who carries the parcel
    #[arg(long, value_name = "CARRIER")]
    carrier: String,
    /// The tracking number
    #[arg(long, value_name = "NUMBER")]
    tracking: String,
    /// Which shipment, when the order has several
    #[arg(long, value_name = "ID")]
    shipment: Option<String>,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
pub(super) struct Cancel {
    /// The order, such as tienda:5123456789
    id: String,
    /// Why
    #[arg(long, value_parser = reason)]
    reason: CancelReason,
    /// A word to go with it, where the channel takes one
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Do not ask on a terminal; scripts are never asked
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
struct How {
    /// Do not wait for the outcome
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    daemon: Daemon,
}

fn choice(text: &str) -> Result<(String, u64), String> {
    let (name, quantity) = text.rsplit_once('=').ok_or("write SKU=QTY, such as MUG-01=2")?;
    let quantity = quantity.parse().ok().filter(|n| *n > 0).ok_or("the quantity is a whole number from 1")?;
    if name.is_empty() {
        Err("write SKU=QTY, such as MUG-01=2".to_owned())
    } else {
        Ok((name.to_owned(), quantity))
    }
}

fn reason(text: &str) -> Result<CancelReason, String> {
    CancelReason::parse(&text.replace('-', "_")).ok_or_else(|| {
        let all: Vec<_> = CancelReason::ALL.iter().map(|reason| reason.as_str()).collect();
        format!("write one of: {}", all.join(", "))
    })
}

impl Ship {
    pub(super) async fn run(self, screen: &mut Screen) -> Done {
        let client = self.how.daemon.client()?;
        let mut body = json!({ "carrier": self.carrier });
        if let Some(tracking) = &self.tracking {
            body["tracking_number"] = tracking.as_str().into();
        }
        if let Some(url) = &self.tracking_url {
            body["tracking_url"] = url.as_str().into();
        }
        if !self.items.is_empty() {
            let order: OrderView =
                client.get(&format!("/api/v1/orders/{}", segment(&self.id))).await?.read()?;
            body["items"] = lines(&order.items, &self.items)?.into();
        }
        self.how.act(&client, &self.id, "ship", &body, screen).await
    }
}

impl Track {
    pub(super) async fn run(self, screen: &mut Screen) -> Done {
        let client = self.how.daemon.client()?;
        let mut body = json!({ "carrier": self.carrier, "tracking_number": self.tracking });
        if let Some(shipment) = &self.shipment {
            body["shipment_id"] = shipment.as_str().into();
        }
        self.how.act(&client, &self.id, "tracking", &body, screen).await
    }
}

impl Cancel {
    pub(super) async fn run(self, screen: &mut Screen) -> Done {
        let client = self.how.daemon.client()?;
        let question = format!("Cancel {} at the marketplace? This cannot be undone.", self.id);
        if !self.yes && !screen.confirm(&question)? {
            return Err(Trouble::failed(
                "nothing was cancelled",
                "you said no",
                "Run it again when you are sure.",
            ));
        }
        let mut body = json!({ "reason": self.reason });
        if let Some(note) = &self.note {
            body["note"] = note.as_str().into();
        }
        self.how.act(&client, &self.id, "cancel", &body, screen).await
    }
}

impl How {
    async fn act(&self, client: &Client, id: &str, verb: &str, body: &Value, screen: &mut Screen) -> Done {
        let answer = client.post(&format!("/api/v1/orders/{}/{verb}", segment(id)), body).await?;
        let action: ActionView = answer.read()?;
        if self.no_wait {
            return self.show(&action, &answer.text, screen);
        }
        let path = format!("/api/v1/actions/{}", segment(&action.id));
        let bar = screen.bar("{spinner} {msg}");
        let look = |action: &ActionView| {
            bar.set_message(format!("{verb} {id}: {}", action.state));
            bar.tick();
        };
        let is_over = |action: &ActionView| !matches!(action.state.as_str(), "queued" | "running");
        let over = wait::until(client, &path, Some(PATIENCE), look, is_over).await;
        bar.finish_and_clear();
        let Some((action, answer)) = over? else {
            return Err(Trouble::failed(
                format!("no outcome of the {verb} of {id} yet"),
                format!("the marketplace has not confirmed it within {} min", PATIENCE.as_secs() / 60),
                format!("The daemon keeps at it. Look again with `fenicia orders {id}`."),
            ));
        };
        self.show(&action, &answer.text, screen)?;
        outcome(id, verb, action)
    }

    fn show(&self, action: &ActionView, text: &str, screen: &mut Screen) -> Done {
        if self.daemon.json {
            return Ok(screen.json(text)?);
        }
        let mut sheet = Sheet::new(&["action", "kind", "state", "attempts"]);
        let attempts = Cell::count(action.attempts);
        sheet.row([Cell::text(&action.id), Cell::text(&action.kind), Cell::state(&action.state), attempts]);
        Ok(screen.sheet(&sheet)?)
    }
}

fn outcome(id: &str, verb: &str, action: ActionView) -> Done {
    let error = action.error.unwrap_or_default();
    match action.state.as_str() {
        "done" => Ok(()),
        "unknown" => Err(Trouble::failed(
            format!("the outcome of the {verb} of {id} is unknown"),
            format!("it was sent, but the marketplace's answer was lost {}", error.message)
                .trim_end()
                .to_owned(),
            "Look at the order in the marketplace before you try again: sending twice might act twice.",
        )),
        _ => Err(Trouble::failed(
            format!("the {verb} of {id} failed"),
            if error.message.is_empty() { "the daemon does not say why".to_owned() } else { error.message },
            error.advice.unwrap_or_else(|| "See the order's timeline.".to_owned()),
        )),
    }
}

/// Spreads the chosen units over the order's lines: a SKU may stand on several.
fn lines(items: &[ItemView], chosen: &[(String, u64)]) -> Result<Vec<Value>, Trouble> {
    let mut lines = Vec::new();
    for (name, quantity) in chosen {
        let matching = items.iter().filter(|i| i.sku.as_deref() == Some(name.as_str()) || i.line_id == *name);
        let mut left = *quantity;
        let mut known = false;
        for item in matching {
            known = true;
            let units = item.open().min(left);
            if units > 0 {
                lines.push(json!({ "line_id": item.line_id, "quantity": units }));
                left -= units;
            }
        }
        if left > 0 {
            let all: Vec<_> = items.iter().map(|i| i.sku.as_deref().unwrap_or(&i.line_id)).collect();
            let (why, cure) = if known {
                let open = quantity - left;
                (format!("{open} of {name} are left to ship"), "Ask for no more than that.".to_owned())
            } else {
                ("the order has no such line".to_owned(), format!("Choose from: {}.", all.join(", ")))
            };
            return Err(Trouble::failed(format!("cannot ship {quantity} of {name}"), why, cure));
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(line: &str, sku: &str, quantity: u64, shipped: u64) -> ItemView {
        ItemView {
            line_id: line.to_owned(),
            sku: Some(sku.to_owned()),
            quantity,
            quantity_shipped: Some(shipped),
            ..ItemView::default()
        }
    }

    #[test]
    fn units_are_spread_over_the_lines_of_a_sku() {
        let items = [item("1", "MUG", 2, 1), item("2", "MUG", 3, 0), item("3", "CUP", 1, 0)];
        let got = lines(&items, &[("MUG".to_owned(), 3), ("3".to_owned(), 1)]).expect("enough units");
        let expected = json!([
            { "line_id": "1", "quantity": 1 },
            { "line_id": "2", "quantity": 2 },
            { "line_id": "3", "quantity": 1 },
        ]);
        assert_eq!(Value::from(got), expected);
        assert!(lines(&items, &[("MUG".to_owned(), 5)]).expect_err("too many").why.contains("4 of MUG"));
        assert!(lines(&items, &[("POT".to_owned(), 1)]).expect_err("unknown").cure.contains("CUP"));
    }

    #[test]
    fn a_choice_names_units_and_how_many() {
        assert_eq!(choice("A=B=2"), Ok(("A=B".to_owned(), 2)));
        for text in ["A", "A=", "A=0", "=1", "A=x"] {
            assert!(choice(text).is_err(), "{text}");
        }
    }
}
