//! Any bytes as a Loki push, as JSON and as what snappy packed: no panic, and no more than the limits say.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ondol_ingest::{Limits, loki};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits {
        items_max: 100,
        ..Limits::default()
    };
    // A length of one literal, so that what follows is the unpacked body.
    let literal = snappy_literal(bytes);
    for batch in [
        loki::json(bytes, &limits),
        loki::protobuf(bytes, &limits),
        loki::protobuf(&literal, &limits),
    ]
    .into_iter()
    .flatten()
    {
        let lines: usize = batch.items.iter().map(|stream| stream.lines.len()).sum();
        assert!(lines <= limits.items_max);
        assert!(
            batch
                .items
                .iter()
                .all(|stream| stream.labels.iter().any(|(name, _)| name == "service"))
        );
    }
});

fn snappy_literal(bytes: &[u8]) -> Vec<u8> {
    let bytes = &bytes[..bytes.len().min(60)];
    let mut packed = vec![bytes.len() as u8];
    if !bytes.is_empty() {
        packed.push((bytes.len() as u8 - 1) << 2);
        packed.extend_from_slice(bytes);
    }
    packed
}
