use serde::{Deserialize, Serialize};

use crate::rule::Labels;

/// An alert as people are told of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// What makes it this alert.
    pub labels: Labels,
    /// What is said about it.
    pub annotations: Labels,
    /// When it began to fire.
    pub starts_at_ms: i64,
    /// When it ended; `None` while it fires.
    pub ends_at_ms: Option<i64>,
    /// How long one that is not told again is believed to fire; for an Alertmanager.
    pub valid_ms: i64,
    /// Its query.
    pub expr: String,
}

impl Notice {
    /// Whether it is over.
    pub fn is_resolved(&self) -> bool {
        self.ends_at_ms.is_some()
    }
}

/// Alerts that are told together.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupNotice {
    /// What no other group of any receiver is called.
    pub key: String,
    /// What its alerts have in common by the receiver's wish.
    pub labels: Labels,
    /// Those that fire first, by their labels.
    pub alerts: Vec<Notice>,
    /// Alerts of the group that are left out, because there are too many.
    pub truncated: usize,
}

impl GroupNotice {
    /// Whether any of them fires.
    pub fn is_firing(&self) -> bool {
        self.alerts.iter().any(|alert| !alert.is_resolved())
    }

    /// Labels that all have, with the same values.
    pub fn common_labels(&self) -> Labels {
        common(self.alerts.iter().map(|alert| &alert.labels))
    }

    /// Annotations that all have, with the same texts.
    pub fn common_annotations(&self) -> Labels {
        common(self.alerts.iter().map(|alert| &alert.annotations))
    }
}

fn common<'a>(mut all: impl Iterator<Item = &'a Labels>) -> Labels {
    let mut common = all.next().cloned().unwrap_or_default();
    for labels in all {
        common.retain(|name, value| labels.get(name) == Some(value));
    }
    common
}

/// What is to be brought to a receiver. One of them at a time is on its way to each group.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// By which its outcome is told.
    pub id: u64,
    /// Whom it is for.
    pub receiver: String,
    /// What to say.
    pub message: Message,
}

/// What to say to a receiver.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// A group of alerts; for people.
    Group(GroupNotice),
    /// Single alerts; for an Alertmanager.
    Alerts(Vec<Notice>),
}

/// Why something was not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryError {
    /// Whether another attempt may go better.
    pub is_passing: bool,
    /// One sentence.
    pub message: String,
}
