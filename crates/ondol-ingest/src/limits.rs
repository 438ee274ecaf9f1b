//! How much of a request is taken.

/// Bounds on one request. What exceeds them is cut or left out, and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Spans, lines or points.
    pub items_max: usize,
    /// Bytes that a packed body may become.
    pub unpacked_bytes_max: usize,
    /// Attributes of one thing.
    pub fields_max: usize,
    /// Bytes of a name.
    pub name_bytes_max: usize,
    /// Bytes of a value that is not a line.
    pub value_bytes_max: usize,
    /// Bytes of a log line.
    pub line_bytes_max: usize,
    /// Moments or links of a span, buckets of a histogram side, exemplars of a point.
    pub list_max: usize,
    /// Values inside values.
    pub depth_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            items_max: 100_000,
            unpacked_bytes_max: 16 << 20,
            fields_max: 128,
            name_bytes_max: 256,
            value_bytes_max: 16 << 10,
            line_bytes_max: 256 << 10,
            list_max: 512,
            depth_max: 16,
        }
    }
}
