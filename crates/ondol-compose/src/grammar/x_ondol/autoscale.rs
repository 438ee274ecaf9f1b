//! `x-ondol.autoscale` of a service: how many replicas, by what they have to do.

use super::super::{DURATION, NUMBER, Object, REPLICAS, Shape, TEXT, by};
use super::{ours, own};
use crate::grammar::Wrong;
use crate::tree::{Node, Span};

pub(super) static AUTOSCALE: Shape = Shape::Short(short, &Shape::Object(&AUTOSCALE_KEYS));

static AUTOSCALE_KEYS: Object = ours(&[
    own(
        "min",
        &REPLICAS,
        "1",
        "Never fewer. With 0 the service sleeps while nobody asks for it; the first request wakes it, and waits for that.",
    ),
    own("max", &REPLICAS, "required", "Never more."),
    own(
        "cpu",
        &TEXT,
        "80%, where nothing else is said",
        "CPU that a replica should take: `70%` of what it reserves (else of its limit, else of a core), or cores such as `0.5`.",
    ),
    own(
        "memory",
        &TEXT,
        "",
        "Memory that a replica should take: `80%` of what it reserves (else of its limit), or an amount such as `300m`.",
    ),
    own(
        "requests",
        &NUMBER,
        "",
        "Requests per second that one replica is meant for.",
    ),
    own(
        "concurrency",
        &NUMBER,
        "",
        "Requests and connections that one replica is meant for at once.",
    ),
    own(
        "queue",
        &NUMBER,
        "",
        "Requests for each replica that may wait at the proxy for a place (`resilience.concurrency`) or for a replica.",
    ),
    own(
        "p95",
        &DURATION,
        "",
        "95 % of the requests should be answered within this time.",
    ),
    own(
        "query",
        &Shape::OneOrMany(&QUERY, |node| by(node, &["promql"])),
        "[]",
        "Anything else that is measured, in PromQL. Series of one result are added up; values older than a minute do not count.",
    ),
    own(
        "up_window",
        &DURATION,
        "0s",
        "More replicas come when they were asked for all this time.",
    ),
    own(
        "down_window",
        &DURATION,
        "5m",
        "Replicas go when fewer were enough all this time.",
    ),
    own(
        "idle",
        &DURATION,
        "5m",
        "With `min: 0`: it sleeps after this time without a request.",
    ),
    own(
        "wake_max",
        &DURATION,
        "30s",
        "With `min: 0`: a request waits so long at most for the service to wake.",
    ),
]);

static QUERY: Shape = Shape::Object(&QUERY_KEYS);
static QUERY_KEYS: Object = Object {
    required: &["promql"],
    ..ours(&[
        own("promql", &TEXT, "required", "The expression."),
        own(
            "each",
            &NUMBER,
            "",
            "What one replica is meant for: the value is divided by it.",
        ),
        own(
            "target",
            &NUMBER,
            "",
            "What the value should be, however many replicas there are. One of `each` and `target` is needed.",
        ),
    ])
};

/// `autoscale: 1-10`.
fn short(text: &str, span: Span) -> Result<Vec<Node>, Wrong> {
    let bounds = text.split_once('-');
    let is_count = |text: &str| text.parse::<u32>().is_ok();
    match bounds {
        Some((min, max)) if is_count(min) && is_count(max) => {
            let node = |text: &str| Node::text_node(text, span);
            Ok(vec![Node::map_node(
                [("min", node(min)), ("max", node(max))],
                span,
            )])
        }
        _ => Err(Wrong {
            message: format!("`autoscale` is `{text}`, which is no range of replicas"),
            help: "write `autoscale: 1-10`, or `autoscale: {min: 1, max: 10, cpu: 70%}`",
        }),
    }
}
