//! PromQL and LogQL: text in, values out, over a [`Source`] of series that somebody else keeps.
//!
//! Pure: no clock, file, socket, thread or randomness. The same query over the same samples gives the same answer,
//! in the same order.

mod almost;
mod calendar;
mod duration;
mod histogram;
mod kahan;
mod labels;
pub mod logql;
mod matcher;
mod number;
mod place;
pub mod promql;
mod quote;
mod sample;
mod source;
mod xxhash;

pub use almost::equal as almost_equal;
pub use duration::parse_duration;
pub use histogram::{Bucket, CUSTOM_BUCKETS_SCHEMA, Histogram, ResetHint, Span};
pub use labels::{Label, Labels, LabelsBuilder, METRIC_NAME};
pub use matcher::{MatchOp, Matcher, PatternError};
pub use place::{LineColumn, Place};
pub use sample::{STALE_NAN_BITS, Sample, Value, is_stale, stale_nan};
pub use source::{Samples, Selected, Selection, Source, SourceError};
