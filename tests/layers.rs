//! The layers of ARCHITECTURE.md, enforced by reading the source: who may import whom, where a
//! library may appear, and where a marketplace may be named.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test says what it expects"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fenicia::clock::Clock;
use fenicia::kinds::{self, KINDS};
use fenicia::random::Random;
use fenicia::sandbox::{Kit, Tuning};

/// Layer and what it may import. `model`, `clock`, `random` and `telemetry` may be imported by all.
const ALLOWED: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("clock", &[]),
    ("random", &[]),
    ("sync", &[]),
    ("net", &[]),
    ("channel", &["net"]),
    ("kinds", &["channel", "sandbox"]),
    ("config", &["channel"]),
    ("store", &["sync"]),
    ("telemetry", &[]),
    ("systemd", &[]),
    ("sandbox", &[]),
    ("notify", &["net", "store", "config"]),
    ("actors", &["sync", "channel", "store", "config", "notify", "net"]),
    ("web", &["actors", "store", "channel", "config"]),
    ("page", &["web", "actors", "store", "channel", "config"]),
    ("app", &["web", "page", "actors", "store", "channel", "config", "systemd", "kinds", "net", "sandbox"]),
    ("cli", &["app", "store", "channel", "config", "kinds", "net", "sandbox", "notify"]),
    ("main", &["cli"]),
    ("lib", &[]),
];
const BASE: &[&str] = &["model", "clock", "random", "telemetry"];

/// A library and the only layers it may appear in.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("redb::", &["store"]),
    ("ractor::", &["actors", "app"]),
    ("hyper::", &["web", "net", "sandbox", "cli"]),
    ("hyper_util::", &["web", "net", "sandbox", "cli"]),
    ("cron::", &["config"]),
    ("lettre::", &["notify"]),
    // Every metric has its name in one place.
    ("metrics::counter!", &["telemetry"]),
    ("metrics::gauge!", &["telemetry"]),
    ("metrics::histogram!", &["telemetry"]),
    ("askama::", &["page"]),
    ("clap::", &["cli", "main"]),
];

/// The folders below one of the layers that has a folder per marketplace.
fn folders(layer: &str) -> BTreeSet<String> {
    fs::read_dir(root().join(layer))
        .expect("a source folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir() && !path.ends_with("tests"))
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .collect()
}

/// Words that may stand only in a marketplace's own folders and in the list of kinds: whatever
/// folder is added below `channel` counts from then on.
fn marketplaces() -> Vec<String> {
    let first = |folder: &String| folder.split('_').next().unwrap_or_default().to_owned();
    folders("channel").iter().map(first).collect()
}

#[test]
fn a_marketplace_is_a_folder_in_each_of_two_layers_and_a_line_in_the_list_of_kinds() {
    let folders_of = folders("channel");
    assert!(folders_of.len() >= 5, "{folders_of:?}");
    assert_eq!(folders_of, folders("sandbox"));
    let known: BTreeSet<String> = KINDS.iter().map(|kind| kind.name.to_owned()).collect();
    assert_eq!(folders_of, known, "the folder has the name after `kind =`");
    for name in &known {
        let kit = Kit::new(Clock::system(), Random::seeded(1), Tuning::default());
        let stand = kinds::stand(name, kit);
        assert_eq!(stand.map(|stand| stand.kind()), Some(name.as_str()));
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a source folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Every source file with its layer, its path below `src`, and its code without comments.
fn files() -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    sources(&root(), &mut found);
    assert!(found.len() > 20, "the sources were not found");
    found
        .into_iter()
        .map(|path| {
            let below = path.strip_prefix(root()).expect("below src").to_string_lossy().into_owned();
            let layer = below.split('/').next().expect("a name").trim_end_matches(".rs").to_owned();
            let text = fs::read_to_string(&path).expect("readable source");
            let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            (layer, below, code.join("\n"))
        })
        .collect()
}

fn is_test(below: &str) -> bool {
    below.ends_with("tests.rs") || below.contains("/tests/")
}

/// Names after `crate::`, also of `use crate::{a, b::c}` lists.
fn imports(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for part in code.split("crate::").skip(1) {
        let ident =
            |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        if let Some(list) = part.strip_prefix('{') {
            let mut depth = 0;
            let mut start = true;
            for (at, c) in list.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => start = true,
                    c if start && depth == 0 && c.is_alphabetic() => {
                        names.push(ident(&list[at..]));
                        start = false;
                    }
                    _ => {}
                }
            }
        } else {
            names.push(ident(part));
        }
    }
    names
}

#[test]
fn layers_only_import_downwards() {
    let known: Vec<&str> = ALLOWED.iter().map(|(layer, _)| *layer).collect();
    let mut wrong = Vec::new();
    for (layer, below, code) in files() {
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == layer) else {
            wrong.push(format!("{below}: layer {layer} is not in the table"));
            continue;
        };
        let code = if is_test(&below) { String::new() } else { without_tests(&code) };
        for name in imports(&code) {
            let own = name == layer || BASE.contains(&name.as_str());
            if known.contains(&name.as_str()) && !own && !allowed.contains(&name.as_str()) {
                wrong.push(format!("{below}: {layer} must not import {name}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Unit tests at the end of a file may reach further.
fn without_tests(code: &str) -> String {
    code.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

#[test]
fn libraries_stay_where_they_belong() {
    let mut wrong = Vec::new();
    for (layer, below, code) in files() {
        for (library, homes) in LIBRARIES {
            let used = code.split(library).count() > 1
                && code.match_indices(library).any(|(at, _)| {
                    !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
                });
            if used
                && !homes.contains(&layer.as_str())
                && !is_test(&below)
                && without_tests(&code).contains(library)
            {
                wrong.push(format!("{below}: {library} may appear only in {homes:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_marketplace_is_named_only_in_its_own_folders() {
    let mut wrong = Vec::new();
    let marketplaces = marketplaces();
    for (_, below, code) in files() {
        // A marketplace's folder may name another one: some run parcel services.
        let in_a_folder = marketplaces.iter().any(|name| {
            below.starts_with(&format!("channel/{name}")) || below.starts_with(&format!("sandbox/{name}"))
        });
        if in_a_folder || below == "kinds.rs" || is_test(&below) {
            continue;
        }
        // The one place where a folder must be declared as a module.
        let declares = below == "channel/mod.rs" || below == "sandbox/mod.rs";
        for (number, line) in without_tests(&code).lines().enumerate() {
            let line = line.to_lowercase();
            if declares && line.trim_start().trim_start_matches("pub ").starts_with("mod ") {
                continue;
            }
            for name in &marketplaces {
                if line.contains(name.as_str()) {
                    wrong.push(format!("{below}:{}: names {name}", number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
