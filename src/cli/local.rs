//! The commands that work on this machine itself: `run`, `demo`, `sandbox`, `verify`, `restore`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::Done;
use super::screen::Screen;
use super::trouble::{Exit, Trouble};
use crate::app::{self, DemoOptions, RunOptions, SandboxOptions};
use crate::config::{self, parse_span};
use crate::kinds::KINDS;
use crate::model::Secret;
use crate::store;
use crate::telemetry::{Format, Metrics, install_log};

#[derive(Debug, Args)]
pub(super) struct Run {
    /// The config to run
    #[arg(long, env = "FENICIA_CONFIG", value_name = "FILE", default_value = "config.toml")]
    pub config: PathBuf,
    /// How the log is written [default: text on a terminal, journal fields under systemd, else text]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// The journal's fields when stderr leads there, else text.
    #[default]
    Auto,
    Text,
    Json,
}

impl From<LogFormat> for Format {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Auto => Self::Auto,
            LogFormat::Text => Self::Text,
            LogFormat::Json => Self::Json,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// How many orders the shoppers place
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(0..=6_000))]
    pub orders_per_minute: u32,
    /// Keep the demo's data here [default: a temporary folder that is removed at the end]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Stop by itself after this span, such as 30s
    #[arg(long = "for", value_name = "SPAN", value_parser = span)]
    pub span: Option<Duration>,
}

#[derive(Debug, Args)]
pub(super) struct Sandbox {
    /// Only these marketplaces, by their kinds [default: all]
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    pub channels: Vec<String>,
    /// The first port; each marketplace takes the next one [default: free ports]
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,
    /// How many orders the shoppers place
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(0..=6_000))]
    pub orders_per_minute: u32,
    /// Stop by itself after this span, such as 30s
    #[arg(long = "for", value_name = "SPAN", value_parser = span)]
    pub span: Option<Duration>,
}

#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The backup
    pub file: PathBuf,
    #[command(flatten)]
    pub place: Place,
    /// Replace a store that is there; it is kept beside the new one
    #[arg(long)]
    pub replace: bool,
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// A backup to check instead of a store
    #[arg(value_name = "FILE", conflicts_with = "repair_views")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub place: Place,
    /// Rebuild the derived tables from the orders
    #[arg(long)]
    pub repair_views: bool,
}

/// Which stopped store.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// The data folder [default: the config's]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The config, to find the data folder and the key
    #[arg(long, env = "FENICIA_CONFIG", value_name = "FILE", default_value = "config.toml")]
    pub config: PathBuf,
}

fn span(text: &str) -> Result<Duration, String> {
    parse_span(text).ok_or_else(|| "write a span such as 30s or 5m".to_owned())
}

impl Run {
    pub(super) fn run(self, _screen: &mut Screen) -> Done {
        let metrics = instruments(self.log_format.unwrap_or_default().into())?;
        let options = RunOptions { config: self.config };
        serve(app::run(options, metrics))?.map_err(|error| {
            let exit = match error.exit_code() {
                2 => Exit::Config,
                70 => Exit::Restart,
                _ => Exit::Failed,
            };
            Trouble::new(exit, "fenicia does not run", error, "Correct that and start it again.")
        })
    }
}

impl Demo {
    pub(super) fn run(self, screen: &mut Screen) -> Done {
        let metrics = instruments(Format::Auto)?;
        let options = DemoOptions {
            orders_per_minute: f64::from(self.orders_per_minute),
            data: self.data,
            stop_after: self.span,
        };
        serve(app::demo(options, metrics, screen.out()))?.map_err(|error| {
            Trouble::failed("the demo does not run", error, "Correct that and start it again.")
        })
    }
}

impl Sandbox {
    pub(super) fn run(self, screen: &mut Screen) -> Done {
        let options = SandboxOptions {
            channels: self.channels,
            port: (self.port != 0).then_some(self.port),
            orders_per_minute: f64::from(self.orders_per_minute),
            stop_after: self.span,
        };
        serve(app::sandbox(options, screen.out()))?.map_err(|error| {
            Trouble::failed("the sandbox does not run", error, "Correct that and start it again.")
        })
    }
}

/// The log and the metrics of a process that runs a daemon.
fn instruments(format: Format) -> Result<Metrics, Trouble> {
    install_log(format)
        .map_err(|error| Trouble::failed("the log cannot be set up", error, "Correct FENICIA_LOG."))?;
    Metrics::install().map_err(|error| {
        Trouble::failed("the metrics cannot be set up", error, "Run one daemon per process.")
    })
}

/// A runtime of the size that a daemon needs: its store has a thread of its own.
fn serve<T>(work: impl Future<Output = T>) -> Result<T, Trouble> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 4))
        .max_blocking_threads(32)
        .thread_name("fenicia")
        .build()
        .map_err(|error| {
            Trouble::failed("cannot start", error, "Free some memory or file descriptors and try again.")
        })?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(done)
}

impl Restore {
    pub(super) fn run(self, screen: &mut Screen) -> Done {
        let (folder, key) = self.place.find()?;
        let report = store::restore(&self.file, &folder, key.as_ref(), self.replace).map_err(|error| {
            Trouble::failed(
                "the backup was not restored",
                error,
                "Nothing else was changed. Correct that and try again.",
            )
        })?;
        screen.line(&format!("{} orders restored to {}", report.orders, folder.display()))?;
        Ok(())
    }
}

impl Verify {
    pub(super) fn run(self, screen: &mut Screen) -> Done {
        let (folder, key) = self.place.find()?;
        let report = match &self.file {
            Some(file) => store::verify_backup(file, &folder, key.as_ref()).map_err(cannot_check)?,
            None => store::verify(&folder, key.as_ref(), self.repair_views).map_err(cannot_check)?,
        };
        screen.line(&format!("{} orders, {} timeline events", report.orders, report.events))?;
        if report.repaired {
            screen.line("the derived tables were made anew")?;
        }
        if report.faults.is_empty() {
            screen.line("every invariant holds")?;
            return Ok(());
        }
        for fault in &report.faults {
            screen.line(&format!("{}: {}", fault.invariant, fault.what))?;
        }
        let cure = "Try `fenicia verify --repair-views`; if faults stay, restore the newest backup.";
        Err(Trouble::failed(format!("{} faults", report.faults.len()), "see above", cure))
    }
}

fn cannot_check(error: impl std::fmt::Display) -> Trouble {
    Trouble::failed(
        "it cannot be checked",
        error,
        "Stop the daemon first if it runs, or name the folder with --data.",
    )
}

impl Place {
    /// The data folder and the key that the config names for it.
    fn find(self) -> Result<(PathBuf, Option<Secret>), Trouble> {
        match (config::load(&self.config, KINDS), self.data) {
            (Ok(config), data) => Ok((data.unwrap_or(config.store.path), config.store.encryption_key)),
            // Without a usable config the folder's own key file is the key.
            (Err(_), Some(data)) => Ok((data, None)),
            (Err(faults), None) => Err(Trouble::faulty(&self.config, &faults)),
        }
    }
}
