//! Blocks of addresses: `127.0.0.1/32`, `10.0.0.0/8`, `fd00::/8`, or one address.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// A block of IP addresses. An IPv4 block also holds its IPv4-mapped IPv6 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    base: IpAddr,
    prefix: u8,
}

/// The text is not a block of addresses.
#[derive(Debug, thiserror::Error)]
#[error("not a block of addresses")]
pub struct BadCidr;

impl Cidr {
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                same_start(u128::from(base.to_bits()) << 96, u128::from(address.to_bits()) << 96, self.prefix)
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                same_start(base.to_bits(), address.to_bits(), self.prefix)
            }
            _ => false,
        }
    }
}

/// Compares the first `prefix` bits.
fn same_start(a: u128, b: u128, prefix: u8) -> bool {
    (a ^ b).checked_shr(128 - u32::from(prefix)).unwrap_or(0) == 0
}

impl FromStr for Cidr {
    type Err = BadCidr;

    fn from_str(text: &str) -> Result<Self, BadCidr> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let base: IpAddr = address.parse().map_err(|_| BadCidr)?;
        let longest = if base.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().map_err(|_| BadCidr)?
            }
            Some(_) => return Err(BadCidr),
        };
        if prefix > longest || is_mapped(base) {
            return Err(BadCidr);
        }
        Ok(Self { base, prefix })
    }
}

/// `::ffff:10.0.0.1` would never match, because peers are compared as IPv4.
fn is_mapped(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if Ipv6Addr::to_ipv4_mapped(&v6).is_some())
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_holds_what_shares_its_prefix() {
        for (block, address, inside) in [
            ("127.0.0.1/32", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("fd00::/8", "fdab::1", true),
            ("::/0", "2001:db8::1", true),
            ("::1", "::2", false),
        ] {
            let block: Cidr = block.parse().expect(block);
            assert_eq!(block.contains(address.parse().expect(address)), inside, "{block} {address}");
        }
        for text in
            ["", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/+8", "localhost", "::ffff:10.0.0.1/128"]
        {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
    }
}
