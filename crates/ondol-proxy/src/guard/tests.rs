use proptest::prelude::*;

use super::*;

const MAX: usize = 4096;

fn verdict(text: &str) -> Verdict {
    Guard::new(MAX).check(text.as_bytes())
}

fn with(lines: &str) -> Verdict {
    verdict(&format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n"))
}

#[test]
fn requests_that_mean_one_thing_pass_and_the_next_one_begins_where_they_end() {
    let bodies = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nGET / HTTP/1.0\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost:a:80\r\nX-\u{e9}: no\r\n\r\n",
        "POST /x?y=%20 HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked \r\n\r\n3;x=y\r\nabc\r\n00\r\nA: b\r\n\r\n",
        "GET http://a/x HTTP/1.1\r\nHost: A\r\nEmpty:\r\n\r\n",
    ];
    for text in bodies.iter().filter(|text| !text.contains('\u{e9}')) {
        let twice = format!("{text}GET / HTTP/1.1\r\nHost: a\r\n\r\nGET");
        assert_eq!(verdict(&twice), Verdict::Hold(twice.len() - 3), "{text:?}");
    }
}

#[test]
fn what_servers_disagree_about_is_refused() {
    let cases: [(&str, Fault); 37] = [
        ("GET /\r\n", Fault::RequestLine),
        ("GET  / HTTP/1.1\r\n", Fault::RequestLine),
        (" GET / HTTP/1.1\r\n", Fault::RequestLine),
        ("G(T / HTTP/1.1\r\n", Fault::RequestLine),
        ("\r\n\r\n\r\nGET / HTTP/1.1\r\n", Fault::RequestLine),
        ("GET / HTTP/1.1 \r\n", Fault::Version),
        ("GET / HTTP/1.2\r\n", Fault::Version),
        ("GET / http/1.1\r\n", Fault::Version),
        ("GET /a#b HTTP/1.1\r\n", Fault::Target),
        ("GET a HTTP/1.1\r\n", Fault::Target),
        ("GET * HTTP/1.1\r\n", Fault::Target),
        ("GET http:///a HTTP/1.1\r\n", Fault::Target),
        ("GET / HTTP/1.1\r\nHost:\ta\r\n", Fault::Host),
        ("GET /\u{e9} HTTP/1.1\r\n", Fault::Target),
        ("GET /\t HTTP/1.1\r\n", Fault::Target),
        ("GET / HTTP/1.1\n", Fault::LineEnd),
        ("\nGET / HTTP/1.1\r\n", Fault::LineEnd),
        ("GET / HTTP/1.1\r\n Host: a\r\n", Fault::Fold),
        ("GET / HTTP/1.1\r\nA: b\r\n\tc\r\n", Fault::Fold),
        ("GET / HTTP/1.1\r\nA : b\r\n", Fault::HeaderName),
        ("GET / HTTP/1.1\r\n: b\r\n", Fault::HeaderName),
        ("GET / HTTP/1.1\r\nno colon\r\n", Fault::HeaderName),
        ("GET / HTTP/1.1\r\nA\0: b\r\n", Fault::HeaderName),
        ("GET / HTTP/1.1\r\nA: b\0\r\n", Fault::HeaderValue),
        ("GET / HTTP/1.1\r\nA: b\rB: c\r\n", Fault::LineEnd),
        ("GET / HTTP/1.1\r\nA: b\nB: c\r\n", Fault::LineEnd),
        ("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n", Fault::Host),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n", Fault::Host),
        ("GET / HTTP/1.1\r\nHost: x@a\r\n", Fault::Host),
        ("GET / HTTP/1.1\r\nHost: a, b\r\n", Fault::Host),
        ("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", Fault::Host),
        ("GET / HTTP/1.0\r\nContent-Length: 1\r\n\r\n", Fault::Body),
        (
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            Fault::Encoding,
        ),
        ("GET / HTTP/1.1\r\nContent_Length: x\r\n", Fault::Length),
        (
            "GET / HTTP/1.1\r\nTransfer_Encoding: x\r\n",
            Fault::Encoding,
        ),
        ("PRI * HTTP/2.0\r\n", Fault::Version),
        ("\x16\x03\x01\n", Fault::LineEnd),
    ];
    for (text, fault) in cases {
        assert_eq!(verdict(text), Verdict::Refuse(0, fault), "{text:?}");
    }
}

