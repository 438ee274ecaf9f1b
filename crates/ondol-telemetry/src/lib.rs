//! Telemetry: what services say about themselves, taken in, kept small and found again.

mod bytes;
mod disk;
mod events;
mod exposition;
mod own;
mod samples;
mod shared;
mod store;

pub use disk::{Disk, DiskFile, Folder};
pub use events::{
    BODY, Condition, Event, EventConfig, EventStatus, EventView, Events, Extent, Found, Pattern,
    Query, Seen, TRACE_ID, Test,
};
pub use exposition::{
    Exemplar, ExpositionError, Format, Kind, Labels, Line, Lines, Page, Reading, Sample, Text,
    check,
};
pub use samples::{
    Config, KeptExemplar, Limits, Metadata, Opened, Pushed, Refused, Samples, ScrapeError, Scraped,
    Status, Target,
};
pub use shared::{Engine, Shared, SharedEvents, SharedSamples};
pub use store::{Damage, Done, Durability, Retention, StoreError, Work};
