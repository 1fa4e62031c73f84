//! `fenicia erase`: a customer's personal data, now.

use clap::Args;
use serde::Deserialize;
use serde_json::json;

use super::Done;
use super::daemon::Daemon;
use super::screen::Screen;
use super::sheet::{Cell, Sheet};
use super::trouble::Trouble;

#[derive(Debug, Args)]
pub(super) struct Erase {
    /// Orders whose customer is erased, such as tienda:5123456789
    #[arg(required_unless_present = "email", value_name = "ORDER")]
    orders: Vec<String>,
    /// Every order of this customer, in every channel
    #[arg(long, conflicts_with = "orders")]
    email: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    daemon: Daemon,
}

/// What was erased, and the proof.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Erased {
    orders: Vec<String>,
    keys_dropped: bool,
}

impl Erase {
    pub(super) async fn run(self, screen: &mut Screen) -> Done {
        let client = self.daemon.client()?;
        let whom = match &self.email {
            Some(email) => format!("the customer {email}"),
            None => format!("the customers of {}", self.orders.join(", ")),
        };
        let question = format!(
            "Erase name, address, e-mail and phone of {whom}? The orders stay. This cannot be undone."
        );
        if !self.yes && !screen.confirm(&question)? {
            return Err(Trouble::failed(
                "nothing was erased",
                "you said no",
                "Run it again when you are sure.",
            ));
        }
        let body = match &self.email {
            Some(email) => json!({ "email": email }),
            None => json!({ "orders": self.orders }),
        };
        let answer = client.post("/api/v1/erase", &body).await?;
        let erased: Erased = answer.read()?;
        if self.daemon.json {
            screen.json(&answer.text)?;
        } else {
            let mut sheet = Sheet::new(&["order", "erased"]);
            for order in &erased.orders {
                sheet.row([Cell::text(order), Cell::state("yes")]);
            }
            screen.sheet(&sheet)?;
        }
        if erased.orders.is_empty() {
            screen.note("No order holds personal data of this customer.");
            return Ok(());
        }
        if !erased.keys_dropped {
            return Err(Trouble::failed(
                "the data is gone from the orders, but not yet from the disk",
                "the keys that it was sealed under could not be dropped",
                "Look into the daemon's log, then run it again.",
            ));
        }
        screen.note("The keys that the data was sealed under are gone from the disk: neither freed pages nor older backups of the store can be read without them.");
        Ok(())
    }
}
