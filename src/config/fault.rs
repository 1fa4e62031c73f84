//! What is wrong with the file, where, and what to write instead.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// One fault. Never holds a secret's value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    pub file: PathBuf,
    /// From 1; 0 when the fault concerns the file as a whole.
    pub line: usize,
    /// From 1, in characters; 0 when the fault concerns the file as a whole.
    pub column: usize,
    /// What is wrong and why.
    pub what: String,
    /// What to write or do.
    pub cure: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}\n    {}", self.what, self.cure)
    }
}

/// Every fault of one reading: at least one, sorted by line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn sorted(mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| (fault.line, fault.column));
        Self(faults)
    }

    pub fn as_slice(&self) -> &[Fault] {
        &self.0
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, fault) in self.0.iter().enumerate() {
            if nth > 0 {
                writeln!(f)?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Faults {
    let (what, cure) = match error.kind() {
        std::io::ErrorKind::NotFound => (
            "there is no such file".to_owned(),
            "name the right one with --config, or start from the config.toml that comes with fenicia"
                .to_owned(),
        ),
        std::io::ErrorKind::InvalidData => {
            ("the file is not UTF-8 text".to_owned(), "save it as UTF-8".to_owned())
        }
        _ => (format!("cannot read the file: {error}"), "let this user read it".to_owned()),
    };
    Faults(vec![Fault { file: path.to_owned(), line: 0, column: 0, what, cure }])
}
