//! What the node says about itself in Prometheus' words.

use serde_json::json;

use super::envelope::{Done, Failure};
use super::{cardinality, moment};
use crate::server::Params;
use crate::shared::Shared;

pub(super) fn is_known(what: &str) -> bool {
    ["buildinfo", "runtimeinfo", "flags", "config", "tsdb"].contains(&what)
}

/// `/api/v1/status/WHAT`.
pub(super) fn of(what: &str, params: &Params, shared: &Shared) -> Result<Done, Failure> {
    let value = match what {
        "buildinfo" => json!({
            // Tools decide by it which parts of the language and of the API they may use.
            "version": "3.0.0",
            "revision": format!("ondol-{}", shared.settings.version),
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        }),
        "runtimeinfo" => runtime(shared),
        "flags" => flags(shared),
        "config" => json!({ "yaml": "" }),
        _ => cardinality::tsdb(params, shared)?,
    };
    Ok(Done::of_value(&value))
}

fn retention(shared: &Shared) -> (String, String) {
    let kept = shared.settings.samples.retention;
    (
        format!("{}h", kept.keep_ms / 3_600_000),
        format!("{}B", kept.bytes_max),
    )
}

fn runtime(shared: &Shared) -> serde_json::Value {
    let (time, size) = retention(shared);
    json!({
        "startTime": moment::shown(shared.started_ms),
        "CWD": shared.settings.dir,
        "reloadConfigSuccess": true,
        "lastConfigTime": moment::shown(shared.started_ms),
        "corruptionCount": 0,
        "goroutineCount": 0,
        "GOMAXPROCS": std::thread::available_parallelism().map_or(1, usize::from),
        "GOMEMLIMIT": 0,
        "GOGC": "",
        "GODEBUG": "",
        "storageRetention": format!("{time} or {size}"),
    })
}

fn flags(shared: &Shared) -> serde_json::Value {
    let (time, size) = retention(shared);
    json!({
        "storage.tsdb.path": shared.settings.dir.join("samples"),
        "storage.tsdb.retention.time": time,
        "storage.tsdb.retention.size": size,
        "query.lookback-delta": "5m",
        "query.timeout": "2m",
        "web.enable-remote-write-receiver": "true",
    })
}
