//! Keys of alerts: of what people are told, and who they are.

use super::super::{BOOL, DURATION, Object, PAIRS, PATH, Shape, TEXT, TEXT_OR_TEXTS, by};
use super::{ours, own};
use crate::normalise::short;
use crate::tree::Node;

pub(super) static ALERTS: Shape = Shape::Unique(&ALERT, by_name);

static ALERT: Shape = Shape::Short(short::alert, &Shape::Object(&KEYS));

static KEYS: Object = ours(&[
    own(
        "name",
        &TEXT,
        "from the condition",
        "Name of the alert. One of a shipped rule changes that rule, for the project or the service that says so.",
    ),
    own(
        "when",
        &TEXT,
        "",
        "What must hold: a figure, a comparison and its bound, such as `error_ratio > 5% over 5m`, or a query in PromQL that has a result.",
    ),
    own(
        "off",
        &BOOL,
        "false",
        "Turns the shipped rule of this name off. Short: `NAME off`.",
    ),
    own(
        "for",
        &DURATION,
        "0s",
        "How long it must hold before anybody is told.",
    ),
    own(
        "keep_firing_for",
        &DURATION,
        "0s",
        "How long the alert goes on after it held last.",
    ),
    own(
        "severity",
        &TEXT,
        "warning",
        "The label `severity`, by which receivers choose.",
    ),
    own(
        "summary",
        &TEXT,
        "what holds",
        "One sentence for people. Here and below, `{{ .Labels.service }}` and `{{ .Value }}` are filled in as in Prometheus.",
    ),
    own("description", &TEXT, "", "More of it."),
    own("labels", &PAIRS, "{}", "Further labels of the alert."),
    own(
        "annotations",
        &PAIRS,
        "{}",
        "Further texts, such as `runbook_url`.",
    ),
    own(
        "file",
        &PATH,
        "",
        "A rule file of Prometheus, instead of all other keys.",
    ),
]);

/// What a later file changes: the rule of the same name or file.
fn by_name(node: &Node) -> String {
    let when = node.get("when").and_then(Node::text).unwrap_or_default();
    match node.get("name") {
        Some(_) => by(node, &["name"]),
        None => by(node, &["file"]) + crate::lower::alert_name(when).unwrap_or(when),
    }
}

pub(super) static RECEIVERS: Shape = Shape::Map(&RECEIVER);

static RECEIVER: Shape = Shape::Short(
    short::receiver,
    &Shape::Object(&ours(&[
        own(
            "webhook",
            &TEXT,
            "",
            "Address that gets Alertmanager's webhook JSON. Short: the address.",
        ),
        own(
            "slack",
            &TEXT,
            "",
            "Address of an incoming webhook of Slack, Mattermost, Rocket.Chat or Discord (`.../slack`).",
        ),
        own(
            "channel",
            &TEXT,
            "the webhook's own",
            "Channel, where the webhook lets one choose.",
        ),
        own("email", &TEXT_OR_TEXTS, "", "Addresses that get a mail."),
        own(
            "from",
            &TEXT,
            "ondol@ and the name of the machine",
            "Address that mails come from.",
        ),
        own(
            "smtp",
            &TEXT,
            "smtp://localhost:25",
            "The mail server: `smtp://user:password@host:587` with STARTTLS, `smtps://` with TLS from the first byte. A password is sent over TLS only; `?starttls=never` speaks in the clear.",
        ),
        own(
            "alertmanager",
            &TEXT,
            "",
            "Address of a real Alertmanager, which groups, routes and silences by itself.",
        ),
        own(
            "match",
            &TEXT_OR_TEXTS,
            "all alerts",
            "Alerts that it is told of: `severity=page`, `service=~\"web|api\"`. All must hold.",
        ),
        own(
            "group_by",
            &TEXT_OR_TEXTS,
            "[alertname, project]",
            "Labels whose alerts are told together; `...` for each alert alone.",
        ),
        own(
            "group_wait",
            &DURATION,
            "30s",
            "How long the first alert of a group waits for others.",
        ),
        own(
            "group_interval",
            &DURATION,
            "5m",
            "How long a group that changed waits since it was told last.",
        ),
        own(
            "repeat_interval",
            &DURATION,
            "4h",
            "How long until a group that did not change is told again.",
        ),
        own(
            "resolved",
            &BOOL,
            "true",
            "Whether the end of an alert is told too.",
        ),
    ])),
);

pub(super) static INHIBIT: Shape = Shape::List(&Shape::Object(&INHIBITION));

static INHIBITION: Object = Object {
    required: &["source", "target"],
    ..ours(&[
        own(
            "source",
            &TEXT_OR_TEXTS,
            "",
            "Alerts that silence others while they fire.",
        ),
        own(
            "target",
            &TEXT_OR_TEXTS,
            "",
            "Alerts that nobody is told of then.",
        ),
        own(
            "equal",
            &TEXT_OR_TEXTS,
            "[]",
            "Labels that both must have in common.",
        ),
    ])
};
