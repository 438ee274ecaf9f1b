//! Any bytes as a PROXY header: no panic, and more bytes never change what was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ondol_proxy::read_proxy_header;

fuzz_target!(|bytes: &[u8]| {
    let Ok(Some(header)) = read_proxy_header(bytes) else {
        return;
    };
    assert!(header.length <= bytes.len());
    for end in 0..bytes.len() {
        match read_proxy_header(&bytes[..end]) {
            Ok(None) => assert!(end < header.length),
            read => assert_eq!(read, Ok(Some(header))),
        }
    }
});
