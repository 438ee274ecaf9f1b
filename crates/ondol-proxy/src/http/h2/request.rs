//! Requests of HTTP/2 that are only passed on. Pure.

use httparse::{EMPTY_HEADER, Header};

use super::super::raw::request::{Plain, pass};
use super::hpack::{Block, Fields};
use crate::guard::{is_host, is_target, is_token, is_value};

/// More than that many lines are for the long way to count.
const LINES_MAX: usize = 64;
/// What the long way is told by us, and by nobody else: the endpoint that has had the request already, and why it gave
/// no answer.
pub(in crate::http) const TRIED: &str = "x-ondol-tried";

/// What a request says before its headers (RFC 9113, section 8.3.1).
#[derive(Default)]
struct Line<'a> {
    method: Option<&'a str>,
    scheme: Option<&'a str>,
    path: Option<&'a str>,
    authority: Option<&'a str>,
}

/// Writes the lines of a request's head as its service gets them, as [`pass`] does; `None` when it wants more than to
/// be passed on, or is no request at all: the long way has the words for that.
pub(super) fn plain<'a>(
    fields: &'a Fields,
    cookies: &'a mut Vec<u8>,
    border: bool,
    out: &mut Vec<u8>,
) -> Option<Plain<'a>> {
    let line = line(fields)?;
    join_cookies(fields, cookies);
    let mut space = [EMPTY_HEADER; LINES_MAX];
    let mut places = space.iter_mut();
    let mut put = |name: &'a str, value: &'a [u8]| {
        *places.next()? = Header { name, value };
        Some(())
    };
    let authority = line.authority?;
    put("host", authority.as_bytes())?;
    if !cookies.is_empty() {
        put("cookie", cookies)?;
    }
    for (name, value) in fields.iter() {
        match name {
            [b':', ..] | b"cookie" => {}
            _ => put(std::str::from_utf8(name).ok()?, value)?,
        }
    }
    let left = places.len();
    let headers = &space[..LINES_MAX - left];
    pass(line.method?, line.path?, headers, border, out)
}

/// What the request says first; `None` when something of it could be understood differently elsewhere.
fn line<'a>(fields: &'a Fields) -> Option<Line<'a>> {
    let mut line = Line::default();
    let mut has_headers = false;
    for (name, value) in fields.iter() {
        let Some(pseudo) = name.strip_prefix(b":") else {
            has_headers = true;
            is_plain(name, value).then_some(())?;
            continue;
        };
        let place = match pseudo {
            _ if has_headers => return None,
            b"method" => &mut line.method,
            b"scheme" => &mut line.scheme,
            b"path" => &mut line.path,
            b"authority" => &mut line.authority,
            _ => return None,
        };
        if place.replace(std::str::from_utf8(value).ok()?).is_some() {
            return None;
        }
    }
    let is_known = matches!(line.scheme, Some("http" | "https"));
    let is_whole = line
        .authority
        .is_some_and(|host| !host.is_empty() && is_host(host.as_bytes()))
        && line.path.is_some_and(|path| is_target(path.as_bytes()));
    (is_known && is_whole).then_some(line)
}

/// Whether HTTP/1 means by a header what HTTP/2 does.
fn is_plain(name: &[u8], value: &[u8]) -> bool {
    let is_lower = |byte: &u8| is_token(*byte) && !byte.is_ascii_uppercase();
    let of_http1: [&[u8]; 6] = [
        b"connection",
        b"host",
        b"keep-alive",
        b"proxy-connection",
        b"transfer-encoding",
        b"upgrade",
    ];
    !name.is_empty()
        && name.iter().all(is_lower)
        && name != TRIED.as_bytes()
        && !of_http1.contains(&name)
        && is_value(value)
        && value.trim_ascii().len() == value.len()
}

