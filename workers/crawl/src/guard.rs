//! Which addresses of the network may be asked for a tenant: public ones, and private ones only where the operator allows them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use url::{Host, Url};

/// A network, as in `10.1.0.0/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// A text that is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no network such as 10.1.0.0/16")]
pub struct NotANetwork(pub String);

/// Which private addresses the operator allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// All of them.
    pub all: bool,
    /// This machine's loopback.
    pub loopback: bool,
    /// Those of these networks.
    pub networks: Vec<Network>,
}

/// A private address that is not to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrivateAddress;

impl fmt::Display for PrivateAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the host has a private address")
    }
}

impl std::error::Error for PrivateAddress {}

impl Guard {
    /// Whether an address may be asked.
    #[must_use]
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = match address {
            IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
            IpAddr::V4(_) => address,
        };
        self.all
            || is_public(address)
            || self.loopback && address.is_loopback()
            || self.networks.iter().any(|network| network.holds(address))
    }

    /// Refuses a URL whose host is written as an address that may not be asked. Names are looked at when they are resolved.
    ///
    /// # Errors
    /// [`PrivateAddress`].
    pub fn check(&self, url: &Url) -> Result<(), PrivateAddress> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        if self.permits(address) {
            Ok(())
        } else {
            Err(PrivateAddress)
        }
    }
}

impl Network {
    fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                same(own.to_bits().into(), other.to_bits().into(), 32, self.bits)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                same(own.to_bits(), other.to_bits(), 128, self.bits)
            }
            _ => false,
        }
    }
}

/// Whether the first `bits` of two numbers of `width` bits are the same.
fn same(one: u128, other: u128, width: u8, bits: u8) -> bool {
    let beyond = u32::from(width - bits.min(width));
    (one ^ other).checked_shr(beyond).unwrap_or(0) == 0
}

impl FromStr for Network {
    type Err = NotANetwork;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NotANetwork(text.to_owned());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(width);
        if bits > width {
            Err(wrong())
        } else {
            Ok(Self { address, bits })
        }
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let benchmark = a == 198 && (18..20).contains(&b);
    let protocols = (a, b, c) == (192, 0, 0);
    let relay = (a, b, c) == (192, 88, 99);
    // Azure's own services for a machine: a public number that only leads inside.
    let wire_server = address == Ipv4Addr::new(168, 63, 129, 16);
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_broadcast()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || shared
        || benchmark
        || protocols
        || relay
        || wire_server)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, third, .., seventh, eighth] = address.segments();
    // Addresses that carry an IPv4 address reach what that one reaches.
    let carried = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match (first, second, third) {
        (0x2002, ..) => return carried(second, third),
        (0x64, 0xff9b, 0) => return carried(seventh, eighth),
        // NAT64 of one's own network, Teredo, discard, documentation, benchmarks, names of hosts that are no places, segments of routes.
        (0x64, 0xff9b, _)
        | (0x2001, 0 | 0xdb8, _)
        | (0x100, 0, 0)
        | (0x2001, 2, 0)
        | (0x2001, 0x10..=0x2f, _)
        | (0x3fff, 0..=0xfff, _)
        | (0x5f00, ..) => return false,
        (0, 0, _) => {
            let is_carrying = address.segments()[..6] == [0; 6]
                && !address.is_loopback()
                && !address.is_unspecified();
            return is_carrying && carried(seventh, eighth);
        }
        _ => {}
    }
    let site_local = first & 0xffc0 == 0xfec0;
    let unique_local = first & 0xfe00 == 0xfc00;
    let link_local = first & 0xffc0 == 0xfe80;
    !(address.is_multicast() || unique_local || link_local || site_local)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PRIVATE: &[&str] = &[
        "127.0.0.1",
        "10.0.0.1",
        "172.16.5.5",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.0.8",
        "198.18.0.1",
        "240.0.0.1",
        "::1",
        "::",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "2002:a00:1::",
        "::10.0.0.1",
        "fec0::1",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "2001::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "168.63.129.16",
        "64:ff9b::a83f:8110",
        "2001:2::1",
        "2001:10::1",
        "2001:2f:ffff::1",
        "3fff:fff::1",
        "5f00::1",
    ];

    #[test]
    fn private_addresses_are_refused_and_public_ones_are_not() {
        let guard = Guard::default();
        for text in PRIVATE {
            assert!(!guard.permits(text.parse().unwrap()), "{text}");
            assert!(
                Guard {
                    all: true,
                    ..Guard::default()
                }
                .permits(text.parse().unwrap()),
                "{text}"
            );
        }
        for text in [
            "93.184.216.34",
            "2606:2800:220:1::1",
            "64:ff9b::5db8:d822",
            "2002:5db8:d822::",
            "168.63.129.15",
            "2001:30::1",
            "3fff:1000::1",
        ] {
            assert!(guard.permits(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn the_operator_may_allow_some() {
        let loopback = Guard {
            loopback: true,
            ..Guard::default()
        };
        assert!(
            loopback.permits("127.0.0.9".parse().unwrap())
                && loopback.permits("::1".parse().unwrap())
        );
        assert!(!loopback.permits("10.0.0.1".parse().unwrap()));
        let networks = vec![
            "10.1.0.0/16".parse().unwrap(),
            "fd00::/8".parse().unwrap(),
            "192.168.0.7".parse().unwrap(),
        ];
        let some = Guard {
            networks,
            ..Guard::default()
        };
        for (text, expected) in [
            ("10.1.255.1", true),
            ("10.2.0.1", false),
            ("fd12::1", true),
            ("::ffff:10.1.0.1", true),
            ("192.168.0.7", true),
            ("192.168.0.8", false),
        ] {
            assert_eq!(some.permits(text.parse().unwrap()), expected, "{text}");
        }
        for wrong in ["10.0.0.0/33", "ten", "10.0.0.0/x", ""] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses_are_seen_however_they_are_written() {
        let guard = Guard::default();
        for text in [
            "http://127.1/",
            "http://0x7f000001/",
            "http://2130706433/",
            "http://0177.0.0.1/",
            "http://[::ffff:7f00:1]/",
            "http://１２７.0.0.1/",
        ] {
            assert_eq!(
                guard.check(&Url::parse(text).unwrap()),
                Err(PrivateAddress),
                "{text}"
            );
        }
        assert!(
            guard
                .check(&Url::parse("http://a.example/").unwrap())
                .is_ok()
        );
    }

    proptest! {
        #[test]
        fn what_carries_an_address_is_as_private_as_it(bits in any::<u32>()) {
            let v4 = Ipv4Addr::from(bits);
            let guard = Guard::default();
            let expected = guard.permits(IpAddr::V4(v4));
            prop_assert_eq!(guard.permits(IpAddr::V6(v4.to_ipv6_mapped())), expected);
            let [a, b, c, d] = v4.octets();
            let nat64 = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            prop_assert_eq!(guard.permits(IpAddr::V6(nat64)), expected);
        }
    }
}
