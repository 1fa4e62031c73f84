//! What only shows when the whole file is seen at once.

use super::Config;
use super::reading::Reading;
use crate::channel::Value;

pub(super) fn whole(reading: &Reading<'_>, config: &Config) {
    one_address_each(reading, config);
    webhooks_need_an_address(reading, config);
    passwords_need_a_shelter(reading, config);
    one_account_each(reading, config);
    clear_secrets_need_a_closed_file(reading);
    something_to_do(reading, config);
}

fn one_address_each(reading: &Reading<'_>, config: &Config) {
    let (hooks, admin) = (config.webhooks.listen, config.admin.listen);
    let overlap = hooks.ip() == admin.ip() || hooks.ip().is_unspecified() || admin.ip().is_unspecified();
    if hooks.port() != 0 && hooks.port() == admin.port() && overlap {
        let key = if reading.has("admin.listen") { "admin.listen" } else { "webhooks.listen" };
        reading.fault(
            &reading.place(key),
            format!("both listeners want {admin}: the one that faces the internet must be apart from the page and the API"),
            "give `admin.listen` another port, such as \"127.0.0.1:8481\"",
        );
    }
}

fn webhooks_need_an_address(reading: &Reading<'_>, config: &Config) {
    let wanting = config.channels.values().find(|c| c.enabled && c.kind.method.takes_webhooks());
    if let (Some(channel), None) = (wanting, &config.webhooks.public_url) {
        reading.warn(
            &reading.place(&format!("channels.{}", channel.id())),
            format!(
                "{} can send webhooks, but there is no public address to give it: it is only polled",
                channel.kind.title
            ),
            "set `webhooks.public_url` to the address that the internet reaches the webhook listener by",
        );
    }
}

fn passwords_need_a_shelter(reading: &Reading<'_>, config: &Config) {
    let admin = &config.admin;
    let https = admin.public_url.as_ref().is_some_and(|url| url.starts_with("https://"));
    if !admin.listen.ip().is_loopback() && !https {
        reading.warn(
            &reading.place("admin.listen"),
            "the page and the API are open to the network without encryption",
            "listen on 127.0.0.1 behind a proxy with TLS, and name its address in `admin.public_url`",
        );
    }
}

/// Two channels for one account would keep every order twice.
fn one_account_each(reading: &Reading<'_>, config: &Config) {
    let enabled: Vec<_> = config.channels.values().filter(|c| c.enabled).collect();
    for (nth, channel) in enabled.iter().enumerate() {
        let twin = enabled[..nth].iter().find(|other| {
            other.kind.name == channel.kind.name
                && other.settings.base_url == channel.settings.base_url
                && other.settings.values == channel.settings.values
                && channel.settings.values.values().any(|v| matches!(v, Value::Secret(_)))
        });
        if let Some(twin) = twin {
            reading.warn(
                &reading.place(&format!("channels.{}", channel.id())),
                format!(
                    "channels {} and {} are the same account: its orders are kept twice",
                    twin.id(),
                    channel.id()
                ),
                "disable one of them",
            );
        }
    }
}

#[cfg(unix)]
fn clear_secrets_need_a_closed_file(reading: &Reading<'_>) {
    use std::os::unix::fs::PermissionsExt;
    let open = std::fs::metadata(reading.file()).is_ok_and(|m| m.permissions().mode() & 0o004 != 0);
    if let (Some(at), true) = (reading.clear_secret(), open) {
        let cure = format!(
            "chmod 640 {}, or write where to find the secret: env, file or credential",
            reading.file().display()
        );
        reading.warn(&at, "a secret stands in a file that every user of this machine can read", cure);
    }
}

#[cfg(not(unix))]
fn clear_secrets_need_a_closed_file(_reading: &Reading<'_>) {}

fn something_to_do(reading: &Reading<'_>, config: &Config) {
    if !config.channels.values().any(|channel| channel.enabled) {
        let cure =
            "set `enabled = true` in a [channels.…] table; `fenicia demo` shows fenicia without any account";
        reading.warn(&(0..0), "no channel is enabled", cure);
    }
}
