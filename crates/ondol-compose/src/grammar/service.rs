use super::deploy::{DEPLOY, DEVELOP};
use super::x_ondol::X_ONDOL_SERVICE_SHAPE;
use super::{
    ANY, BOOL, COUNT, DURATION, ID, MODE, NUMBER, OPTIONS, Object, Others, PAIRS, PATH, PATHS,
    PORT, REPLICAS, SIZE, Shape, TEXT, TEXT_OR_TEXTS, TEXTS, WHOLE, WORDS, acted, acted_with,
    because, by, by_text, engine, ignored, object, with,
};
use crate::normalise::{finish, short};

/// A service.
pub(super) static SERVICE: Object = object(&[
    acted("image", &TEXT),
    acted("build", &Shape::Short(short::build, &Shape::Object(&BUILD))),
    acted("command", &WORDS),
    acted("entrypoint", &WORDS),
    acted("environment", &PAIRS),
    acted(
        "env_file",
        &Shape::OneOrMany(&ENV_FILE, |node| by(node, &["path"])),
    ),
    acted("working_dir", &TEXT),
    acted("user", &TEXT),
    acted("hostname", &TEXT),
    acted("container_name", &TEXT),
    acted("init", &BOOL),
    acted("tty", &BOOL),
    acted(
        "ports",
        &Shape::Unique(&PORTS, |node| {
            by(node, &["host_ip", "target", "published", "protocol"])
        }),
    ),
    acted(
        "expose",
        &Shape::Unique(&Shape::Short(short::expose, &TEXT), by_text),
    ),
    acted("networks", &Shape::Names(&Shape::Object(&SERVICE_NETWORK))),
    acted_with(
        "network_mode",
        &TEXT,
        &["host", "bridge", "default"],
        "a service gets a network of its own, or with `host` the machine's",
    ),
    acted("depends_on", &Shape::Names(&Shape::Object(&DEPENDENCY))),
    acted("healthcheck", &Shape::Object(&HEALTHCHECK)),
    acted("restart", &TEXT),
    acted("deploy", &Shape::Object(&DEPLOY)),
    acted("develop", &Shape::Object(&DEVELOP)),
    acted("scale", &REPLICAS),
    acted("cpus", &NUMBER),
    acted("mem_limit", &SIZE),
    acted("mem_reservation", &SIZE),
    acted("pids_limit", &WHOLE),
    acted(
        "ulimits",
        &Shape::Map(&Shape::Short(short::ulimit, &Shape::Object(&ULIMIT))),
    ),
    acted(
        "volumes",
        &Shape::Unique(&MOUNT, |node| by(node, &["target"])),
    ),
    acted("tmpfs", &TEXT_OR_TEXTS),
    acted(
        "configs",
        &Shape::Unique(&GRANTED_FILE, by_target_or_source),
    ),
    acted(
        "secrets",
        &Shape::Unique(&GRANTED_FILE, by_target_or_source),
    ),
    acted("stop_signal", &TEXT),
    acted("stop_grace_period", &DURATION),
    acted("pre_start", &Shape::List(&PRE_START)),
    acted("post_start", &Shape::List(&HOOK)),
    acted("pre_stop", &Shape::List(&HOOK)),
    acted("labels", &PAIRS),
    acted("label_file", &PATHS),
    acted(
        "logging",
        &Shape::MergedIfSame("driver", &Shape::Object(&LOGGING)),
    ),
    acted("profiles", &TEXTS),
    acted(
        "extends",
        &Shape::Short(short::extends, &Shape::Object(&EXTENDS)),
    ),
    acted("x-ondol", &X_ONDOL_SERVICE_SHAPE),
    engine("annotations", &PAIRS),
    engine("attach", &BOOL),
    engine("cap_add", &TEXTS),
    engine("cap_drop", &TEXTS),
    engine("cgroup", &TEXT),
    engine("cgroup_parent", &TEXT),
    engine("cpu_count", &NUMBER),
    engine("cpu_percent", &NUMBER),
    engine("cpu_period", &TEXT),
    engine("cpu_quota", &TEXT),
    engine("cpu_rt_period", &TEXT),
    engine("cpu_rt_runtime", &TEXT),
    engine("cpu_shares", &NUMBER),
    engine("cpuset", &TEXT),
    engine("device_cgroup_rules", &TEXTS),
    engine("devices", &Shape::List(&ANY)),
    engine("dns", &TEXT_OR_TEXTS),
    engine("dns_opt", &TEXTS),
    engine("dns_search", &TEXT_OR_TEXTS),
    engine("domainname", &TEXT),
    engine("extra_hosts", &ANY),
    engine("gpus", &ANY),
    engine("group_add", &TEXTS),
    engine("ipc", &TEXT),
    engine("mac_address", &TEXT),
    engine("mem_swappiness", &WHOLE),
    engine("memswap_limit", &TEXT),
    engine("oom_kill_disable", &BOOL),
    engine("oom_score_adj", &WHOLE),
    engine("pid", &TEXT),
    engine("platform", &TEXT),
    engine("privileged", &BOOL),
    engine("pull_policy", &TEXT),
    engine("pull_refresh_after", &TEXT),
    engine("read_only", &BOOL),
    engine("runtime", &TEXT),
    engine("security_opt", &TEXTS),
    engine("shm_size", &SIZE),
    engine("stdin_open", &BOOL),
    engine("sysctls", &PAIRS),
    engine("use_api_socket", &BOOL),
    engine("userns_mode", &TEXT),
    engine("uts", &TEXT),
    engine("volume_driver", &TEXT),
    ignored(
        "blkio_config",
        &ANY,
        "Ondol limits processor, memory and process count only",
    ),
    ignored("credential_spec", &ANY, "it belongs to Windows"),
    ignored(
        "external_links",
        &TEXTS,
        "what is outside the project is reached by its address",
    ),
    ignored("isolation", &TEXT, "it belongs to Windows"),
    ignored(
        "links",
        &TEXTS,
        "services reach each other by name without it; for another name use `networks: {default: {aliases: [name]}}`",
    ),
    ignored("models", &ANY, "Ondol runs no language models"),
    ignored(
        "provider",
        &ANY,
        "Ondol does not call other tools to run a service",
    ),
    ignored(
        "storage_opt",
        &ANY,
        "it belongs to container storage drivers",
    ),
    ignored(
        "volumes_from",
        &TEXTS,
        "name the volumes in both services instead",
    ),
]);

