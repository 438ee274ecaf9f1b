//! Alertmanager's API v2: what is posted to a real one, and the part of it that `amtool` and Grafana ask ours for.

use ondol_model::{LabelMatcher, MatchBy};
use serde::{Deserialize, Serialize};

use super::{fingerprint, generator_url};
use crate::active::AlertState;
use crate::calendar::{parse_rfc3339, rfc3339};
use crate::machine::Machine;
use crate::notice::Notice;
use crate::rule::{ALERT_NAME, Labels};
use crate::silence::Silence;

/// An alert as it is posted.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PostableAlert {
    labels: Labels,
    annotations: Labels,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: String,
}

/// What is posted to `/api/v2/alerts`. One that fires says until when that is believed.
pub fn postable(notices: &[Notice], external_url: &str, now_ms: i64) -> Vec<PostableAlert> {
    let alert = |notice: &Notice| PostableAlert {
        labels: notice.labels.clone(),
        annotations: notice.annotations.clone(),
        starts_at: rfc3339(notice.starts_at_ms),
        ends_at: rfc3339(notice.ends_at_ms.unwrap_or(now_ms + notice.valid_ms)),
        generator_url: generator_url(external_url, &notice.expr),
    };
    notices.iter().map(alert).collect()
}

/// An alert as it is listed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GettableAlert {
    annotations: Labels,
    ends_at: String,
    fingerprint: String,
    receivers: Vec<Named>,
    starts_at: String,
    status: AlertStatus,
    updated_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    labels: Labels,
}

/// A receiver.
#[derive(Debug, Serialize)]
pub struct Named {
    /// Its name.
    pub name: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertStatus {
    inhibited_by: Vec<String>,
    silenced_by: Vec<String>,
    state: &'static str,
}

/// Which alerts are listed.
#[derive(Clone, Debug)]
pub struct AlertFilter {
    /// Those that nobody silences.
    pub active: bool,
    /// Those under a silence.
    pub silenced: bool,
    /// Those that others make superfluous.
    pub inhibited: bool,
    /// All must match.
    pub matchers: Vec<crate::matcher::Matcher>,
    /// Only what this receiver gets, by a pattern of its whole name.
    pub receiver: Option<crate::matcher::Matcher>,
}

/// Alerts that fire, as `/api/v2/alerts` lists them.
pub fn alerts(
    machine: &Machine,
    filter: &AlertFilter,
    external_url: &str,
    now_ms: i64,
) -> Vec<GettableAlert> {
    let mut listed = Vec::new();
    for (rule, alert) in machine
        .alerts()
        .filter(|(_, alert)| alert.state == AlertState::Firing)
    {
        let silenced_by = machine.silenced_by(&alert.labels, now_ms);
        let inhibited_by = machine.inhibited_by(&alert.labels);
        let is_audible = silenced_by.is_empty() && inhibited_by.is_empty();
        let receivers = machine.receivers_of(&alert.labels);
        let is_received = filter.receiver.as_ref().is_none_or(|wanted| {
            receivers
                .iter()
                .any(|name| wanted.is_match(&named_labels(name)))
        });
        let is_listed = (filter.active || !is_audible)
            && (filter.silenced || silenced_by.is_empty())
            && (filter.inhibited || inhibited_by.is_empty())
            && filter
                .matchers
                .iter()
                .all(|matcher| matcher.is_match(&alert.labels))
            && is_received;
        if !is_listed {
            continue;
        }
        let named = |name: &&str| Named {
            name: (*name).to_owned(),
        };
        listed.push(GettableAlert {
            annotations: alert.annotations.clone(),
            ends_at: rfc3339(now_ms + 4 * crate::dispatch::RESEND_MS),
            fingerprint: fingerprint(&alert.labels),
            receivers: receivers.iter().map(named).collect(),
            starts_at: rfc3339(alert.fired_at_ms.unwrap_or(alert.active_at_ms)),
            status: AlertStatus {
                inhibited_by: inhibited_by.into_iter().map(fingerprint).collect(),
                silenced_by: silenced_by.into_iter().map(str::to_owned).collect(),
                state: if is_audible { "active" } else { "suppressed" },
            },
            updated_at: rfc3339(now_ms),
            generator_url: generator_url(external_url, &rule.expr),
            labels: alert.labels.clone(),
        });
    }
    listed.sort_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
    listed
}

/// The label under which [`AlertFilter::receiver`] looks for a receiver's name.
pub const RECEIVER: &str = "receiver";

fn named_labels(receiver: &str) -> Labels {
    Labels::from([(RECEIVER.to_owned(), receiver.to_owned())])
}

/// A silence as it is listed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GettableSilence {
    id: String,
    status: SilenceStatus,
    updated_at: String,
    comment: String,
    created_by: String,
    ends_at: String,
    matchers: Vec<WireMatcher>,
    starts_at: String,
}

