//! `fenicia check`: every fault of a config, and with `--online` a proof of each channel.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::Done;
use super::proof::{self, Proof, Reached};
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
    /// Also prove each channel's credentials with one harmless call, and send each target of
    /// `[notify]` a test message
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
                let (mut proofs, mut reached) = (Vec::new(), Vec::new());
                if self.online {
                    proofs = proof::all(&self.config, &config, &connections, &env).await;
                    reached = proof::targets(&config, &env).await;
                }
                self.sound(&config, &proofs, &reached, screen)
            }
        }
    }

    fn faulty(&self, faults: &Faults, screen: &mut Screen) -> Done {
        if self.json {
            screen.json(
                &json!({ "ok": false, "faults": faults, "warnings": [], "channels": [], "notify": [] })
                    .to_string(),
            )?;
        } else {
            screen.line(&faults.to_string())?;
        }
        Err(Trouble::faulty(&self.config, faults))
    }

    fn sound(&self, config: &Config, proofs: &[Proof], reached: &[Reached], screen: &mut Screen) -> Done {
        let unreached = reached.iter().filter(|target| target.outcome.is_err()).count();
        let bad = proofs.iter().filter(|proof| proof.findings.iter().any(|f| !f.ok)).count();
        if self.json {
            let channels: Vec<Value> = proofs.iter().map(as_json).collect();
            let notify: Vec<Value> = reached.iter().map(target_json).collect();
            let answer = json!({ "ok": bad + unreached == 0, "faults": [], "warnings": config.warnings,
                "channels": channels, "notify": notify });
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
            if !reached.is_empty() {
                screen.sheet(&target_sheet(reached))?;
            }
        }
        if bad + unreached == 0 {
            return Ok(());
        }
        if bad == 0 {
            return Err(Trouble::new(
                Exit::Config,
                format!("{unreached} of {} targets of [notify] do not take a message", reached.len()),
                "see the causes above",
                "Correct the address or the login in the config, then check again.",
            ));
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

fn target_sheet(reached: &[Reached]) -> Sheet {
    let mut sheet = Sheet::new(&["notify", "ok", "found"]);
    for target in reached {
        sheet.row([
            Cell::text(format!("{} ({})", target.target, target.kind)),
            Cell::state(if target.outcome.is_ok() { "yes" } else { "no" }),
            Cell::text(match &target.outcome {
                Ok(()) => "a test message was taken",
                Err(why) => why,
            }),
        ]);
    }
    sheet
}

fn target_json(target: &Reached) -> Value {
    json!({ "target": target.target, "kind": target.kind, "ok": target.outcome.is_ok(),
        "why": target.outcome.as_ref().err() })
}

fn as_json(proof: &Proof) -> Value {
    let findings: Vec<_> =
        proof.findings.iter().map(|f| json!({ "ok": f.ok, "what": f.what, "cure": f.cure })).collect();
    json!({ "channel": proof.channel, "findings": findings })
}
