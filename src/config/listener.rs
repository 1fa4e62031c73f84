//! `[webhooks]` and `[admin]`: the two listeners and who may log in.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use base64::Engine as _;
use toml::de::DeValue;

use super::cidr::Cidr;
use super::secret::{self, Demand};
use super::table::Table;
use super::units;
use crate::model::{Role, Secret};

/// The listener that faces the internet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhooks {
    pub listen: SocketAddr,
    /// What the marketplaces reach it by, without a trailing slash.
    pub public_url: Option<String>,
    /// Whose `X-Forwarded-For` is believed, to tell in the log who sent what was turned away.
    pub trusted_proxies: Vec<Cidr>,
    /// Largest body, in bytes.
    pub max_body: usize,
}

/// Page, API and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    pub listen: SocketAddr,
    /// What browsers reach it by when a proxy stands before it, without a trailing slash.
    pub public_url: Option<String>,
    pub trusted_proxies: Vec<Cidr>,
    pub users: BTreeMap<String, User>,
}

/// Somebody who may log in to the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Argon2id in PHC form; checked to be well formed.
    pub password_hash: Secret,
    pub role: Role,
}

const MEBIBYTE: u64 = 1 << 20;

pub(super) fn webhooks(root: &mut Table<'_>) -> Webhooks {
    let mut table = root.table("webhooks");
    let listen = listen(&mut table, 8480);
    let public_url = public_url(&mut table);
    let trusted_proxies = proxies(&mut table);
    let max_body = max_body(&mut table).unwrap_or(MEBIBYTE);
    table.finish();
    Webhooks {
        listen,
        public_url,
        trusted_proxies,
        max_body: usize::try_from(max_body).unwrap_or(usize::MAX),
    }
}

pub(super) fn admin(root: &mut Table<'_>) -> Admin {
    let mut table = root.table("admin");
    let listen = admin_address(&mut table);
    let public_url = public_url(&mut table);
    let trusted_proxies = proxies(&mut table);
    let users = users(&mut table);
    table.finish();
    Admin { listen, public_url, trusted_proxies, users }
}

pub(super) fn admin_address(table: &mut Table<'_>) -> SocketAddr {
    listen(table, 8481)
}

fn listen(table: &mut Table<'_>, port: u16) -> SocketAddr {
    let default = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Some((text, at)) = table.text("listen") else { return default };
    text.parse().unwrap_or_else(|_| {
        let what = format!("`{}` is not an IP address and a port: \"{text}\"", table.full("listen"));
        table.fault(
            &at,
            what,
            format!("write \"{default}\", or \"0.0.0.0:{port}\" for every network, or port 0 for a free one"),
        );
        default
    })
}

fn public_url(table: &mut Table<'_>) -> Option<String> {
    let (text, at) = table.text("public_url")?;
    match units::origin(text) {
        Ok(url) => Some(url),
        Err(cure) => {
            table.fault(
                &at,
                format!("`{}` is not a public address: \"{text}\"", table.full("public_url")),
                cure,
            );
            None
        }
    }
}

fn proxies(table: &mut Table<'_>) -> Vec<Cidr> {
    let mut blocks = Vec::new();
    for (text, at) in table.texts("trusted_proxies").unwrap_or_default() {
        match text.parse() {
            Ok(block) => blocks.push(block),
            Err(_) => table.fault(
                &at,
                format!("`{}` holds no block of addresses: \"{text}\"", table.full("trusted_proxies")),
                "write an address or a block, such as \"127.0.0.1/32\" or \"10.0.0.0/8\"",
            ),
        }
    }
    blocks
}

/// Bytes, as a number or with a unit.
fn max_body(table: &mut Table<'_>) -> Option<u64> {
    let key = "max_body";
    let entry = table.get(key)?;
    let bytes = match entry.value {
        DeValue::String(text) => units::parse_size(text),
        DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
        _ => None,
    };
    // Below this a marketplace's ordinary order does not fit; above it memory is at stake.
    let bytes = bytes.filter(|n| (64 << 10..=64 * MEBIBYTE).contains(n));
    if bytes.is_none() {
        let what = format!("`{}` is not a size that can work", table.full(key));
        table.fault(&entry.at(), what, "write a size from \"64KiB\" to \"64MiB\", such as \"1MiB\"");
    }
    bytes
}

