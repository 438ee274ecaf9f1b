//! Any bytes as the frames of a client of HTTP/2: what is passed on is one request of HTTP/1 each, which means the same
//! to the guard and to httparse.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ondol_proxy::{Guard, Verdict, pass_frames};

fuzz_target!(|bytes: &[u8]| {
    let Some((flags, bytes)) = bytes.split_first() else {
        return;
    };
    for out in pass_frames(bytes, flags & 1 == 1) {
        let mut space = [httparse::EMPTY_HEADER; 128];
        let mut request = httparse::Request::new(&mut space);
        let parsed = request.parse(&out).expect("a request");
        assert_eq!(parsed, httparse::Status::Complete(out.len()));
        let count = |name| request.headers.iter().filter(|header| header.name == name).count();
        assert_eq!(count("host"), 1);
        for framing in ["content-length", "transfer-encoding", "connection"] {
            assert_eq!(count(framing), 0);
        }
        assert_eq!(Guard::new(1 << 20).check(&out), Verdict::Pass);
    }
});
