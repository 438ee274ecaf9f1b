mod alerts;
mod autoscale;
mod dial;
mod edge;
mod guard;
mod metrics;
mod requests;
mod resilience;
mod route;

use super::{
    BOOL, DURATION, Key, Object, Others, PAIRS, PORT, Shape, TEXT, TEXTS, acted, by_text, object,
};
use crate::normalise::short;
use resilience::{BALANCE, RESILIENCE};
use route::ROUTE;

/// `x-ondol` at the top of a file.
pub(crate) static X_ONDOL_PROJECT: Object = ours(&[
    own(
        "edge",
        &Shape::Object(&edge::EDGE),
        "",
        "The edge: where requests from outside come in.",
    ),
    own(
        "requests",
        &Shape::Object(&requests::REQUESTS),
        "",
        "What is written down of requests, from outside and between services.",
    ),
    own(
        "alerts",
        &alerts::ALERTS,
        "the shipped rules",
        "Alerts about each service of the project, beside the shipped ones. Short: a condition, such as `error_ratio > 5% for 1m`.",
    ),
    own(
        "receivers",
        &alerts::RECEIVERS,
        "{}",
        "Who is told of alerts, by a name of your own.",
    ),
    own(
        "inhibit",
        &alerts::INHIBIT,
        "[]",
        "Alerts that make others superfluous.",
    ),
]);
pub(super) static X_ONDOL_PROJECT_SHAPE: Shape = Shape::Object(&X_ONDOL_PROJECT);

/// `x-ondol` of a service.
pub(crate) static X_ONDOL_SERVICE: Object = ours(&[
    own(
        "runtime",
        &Shape::Choice(&["auto", "process", "container"]),
        "auto",
        "What runs the service. `auto` takes a process where it can be one.",
    ),
    own(
        "packages",
        &TEXTS,
        "[]",
        "Debian packages whose programs the service needs. They are downloaded into Ondol's own folder and never installed on the machine.",
    ),
    own(
        "prepare",
        &Shape::OneOrMany(&TEXT, by_text),
        "from the Dockerfile",
        "Commands that install the service's dependencies, run by `/bin/sh` before its first start and again when their inputs change.",
    ),
    own(
        "port",
        &PORT,
        "the first of `expose` and `ports`",
        "Port that the service listens on.",
    ),
    own(
        "port_env",
        &TEXT,
        "PORT",
        "Variable that tells the program which port to listen on.",
    ),
    own(
        "route",
        &ROUTE,
        "",
        "Requests at the edge that go to this service. Short: `/path`, `host` or `host/path`.",
    ),
    own(
        "routes",
        &Shape::List(&ROUTE),
        "[]",
        "The same, several of them.",
    ),
    own(
        "protocol",
        &dial::PROTOCOL,
        "http1",
        "What the service speaks: `http2` without TLS is h2c. Calls of gRPC are HTTP/2 in any case.",
    ),
    own(
        "tls",
        &dial::TLS,
        "",
        "The service is called by TLS. Short: `true`.",
    ),
    own(
        "proxy_protocol",
        &dial::PROXY_PROTOCOL,
        "",
        "Version of the PROXY header with which each connection to the service begins. In one of requests it names nobody, because many clients share it; they are in `X-Forwarded-For`.",
    ),
    own(
        "underscores",
        &BOOL,
        "false",
        "Headers of clients from outside whose name has `_` reach the service. Some servers take `_` for `-`, so that a client could say what only Ondol may; therefore they are left out otherwise.",
    ),
    own(
        "balance",
        &BALANCE,
        "latency",
        "Which replica gets a request. Short: the rule.",
    ),
    own(
        "resilience",
        &RESILIENCE,
        "",
        "What happens when the service is slow, failing or overrun. Holds for every call to it, from outside and from other services.",
    ),
    own(
        "calls",
        &guard::CALLS,
        "",
        "What stands before calls of other services. To `limit`, an `ip` is a replica that calls; which services may call at all is for `networks` to say. A connection that is not HTTP cannot say who it is and counts as one request.",
    ),
    own(
        "published",
        &guard::PUBLISHED,
        "",
        "What stands before the service's own ports of the machine (`ports`). A connection that is not HTTP, and a UDP client, counts as one request and cannot say who it is.",
    ),
    own(
        "autoscale",
        &autoscale::AUTOSCALE,
        "",
        "How many replicas, by what they have to do: of several figures, the one that asks for most decides. Short: `1-10`.",
    ),
    own(
        "metrics",
        &metrics::METRICS,
        "`/metrics`, where the port answers it",
        "Where the service says its metrics, in Prometheus' text or OpenMetrics. Short: `/path`, a port, or `off`.",
    ),
    own(
        "alerts",
        &alerts::ALERTS,
        "those of the project",
        "Alerts about this service. One of the same name takes the place of the project's.",
    ),
    own(
        "probes",
        &Shape::Object(&PROBES),
        "",
        "How Ondol knows the state of a replica. They win over `healthcheck`.",
    ),
]);
pub(super) static X_ONDOL_SERVICE_SHAPE: Shape = Shape::Object(&X_ONDOL_SERVICE);

