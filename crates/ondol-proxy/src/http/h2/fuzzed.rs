//! The reading of frames, for fuzz targets.

use super::frame::{HEAD_BYTES, kind, write};
use super::reader::{Frame, Reader};
use super::request::plain;

/// Heads of more bytes are not read.
const LIST_BYTES_MAX: usize = 4096;

/// The heads of those requests among the frames of a client that are only passed on, as their endpoints get them,
/// without what is added to them. `border`: the client is believed nothing about itself.
pub fn pass_frames(bytes: &[u8], border: bool) -> Vec<Vec<u8>> {
    let mut reader = Reader::new(LIST_BYTES_MAX);
    let mut settings = Vec::with_capacity(HEAD_BYTES);
    write(kind::SETTINGS, 0, 0, &[], &mut settings);
    let mut passed = Vec::new();
    // What a client has to say first.
    if reader.read(&settings).is_err() {
        return passed;
    }
    let (mut rest, mut cookies) = (bytes, Vec::new());
    while let Ok(Some((length, frame))) = reader.read(rest) {
        rest = &rest[length..];
        let mut out = Vec::new();
        if let Frame::Head { ends: true, .. } = frame
            && !reader.fields.too_large
            && plain(&reader.fields, &mut cookies, border, &mut out).is_some()
        {
            out.extend_from_slice(b"\r\n");
            passed.push(out);
        }
    }
    passed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::frame::flag;
    use super::super::hpack::Block;
    use super::*;
    use crate::{Guard, Verdict};

    /// A request of these lines, in one frame.
    fn frame_of(lines: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
        let mut block = Vec::new();
        for (name, value) in lines {
            Block(&mut block).field(name, value);
        }
        let mut out = Vec::new();
        let flags = flag::END_HEADERS | flag::END_STREAM;
        write(kind::HEADERS, flags, 1, &block, &mut out);
        out
    }

    /// Lines of a request, most of them nearly right.
    fn lines() -> impl Strategy<Value = Vec<(String, String)>> {
        let line = prop_oneof![
            4 => ("x-[a-z]{1,5}|accept|cookie", "[ -~]{0,12}"),
            1 => ("[ -~]{0,6}|host|connection|te|:path|content-length", "[a-z\r\n:0]{0,8}"),
        ];
        (
            "GET|HEAD|POST",
            "/[a-z/.%?&=\"#]{0,12}|/ a|\\*",
            "[a-z.]{0,8}|a\r\nb",
            prop::collection::vec(line, 0..6),
        )
            .prop_map(|(method, path, host, more)| {
                let first = [
                    (":method", method),
                    (":scheme", "https".to_owned()),
                    (":path", path),
                    (":authority", host),
                ];
                let first = first.map(|(name, value)| (name.to_owned(), value));
                first.into_iter().chain(more).collect()
            })
    }

    proptest! {
        #[test]
        fn a_request_that_is_passed_on_is_one_request_of_http1(lines in lines(), border in any::<bool>()) {
            let bytes: Vec<_> = lines
                .iter()
                .map(|(name, value)| (name.clone().into_bytes(), value.clone().into_bytes()))
                .collect();
            for out in pass_frames(&frame_of(&bytes), border) {
                let mut space = [httparse::EMPTY_HEADER; 64];
                let mut request = httparse::Request::new(&mut space);
                let parsed = request.parse(&out).unwrap();
                prop_assert_eq!(parsed, httparse::Status::Complete(out.len()));
                prop_assert_eq!(request.path, Some(lines[2].1.as_str()));
                let values = |name: &str| request.headers.iter().filter(|header| header.name == name).count();
                prop_assert_eq!(values("host"), 1);
                for framing in ["content-length", "transfer-encoding", "connection", "upgrade"] {
                    prop_assert_eq!(values(framing), 0);
                }
                prop_assert!(request.headers.len() <= lines.len() - 3);
                prop_assert_eq!(Guard::new(8192).check(&out), Verdict::Pass);
            }
        }
    }
}
