//! Any bytes as Zipkin's spans: no panic, and every span that was taken has ids.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ondol_ingest::{Limits, zipkin};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits {
        items_max: 100,
        ..Limits::default()
    };
    if let Ok(batch) = zipkin::json(bytes, &limits) {
        assert!(batch.items.len() <= limits.items_max);
        assert!(
            batch
                .items
                .iter()
                .all(|span| span.trace_id != 0 && span.span_id != 0)
        );
    }
});