/// The same, as a shape.
pub(crate) static SERVICE_SHAPE: Shape = Shape::Object(&SERVICE);

static BUILD: Object = object(&[
    acted("context", &Shape::Context),
    acted("dockerfile", &TEXT),
    acted("dockerfile_inline", &TEXT),
    acted("args", &PAIRS),
    acted("target", &TEXT),
    engine("additional_contexts", &PAIRS),
    engine("cache_from", &TEXTS),
    engine("cache_to", &TEXTS),
    engine("entitlements", &TEXTS),
    engine("extra_hosts", &ANY),
    engine("isolation", &TEXT),
    engine("labels", &PAIRS),
    engine("network", &TEXT),
    engine("no_cache", &BOOL),
    engine("platforms", &TEXTS),
    engine("privileged", &BOOL),
    engine("provenance", &ANY),
    engine("pull", &BOOL),
    engine("sbom", &ANY),
    engine(
        "secrets",
        &Shape::Unique(&GRANTED_FILE, by_target_or_source),
    ),
    engine("shm_size", &SIZE),
    engine("ssh", &PAIRS),
    engine("tags", &TEXTS),
    engine("ulimits", &OPTIONS),
]);

static ENV_FILE: Shape = Shape::Short(
    short::path,
    &Shape::Object(&with(
        &["path"],
        &[
            acted("path", &PATH),
            acted("required", &BOOL),
            acted("format", &Shape::Choice(&["raw"])),
        ],
    )),
);

static PORTS: Shape = Shape::Short(short::port, &Shape::Object(&PORT_LONG));

static PORT_LONG: Object = Object {
    finish: Some(finish::port),
    ..with(
        &["target"],
        &[
            acted("target", &PORT),
            acted("published", &Shape::Short(short::published, &TEXT)),
            acted("host_ip", &TEXT),
            acted("protocol", &Shape::Choice(&["tcp", "udp"])),
            acted("app_protocol", &TEXT),
            ignored("name", &TEXT, "it is a remark"),
            ignored(
                "mode",
                &TEXT,
                "on one machine every published port is on the machine",
            ),
        ],
    )
};

