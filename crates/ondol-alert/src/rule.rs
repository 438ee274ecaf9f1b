use std::collections::BTreeMap;

use crate::template::Template;

/// Names and values; also what makes a series or an alert that and no other.
pub type Labels = BTreeMap<String, String>;

/// The label that holds an alert's name.
pub const ALERT_NAME: &str = "alertname";

/// Rules that are evaluated one after the other, at the same moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its name, unique in its file.
    pub name: String,
    /// Where it was written.
    pub file: String,
    /// Time between two evaluations.
    pub interval_ms: u64,
    /// Alerts or series that one of its rules may have at most; 0 is as many as there are.
    pub limit: u64,
    /// How far back of the moment of evaluation queries look.
    pub query_offset_ms: u64,
    /// In their order.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The alert's name, or the recorded series' one.
    pub name: String,
    /// PromQL.
    pub expr: String,
    /// Labels of the group and its own, which win. Those of an alert are templates.
    pub labels: BTreeMap<String, Template>,
    /// What its result is for.
    pub kind: RuleKind,
    /// Results it has nothing to say about, because another rule of the same name does.
    pub except: Vec<Except>,
}

/// What the result of a rule is for.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleKind {
    /// Its result is written back as series.
    Recording,
    /// Each element of its result is an alert.
    Alerting(Alerting),
}

/// What an alerting rule says beside its query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alerting {
    /// `for`: how long it must hold before it fires.
    pub hold_ms: u64,
    /// `keep_firing_for`: how long it fires after it held last.
    pub keep_firing_ms: u64,
    /// What people are told beside the labels.
    pub annotations: BTreeMap<String, Template>,
}

/// A project, or one service of it, that a shipped rule leaves to the project's own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Except {
    /// The label `project`.
    pub project: String,
    /// The label `service`; `None` for the whole project.
    pub service: Option<String>,
}

impl Except {
    /// Whether a result with these labels is meant.
    pub fn covers(&self, labels: &Labels) -> bool {
        labels.get("project") == Some(&self.project)
            && (self.service.is_none() || labels.get("service") == self.service.as_ref())
    }
}

impl Group {
    /// What no other group is called.
    pub fn id(&self) -> String {
        format!("{};{}", self.file, self.name)
    }
}

impl Rule {
    /// What makes it the same rule after its file was read again: its kind, name, labels and query.
    pub fn id(&self) -> String {
        let kind = match self.kind {
            RuleKind::Recording => "record",
            RuleKind::Alerting(_) => "alert",
        };
        let labels = self.labels.iter();
        let labels = labels.map(|(name, value)| format!("{name}={:?},", value.text()));
        let labels: String = labels.collect();
        format!("{kind} {}{{{labels}}} {}", self.name, self.expr)
    }

    /// What an alerting rule says beside its query.
    pub fn alerting(&self) -> Option<&Alerting> {
        match &self.kind {
            RuleKind::Recording => None,
            RuleKind::Alerting(alerting) => Some(alerting),
        }
    }
}
