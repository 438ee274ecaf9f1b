use super::{generator_url, listed};
use crate::calendar::rfc3339;
use crate::notice::{GroupNotice, Notice};

/// A message in plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// One line.
    pub subject: String,
    /// Lines that end with `\n`.
    pub body: String,
}

/// The mail that tells a group.
pub fn mail(group: &GroupNotice, external_url: &str) -> Mail {
    let mut body = lines(group).join("\n\n");
    if let Some(notice) = group.alerts.first() {
        body.push_str(&format!(
            "\n\n{}",
            generator_url(external_url, &notice.expr)
        ));
    }
    body.push('\n');
    Mail {
        subject: title(group).replace(['\r', '\n'], " "),
        body,
    }
}

/// `[FIRING:2] ErrorRatio (project=shop, service=web)`.
pub(super) fn title(group: &GroupNotice) -> String {
    let firing = group
        .alerts
        .iter()
        .filter(|alert| !alert.is_resolved())
        .count();
    let state = match firing {
        0 => "RESOLVED".to_owned(),
        count => format!("FIRING:{}", count + group.truncated),
    };
    let mut labels = group.common_labels();
    let name = labels.remove(crate::rule::ALERT_NAME);
    let name = name.unwrap_or_else(|| format!("{} alerts", group.alerts.len() + group.truncated));
    match labels.is_empty() {
        true => format!("[{state}] {name}"),
        false => format!("[{state}] {name} ({})", listed(&labels)),
    }
}

/// A paragraph about each alert.
pub(super) fn lines(group: &GroupNotice) -> Vec<String> {
    let mut lines: Vec<String> = group.alerts.iter().map(line).collect();
    if group.truncated > 0 {
        lines.push(format!("and {} more", group.truncated));
    }
    lines
}

fn line(notice: &Notice) -> String {
    let annotation = |name: &str| notice.annotations.get(name).cloned();
    let says = annotation("summary").or_else(|| annotation("description"));
    let says = says.unwrap_or_else(|| listed(&notice.labels));
    let since = rfc3339(notice.starts_at_ms);
    let mut line = match notice.ends_at_ms {
        None => format!("{says}\nfiring since {since}"),
        Some(end) => format!("{says}\nresolved at {}, fired since {since}", rfc3339(end)),
    };
    let others = notice.annotations.iter();
    for (name, text) in others.filter(|(_, text)| **text != says) {
        line.push_str(&format!("\n{name}: {text}"));
    }
    line.push_str(&format!("\n{}", listed(&notice.labels)));
    line
}
