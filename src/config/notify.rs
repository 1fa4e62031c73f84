//! `[notify.*]`: who is told when something goes wrong, and how.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Range;

use super::secret::{self, Demand};
use super::signing_key::SigningKey;
use super::table::Table;
use super::units;
use crate::model::Secret;

/// One place that notifications go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// What is told there.
    pub on: BTreeSet<Occasion>,
    pub target: Target,
}

/// Addresses are secrets too: many of them let whoever holds them write to a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A POST, signed as Standard Webhooks say when there is a secret.
    Webhook {
        url: Secret,
        key: Option<SigningKey>,
        allow_internal: bool,
    },
    Slack {
        url: Secret,
        allow_internal: bool,
    },
    Email(Mailbox),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    pub host: String,
    pub port: u16,
    pub security: Security,
    /// Both or neither.
    pub login: Option<(String, Secret)>,
    pub from: String,
    /// At least one.
    pub to: Vec<String>,
}

impl Target {
    /// The word after `kind =`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Slack { .. } => "slack",
            Self::Email(_) => "email",
        }
    }

    /// Read by people, who are not written to at every turn.
    pub const fn is_for_people(&self) -> bool {
        matches!(self, Self::Slack { .. } | Self::Email(_))
    }
}

impl Notify {
    /// Whether a notification of this kind is told there. What no occasion stands for, such as a
    /// customer's request for their data, is told everywhere: it must not go unnoticed.
    pub fn wants(&self, kind: &str) -> bool {
        match Occasion::ALL.into_iter().find(|occasion| occasion.as_str() == kind) {
            Some(occasion) => self.on.contains(&occasion),
            None => true,
        }
    }
}

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// In clear at first, then TLS; given up when the server does not offer it.
    StartTls,
    /// TLS from the first byte, as port 465 wants.
    Tls,
    /// In clear: for a server on this machine.
    None,
}

/// What can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Occasion {
    SyncFailed,
    ChannelDown,
    ChannelRecovered,
    ActionFailed,
    Backlog,
}

impl Occasion {
    pub const ALL: [Self; 5] =
        [Self::SyncFailed, Self::ChannelDown, Self::ChannelRecovered, Self::ActionFailed, Self::Backlog];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SyncFailed => "sync_failed",
            Self::ChannelDown => "channel_down",
            Self::ChannelRecovered => "channel_recovered",
            Self::ActionFailed => "action_failed",
            Self::Backlog => "backlog",
        }
    }
}

pub(super) fn read(root: &mut Table<'_>) -> BTreeMap<String, Notify> {
    let mut all = BTreeMap::new();
    for (id, at, mut table) in root.named("notify") {
        if id.is_empty()
            || id.len() > 32
            || !id.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        {
            table.fault(
                &at,
                format!("\"{id}\" cannot name a notification"),
                "use 1 to 32 of a-z, A-Z, 0-9, - and _",
            );
        }
        if !table.is_present() {
            continue;
        }
        let on = occasions(&mut table);
        if let Some(target) = target(&mut table) {
            all.insert(id.to_owned(), Notify { on, target });
            table.finish();
        }
    }
    all
}

/// Everything, when the file does not choose.
fn occasions(table: &mut Table<'_>) -> BTreeSet<Occasion> {
    let Some(entry) = table.get("on") else { return Occasion::ALL.into() };
    let words = Occasion::ALL.map(Occasion::as_str);
    let mut on = BTreeSet::new();
    let chosen = table.texts("on");
    if chosen.as_ref().is_some_and(Vec::is_empty) {
        table.fault(
            &entry.at(),
            format!("`{}` is empty", table.full("on")),
            format!("choose from: {}", words.join(", ")),
        );
    }
    for (text, at) in chosen.unwrap_or_default() {
        let word = table.choose("on", text, &at, &words);
        on.extend(Occasion::ALL.into_iter().filter(|o| Some(o.as_str()) == word));
    }
    on
}

/// `None` when a fault was reported that leaves nothing to check the other keys against.
fn target(table: &mut Table<'_>) -> Option<Target> {
    if table.get("kind").is_none() {
        table.missing("kind", "kind = \"webhook\"");
        return None;
    }
    match table.choice("kind", &["webhook", "slack", "email"])? {
        "webhook" => {
            let address = address(table);
            let key = signing_key(table);
            if !table.reading.has(&table.full("secret")) {
                table.reading.warn(
                    table.at(),
                    format!(
                        "`{}` has no secret, so its receiver cannot tell our messages from forged ones",
                        table.name()
                    ),
                    format!("add `{}`", secret::example("secret")),
                );
            }
            let (url, allow_internal) = address.unwrap_or_else(unusable);
            Some(Target::Webhook { url, key, allow_internal })
        }
        "slack" => {
            let (url, allow_internal) = address(table).unwrap_or_else(unusable);
            Some(Target::Slack { url, allow_internal })
        }
        _ => Some(Target::Email(mailbox(table))),
    }
}

fn signing_key(table: &mut Table<'_>) -> Option<SigningKey> {
    let at = table.get("secret")?.at();
    let secret = secret::read(table, "secret", Demand::Now)?;
    let key = SigningKey::parse(secret.expose());
    let better = "make one with: echo whsec_$(openssl rand -base64 32)";
    match &key {
        None => {
            let what = format!("`{}` begins with whsec_, but no base64 follows", table.full("secret"));
            table.fault(&at, what, better);
        }
        Some(key) if key.is_weak() => {
            let what =
                format!("`{}` is shorter than the 24 bytes that a key should have", table.full("secret"));
            table.reading.warn(&at, what, better);
        }
        Some(_) => {}
    }
    key
}

