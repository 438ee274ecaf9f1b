//! `/api/v1/rules` and `/api/v1/alerts` of Prometheus.

use serde::{Serialize, Serializer};

use super::NEVER;
use crate::active::{Alert, AlertState};
use crate::calendar::rfc3339;
use crate::machine::{Machine, RuleHealth, RunningGroup, RunningRule};
use crate::number::exponential;
use crate::rule::{Labels, Rule, RuleKind};

/// What `/api/v1/rules` answers.
#[derive(Debug, Serialize)]
pub struct Rules {
    groups: Vec<GroupView>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupView {
    name: String,
    file: String,
    rules: Vec<RuleView>,
    interval: Seconds,
    limit: u64,
    evaluation_time: Seconds,
    last_evaluation: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleView {
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    name: String,
    query: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_firing_for: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Labels>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Labels>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alerts: Option<Vec<AlertView>>,
    health: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    evaluation_time: Seconds,
    last_evaluation: String,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// What `/api/v1/alerts` answers.
#[derive(Debug, Serialize)]
pub struct Alerts {
    alerts: Vec<AlertView>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertView {
    labels: Labels,
    annotations: Labels,
    state: &'static str,
    active_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_firing_since: Option<String>,
    value: String,
}

/// Which rules are listed.
#[derive(Clone, Debug, Default)]
pub struct RuleFilter {
    /// `alert` or `record`; both where it is `None`.
    pub kind: Option<String>,
    /// Of these names only, if there are any.
    pub names: Vec<String>,
    /// Of groups of these names only.
    pub groups: Vec<String>,
    /// Of these files only.
    pub files: Vec<String>,
    /// Without their alerts.
    pub exclude_alerts: bool,
}

/// The rules with their states and alerts.
pub fn rules(machine: &Machine, filter: &RuleFilter) -> Rules {
    let wanted = |names: &[String], name: &String| names.is_empty() || names.contains(name);
    let groups = machine.groups().iter().filter(|running| {
        wanted(&filter.groups, &running.group().name)
            && wanted(&filter.files, &running.group().file)
    });
    let views = groups.map(|running| group(running, filter));
    let is_asked = filter.kind.is_some() || !filter.names.is_empty();
    Rules {
        groups: views
            .filter(|group| !is_asked || !group.rules.is_empty())
            .collect(),
    }
}

/// All alerts that are pending or fire.
pub fn alerts(machine: &Machine) -> Alerts {
    Alerts {
        alerts: machine
            .alerts()
            .filter_map(|(_, alert)| view(alert))
            .collect(),
    }
}

fn group(running: &RunningGroup, filter: &RuleFilter) -> GroupView {
    let spec = running.group();
    let rules = running.rules().filter(|(rule, _)| {
        let kind = if rule.alerting().is_some() {
            "alert"
        } else {
            "record"
        };
        filter.kind.as_deref().is_none_or(|wanted| wanted == kind)
            && (filter.names.is_empty() || filter.names.contains(&rule.name))
    });
    GroupView {
        name: spec.name.clone(),
        file: spec.file.clone(),
        rules: rules
            .map(|(rule, running)| rule_view(rule, running, filter))
            .collect(),
        interval: Seconds(spec.interval_ms),
        limit: spec.limit,
        evaluation_time: Seconds(running.took_ms.unsigned_abs()),
        last_evaluation: moment(running.last_ms),
    }
}

fn rule_view(rule: &Rule, running: &RunningRule, filter: &RuleFilter) -> RuleView {
    let texts =
        |templates: &std::collections::BTreeMap<String, crate::template::Template>| -> Labels {
            let texts = templates.iter();
            texts
                .map(|(name, text)| (name.clone(), text.text().to_owned()))
                .collect()
        };
    let labels = texts(&rule.labels);
    let (health, last_error) = match &running.health {
        RuleHealth::Unknown => ("unknown", None),
        RuleHealth::Good => ("ok", None),
        RuleHealth::Failed(why) => ("err", Some(why.clone())),
    };
    let view = RuleView {
        state: None,
        name: rule.name.clone(),
        query: rule.expr.clone(),
        duration: None,
        keep_firing_for: None,
        labels: Some(labels.clone()).filter(|labels| !labels.is_empty()),
        annotations: None,
        alerts: None,
        health,
        last_error,
        evaluation_time: Seconds(running.took_ms.unsigned_abs()),
        last_evaluation: moment(running.last_ms),
        kind: "recording",
    };
    let RuleKind::Alerting(alerting) = &rule.kind else {
        return view;
    };
    let states = running.state.alerts.values().map(|alert| alert.state);
    let worst = states.filter(|state| *state != AlertState::Resolved).max();
    let alerts = running.state.alerts.values().filter_map(self::view);
    RuleView {
        state: Some(worst.map_or("inactive", AlertState::name)),
        duration: Some(Seconds(alerting.hold_ms)),
        keep_firing_for: Some(Seconds(alerting.keep_firing_ms)),
        labels: Some(labels),
        annotations: Some(texts(&alerting.annotations)),
        alerts: (!filter.exclude_alerts).then(|| alerts.collect()),
        kind: "alerting",
        ..view
    }
}

fn view(alert: &Alert) -> Option<AlertView> {
    (alert.state != AlertState::Resolved).then(|| AlertView {
        labels: alert.labels.clone(),
        annotations: alert.annotations.clone(),
        state: alert.state.name(),
        active_at: rfc3339(alert.active_at_ms),
        keep_firing_since: alert.keep_firing_since_ms.map(rfc3339),
        value: exponential(alert.value),
    })
}

/// Milliseconds that are written as seconds, without a point where none is needed.
#[derive(Debug)]
struct Seconds(u64);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 % 1000 {
            0 => serializer.serialize_u64(self.0 / 1000),
            _ => serializer.serialize_f64(self.0 as f64 / 1000.0),
        }
    }
}

fn moment(ms: Option<i64>) -> String {
    ms.map_or_else(|| NEVER.to_owned(), rfc3339)
}
