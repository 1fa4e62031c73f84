//! Who is really calling, and by which name: proxies, loopback, and the `Host` header.

use std::net::{IpAddr, SocketAddr};

use hyper::HeaderMap;
use hyper::header::{FORWARDED, HOST};

use crate::config::Cidr;

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of the client: the peer's, or what a trusted proxy says. `None` when a proxy that
/// is not trusted stands between us, so that nothing is known.
pub fn client(peer: SocketAddr, headers: &HeaderMap, trusted: &[Cidr]) -> Option<IpAddr> {
    let is_trusted = |address: IpAddr| trusted.iter().any(|block| block.contains(address));
    let peer = peer.ip().to_canonical();
    let forwarded = headers.contains_key(X_FORWARDED_FOR) || headers.contains_key(FORWARDED);
    if !forwarded {
        return Some(peer);
    }
    if !is_trusted(peer) {
        return None;
    }
    let mut hops = Vec::new();
    for value in headers.get_all(X_FORWARDED_FOR) {
        hops.extend(value.to_str().ok()?.split(',').map(str::trim));
    }
    // From the nearest hop outwards: the first one that is not ours is the client.
    let mut client = peer;
    for hop in hops.into_iter().rev() {
        client = address(hop)?;
        if !is_trusted(client) {
            return Some(client);
        }
    }
    // A proxy that only writes `Forwarded` has not said who the client is in a form we read.
    headers.contains_key(X_FORWARDED_FOR).then_some(client)
}

/// Whom the log names as the sender: where the headers cannot be believed, the peer itself.
pub fn sender(peer: SocketAddr, headers: &HeaderMap, trusted: &[Cidr]) -> IpAddr {
    client(peer, headers, trusted).unwrap_or_else(|| peer.ip().to_canonical())
}

/// An address as proxies write it: plain, bracketed, or with a port.
fn address(text: &str) -> Option<IpAddr> {
    let plain = text.trim_start_matches('[').trim_end_matches(']');
    let ip = plain.parse().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()));
    ip.ok().map(|ip: IpAddr| ip.to_canonical())
}

/// Whether the `Host` header is a name of ours. A web page of somebody else that has its own name
/// point at this machine (DNS rebinding) sends that name; an address cannot be rebound.
pub fn is_known_host(headers: &HeaderMap, public_url: Option<&str>) -> bool {
    let Some(host) = headers.get(HOST).and_then(|value| value.to_str().ok()) else { return false };
    let name = without_port(host);
    let is_address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
    let is_local = name.eq_ignore_ascii_case("localhost") || ends_with_localhost(name);
    let is_public = public_url.is_some_and(|url| host_of(url).eq_ignore_ascii_case(name));
    is_address || is_local || is_public
}

fn ends_with_localhost(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, last)| last.eq_ignore_ascii_case("localhost"))
}

/// The host name of an origin such as `https://fenicia.lan:8443`.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    without_port(rest.split('/').next().unwrap_or(rest))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => {
            if name.contains(':') && !name.ends_with(']') { host } else { name }
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().expect("a header value"));
        }
        headers
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let local: SocketAddr = "127.0.0.1:5000".parse().expect("an address");
        let trusted: Vec<Cidr> =
            vec!["127.0.0.1/32".parse().expect("block"), "10.0.0.0/8".parse().expect("block")];
        let ip = |text: &str| Some(text.parse::<IpAddr>().expect("an address"));
        let none: &[(&str, &str)] = &[];
        let cases = [
            (none, &[][..], ip("127.0.0.1")),
            (&[("x-forwarded-for", "127.0.0.1")], &[], None),
            (&[("forwarded", "for=127.0.0.1")], &[], None),
            (&[("x-forwarded-for", "203.0.113.9")], &trusted, ip("203.0.113.9")),
            (&[("x-forwarded-for", "127.0.0.1, 203.0.113.9, 10.1.1.1")], &trusted, ip("203.0.113.9")),
            (&[("x-forwarded-for", "nonsense")], &trusted, None),
            (&[("x-forwarded-for", "[2001:db8::1]:4711")], &trusted, ip("2001:db8::1")),
            (&[("forwarded", "for=203.0.113.9")], &trusted, None),
        ];
        for (pairs, trusted, wanted) in cases {
            let mut map = HeaderMap::new();
            for (name, value) in pairs {
                map.append(
                    hyper::header::HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                    value.parse().expect("a value"),
                );
            }
            assert_eq!(client(local, &map, trusted), wanted, "{pairs:?}");
        }
    }

    #[test]
    fn a_foreign_name_that_points_here_is_not_known() {
        let public = Some("https://fenicia.lan");
        for host in [
            "127.0.0.1:8481",
            "localhost:8481",
            "LOCALHOST",
            "[::1]:8481",
            "[::1]",
            "192.168.1.5:80",
            "fenicia.lan",
            "Fenicia.LAN:443",
            "app.localhost:1",
        ] {
            let map = HeaderMap::from_iter([(HOST, host.parse().expect("a value"))]);
            assert!(is_known_host(&map, public), "{host}");
        }
        for host in
            ["evil.example", "localhost.evil.example:8481", "fenicia.lan.evil.example", "", "notlocalhost"]
        {
            let map = HeaderMap::from_iter([(HOST, host.parse().expect("a value"))]);
            assert!(!is_known_host(&map, public), "{host}");
        }
        assert!(!is_known_host(&headers(&[]), public));
        assert!(!is_known_host(&headers(&[("host", "fenicia.lan")]), None));
    }
}
