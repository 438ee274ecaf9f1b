use serde::Serialize;

use super::mail::{lines, title};
use crate::notice::GroupNotice;

/// The body of Slack's incoming webhooks.
#[derive(Debug, Serialize)]
pub struct Slack {
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    /// What notifications show.
    text: String,
    attachments: Vec<Attachment>,
}

#[derive(Debug, Serialize)]
struct Attachment {
    color: &'static str,
    fallback: String,
    text: String,
    title: String,
    title_link: String,
}

/// A text of one attachment, in bytes; Slack cuts longer ones by itself, in the middle.
const TEXT_MAX: usize = 8 << 10;

/// The body that tells a group to Slack, or to what speaks like it.
pub fn slack(channel: Option<&str>, group: &GroupNotice, external_url: &str) -> Slack {
    let title = escaped(&title(group));
    let mut text = escaped(&lines(group).join("\n"));
    if text.len() > TEXT_MAX {
        let end = (0..=TEXT_MAX).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or(0));
        text.push_str("\n...");
    }
    Slack {
        channel: channel.map(str::to_owned),
        text: title.clone(),
        attachments: vec![Attachment {
            color: if group.is_firing() { "danger" } else { "good" },
            fallback: title.clone(),
            text,
            title,
            title_link: external_url.to_owned(),
        }],
    }
}

/// Slack's three signs that mean something.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
