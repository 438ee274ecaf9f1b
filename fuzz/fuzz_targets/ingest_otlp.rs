//! Any bytes as an OTLP request, in both spellings: no panic, no more than the limits say, and a span that was taken comes
//! back from its fields.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ondol_ingest::otlp::{self, Encoding};
use ondol_ingest::{Limits, Span};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits {
        items_max: 100,
        ..Limits::default()
    };
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        if let Ok(batch) = otlp::traces(bytes, encoding, &limits) {
            assert!(batch.items.len() <= limits.items_max);
            for span in batch.items {
                let fields = span.to_fields();
                let pairs = fields
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()));
                let back = Span::from_fields(span.start_ns, pairs)
                    .map(|span| (span.trace_id, span.span_id));
                assert_eq!(back, Some((span.trace_id, span.span_id)));
            }
        }
        if let Ok(batch) = otlp::logs(bytes, encoding, &limits) {
            let lines: usize = batch.items.iter().map(|stream| stream.lines.len()).sum();
            assert!(lines <= limits.items_max);
        }
        if let Ok(batch) = otlp::metrics(bytes, encoding, &limits) {
            assert!(batch.series.iter().all(|series| series.labels.is_sorted()));
        }
    }
});
