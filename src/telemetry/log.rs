//! The log: text on a terminal, JSON on request, structured fields in the journal under systemd.
//!
//! The level comes from `FENICIA_LOG`, in the syntax of `tracing`'s filters: `info`,
//! `fenicia=debug`. Everything goes to stderr, standard output belongs to data.

use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;

use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

const VARIABLE: &str = "FENICIA_LOG";
const DEFAULT_LEVEL: &str = "info";
/// Before what the variable says, which may name it again: the library would put a number of its
/// own before each line that an actor writes.
const QUIET: &str = "ractor=warn";

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// The journal when stderr leads there, else text.
    #[default]
    Auto,
    Text,
    Json,
}

/// The log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("{VARIABLE} cannot be read: {0}. Write a level, such as info or debug, or target=level pairs")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    #[error("{VARIABLE} is not text. Write a level, such as info or debug")]
    NotText,
    #[error("the log of this process is already set up")]
    AlreadyInstalled,
}

/// Sets up the log of the process and reports panics in it. Once.
pub fn install(format: Format) -> Result<(), LogError> {
    let filter = filter()?;
    tracing_subscriber::registry()
        .with(output(format).with_filter(filter))
        .try_init()
        .map_err(|_| LogError::AlreadyInstalled)?;
    log_panics();
    Ok(())
}

fn filter() -> Result<EnvFilter, LogError> {
    match std::env::var(VARIABLE) {
        Ok(text) if !text.trim().is_empty() => read(&text),
        Ok(_) | Err(std::env::VarError::NotPresent) => read(DEFAULT_LEVEL),
        Err(std::env::VarError::NotUnicode(_)) => Err(LogError::NotText),
    }
}

fn read(directives: &str) -> Result<EnvFilter, LogError> {
    Ok(EnvFilter::builder().parse(format!("{QUIET},{directives}"))?)
}

fn output(format: Format) -> Box<dyn Layer<Registry> + Send + Sync> {
    if format == Format::Auto && stderr_is_the_journal() {
        // A journal that does not answer is no reason to stay silent.
        if let Ok(journal) = tracing_journald::layer() {
            return journal
                .with_field_prefix(None)
                .with_syslog_identifier("fenicia".to_owned())
                .with_priority_mappings(priorities())
                .boxed();
        }
    }
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    match format {
        Format::Json => lines.json().flatten_event(true).with_ansi(false).boxed(),
        Format::Auto | Format::Text => lines.with_ansi(colours()).boxed(),
    }
}

/// An `info` is informational and a `warn` a warning; the crate's own mapping makes an `info` a
/// notice.
fn priorities() -> PriorityMappings {
    PriorityMappings {
        error: Priority::Error,
        warn: Priority::Warning,
        info: Priority::Informational,
        debug: Priority::Debug,
        trace: Priority::Debug,
    }
}

fn colours() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !refused
}

/// systemd names the socket behind stderr in `JOURNAL_STREAM`; a stderr that was sent elsewhere
/// has another number.
fn stderr_is_the_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let Ok(own) = io::stderr().as_fd().try_clone_to_owned() else { return false };
    let Ok(meta) = std::fs::File::from(own).metadata() else { return false };
    names(&stream, meta.dev(), meta.ino())
}

/// Whether `device:inode` names this file.
fn names(stream: &str, device: u64, inode: u64) -> bool {
    let Some((dev, ino)) = stream.split_once(':') else { return false };
    dev.parse() == Ok(device) && ino.parse() == Ok(inode)
}

/// A panic is caught by the supervisor above it, so the log is the only place that says where it
/// was. Its text is left out unless it is fixed in the source: a formatted one may quote an order.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let what = panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("(text withheld)");
        tracing::error!(place, what, "a part of fenicia panicked; its supervisor takes over");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_journal_s_own_socket_counts() {
        assert!(names("8:12345", 8, 12_345));
        assert!(!names("8:12345", 8, 12_346));
        assert!(!names("8", 8, 12_345));
        assert!(!names("", 0, 0));
        assert!(!names("a:b", 0, 0));
    }

    #[test]
    fn the_library_of_actors_is_quiet_unless_it_is_asked_for() {
        let of_it = |text: &str| read(text).expect("a filter").to_string().contains("ractor=warn");
        assert!(of_it("info") && of_it("debug"));
        assert!(!of_it("info,ractor=debug"));
        assert!(read("fenicia=loud").is_err());
    }

    #[test]
    fn an_info_is_not_a_notice() {
        assert!(matches!(priorities().info, Priority::Informational));
    }
}