#[test]
fn a_length_is_one_number_and_an_encoding_is_chunked() {
    for value in [
        "",
        "+1",
        "-1",
        "1, 1",
        "1 1",
        "0x1",
        "1e1",
        "9999999999999999999",
    ] {
        let lines = format!("Content-Length: {value}\r\n");
        assert_eq!(with(&lines), Verdict::Refuse(0, Fault::Length), "{value:?}");
    }
    let twice = "Content-Length: 1\r\nContent-Length: 1\r\n";
    assert_eq!(with(twice), Verdict::Refuse(0, Fault::Length));
    for value in [
        "",
        "xchunked",
        "chunked, identity",
        "gzip, chunked",
        "\"chunked\"",
        "chunked;a=b",
    ] {
        let lines = format!("Transfer-Encoding: {value}\r\n");
        assert_eq!(
            with(&lines),
            Verdict::Refuse(0, Fault::Encoding),
            "{value:?}"
        );
    }
    let twice = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n";
    assert_eq!(with(twice), Verdict::Refuse(0, Fault::Encoding));
    for both in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    ] {
        assert_eq!(with(both), Verdict::Refuse(0, Fault::LengthAndEncoding));
    }
}

#[test]
fn a_chunk_begins_with_its_size_and_ends_with_its_line() {
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let cases = [
        ("\r\n", 0, Fault::Chunk),
        ("0x3\r\n", 1, Fault::Chunk),
        ("+3\r\n", 0, Fault::Chunk),
        ("3 \r\n", 1, Fault::Chunk),
        ("3\nabc", 1, Fault::Chunk),
        ("3;a\nabc", 3, Fault::Chunk),
        ("3\rabc", 2, Fault::Chunk),
        ("3\r\nabcd\r\n", 6, Fault::Chunk),
        ("3\r\nabc\n", 6, Fault::Chunk),
        ("1000000000000000\r\n", 15, Fault::Chunk),
        ("0\r\nA b\r\n", 4, Fault::Trailer),
        ("0\r\n a: b\r\n", 3, Fault::Trailer),
        ("0\r\na: b\n\r\n", 7, Fault::Trailer),
        ("0\r\n\n", 3, Fault::Trailer),
    ];
    for (body, at, fault) in cases {
        let expected = Verdict::Break(head.len() + at, fault);
        assert_eq!(verdict(&format!("{head}{body}")), expected, "{body:?}");
    }
}

#[test]
fn a_head_is_bounded_whether_its_lines_end_or_not() {
    let long = "x".repeat(MAX);
    for text in [
        long.clone(),
        format!("GET /{long} HTTP/1.1\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{}", "A: b\r\n".repeat(MAX)),
    ] {
        assert_eq!(verdict(&text), Verdict::Refuse(0, Fault::TooLarge));
    }
}

/// Reads as a connection would, in pieces: what was released, and why it ended.
fn released(bytes: &[u8], pieces: &[usize]) -> (Vec<u8>, Option<Fault>) {
    let (mut guard, mut held, mut out) = (Guard::new(MAX), Vec::new(), Vec::new());
    let (mut rest, mut sizes) = (bytes, pieces.iter().cycle());
    while !rest.is_empty() {
        let size = sizes.next().copied().unwrap_or(1).clamp(1, rest.len());
        held.extend_from_slice(&rest[..size]);
        rest = &rest[size..];
        match guard.check(&held) {
            Verdict::Pass => out.append(&mut held),
            Verdict::Hold(from) => out.extend(held.drain(..from)),
            Verdict::Refuse(at, fault) | Verdict::Break(at, fault) => {
                out.extend(held.drain(..at));
                return (out, Some(fault));
            }
        }
    }
    (out, None)
}

/// Bytes in which what matters is frequent.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "GET / HTTP/1.1\r\n",
        "POST / HTTP/1.1\r\n",
        "POST /a HTTP/1.0\r\n",
        "Host: a\r\n",
        "Content-Length: 3\r\n",
        "Content-Length: 0\r\n",
        "Transfer-Encoding: chunked\r\n",
        "\r\n",
        "\n",
        "\r",
        " ",
        "abc",
        "3\r\n",
        "0\r\n",
        "3;x\r\n",
        "A: b\r\n",
        "a : b\r\n",
        "\0",
        "GET ",
        "#",
    ]);
    prop::collection::vec(words, 0..24).prop_map(|words| words.concat().into_bytes())
}

proptest! {
    #[test]
    fn however_the_bytes_arrive_the_same_ones_are_released(
        bytes in hostile(),
        pieces in prop::collection::vec(1usize..40, 1..8),
    ) {
        prop_assert_eq!(released(&bytes, &pieces), released(&bytes, &[usize::MAX]));
    }

    #[test]
    fn what_is_released_was_sent_and_any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let (out, _) = released(&bytes, &[7, 1]);
        prop_assert!(bytes.starts_with(&out));
    }
}
