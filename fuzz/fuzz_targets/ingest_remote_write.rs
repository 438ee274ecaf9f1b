//! Any bytes as a remote write: no panic, and every series that was taken has a name and labels in order.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ondol_ingest::{Limits, remote_write};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits {
        unpacked_bytes_max: 1 << 20,
        ..Limits::default()
    };
    if let Ok(batch) = remote_write::decode(bytes, &limits) {
        for series in &batch.series {
            assert!(series.labels.is_sorted());
            assert!(series.labels.iter().any(|(name, _)| name == "__name__"));
        }
    }
});
