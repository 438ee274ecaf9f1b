//! The rules and receivers of projects, in the words of `x-ondol`, as rules, routes and what is left of the shipped.

mod signal;

use std::collections::BTreeMap;

use ondol_model::{
    AlertCondition, AlertRule, Alerts, LabelMatcher, MatchBy, Receiver, ReceiverKind,
};

use crate::file::parse_rules;
use crate::matcher::{Matcher, matchers};
use crate::routing::{Inhibit, Pace, Route, Routing};
use crate::rule::{Alerting, Except, Group, Rule, RuleKind};
use crate::template::Template;

/// Rules that every Ondol comes with, as a rule file of Prometheus.
pub const SHIPPED: &str = include_str!("shipped.yaml");

/// How often rules of `x-ondol` are evaluated: so often, unless one of them is about less time,
const INTERVAL_MS_MAX: u64 = 10_000;
/// and never more often than that.
const INTERVAL_MS_MIN: u64 = 1_000;

/// What is to be followed and who is told, of all projects of a node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The shipped rules first.
    pub groups: Vec<Group>,
    /// Who is told of what.
    pub routing: Routing,
    /// By which way each receiver of the routing is told.
    pub receivers: BTreeMap<String, ReceiverKind>,
    /// What could not be taken over, a sentence each. The loader has told it before, unless it is older than this.
    pub problems: Vec<String>,
}

/// The plan of these projects.
pub fn plan<'a>(projects: impl IntoIterator<Item = (&'a str, &'a Alerts)>) -> Plan {
    let mut plan = Plan::default();
    let mut excepts: BTreeMap<String, Vec<Except>> = BTreeMap::new();
    for (project, alerts) in projects {
        for rule in &alerts.rules {
            let service = rule.service.as_ref().map(ToString::to_string);
            excepts.entry(rule.name.clone()).or_default().push(Except {
                project: project.to_owned(),
                service,
            });
        }
        plan.project(project, alerts);
    }
    match parse_rules("shipped", SHIPPED, &|_| Ok(())) {
        Ok(mut shipped) => {
            for rule in shipped.iter_mut().flat_map(|group| &mut group.rules) {
                rule.except = excepts.get(&rule.name).cloned().unwrap_or_default();
            }
            plan.groups.splice(0..0, shipped);
        }
        Err(problems) => {
            let sentences = problems
                .iter()
                .map(|problem| format!("shipped rules: {problem}"));
            plan.problems.extend(sentences);
        }
    }
    plan
}

impl Plan {
    fn project(&mut self, project: &str, alerts: &Alerts) {
        let rules = alerts
            .rules
            .iter()
            .filter_map(|rule| self.rule(project, rule, alerts));
        let rules: Vec<Rule> = rules.collect();
        if !rules.is_empty() {
            self.groups.push(Group {
                name: "x-ondol".to_owned(),
                file: project.to_owned(),
                interval_ms: interval_ms(&alerts.rules),
                limit: 0,
                query_offset_ms: 0,
                rules,
            });
        }
        for file in &alerts.files {
            let path = file.path.display().to_string();
            match parse_rules(&path, &file.text, &|_| Ok(())) {
                Ok(groups) => self
                    .groups
                    .extend(groups.into_iter().map(|group| of_project(group, project))),
                Err(problems) => {
                    let sentences = problems.iter().map(|problem| format!("{path}:{problem}"));
                    self.problems.extend(sentences);
                }
            }
        }
        for (name, receiver) in &alerts.receivers {
            let name = format!("{project}/{name}");
            match route(&name, project, receiver) {
                Ok(route) => self.routing.routes.push(route),
                Err(why) => self.problems.push(format!("{name}: {why}")),
            }
            self.receivers.insert(name, receiver.kind.clone());
        }
        for inhibit in &alerts.inhibit {
            let mut inhibit = inhibit.clone();
            inhibit.target.insert(0, of(project));
            match Inhibit::new(&inhibit) {
                Ok(inhibit) => self.routing.inhibit.push(inhibit),
                Err(why) => self.problems.push(format!("{project}: {why}")),
            }
        }
    }

