use serde::Serialize;

use super::{ends_at, fingerprint, generator_url};
use crate::calendar::rfc3339;
use crate::notice::{GroupNotice, Notice};
use crate::rule::Labels;

/// Alertmanager's webhook body, version 4.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    receiver: String,
    status: &'static str,
    alerts: Vec<Alert>,
    group_labels: Labels,
    common_labels: Labels,
    common_annotations: Labels,
    #[serde(rename = "externalURL")]
    external_url: String,
    version: &'static str,
    group_key: String,
    truncated_alerts: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    status: &'static str,
    labels: Labels,
    annotations: Labels,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    fingerprint: String,
}

/// The body that tells a group to a webhook.
pub fn webhook(receiver: &str, group: &GroupNotice, external_url: &str) -> Webhook {
    let alert = |notice: &Notice| Alert {
        status: status(!notice.is_resolved()),
        labels: notice.labels.clone(),
        annotations: notice.annotations.clone(),
        starts_at: rfc3339(notice.starts_at_ms),
        ends_at: ends_at(notice),
        generator_url: generator_url(external_url, &notice.expr),
        fingerprint: fingerprint(&notice.labels),
    };
    Webhook {
        receiver: receiver.to_owned(),
        status: status(group.is_firing()),
        alerts: group.alerts.iter().map(alert).collect(),
        group_labels: group.labels.clone(),
        common_labels: group.common_labels(),
        common_annotations: group.common_annotations(),
        external_url: external_url.to_owned(),
        version: "4",
        group_key: group.key.clone(),
        truncated_alerts: group.truncated,
    }
}

fn status(fires: bool) -> &'static str {
    if fires { "firing" } else { "resolved" }
}
