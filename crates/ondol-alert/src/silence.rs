use std::collections::BTreeMap;

use ondol_model::LabelMatcher;
use serde::{Deserialize, Serialize};

use crate::matcher::{Matcher, matchers};
use crate::rule::Labels;

/// A time in which nobody is told of some alerts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    /// Its name.
    pub id: String,
    /// All must match.
    pub matchers: Vec<LabelMatcher>,
    /// From when.
    pub starts_at_ms: i64,
    /// Until when.
    pub ends_at_ms: i64,
    /// When it was changed last.
    pub updated_at_ms: i64,
    /// Who wants it.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

/// Where a silence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SilenceState {
    /// Nobody is told.
    Active,
    /// It has not begun.
    Pending,
    /// It is over.
    Expired,
}

impl SilenceState {
    /// As Alertmanager calls it.
    pub const fn name(self) -> &'static str {
        match self {
            SilenceState::Active => "active",
            SilenceState::Pending => "pending",
            SilenceState::Expired => "expired",
        }
    }
}

impl Silence {
    /// Where it is.
    pub fn state(&self, now_ms: i64) -> SilenceState {
        match now_ms {
            _ if now_ms >= self.ends_at_ms => SilenceState::Expired,
            _ if now_ms < self.starts_at_ms => SilenceState::Pending,
            _ => SilenceState::Active,
        }
    }
}

/// Why a silence was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SilenceError {
    /// There is none of this name.
    Unknown,
    /// It is over.
    Expired,
    /// There are too many.
    TooMany,
    /// It would silence everything, or nothing.
    Senseless(&'static str),
    /// A pattern is none.
    BadPattern,
}

impl std::fmt::Display for SilenceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SilenceError::Unknown => f.write_str("there is no silence of this id"),
            SilenceError::Expired => f.write_str("this silence is over already"),
            SilenceError::TooMany => {
                write!(f, "there are {SILENCES_MAX} silences, which is the limit")
            }
            SilenceError::Senseless(why) => f.write_str(why),
            SilenceError::BadPattern => f.write_str("a matcher's pattern is not one"),
        }
    }
}

const SILENCES_MAX: usize = 1_000;
const MATCHERS_MAX: usize = 32;
const TEXT_MAX: usize = 4 << 10;
/// How long one that is over is still listed.
const KEPT_MS: i64 = 120 * 60 * 60 * 1000;

/// All silences.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Silences {
    by_id: BTreeMap<String, (Silence, Vec<Matcher>)>,
}

impl Silences {
    pub(crate) fn of(silences: Vec<Silence>) -> Self {
        let mut all = Silences::default();
        for silence in silences {
            if let Ok(ready) = matchers(&silence.matchers) {
                all.by_id.insert(silence.id.clone(), (silence, ready));
            }
        }
        all
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Silence> {
        self.by_id.values().map(|(silence, _)| silence)
    }

    /// Adds one, or changes the one of its id.
    pub(crate) fn set(&mut self, silence: Silence, now_ms: i64) -> Result<(), SilenceError> {
        self.by_id
            .retain(|_, (old, _)| now_ms - old.ends_at_ms <= KEPT_MS);
        if self.by_id.len() >= SILENCES_MAX && !self.by_id.contains_key(&silence.id) {
            return Err(SilenceError::TooMany);
        }
        let senseless = |why| Err(SilenceError::Senseless(why));
        if silence.matchers.len() > MATCHERS_MAX {
            return senseless("a silence has at most 32 matchers");
        }
        if silence.ends_at_ms <= silence.starts_at_ms || silence.ends_at_ms <= now_ms {
            return senseless("a silence ends after it began, and not in the past");
        }
        if silence.comment.len() + silence.created_by.len() > TEXT_MAX {
            return senseless("a silence's comment has at most 4 KiB");
        }
        let ready = matchers(&silence.matchers).map_err(|_| SilenceError::BadPattern)?;
        if ready.iter().all(|matcher| matcher.is_match(&Labels::new())) {
            return senseless("a silence needs a matcher that does not match the empty text");
        }
        self.by_id.insert(silence.id.clone(), (silence, ready));
        Ok(())
    }

    pub(crate) fn expire(&mut self, id: &str, now_ms: i64) -> Result<(), SilenceError> {
        let (silence, _) = self.by_id.get_mut(id).ok_or(SilenceError::Unknown)?;
        match silence.state(now_ms) {
            SilenceState::Expired => return Err(SilenceError::Expired),
            SilenceState::Active => silence.ends_at_ms = now_ms,
            SilenceState::Pending => {
                silence.starts_at_ms = now_ms;
                silence.ends_at_ms = now_ms;
            }
        }
        silence.updated_at_ms = now_ms;
        Ok(())
    }

    /// The ids of those that silence an alert now.
    pub(crate) fn of_alert(&self, labels: &Labels, now_ms: i64) -> Vec<&str> {
        let silences = |(silence, ready): &&(Silence, Vec<Matcher>)| {
            silence.state(now_ms) == SilenceState::Active
                && ready.iter().all(|matcher| matcher.is_match(labels))
        };
        let all = self.by_id.values().filter(silences);
        all.map(|(silence, _)| silence.id.as_str()).collect()
    }
}
