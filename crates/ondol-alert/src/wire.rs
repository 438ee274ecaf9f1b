//! What receivers are sent and what tools read, in the shapes of Alertmanager and Prometheus.

pub mod alertmanager;
mod mail;
pub mod prometheus;
mod slack;
mod webhook;

pub use mail::{Mail, mail};
pub use slack::{Slack, slack};
pub use webhook::{Webhook, webhook};

use crate::calendar::rfc3339;
use crate::machine::fnv1a;
use crate::notice::Notice;
use crate::rule::Labels;
use crate::template::graph_link;

/// Go's zero time: never.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// What Alertmanager calls an alert: FNV-1a over its labels in order.
pub fn fingerprint(labels: &Labels) -> String {
    let mut bytes = Vec::new();
    for text in labels.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0xff);
    }
    format!("{:016x}", fnv1a(&bytes))
}

/// Where people see the query of an alert.
fn generator_url(external_url: &str, expr: &str) -> String {
    format!("{external_url}{}", graph_link(expr, 1))
}

fn ends_at(notice: &Notice) -> String {
    notice.ends_at_ms.map_or_else(|| NEVER.to_owned(), rfc3339)
}

/// `a=1, b=2`, for people.
fn listed(labels: &Labels) -> String {
    let texts: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests;
