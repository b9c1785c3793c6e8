//! An IP address to compare with, or a network in CIDR notation.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::NotAPattern;

/// All addresses that share the first bits of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u32,
}

impl Network {
    pub(crate) fn parse(text: &str) -> Result<Self, NotAPattern> {
        let no_network =
            |fix: String| NotAPattern::new(format!("`{text}` is no IP address or network"), fix);
        let forms = || {
            no_network(
                "write an address such as `\"192.0.2.7\"`, or a network such as `\"192.0.2.0/24\"`"
                    .to_owned(),
            )
        };
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| forms())?;
        // Of an IPv4 address that is written as IPv6, the IPv4 address is meant; of its networks, nobody knows.
        if let (IpAddr::V6(v6), Some(_)) = (address, bits)
            && v6.to_ipv4_mapped().is_some()
        {
            return Err(no_network("write the network with an IPv4 address".to_owned()));
        }
        let address = address.to_canonical();
        let width = width(address);
        let bits = match bits {
            None => width,
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                digits.parse().map_err(|_| forms())?
            }
            Some(_) => return Err(forms()),
        };
        if bits == 0 || bits > width {
            let wrong = no_network(format!("write a number from 1 to {width} behind the `/`"));
            return Err(wrong.why(
                "it says how many bits of an address are fixed; with none, every address would fit",
            ));
        }
        let first = masked(address, bits);
        if first != address {
            let wrong = NotAPattern::new(
                format!("`{text}` is not the beginning of a network"),
                format!(
                    "write `\"{first}/{bits}\"` for the network, or `\"{address}\"` for the address alone"
                ),
            );
            return Err(wrong.why("bits behind the prefix are set"));
        }
        Ok(Self { first, bits })
    }

    /// Whether it holds an address.
    pub fn holds(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        width(address) == width(self.first) && masked(address, self.bits) == self.first
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bits {
            bits if bits == width(self.first) => write!(f, "{}", self.first),
            bits => write!(f, "{}/{bits}", self.first),
        }
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address with all but its first bits cleared.
fn masked(address: IpAddr, bits: u32) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or(0);
            Ipv4Addr::from(u32::from(v4) & mask).into()
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(bits)).unwrap_or(0);
            Ipv6Addr::from(u128::from(v6) & mask).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn holds(network: &str, address: &str) -> bool {
        Network::parse(network).unwrap().holds(address.parse().unwrap())
    }

    #[test]
    fn a_network_holds_what_shares_its_first_bits() {
        assert!(holds("192.0.2.0/24", "192.0.2.255"));
        assert!(!holds("192.0.2.0/24", "192.0.3.0"));
        assert!(holds("192.0.2.7", "192.0.2.7"));
        assert!(holds("192.0.2.7", "::ffff:192.0.2.7"));
        assert!(!holds("192.0.2.7", "192.0.2.70"));
        assert!(holds("2001:db8::/33", "2001:db8:7fff::1"));
        assert!(!holds("2001:db8::/33", "2001:db8:8000::1"));
        assert!(!holds("128.0.0.0/1", "8000::1"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "*",
            "192.0.2",
            "192.0.2.0/33",
            "192.0.2.0/-1",
            "192.0.2.0/",
            "192.0.2.0/+8",
            "0.0.0.0/0",
            "::/0",
            "::/129",
            "192.0.2.7/24",
            "::ffff:10.0.0.0/104",
            "192.0.2.*",
            "a.example",
        ] {
            assert!(Network::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_address_alone_holds_itself_only(one: [u8; 4], other: [u8; 4]) {
            let network = Network::parse(&IpAddr::from(one).to_string()).unwrap();
            prop_assert_eq!(network.holds(other.into()), one == other);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}", like in "[0-9a-f:.]{0,12}(/[0-9]{0,4})?") {
            for text in [text, like] {
                _ = Network::parse(&text);
            }
        }
    }
}
