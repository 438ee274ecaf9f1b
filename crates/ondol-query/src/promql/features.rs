//! What of the language is on.

/// Parts of `PromQL` that Prometheus has behind switches, because they may still change.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own, as in Prometheus"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features {
    /// Functions and aggregations such as `info`, `sort_by_label`, `limitk`.
    pub experimental_functions: bool,
    /// Arithmetic in durations: `[5m * 2]`, `offset (step() / 2)`.
    pub duration_expressions: bool,
    /// `anchored` and `smoothed`.
    pub extended_ranges: bool,
    /// `fill`, `fill_left` and `fill_right` of binary operators.
    pub fill_modifiers: bool,
}

impl Features {
    /// The stable language.
    pub const STABLE: Self = Self {
        experimental_functions: false,
        duration_expressions: false,
        extended_ranges: false,
        fill_modifiers: false,
    };

    /// Everything there is.
    pub const ALL: Self = Self {
        experimental_functions: true,
        duration_expressions: true,
        extended_ranges: true,
        fill_modifiers: true,
    };
}
