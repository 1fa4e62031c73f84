//! Finding the daemon: its address and a key for it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;

use super::client::Client;
use super::trouble::{Exit, Trouble};
use crate::config::{self, Whereabouts};
use crate::model::Secret;

/// Above these options in the help.
pub(super) const HEADING: &str = "Daemon";
const USUAL_CONFIG: &str = "config.toml";

/// How a client command reaches the daemon.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = HEADING)]
pub(super) struct Daemon {
    /// Address of the daemon's admin listener [default: from the config]
    #[arg(long, env = "FENICIA_URL", value_name = "URL")]
    url: Option<String>,

    /// Config of the daemon, to find its address and its key
    #[arg(long, env = "FENICIA_CONFIG", value_name = "FILE", default_value = USUAL_CONFIG)]
    config: PathBuf,

    /// API key [default: admin.key in the data folder]
    #[arg(long, env = "FENICIA_KEY", hide_env_values = true, value_name = "KEY", value_parser = secret)]
    key: Option<Secret>,

    /// Print the API's JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

#[allow(clippy::unnecessary_wraps, reason = "the shape of a value parser")]
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text.trim()))
}

/// What a running daemon writes to `addresses.json`: the ports it really got.
#[derive(Deserialize)]
struct Addresses {
    admin: SocketAddr,
}

/// The daemon of a config, with its own admin key.
pub(super) fn at_config(config: &Path) -> Result<Client, Trouble> {
    Daemon { url: None, config: config.to_owned(), key: None, json: false }.client()
}

impl Daemon {
    pub(super) fn client(&self) -> Result<Client, Trouble> {
        let found = config::locate(&self.config);
        // Without a config where one may be, the daemon is looked for where it is by default.
        if found.is_none() && self.url.is_none() && self.config != Path::new(USUAL_CONFIG) {
            return Err(Trouble::new(
                Exit::Config,
                "the daemon is not to be found",
                format!("{} cannot be read or is no config", self.config.display()),
                "Name the daemon's config with --config, or its admin address with --url.",
            ));
        }
        let place = found.unwrap_or_else(|| Whereabouts {
            data: PathBuf::from("data"),
            admin: SocketAddr::from((Ipv4Addr::LOCALHOST, 8481)),
        });
        let url = match &self.url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", reachable(real_address(&place))),
        };
        let key = match &self.key {
            Some(key) => Some(key.clone()),
            None => key_file(&place.data.join("admin.key"))?,
        };
        Client::new(url, key)
    }
}

fn real_address(place: &Whereabouts) -> SocketAddr {
    let written = std::fs::read_to_string(place.data.join("addresses.json")).ok();
    let addresses = written.and_then(|text| serde_json::from_str::<Addresses>(&text).ok());
    addresses.map_or(place.admin, |addresses| addresses.admin)
}

/// An address that listens on every network is reached through the loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// `None` when there is no such file: the API says what it needs a key for.
fn key_file(path: &Path) -> Result<Option<Secret>, Trouble> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(Secret::new(text.trim())).filter(|key| !key.is_empty())),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Err(Trouble::failed(
            "no API key",
            format!("this user may not read {}", path.display()),
            "Run the command as the daemon's user, or pass a key with --key or FENICIA_KEY.",
        )),
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemon_is_found_by_what_it_wrote() {
        let folder = tempfile::tempdir().expect("a folder");
        let place =
            Whereabouts { data: folder.path().to_owned(), admin: "127.0.0.1:0".parse().expect("address") };
        assert_eq!(real_address(&place).port(), 0);
        std::fs::write(
            folder.path().join("addresses.json"),
            r#"{"webhooks":"127.0.0.1:41001","admin":"0.0.0.0:41002"}"#,
        )
        .expect("written");
        assert_eq!(reachable(real_address(&place)).to_string(), "127.0.0.1:41002");
        assert_eq!(reachable("[::]:1".parse().expect("address")).to_string(), "[::1]:1");
    }

    #[test]
    fn a_config_that_was_named_must_be_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let named = folder.path().join("config.toml");
        let Err(trouble) = at_config(&named) else { panic!("there is no config") };
        assert_eq!(trouble.exit, Exit::Config);
        assert!(trouble.why.contains(&named.display().to_string()), "{}", trouble.why);
        let url = Some("http://127.0.0.1:1".to_owned());
        assert!(Daemon { url, config: named, key: None, json: false }.client().is_ok());
    }

    #[test]
    fn a_missing_key_file_is_no_failure() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(key_file(&folder.path().join("admin.key")).expect("no failure").is_none());
        std::fs::write(folder.path().join("admin.key"), "fk_1\n").expect("written");
        let key = key_file(&folder.path().join("admin.key")).expect("readable");
        assert_eq!(key.as_ref().map(Secret::expose), Some("fk_1"));
    }
}
