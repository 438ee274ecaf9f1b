use std::process::ExitCode;

use ondol_api::{CircuitState, ReplicaState, ServiceState, Why};
use serde::Serialize;
use serde_json::Value;

use super::args::{ProjectArgs, WhyArgs};
use super::failure::Failure;
use super::out::{Colour, Out};
use super::{alerts, events, node, scale};

pub(crate) async fn why(
    files: &ProjectArgs,
    args: WhyArgs,
    out: &Out,
) -> Result<ExitCode, Failure> {
    let client = node::in_charge(out).await?;
    let project = node::project(files, &client, out).await?;
    let service = node::service(&project, &args.service)?;
    let why = client.why(&project.name, service.name.as_str()).await?;
    let alerts = alerts::of(project.name.as_str(), Some(service.name.as_str())).await;
    if out.json {
        out.object(&Answer { why, alerts })?;
        return Ok(ExitCode::SUCCESS);
    }
    for line in service_lines(&why.service) {
        out.data(line);
    }
    for alert in &alerts {
        out.data(format_args!("  {:12} {}", "alert", alerts::line(alert)));
    }
    for replica in &why.service.replicas {
        for line in replica_lines(replica) {
            out.data(line);
        }
    }
    if !why.events.is_empty() {
        out.data(out.paint(Colour::Bold, "what was decided:"));
    }
    for event in &why.events {
        out.data(format_args!("  {}", events::line(event, out)));
    }
    Ok(ExitCode::SUCCESS)
}

/// What the node says, and what its telemetry does.
#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    why: Why,
    alerts: Vec<Value>,
}

fn service_lines(service: &ServiceState) -> Vec<String> {
    let mut lines = vec![format!(
        "{} is {}: {} of {} ready",
        service.name,
        service.phase.word(),
        service.ready,
        service.wanted
    )];
    let mut fact = |head: &str, text: &Option<String>| {
        lines.extend(text.as_ref().map(|text| format!("  {head:12} {text}")));
    };
    fact("failed", &service.failed);
    fact("rolled back", &service.rolled_back);
    fact("waits for", &service.waits_for);
    fact("runs", &service.runs);
    fact("circuit", &service.circuit.as_ref().map(circuit));
    let scaling = service.scaling.as_ref();
    lines.extend(
        scaling
            .map(|scaling| scale::lines(service, scaling))
            .unwrap_or_default(),
    );
    lines
}

fn circuit(circuit: &CircuitState) -> String {
    match circuit.half_open {
        true => format!(
            "half open: {}; some requests are let through",
            circuit.reason
        ),
        false => format!("open: {}", circuit.reason),
    }
}

fn replica_lines(replica: &ReplicaState) -> Vec<String> {
    let mut lines = vec![format!("{} is {}", replica.name, replica.phase)];
    let mut fact = |head: &str, text: Option<String>| {
        lines.extend(text.map(|text| format!("  {head:12} {text}")));
    };
    fact("because", replica.why.clone());
    fact("process", replica.pid.map(|pid| pid.to_string()));
    fact("address", replica.ip.map(|ip| ip.to_string()));
    fact("circuit", replica.circuit.as_ref().map(circuit));
    fact("last ended", replica.exit.as_ref().map(ToString::to_string));
    fact(
        "restarts",
        Some(replica.restarts)
            .filter(|n| *n > 0)
            .map(|n| n.to_string()),
    );
    if let Some(probe) = &replica.probe {
        fact("expected", Some(probe.expected.clone()));
        fact("saw", probe.saw.clone());
        let failures = format!("{} of {}", probe.failures, probe.failures_max);
        fact("failures", Some(failures).filter(|_| probe.failures > 0));
    }
    lines
}
