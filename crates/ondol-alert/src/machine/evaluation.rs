//! Groups of rules in time: when each is evaluated, what it asks, and what becomes of the answers.

use std::collections::BTreeMap;

use super::{Action, Machine, restored};
use crate::active::{Alert, AlertState, Evaluated, RuleState, Surroundings, Unevaluated};
use crate::dispatch::RESEND_MS;
use crate::notice::Notice;
use crate::rule::{Group, Rule};
use crate::sample::QueryResult;

/// Queries that the templates of one rule may ask in one evaluation.
const ASKED_MAX: usize = 50;

/// A group, and how it is.
#[derive(Debug)]
pub struct RunningGroup {
    group: Group,
    rules: Vec<RunningRule>,
    /// When it is evaluated next.
    next_ms: i64,
    evaluation: Option<Evaluation>,
    /// When it was evaluated last.
    pub last_ms: Option<i64>,
    /// How long that took.
    pub took_ms: i64,
    /// Evaluations that were left out because the one before took too long.
    pub missed: u64,
}

/// A rule, and how it is.
#[derive(Debug, Default)]
pub struct RunningRule {
    /// Its alerts.
    pub state: RuleState,
    /// How its last evaluation went.
    pub health: RuleHealth,
    /// When that was.
    pub last_ms: Option<i64>,
    /// How long it took.
    pub took_ms: i64,
}

/// How the last evaluation of a rule went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RuleHealth {
    /// There was none.
    #[default]
    Unknown,
    /// Well.
    Good,
    /// It failed.
    Failed(String),
}

/// An evaluation that is going on.
#[derive(Debug)]
struct Evaluation {
    at_ms: i64,
    begun_ms: i64,
    rule: usize,
    rule_begun_ms: i64,
    asked: String,
    answers: BTreeMap<String, QueryResult>,
}

impl RunningGroup {
    /// What it is.
    pub fn group(&self) -> &Group {
        &self.group
    }

    /// Its rules, each with how it is.
    pub fn rules(&self) -> impl Iterator<Item = (&Rule, &RunningRule)> {
        self.group.rules.iter().zip(&self.rules)
    }

    pub(super) fn wake_at_ms(&self) -> Option<i64> {
        self.evaluation.is_none().then_some(self.next_ms)
    }

    /// The moments of evaluation are multiples of the interval, shifted so that not all groups are evaluated at once.
    fn moment_behind(group: &Group, now_ms: i64) -> i64 {
        let interval = interval_ms(group);
        let shift = (fnv1a(group.id().as_bytes()) % interval.unsigned_abs()) as i64;
        (now_ms - shift).div_euclid(interval) * interval + interval + shift
    }

    fn ask(&self, rule: usize, expr: &str, at_ms: i64) -> Action {
        debug_assert!(rule < self.rules.len());
        let offset = i64::try_from(self.group.query_offset_ms).unwrap_or(0);
        Action::Ask {
            group: self.group.id(),
            expr: expr.to_owned(),
            at_ms: at_ms - offset,
        }
    }
}

impl Machine {
    pub(super) fn set_rules(&mut self, groups: Vec<Group>, now_ms: i64, actions: &mut Vec<Action>) {
        let mut old: BTreeMap<String, RunningGroup> = std::mem::take(&mut self.groups)
            .into_iter()
            .map(|running| (running.group.id(), running))
            .collect();
        for group in groups {
            let id = group.id();
            let before = old.remove(&id);
            let running = self.taken_over(group, before, now_ms, actions);
            self.groups.push(running);
        }
        for (_, running) in old {
            for rule in running.rules {
                self.ended(rule.state, now_ms, actions);
            }
        }
        self.unsaved = true;
    }

