//! Keys of a route, or of what stands before a service's own addresses, that say who may ask, how often, and what is kept of the answers.

use super::super::{
    BOOL, DURATION, Key, Object, PAIRS, SIZE, Shape, TEXT, TEXT_OR_TEXTS, TEXTS, by,
};
use super::{ours, own};
use crate::normalise::short;

pub(super) const ALLOW: Key = own(
    "allow",
    &TEXT_OR_TEXTS,
    "everybody",
    "Addresses of clients that may ask: `10.0.0.0/8`, `192.168.4.7`, `fd00::/8`.",
);

pub(super) const DENY: Key = own(
    "deny",
    &TEXT_OR_TEXTS,
    "nobody",
    "Addresses of clients that may not, also when `allow` has them.",
);

pub(super) const LIMIT: Key = own(
    "limit",
    &LIMITS,
    "",
    "How often: `100/s`, `10/m`, `5/10s`. Of several, each holds. Beyond it the answer is 429 with `Retry-After`.",
);

pub(super) const AUTH: Key = own(
    "auth",
    &WAYS,
    "",
    "Clients must say who they are, in one of these ways. The service is told in the header `X-Ondol-User`.",
);

pub(super) const CACHE: Key = own(
    "cache",
    &KEPT,
    "",
    "Answers are kept in memory for others, as far as the service allows it (RFC 9111). Short: `true`, or the `ttl`.",
);

pub(super) const COMPRESS: Key = own(
    "compress",
    &BOOL,
    "false",
    "Text is sent as zstd, br or gzip to clients that can read that.",
);

pub(super) static CALLS: Shape = Shape::Object(&ours(&[LIMIT, AUTH, CACHE, COMPRESS]));

pub(super) static PUBLISHED: Shape =
    Shape::Object(&ours(&[ALLOW, DENY, LIMIT, AUTH, CACHE, COMPRESS]));

static LIMITS: Shape = Shape::OneOrMany(&RATE, |node| by(node, &["rate", "by"]));
static WAYS: Shape = Shape::Object(&AUTH_OBJECT);
static KEPT: Shape = Shape::Short(short::cache, &Shape::Object(&CACHE_OBJECT));

static RATE: Shape = Shape::Short(
    short::limit,
    &Shape::Object(&ours(&[
        own("rate", &TEXT, "", "Requests in a time: `100/s`."),
        own(
            "burst",
            &Shape::Whole {
                min: 1,
                max: 1_000_000,
            },
            "the requests of `rate`",
            "Requests that may come at once.",
        ),
        own(
            "by",
            &TEXT,
            "ip",
            "What is counted together: requests of one `ip`, of one `user` (as `auth` found out), with one value of \
             `header:NAME`, or `all`.",
        ),
    ])),
);

static AUTH_OBJECT: Object = ours(&[
    own(
        "jwt",
        &Shape::Object(&JWT),
        "",
        "A signed token in `Authorization: Bearer`. It must end some time, and one of the keys must have signed it.",
    ),
    own(
        "api_key",
        &Shape::Object(&API_KEY),
        "",
        "A key in a header.",
    ),
    own("basic", &Shape::Object(&BASIC), "", "Name and password."),
    own(
        "forward",
        &Shape::Short(short::forward, &Shape::Object(&FORWARD)),
        "",
        "A service is asked for each request: with 2xx it passes, anything else is the client's answer. Short: its URL.",
    ),
]);

static JWT: Object = ours(&[
    own(
        "keys_file",
        &Shape::Path,
        "",
        "A file with the set of keys (JWKS) that tokens are signed with. It is read again when it changes.",
    ),
    own(
        "keys_url",
        &TEXT,
        "",
        "Where that set is found: `http://SERVICE[:PORT]/PATH` of this project.",
    ),
    own(
        "issuer",
        &TEXT_OR_TEXTS,
        "anybody with the key",
        "Who may have issued it (`iss`).",
    ),
    own(
        "audience",
        &TEXT_OR_TEXTS,
        "anybody",
        "Whom it may be for (`aud`).",
    ),
    own(
        "algorithms",
        &TEXTS,
        "those that the keys are for",
        "Algorithms that may be used, such as `ES256`.",
    ),
    own(
        "claims",
        &PAIRS,
        "{}",
        "Headers that tell the service what the token says, each with the name of the claim.",
    ),
    own(
        "cookie",
        &TEXT,
        "",
        "A cookie that may carry the token too.",
    ),
]);

static API_KEY: Object = ours(&[
    own("header", &TEXT, "X-Api-Key", "The header that has the key."),
    own(
        "file",
        &Shape::Path,
        "",
        "A file with a line `name:key` for each; instead of a key it may have `sha256:` and its digest in hex.",
    ),
]);

static BASIC: Object = ours(&[
    own(
        "file",
        &Shape::Path,
        "",
        "A file with a line `name:hash` for each, as `htpasswd -B` writes it.",
    ),
    own(
        "realm",
        &TEXT,
        "the service's name",
        "What a browser says that it asks for.",
    ),
]);

static FORWARD: Object = ours(&[
    own(
        "url",
        &TEXT,
        "",
        "`http://SERVICE[:PORT]/PATH` of this project. It gets the request's headers, and its method and target as \
         `X-Forwarded-Method` and `X-Forwarded-Uri`.",
    ),
    own(
        "headers",
        &TEXTS,
        "[]",
        "Headers of its answer that the service gets.",
    ),
]);

static CACHE_OBJECT: Object = ours(&[
    own(
        "ttl",
        &DURATION,
        "",
        "How long an answer holds that says nothing about it. Without it, such answers are not kept.",
    ),
    own(
        "stale_while_revalidate",
        &DURATION,
        "0s",
        "How long an old answer is given while a new one is fetched, when the service does not say.",
    ),
    own(
        "stale_if_error",
        &DURATION,
        "0s",
        "How long an old answer is given when the service fails, when the service does not say.",
    ),
    own(
        "query",
        &TEXTS,
        "all",
        "Parameters of the query that make a difference. Others are left out when answers are looked up.",
    ),
    own("body_max", &SIZE, "1m", "Larger bodies are not kept."),
]);
