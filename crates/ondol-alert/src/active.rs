//! What becomes of one rule's alerts when its query was answered.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::rule::{ALERT_NAME, Alerting, Group, Labels, Rule, RuleKind};
use crate::sample::{METRIC_NAME, QueryResult, Sample};
use crate::template::{Template, TemplateContext, Unfilled};

/// How long an alert that ended is still shown and told, for those who missed it.
pub const RESOLVED_KEPT_MS: i64 = 15 * 60 * 1000;

/// Alerts or series of one rule, whatever its group's limit is.
const ELEMENTS_MAX: usize = 10_000;

/// The label that holds an alert's state in the series `ALERTS`.
const ALERT_STATE: &str = "alertstate";

/// One alert of a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Of the element, the rule and the group, with `alertname`.
    pub labels: Labels,
    /// Filled in when the query was answered last.
    pub annotations: Labels,
    /// The element's value then.
    pub value: f64,
    /// Where it is.
    pub state: AlertState,
    /// Since when its query has had it as a result.
    pub active_at_ms: i64,
    /// When it began to fire.
    pub fired_at_ms: Option<i64>,
    /// When its query had it no longer, while it fires on all the same.
    pub keep_firing_since_ms: Option<i64>,
    /// When it ended.
    pub resolved_at_ms: Option<i64>,
    /// The series of the element that it came from.
    pub series: Labels,
}

/// Where an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// It has not held for as long as its rule says.
    Pending,
    /// People are told.
    Firing,
    /// It fired and holds no longer.
    Resolved,
}

impl AlertState {
    /// As Prometheus calls it.
    pub const fn name(self) -> &'static str {
        match self {
            AlertState::Pending => "pending",
            AlertState::Firing => "firing",
            AlertState::Resolved => "inactive",
        }
    }
}

/// All alerts of a rule, and the series that it wrote last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleState {
    /// By their labels.
    pub alerts: BTreeMap<Labels, Alert>,
    written: BTreeSet<Labels>,
}

/// What an evaluation came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluated {
    /// Series to write.
    pub samples: Vec<Sample>,
    /// Series that the rule wrote before and has no longer.
    pub stale: Vec<Labels>,
    /// Alerts that are somewhere else than before, by their labels.
    pub changed: Vec<Labels>,
}

/// What all templates of an evaluation are filled in with.
pub struct Surroundings<'a> {
    /// Labels of this machine's telemetry as a whole.
    pub external_labels: &'a Labels,
    /// Where people find it.
    pub external_url: &'a str,
    /// What queries of templates were answered.
    pub answers: &'a dyn Fn(&str) -> Option<QueryResult>,
}

/// Why a rule was not evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unevaluated {
    /// One of its templates asks this query first.
    Asks(String),
    /// It cannot be.
    Failed(String),
}

impl RuleState {
    /// Takes in what the query of `rule` answered at `at_ms`. A rule that fails keeps its alerts as they are, but
    /// one that has too many loses them all, as in Prometheus.
    ///
    /// # Errors
    ///
    /// That a template asks a query whose answer is not known, or that the rule cannot be evaluated.
    pub fn advance(
        &mut self,
        group: &Group,
        rule: &Rule,
        vector: &[Sample],
        around: &Surroundings<'_>,
        at_ms: i64,
    ) -> Result<Evaluated, Unevaluated> {
        let covered = |sample: &&Sample| !rule.except.iter().any(|e| e.covers(&sample.labels));
        let vector: Vec<&Sample> = vector.iter().filter(covered).collect();
        let most = match group.limit {
            0 => ELEMENTS_MAX,
            limit => usize::try_from(limit).unwrap_or(ELEMENTS_MAX),
        };
        let mut evaluated = match &rule.kind {
            RuleKind::Recording => record(rule, &vector, most)?,
            RuleKind::Alerting(alerting) => {
                self.alerts(rule, alerting, &vector, around, most, at_ms)?
            }
        };
        let now: BTreeSet<Labels> = evaluated.samples.iter().map(|s| s.labels.clone()).collect();
        evaluated.stale = self.written.difference(&now).cloned().collect();
        self.written = now;
        Ok(evaluated)
    }

    /// The series that the rule wrote and that nobody will write any more.
    pub fn into_stale(self) -> Vec<Labels> {
        self.written.into_iter().collect()
    }

    fn alerts(
        &mut self,
        rule: &Rule,
        alerting: &Alerting,
        vector: &[&Sample],
        around: &Surroundings<'_>,
        most: usize,
        at_ms: i64,
    ) -> Result<Evaluated, Unevaluated> {
        let mut seen = BTreeMap::new();
        for sample in vector {
            let alert = fresh(rule, alerting, sample, around, at_ms)?;
            if seen.insert(alert.labels.clone(), alert).is_some() {
                return Err(twice("alert"));
            }
        }
        let here: BTreeSet<Labels> = seen.keys().cloned().collect();
        let mut changed = Vec::new();
        for (labels, alert) in seen {
            match self.alerts.get_mut(&labels) {
                Some(known) if known.state != AlertState::Resolved => {
                    known.value = alert.value;
                    known.annotations = alert.annotations;
                    known.series = alert.series;
                }
                _ => {
                    changed.push(labels.clone());
                    self.alerts.insert(labels, alert);
                }
            }
        }
        let mut gone = Vec::new();
        for (labels, alert) in &mut self.alerts {
            let before = alert.state;
            if step(alert, alerting, here.contains(labels), at_ms) {
                gone.push(labels.clone());
            } else if alert.state != before && !changed.contains(labels) {
                changed.push(labels.clone());
            }
        }
        for labels in gone {
            // One that never fired is gone without a trace; the file of states has to hear of it.
            if let Some(alert) = self.alerts.remove(&labels)
                && alert.state == AlertState::Pending
            {
                changed.push(labels);
            }
        }
        let active = || {
            self.alerts
                .values()
                .filter(|alert| alert.state != AlertState::Resolved)
        };
        let count = active().count();
        if count > most {
            self.alerts.clear();
            return Err(too_many(most, count, "alerts"));
        }
        let samples = active().flat_map(series_of).collect();
        Ok(Evaluated {
            samples,
            stale: Vec::new(),
            changed,
        })
    }
}

