use serde::{Deserialize, Serialize};

use crate::rule::Labels;

/// One element of a query's result, or one sample that is to be written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Of its series; `__name__` is among them.
    pub labels: Labels,
    /// Its value.
    pub value: f64,
}

/// The label that holds a series' name.
pub const METRIC_NAME: &str = "__name__";

/// What a query came to, or why it came to nothing.
pub type QueryResult = Result<Vec<Sample>, String>;
