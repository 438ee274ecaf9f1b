use std::process::ExitCode;

use ondol_api::{Client, ClientError, ServicePhase};
use ondol_model::ProjectName;

use super::args::{DownArgs, ProjectArgs, seconds};
use super::failure::Failure;
use super::node;
use super::out::Out;
use super::progress::{Came, Goal, Progress};

pub(crate) async fn down(
    files: &ProjectArgs,
    args: DownArgs,
    out: &Out,
) -> Result<ExitCode, Failure> {
    let client = node::in_charge(out).await?;
    if let Err(ClientError::NoNode(_)) = client.status().await {
        out.say("nothing runs: there is no node");
        return Ok(ExitCode::SUCCESS);
    }
    let name = node::name(files, &client, out).await?;
    if client.project(&name).await?.is_none() {
        out.say(format_args!("project `{name}` does not run"));
        return Ok(ExitCode::SUCCESS);
    }
    client.down(&name, args.volumes).await?;
    let mut progress = Progress::new("down", &client, &name, out);
    if progress
        .until(Goal::Gone, seconds(args.timeout), None)
        .await?
        == Came::TimedOut
    {
        hasten(&client, &name).await?;
        progress.until(Goal::Gone, None, None).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Ends at once what is being stopped.
pub(crate) async fn hasten(client: &Client, name: &ProjectName) -> Result<(), Failure> {
    let Some(project) = client.project(name).await? else {
        return Ok(());
    };
    let stopping = |service: &&ondol_api::ServiceState| {
        project.leaving
            || matches!(
                service.phase,
                ServicePhase::Stopping | ServicePhase::Stopped
            )
    };
    for service in project.services.iter().filter(stopping) {
        for replica in service
            .replicas
            .iter()
            .filter(|replica| replica.pid.is_some())
        {
            match client.kill(name, &replica.name).await {
                // It ended meanwhile.
                Ok(_) | Err(ClientError::Refused(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}
