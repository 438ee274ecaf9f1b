/// Languages inside of a Compose file that this crate does not know. Who knows them hands in who checks them; what
/// nobody checks is taken as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checks {
    /// A query in PromQL.
    pub promql: Option<Check>,
    /// The template of a label or an annotation of an alert.
    pub template: Option<Check>,
    /// A rule file of Prometheus.
    pub rule_file: Option<Check>,
}

/// All that is wrong with a text.
pub type Check = fn(&str) -> Vec<Misfit>;

/// One thing that is wrong with a text in another language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// What is there and what was expected.
    pub message: String,
    /// What to do next.
    pub help: Option<String>,
    /// First byte of the text that is to blame.
    pub start: usize,
    /// The byte after it.
    pub end: usize,
}
