/// Longest method that is looked for, and the target's first bytes after it. The preface is as long.
pub(crate) const SNIFF_BYTES_MAX: usize = METHOD_BYTES_MAX + 1 + b"http://".len();
/// What a client of HTTP/2 says first (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const METHOD_BYTES_MAX: usize = 16;

/// Well-known ports where the server speaks first: FTP, SSH, SMTP (25, 465 in clear, 587, 1025 and 2525 of mail traps),
/// POP3, IMAP, MySQL, NATS, VNC. PostgreSQL, Redis, AMQP, MongoDB and Kafka clients speak first.
const SERVER_FIRST: [u16; 12] = [21, 22, 25, 110, 143, 587, 1025, 2525, 3306, 4222, 5900, 465];

/// How the connections of a listener are to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1, or HTTP/2 of a client that knows: every request is balanced.
    Http,
    /// The same, and the service speaks HTTP/2 without TLS.
    Http2,
    /// Bytes: every connection is balanced.
    Tcp,
    /// The first bytes decide.
    Detect,
}

impl Protocol {
    /// From `app_protocol:` and the service's port.
    pub(crate) fn of(app_protocol: Option<&str>, port: u16) -> Protocol {
        let Some(said) = app_protocol else {
            return match SERVER_FIRST.contains(&port) {
                true => Protocol::Tcp,
                false => Protocol::Detect,
            };
        };
        match said.to_ascii_lowercase().as_str() {
            "http" | "http1" | "http/1.1" | "ws" => Protocol::Http,
            "http2" | "h2c" | "grpc" | "kubernetes.io/h2c" => Protocol::Http2,
            _ => Protocol::Tcp,
        }
    }
}

/// What the first bytes of a client are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sniffed {
    /// The beginning of an HTTP/1 request.
    Http,
    /// The preface of HTTP/2.
    Http2,
    /// Something else: TLS, a database.
    Other,
    /// They could become either.
    Undecided,
}

/// Whether bytes begin an HTTP/1 request: an upper-case method, one space, and a target that begins with `/`, `*` or
/// `http://` (RFC 9112, section 3); or HTTP/2. That `CONNECT {` of NATS is something else is meant.
pub(crate) fn sniff(bytes: &[u8]) -> Sniffed {
    match is_http2(bytes) {
        Some(true) => return Sniffed::Http2,
        None => return Sniffed::Undecided,
        Some(false) => {}
    }
    let Some(space) = bytes.iter().position(|byte| !is_method_byte(*byte)) else {
        return match bytes.len() <= METHOD_BYTES_MAX {
            true => Sniffed::Undecided,
            false => Sniffed::Other,
        };
    };
    if space == 0 || space > METHOD_BYTES_MAX || bytes[space] != b' ' {
        return Sniffed::Other;
    }
    let (method, target) = (&bytes[..space], &bytes[space + 1..]);
    match target.first() {
        None => Sniffed::Undecided,
        Some(b'/') => Sniffed::Http,
        Some(b'*') if method == b"OPTIONS" => Sniffed::Http,
        Some(_) => {
            let scheme = b"http://";
            let seen = target.len().min(scheme.len());
            match target[..seen].eq_ignore_ascii_case(&scheme[..seen]) {
                true if seen == scheme.len() => Sniffed::Http,
                true => Sniffed::Undecided,
                false => Sniffed::Other,
            }
        }
    }
}

/// Whether the first bytes of a client that speaks HTTP are those of HTTP/2; `None` as long as they could be.
pub(crate) fn is_http2(bytes: &[u8]) -> Option<bool> {
    let seen = bytes.len().min(PREFACE.len());
    match bytes[..seen] == PREFACE[..seen] {
        true if seen == PREFACE.len() => Some(true),
        true => None,
        false => Some(false),
    }
}

fn is_method_byte(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte == b'-'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn first_bytes_tell_http_from_everything_else() {
        for bytes in [
            "GET / HTTP/1.1",
            "POST /x",
            "OPTIONS * HTTP/1.1",
            "M-SEARCH /",
            "GET http://a/ ",
        ] {
            assert_eq!(sniff(bytes.as_bytes()), Sniffed::Http, "{bytes}");
        }
        assert_eq!(sniff(PREFACE), Sniffed::Http2);
        let others: [&[u8]; 10] = [
            b"\x16\x03\x01\x02\x00\x01",
            b"PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n",
            b"\x00\x00\x00\x08\x04\xd2\x16\x2f",
            b"*1\r\n$4\r\nPING\r\n",
            b"PING\r\n",
            b"CONNECT {\"verbose\":false}",
            b"SET key value\r\n",
            b"AMQP\x00\x00\x09\x01",
            b"get / HTTP/1.1",
            b"ABCDEFGHIJKLMNOPQ /",
        ];
        for bytes in others {
            assert_eq!(sniff(bytes), Sniffed::Other, "{bytes:?}");
        }
        for bytes in ["", "G", "GET", "GET ", "GET ht", "PRI * HTTP/2.0\r\n"] {
            assert_eq!(sniff(bytes.as_bytes()), Sniffed::Undecided, "{bytes}");
        }
    }

    #[test]
    fn what_the_file_says_wins_over_the_port() {
        assert_eq!(Protocol::of(None, 3306), Protocol::Tcp);
        assert_eq!(Protocol::of(Some("http"), 3306), Protocol::Http);
        assert_eq!(Protocol::of(None, 5432), Protocol::Detect);
        assert_eq!(Protocol::of(Some("tcp"), 80), Protocol::Tcp);
        assert_eq!(Protocol::of(Some("gRPC"), 80), Protocol::Http2);
    }

    proptest! {
        #[test]
        fn more_bytes_never_change_a_decision(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            for end in 0..bytes.len() {
                let early = sniff(&bytes[..end]);
                if early != Sniffed::Undecided {
                    prop_assert_eq!(early, sniff(&bytes));
                }
            }
        }

        #[test]
        fn enough_bytes_always_decide(bytes in "[A-Z -/hpt:]{24,40}") {
            prop_assert_ne!(sniff(&bytes.as_bytes()[..SNIFF_BYTES_MAX]), Sniffed::Undecided);
        }
    }
}
