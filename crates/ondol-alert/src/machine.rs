//! The machine: what is to be asked, written, sent and kept, from what happened.

mod evaluation;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::active::{Alert, AlertState, RuleState};
use crate::dispatch::{DeliveryCounts, Dispatch, ToldGroup};
use crate::notice::{Delivery, DeliveryError};
use crate::routing::Routing;
use crate::rule::{Group, Labels, Rule};
use crate::sample::{QueryResult, Sample};
use crate::silence::{Silence, SilenceError, Silences};
pub(crate) use evaluation::fnv1a;
pub use evaluation::{RuleHealth, RunningGroup, RunningRule};

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// Time went by.
    Tick,
    /// These are the rules from now on.
    Rules(Vec<Group>),
    /// These are told from now on.
    Routing(Routing),
    /// What a group asked was answered.
    Answer {
        /// [`Group::id`].
        group: String,
        /// The query.
        expr: String,
        /// Its result, or why there is none.
        result: QueryResult,
    },
    /// What became of a delivery.
    Delivered {
        /// [`Delivery::id`].
        id: u64,
        /// Whether it arrived.
        outcome: Result<(), DeliveryError>,
    },
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Evaluate a query at a moment, and answer.
    Ask {
        /// [`Group::id`]; it asks nothing else until this is answered.
        group: String,
        /// PromQL.
        expr: String,
        /// Milliseconds of Unix time.
        at_ms: i64,
    },
    /// Write samples.
    Write {
        /// Of all of them.
        at_ms: i64,
        /// Each with its series.
        samples: Vec<Sample>,
        /// Series that end here.
        stale: Vec<Labels>,
    },
    /// Tell somebody, and say what became of it.
    Send(Delivery),
    /// Keep [`Machine::durable`]: something is to survive a restart.
    Save,
    /// An alert fires or is over.
    Turned(Alert),
}

/// What survives a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Durable {
    /// When this was so.
    pub at_ms: i64,
    /// Alerts by the rule that they are of.
    pub alerts: Vec<DurableAlert>,
    /// All silences.
    pub silences: Vec<Silence>,
    /// What receivers were told.
    pub told: Vec<ToldGroup>,
}

/// An alert that survives a restart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DurableAlert {
    /// [`Group::id`].
    pub group: String,
    /// [`Rule::id`].
    pub rule: String,
    /// As it was.
    pub alert: Alert,
}

/// How often what survives is kept while nothing turns, so that a restart knows how long it was away.
const SAVE_EVERY_MS: i64 = 60_000;

/// How long after a restart rules may still come back to their alerts.
const RESTORED_KEPT_MS: i64 = 60 * 60 * 1000;

/// All of alerting but the doing.
#[derive(Debug)]
pub struct Machine {
    external_labels: Labels,
    external_url: String,
    groups: Vec<RunningGroup>,
    dispatch: Dispatch,
    silences: Silences,
    /// Alerts whose rules have not come back since the restart.
    restored: BTreeMap<(String, String), Vec<Alert>>,
    restored_until_ms: i64,
    saved_at_ms: i64,
    unsaved: bool,
}

impl Machine {
    /// A machine that goes on where `durable` ended; without one it begins anew.
    pub fn new(durable: Durable, now_ms: i64) -> Self {
        let mut machine = Machine {
            external_labels: Labels::new(),
            external_url: String::new(),
            groups: Vec::new(),
            dispatch: Dispatch::default(),
            silences: Silences::of(durable.silences),
            restored: BTreeMap::new(),
            restored_until_ms: now_ms + RESTORED_KEPT_MS,
            saved_at_ms: now_ms,
            unsaved: false,
        };
        machine.dispatch.restore(durable.told);
        // Time in which nobody looked does not count for `for`.
        let away_ms = (now_ms - durable.at_ms).max(0);
        for mut kept in durable.alerts {
            if kept.alert.state == AlertState::Pending {
                kept.alert.active_at_ms += away_ms;
            }
            let rule = (kept.group, kept.rule);
            machine.restored.entry(rule).or_default().push(kept.alert);
        }
        machine
    }

    /// Where people find this telemetry; links and `$externalURL` begin with it.
    pub fn set_external_url(&mut self, url: &str) {
        url.clone_into(&mut self.external_url);
    }