/// Moves an alert on; whether it is gone for good.
fn step(alert: &mut Alert, alerting: &Alerting, holds: bool, at_ms: i64) -> bool {
    if holds {
        alert.keep_firing_since_ms = None;
    } else {
        match alert.state {
            AlertState::Pending => return true,
            AlertState::Resolved => {
                let ended = alert.resolved_at_ms.unwrap_or(at_ms);
                return at_ms - ended > RESOLVED_KEPT_MS;
            }
            AlertState::Firing => {
                let since = *alert.keep_firing_since_ms.get_or_insert(at_ms);
                if at_ms - since >= signed(alerting.keep_firing_ms) {
                    alert.state = AlertState::Resolved;
                    alert.resolved_at_ms = Some(at_ms);
                    alert.keep_firing_since_ms = None;
                    return false;
                }
            }
        }
    }
    if alert.state == AlertState::Pending && at_ms - alert.active_at_ms >= signed(alerting.hold_ms)
    {
        alert.state = AlertState::Firing;
        alert.fired_at_ms = Some(at_ms);
    }
    false
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

/// The alert that an element of the result is, if it is new.
fn fresh(
    rule: &Rule,
    alerting: &Alerting,
    sample: &Sample,
    around: &Surroundings<'_>,
    at_ms: i64,
) -> Result<Alert, Unevaluated> {
    let context = TemplateContext {
        labels: &sample.labels,
        value: sample.value,
        external_labels: around.external_labels,
        external_url: around.external_url,
        at_ms,
        answers: around.answers,
    };
    let filled = |template: &Template| match template.expand(&context) {
        Ok(text) => Ok(text),
        Err(Unfilled::Asks(expr)) => Err(Unevaluated::Asks(expr)),
        // Better told with a hole than not told.
        Err(Unfilled::Failed(why)) => Ok(format!("<error expanding template: {why}>")),
    };
    let mut labels = sample.labels.clone();
    labels.remove(METRIC_NAME);
    for (name, template) in &rule.labels {
        set(&mut labels, name, filled(template)?);
    }
    set(&mut labels, ALERT_NAME, rule.name.clone());
    let annotations = alerting.annotations.iter();
    let annotations = annotations.map(|(name, text)| Ok((name.clone(), filled(text)?)));
    Ok(Alert {
        labels,
        annotations: annotations.collect::<Result<_, Unevaluated>>()?,
        value: sample.value,
        state: AlertState::Pending,
        active_at_ms: at_ms,
        fired_at_ms: None,
        keep_firing_since_ms: None,
        resolved_at_ms: None,
        series: sample.labels.clone(),
    })
}

/// A label without a value is none.
fn set(labels: &mut Labels, name: &str, value: String) {
    match value.is_empty() {
        true => drop(labels.remove(name)),
        false => drop(labels.insert(name.to_owned(), value)),
    }
}

fn record(rule: &Rule, vector: &[&Sample], most: usize) -> Result<Evaluated, Unevaluated> {
    let mut seen = BTreeMap::new();
    for sample in vector {
        let mut labels = sample.labels.clone();
        for (name, value) in &rule.labels {
            set(&mut labels, name, value.text().to_owned());
        }
        set(&mut labels, METRIC_NAME, rule.name.clone());
        if seen.insert(labels, sample.value).is_some() {
            return Err(twice("rule"));
        }
    }
    if seen.len() > most {
        return Err(too_many(most, seen.len(), "series"));
    }
    let sample = |(labels, value)| Sample { labels, value };
    Ok(Evaluated {
        samples: seen.into_iter().map(sample).collect(),
        ..Evaluated::default()
    })
}

/// `ALERTS`, and `ALERTS_FOR_STATE` with the second since which it is active.
fn series_of(alert: &Alert) -> [Sample; 2] {
    let mut labels = alert.labels.clone();
    labels.insert(METRIC_NAME.to_owned(), "ALERTS_FOR_STATE".to_owned());
    let since = Sample {
        labels: labels.clone(),
        value: alert.active_at_ms.div_euclid(1000) as f64,
    };
    labels.insert(METRIC_NAME.to_owned(), "ALERTS".to_owned());
    labels.insert(ALERT_STATE.to_owned(), alert.state.name().to_owned());
    [Sample { labels, value: 1.0 }, since]
}

fn twice(of: &str) -> Unevaluated {
    Unevaluated::Failed(format!(
        "vector contains metrics with the same labelset after applying {of} labels"
    ))
}

fn too_many(most: usize, count: usize, what: &str) -> Unevaluated {
    Unevaluated::Failed(format!("exceeded limit of {most} with {count} {what}"))
}
