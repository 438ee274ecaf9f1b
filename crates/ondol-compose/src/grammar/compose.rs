use super::service::SERVICE_SHAPE;
use super::x_ondol::X_ONDOL_PROJECT_SHAPE;
use super::{
    ANY, BOOL, EXTERNAL, OPTIONS, Object, PAIRS, PATH, PATHS, Shape, TEXT, acted, engine, ignored,
    object, with,
};
use crate::normalise::short;

/// The top level of a file.
pub(crate) static PROJECT: Object = object(&[
    ignored(
        "version",
        &TEXT,
        "Compose itself ignores it; it can be removed",
    ),
    acted("name", &TEXT),
    acted("include", &Shape::List(&INCLUDE)),
    acted("services", &Shape::Map(&SERVICE_SHAPE)),
    acted("networks", &Shape::Map(&Shape::Object(&NETWORK))),
    acted("volumes", &Shape::Map(&Shape::Object(&VOLUME))),
    acted("secrets", &Shape::Map(&Shape::Object(&STORED_FILE))),
    acted("configs", &Shape::Map(&Shape::Object(&STORED_FILE))),
    ignored("models", &OPTIONS, "Ondol runs no language models"),
    acted("x-ondol", &X_ONDOL_PROJECT_SHAPE),
]);

/// An entry of `include`.
static INCLUDE: Shape = Shape::Short(
    short::include,
    &Shape::Object(&with(
        &["path"],
        &[
            acted("path", &PATHS),
            acted("env_file", &PATHS),
            acted("project_directory", &PATH),
        ],
    )),
);

static NETWORK: Object = object(&[
    acted("name", &TEXT),
    acted("external", &EXTERNAL),
    acted("internal", &BOOL),
    engine("driver", &TEXT),
    engine("driver_opts", &OPTIONS),
    engine("ipam", &ANY),
    engine("enable_ipv4", &BOOL),
    engine("enable_ipv6", &BOOL),
    engine("attachable", &BOOL),
    engine("labels", &PAIRS),
]);

static VOLUME: Object = object(&[
    acted("name", &TEXT),
    acted("external", &EXTERNAL),
    engine("driver", &TEXT),
    engine("driver_opts", &OPTIONS),
    engine("labels", &PAIRS),
]);

static STORED_FILE: Object = object(&[
    acted("name", &TEXT),
    acted("file", &PATH),
    acted("environment", &TEXT),
    acted("content", &TEXT),
    acted("external", &EXTERNAL),
    engine("driver", &TEXT),
    engine("driver_opts", &OPTIONS),
    engine("template_driver", &TEXT),
    engine("labels", &PAIRS),
]);
