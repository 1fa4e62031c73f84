//! `fenicia sandbox`: only the marketplaces, and a ready config for them.

use std::io::{self, Write};
use std::time::Duration;

use crate::clock::Clock;
use crate::kinds::{self, KINDS};
use crate::random::Random;
use crate::sandbox::{Kit, Running, Shoppers, Tuning};

pub struct SandboxOptions {
    /// Names of marketplaces; empty: all.
    pub channels: Vec<String>,
    /// Port of the first one, the others follow; `None`: free ones.
    pub port: Option<u16>,
    pub orders_per_minute: f64,
    /// Stops by itself; `None`: runs until interrupted.
    pub stop_after: Option<Duration>,
}

#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("the sandbox does not play {name:?}. It plays: {known}")]
    Unknown { name: String, known: String },
    #[error("cannot listen on port {port}: {source}. Choose another with --port")]
    Listen { port: u16, source: io::Error },
    #[error("cannot write to standard output: {0}")]
    Output(#[from] io::Error),
}

/// Opens the stands of these marketplaces on loopback.
pub async fn open(
    channels: &[String],
    port: Option<u16>,
    tuning: &Tuning,
) -> Result<Vec<Running>, SandboxError> {
    let all = || KINDS.iter().map(|kind| kind.name.to_owned()).collect();
    let names: Vec<String> = if channels.is_empty() { all() } else { channels.to_vec() };
    let mut stands = Vec::new();
    for (index, name) in names.into_iter().enumerate() {
        let kit = Kit::new(Clock::system(), Random::system(), *tuning);
        let Some(stand) = kinds::stand(&name, kit) else {
            return Err(SandboxError::Unknown { name, known: all().join(", ") });
        };
        let port = port.map_or(0, |first| first.saturating_add(u16::try_from(index).unwrap_or(u16::MAX)));
        stands
            .push(Running::open(stand, port).await.map_err(|source| SandboxError::Listen { port, source })?);
    }
    Ok(stands)
}

/// The tables of a config for these stands, one channel per stand, named after its marketplace.
pub fn config(stands: &[Running]) -> String {
    let tables: Vec<String> = stands.iter().map(|running| running.config(&channel_id(running))).collect();
    tables.join("\n")
}

/// Marketplace names hold characters that a channel's id may not.
pub fn channel_id(running: &Running) -> String {
    running.stand().kind().replace('_', "-")
}

/// Plays until interrupted. The config goes to `out`.
pub async fn sandbox(options: SandboxOptions, out: &mut dyn Write) -> Result<(), SandboxError> {
    let stands = open(&options.channels, options.port, &Tuning::default()).await?;
    writeln!(out, "# A config for the sandbox that runs now. Save it, then: fenicia run --config FILE\n")?;
    writeln!(out, "{}", config(&stands))?;
    out.flush()?;
    let shoppers = stands.iter().map(|running| running.stand().clone()).collect();
    let _shoppers = Shoppers::come(shoppers, Random::system(), options.orders_per_minute);
    wait(options.stop_after).await;
    for running in stands {
        running.stop().await;
    }
    Ok(())
}

/// Until the span is over, or somebody interrupts.
pub async fn wait(stop_after: Option<Duration>) {
    let span = async {
        match stop_after {
            Some(span) => tokio::time::sleep(span).await,
            None => std::future::pending().await,
        }
    };
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = span => {}
        () = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
