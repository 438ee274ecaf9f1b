//! The PROXY protocol (HAProxy's specification of 2020-03-05): who the client of a forwarded connection is.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1, with its end (section 2.1).
const LINE_BYTES_MAX: usize = 107;
/// What follows the first 16 bytes of version 2; more is no header but an attack.
const BODY_BYTES_MAX: usize = 4096;

/// Who connected whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The client.
    pub source: SocketAddr,
    /// What it connected to.
    pub destination: SocketAddr,
}

/// The header at the beginning of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyHeader {
    /// `None`: the sender speaks for itself (`UNKNOWN`, `LOCAL`).
    pub ends: Option<Ends>,
    /// How long it is.
    pub length: usize,
}

/// A connection that does not begin with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoProxyHeader;

/// Reads the header at the beginning of `bytes`; `Ok(None)` as long as it is not complete.
pub fn read_proxy_header(bytes: &[u8]) -> Result<Option<ProxyHeader>, NoProxyHeader> {
    let seen = bytes.len().min(SIGNATURE.len());
    if bytes[..seen] == SIGNATURE[..seen] {
        return match seen == SIGNATURE.len() {
            true => version2(bytes),
            false => Ok(None),
        };
    }
    let start = b"PROXY ";
    let seen = bytes.len().min(start.len());
    if bytes[..seen] != start[..seen] {
        return Err(NoProxyHeader);
    }
    let line = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
    let Some(end) = line.windows(2).position(|bytes| bytes == b"\r\n") else {
        return match bytes.len() < LINE_BYTES_MAX {
            true => Ok(None),
            false => Err(NoProxyHeader),
        };
    };
    let text = std::str::from_utf8(&line[start.len()..end]).map_err(|_| NoProxyHeader)?;
    Ok(Some(ProxyHeader {
        ends: version1(text)?,
        length: end + 2,
    }))
}

fn version1(text: &str) -> Result<Option<Ends>, NoProxyHeader> {
    let mut words = text.split(' ');
    let family = words.next().unwrap_or_default();
    if family == "UNKNOWN" {
        return Ok(None);
    }
    let mut address = || -> Option<IpAddr> { words.next()?.parse().ok() };
    let (source, destination) = (address(), address());
    let mut port = || -> Option<u16> {
        let word = words.next()?;
        // `+1` and `01` are numbers to Rust, and none here.
        let plain = word == "0" || !word.starts_with(['0', '+']);
        word.parse().ok().filter(|_| plain)
    };
    let (source_port, destination_port) = (port(), port());
    let (Some(source), Some(destination), Some(source_port), Some(destination_port), None) = (
        source,
        destination,
        source_port,
        destination_port,
        words.next(),
    ) else {
        return Err(NoProxyHeader);
    };
    match (family, source, destination) {
        ("TCP4", IpAddr::V4(_), IpAddr::V4(_)) | ("TCP6", IpAddr::V6(_), IpAddr::V6(_)) => {
            Ok(Some(Ends {
                source: SocketAddr::new(source, source_port),
                destination: SocketAddr::new(destination, destination_port),
            }))
        }
        _ => Err(NoProxyHeader),
    }
}

fn version2(bytes: &[u8]) -> Result<Option<ProxyHeader>, NoProxyHeader> {
    let Some(fixed) = bytes.first_chunk::<16>() else {
        return Ok(None);
    };
    let (command, family) = (fixed[12], fixed[13]);
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if command >> 4 != 2 || command & 0xf > 1 || length > BODY_BYTES_MAX {
        return Err(NoProxyHeader);
    }
    let Some(body) = bytes.get(16..16 + length) else {
        return Ok(None);
    };
    let ends = match (command & 0xf, family) {
        // `LOCAL`: the family says nothing.
        (0, _) => None,
        (_, 0x11) => Some(ends(
            |at| array(body, at).map(|ip: [u8; 4]| Ipv4Addr::from(ip).into()),
            |at| array(body, at),
            4,
        )?),
        (_, 0x21) => Some(ends(
            |at| array(body, at).map(|ip: [u8; 16]| Ipv6Addr::from(ip).into()),
            |at| array(body, at),
            16,
        )?),
        // Datagrams, Unix sockets and what nobody has thought of yet.
        _ => None,
    };
    Ok(Some(ProxyHeader {
        ends,
        length: 16 + length,
    }))
}

