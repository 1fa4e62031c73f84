//! `fenicia run`: the daemon in the foreground, until a signal.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::daemon::{Daemon, StartError};
use super::reload::reload;
use crate::channel::Env;
use crate::clock::Clock;
use crate::config::{self, Config, Faults};
use crate::kinds::KINDS;
use crate::net::{Http, HttpError, HttpOptions};
use crate::random::Random;
use crate::systemd;
use crate::telemetry::Metrics;

pub struct RunOptions {
    pub config: PathBuf,
}

/// Why the daemon ended otherwise than by a signal.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("{0}")]
    Config(Faults),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("the HTTP client cannot be set up: {0}")]
    Http(#[from] HttpError),
    #[error("signals cannot be received: {0}")]
    Signals(#[from] std::io::Error),
    #[error("the actors died again and again: start the daemon afresh and read the log")]
    Escalated,
}

impl RunError {
    /// 2 for the config, 70 when a restart is the cure, else 1.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 2,
            Self::Escalated => 70,
            Self::Start(_) | Self::Http(_) | Self::Signals(_) => 1,
        }
    }
}

/// Largest answer of a marketplace that is read.
const ANSWER_MAX_BYTES: usize = 32 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What connectors use: the real clock, randomness and network.
pub fn environment() -> Result<Env, HttpError> {
    let http = Http::new(HttpOptions {
        body_max_bytes: ANSWER_MAX_BYTES,
        connect_timeout: CONNECT_TIMEOUT,
        user_agent: concat!("fenicia/", env!("CARGO_PKG_VERSION")).to_owned(),
    })?;
    Ok(Env { clock: Clock::system(), random: Random::system(), http })
}

/// Runs until SIGTERM or SIGINT. The log and the metrics are set up by the caller.
pub async fn run(options: RunOptions, metrics: Metrics) -> Result<(), RunError> {
    let env = environment()?;
    let (config, connections) =
        config::load_connected(&options.config, KINDS, &env).map_err(RunError::Config)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let signals = Signals::new()?;
    let daemon = Daemon::start(&config, connections, &env, metrics).await?;
    let status =
        format!("webhooks on {}, admin on {}", daemon.addresses().webhooks, daemon.addresses().admin);
    systemd::ready(&status);
    let watchdog = tokio::spawn(watchdog(daemon.handle().clone()));
    let ended = serve(&daemon, signals, config, &options, &env, &status).await;
    watchdog.abort();
    systemd::stopping();
    daemon.stop().await;
    ended
}

/// SIGHUP reloads, SIGTERM and SIGINT end.
async fn serve(
    daemon: &Daemon,
    mut signals: Signals,
    mut config: Config,
    options: &RunOptions,
    env: &Env,
    status: &str,
) -> Result<(), RunError> {
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => break,
            _ = signals.hangup.recv() => {
                systemd::reloading();
                if let Some(fresh) = reload(daemon, &config, &options.config, env).await {
                    config = fresh;
                }
                systemd::ready(status);
            }
            () = daemon.handle().escalated() => return Err(RunError::Escalated),
        }
    }
    tracing::info!("stopping");
    tokio::spawn(second_signal(signals));
    Ok(())
}

/// Whoever signals twice does not want to wait. Nothing is lost: the rows are on disk.
async fn second_signal(mut signals: Signals) {
    tokio::select! {
        _ = signals.terminate.recv() => {}
        _ = signals.interrupt.recv() => {}
    }
    tracing::warn!("second signal: stopping at once");
    std::process::exit(1);
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

/// Life signs for the service manager, only while writer, scheduler and root answer.
async fn watchdog(handle: crate::actors::Handle) {
    let handle = Arc::new(handle);
    let Some(every) = systemd::watchdog_every() else { return };
    let mut tick = tokio::time::interval(every);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if handle.is_alive().await {
            systemd::alive();
        } else {
            tracing::error!("no life sign: the writer, the scheduler or root does not answer");
        }
    }
}
