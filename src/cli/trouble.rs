//! Why a command did not do what was asked: what happened, why, and what to do now.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use serde::Deserialize;

use crate::config::Faults;

/// How the process ends when something went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    Failed = 1,
    Config = 2,
    Unreachable = 3,
    NotFound = 4,
    /// A fresh start is the cure.
    Restart = 70,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[derive(Debug)]
pub(super) struct Trouble {
    pub what: String,
    pub why: String,
    pub cure: String,
    pub exit: Exit,
    /// What the API said, for callers that can go on from it.
    pub problem: Option<Box<Problem>>,
    /// Whoever read our output has gone: nothing needs to be said.
    pub quiet: bool,
}

/// RFC 9457, as the API answers it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    pub title: String,
    pub detail: String,
    pub field: Option<String>,
    /// The sync that is already running, with a conflict.
    pub sync_id: Option<String>,
}

impl Trouble {
    pub(super) fn new(
        exit: Exit,
        what: impl fmt::Display,
        why: impl fmt::Display,
        cure: impl fmt::Display,
    ) -> Self {
        Self {
            what: what.to_string(),
            why: why.to_string(),
            cure: cure.to_string(),
            exit,
            problem: None,
            quiet: false,
        }
    }

    pub(super) fn failed(what: impl fmt::Display, why: impl fmt::Display, cure: impl fmt::Display) -> Self {
        Self::new(Exit::Failed, what, why, cure)
    }

    /// The config cannot be used; its faults are listed by the caller.
    pub(super) fn faulty(config: &Path, faults: &Faults) -> Self {
        let count = faults.as_slice().len();
        Self::new(
            Exit::Config,
            format!("{} has {count} fault{}", config.display(), if count == 1 { "" } else { "s" }),
            "see above, line by line",
            "Correct them and check again; a running daemon keeps its old config.",
        )
    }

    /// The API refused.
    pub(super) fn refused(status: u16, problem: Problem) -> Self {
        let (exit, cure) = match status {
            401 => (
                Exit::Failed,
                "Pass a key with --key or FENICIA_KEY, or let this user read admin.key in the data folder.",
            ),
            403 => (Exit::Failed, "Use a key of a higher role: `fenicia key create` makes one."),
            404 => (
                Exit::NotFound,
                "Look up the right id: `fenicia channels`, `fenicia orders`, `fenicia failures` and `fenicia key \
                     list` show them.",
            ),
            409 => (
                Exit::Failed,
                "Look at the current state first: `fenicia orders ID` or `fenicia channels ID`.",
            ),
            429 => (Exit::Failed, "Wait a moment and try again."),
            400..=499 => {
                (Exit::Failed, "Correct the command and run it again; `--help` shows what it takes.")
            }
            503 => (Exit::Failed, "The daemon is starting, stopping or full. Try again in a moment."),
            _ => (Exit::Failed, "Look into the daemon's log, then try again."),
        };
        let title = if problem.title.is_empty() {
            format!("the daemon answered {status}")
        } else {
            lower(&problem.title)
        };
        let mut why =
            if problem.detail.is_empty() { format!("HTTP status {status}") } else { problem.detail.clone() };
        if let Some(field) = &problem.field {
            why = format!("{why} (field `{field}`)");
        }
        let mut trouble = Self::new(exit, title, why, cure);
        trouble.problem = Some(Box::new(problem));
        trouble
    }
}

fn lower(title: &str) -> String {
    let mut chars = title.chars();
    match chars.next() {
        // "API key required" keeps its capitals.
        Some(first) if !chars.as_str().starts_with(char::is_uppercase) => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => title.to_owned(),
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        let quiet = error.kind() == io::ErrorKind::BrokenPipe;
        Self {
            quiet,
            ..Self::failed("cannot write the output", error, "Make room, or write somewhere else.")
        }
    }
}