fn ends(
    ip: impl Fn(usize) -> Option<IpAddr>,
    port: impl Fn(usize) -> Option<[u8; 2]>,
    size: usize,
) -> Result<Ends, NoProxyHeader> {
    let end = |ip_at, port_at| {
        let port = u16::from_be_bytes(port(port_at)?);
        Some(SocketAddr::new(ip(ip_at)?, port))
    };
    let (source, destination) = (end(0, 2 * size), end(size, 2 * size + 2));
    source
        .zip(destination)
        .map(|(source, destination)| Ends {
            source,
            destination,
        })
        .ok_or(NoProxyHeader)
}

fn array<const LENGTH: usize>(bytes: &[u8], at: usize) -> Option<[u8; LENGTH]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// A header of `version` 1 or 2. Without ends, or with ends of two families, the sender speaks for itself.
pub(crate) fn write_proxy_header(version: u8, ends: Option<Ends>) -> Vec<u8> {
    let ends = ends.filter(|ends| ends.source.is_ipv4() == ends.destination.is_ipv4());
    match version {
        1 => write1(ends),
        _ => write2(ends),
    }
}

fn write1(ends: Option<Ends>) -> Vec<u8> {
    let mut line = String::from("PROXY ");
    let written = match ends {
        None => line.write_str("UNKNOWN"),
        Some(Ends {
            source,
            destination,
        }) => write!(
            line,
            "TCP{} {} {} {} {}",
            if source.is_ipv4() { 4 } else { 6 },
            source.ip(),
            destination.ip(),
            source.port(),
            destination.port()
        ),
    };
    // A string takes whatever is written into it.
    debug_assert!(written.is_ok());
    line.push_str("\r\n");
    line.into_bytes()
}

fn write2(ends: Option<Ends>) -> Vec<u8> {
    let mut header = SIGNATURE.to_vec();
    let Some(Ends {
        source,
        destination,
    }) = ends
    else {
        header.extend([0x20, 0, 0, 0]);
        return header;
    };
    let (family, length) = if source.is_ipv4() {
        (0x11, 12)
    } else {
        (0x21, 36)
    };
    header.extend([0x21, family, 0, length]);
    for end in [source, destination] {
        match end.ip() {
            IpAddr::V4(ip) => header.extend(ip.octets()),
            IpAddr::V6(ip) => header.extend(ip.octets()),
        }
    }
    for end in [source, destination] {
        header.extend(end.port().to_be_bytes());
    }
    header
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_that_are_none_are_refused() {
        let bad = [
            "GET / HTTP/1.1\r\n",
            "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
            "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
            "PROXY TCP4 ::1 ::2 1 2\r\n",
            "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
            "PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n",
            "PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n",
            "PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n",
            "PROXY TCP4 1.2.3.4  5.6.7.8 1 2\r\n",
            "PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n",
            "\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c",
            "\r\n\r\n\0\r\nQUIT\n\x22\x11\0\x0c",
            "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x00",
        ];
        for bytes in bad {
            let read = read_proxy_header(bytes.as_bytes());
            assert_eq!(read, Err(NoProxyHeader), "{bytes:?}");
        }
        let long = format!("PROXY UNKNOWN {}", "x".repeat(LINE_BYTES_MAX));
        assert_eq!(read_proxy_header(long.as_bytes()), Err(NoProxyHeader));
        let huge = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff";
        assert_eq!(read_proxy_header(huge), Err(NoProxyHeader));
    }

    #[test]
    fn who_speaks_for_itself_names_nobody() {
        for version in [1, 2] {
            let header = write_proxy_header(version, None);
            let read = read_proxy_header(&header).unwrap().unwrap();
            assert_eq!((read.ends, read.length), (None, header.len()));
        }
    }

    fn address() -> impl Strategy<Value = SocketAddr> {
        (any::<[u8; 4]>(), any::<u16>()).prop_map(|(ip, port)| (ip, port).into())
    }

    fn address6() -> impl Strategy<Value = SocketAddr> {
        (any::<[u8; 16]>(), any::<u16>()).prop_map(|(ip, port)| (ip, port).into())
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_in_however_many_pieces(
            (source, destination) in prop_oneof![(address(), address()), (address6(), address6())],
            version in 1u8..=2,
            after in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let ends = Some(Ends { source, destination });
            let header = write_proxy_header(version, ends);
            for end in 0..header.len() {
                prop_assert_eq!(read_proxy_header(&header[..end]), Ok(None));
            }
            let whole = [&header[..], &after].concat();
            let expected = ProxyHeader { ends, length: header.len() };
            prop_assert_eq!(read_proxy_header(&whole), Ok(Some(expected)));
        }

        #[test]
        fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let with = [&SIGNATURE[..], &bytes].concat();
            for bytes in [&bytes, &with] {
                if let Ok(Some(header)) = read_proxy_header(bytes) {
                    prop_assert!(header.length <= bytes.len());
                }
            }
        }
    }
}
