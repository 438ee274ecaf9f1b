use ondol_model::{Inhibition, LabelMatcher, print_matchers};

use crate::matcher::{Matcher, matchers};
use crate::rule::Labels;

/// Who is told of what.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Routing {
    /// Each receiver that an alert matches is told.
    pub routes: Vec<Route>,
    /// Which alerts make others superfluous.
    pub inhibit: Vec<Inhibit>,
}

/// A receiver, and what it is told of.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Its name.
    pub receiver: String,
    /// All must match.
    pub matchers: Vec<Matcher>,
    /// How it is told.
    pub pace: Pace,
}

/// How a receiver is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Pace {
    /// In groups, one message after the other.
    Grouped {
        /// Labels whose alerts are told together; `...` for each alert alone.
        group_by: Vec<String>,
        /// How long the first alert waits for others.
        wait_ms: i64,
        /// How long a group that changed waits since it was told last.
        interval_ms: i64,
        /// How long until one that did not change is told again.
        repeat_ms: i64,
        /// Whether the end of an alert is told too.
        send_resolved: bool,
    },
    /// At once, and again every minute: an Alertmanager does the rest.
    Fed,
}

impl Route {
    /// Alertmanager's name of a route.
    pub(crate) fn key(&self) -> String {
        let specs: Vec<LabelMatcher> = self.matchers.iter().map(|m| m.spec().clone()).collect();
        match specs.is_empty() {
            true => "{}".to_owned(),
            false => format!("{{}}/{}", print_matchers(&specs)),
        }
    }

    pub(crate) fn is_for(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.is_match(labels))
    }
}

/// An [`Inhibition`] that is ready to be asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Inhibit {
    source: Vec<Matcher>,
    target: Vec<Matcher>,
    equal: Vec<String>,
}

impl Inhibit {
    /// Makes it ready.
    ///
    /// # Errors
    ///
    /// That a pattern is none.
    pub fn new(spec: &Inhibition) -> Result<Self, String> {
        Ok(Inhibit {
            source: matchers(&spec.source)?,
            target: matchers(&spec.target)?,
            equal: spec.equal.clone(),
        })
    }

    /// Whether `source`, which fires, makes `target` superfluous. No alert does that to itself, nor do two that are
    /// both source and target.
    pub(crate) fn mutes(&self, source: &Labels, target: &Labels) -> bool {
        let all = |matchers: &[Matcher], labels| matchers.iter().all(|m| m.is_match(labels));
        let value = |labels: &Labels, name| labels.get(name).cloned().unwrap_or_default();
        all(&self.target, target)
            && all(&self.source, source)
            && !(all(&self.target, source) && all(&self.source, target))
            && self
                .equal
                .iter()
                .all(|name| value(source, name) == value(target, name))
    }
}