    /// A group with the states that its rules had before, under the same name, or before the restart.
    fn taken_over(
        &mut self,
        group: Group,
        before: Option<RunningGroup>,
        now_ms: i64,
        actions: &mut Vec<Action>,
    ) -> RunningGroup {
        let same_pace = before
            .as_ref()
            .filter(|old| old.group.interval_ms == group.interval_ms);
        let next_ms = same_pace.map(|old| old.next_ms);
        let mut states: BTreeMap<String, Vec<RunningRule>> = BTreeMap::new();
        if let Some(old) = before {
            for (rule, running) in old.group.rules.iter().zip(old.rules) {
                states.entry(rule.id()).or_default().insert(0, running);
            }
        }
        let mut rules = Vec::new();
        for rule in &group.rules {
            let id = rule.id();
            let kept = self.restored.remove(&(group.id(), id.clone()));
            let running = states.get_mut(&id).and_then(Vec::pop);
            let running = running.unwrap_or_else(|| RunningRule {
                state: kept.map(restored).unwrap_or_default(),
                ..RunningRule::default()
            });
            for alert in running.state.alerts.values() {
                self.tell(&group, rule, alert, now_ms);
            }
            rules.push(running);
        }
        for running in states.into_values().flatten() {
            self.ended(running.state, now_ms, actions);
        }
        RunningGroup {
            next_ms: next_ms.unwrap_or_else(|| RunningGroup::moment_behind(&group, now_ms)),
            group,
            rules,
            evaluation: None,
            last_ms: None,
            took_ms: 0,
            missed: 0,
        }
    }

    /// A rule is no more: its alerts are over, its series end.
    fn ended(&mut self, state: RuleState, now_ms: i64, actions: &mut Vec<Action>) {
        for alert in state.alerts.values() {
            if let Some(firing) = self.dispatch.firing(&alert.labels) {
                let over = Notice {
                    ends_at_ms: Some(now_ms),
                    ..firing.clone()
                };
                self.dispatch.put(over, now_ms);
            }
        }
        let stale = state.into_stale();
        if !stale.is_empty() {
            actions.push(Action::Write {
                at_ms: now_ms,
                samples: Vec::new(),
                stale,
            });
        }
    }

    pub(super) fn begin_evaluations(&mut self, now_ms: i64, actions: &mut Vec<Action>) {
        for running in &mut self.groups {
            if now_ms < running.next_ms {
                continue;
            }
            let at_ms = running.next_ms;
            let interval = interval_ms(&running.group);
            // A clock that jumped, or a machine that slept: what was missed is not made up for.
            let late = (now_ms - at_ms).div_euclid(interval);
            running.next_ms = at_ms + (late + 1) * interval;
            running.missed += late.unsigned_abs();
            if running.evaluation.is_some() {
                running.missed += 1;
                continue;
            }
            let at_ms = at_ms + late * interval;
            let Some(first) = running.group.rules.first() else {
                running.last_ms = Some(at_ms);
                continue;
            };
            actions.push(running.ask(0, &first.expr, at_ms));
            running.evaluation = Some(Evaluation {
                at_ms,
                begun_ms: now_ms,
                rule: 0,
                rule_begun_ms: now_ms,
                asked: first.expr.clone(),
                answers: BTreeMap::new(),
            });
        }
    }

    pub(super) fn answered(
        &mut self,
        id: &str,
        expr: String,
        result: QueryResult,
        now_ms: i64,
        actions: &mut Vec<Action>,
    ) {
        let Some(at) = self
            .groups
            .iter()
            .position(|running| running.group.id() == id)
        else {
            return;
        };
        let running = &mut self.groups[at];
        let Some(mut evaluation) = running.evaluation.take() else {
            return;
        };
        if evaluation.asked != expr {
            // Asked before the rules changed.
            running.evaluation = Some(evaluation);
            return;
        }
        evaluation.answers.insert(expr, result);
        let outcome = advance(
            running,
            &evaluation,
            &self.external_labels,
            &self.external_url,
        );
        if let Err(Unevaluated::Asks(expr)) = outcome {
            actions.push(running.ask(evaluation.rule, &expr, evaluation.at_ms));
            evaluation.asked = expr;
            running.evaluation = Some(evaluation);
            return;
        }
        let rule = &mut running.rules[evaluation.rule];
        rule.last_ms = Some(evaluation.at_ms);
        rule.took_ms = now_ms - evaluation.rule_begun_ms;
        rule.health = match &outcome {
            Ok(_) => RuleHealth::Good,
            Err(Unevaluated::Failed(why) | Unevaluated::Asks(why)) => {
                RuleHealth::Failed(why.clone())
            }
        };
        let (index, at_ms) = (evaluation.rule, evaluation.at_ms);
        evaluation.rule += 1;
        evaluation.rule_begun_ms = now_ms;
        evaluation.answers.clear();
        let next = running
            .group
            .rules
            .get(evaluation.rule)
            .map(|rule| rule.expr.clone());
        let asks = next
            .as_ref()
            .map(|expr| running.ask(evaluation.rule, expr, at_ms));
        match next {
            Some(expr) => {
                evaluation.asked = expr;
                running.evaluation = Some(evaluation);
            }
            None => {
                running.last_ms = Some(at_ms);
                running.took_ms = now_ms - evaluation.begun_ms;
            }
        }
        if let Ok(evaluated) = outcome {
            self.evaluated(at, index, evaluated, at_ms, now_ms, actions);
        }
        // What this rule wrote is there before the next one asks.
        actions.extend(asks);
    }

