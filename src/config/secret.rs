//! Secret references: a string, `{ env = "NAME" }`, `{ file = "PATH" }` or `{ credential = "NAME" }`.
//! No fault here says anything about a secret's value.

use std::io::Read;
use std::ops::Range;
use std::path::Path;

use toml::de::DeValue;

use super::table::{Entry, Table, suggest};
use crate::model::Secret;

/// Nothing that is a secret is longer; a device or a database named by mistake is.
const LONGEST: u64 = 64 * 1024;

const EXAMPLE: &str = "{ env = \"NAME\" }";

/// Whether a reference must lead somewhere now.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Demand {
    Now,
    /// The channel is disabled: only the form is checked.
    Later,
}

/// The secret under a key; `None` when absent, faulty (reported) or not demanded yet.
pub(super) fn read(table: &mut Table<'_>, key: &'static str, demand: Demand) -> Option<Secret> {
    let entry = table.get(key)?;
    resolve(table, key, entry, demand)
}

/// An address that may be a secret: in clear it is no reason to warn.
pub(super) fn read_address(table: &mut Table<'_>, key: &'static str) -> Option<Secret> {
    let entry = table.get(key)?;
    match entry.value {
        DeValue::String(_) => table.text(key).map(|(text, _)| Secret::new(text)),
        _ => resolve(table, key, entry, Demand::Now),
    }
}

/// A list of secrets; a single one counts as a list.
pub(super) fn read_list(table: &mut Table<'_>, key: &'static str, demand: Demand) -> Option<Vec<Secret>> {
    let entry = table.get(key)?;
    match entry.value {
        DeValue::Array(list) => {
            Some(list.iter().filter_map(|e| resolve(table, key, e.into(), demand)).collect())
        }
        _ => resolve(table, key, entry, demand).map(|secret| vec![secret]),
    }
}

pub(super) fn example(key: &str) -> String {
    format!("{key} = {EXAMPLE}")
}

fn resolve(table: &Table<'_>, key: &str, entry: Entry<'_>, demand: Demand) -> Option<Secret> {
    let found = match entry.value {
        DeValue::String(text) => {
            table.reading.found_clear_secret(&entry.at());
            Some(Ok(Secret::new(text.as_ref())))
        }
        DeValue::Table(reference) => {
            let (how, target) = only_entry(table, key, entry, reference)?;
            (demand == Demand::Now).then(|| follow(table, how, target, &entry.at()))
        }
        other => {
            let must = "a secret: a string, or where to find it";
            table.wrong_type(key, entry, other, must, &example(key));
            None
        }
    };
    match found? {
        Ok(secret) if secret.is_empty() => {
            let what = format!("the secret `{}` is empty", table.full(key));
            table.fault(&entry.at(), what, "put the secret where the config says it is, without quotes");
            None
        }
        Ok(secret) => Some(secret),
        Err(Lost { why, cure }) => {
            table.fault(&entry.at(), format!("no secret for `{}`: {why}", table.full(key)), cure);
            None
        }
    }
}

#[derive(Clone, Copy)]
enum How {
    Env,
    File,
    Credential,
}

/// Why a reference leads nowhere, and what to do.
struct Lost {
    why: String,
    cure: String,
}

fn lost(why: impl Into<String>, cure: impl Into<String>) -> Lost {
    Lost { why: why.into(), cure: cure.into() }
}

fn only_entry<'a>(
    table: &Table<'_>,
    key: &str,
    entry: Entry<'_>,
    reference: &'a toml::de::DeTable<'_>,
) -> Option<(How, &'a str)> {
    let full = table.full(key);
    let mut entries = reference.iter();
    let (Some((word, target)), None) = (entries.next(), entries.next()) else {
        let what = format!("`{full}` must say exactly one place");
        table.fault(&entry.at(), what, format!("write `{}`, or file, or credential", example(key)));
        return None;
    };
    let how = match word.get_ref().as_ref() {
        "env" => How::Env,
        "file" => How::File,
        "credential" => How::Credential,
        other => {
            let what = format!("`{full}` cannot be found by `{other}`");
            table.fault(&word.span(), what, suggest("write", other, &["env", "file", "credential"]));
            return None;
        }
    };
    let Some(target) = target.get_ref().as_str().filter(|t| !t.trim().is_empty()) else {
        let what = format!("`{full}` names no place");
        table.fault(&target.span(), what, format!("write a name in quotes, such as `{}`", example(key)));
        return None;
    };
    Some((how, target))
}

fn follow(table: &Table<'_>, how: How, target: &str, at: &Range<usize>) -> Result<Secret, Lost> {
    match how {
        How::Env => table.reading.variable(target).map(Secret::new).ok_or_else(|| {
            lost(
                format!("the environment variable {target} is not set"),
                format!("set {target} in the environment of fenicia, or use file or credential"),
            )
        }),
        How::File => {
            let path = table.reading.path(target);
            warn_if_public(table, &path, at);
            from_file(&path)
        }
        How::Credential => {
            if target.contains('/') || target == ".." || target == "." {
                return Err(lost(
                    "a credential has a name, not a path",
                    format!("write `{{ file = \"{target}\" }}` for a path"),
                ));
            }
            let folder = table.reading.variable("CREDENTIALS_DIRECTORY").ok_or_else(|| {
                lost(
                    "CREDENTIALS_DIRECTORY is not set, so systemd passed no credentials",
                    format!(
                        "add `LoadCredential={target}:/path/of/the/secret` to the unit, or use env or file"
                    ),
                )
            })?;
            from_file(&Path::new(&folder).join(target)).map_err(|found| Lost {
                cure: format!("add `LoadCredential={target}:/path/of/the/secret` to the unit"),
                ..found
            })
        }
    }
}

fn from_file(path: &Path) -> Result<Secret, Lost> {
    use std::io::ErrorKind::{NotFound, PermissionDenied};
    let shown = path.display();
    let file = std::fs::File::open(path).map_err(|error| match error.kind() {
        NotFound => lost(
            format!("there is no file {shown}"),
            "create it with the secret as its only content, mode 0600",
        ),
        PermissionDenied => lost(
            format!("this user may not read {shown}"),
            "give the file to the user that fenicia runs as, mode 0600",
        ),
        _ => lost(format!("cannot open {shown}: {error}"), "make it a readable file"),
    })?;
    let mut text = String::new();
    let read = file.take(LONGEST + 1).read_to_string(&mut text);
    // Wiped when dropped, also on the ways out below.
    let text = Secret::new(text);
    read.map_err(|error| {
        lost(format!("cannot read {shown}: {error}"), "make it a text file with only the secret")
    })?;
    if text.expose().len() as u64 > LONGEST {
        return Err(lost(
            format!("{shown} is too large for a secret"),
            "name the file that holds only the secret",
        ));
    }
    // Editors end a file with a line break, which no marketplace's secret does.
    Ok(Secret::new(text.expose().trim_end_matches(['\n', '\r'])))
}

#[cfg(unix)]
fn warn_if_public(table: &Table<'_>, path: &Path, at: &Range<usize>) {
    use std::os::unix::fs::PermissionsExt;
    if std::fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o004 != 0) {
        let shown = path.display();
        table.reading.warn(
            at,
            format!("every user of this machine can read {shown}"),
            format!("chmod 600 {shown}"),
        );
    }
}

#[cfg(not(unix))]
fn warn_if_public(_table: &Table<'_>, _path: &Path, _at: &Range<usize>) {}
