//! What is measured of the telemetry, and what it should be.

use super::prometheus::NAME;
use crate::bench::row::{Goal, Spec, spec};

const PROMETHEUS: Option<&str> = Some(NAME);

const fn most(key: &'static str, name: &'static str, unit: &'static str, most: f64) -> Spec {
    spec(key, name, unit, Goal::AtMost(most), None)
}

const fn beside(key: &'static str, name: &'static str, unit: &'static str, most: f64) -> Spec {
    spec(key, name, unit, Goal::RatioAtMost(most), PROMETHEUS)
}

/// Rows by what their samples are filed under.
pub(super) const ROWS: [Spec; 19] = [
    most(
        "idle",
        "nothing to do: memory (RSS) that it adds",
        "MB",
        12.0,
    ),
    beside(
        "m1_cpu",
        "M1, a sample: CPU, asked for, read and stored",
        "us",
        0.67,
    ),
    beside("m1_rss", "M1: memory (RSS), queries included", "MB", 0.25),
    most(
        "m1_bytes",
        "M1, a sample on the disk, with the index",
        "B",
        0.8,
    ),
    beside(
        "m1_bytes",
        "M1, a sample on the disk, with the index",
        "B",
        0.5,
    ),
    beside(
        "m1_restart",
        "M1: kill -9 and start, until a query is answered",
        "s",
        0.3,
    ),
    beside(
        "m1_rate",
        "M1: `sum(rate())` over 1,500 series, 121 steps",
        "ms",
        0.5,
    ),
    beside(
        "m1_quantile",
        "M1: `histogram_quantile` over 5,500 series, 121 steps",
        "ms",
        0.5,
    ),
    most("l1_cpu", "L1, a line: CPU, parsed and stored", "us", 6.0),
    most("l1_bytes", "L1, a line on the disk", "B", 35.0),
    most("l1_rss", "L1: memory (RSS), searches included", "MB", 40.0),
    most("l1_phrase", "L1: a phrase in all lines, LogQL", "ms", 60.0),
    most("l1_regex", "L1: a pattern in all lines, LogQL", "ms", 430.0),
    most(
        "t1_cpu",
        "T1, a span: CPU, decoded, counted and stored",
        "us",
        12.0,
    ),
    most("t1_bytes", "T1, a span on the disk", "B", 70.0),
    most("t1_rss", "T1: memory (RSS), searches included", "MB", 40.0),
    most("t1_id", "T1: a trace by its id", "ms", 4.0),
    most("t1_search", "T1: slow spans that failed", "ms", 100.0),
    most(
        "all_rss",
        "M1, L1 and T1 at once: most memory (RSS)",
        "MB",
        64.0,
    ),
];
