//! `fenicia demo`: the sandbox, the daemon over it, and shoppers. Nothing to configure.

use std::io::{self, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::daemon::{Daemon, StartError};
use super::run::environment;
use super::sandbox::{self, SandboxError};
use crate::config::{self, Faults};
use crate::kinds::KINDS;
use crate::net::HttpError;
use crate::random::Random;
use crate::sandbox::{Running, Shoppers, Tuning, visited};
use crate::telemetry::Metrics;

pub struct DemoOptions {
    pub orders_per_minute: f64,
    /// `None`: a temporary folder that is removed at the end.
    pub data: Option<PathBuf>,
    pub stop_after: Option<Duration>,
}

#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("the HTTP client cannot be set up: {0}")]
    Http(#[from] HttpError),
    #[error("the demo's own config is faulty, which is a bug: {0}")]
    Config(Faults),
    #[error("cannot prepare the demo in {path}: {source}. Choose another folder with --data")]
    Folder { path: String, source: io::Error },
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}

/// The sandbox's allowances, so much larger than the real ones that a demo does not wait.
const GENEROUS: f64 = 100.0;
/// Orders of the past day that wait in each shop when the demo begins.
const FIRST_ORDERS: usize = 14;

/// Runs until interrupted or until its time is over. What a person reads goes to `out`.
pub async fn demo(options: DemoOptions, metrics: Metrics, out: &mut dyn Write) -> Result<(), DemoError> {
    let folder = Folder::new(options.data)?;
    let tuning = Tuning { limits: GENEROUS, drop_oldest: true, ..Tuning::default() };
    let stands = sandbox::open(&[], None, &tuning).await?;
    let random = Random::system();
    for running in &stands {
        for _ in 0..FIRST_ORDERS {
            visited(running.stand().as_ref(), &random, running.stand().kit().now());
        }
    }
    let daemon = start(&folder.path, &stands, metrics).await?;
    announce(&daemon, &folder.path, options.stop_after, out).map_err(DemoError::Output)?;
    let shoppers = stands.iter().map(|running| running.stand().clone()).collect();
    let shoppers = Shoppers::come(shoppers, random, options.orders_per_minute);
    sandbox::wait(options.stop_after).await;
    drop(shoppers);
    daemon.stop().await;
    for running in stands {
        running.stop().await;
    }
    folder.remove();
    Ok(())
}

async fn start(folder: &Path, stands: &[Running], metrics: Metrics) -> Result<Daemon, DemoError> {
    let failed = |source| DemoError::Folder { path: folder.display().to_string(), source };
    let path = folder.join("config.toml");
    let webhooks = free_port().map_err(failed)?;
    std::fs::write(&path, config_text(stands, webhooks)).map_err(failed)?;
    let env = environment()?;
    let (config, connections) = config::load_connected(&path, KINDS, &env).map_err(DemoError::Config)?;
    let daemon = Daemon::start(&config, connections, &env, metrics).await?;
    for running in stands {
        let target =
            format!("http://{}/webhooks/{}", daemon.addresses().webhooks, sandbox::channel_id(running));
        running.stand().kit().webhooks.set_target(Some(target));
    }
    Ok(daemon)
}

/// Marketplaces take https addresses only; the stands deliver to the real listener all the same.
const PUBLIC_URL: &str = "https://orders.example.com";

/// Every channel on the demo's pace: polled each half minute instead of each quarter of an hour.
fn config_text(stands: &[Running], webhooks: u16) -> String {
    let mut text = format!(
        "[store]\npath = \"data\"\n\n[webhooks]\nlisten = \"127.0.0.1:{webhooks}\"\n\
         public_url = \"{PUBLIC_URL}\"\n\n[admin]\nlisten = \"127.0.0.1:{}\"\n\n",
        if is_free(8481) { 8481 } else { 0 }
    );
    for running in stands {
        let table = running.config(&sandbox::channel_id(running));
        text.push_str(table.trim_end());
        text.push_str("\npoll = \"*/30 * * * * *\"\n\n");
    }
    text
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

fn announce(
    daemon: &Daemon,
    folder: &Path,
    stop_after: Option<Duration>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let admin = daemon.addresses().admin;
    let config = folder.join("config.toml");
    writeln!(
        out,
        "fenicia demo: shoppers are ordering at {} marketplaces of the sandbox.\n",
        daemon.handle().channels().len()
    )?;
    let link = daemon.page().login_link(&Random::system());
    writeln!(out, "  page           http://{admin}{link}")?;
    writeln!(out, "                 signs in once; the API is at the same address")?;
    // As it was called, so that the lines can be pasted also where it is not installed.
    let fenicia = std::env::args().next().unwrap_or_else(|| "fenicia".to_owned());
    writeln!(out, "  orders         {fenicia} orders --config {}", config.display())?;
    writeln!(out, "  channels       {fenicia} channels --config {}", config.display())?;
    writeln!(out, "  metrics        http://{admin}/metrics\n")?;
    match stop_after {
        Some(span) => writeln!(out, "It stops by itself after {} s, or with Ctrl-C.", span.as_secs())?,
        None => writeln!(out, "Stop it with Ctrl-C.")?,
    }
    out.flush()
}

/// The demo's folder: the caller's, or one of its own that it removes.
struct Folder {
    path: PathBuf,
    own: bool,
}

impl Folder {
    fn new(data: Option<PathBuf>) -> Result<Self, DemoError> {
        let own = data.is_none();
        let path = data.unwrap_or_else(|| {
            std::env::temp_dir().join(format!("fenicia-demo-{}", Random::system().token(9)))
        });
        let made = std::fs::create_dir_all(&path).and_then(|()| path.canonicalize());
        let path = made.map_err(|source| DemoError::Folder { path: path.display().to_string(), source })?;
        Ok(Self { path, own })
    }

    fn remove(self) {
        if self.own
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the demo's folder was not removed");
        }
    }
}