/// HTTP/2 may cut cookies apart, and HTTP/1 may not (RFC 9113, section 8.2.3).
fn join_cookies(fields: &Fields, out: &mut Vec<u8>) {
    out.clear();
    for (_, value) in fields.iter().filter(|(name, _)| *name == b"cookie") {
        if !out.is_empty() {
            out.extend_from_slice(b"; ");
        }
        out.extend_from_slice(value);
    }
}

/// Whether it is a call of gRPC.
pub(super) fn is_grpc(fields: &Fields) -> bool {
    let is_it = |(name, value): (&[u8], &[u8])| {
        name == b"content-type" && value.starts_with(b"application/grpc")
    };
    fields.iter().any(is_it)
}

/// The head for the long way, as the client wrote it.
pub(super) fn write_again(fields: &Fields, out: &mut Vec<u8>) {
    let mut block = Block(out);
    for (name, value) in fields.iter().filter(|(name, _)| *name != TRIED.as_bytes()) {
        block.field(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::hpack::Decoder;
    use super::*;

    fn fields(lines: &[(&str, &str)]) -> Fields {
        let mut block = Vec::new();
        for (name, value) in lines {
            Block(&mut block).field(name.as_bytes(), value.as_bytes());
        }
        let mut fields = Fields::default();
        Decoder::new(4096).read(&block, &mut fields).unwrap();
        fields
    }

    const FIRST: [(&str, &str); 4] = [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "shop.example"),
        (":path", "/a?b"),
    ];

    fn passed(lines: &[(&str, &str)]) -> Option<String> {
        let (mut cookies, mut out) = (Vec::new(), Vec::new());
        plain(&fields(lines), &mut cookies, true, &mut out)?;
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_request_becomes_one_of_http1_with_its_cookies_in_one_line() {
        let more = [("cookie", "a=1"), ("accept", "*/*"), ("cookie", "b=2; c=3")];
        let expected =
            "GET /a?b HTTP/1.1\r\nhost: shop.example\r\ncookie: a=1; b=2; c=3\r\naccept: */*\r\n";
        assert_eq!(passed(&[&FIRST[..], &more].concat()).unwrap(), expected);
    }

    #[test]
    fn what_wants_more_or_is_none_is_left_to_others() {
        for more in [
            ("Accept", "*/*"),
            ("connection", "keep-alive"),
            ("transfer-encoding", "chunked"),
            ("host", "shop.example"),
            ("te", "trailers"),
            (TRIED, "1"),
            ("content-length", "0"),
            ("expect", "100-continue"),
            ("x-a", "b\r\nx-c: d"),
            ("x-a", " b"),
            ("x-a\r\nx-c", "d"),
            ("x a", "b"),
            ("", "b"),
            (":path", "/"),
            (":protocol", "websocket"),
        ] {
            let lines = [&FIRST[..], &[more]].concat();
            assert_eq!(passed(&lines), None, "{more:?}");
            let lines = [&[more], &FIRST[..]].concat();
            assert_eq!(passed(&lines), None, "{more:?}");
        }
        for (at, value) in [
            (0, "POST"),
            (1, "ftp"),
            (2, ""),
            (2, "a b"),
            (3, "a"),
            (3, "/ b"),
            (3, "*"),
        ] {
            let mut lines = FIRST;
            lines[at].1 = value;
            assert_eq!(passed(&lines), None, "{value}");
        }
        for without in 0..4 {
            let mut lines = FIRST.to_vec();
            lines.remove(without);
            assert_eq!(passed(&lines), None);
        }
    }

    #[test]
    fn the_long_way_gets_what_the_client_wrote_without_what_is_ours_to_say() {
        let lines = [&FIRST[..], &[(TRIED, "7"), ("x-a", "b")]].concat();
        let mut block = Vec::new();
        write_again(&fields(&lines), &mut block);
        let mut again = Fields::default();
        Decoder::new(4096).read(&block, &mut again).unwrap();
        assert_eq!(again.iter().count(), 5);
    }
}
