//! The short way's reading and writing of heads, for fuzz targets.

use super::request::{self, Read};
use super::response::{self, Framing};

/// The head of a request as its endpoint gets it, without what is added to it, and the bytes of the original; `None`
/// when it is not whole, or not one that is only passed on. `border`: the client is believed nothing about itself.
pub fn pass_request(bytes: &[u8], border: bool) -> Option<(Vec<u8>, usize)> {
    let mut out = Vec::new();
    let Read::Plain(plain) = request::read(bytes, border, &mut out) else {
        return None;
    };
    out.extend_from_slice(b"\r\n");
    Some((out, plain.length))
}

/// The head of an answer as the client gets it, and how long the body behind it is: `None` in chunks. Nothing when the
/// head is not whole, is no answer, or comes before the answer (1xx).
pub fn pass_answer(bytes: &[u8], to_head: bool) -> Option<(Vec<u8>, Option<u64>)> {
    let mut out = Vec::new();
    let head = response::read(bytes, to_head, b"Thu, 01 Jan 1970 00:00:00 GMT", &mut out);
    let head = head.ok().flatten().filter(|head| head.status >= 200)?;
    out.extend_from_slice(b"\r\n");
    let length = match head.body {
        Framing::None => Some(0),
        Framing::Length(length) => Some(length),
        Framing::Chunked | Framing::UntilEnd => None,
    };
    Some((out, length))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::super::request::Lines;
    use super::*;
    use crate::policy::cache::Fields;

    /// Lines of a head, most of them nearly right.
    fn lines() -> impl Strategy<Value = String> {
        let name = prop_oneof![
            Just("Host"),
            Just("host"),
            Just("Connection"),
            Just("Content-Length"),
            Just("Transfer-Encoding"),
            Just("X-Request-Id"),
            Just("traceparent"),
            Just("Date"),
            Just("X-A"),
        ];
        let value = prop_oneof![
            Just("a".to_owned()),
            Just("keep-alive, x-a".to_owned()),
            Just("close".to_owned()),
            Just("chunked".to_owned()),
            Just("0".to_owned()),
            "[0-9]{1,4}",
            "[ -~]{0,12}",
        ];
        prop::collection::vec((name, value), 0..6).prop_map(|lines| {
            let line = |(name, value)| format!("{name}: {value}\r\n");
            lines.into_iter().map(line).collect()
        })
    }

    fn values<'a>(headers: &'a [httparse::Header<'a>], name: &str) -> Vec<&'a [u8]> {
        let named = headers.iter().filter(|header| header.name == name);
        named.map(|header| header.value).collect()
    }

    proptest! {
        #[test]
        fn a_request_that_is_passed_on_is_one_request_with_one_host_and_no_body(
            target in "/[a-z/.%?&=\"#]{0,12}", lines in lines(), border in any::<bool>(),
        ) {
            let text = format!("GET {target} HTTP/1.1\r\n{lines}\r\n");
            if let Some((out, length)) = pass_request(text.as_bytes(), border) {
                prop_assert_eq!(length, text.len());
                let mut space = [httparse::EMPTY_HEADER; 64];
                let mut request = httparse::Request::new(&mut space);
                let parsed = request.parse(&out).unwrap();
                prop_assert_eq!(parsed, httparse::Status::Complete(out.len()));
                prop_assert_eq!(request.path, Some(target.as_str()));
                prop_assert_eq!(values(request.headers, "host").len(), 1);
                for framing in ["content-length", "transfer-encoding", "connection", "upgrade"] {
                    prop_assert!(values(request.headers, framing).is_empty());
                }
            }
        }

        #[test]
        fn what_answers_vary_by_is_the_same_however_a_request_was_read(lines in lines()) {
            let text = format!("GET /a:b HTTP/1.1\r\n{lines}\r\n");
            let mut space = [httparse::EMPTY_HEADER; 64];
            let mut request = httparse::Request::new(&mut space);
            request.parse(text.as_bytes()).unwrap();
            let named = request.headers.iter().map(|header| {
                let name = HeaderName::from_bytes(header.name.as_bytes()).unwrap();
                (name, HeaderValue::from_bytes(header.value).unwrap())
            });
            let parsed: HeaderMap = named.collect();
            let written = Lines(text.as_bytes());
            for name in parsed.keys() {
                let both: [Vec<_>; 2] = [
                    parsed.get_all(name).iter().map(HeaderValue::as_bytes).collect(),
                    written.values(name).collect(),
                ];
                prop_assert_eq!(&both[0], &both[1], "{}", name);
            }
            prop_assert_eq!(written.values(&http::header::VARY).count(), 0);
        }

        #[test]
        fn an_answer_that_is_passed_on_has_one_length_that_everybody_sees(
            status in 200u16..600, lines in lines(), to_head in any::<bool>(),
        ) {
            let text = format!("HTTP/1.1 {status} Said\r\n{lines}\r\n");
            if let Some((out, length)) = pass_answer(text.as_bytes(), to_head) {
                let mut space = [httparse::EMPTY_HEADER; 64];
                let mut response = httparse::Response::new(&mut space);
                let parsed = response.parse(&out).unwrap();
                prop_assert_eq!(parsed, httparse::Status::Complete(out.len()));
                let lengths = values(response.headers, "content-length");
                let chunked = values(response.headers, "transfer-encoding");
                prop_assert!(lengths.len() + chunked.len() <= 1);
                prop_assert_eq!(chunked.len(), usize::from(length.is_none()));
                let said = lengths.first().map(|text| String::from_utf8_lossy(text).into_owned());
                let has_body = length.is_some_and(|length| length > 0);
                if has_body {
                    prop_assert_eq!(said, length.map(|length| length.to_string()));
                }
                prop_assert!(!values(response.headers, "date").is_empty());
            }
        }
    }
}
