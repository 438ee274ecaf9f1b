use std::process::ExitCode;

use ondol_api::{ProjectState, ReplicaState};
use ondol_runtime::ExecTarget;

use super::args::{ExecArgs, ProjectArgs};
use super::failure::Failure;
use super::node;
use super::out::Out;

/// What shells end with when a program cannot be run, so that nobody takes it for the program's own code.
const NOT_RUN: u8 = 126;

/// Finds the replica, then becomes a part of it: the program has this terminal as its own.
pub(crate) fn exec(files: &ProjectArgs, args: ExecArgs, out: &Out) -> Result<ExitCode, Failure> {
    let target = super::block_on(target(files, &args, out))?;
    let code = ondol_runtime::enter(&target, &args.command)
        .map_err(|why| Failure::with_code(NOT_RUN, why))?;
    // Every exit code that the machine knows is a byte.
    Ok(ExitCode::from(code as u8))
}

async fn target(files: &ProjectArgs, args: &ExecArgs, out: &Out) -> Result<ExecTarget, Failure> {
    let client = node::in_charge(out).await?;
    let project = node::project(files, &client, out).await?;
    let replica = replica(&project, args)?;
    let target = client.exec_target(&project.name, &replica.name).await?;
    let mut target: ExecTarget = serde_json::from_value(target.enter).map_err(|error| {
        Failure::error(format!(
            "the node describes the replica in a way that is not understood: {error}"
        ))
        .hint("is the node of another version? `ondol version` tells")
    })?;
    for pair in &args.env {
        // Without a value, the caller's own, as Compose does.
        let (name, value) = match pair.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => (pair.as_str(), std::env::var(pair).unwrap_or_default()),
        };
        target.env.insert(name.to_owned(), value);
    }
    if let Some(dir) = &args.workdir {
        target.workdir.clone_from(dir);
    }
    if args.user.is_some() {
        target.user.clone_from(&args.user);
    }
    Ok(target)
}

fn replica<'a>(project: &'a ProjectState, args: &ExecArgs) -> Result<&'a ReplicaState, Failure> {
    let service = node::service(project, &args.service)?;
    let mut running = service
        .replicas
        .iter()
        .filter(|replica| replica.pid.is_some());
    let found = match args.index {
        Some(number) => running.find(|replica| replica.number == number),
        None => running.next(),
    };
    found.ok_or_else(|| {
        let which = args
            .index
            .map(|number| format!("replica {number} of "))
            .unwrap_or_default();
        Failure::error(format!("{which}`{}` does not run", service.name))
            .hint(format!("`ondol why {}` says why", service.name))
    })
}
