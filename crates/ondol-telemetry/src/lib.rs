//! Telemetry: what services say about themselves, taken in, kept small and found again.

mod exposition;

pub use exposition::{
    Exemplar, ExpositionError, Format, Kind, Labels, Line, Lines, Page, Reading, Sample, Text,
    check,
};
