//! Requests that are only passed on, from bytes to bytes. Pure; what they were checked for before stands in `guard`.

use std::mem::MaybeUninit;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use httparse::{Header, Status};
use memchr::memchr;

use super::super::headers::{fits_as_id, wants_events};
use crate::policy::cache::Fields;

/// More than that many headers are for the parser that counts them properly.
const HEADERS_MAX: usize = 64;
/// The longest name that is looked at.
const NAME_BYTES_MAX: usize = 24;

/// What stands at the beginning of the bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read<'a> {
    /// Nothing whole.
    Partial,
    /// A request that wants more than to be passed on, or may.
    Other,
    Plain(Plain<'a>),
}

/// A request without a body for an ordinary answer.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::http) struct Plain<'a> {
    /// Bytes of its head.
    pub length: usize,
    /// The answer has no body, whatever it says.
    pub is_head: bool,
    pub target: &'a str,
    pub host: &'a str,
    /// The name that it has already.
    pub id: Option<&'a [u8]>,
    pub user_agent: Option<&'a [u8]>,
    /// What it says about traces.
    pub traced: Option<HeaderMap>,
    /// It wants a part of the answer, or one only under conditions, or has a word for caches.
    pub is_choosy: bool,
}

impl<'a> Plain<'a> {
    pub(super) fn path_and_query(&self) -> (&'a str, Option<&'a str>) {
        match self.target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.target, None),
        }
    }
}

/// The headers of a request, as they were written.
pub(super) struct Lines<'a>(pub &'a [u8]);

impl Fields for Lines<'_> {
    fn values<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a [u8]> {
        let lines = self.0.split(|byte| *byte == b'\n');
        lines.filter_map(|line| {
            let colon = memchr(b':', line)?;
            let is_it = line[..colon].eq_ignore_ascii_case(name.as_str().as_bytes());
            // With the CR, which is white space too.
            is_it.then(|| line[colon + 1..].trim_ascii())
        })
    }
}

/// What is done with a header of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Keep,
    Drop,
    /// What it asks for is not done here.
    Other,
    Host,
    /// Says how the connection goes on.
    Connection,
    Accept,
    Id,
    Agent,
    Trace,
    /// Says which answer it wants, if it is one that is kept.
    Choice,
}

/// Reads the request at the beginning of `bytes` and writes the lines of its head that the service gets to `out`:
/// the request line and headers, without those that come from us and without the empty line. `border`: the client is
/// believed nothing about itself.
pub(super) fn read<'a>(bytes: &'a [u8], border: bool, out: &mut Vec<u8>) -> Read<'a> {
    let mut space = [const { MaybeUninit::<Header<'_>>::uninit() }; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut []);
    let length = match request.parse_with_uninit_headers(bytes, &mut space) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Read::Partial,
        Err(_) => return Read::Other,
    };
    let (Some(method), Some(target), Some(1)) = (request.method, request.path, request.version)
    else {
        return Read::Other;
    };
    match pass(method, target, request.headers, border, out) {
        Some(plain) => Read::Plain(Plain { length, ..plain }),
        None => Read::Other,
    }
}

/// The same for a request that was read already, whose `length` is 0 then; `None` when it wants more, or may.
pub(in crate::http) fn pass<'a>(
    method: &str,
    target: &'a str,
    headers: &[Header<'a>],
    border: bool,
    out: &mut Vec<u8>,
) -> Option<Plain<'a>> {
    if !matches!(method, "GET" | "HEAD") || !is_plain_target(target) {
        return None;
    }
    for part in [method, " ", target, " HTTP/1.1\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    let mut plain = Plain {
        length: 0,
        is_head: method == "HEAD",
        target,
        host: "",
        id: None,
        user_agent: None,
        traced: None,
        is_choosy: false,
    };
    pass_headers(headers, border, &mut plain, out)?;
    Some(plain)
}

/// `None` when one of them wants more.
fn pass_headers<'a>(
    headers: &[Header<'a>],
    border: bool,
    plain: &mut Plain<'a>,
    out: &mut Vec<u8>,
) -> Option<()> {
    let mut has_host = false;
    for header in headers {
        match kind_of(header.name, border) {
            Kind::Keep => {}
            Kind::Drop => continue,
            Kind::Other => return None,
            Kind::Host if has_host => return None,
            Kind::Host => {
                plain.host = std::str::from_utf8(header.value).ok()?;
                has_host = true;
            }
            Kind::Connection if header.value.eq_ignore_ascii_case(b"keep-alive") => continue,
            Kind::Connection => return None,
            // Events may be waited for as long as it takes.
            Kind::Accept if wants_events(header.value) => return None,
            Kind::Accept => {}
            Kind::Id if plain.id.is_some() => return None,
            Kind::Id => match fits_as_id(header.value) {
                true => plain.id = Some(header.value),
                false => continue,
            },
            Kind::Agent => plain.user_agent = plain.user_agent.or(Some(header.value)),
            Kind::Choice => plain.is_choosy = true,
            Kind::Trace => {
                let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
                let value = HeaderValue::from_bytes(header.value).ok()?;
                plain.traced.get_or_insert_default().append(name, value);
                continue;
            }
        }
        write_line(header.name, header.value, out);
    }
    has_host.then_some(())
}

