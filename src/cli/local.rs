//! The commands that work on this machine itself: `run`, `demo`, `sandbox`, `verify`, `restore`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::Done;
use super::screen::Screen;
use super::trouble::Trouble;
use crate::config::parse_span;

#[derive(Debug, Args)]
pub(super) struct Run {
    /// The config to run
    #[arg(long, env = "FENICIA_CONFIG", value_name = "FILE", default_value = "config.toml")]
    pub config: PathBuf,
    /// How the log is written [default: text on a terminal, journal fields under systemd, else text]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
    Journal,
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

fn not_built(what: &str) -> Trouble {
    Trouble::failed(
        format!("{what} is not part of this build"),
        "the library was built without it",
        "Use a released fenicia.",
    )
}

impl Run {
    pub(super) fn run(self, _screen: &mut Screen) -> Done {
        Err(not_built("run"))
    }
}

impl Demo {
    pub(super) fn run(self, _screen: &mut Screen) -> Done {
        Err(not_built("demo"))
    }
}

impl Sandbox {
    pub(super) fn run(self, _screen: &mut Screen) -> Done {
        Err(not_built("sandbox"))
    }
}

impl Restore {
    pub(super) fn run(self, _screen: &mut Screen) -> Done {
        Err(not_built("restore"))
    }
}

impl Verify {
    pub(super) fn run(self, _screen: &mut Screen) -> Done {
        Err(not_built("verify"))
    }
}
