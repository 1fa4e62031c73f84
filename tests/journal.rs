//! The log under systemd, as the journal receives it: fields and priorities, and no secret.
//!
//! The journal's socket lies at a fixed place, so the daemon runs in a mount namespace of its own.
//! Where the machine allows none, the test says so and proves nothing.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test says what it expects"
)]

mod support;

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use support::Folder;

const NAMESPACE: &str = r#"mount --bind "$1" /run && exec "$2" run --config "$3""#;

fn in_namespace() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c"]);
    command
}

fn may_unshare(run: &Path) -> bool {
    let tried = in_namespace().args([r#"mount --bind "$1" /run"#, "sh"]).arg(run).status();
    tried.is_ok_and(|status| status.success())
}

/// The fields of one record of the journal's own protocol.
fn fields(mut bytes: &[u8]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    while let Some(end) = bytes.iter().position(|b| *b == b'\n') {
        let line = String::from_utf8_lossy(&bytes[..end]).into_owned();
        bytes = &bytes[end + 1..];
        if let Some((name, value)) = line.split_once('=') {
            found.insert(name.to_owned(), value.to_owned());
            continue;
        }
        // A length and that many bytes follow the name.
        let (length, rest) = bytes.split_first_chunk::<8>().expect("a length");
        let length = usize::try_from(u64::from_le_bytes(*length)).expect("a length");
        found.insert(line, String::from_utf8_lossy(&rest[..length]).into_owned());
        bytes = &rest[length + 1..];
    }
    found
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn the_journal_gets_fields_with_priorities_and_no_secret() {
    let run = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(run.path().join("systemd/journal")).expect("folders");
    if !may_unshare(run.path()) {
        eprintln!("skipped: this machine allows no mount namespace");
        return;
    }
    let journal = UnixDatagram::bind(run.path().join("systemd/journal/socket")).expect("a socket");
    journal.set_read_timeout(Some(Duration::from_mins(1))).expect("a time-out");
    // Nobody listens there, so that the poll at the start fails and is logged.
    let folder = Folder::new(
        "[channels.shop]\nkind = \"shopify\"\nshop = \"one.myshopify.com\"\nclient_id = \"id\"\n\
         client_secret = \"hush-hush\"\nbase_url = \"http://127.0.0.1:1\"\n",
    );
    let stderr = File::create(folder.path().join("stderr")).expect("a file");
    let meta = stderr.metadata().expect("known");
    let daemon = in_namespace()
        .args([NAMESPACE, "sh"])
        .args([run.path(), Path::new(env!("CARGO_BIN_EXE_fenicia")), &folder.config()])
        .env("JOURNAL_STREAM", format!("{}:{}", meta.dev(), meta.ino()))
        .env_remove("NOTIFY_SOCKET")
        .env_remove("FENICIA_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn()
        .expect("it starts");
    let _daemon = Running(daemon);

    let mut missing = BTreeMap::from([("listening", "6"), ("poll failed", "4")]);
    let mut bytes = vec![0; 1 << 16];
    while !missing.is_empty() {
        let length = journal.recv(&mut bytes).expect("a record");
        if length == 0 {
            // The client finds out whether anybody listens.
            continue;
        }
        let record = fields(&bytes[..length]);
        assert_eq!(record.get("SYSLOG_IDENTIFIER").map(String::as_str), Some("fenicia"), "{record:?}");
        assert!(record.values().all(|value| !value.contains("hush-hush")), "{record:?}");
        let said = missing.keys().copied().find(|said| record["MESSAGE"].starts_with(said));
        if let Some(priority) = said.and_then(|said| missing.remove(said)) {
            assert_eq!(record["PRIORITY"], priority, "{record:?}");
            let field = if priority == "6" { "ADMIN" } else { "CHANNEL" };
            assert!(record.contains_key(field), "{record:?}");
        }
    }
    let beside = std::fs::read_to_string(folder.path().join("stderr")).expect("readable");
    assert_eq!(beside, "", "nothing is said twice");
}
