//! Any bytes as a `/metrics` page, in both languages: no panic, no endless loop, and what a strict reader takes a
//! lenient walk takes too, sample by sample.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ondol_telemetry::{Format, Line, Lines, check};

fuzz_target!(|bytes: &[u8]| {
    let strict = check(bytes);
    for format in [Format::Text, Format::OpenMetrics] {
        let Ok(lines) = Lines::of_bytes(bytes, format) else {
            assert!(strict.is_err());
            return;
        };
        let mut failed = false;
        for line in lines {
            match line {
                Ok(Line::Sample(sample)) => {
                    let labels: Vec<_> = sample.labels.iter().collect();
                    assert!(labels.iter().all(|(name, _)| !name.raw().is_empty()));
                    assert!(!sample.series.is_empty());
                    let _ = (sample.name.meant(), sample.reading.at_ms());
                }
                Ok(_) => {}
                Err(error) => {
                    assert!(error.line > 0 && error.column > 0);
                    failed = true;
                }
            }
        }
        assert!(!failed || format == Format::Text || strict.is_err());
    }
});