    fn rule(&mut self, project: &str, rule: &AlertRule, alerts: &Alerts) -> Option<Rule> {
        let service = rule.service.as_ref().map(ToString::to_string);
        let (expr, summary) = match rule.condition.as_ref()? {
            AlertCondition::Promql(expr) => (expr.clone(), None),
            AlertCondition::Signal {
                signal,
                comparison,
                threshold,
                over,
            } => {
                let expr = signal::expr(*signal, project, service.as_deref(), *over);
                let sign = comparison.sign();
                let summary = signal::summary(*signal, *comparison, *threshold);
                (format!("{expr} {sign} {threshold}"), Some(summary))
            }
        };
        let mut texts = rule.labels.clone();
        texts.insert("severity".to_owned(), rule.severity.clone());
        texts.insert("project".to_owned(), project.to_owned());
        if let Some(service) = &service {
            texts.insert("service".to_owned(), service.clone());
        }
        let mut annotations = rule.annotations.clone();
        if let Some(summary) = summary {
            annotations.entry("summary".to_owned()).or_insert(summary);
        }
        let named = alerts.rules.iter().filter(|other| other.name == rule.name);
        let except = named
            .filter(|_| service.is_none())
            .filter_map(|other| other.service.as_ref())
            .map(|service| Except {
                project: project.to_owned(),
                service: Some(service.to_string()),
            });
        Some(Rule {
            name: rule.name.clone(),
            expr,
            labels: self.templates(&rule.name, texts),
            kind: RuleKind::Alerting(Alerting {
                hold_ms: milliseconds(rule.hold) as u64,
                keep_firing_ms: milliseconds(rule.keep_firing) as u64,
                annotations: self.templates(&rule.name, annotations),
            }),
            except: except.collect(),
        })
    }

    fn templates(
        &mut self,
        rule: &str,
        texts: BTreeMap<String, String>,
    ) -> BTreeMap<String, Template> {
        let mut templates = BTreeMap::new();
        for (name, text) in texts {
            let template = Template::parse(&text).unwrap_or_else(|why| {
                self.problems.push(format!("{rule}: `{name}`: {why}"));
                Template::literal(&text)
            });
            templates.insert(name, template);
        }
        templates
    }
}

/// Often enough for the shortest time that a rule has to hold.
fn interval_ms(rules: &[AlertRule]) -> u64 {
    let holds = rules.iter().map(|rule| milliseconds(rule.hold) as u64);
    let shortest = holds.filter(|ms| *ms > 0).min();
    shortest.map_or(INTERVAL_MS_MAX, |ms| {
        ms.clamp(INTERVAL_MS_MIN, INTERVAL_MS_MAX)
    })
}

/// Rules of a project's file say which project they are of, unless they say another.
fn of_project(mut group: Group, project: &str) -> Group {
    for rule in &mut group.rules {
        rule.labels
            .entry("project".to_owned())
            .or_insert_with(|| Template::literal(project));
    }
    group
}

/// Alerts of the project, and those of the machine, which have none.
fn of(project: &str) -> LabelMatcher {
    LabelMatcher {
        name: "project".to_owned(),
        by: MatchBy::Matches,
        value: format!("{project}|"),
    }
}

fn route(name: &str, project: &str, receiver: &Receiver) -> Result<Route, String> {
    let mut all = vec![Matcher::new(of(project))?];
    all.extend(matchers(&receiver.matchers)?);
    let pace = match receiver.kind {
        ReceiverKind::Alertmanager { .. } => Pace::Fed,
        _ => Pace::Grouped {
            group_by: receiver.group_by.clone(),
            wait_ms: milliseconds(receiver.group_wait),
            interval_ms: milliseconds(receiver.group_interval).max(1_000),
            repeat_ms: milliseconds(receiver.repeat_interval).max(1_000),
            send_resolved: receiver.send_resolved,
        },
    };
    Ok(Route {
        receiver: name.to_owned(),
        matchers: all,
        pace,
    })
}

fn milliseconds(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 4)
}