#[derive(Debug, Serialize)]
struct SilenceStatus {
    state: &'static str,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireMatcher {
    #[serde(default = "yes")]
    is_equal: bool,
    is_regex: bool,
    name: String,
    value: String,
}

fn yes() -> bool {
    true
}

/// A silence as `/api/v2/silence/{id}` shows it.
pub fn silence(silence: &Silence, now_ms: i64) -> GettableSilence {
    let matcher = |matcher: &LabelMatcher| WireMatcher {
        is_equal: matches!(matcher.by, MatchBy::Equal | MatchBy::Matches),
        is_regex: matches!(matcher.by, MatchBy::Matches | MatchBy::MatchesNot),
        name: matcher.name.clone(),
        value: matcher.value.clone(),
    };
    GettableSilence {
        id: silence.id.clone(),
        status: SilenceStatus {
            state: silence.state(now_ms).name(),
        },
        updated_at: rfc3339(silence.updated_at_ms),
        comment: silence.comment.clone(),
        created_by: silence.created_by.clone(),
        ends_at: rfc3339(silence.ends_at_ms),
        matchers: silence.matchers.iter().map(matcher).collect(),
        starts_at: rfc3339(silence.starts_at_ms),
    }
}

/// Whether the filters of a list of silences let one through: it has to have each of these matchers' labels matched
/// by its own values.
pub fn silence_has(silence: &Silence, filters: &[crate::matcher::Matcher]) -> bool {
    let values = silence
        .matchers
        .iter()
        .map(|m| (m.name.clone(), m.value.clone()));
    let labels: Labels = values.collect();
    filters.iter().all(|filter| filter.is_match(&labels))
}

/// A silence as it is posted.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PostableSilence {
    /// Of the one that it changes; nothing or empty for a new one.
    #[serde(default)]
    pub id: Option<String>,
    matchers: Vec<WireMatcher>,
    starts_at: String,
    ends_at: String,
    created_by: String,
    comment: String,
}

impl PostableSilence {
    /// The silence that is meant, under this id.
    ///
    /// # Errors
    ///
    /// A time that is none.
    pub fn into_silence(self, id: String, now_ms: i64) -> Result<Silence, String> {
        let time = |text: &str| {
            parse_rfc3339(text)
                .ok_or_else(|| format!("{text:?} is not a time such as {}", rfc3339(now_ms)))
        };
        let matcher = |matcher: &WireMatcher| LabelMatcher {
            name: matcher.name.clone(),
            by: match (matcher.is_equal, matcher.is_regex) {
                (true, false) => MatchBy::Equal,
                (false, false) => MatchBy::NotEqual,
                (true, true) => MatchBy::Matches,
                (false, true) => MatchBy::MatchesNot,
            },
            value: matcher.value.clone(),
        };
        Ok(Silence {
            id,
            matchers: self.matchers.iter().map(matcher).collect(),
            // What began before it was said begins now.
            starts_at_ms: time(&self.starts_at)?.max(now_ms),
            ends_at_ms: time(&self.ends_at)?,
            updated_at_ms: now_ms,
            created_by: self.created_by,
            comment: self.comment,
        })
    }
}

/// The name of an alert.
pub fn name_of(labels: &Labels) -> &str {
    labels.get(ALERT_NAME).map_or("", String::as_str)
}
