//! Any bytes as a request and as an answer that are only passed on: what comes out is one message that means the same
//! to httparse, and nothing in it frames a second one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ondol_proxy::{Guard, Verdict, pass_answer, pass_request};

fn count(headers: &[httparse::Header<'_>], name: &str) -> usize {
    headers.iter().filter(|header| header.name == name).count()
}

fuzz_target!(|bytes: &[u8]| {
    let Some((flags, bytes)) = bytes.split_first() else {
        return;
    };
    let mut space = [httparse::EMPTY_HEADER; 128];
    // Only what the guard lets pass gets so far.
    let passes = Guard::new(4096).check(bytes) == Verdict::Pass;
    if let Some((out, length)) = pass_request(bytes, flags & 1 == 1).filter(|_| passes) {
        assert!(length <= bytes.len());
        let mut request = httparse::Request::new(&mut space);
        let parsed = request.parse(&out).expect("a request");
        assert_eq!(parsed, httparse::Status::Complete(out.len()));
        assert_eq!(count(request.headers, "host"), 1);
        for framing in ["content-length", "transfer-encoding", "connection"] {
            assert_eq!(count(request.headers, framing), 0);
        }
    }
    let mut space = [httparse::EMPTY_HEADER; 128];
    if let Some((out, length)) = pass_answer(bytes, flags & 2 == 2) {
        let mut response = httparse::Response::new(&mut space);
        let parsed = response.parse(&out).expect("an answer");
        assert_eq!(parsed, httparse::Status::Complete(out.len()));
        let chunked = count(response.headers, "transfer-encoding");
        assert!(count(response.headers, "content-length") + chunked <= 1);
        assert_eq!(chunked, usize::from(length.is_none()));
    }
});
