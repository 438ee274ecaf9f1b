use super::super::{DURATION, Object, Shape, TEXT};
use super::route::RESPOND;
use super::{ours, own};
use crate::normalise::short;

pub(super) static BALANCE: Shape = Shape::Short(
    short::balance,
    &Shape::Object(&ours(&[
        own(
            "by",
            &Shape::Choice(&[
                "latency",
                "round_robin",
                "least_requests",
                "header",
                "cookie",
                "ip",
            ]),
            "latency",
            "The rule. `latency`: of two drawn at random, the one that answers faster and has less to do. `header`, `cookie`, `ip`: always the same replica for the same value.",
        ),
        own("key", &TEXT, "", "Name of that header or cookie."),
        own(
            "slow_start",
            &DURATION,
            "0s",
            "A new replica gets its full share only after this time.",
        ),
        own(
            "eject",
            &Shape::Object(&EJECT),
            "",
            "When a replica that keeps failing is left out for a while.",
        ),
        own(
            "weights",
            &Shape::List(&COUNT),
            "[]",
            "Parts of the requests for the first replica, the second and so on: `[9, 1]`. Others have a part of 1; one with 0 gets none.",
        ),
        own(
            "zones",
            &Shape::List(&TEXT),
            "[]",
            "Zones in which the replicas are: the first in the first, the second in the second, and so on round and round. On one machine a zone is only a word.",
        ),
        own(
            "cross_zone",
            &Shape::Choice(&["always", "needed", "never"]),
            "always",
            "Whether calls leave the zone of the replica that makes them. `needed`: only while no replica there can be sent to; `never`: they fail instead. Who is in no zone, as clients from outside, gets any replica.",
        ),
    ])),
);

static EJECT: Object = ours(&[
    own(
        "failures",
        &COUNT,
        "5",
        "Failures in a row: broken connections and the statuses 502, 503 and 504. 0 never leaves one out.",
    ),
    own(
        "time",
        &DURATION,
        "10s",
        "For how long; each time in a row once more.",
    ),
    own(
        "share_max_percent",
        &PERCENT,
        "50",
        "Never more than this part of the replicas.",
    ),
]);

pub(super) static RESILIENCE: Shape = Shape::Object(&ours(&[
    own(
        "timeout",
        &Shape::Short(short::timeout, &Shape::Object(&TIMEOUT)),
        "",
        "How long each part of a request may take. Short: all of it.",
    ),
    own(
        "retry",
        &Shape::Short(short::retry, &Shape::Object(&RETRY)),
        "",
        "When a request is sent once more, to another replica. Only requests that may be repeated are, or those of which nothing was sent. Short: how often it may be sent.",
    ),
    own(
        "breaker",
        &BREAKER,
        "",
        "Stop asking the service when too many requests fail: a status of 500 or more, a broken connection, a time that ran out.",
    ),
    own(
        "endpoint_breaker",
        &BREAKER,
        "",
        "The same for each replica alone.",
    ),
    own(
        "fallback",
        &Shape::List(&FALLBACK),
        "[]",
        "What is tried, in order, when the service gave no answer. Short: `stale`, or the name of another service.",
    ),
    own(
        "fallback_on",
        &Shape::List(&FAILURE),
        "[]",
        "Statuses of the service that count as no answer, for requests that may be repeated.",
    ),
    own(
        "concurrency",
        &Shape::Short(short::concurrency, &Shape::Object(&CONCURRENCY)),
        "",
        "How many requests may be at the service at once. Short: that number.",
    ),
    own(
        "shed",
        &Shape::Short(short::shed, &Shape::Object(&SHED)),
        "",
        "Find that number from how long answers take, and refuse the rest at once. Short: `true`.",
    ),
]));

static TIMEOUT: Object = ours(&[
    own(
        "connect",
        &DURATION,
        "3s",
        "Until a replica accepts a connection.",
    ),
    own(
        "response",
        &DURATION,
        "60s",
        "From the end of a request to the head of its answer, for each attempt. What holds when nothing is written does not for calls of gRPC and for events (`Accept: text/event-stream`), and a request that waited so long is not repeated. 0s waits for ever.",
    ),
    own(
        "request",
        &DURATION,
        "none",
        "For all of it. What is left is told to the service in `x-ondol-timeout-ms` (and `grpc-timeout`), and a service that passes it on ends its own calls with it.",
    ),
    own(
        "idle",
        &DURATION,
        "none",
        "Between two pieces of the answer.",
    ),
]);

static RETRY: Object = ours(&[
    own(
        "attempts",
        &Shape::Whole { min: 1, max: 4 },
        "2",
        "How often a request may be sent; 1 never repeats it.",
    ),
    own(
        "statuses",
        &Shape::List(&FAILURE),
        "[]",
        "Statuses that are asked again elsewhere, such as `[502, 503]`.",
    ),
    own(
        "budget_percent",
        &PERCENT,
        "20",
        "Repeated requests as a part of all of the last 10 s; beyond it none is repeated.",
    ),
]);

static BREAKER: Shape = Shape::Object(&ours(&[
    own(
        "failures",
        &COUNT,
        "",
        "So many failures in the window are too many.",
    ),
    own(
        "failure_percent",
        &PERCENT,
        "50",
        "This part of the requests in the window is too much.",
    ),
    own("window", &DURATION, "10s", "The time that is looked at."),
    own(
        "minimum",
        &COUNT,
        "10",
        "Requests in that time before anything is concluded.",
    ),
    own("pause", &DURATION, "5s", "How long nothing is asked."),
    own(
        "probes",
        &Shape::Whole { min: 1, max: 1000 },
        "2",
        "Requests let through after the pause; all must succeed.",
    ),
]));

static FALLBACK: Shape = Shape::Short(
    short::fallback,
    &Shape::Object(&ours(&[
        own("service", &TEXT, "", "Another service of the project."),
        own(
            "respond",
            &RESPOND,
            "",
            "An answer that is always the same.",
        ),
        own(
            "stale",
            &TEXT,
            "",
            "What the cache has of an earlier answer, if it has not been out of date for longer than this time; `any` is however long. For requests whose answers are kept (`cache`).",
        ),
    ])),
);

static CONCURRENCY: Object = ours(&[
    own("max", &COUNT_FROM_1, "", "Requests at the service."),
    own(
        "queue",
        &COUNT,
        "as many as `max`",
        "Requests that wait for one of them to end; more are refused at once.",
    ),
    own("wait", &DURATION, "1s", "How long they wait."),
]);

static SHED: Object = ours(&[
    own(
        "latency",
        &DURATION,
        "twice the shortest seen",
        "Answers that take longer mean too much load.",
    ),
    own("min", &COUNT_FROM_1, "5", "Never fewer requests at once."),
    own("max", &COUNT_FROM_1, "1000", "Never more."),
]);

static PERCENT: Shape = Shape::Whole { min: 0, max: 100 };
static FAILURE: Shape = Shape::Whole { min: 400, max: 599 };
static COUNT: Shape = Shape::Whole {
    min: 0,
    max: 1_000_000,
};
static COUNT_FROM_1: Shape = Shape::Whole {
    min: 1,
    max: 1_000_000,
};
