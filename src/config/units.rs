//! Spans, sizes and origins as people write them.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::table::Table;

/// Milliseconds.
const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;
const DAY: u64 = 24 * HOUR;

/// Reads `500ms`, `30s`, `15m`, `1h`, `7d`, `2w`, or several in a row: `1h30m`. `None` for anything else.
pub fn parse_span(text: &str) -> Option<Duration> {
    let mut millis = 0_u64;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "ms" => 1,
            "s" => SECOND,
            "m" | "min" => 60 * SECOND,
            "h" => HOUR,
            "d" => DAY,
            "w" => 7 * DAY,
            _ => return None,
        };
        millis = millis.checked_add(number.checked_mul(unit)?)?;
        rest = rest[letters..].trim_start();
    }
    Some(Duration::from_millis(millis))
}

/// Writes a span as [`parse_span`] reads it, in its largest whole unit.
pub(super) fn show_span(span: Duration) -> String {
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    for (unit, word) in [(DAY, "d"), (HOUR, "h"), (60 * SECOND, "m"), (SECOND, "s")] {
        if millis >= unit && millis.is_multiple_of(unit) {
            return format!("{}{word}", millis / unit);
        }
    }
    format!("{millis}ms")
}

/// The span under a key, within bounds.
pub(super) fn span(
    table: &mut Table<'_>,
    key: &'static str,
    allowed: &RangeInclusive<Duration>,
) -> Option<Duration> {
    let (text, at) = table.text(key)?;
    let (least, most) = (show_span(*allowed.start()), show_span(*allowed.end()));
    let cure =
        format!("write a span from \"{least}\" to \"{most}\", such as \"30s\", \"15m\", \"1h\" or \"7d\"");
    match parse_span(text) {
        Some(span) if allowed.contains(&span) => Some(span),
        Some(_) => {
            table.fault(&at, format!("`{}` is out of range", table.full(key)), cure);
            None
        }
        None => {
            table.fault(&at, format!("`{}` is not a span of time: \"{text}\"", table.full(key)), cure);
            None
        }
    }
}

/// Reads `1048576`, `512KiB`, `1MiB`, `2MB` as bytes.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim() {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        _ => return None,
    };
    number.checked_mul(unit)
}

/// Checks a scheme, host and optional port with nothing behind, and drops a trailing slash.
/// `Err` is what to write instead.
pub(super) fn origin(text: &str) -> Result<String, &'static str> {
    let bare = text.trim_end_matches('/');
    let rest = bare
        .strip_prefix("https://")
        .or_else(|| bare.strip_prefix("http://"))
        .ok_or("begin with https:// (or http:// on this machine)")?;
    if rest.contains(['/', '?', '#']) {
        return Err("write only the scheme, the host and the port, without a path");
    }
    if rest.contains('@') {
        return Err("write it without a user name or password");
    }
    let (host, port) = split_port(rest);
    if !is_host(host) {
        return Err("write it as https://host.example.com");
    }
    if port.is_some_and(|port| port.parse::<u16>().map_or(true, |port| port == 0)) {
        return Err("write a port from 1 to 65535, or none");
    }
    Ok(bare.to_owned())
}

/// Splits `host:port`; the host may be an IPv6 address in brackets.
pub(super) fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

pub(super) fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        for (text, secs) in
            [("30s", 30), ("15m", 900), ("1h", 3_600), ("7d", 604_800), ("1h30m", 5_400), ("2 w", 1_209_600)]
        {
            assert_eq!(parse_span(text), Some(Duration::from_secs(secs)), "{text}");
        }
        for text in ["", "30", "s", "1y", "-1s", "1.5h", "99999999999999999999d", "9999999999999999d"] {
            assert_eq!(parse_span(text), None, "{text}");
        }
        assert_eq!(show_span(Duration::from_millis(7 * DAY)), "7d");
        assert_eq!(show_span(Duration::from_secs(90)), "90s");
    }

    #[test]
    fn sizes_are_bytes() {
        assert_eq!(parse_size("1MiB"), Some(1_048_576));
        assert_eq!(parse_size("2 MB"), Some(2_000_000));
        assert_eq!(parse_size("1 lot"), None);
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        assert_eq!(origin("https://orders.example.com/").as_deref(), Ok("https://orders.example.com"));
        assert_eq!(origin("http://127.0.0.1:9001").as_deref(), Ok("http://127.0.0.1:9001"));
        assert_eq!(origin("http://[::1]:9001").as_deref(), Ok("http://[::1]:9001"));
        for text in
            ["orders.example.com", "https://", "https://a/b", "https://me:pw@a", "ftp://a", "http://a:99999"]
        {
            assert!(origin(text).is_err(), "{text}");
        }
    }
}
