use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

/// How much a diagnostic weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The files cannot be used.
    Error,
    /// They can, but probably do not mean what their author meant.
    Warning,
}

/// One thing that is wrong with the files: what happened, where, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Whether the files can be used all the same.
    pub severity: Severity,
    /// A stable name of the kind of problem, such as `unknown-key`.
    pub code: &'static str,
    /// One sentence: what happened and what was expected.
    pub message: String,
    /// Where; `None` when no line of a file is to blame.
    pub place: Option<Place>,
    /// A few words to stand beside that place.
    pub label: Option<String>,
    /// Other places that explain it, each with its words.
    pub related: Vec<Related>,
    /// What to do next.
    pub help: Option<String>,
}

/// A second place of a diagnostic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Related {
    /// Where.
    pub place: Place,
    /// What is to be seen there.
    pub label: String,
}

/// A range of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file, absolute.
    pub file: Arc<PathBuf>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// First byte of the range.
    pub start: u32,
    /// The byte after the range.
    pub end: u32,
}
