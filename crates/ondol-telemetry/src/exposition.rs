//! What a `/metrics` endpoint says: the Prometheus text format 0.0.4 and OpenMetrics 1.0, read and written.
//!
//! Reading has two layers. [`Lines`] takes a page apart line by line, borrows everything and allocates nothing; it is
//! what a scrape runs on. [`check`] puts the rules of OpenMetrics on top that need a memory of earlier lines (families,
//! groups, histograms); it is what a person runs to learn whether a page is well made.
//!
//! Sources: "OpenMetrics, a cloud-native, highly scalable metrics protocol" 1.0, sections "ABNF" and "Overall
//! Structure"; "Exposition formats" of the Prometheus documentation, with its quoted UTF-8 names.

mod error;
mod family;
mod histogram;
mod labels;
mod line;
mod number;
mod sample;
mod scan;
mod strict;
mod write;

pub use error::ExpositionError;
pub use labels::{Labels, Text};
pub use line::{Exemplar, Kind, Line, Lines, Reading, Sample};
pub use strict::check;
pub use write::Page;

/// Which of the two languages a page is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4: blanks and tabs are free, timestamps are milliseconds, no end mark.
    Text,
    /// OpenMetrics 1.0: every blank counts, timestamps are seconds, `# EOF` ends it.
    OpenMetrics,
}

impl Format {
    /// What the `Content-Type` of an answer says; anything that is not OpenMetrics is read as the older text.
    ///
    /// ```
    /// use ondol_telemetry::Format;
    /// let said = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    /// assert_eq!(Format::of_content_type(said), Format::OpenMetrics);
    /// assert_eq!(Format::of_content_type("text/plain"), Format::Text);
    /// ```
    pub fn of_content_type(said: &str) -> Self {
        let kind = said.split(';').next().unwrap_or_default().trim();
        if kind.eq_ignore_ascii_case("application/openmetrics-text") {
            Format::OpenMetrics
        } else {
            Format::Text
        }
    }
}
