//! Any bytes as the requests of a connection: what is released does not depend on how they arrive, and where the guard
//! sees a whole head, httparse sees the same one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ondol_proxy::{Guard, Verdict};

const MAX: usize = 4096;

fn released(bytes: &[u8], step: usize) -> (Vec<u8>, bool) {
    let (mut guard, mut held, mut out) = (Guard::new(MAX), Vec::new(), Vec::new());
    for piece in bytes.chunks(step) {
        held.extend_from_slice(piece);
        match guard.check(&held) {
            Verdict::Pass => out.append(&mut held),
            Verdict::Hold(from) => out.extend(held.drain(..from)),
            Verdict::Refuse(at, _) | Verdict::Break(at, _) => {
                out.extend(held.drain(..at));
                return (out, true);
            }
        }
    }
    (out, false)
}

fuzz_target!(|bytes: &[u8]| {
    let Some((step, bytes)) = bytes.split_first() else {
        return;
    };
    let (out, refused) = released(bytes, usize::from(*step).max(1));
    assert_eq!((out.clone(), refused), released(bytes, usize::MAX));
    if !out.is_empty() {
        let mut headers = [httparse::EMPTY_HEADER; 512];
        let mut request = httparse::Request::new(&mut headers);
        assert!(request.parse(&out).is_ok_and(|status| status.is_complete()));
    }
});
