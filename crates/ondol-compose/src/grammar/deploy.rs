use super::{
    ANY, BOOL, COUNT, DURATION, NUMBER, Object, PAIRS, PATH, REPLICAS, SIZE, Shape, TEXT,
    TEXT_OR_TEXTS, WHOLE, WORDS, acted, acted_with, engine, ignored, object, with,
};

/// `deploy:`.
pub(super) static DEPLOY: Object = object(&[
    acted(
        "mode",
        &Shape::Choice(&["replicated", "global", "replicated-job", "global-job"]),
    ),
    acted("replicas", &REPLICAS),
    acted("labels", &PAIRS),
    acted("update_config", &Shape::Object(&UPDATE)),
    acted("rollback_config", &Shape::Object(&ROLLBACK)),
    acted("resources", &Shape::Object(&RESOURCES)),
    acted("restart_policy", &Shape::Object(&RESTART_POLICY)),
    acted("placement", &Shape::Object(&PLACEMENT)),
    acted_with(
        "endpoint_mode",
        &Shape::Choice(&["vip", "dnsrr"]),
        &["vip"],
        "a service is always reached through one balanced address",
    ),
]);

static UPDATE: Object = object(&[
    acted("parallelism", &COUNT),
    acted("delay", &DURATION),
    acted("order", &ORDER),
    acted("monitor", &DURATION),
    acted("max_failure_ratio", &NUMBER),
    acted(
        "failure_action",
        &Shape::Choice(&["rollback", "pause", "continue"]),
    ),
]);

static ROLLBACK: Object = object(&[
    acted("parallelism", &COUNT),
    acted("delay", &DURATION),
    acted("order", &ORDER),
    acted("monitor", &DURATION),
    acted("max_failure_ratio", &NUMBER),
    acted("failure_action", &Shape::Choice(&["pause", "continue"])),
]);

static ORDER: Shape = Shape::Choice(&["start-first", "stop-first"]);

static RESOURCES: Object = object(&[
    acted(
        "limits",
        &Shape::Object(&object(&[
            acted("cpus", &NUMBER),
            acted("memory", &SIZE),
            acted("pids", &WHOLE),
        ])),
    ),
    acted(
        "reservations",
        &Shape::Object(&object(&[
            acted("cpus", &NUMBER),
            acted("memory", &SIZE),
            ignored("pids", &WHOLE, "process numbers cannot be set aside"),
            engine("devices", &Shape::List(&ANY)),
            engine("generic_resources", &Shape::List(&ANY)),
        ])),
    ),
]);

static RESTART_POLICY: Object = object(&[
    acted("condition", &Shape::Choice(&["none", "on-failure", "any"])),
    acted("max_attempts", &COUNT),
    acted("window", &DURATION),
    acted("delay", &DURATION),
]);

static PLACEMENT: Object = object(&[
    acted("constraints", &Shape::List(&TEXT)),
    acted("max_replicas_per_node", &REPLICAS),
    ignored(
        "preferences",
        &Shape::List(&PREFERENCE),
        "on one machine there is nothing to spread over",
    ),
]);

static PREFERENCE: Shape = Shape::Object(&with(
    &["spread"],
    &[ignored("spread", &TEXT, "there is one machine")],
));

/// `develop:`.
pub(super) static DEVELOP: Object = object(&[acted("watch", &Shape::List(&WATCH))]);

static WATCH: Shape = Shape::Object(&with(
    &["path", "action"],
    &[
        acted("path", &PATH),
        acted(
            "action",
            &Shape::Choice(&["rebuild", "restart", "sync", "sync+restart", "sync+exec"]),
        ),
        acted("target", &TEXT),
        acted("ignore", &TEXT_OR_TEXTS),
        acted("include", &TEXT_OR_TEXTS),
        acted("initial_sync", &BOOL),
        acted(
            "exec",
            &Shape::Object(&with(
                &["command"],
                &[
                    acted("command", &WORDS),
                    engine("user", &TEXT),
                    engine("privileged", &BOOL),
                    engine("working_dir", &TEXT),
                    engine("environment", &PAIRS),
                ],
            )),
        ),
    ],
));
