//! Any bytes, and any change of good ones, at every door: no panic, and what is taken is within the limits.

use ondol_ingest::otlp::Encoding;
use ondol_ingest::{Limits, Span, line, loki, otlp, remote_write, zipkin};
use proptest::prelude::*;

/// Some of each kind of body, to be damaged.
const GOOD: [&[u8]; 4] = [
    br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","attributes":[{"key":"n","value":{"arrayValue":{"values":[{"intValue":"1"}]}}}]}]}]}]}"#,
    br#"{"streams":[{"stream":{"a":"b"},"values":[["1","x",{"k":"v"}]]}]}"#,
    br#"[{"traceId":"1","id":"2","tags":{"a":"b"},"annotations":[{"timestamp":1,"value":"x"}]}]"#,
    b"\x0a\x1e\x0a\x0e\x0a\x0c\x0a\x01k\x12\x07\x2a\x05\x0a\x03\x0a\x01v\x12\x0c\x12\x0a\x0a\x02ab\x12\x02cd\x42\x00",
];

fn at_every_door(bytes: &[u8]) {
    let limits = Limits {
        items_max: 50,
        unpacked_bytes_max: 1 << 16,
        ..Limits::default()
    };
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        if let Ok(batch) = otlp::traces(bytes, encoding, &limits) {
            assert!(batch.items.len() <= limits.items_max);
            for span in batch.items {
                let fields = span.to_fields();
                let pairs = fields.iter().map(|(n, v)| (n.as_str(), v.as_str()));
                assert!(Span::from_fields(span.start_ns, pairs).is_some());
            }
        }
        let _ = otlp::logs(bytes, encoding, &limits);
        let _ = otlp::metrics(bytes, encoding, &limits);
    }
    let _ = (loki::json(bytes, &limits), loki::protobuf(bytes, &limits));
    let _ = (
        zipkin::json(bytes, &limits),
        remote_write::decode(bytes, &limits),
    );
    let packed = snap::raw::Encoder::new()
        .compress_vec(bytes)
        .expect("packs");
    let _ = (
        loki::protobuf(&packed, &limits),
        remote_write::decode(&packed, &limits),
    );
    let text = String::from_utf8_lossy(bytes);
    assert!(line::lift(&text).len() <= 64 + 3);
}

proptest! {
    #[test]
    fn any_bytes_are_taken_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        at_every_door(&bytes);
    }

    #[test]
    fn damaged_bodies_are_taken_or_refused(
        which in 0..GOOD.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = GOOD[which].to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        at_every_door(&bytes);
    }

    #[test]
    fn every_piece_of_a_log_comes_out_once_and_in_order(
        pieces in proptest::collection::vec((1..3_u8, 0..400_u64, any::<bool>(), 0..6_usize), 0..60),
    ) {
        const TEXTS: [&str; 6] = ["x", "\tat a.b(C.java:1)", "Traceback (most recent call last):", "  y", "", "panic: z"];
        let bounds = line::Bounds { wait_ns: 100, pieces_max: 5, held_max: 10, ..line::Bounds::default() };
        let mut assembler = line::Assembler::new(bounds);
        let (mut now, mut sent, mut came, mut place) = (0, 0, 0, 0);
        for (number, (output, pause, partial, text)) in pieces.iter().enumerate() {
            now += pause;
            let piece = line::Piece { channel: (*output, 1), at_ns: now, partial: *partial, text: TEXTS[*text] };
            sent += TEXTS[*text].len();
            assembler.push(piece, number + 1);
            if let Some((lines, end)) = assembler.take(now) {
                prop_assert!(!lines.is_empty() && end > place);
                place = end;
                came += lines.iter().map(|l| l.text.replace('\n', "").len()).sum::<usize>();
                // Exactly what was sent up to this place.
                let done: usize = pieces[..end].iter().map(|(_, _, _, text)| TEXTS[*text].len()).sum();
                prop_assert_eq!(came, done);
            }
        }
        while let Some((lines, end)) = assembler.take(now + 1000) {
            place = end;
            came += lines.iter().map(|l| l.text.replace('\n', "").len()).sum::<usize>();
        }
        prop_assert_eq!((came, place), (sent, pieces.len()));
    }
}
