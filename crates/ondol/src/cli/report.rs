//! What is said when services did not come up: what was expected, what was seen, what they wrote last,
//! what still runs, and what to type next.

use std::net::Ipv4Addr;

use ondol_api::{
    Client, LogLine, ProjectState, PublishedState, ReplicaState, ServicePhase, ServiceState,
};
use ondol_model::{Exit, Transport};

use super::failure::{ERROR, Failure, ROLLED_BACK};
use super::out::{Colour, Out};

/// Lines that are shown of what a service wrote before it failed.
pub(crate) const LINES_SHOWN: usize = 20;

/// Says why each failed service failed; the failure that is left is the exit code.
pub(crate) async fn failed(project: &ProjectState, client: &Client, out: &Out) -> Failure {
    for service in project
        .services
        .iter()
        .filter(|service| service.failed.is_some())
    {
        let replica = culprit(service);
        let mut written = Vec::new();
        if let Some(replica) = replica {
            written = last_lines(project, replica, client).await;
        }
        for (colour, line) in lines(service, replica, &written) {
            match colour {
                Some(colour) => out.say(out.paint_talk(colour, line)),
                None => out.say(line),
            }
        }
    }
    out.say(still_running(project));
    let rolled_back = project
        .services
        .iter()
        .any(|service| service.rolled_back.is_some());
    Failure::said(if rolled_back { ROLLED_BACK } else { ERROR })
}

/// The replica whose words explain it: one that failed, else any.
pub(crate) fn culprit(service: &ServiceState) -> Option<&ReplicaState> {
    let regular = || service.replicas.iter().filter(|replica| !replica.one_off);
    let bad =
        |replica: &&ReplicaState| replica.exit.as_ref().is_some_and(|exit| !exit.is_success());
    let failing = |replica: &&ReplicaState| replica.probe.as_ref().is_some_and(|probe| !probe.ok);
    regular()
        .find(bad)
        .or_else(|| regular().find(failing))
        .or_else(|| regular().next())
}

/// What a replica wrote last.
pub(crate) async fn last_lines(
    project: &ProjectState,
    replica: &ReplicaState,
    client: &Client,
) -> Vec<LogLine> {
    let query = format!("replica={}&tail={LINES_SHOWN}", replica.name);
    let mut lines = Vec::new();
    // A report without log lines is better than none.
    if let Ok(mut all) = client.logs(&project.name, &query).await {
        while let (Some(Ok(line)), true) = (all.next().await, lines.len() < LINES_SHOWN) {
            lines.push(line);
        }
    }
    lines
}

fn lines(
    service: &ServiceState,
    replica: Option<&ReplicaState>,
    written: &[LogLine],
) -> Vec<(Option<Colour>, String)> {
    let name = &service.name;
    let mut said = vec![(
        Some(Colour::Red),
        format!("✖ {name} {}", service.phase.word()),
    )];
    let mut fact = |head: &str, text: String| said.push((None, format!("  {head:9} {text}")));
    if let Some(why) = &service.failed {
        fact("why", why.replace('\n', "\n            "));
    }
    if let Some(probe) = replica.and_then(|replica| replica.probe.as_ref()) {
        fact("expected", probe.expected.clone());
        let saw = probe.saw.clone().unwrap_or_else(|| "no answer yet".into());
        fact(
            "saw",
            format!(
                "{saw} ({} of {} failures)",
                probe.failures, probe.failures_max
            ),
        );
    }
    if let Some(exit) = replica.and_then(|replica| replica.exit.as_ref()) {
        fact("ended", Exit::to_string(exit));
    }
    if let (Some(replica), false) = (replica, written.is_empty()) {
        said.push((None, format!("  the last lines of {}:", replica.name)));
        said.extend(
            written
                .iter()
                .map(|line| (Some(Colour::Dim), format!("   │ {}", line.text))),
        );
    }
    let next = format!(
        "  help: `ondol why {name}`, `ondol logs {name}`; then change the file and `ondol up` again"
    );
    said.push((None, next));
    said
}

fn still_running(project: &ProjectState) -> String {
    let mut up = Vec::new();
    for service in &project.services {
        let running = service.replicas.iter().any(|replica| replica.pid.is_some());
        if running && service.phase != ServicePhase::Stopping {
            up.push(service.name.as_str());
        }
    }
    if up.is_empty() {
        return "nothing of the project runs".into();
    }
    format!("still running: {} (`ondol down` stops them)", up.join(", "))
}

/// Where the project can be opened.
pub(crate) fn addresses(project: &ProjectState) -> Vec<String> {
    let edges = project
        .edges
        .iter()
        .map(|edge| format!("  {}  {}", edge.service, edge.url));
    let services = project.services.iter();
    let ports =
        services.flat_map(|service| service.published.iter().map(move |port| (service, port)));
    edges
        .chain(ports.map(|(service, port)| format!("  {}  {}", service.name, published(port))))
        .collect()
}

fn published(port: &PublishedState) -> String {
    let target = port.target;
    let Some(mut address) = port.address else {
        let why = port.error.as_deref().unwrap_or("not open yet");
        return format!("port {target}: {why}");
    };
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    match port.transport {
        Transport::Udp => format!("{address}/udp"),
        Transport::Tcp if OTHER_THAN_HTTP.contains(&target) => address.to_string(),
        Transport::Tcp => format!("http://{address}"),
    }
}

/// Ports of well-known protocols that no browser speaks.
const OTHER_THAN_HTTP: [u16; 14] = [
    22, 25, 53, 1433, 1521, 1883, 3306, 4222, 5432, 5672, 6379, 9092, 11_211, 27_017,
];
