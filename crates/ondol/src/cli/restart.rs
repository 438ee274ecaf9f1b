use std::process::ExitCode;

use ondol_api::{Client, ServicesBody};
use ondol_model::ProjectName;

use super::args::{ProjectArgs, ServicesArgs, StopArgs, seconds};
use super::failure::Failure;
use super::out::Out;
use super::progress::{Came, Goal, Progress};
use super::{down, node, report};

/// `restart` and `start`: says it and waits until everything is ready.
pub(crate) async fn restart(
    files: &ProjectArgs,
    args: ServicesArgs,
    verb: &'static str,
    out: &Out,
) -> Result<ExitCode, Failure> {
    let client = node::in_charge(out).await?;
    let project = node::project(files, &client, out).await?;
    let services = node::services(&project, &args.services)?;
    client
        .services(&project.name, verb, &ServicesBody { services })
        .await?;
    settle(verb, &client, &project.name, out).await
}

/// Follows a project until everything is ready.
pub(crate) async fn settle(
    verb: &'static str,
    client: &Client,
    name: &ProjectName,
    out: &Out,
) -> Result<ExitCode, Failure> {
    let mut progress = Progress::new(verb, client, name, out);
    match (
        progress.until(Goal::Settled, None, None).await?,
        progress.state,
    ) {
        (Came::Failed, Some(state)) => Err(report::failed(&state, client, out).await),
        _ => Ok(ExitCode::SUCCESS),
    }
}

pub(crate) async fn stop(
    files: &ProjectArgs,
    args: StopArgs,
    out: &Out,
) -> Result<ExitCode, Failure> {
    let client = node::in_charge(out).await?;
    let project = node::project(files, &client, out).await?;
    let services = node::services(&project, &args.services)?;
    client
        .services(&project.name, "stop", &ServicesBody { services })
        .await?;
    let mut progress = Progress::new("stop", &client, &project.name, out);
    if progress
        .until(Goal::Stopped, seconds(args.timeout), None)
        .await?
        == Came::TimedOut
    {
        down::hasten(&client, &project.name).await?;
        progress.until(Goal::Stopped, None, None).await?;
    }
    Ok(ExitCode::SUCCESS)
}
