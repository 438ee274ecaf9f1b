//! `x-ondol.metrics` of a service: where it says its metrics.

use super::super::{BOOL, DURATION, Object, PORT, Shape, TEXT};
use super::{ours, own};
use crate::grammar::Wrong;
use crate::tree::{Node, Span};

pub(super) static METRICS: Shape = Shape::Short(short, &Shape::Object(&METRICS_KEYS));

static METRICS_KEYS: Object = ours(&[
    own(
        "port",
        &PORT,
        "the first that the service is known to have",
        "Port that is asked.",
    ),
    own("path", &TEXT, "/metrics", "Path that is asked for."),
    own("interval", &DURATION, "15s", "How often."),
    own("off", &BOOL, "false", "Nobody asks."),
]);

/// `metrics: /path`, `metrics: 9100`, `metrics: off`.
fn short(text: &str, span: Span) -> Result<Vec<Node>, Wrong> {
    let long = |key: &'static str, value: &str| {
        Ok(vec![Node::map_node(
            [(key, Node::text_node(value, span))],
            span,
        )])
    };
    match text {
        // YAML 1.1 reads `off` as `false`.
        "off" | "false" => long("off", "true"),
        path if path.starts_with('/') => long("path", path),
        port if port.parse::<u16>().is_ok_and(|port| port > 0) => long("port", port),
        _ => Err(Wrong {
            message: format!("`metrics` is `{text}`, which is neither a path, a port nor `off`"),
            help: "write `metrics: /metrics`, `metrics: 9100`, `metrics: off`, or `metrics: {port: 9100, path: /metrics, interval: 15s}`",
        }),
    }
}