static PROBES: Object = ours(&[
    own(
        "startup",
        &PROBE,
        "",
        "Until it has succeeded once, the other probes wait. Its failure kills the replica.",
    ),
    own(
        "ready",
        &PROBE,
        "",
        "Traffic goes to the replica only while it succeeds.",
    ),
    own("live", &PROBE, "", "Its failure kills the replica."),
]);

static PROBE: Shape = Shape::Object(&ours(&[
    own(
        "http",
        &HTTP,
        "",
        "A GET that must answer with a status from 200 to 399. Short: the path.",
    ),
    own(
        "tcp",
        &TCP,
        "",
        "A connection that must be accepted. Short: the port, or `true` for the first.",
    ),
    own(
        "exec",
        &Shape::ShellOr(&["/bin/sh", "-c"]),
        "",
        "A program inside the replica that must exit with 0: a list of words, or a line for the shell.",
    ),
    own(
        "log",
        &TEXT,
        "",
        "Text that a line of the replica's output must contain.",
    ),
    own(
        "interval",
        &DURATION,
        "10s",
        "Time between two checks. Until the first success they come every 100 ms.",
    ),
    own(
        "timeout",
        &DURATION,
        "5s",
        "A check that takes longer has failed.",
    ),
    own(
        "failures",
        &ANSWERS,
        "3",
        "Failures in a row that make the probe failed.",
    ),
    own(
        "successes",
        &ANSWERS,
        "1",
        "Successes in a row that make it succeed.",
    ),
    own(
        "start_period",
        &DURATION,
        "0s",
        "Failures in this time after the start do not count.",
    ),
]));

static ANSWERS: Shape = Shape::Whole {
    min: 1,
    max: 10_000,
};

static HTTP: Shape = Shape::Short(
    short::http,
    &Shape::Object(&ours(&[
        own("path", &TEXT, "/", "Path and query."),
        own(
            "port",
            &PORT,
            "the first of the service",
            "Port of the replica.",
        ),
        own("headers", &PAIRS, "{}", "Headers to send."),
    ])),
);

static TCP: Shape = Shape::Short(
    short::tcp,
    &Shape::Object(&ours(&[own(
        "port",
        &PORT,
        "the first of the service",
        "Port of the replica.",
    )])),
);

const fn ours(keys: &'static [Key]) -> Object {
    let others = Others::Refused;
    Object {
        others,
        ..object(keys)
    }
}

const fn own(
    name: &'static str,
    shape: &'static Shape,
    default: &'static str,
    doc: &'static str,
) -> Key {
    Key {
        default,
        doc,
        ..acted(name, shape)
    }
}