/// A header as every hop of HTTP/1 after this one gets it: its name in lower case.
pub(super) fn write_line(name: &str, value: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(name.as_bytes());
    out[start..].make_ascii_lowercase();
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// A path, and letters that mean themselves to everybody. The others are read by the parser that knows about them.
fn is_plain_target(target: &str) -> bool {
    let is_plain =
        |byte: &u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@?%".contains(byte);
    target.starts_with('/') && target.as_bytes().iter().all(is_plain)
}

/// `border`: what the client says about itself is not believed.
fn kind_of(name: &str, border: bool) -> Kind {
    if border && name.contains('_') {
        // Whether it goes on depends on the service.
        return Kind::Other;
    }
    let mut space = [0; NAME_BYTES_MAX];
    let Some(lower) = space.get_mut(..name.len()) else {
        return Kind::Keep;
    };
    lower.copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    match &*lower {
        b"host" => Kind::Host,
        b"connection" => Kind::Connection,
        b"accept" => Kind::Accept,
        b"keep-alive" | b"proxy-connection" => Kind::Drop,
        b"upgrade" | b"transfer-encoding" | b"content-length" | b"expect" | b"te" | b"trailer" => {
            Kind::Other
        }
        b"x-request-id" => Kind::Id,
        b"user-agent" => Kind::Agent,
        b"traceparent" | b"tracestate" | b"b3" | b"x-b3-traceid" | b"x-b3-spanid"
        | b"x-b3-parentspanid" | b"x-b3-sampled" | b"x-b3-flags" => Kind::Trace,
        b"cache-control"
        | b"if-match"
        | b"if-modified-since"
        | b"if-none-match"
        | b"if-range"
        | b"if-unmodified-since"
        | b"range" => Kind::Choice,
        // It may mean a call of gRPC.
        b"content-type" => Kind::Other,
        b"forwarded"
        | b"x-forwarded-for"
        | b"x-forwarded-host"
        | b"x-forwarded-port"
        | b"x-forwarded-prefix"
        | b"x-forwarded-proto"
        | b"x-real-ip"
        | b"x-client-subject"
        | b"x-ondol-mirrored"
        | b"x-ondol-user"
            if border =>
        {
            Kind::Drop
        }
        b"x-ondol-timeout-ms" if border => Kind::Drop,
        b"x-ondol-timeout-ms" => Kind::Other,
        _ => Kind::Keep,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::headers::{claims, hop_by_hop};
    use super::*;

    const BORDER: bool = true;
    const INSIDE: bool = false;

    fn passed(bytes: &str, border: bool) -> Option<String> {
        let mut out = Vec::new();
        match read(bytes.as_bytes(), border, &mut out) {
            Read::Plain(plain) => {
                assert_eq!(plain.length, bytes.len());
                Some(String::from_utf8(out).unwrap())
            }
            _ => None,
        }
    }

    #[test]
    fn a_request_is_passed_on_without_what_is_for_this_hop_or_not_to_be_believed() {
        let text = "GET /a?b=%20 HTTP/1.1\r\nHost: Shop.example\r\nConnection: Keep-Alive\r\nKeep-Alive: 5\r\n\
                    X-Forwarded-For: 6.6.6.6\r\nX-Request-Id: bad id\r\nAccept:  */* \r\n\r\n";
        let kept = "GET /a?b=%20 HTTP/1.1\r\nhost: Shop.example\r\n";
        assert_eq!(
            passed(text, BORDER).unwrap(),
            format!("{kept}accept: */*\r\n")
        );
        assert_eq!(
            passed(text, INSIDE).unwrap(),
            format!("{kept}x-forwarded-for: 6.6.6.6\r\naccept: */*\r\n")
        );
    }

    #[test]
    fn what_wants_more_is_left_to_others() {
        for more in [
            "POST / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /\"a\" HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, x-a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n",
            "ONDOL-REFUSED / HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n",
        ] {
            assert_eq!(passed(more, INSIDE), None, "{more}");
        }
        let underscored = "GET / HTTP/1.1\r\nHost: a\r\nX_Real_IP: 6.6.6.6\r\n\r\n";
        assert_eq!(passed(underscored, BORDER), None);
        assert!(passed(underscored, INSIDE).is_some());
        assert_eq!(read(b"GET / HT", INSIDE, &mut Vec::new()), Read::Partial);
    }

    #[test]
    fn every_header_that_the_other_way_takes_away_goes_here_too_or_is_left_to_it() {
        for name in claims().iter().chain(hop_by_hop()) {
            assert_ne!(kind_of(name.as_str(), true), Kind::Keep, "{name}");
        }
        for name in hop_by_hop() {
            assert_ne!(kind_of(name.as_str(), false), Kind::Keep, "{name}");
        }
    }
}
