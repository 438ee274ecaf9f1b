use std::time::Duration;

use ondol_model::{Check, Healthcheck, HttpCheck, Probe, Probes};

use super::read;
use crate::findings::{Findings, error};
use crate::tree::Node;

/// `healthcheck`. What it leaves out is Compose's default, except the pace before the first success.
pub(super) fn healthcheck(service: &Node) -> Healthcheck {
    let Some(node) = service.get("healthcheck") else {
        return Healthcheck::Image;
    };
    let test = read::texts(node, &["test"]).unwrap_or_default();
    let command = match test
        .split_first()
        .map(|(first, rest)| (first.as_str(), rest))
    {
        _ if read::flag(node, &["disable"]) => return Healthcheck::Disabled,
        Some(("NONE", _)) => return Healthcheck::Disabled,
        Some(("CMD-SHELL", [none])) if none == "NONE" => return Healthcheck::Disabled,
        Some(("CMD-SHELL", rest)) => ["/bin/sh", "-c"]
            .map(String::from)
            .iter()
            .chain(rest)
            .cloned()
            .collect(),
        Some((_, rest)) => rest.to_vec(),
        None => return Healthcheck::Image,
    };
    let default = Probe::new(Check::Exec { command });
    Healthcheck::Check(Probe {
        interval: paced(node, "interval").unwrap_or(default.interval),
        timeout: paced(node, "timeout").unwrap_or(default.timeout),
        start_period: read::duration(node, &["start_period"]).unwrap_or(default.start_period),
        start_interval: paced(node, "start_interval").unwrap_or(default.start_interval),
        failures_max: read::limit(node, &["retries"]).unwrap_or(default.failures_max),
        ..default
    })
}

/// A duration that must not be zero; zero is Compose's way to say "the default".
fn paced(node: &Node, key: &str) -> Option<Duration> {
    read::duration(node, &[key]).filter(|span| !span.is_zero())
}

/// `x-ondol.probes`.
pub(super) fn probes(name: &str, service: &Node, findings: &mut Findings) -> Probes {
    let mut of = |key: &str| {
        let node = service.at(&["x-ondol", "probes", key])?;
        probe(name, key, node, findings)
    };
    Probes {
        startup: of("startup"),
        ready: of("ready"),
        live: of("live"),
    }
}

fn probe(name: &str, key: &str, node: &Node, findings: &mut Findings) -> Option<Probe> {
    let mut checks = Vec::new();
    checks.extend(node.get("http").map(http));
    checks.extend(node.get("tcp").map(|tcp| Check::Tcp {
        port: read::number(tcp, &["port"]),
    }));
    checks.extend(read::texts(node, &["exec"]).map(|command| Check::Exec { command }));
    checks.extend(read::text(node, &["log"]).map(|contains| Check::LogLine { contains }));
    let count = checks.len();
    let Some(check) = checks.pop().filter(|_| count == 1) else {
        let problem = if count == 0 {
            "asks nothing"
        } else {
            "asks several things at once"
        };
        findings.add(
            error(
                "bad-value",
                format!("the probe `services.{name}.x-ondol.probes.{key}` {problem}"),
            )
            .at(node.span)
            .help("give it one of `http`, `tcp`, `exec` or `log`"),
        );
        return None;
    };
    if let Check::Http(HttpCheck { path, .. }) = &check
        && !path.starts_with('/')
    {
        findings.add(
            error(
                "bad-value",
                format!("`services.{name}.x-ondol.probes.{key}.http` needs a path"),
            )
            .at(node.span)
            .help("begin it with /, as in `http: /health`"),
        );
    }
    let default = Probe::new(check);
    Some(Probe {
        interval: paced(node, "interval").unwrap_or(Duration::from_secs(10)),
        timeout: paced(node, "timeout").unwrap_or(Duration::from_secs(5)),
        start_period: read::duration(node, &["start_period"]).unwrap_or(default.start_period),
        failures_max: read::number(node, &["failures"]).unwrap_or(default.failures_max),
        successes_min: read::number(node, &["successes"]).unwrap_or(default.successes_min),
        ..default
    })
}

fn http(node: &Node) -> Check {
    Check::Http(HttpCheck {
        path: read::text(node, &["path"]).unwrap_or_else(|| "/".to_owned()),
        port: read::number(node, &["port"]),
        headers: read::pairs(node, &["headers"]).into_iter().collect(),
    })
}
