//! Alerts that are told together, and when they are told: Alertmanager's rules.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Muted;
use super::feed::backoff_ms;
use crate::notice::{DeliveryError, GroupNotice, Notice};
use crate::routing::{Pace, Route};
use crate::rule::Labels;

/// Alerts of one message.
const ALERTS_MAX: usize = 500;

/// What a receiver knows of a group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// Alerts that it knows to fire.
    pub firing: BTreeSet<Labels>,
    /// Alerts whose end it knows.
    pub resolved: BTreeSet<Labels>,
    /// When it was told last.
    pub at_ms: i64,
}

#[derive(Debug)]
pub(super) struct Gathering {
    alerts: BTreeMap<Labels, Notice>,
    pub(super) told: Option<Told>,
    /// When it is looked at next.
    next_ms: i64,
    /// When a message that failed is given up.
    until_ms: i64,
    attempts: u32,
    /// What is on its way.
    telling: Option<Told>,
    /// There is nothing left to tell.
    over: bool,
}

impl Gathering {
    pub(super) fn new(told: Option<Told>, next_ms: i64) -> Self {
        Gathering {
            alerts: BTreeMap::new(),
            told,
            next_ms,
            until_ms: 0,
            attempts: 0,
            telling: None,
            over: false,
        }
    }

    pub(super) fn put(&mut self, notice: Notice) {
        self.over = false;
        self.alerts.insert(notice.labels.clone(), notice);
    }

    pub(super) fn is_over(&self) -> bool {
        self.over && self.telling.is_none()
    }

    pub(super) fn wake_at_ms(&self) -> Option<i64> {
        self.telling.is_none().then_some(self.next_ms)
    }

    /// The message that is due, if the receiver does not know it all.
    pub(super) fn due(
        &mut self,
        route: &Route,
        labels: &Labels,
        muted: &Muted,
        now_ms: i64,
    ) -> Option<GroupNotice> {
        let Pace::Grouped {
            interval_ms,
            repeat_ms,
            send_resolved,
            ..
        } = route.pace
        else {
            return None;
        };
        if self.telling.is_some() || now_ms < self.next_ms {
            return None;
        }
        let is_retry = self.attempts > 0 && now_ms < self.until_ms;
        if !is_retry {
            self.attempts = 0;
            self.until_ms = now_ms + interval_ms;
        }
        self.next_ms = now_ms + interval_ms;
        let audible = self
            .alerts
            .values()
            .filter(|alert| !muted.contains(&alert.labels));
        let (over, firing): (Vec<_>, Vec<_>) = audible.partition(|alert| alert.is_resolved());
        let names = |alerts: &[&Notice]| alerts.iter().map(|alert| alert.labels.clone()).collect();
        let telling = Told {
            firing: names(&firing),
            resolved: names(&over),
            at_ms: now_ms,
        };
        if !is_news(self.told.as_ref(), &telling, send_resolved, repeat_ms) {
            self.forget(muted);
            return None;
        }
        let told: Vec<&Notice> = match send_resolved {
            true => firing.into_iter().chain(over).collect(),
            false => firing,
        };
        if told.is_empty() {
            // Only ends, and it does not want to hear of them.
            self.told = Some(telling);
            self.forget(muted);
            return None;
        }
        let notice = GroupNotice {
            key: format!("{}:{}", route.key(), print(labels)),
            labels: labels.clone(),
            truncated: told.len().saturating_sub(ALERTS_MAX),
            alerts: told.into_iter().take(ALERTS_MAX).cloned().collect(),
        };
        self.telling = Some(telling);
        Some(notice)
    }

    pub(super) fn delivered(&mut self, outcome: &Result<(), DeliveryError>, now_ms: i64) {
        let Some(telling) = self.telling.take() else {
            return;
        };
        match outcome {
            Ok(()) => {
                self.attempts = 0;
                // Those whose end was told, unless they fire again since.
                self.alerts.retain(|labels, alert| {
                    !alert.is_resolved() || !telling.resolved.contains(labels)
                });
                self.told = Some(telling);
                self.over = self.alerts.is_empty();
            }
            Err(error) if error.is_passing => {
                self.attempts += 1;
                self.next_ms = (now_ms + backoff_ms(self.attempts)).min(self.until_ms.max(now_ms));
            }
            Err(_) => self.attempts = 0,
        }
    }

    /// Drops alerts that are over and that the receiver need not hear of.
    fn forget(&mut self, muted: &Muted) {
        let told = self.told.as_ref();
        self.alerts.retain(|labels, alert| {
            let is_known = told.is_some_and(|told| told.firing.contains(labels));
            !alert.is_resolved() || (is_known && muted.contains(labels))
        });
        self.over = self.alerts.is_empty();
    }
}

/// Whether a receiver that knows `told` has to hear `now`.
fn is_news(told: Option<&Told>, now: &Told, send_resolved: bool, repeat_ms: i64) -> bool {
    let Some(told) = told else {
        return !now.firing.is_empty();
    };
    if !now.firing.is_subset(&told.firing) {
        return true;
    }
    if now.firing.is_empty() {
        return !told.firing.is_empty() && !now.resolved.is_empty();
    }
    (send_resolved && !now.resolved.is_subset(&told.resolved))
        || now.at_ms - told.at_ms >= repeat_ms
}

/// As Go prints a set of labels.
fn print(labels: &Labels) -> String {
    let texts: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v:?}")).collect();
    format!("{{{}}}", texts.join(", "))
}
