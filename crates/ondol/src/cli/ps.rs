use std::process::ExitCode;
use std::time::Duration;

use ondol_api::{ProjectState, Reading, ReplicaState, ServiceState};
use ondol_model::Phase;
use serde::Serialize;

use super::args::{ProjectArgs, PsArgs};
use super::clock::{now_unix_ms, span};
use super::failure::Failure;
use super::node;
use super::out::Out;
use super::reading::Readings;
use super::table::Table;

pub(crate) async fn ps(files: &ProjectArgs, args: PsArgs, out: &Out) -> Result<ExitCode, Failure> {
    let client = node::in_charge(out).await?;
    let project = node::project(files, &client, out).await?;
    let only = node::services(&project, &args.services)?;
    let readings = match out.json {
        true => Some(Readings::ask(&client, &project.name).await?),
        false => None,
    };
    let now = now_unix_ms();
    let mut table = Table::new(&["NAME", "STATE", "SINCE", "RESTARTS", "PORTS", "RUNS"]);
    let services = project
        .services
        .iter()
        .filter(|service| only.is_empty() || only.contains(&service.name));
    let replicas = services.flat_map(|service| {
        service
            .replicas
            .iter()
            .map(move |replica| (service, replica))
    });
    for (service, replica) in
        replicas.filter(|(_, replica)| args.all || replica.phase != Phase::Ended)
    {
        if out.json {
            let reading = readings
                .as_ref()
                .and_then(|readings| readings.of(&replica.name));
            out.object(&Row { replica, reading })?;
        } else if args.quiet {
            out.data(&replica.name);
        } else {
            table.row(row(&project, service, replica, now));
        }
    }
    if !out.json && !args.quiet {
        table.lines().iter().for_each(|line| out.data(line));
    }
    Ok(ExitCode::SUCCESS)
}

/// A replica, and how it does.
#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    replica: &'a ReplicaState,
    #[serde(skip_serializing_if = "Option::is_none")]
    reading: Option<&'a Reading>,
}

fn row(
    project: &ProjectState,
    service: &ServiceState,
    replica: &ReplicaState,
    now_unix_ms: u64,
) -> Vec<String> {
    let state = match &replica.exit {
        Some(exit) if replica.phase == Phase::Ended => format!("{} ({exit})", replica.phase),
        _ => replica.phase.to_string(),
    };
    let circuit = replica.circuit.as_ref().or(service.circuit.as_ref());
    let state = match circuit {
        Some(circuit) => format!("{state}, {}", circuit.word()),
        None => state,
    };
    let ports = service.published.iter().map(|port| match port.address {
        Some(address) => format!("{address}→{}", port.target),
        None => port.target.to_string(),
    });
    let secure = project
        .edges
        .iter()
        .filter(|edge| edge.service == service.name && edge.url.starts_with("https:"))
        .map(|edge| edge.url.clone());
    let since = Duration::from_millis(now_unix_ms.saturating_sub(replica.since_unix_ms));
    vec![
        replica.name.clone(),
        state,
        span(since),
        replica.restarts.to_string(),
        ports.chain(secure).collect::<Vec<_>>().join(", "),
        service.runs.clone().unwrap_or_default(),
    ]
}