/// Stands in for a value that was reported as faulty; such a config is never handed out.
fn unusable() -> (Secret, bool) {
    (Secret::new(""), false)
}

/// The URL, and whether it may lead into an internal network: only when the file says so, in so
/// many words or by naming an internal host itself. A public name that resolves to an internal
/// address does not count.
fn address(table: &mut Table<'_>) -> Option<(Secret, bool)> {
    let allowed = table.flag("allow_internal");
    let Some(entry) = table.get("url") else {
        table.missing("url", "url = \"https://…\"");
        return None;
    };
    let url = secret::read_address(table, "url")?;
    match host_of(url.expose()) {
        Ok(host) => {
            let internal = is_internal(host);
            Some((url, allowed.unwrap_or(internal)))
        }
        Err(cure) => {
            table.fault(&entry.at(), format!("`{}` is not an address of the web", table.full("url")), cure);
            None
        }
    }
}

fn host_of(url: &str) -> Result<&str, &'static str> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))
        .ok_or("begin with https:// (or http:// on this machine)")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("write it without spaces");
    }
    units::origin(&url[..url.len() - rest.len() + authority.len()])?;
    Ok(units::split_port(authority).0)
}

fn is_internal(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse() {
        Ok(IpAddr::V4(v4)) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        Ok(IpAddr::V6(v6)) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
        Err(_) => bare.eq_ignore_ascii_case("localhost"),
    }
}

fn mailbox(table: &mut Table<'_>) -> Mailbox {
    let (host, port) = server(table);
    let security = match table.choice("security", &["starttls", "tls", "none"]) {
        Some("tls") => Security::Tls,
        Some("none") => Security::None,
        _ if port == Some(465) => Security::Tls,
        _ => Security::StartTls,
    };
    let port = port.unwrap_or(if security == Security::Tls { 465 } else { 587 });
    let login = login(table);
    let from = required_address(table, "from");
    let to = recipients(table);
    Mailbox { host, port, security, login, from, to }
}

fn server(table: &mut Table<'_>) -> (String, Option<u16>) {
    if table.get("smtp").is_none() {
        table.missing("smtp", "smtp = \"mail.example.com:587\"");
        return Default::default();
    }
    let Some((text, at)) = table.text("smtp") else { return Default::default() };
    let (host, port) = units::split_port(text);
    let number = port.map(|p| p.parse().ok().filter(|n| *n != 0_u16));
    if !units::is_host(host) || number == Some(None) {
        let what = format!("`{}` is not a mail server: \"{text}\"", table.full("smtp"));
        table.fault(&at, what, "write the host and the port, such as \"mail.example.com:587\"");
    }
    (host.trim_matches(['[', ']']).to_owned(), number.flatten())
}

fn login(table: &mut Table<'_>) -> Option<(String, Secret)> {
    let name = table.text("username");
    let password = secret::read(table, "password", Demand::Now);
    let password_given = table.reading.has(&table.full("password"));
    match (&name, password_given) {
        (Some(_), false) => table.missing("password", &secret::example("password")),
        (None, true) => table.missing("username", "username = \"…\""),
        _ => {}
    }
    Some((name?.0.to_owned(), password?))
}

fn required_address(table: &mut Table<'_>, key: &'static str) -> String {
    if table.get(key).is_none() {
        table.missing(key, &format!("{key} = \"fenicia@example.com\""));
        return String::new();
    }
    let Some((text, at)) = table.text(key) else { return String::new() };
    check_address(table, key, text, &at);
    text.to_owned()
}

fn recipients(table: &mut Table<'_>) -> Vec<String> {
    let key = "to";
    let Some(entry) = table.get(key) else {
        table.missing(key, "to = [\"ops@example.com\"]");
        return Vec::new();
    };
    let texts = match entry.value.as_str() {
        Some(_) => table.text(key).map(|one| vec![one]),
        None => table.texts(key),
    };
    if texts.as_ref().is_some_and(Vec::is_empty) {
        table.fault(&entry.at(), format!("`{}` is empty", table.full(key)), "write at least one address");
    }
    let texts = texts.unwrap_or_default();
    for (text, at) in &texts {
        check_address(table, key, text, at);
    }
    texts.into_iter().map(|(text, _)| text.to_owned()).collect()
}

/// Enough to catch slips, and to keep line breaks out of a mail's header.
fn check_address(table: &Table<'_>, key: &str, text: &str, at: &Range<usize>) {
    let plain = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_graphic() && !"<>()[],;:\\\"@".contains(c))
    };
    if !text.split_once('@').is_some_and(|(user, host)| plain(user) && plain(host)) {
        let what = format!("`{}` is not an e-mail address: \"{}\"", table.full(key), text.escape_debug());
        table.fault(at, what, "write name@example.com, without a display name");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_internal_host_is_internal_only_when_it_is_written_out() {
        for (url, internal) in [
            ("http://127.0.0.1:9000/hook", true),
            ("http://localhost/hook?x=1", true),
            ("http://[::1]:8080", true),
            ("http://192.168.1.4/hook", true),
            ("https://hooks.example.com/T/B/x", false),
            ("https://localhost.example.com", false),
        ] {
            assert_eq!(host_of(url).map(is_internal), Ok(internal), "{url}");
        }
        for url in
            ["hooks.example.com", "https://", "https://u:p@host/", "https://host/a b", "file:///etc/passwd"]
        {
            assert!(host_of(url).is_err(), "{url}");
        }
    }
}
