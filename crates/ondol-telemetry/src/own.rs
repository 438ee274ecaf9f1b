//! What the engines say about themselves, for our own `/metrics`.

use crate::events::Events;
use crate::exposition::{Kind, Page};
use crate::samples::Samples;

impl Samples {
    /// Adds the families of this engine to a page.
    pub fn describe(&self, page: &mut Page) {
        let status = self.status();
        for (name, help, value) in [
            (
                "ondol_samples_series",
                "Living series.",
                status.series as f64,
            ),
            (
                "ondol_samples_head",
                "Samples in memory.",
                status.head_samples as f64,
            ),
            (
                "ondol_samples_head_bytes",
                "Memory that they and their series take.",
                status.head_bytes as f64,
            ),
            (
                "ondol_samples_log_bytes",
                "Bytes of the log that is written to.",
                status.log_bytes as f64,
            ),
            (
                "ondol_samples_segments",
                "Segments on the disk.",
                status.segments as f64,
            ),
            (
                "ondol_samples_segment_bytes",
                "Their bytes.",
                status.segment_bytes as f64,
            ),
            (
                "ondol_samples_sealed",
                "Samples in them.",
                status.segment_samples as f64,
            ),
        ] {
            page.family(name, Kind::Gauge, help);
            page.sample(name, &[], value);
        }
        let name = "ondol_samples_refused";
        page.family(name, Kind::Counter, "Samples that were not taken, and why.");
        for (job, refused) in self.refused() {
            for (why, count) in [
                ("over_cap", refused.over_cap),
                ("bad_labels", refused.bad_labels),
                ("out_of_time", refused.out_of_time),
                ("repeated", refused.repeated),
            ] {
                let labels = [("job", job), ("reason", why)];
                page.sample("ondol_samples_refused_total", &labels, count as f64);
            }
        }
    }
}

impl Events {
    /// Adds the families of this engine to a page.
    pub fn describe(&self, page: &mut Page) {
        let status = self.status();
        for (name, help, value) in [
            (
                "ondol_events_head",
                "Events in memory.",
                status.head_events as f64,
            ),
            (
                "ondol_events_head_bytes",
                "Memory that they take.",
                status.head_bytes as f64,
            ),
            (
                "ondol_events_segments",
                "Segments on the disk.",
                status.segments as f64,
            ),
            (
                "ondol_events_segment_bytes",
                "Their bytes.",
                status.segment_bytes as f64,
            ),
            (
                "ondol_events_sealed",
                "Events in them.",
                status.segment_events as f64,
            ),
        ] {
            page.family(name, Kind::Gauge, help);
            page.sample(name, &[], value);
        }
        let name = "ondol_events_curtailed";
        page.family(
            name,
            Kind::Counter,
            "What was left out of events, or events that were.",
        );
        for (what, count) in [
            ("field_dropped", status.dropped_fields),
            ("value_cut", status.cut_values),
            ("event_refused", status.refused_events),
        ] {
            page.sample(
                "ondol_events_curtailed_total",
                &[("what", what)],
                count as f64,
            );
        }
    }
}
