use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A block of addresses in the notation of RFC 4632, section 3.1: `10.0.0.0/8`, `fd00::/8`; a single address is a
/// block of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IpNet {
    address: IpAddr,
    prefix: u8,
}

/// Text that is no block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpNetError {
    /// What stands before the slash is no address.
    Address,
    /// What stands behind it is no number, or larger than the address has bits.
    Prefix,
    /// The address has bits behind the prefix: `10.1.2.3/8` could mean two things.
    HostBits(IpNet),
}

impl IpNet {
    /// Whether an address is in the block. An IPv4 address that came mapped into IPv6 is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(address)) => masked4(address, self.prefix) == net,
            (IpAddr::V6(net), IpAddr::V6(address)) => masked6(address, self.prefix) == net,
            _ => false,
        }
    }

    fn bits(address: IpAddr) -> u8 {
        if address.is_ipv4() { 32 } else { 128 }
    }
}

impl FromStr for IpNet {
    type Err = IpNetError;

    fn from_str(text: &str) -> Result<Self, IpNetError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| IpNetError::Address)?;
        let bits = IpNet::bits(address);
        let prefix = match prefix {
            None => bits,
            Some(prefix) => prefix.parse().map_err(|_| IpNetError::Prefix)?,
        };
        if prefix > bits {
            return Err(IpNetError::Prefix);
        }
        let masked = match address {
            IpAddr::V4(address) => IpAddr::V4(masked4(address, prefix)),
            IpAddr::V6(address) => IpAddr::V6(masked6(address, prefix)),
        };
        let net = IpNet {
            address: masked,
            prefix,
        };
        match masked == address {
            true => Ok(net),
            false => Err(IpNetError::HostBits(net)),
        }
    }
}

impl TryFrom<String> for IpNet {
    type Error = IpNetError;

    fn try_from(text: String) -> Result<Self, IpNetError> {
        text.parse()
    }
}

impl From<IpNet> for String {
    fn from(net: IpNet) -> String {
        net.to_string()
    }
}

impl fmt::Display for IpNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix == IpNet::bits(self.address) {
            true => write!(f, "{}", self.address),
            false => write!(f, "{}/{}", self.address, self.prefix),
        }
    }
}

impl fmt::Display for IpNetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IpNetError::Address => f.write_str("is not an address"),
            IpNetError::Prefix => {
                f.write_str("has a prefix that the address does not have room for")
            }
            IpNetError::HostBits(net) => {
                write!(f, "has bits behind its prefix; the block is {net}")
            }
        }
    }
}

impl std::error::Error for IpNetError {}

fn masked4(address: Ipv4Addr, prefix: u8) -> Ipv4Addr {
    let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
    Ipv4Addr::from_bits(address.to_bits() & mask)
}

fn masked6(address: Ipv6Addr, prefix: u8) -> Ipv6Addr {
    let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
    Ipv6Addr::from_bits(address.to_bits() & mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    #[test]
    fn a_block_contains_the_addresses_that_begin_like_it() {
        for (block, address, inside) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("192.168.4.7", "192.168.4.7", true),
            ("192.168.4.7", "192.168.4.8", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "::1", false),
            ("fd00::/8", "fdff::1", true),
            ("::/0", "fe80::1", true),
            ("2001:db8::/33", "2001:db8:8000::", false),
        ] {
            assert_eq!(
                net(block).contains(address.parse().unwrap()),
                inside,
                "{address} in {block}"
            );
        }
    }

    #[test]
    fn what_is_no_block_says_why() {
        assert_eq!("shop".parse::<IpNet>(), Err(IpNetError::Address));
        assert_eq!("10.0.0.0/33".parse::<IpNet>(), Err(IpNetError::Prefix));
        assert_eq!("10.0.0.0/".parse::<IpNet>(), Err(IpNetError::Prefix));
        let error = "10.1.2.3/8".parse::<IpNet>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "has bits behind its prefix; the block is 10.0.0.0/8"
        );
    }

    #[test]
    fn it_is_written_as_it_is_read() {
        for text in ["10.0.0.0/8", "192.168.4.7", "fd00::/8", "::1"] {
            assert_eq!(net(text).to_string(), text);
        }
    }
}