fn users(admin: &mut Table<'_>) -> BTreeMap<String, User> {
    let mut users = BTreeMap::new();
    for (name, at, mut table) in admin.named("users") {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._@-".contains(c);
        if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) {
            table.fault(
                &at,
                format!("\"{name}\" cannot be a user's name"),
                "use 1 to 64 of a-z, A-Z, 0-9 and . _ @ -",
            );
        }
        let hash = password_hash(&mut table);
        let role = role(&mut table);
        if let (Some(password_hash), Some(role)) = (hash, role) {
            users.insert(name.to_owned(), User { password_hash, role });
        }
        table.finish();
    }
    users
}

fn role(table: &mut Table<'_>) -> Option<Role> {
    if table.get("role").is_none() {
        table.missing("role", "role = \"viewer\"");
        return None;
    }
    let words: Vec<_> = Role::ALL.iter().map(|role| role.as_str()).collect();
    table.choice("role", &words).and_then(Role::parse)
}

const HASH_HOW: &str = "make one with the argon2 tool, in a shell: \
     read -rs PW; printf %s \"$PW\" | argon2 \"$(openssl rand -hex 16)\" -id -t 3 -m 16 -p 1 -e";

fn password_hash(table: &mut Table<'_>) -> Option<Secret> {
    let key = "password_hash";
    let Some(entry) = table.get(key) else {
        table.fault(table.at(), format!("`{}` is missing", table.full(key)), HASH_HOW);
        return None;
    };
    let hash = secret::read(table, key, Demand::Now)?;
    if let Err(why) = check_phc(hash.expose()) {
        table.fault(&entry.at(), format!("`{}` is not an argon2id hash: {why}", table.full(key)), HASH_HOW);
        return None;
    }
    Some(hash)
}

/// `$argon2id$v=19$m=65536,t=3,p=1$SALT$HASH`, with bounds that a login can afford.
fn check_phc(text: &str) -> Result<(), &'static str> {
    let parts: Vec<&str> = text.split('$').collect();
    let ["", "argon2id", "v=19", parameters, salt, hash] = parts[..] else {
        return Err("it must read $argon2id$v=19$m=…,t=…,p=…$salt$hash");
    };
    let mut numbers = parameters.split(',').map(|p| p.split_once('='));
    let mut next = |name| match numbers.next().flatten() {
        Some((n, value)) if n == name => value.parse::<u32>().ok(),
        _ => None,
    };
    let (Some(memory), Some(passes), Some(lanes)) = (next("m"), next("t"), next("p")) else {
        return Err("its parameters must read m=…,t=…,p=…");
    };
    if !(8..=1_048_576).contains(&memory) || !(1..=64).contains(&passes) || !(1..=16).contains(&lanes) {
        return Err("its parameters are out of range: at most m=1048576,t=64,p=16");
    }
    if numbers.next().is_some() {
        return Err("it has more parameters than m, t and p");
    }
    let bytes = |part: &str| base64::engine::general_purpose::STANDARD_NO_PAD.decode(part).map(|b| b.len());
    match (bytes(salt), bytes(hash)) {
        (Ok(8..=64), Ok(16..=64)) => Ok(()),
        _ => Err("its salt or hash is cut off or not base64"),
    }
}

#[cfg(test)]
mod tests {
    use super::check_phc;

    #[test]
    fn a_hash_is_well_formed_or_refused() {
        let good = "$argon2id$v=19$m=65536,t=3,p=1$c29tZXNhbHRzb21lc2FsdA$MdkNeRbQ6TcNPqGPnnYZbkFKPDR4Mp9M0k8UQVpPZ6Q";
        assert_eq!(check_phc(good), Ok(()));
        for bad in [
            "",
            "secret",
            "$2y$10$abcdefghijklmnopqrstuv",
            "$argon2i$v=19$m=65536,t=3,p=1$c29tZXNhbHQ$MdkNeRbQ6TcNPqGPnnYZbkFKPDR4Mp9M0k8UQVpPZ6Q",
            "$argon2id$v=19$m=65536,t=3$c29tZXNhbHQ$MdkNeRbQ6TcNPqGPnnYZbkFKPDR4Mp9M0k8UQVpPZ6Q",
            "$argon2id$v=19$m=4294967295,t=3,p=1$c29tZXNhbHQ$MdkNeRbQ6TcNPqGPnnYZbkFKPDR4Mp9M0k8UQVpPZ6Q",
            "$argon2id$v=19$m=65536,t=3,p=1$c29tZXNhbHQ$tooshort",
            "$argon2id$…",
        ] {
            assert!(check_phc(bad).is_err(), "{bad}");
        }
    }
}
