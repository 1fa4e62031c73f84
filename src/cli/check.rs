//! `fenicia check`: every fault of a config, and with `--online` a proof of each channel.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::Done;
use super::proof::{self, Proof};
use super::screen::Screen;
use super::sheet::{Cell, Sheet};
use super::trouble::{Exit, Trouble};
use crate::channel::Env;
use crate::clock::Clock;
use crate::config::{self, Config, Faults};
use crate::kinds::KINDS;
use crate::net::{Http, HttpOptions};
use crate::random::Random;

#[derive(Debug, Args)]
pub(super) struct Check {
    /// The config to read
    #[arg(long, env = "FENICIA_CONFIG", value_name = "FILE", default_value = "config.toml")]
    config: PathBuf,
    /// Also prove each channel's credentials with one harmless call
    #[arg(long)]
    online: bool,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) async fn run(self, screen: &mut Screen) -> Done {
        let env = environment()?;
        match config::load_connected(&self.config, KINDS, &env) {
            Err(faults) => self.faulty(&faults, screen),
            Ok((config, connections)) => {
                let proofs = if self.online {
                    proof::all(&self.config, &config, &connections, &env).await
                } else {
                    Vec::new()
                };
                self.sound(&config, &proofs, screen)
            }
        }
    }

    fn faulty(&self, faults: &Faults, screen: &mut Screen) -> Done {
        if self.json {
            screen.json(
                &json!({ "ok": false, "faults": faults, "warnings": [], "channels": [] }).to_string(),
            )?;
        } else {
            screen.line(&faults.to_string())?;
        }
        Err(Trouble::faulty(&self.config, faults))
    }

    fn sound(&self, config: &Config, proofs: &[Proof], screen: &mut Screen) -> Done {
        let bad = proofs.iter().filter(|proof| proof.findings.iter().any(|f| !f.ok)).count();
        if self.json {
            let channels: Vec<Value> = proofs.iter().map(as_json).collect();
            let answer =
                json!({ "ok": bad == 0, "faults": [], "warnings": config.warnings, "channels": channels });
            screen.json(&answer.to_string())?;
        } else {
            for warning in &config.warnings {
                screen.note(&format!("warning: {warning}"));
            }
            let enabled = config.channels.values().filter(|channel| channel.enabled).count();
            let (all, file) = (config.channels.len(), self.config.display());
            screen.line(&format!("{file}: no faults; {enabled} of {all} channels enabled"))?;
            if !proofs.is_empty() {
                screen.sheet(&sheet(proofs))?;
            }
        }
        if bad == 0 {
            return Ok(());
        }
        Err(Trouble::new(
            Exit::Config,
            format!("{bad} of {} channels cannot be used as configured", proofs.len()),
            "see the findings above",
            "Correct the credentials or the rights at the marketplace, then check again.",
        ))
    }
}

fn environment() -> Result<Env, Trouble> {
    let http = Http::new(HttpOptions {
        body_max_bytes: 16 << 20,
        connect_timeout: Duration::from_secs(10),
        user_agent: concat!("fenicia/", env!("CARGO_PKG_VERSION")).to_owned(),
    })
    .map_err(|error| {
        Trouble::failed("cannot set up calls to marketplaces", error, "Install the ca-certificates package.")
    })?;
    Ok(Env { clock: Clock::system(), random: Random::system(), http })
}

fn sheet(proofs: &[Proof]) -> Sheet {
    let mut sheet = Sheet::new(&["channel", "ok", "found", "what to do"]);
    for proof in proofs {
        for finding in &proof.findings {
            sheet.row([
                Cell::text(&proof.channel),
                Cell::state(if finding.ok { "yes" } else { "no" }),
                Cell::text(&finding.what),
                Cell::maybe(finding.cure.as_deref()),
            ]);
        }
    }
    sheet
}

fn as_json(proof: &Proof) -> Value {
    let findings: Vec<_> =
        proof.findings.iter().map(|f| json!({ "ok": f.ok, "what": f.what, "cure": f.cure })).collect();
    json!({ "channel": proof.channel, "findings": findings })
}
