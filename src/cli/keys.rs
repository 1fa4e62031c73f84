//! `fenicia key`: API keys.

use clap::{Args, Subcommand};
use serde_json::json;

use super::Done;
use super::client::segment;
use super::daemon::Daemon;
use super::screen::Screen;
use super::sheet::{Cell, Sheet};
use super::trouble::Trouble;
use super::views::{Items, KeyView};
use crate::clock::Clock;
use crate::model::{Role, Timestamp};

#[derive(Debug, Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make a key and print it: it is shown this once
    Create(Create),
    /// List the keys, without the keys themselves
    List(List),
    /// Make a key useless from now on
    Revoke(Revoke),
}

#[derive(Debug, Args)]
struct Create {
    /// What the key is for; shown where it acts
    #[arg(long)]
    name: String,
    /// viewer reads; operator also acts on orders and syncs; admin also manages keys and connections
    #[arg(long, value_parser = role)]
    role: Role,
    #[command(flatten)]
    daemon: Daemon,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    daemon: Daemon,
}

#[derive(Debug, Args)]
struct Revoke {
    /// Which key, as `fenicia key list` shows it
    id: String,
    #[command(flatten)]
    daemon: Daemon,
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| "write viewer, operator or admin".to_owned())
}

impl Keys {
    pub(super) async fn run(self, screen: &mut Screen) -> Done {
        match self.what {
            What::Create(create) => create.run(screen).await,
            What::List(list) => list.run(screen).await,
            What::Revoke(revoke) => revoke.run(screen).await,
        }
    }
}

impl Create {
    async fn run(self, screen: &mut Screen) -> Done {
        let client = self.daemon.client()?;
        let answer = client.post("/api/v1/keys", &json!({ "name": self.name, "role": self.role })).await?;
        if self.daemon.json {
            return Ok(screen.json(&answer.text)?);
        }
        let key: KeyView = answer.read()?;
        let Some(secret) = key.key else {
            return Err(Trouble::failed(
                "the key was made but not shown",
                "the daemon's answer does not hold it",
                format!("Revoke it with `fenicia key revoke {}` and make another.", key.id),
            ));
        };
        screen.line(&secret)?;
        screen.note(&format!(
            "Key {} ({}, {}). Keep it now: it is not shown again.",
            key.id, key.name, key.role
        ));
        Ok(())
    }
}

impl List {
    async fn run(self, screen: &mut Screen) -> Done {
        let answer = self.daemon.client()?.get("/api/v1/keys").await?;
        if self.daemon.json {
            return Ok(screen.json(&answer.text)?);
        }
        let keys: Items<KeyView> = answer.read()?;
        Ok(screen.sheet(&list(&keys.items, Clock::system().now()))?)
    }
}

fn list(keys: &[KeyView], now: Timestamp) -> Sheet {
    let mut sheet = Sheet::new(&["id", "name", "role", "made", "last used"]);
    for key in keys {
        sheet.row([
            Cell::text(&key.id),
            Cell::text(&key.name),
            Cell::text(&key.role),
            Cell::when(key.created_at, now),
            Cell::when(key.last_used_at, now),
        ]);
    }
    sheet
}

impl Revoke {
    async fn run(self, screen: &mut Screen) -> Done {
        let answer = self.daemon.client()?.delete(&format!("/api/v1/keys/{}", segment(&self.id))).await?;
        if self.daemon.json && !answer.text.trim().is_empty() {
            screen.json(&answer.text)?;
        }
        screen.note(&format!("Key {} is revoked.", self.id));
        Ok(())
    }
}