    fn evaluated(
        &mut self,
        group: usize,
        rule: usize,
        evaluated: Evaluated,
        at_ms: i64,
        now_ms: i64,
        actions: &mut Vec<Action>,
    ) {
        let running = &self.groups[group];
        let offset = i64::try_from(running.group.query_offset_ms).unwrap_or(0);
        if !evaluated.samples.is_empty() || !evaluated.stale.is_empty() {
            actions.push(Action::Write {
                at_ms: at_ms - offset,
                samples: evaluated.samples,
                stale: evaluated.stale,
            });
        }
        self.unsaved |= !evaluated.changed.is_empty();
        let (spec, state) = (
            running.group.rules[rule].clone(),
            &running.rules[rule].state,
        );
        let alerts: Vec<Alert> = state.alerts.values().cloned().collect();
        let of_group = Group {
            rules: Vec::new(),
            ..running.group.clone()
        };
        for alert in alerts {
            self.tell(&of_group, &spec, &alert, now_ms);
            if alert.state != AlertState::Pending && evaluated.changed.contains(&alert.labels) {
                actions.push(Action::Turned(alert));
            }
        }
    }

    /// Lets receivers know of an alert as it is.
    fn tell(&mut self, group: &Group, rule: &Rule, alert: &Alert, now_ms: i64) {
        let Some(fired_at_ms) = alert.fired_at_ms else {
            return;
        };
        let notice = Notice {
            labels: alert.labels.clone(),
            annotations: alert.annotations.clone(),
            starts_at_ms: fired_at_ms,
            ends_at_ms: alert.resolved_at_ms,
            valid_ms: 4 * interval_ms(group).max(RESEND_MS),
            expr: rule.expr.clone(),
        };
        self.dispatch.put(notice, now_ms);
    }
}

/// Moves the rule of an evaluation on with what was answered so far.
fn advance(
    running: &mut RunningGroup,
    evaluation: &Evaluation,
    external_labels: &crate::rule::Labels,
    external_url: &str,
) -> Result<Evaluated, Unevaluated> {
    let rule = &running.group.rules[evaluation.rule];
    let vector = match evaluation.answers.get(&rule.expr) {
        Some(Ok(vector)) => vector,
        Some(Err(why)) => return Err(Unevaluated::Failed(why.clone())),
        None => return Err(Unevaluated::Asks(rule.expr.clone())),
    };
    let answers = |expr: &str| evaluation.answers.get(expr).cloned();
    let around = Surroundings {
        external_labels,
        external_url,
        answers: &answers,
    };
    let state = &mut running.rules[evaluation.rule].state;
    let outcome = state.advance(&running.group, rule, vector, &around, evaluation.at_ms);
    match outcome {
        Err(Unevaluated::Asks(_)) if evaluation.answers.len() > ASKED_MAX => Err(
            Unevaluated::Failed(format!("its templates ask more than {ASKED_MAX} queries")),
        ),
        outcome => outcome,
    }
}

fn interval_ms(group: &Group) -> i64 {
    i64::try_from(group.interval_ms)
        .unwrap_or(i64::MAX / 4)
        .max(1)
}

/// FNV-1a, 64 bits.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
