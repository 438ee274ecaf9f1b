use std::collections::BTreeMap;
use std::net::IpAddr;

use ondol_model::{Run, Service, ServiceName, ServiceRef};

use super::Place;
use crate::Launch;
use crate::engine::Inner;
use crate::sandbox::{Sandbox, toolchains};

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The whole environment: what the image and the file say, then what they leave open.
pub(super) fn env(
    inner: &Inner,
    run: &Run,
    launch: &Launch,
    place: &Place,
) -> BTreeMap<String, String> {
    let mut env = launch.env.clone();
    // What leftovers of a lost shim are recognised by: the file cannot change it.
    env.insert(
        crate::leftover::NODE.to_owned(),
        inner.paths.tag().to_owned(),
    );
    env.insert(crate::leftover::REPLICA.to_owned(), run.replica.to_string());
    let mut add = |name: &str, value: String| {
        env.entry(name.to_owned()).or_insert(value);
    };
    add("HOSTNAME", super::hostname(run));
    if let Some(port) = place.port {
        add(&run.service.port_env, port.to_string());
    }
    for (name, value) in others(inner, run) {
        add(&name, value);
    }
    for (name, value) in telemetry(inner, run) {
        add(name, value);
    }
    let found = toolchains::find(&inner.config.path, inner.config.home.as_deref());
    for (name, value) in found.env {
        add(name, value);
    }
    let path = |env: &mut BTreeMap<String, String>, dir: &str| {
        let path = env
            .entry("PATH".to_owned())
            .or_insert_with(|| PATH.to_owned());
        append(path, dir);
    };
    if inner.config.sandbox == Sandbox::None {
        if let Some(home) = &inner.config.home {
            let home = home.to_string_lossy().into_owned();
            env.entry("HOME".to_owned()).or_insert(home);
        }
        // The machine's own programs are all there is: search where its person would.
        let dirs = inner.config.path.split(':');
        dirs.filter(|dir| dir.starts_with('/'))
            .for_each(|dir| path(&mut env, dir));
    }
    found.path.iter().for_each(|dir| path(&mut env, dir));
    env
}

/// What OpenTelemetry's SDKs look at: where to send to, and who they are.
fn telemetry(inner: &Inner, run: &Run) -> Vec<(&'static str, String)> {
    let Some(address) = inner.state().telemetry else {
        return Vec::new();
    };
    let replica = &run.replica;
    let attributes = format!(
        "service.namespace={},service.instance.id={}-{}",
        replica.project, replica.service, replica.number
    );
    vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{address}")),
        ("OTEL_SERVICE_NAME", replica.service.to_string()),
        ("OTEL_RESOURCE_ATTRIBUTES", attributes),
    ]
}

fn append(path: &mut String, dir: &str) {
    if !path.split(':').any(|known| known == dir) {
        path.push(':');
        path.push_str(dir);
    }
}

/// `<NAME>_HOST`, `_PORT` and `_URL` of the project's other services.
fn others(inner: &Inner, run: &Run) -> Vec<(String, String)> {
    let state = inner.state();
    let names = state.names.get(&run.replica.project);
    let by_address = inner.config.sandbox == Sandbox::None || run.service.host_network;
    let mut env = Vec::new();
    for (name, service) in &run.project.services {
        if *name == run.replica.service {
            continue;
        }
        let address: Option<&IpAddr> = names.and_then(|names| names.get(name.as_str()));
        let host = match (by_address, address) {
            (false, _) => name.to_string(),
            (true, Some(address)) => address.to_string(),
            (true, None) => continue,
        };
        let id = ServiceRef {
            project: run.replica.project.clone(),
            service: name.clone(),
        };
        let prefix = upper_snake(name);
        let port = main_port(service).or_else(|| state.ports.get(&id).copied());
        if let Some(own) = port {
            let port = if by_address {
                inner.virtual_port(own)
            } else {
                own
            };
            let url = format!("{}://{host}:{port}", scheme(own));
            env.push((format!("{prefix}_PORT"), port.to_string()));
            env.push((format!("{prefix}_URL"), url));
        }
        env.push((format!("{prefix}_HOST"), host));
    }
    env
}

fn main_port(service: &Service) -> Option<u16> {
    let declared = service.expose.iter().copied();
    declared
        .chain(service.ports.iter().map(|port| port.target))
        .next()
}

/// What speaks on well-known ports; everything else is taken for HTTP.
fn scheme(port: u16) -> &'static str {
    match port {
        443 | 8443 => "https",
        1883 => "mqtt",
        3306 => "mysql",
        4222 => "nats",
        5432 => "postgres",
        5672 => "amqp",
        6379 => "redis",
        27017 => "mongodb",
        _ => "http",
    }
}

fn upper_snake(name: &ServiceName) -> String {
    let upper = |c: char| match c {
        '-' | '.' => '_',
        c => c.to_ascii_uppercase(),
    };
    name.as_str().chars().map(upper).collect()
}