    /// Takes in what happened, and says what is to be done, in this order.
    pub fn handle(&mut self, event: Event, now_ms: i64) -> Vec<Action> {
        let mut actions = Vec::new();
        if now_ms > self.restored_until_ms {
            self.restored.clear();
        }
        match event {
            Event::Tick => {}
            Event::Rules(groups) => self.set_rules(groups, now_ms, &mut actions),
            Event::Routing(routing) => {
                if routing != *self.dispatch.routing() {
                    self.dispatch.set_routing(routing, now_ms);
                }
            }
            Event::Answer {
                group,
                expr,
                result,
            } => {
                self.answered(&group, expr, result, now_ms, &mut actions);
            }
            Event::Delivered { id, outcome } => {
                self.unsaved |= self.dispatch.delivered(id, outcome, now_ms);
            }
        }
        self.begin_evaluations(now_ms, &mut actions);
        let due = self.dispatch.due(&self.silences, now_ms);
        actions.extend(due.into_iter().map(Action::Send));
        let has_alerts = || self.alerts().next().is_some();
        if self.unsaved || (now_ms - self.saved_at_ms >= SAVE_EVERY_MS && has_alerts()) {
            self.unsaved = false;
            self.saved_at_ms = now_ms;
            actions.push(Action::Save);
        }
        actions
    }

    /// When [`Event::Tick`] is due, if nothing else happens before.
    pub fn wake_at_ms(&self) -> Option<i64> {
        let groups = self.groups.iter().filter_map(RunningGroup::wake_at_ms);
        groups.chain(self.dispatch.wake_at_ms()).min()
    }

    /// Adds a silence, or changes the one of its id. It is to be kept.
    ///
    /// # Errors
    ///
    /// That it is one too many, or makes no sense.
    pub fn silence(&mut self, silence: Silence, now_ms: i64) -> Result<(), SilenceError> {
        self.silences.set(silence, now_ms)?;
        self.unsaved = true;
        Ok(())
    }

    /// Ends a silence.
    ///
    /// # Errors
    ///
    /// That there is none, or that it is over.
    pub fn expire(&mut self, id: &str, now_ms: i64) -> Result<(), SilenceError> {
        self.silences.expire(id, now_ms)?;
        self.unsaved = true;
        Ok(())
    }

    /// What is to survive a restart.
    pub fn durable(&self, now_ms: i64) -> Durable {
        let running = self.groups.iter().flat_map(|group| {
            let id = group.group().id();
            group.rules().flat_map(move |(rule, running)| {
                let (id, rule) = (id.clone(), rule.id());
                running
                    .state
                    .alerts
                    .values()
                    .map(move |alert| DurableAlert {
                        group: id.clone(),
                        rule: rule.clone(),
                        alert: alert.clone(),
                    })
            })
        });
        // Those of rules that are not there yet: a project that has not come back.
        let waiting = self.restored.iter().flat_map(|((group, rule), alerts)| {
            alerts.iter().map(|alert| DurableAlert {
                group: group.clone(),
                rule: rule.clone(),
                alert: alert.clone(),
            })
        });
        Durable {
            at_ms: now_ms,
            alerts: running.chain(waiting).collect(),
            silences: self.silences.iter().cloned().collect(),
            told: self.dispatch.told(),
        }
    }

    /// The rules, with how they are.
    pub fn groups(&self) -> &[RunningGroup] {
        &self.groups
    }

    /// All alerts, also those that ended lately, each with its rule.
    pub fn alerts(&self) -> impl Iterator<Item = (&Rule, &Alert)> {
        self.groups.iter().flat_map(|group| {
            group.rules().flat_map(|(rule, running)| {
                running
                    .state
                    .alerts
                    .values()
                    .map(move |alert| (rule, alert))
            })
        })
    }

    /// All silences, also those that are over.
    pub fn silences(&self) -> impl Iterator<Item = &Silence> {
        self.silences.iter()
    }

    /// Ids of the silences that an alert is under.
    pub fn silenced_by(&self, labels: &Labels, now_ms: i64) -> Vec<&str> {
        self.silences.of_alert(labels, now_ms)
    }

    /// Labels of the alerts that make this one superfluous.
    pub fn inhibited_by(&self, labels: &Labels) -> Vec<&Labels> {
        self.dispatch.inhibited_by(labels)
    }

    /// Names of the receivers that an alert goes to.
    pub fn receivers_of(&self, labels: &Labels) -> Vec<&str> {
        self.dispatch.receivers_of(labels)
    }

    /// Who is told of what.
    pub fn routing(&self) -> &Routing {
        self.dispatch.routing()
    }

    /// What became of deliveries to each receiver since the start, and its last failure if nothing arrived since.
    pub fn deliveries(&self) -> impl Iterator<Item = (&str, DeliveryCounts, Option<&str>)> {
        self.dispatch.counts.iter().map(|(receiver, counts)| {
            let failure = self.dispatch.failures.get(receiver);
            (receiver.as_str(), *counts, failure.map(String::as_str))
        })
    }
}

/// The states of one rule, from before a restart.
fn restored(alerts: Vec<Alert>) -> RuleState {
    let mut state = RuleState::default();
    for alert in alerts {
        state.alerts.insert(alert.labels.clone(), alert);
    }
    state
}
