use super::super::{BOOL, DURATION, Object, PAIRS, PORT, SIZE, Shape, TEXT, TEXT_OR_TEXTS, TEXTS};
use super::{guard, ours, own};
use crate::normalise::short;

pub(super) static ROUTE: Shape = Shape::Short(short::route, &Shape::Object(&KEYS));

static KEYS: Object = ours(&[
    own(
        "host",
        &TEXT,
        "any",
        "Name of the host, such as `shop.example` or `*.example`.",
    ),
    own(
        "path",
        &TEXT,
        "/",
        "Prefix of the path, on a segment boundary: `/api` matches `/api/x` but not `/apix`.",
    ),
    own("exact", &TEXT, "", "The whole path, instead of a prefix."),
    own(
        "regex",
        &TEXT,
        "",
        "A regular expression that the whole path must match, instead of a prefix.",
    ),
    own(
        "methods",
        &TEXT_OR_TEXTS,
        "any",
        "Methods, such as `[GET, HEAD]`.",
    ),
    own(
        "headers",
        &PAIRS,
        "{}",
        "Headers that a request must have, with their value; `*` is any value, `~` begins a regular expression.",
    ),
    own(
        "query",
        &PAIRS,
        "{}",
        "The same for parameters of the query.",
    ),
    own("cookies", &PAIRS, "{}", "The same for cookies."),
    own(
        "priority",
        &Shape::Whole {
            min: -1000,
            max: 1000,
        },
        "0",
        "Of several routes that match, the highest wins; then the more exact host, kind of path (exact, regex, prefix), path, and what else is asked for.",
    ),
    own(
        "strip",
        &BOOL,
        "false",
        "Remove the prefix before the request goes on.",
    ),
    own(
        "rewrite",
        &TEXT,
        "",
        "Path that takes the place of the prefix, of the exact path, or of the whole path with what an expression caught (`$$1`; Compose wants the dollar sign twice).",
    ),
    own(
        "port",
        &PORT,
        "the first of the service",
        "Port of the service.",
    ),
    own(
        "passthrough",
        &BOOL,
        "false",
        "Connections by TLS whose client asks for `host` are handed to the service as they are, and it does TLS itself. Needs `edge.https`.",
    ),
    own(
        "redirect",
        &Shape::Short(short::redirect, &Shape::Object(&REDIRECT)),
        "",
        "Answer with another address instead of asking the service. Short: where to.",
    ),
    own(
        "respond",
        &RESPOND,
        "",
        "Answer this instead of asking the service. Short: the status.",
    ),
    own(
        "split",
        &Shape::Map(&WEIGHT),
        "{}",
        "Services that share the requests, with their weights: `{web: 9, web-next: 1}`.",
    ),
    own(
        "mirror",
        &Shape::Short(short::mirror, &Shape::Object(&MIRROR)),
        "",
        "A service that gets a copy of the requests; its answers are thrown away, and nobody waits for it. Short: its name.",
    ),
    own(
        "request_headers",
        &EDITS,
        "",
        "Changes to the headers of requests.",
    ),
    own(
        "response_headers",
        &EDITS,
        "",
        "Changes to the headers of answers.",
    ),
    own(
        "cors",
        &Shape::Short(short::cors, &Shape::Object(&CORS)),
        "",
        "Which pages of other origins may ask; what browsers ask beforehand is answered. Short: one origin.",
    ),
    own(
        "body_max",
        &SIZE,
        "no limit",
        "The largest body that a request may have, such as `10m`.",
    ),
    guard::ALLOW,
    guard::DENY,
    guard::LIMIT,
    guard::AUTH,
    guard::CACHE,
    guard::COMPRESS,
]);

/// An answer that is always the same.
pub(super) static RESPOND: Shape = Shape::Short(
    short::respond,
    &Shape::Object(&ours(&[
        own("status", &STATUS, "200", "Status of the answer."),
        own("headers", &PAIRS, "{}", "Its headers."),
        own("body", &TEXT, "", "Its body."),
    ])),
);

static STATUS: Shape = Shape::Whole { min: 200, max: 599 };

static WEIGHT: Shape = Shape::Whole {
    min: 0,
    max: 1_000_000,
};

static REDIRECT: Object = ours(&[
    own(
        "to",
        &TEXT,
        "",
        "A path or a whole address, with `{host}`, `{path}` and `{rest}` (the path behind the prefix). The query is kept.",
    ),
    own(
        "status",
        &Shape::Whole { min: 301, max: 308 },
        "308",
        "301, 302, 303, 307 or 308.",
    ),
]);

static MIRROR: Object = ours(&[
    own("service", &TEXT, "", "Name of the service."),
    own(
        "percent",
        &Shape::Whole { min: 0, max: 100 },
        "100",
        "Of a hundred requests, how many are copied.",
    ),
]);

static EDITS: Shape = Shape::Object(&ours(&[
    own(
        "set",
        &PAIRS,
        "{}",
        "Headers that have this value afterwards.",
    ),
    own("add", &PAIRS, "{}", "Headers that get one value more."),
    own("remove", &TEXTS, "[]", "Headers that go."),
]));

static CORS: Object = ours(&[
    own(
        "origins",
        &TEXT_OR_TEXTS,
        "[]",
        "`https://shop.example`, `https://*.shop.example`, or `*` for any.",
    ),
    own(
        "methods",
        &TEXT_OR_TEXTS,
        "the usual six",
        "Methods that may be used.",
    ),
    own(
        "headers",
        &TEXT_OR_TEXTS,
        "those asked for",
        "Headers that a request may have.",
    ),
    own(
        "expose",
        &TEXT_OR_TEXTS,
        "[]",
        "Headers of the answer that the page may read.",
    ),
    own("credentials", &BOOL, "false", "Cookies may come along."),
    own(
        "max_age",
        &DURATION,
        "10m",
        "How long a browser remembers the permission.",
    ),
]);