static SERVICE_NETWORK: Object = object(&[
    acted("aliases", &TEXTS),
    engine("interface_name", &TEXT),
    engine("ipv4_address", &TEXT),
    engine("ipv6_address", &TEXT),
    engine("link_local_ips", &TEXTS),
    engine("mac_address", &TEXT),
    engine("driver_opts", &OPTIONS),
    engine("priority", &WHOLE),
    engine("gw_priority", &WHOLE),
]);

static DEPENDENCY: Object = object(&[
    acted(
        "condition",
        &Shape::Choice(&[
            "service_started",
            "service_healthy",
            "service_completed_successfully",
        ]),
    ),
    acted("required", &BOOL),
    acted("restart", &BOOL),
]);

static HEALTHCHECK: Object = object(&[
    acted("test", &Shape::ShellOr(&["CMD-SHELL"])),
    acted("interval", &DURATION),
    acted("timeout", &DURATION),
    acted("retries", &COUNT),
    acted("start_period", &DURATION),
    acted("start_interval", &DURATION),
    acted("disable", &BOOL),
]);

static ULIMIT: Object = with(
    &["soft", "hard"],
    &[acted("soft", &WHOLE), acted("hard", &WHOLE)],
);

static MOUNT: Shape = Shape::Short(short::mount, &Shape::Object(&MOUNT_LONG));

static MOUNT_LONG: Object = Object {
    finish: Some(finish::mount),
    ..with(
        &["type", "target"],
        &[
            acted(
                "type",
                &Shape::Choice(&["volume", "bind", "tmpfs", "image", "npipe", "cluster"]),
            ),
            acted("source", &TEXT),
            acted("target", &TEXT),
            acted("read_only", &BOOL),
            engine("consistency", &TEXT),
            acted(
                "bind",
                &Shape::Object(&object(&[
                    acted("create_host_path", &BOOL),
                    engine("propagation", &TEXT),
                    engine("recursive", &TEXT),
                    engine("selinux", &TEXT),
                ])),
            ),
            acted(
                "volume",
                &Shape::Object(&object(&[
                    acted("subpath", &TEXT),
                    acted("nocopy", &BOOL),
                    engine("labels", &PAIRS),
                ])),
            ),
            acted(
                "tmpfs",
                &Shape::Object(&object(&[acted("size", &SIZE), acted("mode", &MODE)])),
            ),
            engine(
                "image",
                &Shape::Object(&object(&[engine("subpath", &TEXT)])),
            ),
        ],
    )
};

static GRANTED_FILE: Shape = Shape::Short(
    short::source,
    &Shape::Object(&with(
        &["source"],
        &[
            acted("source", &TEXT),
            acted("target", &TEXT),
            acted("uid", &ID),
            acted("gid", &ID),
            acted("mode", &MODE),
        ],
    )),
);

static HOOK: Shape = Shape::Object(&with(
    &["command"],
    &[
        acted("command", &WORDS),
        acted("user", &TEXT),
        acted("working_dir", &TEXT),
        acted("environment", &PAIRS),
        acted("privileged", &BOOL),
    ],
));

static PRE_START: Shape = Shape::Object(&with(
    &["command"],
    &[
        acted("command", &WORDS),
        acted("user", &TEXT),
        acted("working_dir", &TEXT),
        acted("environment", &PAIRS),
        acted("privileged", &BOOL),
        acted("per_replica", &BOOL),
        because(
            engine("image", &TEXT),
            "a step runs where its service runs, and sees the same programs",
        ),
    ],
));

static LOGGING: Object = object(&[
    acted_with(
        "driver",
        &TEXT,
        &["json-file", "local"],
        "output is kept in files on this machine, for `ondol logs`",
    ),
    acted(
        "options",
        &Shape::Object(&Object {
            others: Others::EngineOnly,
            ..object(&[
                acted("max-size", &SIZE),
                acted("max-file", &Shape::Whole { min: 1, max: 1_000 }),
            ])
        }),
    ),
]);

static EXTENDS: Object = with(
    &["service"],
    &[acted("service", &TEXT), acted("file", &PATH)],
);

fn by_target_or_source(node: &crate::tree::Node) -> String {
    match node.get("target") {
        Some(_) => by(node, &["target"]),
        None => by(node, &["source"]),
    }
}
