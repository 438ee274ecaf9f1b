//! Addresses: one of them, a range, or a network; and whether a text has one of those in it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::quote::Quoted;

/// `192.168.4.5/16`, `10.0.0.1-10.0.0.9`, `::1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpRange {
    text: String,
    first: IpAddr,
    last: IpAddr,
}

impl IpRange {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let invalid = || {
            format!(
                "{} is no address; expected one, a range such as 10.0.0.1-10.0.0.9, or a network such as 10.0.0.0/8",
                Quoted(text)
            )
        };
        let (first, last) = if let Some((address, bits)) = text.split_once('/') {
            network(address, bits).ok_or_else(invalid)?
        } else if let Some((first, last)) = text.split_once('-') {
            let parsed = first.trim().parse().ok().zip(last.trim().parse().ok());
            parsed
                .filter(|(first, last): &(IpAddr, IpAddr)| {
                    first.is_ipv4() == last.is_ipv4() && first <= last
                })
                .ok_or_else(invalid)?
        } else {
            let address: IpAddr = text.parse().map_err(|_| invalid())?;
            (address, address)
        };
        Ok(Self {
            text: text.to_owned(),
            first,
            last,
        })
    }

    /// Whether an address of these is in the text.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        let of_address = |c: char| match self.first {
            IpAddr::V4(_) => c.is_ascii_digit() || c == '.',
            IpAddr::V6(_) => c.is_ascii_hexdigit() || matches!(c, ':' | '.'),
        };
        text.split(|c| !of_address(c)).any(|word| {
            // At the end of a sentence, or before what is no part of it.
            let bare = word.trim_matches('.');
            let address = bare.parse().or_else(|_| bare.trim_end_matches(':').parse());
            address.is_ok_and(|address: IpAddr| {
                address.is_ipv4() == self.first.is_ipv4()
                    && (self.first..=self.last).contains(&address)
            })
        })
    }
}

fn network(address: &str, bits: &str) -> Option<(IpAddr, IpAddr)> {
    let bits: u32 = bits.parse().ok()?;
    match address.parse().ok()? {
        IpAddr::V4(address) => {
            let host = u32::MAX.checked_shr(bits).unwrap_or(0);
            let base = u32::from(address) & !host;
            (bits <= 32).then(|| {
                (
                    Ipv4Addr::from(base).into(),
                    Ipv4Addr::from(base | host).into(),
                )
            })
        }
        IpAddr::V6(address) => {
            let host = u128::MAX.checked_shr(bits).unwrap_or(0);
            let base = u128::from(address) & !host;
            (bits <= 128).then(|| {
                (
                    Ipv6Addr::from(base).into(),
                    Ipv6Addr::from(base | host).into(),
                )
            })
        }
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ip({})", Quoted(&self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_in(range: &str, text: &str) -> bool {
        IpRange::parse(range).unwrap().is_in(text)
    }

    #[test]
    fn addresses_are_found_in_lines() {
        assert!(is_in("3.180.71.3", "3.180.71.3 - - x") && !is_in("3.180.71.3", "93.180.71.3 -"));
        assert!(
            is_in("192.168.4.5/16", "from 192.168.200.1:8080 to")
                && !is_in("192.168.4.5/16", "192.169.0.1")
        );
        assert!(is_in("192.168.4.5-192.168.4.20", "(192.168.4.20)."));
        assert!(is_in("::1", "on ::1 now") && is_in("2001:db8::/32", "[2001:db8::7]:80"));
        assert!(is_in("0.0.0.0/0", "at 1.2.3.4.") && !is_in("0.0.0.0/0", "1.2.3"));
        assert!(!is_in("::/0", "1.2.3.4"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "1.2.3",
            "1.2.3.4/33",
            "1.2.3.4-::1",
            "2.0.0.0-1.0.0.0",
            "a/8",
        ] {
            assert!(IpRange::parse(text).is_err(), "{text}");
        }
    }
}
