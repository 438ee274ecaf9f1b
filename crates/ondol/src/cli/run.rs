use std::process::ExitCode;

use ondol_api::{Client, Follow, ProjectState, ReplicaState, RunBody};
use ondol_model::{Exit, Phase, ProjectName};

use super::args::{ProjectArgs, RunArgs};
use super::failure::Failure;
use super::logs::Printer;
use super::node;
use super::out::Out;
use super::progress::Interrupts;

/// Runs it beside the replicas, shows what it writes, and ends with its exit code. Ctrl-C stops it.
pub(crate) async fn run(
    files: &ProjectArgs,
    args: RunArgs,
    out: &Out,
) -> Result<ExitCode, Failure> {
    let client = node::in_charge(out).await?;
    let project = node::project(files, &client, out).await?;
    let service = node::service(&project, &args.service)?.name.clone();
    let mut interrupts = Interrupts::listen()?;
    let body = RunBody {
        command: args.command,
    };
    let replica = client
        .run(&project.name, service.as_str(), &body)
        .await?
        .replica;
    let ended = tokio::select! {
        ended = ended(&client, &project.name, &replica, out) => Some(ended?),
        () = interrupts.next() => None,
    };
    let Some(exit) = ended else {
        client.forget(&project.name, &replica).await?;
        return Ok(ExitCode::from(130));
    };
    if args.rm {
        client.forget(&project.name, &replica).await?;
    }
    match exit {
        // Every exit code that the machine knows is a byte.
        Exit::Code(code) => Ok(ExitCode::from(code as u8)),
        Exit::Signal(number) => Ok(ExitCode::from(128u8.wrapping_add(number as u8))),
        other => Err(Failure::error(format!("{replica} {other}"))),
    }
}

/// Shows what the one-off writes until it has ended, and then what is left.
async fn ended(
    client: &Client,
    project: &ProjectName,
    replica: &str,
    out: &Out,
) -> Result<Exit, Failure> {
    let mut changes = client.follow_project(project).await?;
    let mut printer = Printer::new(out);
    printer.prefix = false;
    let mut shown = 0usize;
    let mut exit = seen(&mut changes, replica).await?;
    let mut lines = client
        .logs(project, &format!("replica={replica}&follow=true"))
        .await?;
    while exit.is_none() {
        tokio::select! {
            line = lines.next() => match line {
                Some(line) => {
                    printer.print(&line?)?;
                    shown += 1;
                }
                None => exit = Some(Exit::Lost),
            },
            now = seen(&mut changes, replica) => exit = now?,
        }
    }
    let mut all = client.logs(project, &format!("replica={replica}")).await?;
    let mut skip = shown;
    while let Some(line) = all.next().await {
        match skip {
            0 => printer.print(&line?)?,
            _ => skip -= 1,
        }
    }
    Ok(exit.unwrap_or(Exit::Lost))
}

/// How the one-off ended, as of the next state; `None` while it goes on.
async fn seen(changes: &mut Follow<ProjectState>, replica: &str) -> Result<Option<Exit>, Failure> {
    let gone = || Failure::error(format!("{replica} is gone"));
    let project = changes.next().await.ok_or_else(gone)??;
    let mut replicas = project
        .services
        .iter()
        .flat_map(|service| &service.replicas);
    let found = replicas
        .find(|state| state.name == replica)
        .ok_or_else(gone)?;
    Ok(how_ended(found))
}

fn how_ended(replica: &ReplicaState) -> Option<Exit> {
    let ended = replica.phase == Phase::Ended;
    ended.then(|| replica.exit.clone().unwrap_or(Exit::Lost))
}
