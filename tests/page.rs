//! The web page in a real browser: runs `tests/page/run.sh` against the binary under test.
//!
//! Needs node, `npm ci` in `tests/page`, and a Chromium. Without them it is skipped with a
//! message; on a build server (`CI` is set) it fails instead.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page")
}

/// What is missing, in words.
fn missing() -> Option<String> {
    let node = Command::new("node").arg("--version").output();
    if !node.is_ok_and(|output| output.status.success()) {
        return Some("node is not installed".to_owned());
    }
    if !folder().join("node_modules/playwright-core").is_dir() {
        return Some("run `npm ci` in tests/page".to_owned());
    }
    let chromium = std::env::var_os("CHROMIUM").unwrap_or_else(|| "/usr/bin/chromium".into());
    let there = Path::new(&chromium).exists();
    (!there).then(|| format!("no Chromium at {}: set CHROMIUM", Path::new(&chromium).display()))
}

#[test]
fn journeys_through_the_page_hold() {
    if let Some(missing) = missing() {
        assert!(std::env::var_os("CI").is_none(), "the journeys cannot run: {missing}");
        // Straight to the terminal: what a test prints is hidden while it passes.
        let _ = writeln!(std::io::stderr(), "the journeys through the page are skipped: {missing}");
        return;
    }
    let journeys = Command::new("sh")
        .arg(folder().join("run.sh"))
        .env("FENICIA", env!("CARGO_BIN_EXE_fenicia"))
        .output()
        .expect("run.sh can be run");
    let told = String::from_utf8_lossy(&journeys.stdout);
    assert!(journeys.status.success(), "{told}\n{}", String::from_utf8_lossy(&journeys.stderr));
}
