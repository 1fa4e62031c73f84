//! Starts the binary, waits for its readiness, kills or stops it.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde::Deserialize;

use super::api::Client;

/// A data folder with a config. Removed when dropped.
pub struct Folder {
    dir: tempfile::TempDir,
}

impl Folder {
    /// `channels`: tables of channels, as the sandbox writes them.
    pub fn new(channels: &str) -> Self {
        let folder = Self { dir: tempfile::tempdir().expect("a temporary folder") };
        folder.write(channels);
        folder
    }

    /// Replaces the config.
    pub fn write(&self, channels: &str) {
        let head = "[store]\npath = \"data\"\n[webhooks]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://orders.example.com\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\n";
        std::fs::write(self.config(), format!("{head}{channels}")).expect("a config");
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn config(&self) -> PathBuf {
        self.path().join("config.toml")
    }

    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }
}

/// A running daemon. Killed when dropped.
pub struct Daemon {
    child: Child,
    pub webhooks: String,
    pub client: Client,
}

#[derive(Deserialize)]
struct Addresses {
    webhooks: String,
    admin: String,
}

/// Longest wait for readiness, far above what it takes.
const START: Duration = Duration::from_secs(60);
/// How often it is looked at meanwhile whether it still runs.
const LOOK: Duration = Duration::from_millis(50);

impl Daemon {
    /// Ready when it returns: told by the notification that systemd would get.
    pub fn start(folder: &Folder) -> Self {
        Self::start_with(folder, &[])
    }

    pub fn start_with(folder: &Folder, environment: &[(&str, &str)]) -> Self {
        let started = Self::try_start(folder, environment);
        started.unwrap_or_else(|| panic!("the daemon did not get ready:\n{}", folder.log()))
    }

    /// `None` when it ends before it is ready.
    pub fn try_start(folder: &Folder, environment: &[(&str, &str)]) -> Option<Self> {
        let socket = folder.path().join("notify");
        drop(std::fs::remove_file(&socket));
        let notifications = UnixDatagram::bind(&socket).expect("a notification socket");
        notifications.set_read_timeout(Some(LOOK)).expect("a time-out");
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.path().join("log"))
            .expect("a log");
        let child = Command::new(env!("CARGO_BIN_EXE_fenicia"))
            .args(["run", "--config"])
            .arg(folder.config())
            .env("NOTIFY_SOCKET", &socket)
            .env_remove("JOURNAL_STREAM")
            .env_remove("STATE_DIRECTORY")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        let daemon =
            Self { child, webhooks: String::new(), client: Client::new(String::new(), String::new()) };
        daemon.once_ready(&notifications, folder)
    }

    fn once_ready(mut self, notifications: &UnixDatagram, folder: &Folder) -> Option<Self> {
        let mut message = [0; 1024];
        let mut looks = START.as_millis() / LOOK.as_millis();
        loop {
            let length = notifications.recv(&mut message).unwrap_or(0);
            if String::from_utf8_lossy(&message[..length]).lines().any(|line| line == "READY=1") {
                break;
            }
            looks -= u128::from(length == 0);
            if looks == 0 || self.has_ended() {
                return None;
            }
        }
        let addresses = std::fs::read(folder.data().join("addresses.json")).expect("addresses.json");
        let addresses: Addresses = serde_json::from_slice(&addresses).expect("addresses");
        let key = std::fs::read_to_string(folder.data().join("admin.key")).expect("admin.key");
        self.webhooks = format!("http://{}", addresses.webhooks);
        self.client = Client::new(format!("http://{}", addresses.admin), key.trim().to_owned());
        Some(self)
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child can be looked at").is_some()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    pub fn signal(&self, signal: &str) {
        let done =
            Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("kill runs");
        assert!(done.success(), "kill {signal}");
    }

    /// SIGTERM, and how it ended.
    pub fn stop(mut self) -> ExitStatus {
        self.signal("-TERM");
        self.child.wait().expect("gone")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
