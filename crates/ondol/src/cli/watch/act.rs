use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use ondol_api::{Client, ServicesBody};
use ondol_model::{Project, ServiceName};
use ondol_runtime::ExecTarget;

use super::rules::Rules;
use super::{Changes, sync};
use crate::cli::failure::Failure;
use crate::cli::out::{Colour, Out};

/// Copies, runs, restarts and prepares anew, and says so. What fails is said too, and does not end `up`.
pub(super) async fn act(
    rules: &Rules,
    changes: &Changes,
    project: &Project,
    client: &Client,
    out: &Out,
) -> Result<(), Failure> {
    let plan = rules.plan(changes);
    for (service, files) in &plan.sync {
        tell(copy(project, service, files, client).await, out);
    }
    for (service, argv) in &plan.exec {
        tell(exec(project, service, argv, client).await, out);
    }
    for service in &plan.start_again {
        tell(start_again(project, service, client).await, out);
    }
    for (verb, services) in [("restart", plan.restart), ("rebuild", plan.rebuild)] {
        if services.is_empty() {
            continue;
        }
        let names: Vec<_> = services.iter().map(ServiceName::as_str).collect();
        let said = format!("{}: files changed; {verb}", names.join(", "));
        let body = ServicesBody {
            services: services.into_iter().collect(),
        };
        tell(
            client
                .services(&project.name, verb, &body)
                .await
                .map(|_| said)
                .map_err(Failure::from),
            out,
        );
    }
    Ok(())
}

fn tell(done: Result<String, Failure>, out: &Out) {
    match done {
        Ok(said) => out.say(out.paint_talk(Colour::Dim, format!("watch: {said}"))),
        Err(failure) => out.say(out.paint_talk(Colour::Red, format!("watch: {failure}"))),
    }
}

async fn copy(
    project: &Project,
    service: &ServiceName,
    files: &BTreeMap<PathBuf, PathBuf>,
    client: &Client,
) -> Result<String, Failure> {
    let targets = targets(project, service, client).await?;
    for target in &targets {
        if target.room_pid.is_none() {
            return Ok(format!("{service}: runs from its sources, nothing to copy"));
        }
        sync::copy(target.pid, files).map_err(|why| Failure::error(format!("{service}: {why}")))?;
    }
    let (files, replicas) = (files.len(), targets.len());
    Ok(format!(
        "{service}: {files} files copied to {replicas} replicas"
    ))
}

/// Ends the processes of a service; each is started again in its replica, with what was copied there.
async fn start_again(
    project: &Project,
    service: &ServiceName,
    client: &Client,
) -> Result<String, Failure> {
    for replica in running(project, service, client).await? {
        client.kill(&project.name, &replica).await?;
    }
    Ok(format!("{service}: files changed; started again"))
}

/// Runs a program in every replica, and shows what it said where it failed.
async fn exec(
    project: &Project,
    service: &ServiceName,
    argv: &[String],
    client: &Client,
) -> Result<String, Failure> {
    for target in targets(project, service, client).await? {
        let refused = |error: std::io::Error| Failure::error(format!("{service}: {error}"));
        let order = serde_json::to_vec(&(target, argv)).map_err(|error| {
            Failure::error(format!(
                "{service}: the order could not be written: {error}"
            ))
        })?;
        // Entering a replica changes the process that does it, so another one does.
        let program = std::env::current_exe().map_err(refused)?;
        let mut child = Command::new(program)
            .arg("enter")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(refused)?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(&order).map_err(refused)?;
        }
        let ended = tokio::task::spawn_blocking(move || child.wait_with_output()).await;
        let ended = ended
            .map_err(|error| {
                Failure::error(format!("{service}: nobody waits for the program: {error}"))
            })?
            .map_err(refused)?;
        if !ended.status.success() {
            let said = String::from_utf8_lossy(&ended.stdout);
            return Err(Failure::error(format!(
                "{service}: {}: {}\n{}",
                argv.join(" "),
                ended.status,
                said.trim_end()
            )));
        }
    }
    Ok(format!("{service}: ran {}", argv.join(" ")))
}

/// How to enter each replica of a service that runs.
async fn targets(
    project: &Project,
    service: &ServiceName,
    client: &Client,
) -> Result<Vec<ExecTarget>, Failure> {
    let mut targets = Vec::new();
    for replica in running(project, service, client).await? {
        let target = client.exec_target(&project.name, &replica).await?;
        let target = serde_json::from_value(target.enter);
        targets.push(target.map_err(|error| {
            Failure::error(format!(
                "{replica}: the node describes it in a way that is not understood: {error}"
            ))
            .hint("is the node of another version? `ondol version` tells")
        })?);
    }
    Ok(targets)
}

/// Names of the replicas of a service that run.
async fn running(
    project: &Project,
    service: &ServiceName,
    client: &Client,
) -> Result<Vec<String>, Failure> {
    let state = client.project(&project.name).await?;
    let service = state
        .as_ref()
        .and_then(|state| state.service(service.as_str()));
    let replicas = service.into_iter().flat_map(|service| &service.replicas);
    let running = replicas.filter(|replica| replica.pid.is_some() && !replica.one_off);
    Ok(running.map(|replica| replica.name.clone()).collect())
}
