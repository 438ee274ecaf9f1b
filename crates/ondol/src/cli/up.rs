mod attach;
pub(crate) mod wish;

use std::process::ExitCode;

use ondol_api::{Client, ClientError, ProjectState, ServicePhase, ServicesBody};
use ondol_compose::Loaded;
use ondol_model::{Project, ServiceName};

use super::args::{ProjectArgs, UpArgs, seconds};
use super::failure::{ERROR, Failure, TIMEOUT};
use super::out::Out;
use super::progress::{Came, Goal, Progress};
use super::{load, node, report};

pub(crate) async fn up(
    files: &ProjectArgs,
    mut args: UpArgs,
    out: &Out,
) -> Result<ExitCode, Failure> {
    let mut files = files.clone();
    if args
        .what
        .first()
        .is_some_and(|first| load::is_path(first, &files))
    {
        files.files.push(args.what.remove(0).into());
    }
    let detach = args.detach || args.wait;
    if detach && args.watch {
        return Err(Failure::invalid(
            "--watch needs `up` to stay, and --detach lets it return",
        ));
    }
    let (mut project, loaded) = load::with_files(&files, &args.what, out)?;
    load::name_contents(&mut project, &loaded, out)?;
    let client = node::running(out).await?;
    if let Err(stopped) = apply(&project, &args, &client).await {
        node::leave_if_idle(&client).await;
        return Err(match stopped {
            Stopped::Refused(error) => refused(error, &loaded, out),
            Stopped::Failed(failure) => failure,
        });
    }
    if !detach {
        return attach::attach(&project, args.watch, client, out).await;
    }
    let goal = if args.wait {
        Goal::Settled
    } else {
        Goal::Running
    };
    let mut progress = Progress::new("up", &client, &project.name, out);
    let came = progress
        .until(goal, seconds(args.wait_timeout), None)
        .await?;
    let state = progress.state;
    done(came, state.as_ref(), &client, out).await
}

/// Why a project was not begun.
enum Stopped {
    /// The node does not take it.
    Refused(ClientError),
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Stopped::Failed(error.into())
    }
}

/// What cannot be had as it is written (a port that is in use, a program that is missing) is for the file to change.
pub(crate) fn refused(error: ClientError, loaded: &Loaded, out: &Out) -> Failure {
    match error {
        ClientError::Refused(error) if !error.causes.is_empty() => {
            load::refuse(loaded, error.causes, out)
        }
        error => error.into(),
    }
}

/// Tells the node what is wanted.
async fn apply(project: &Project, args: &UpArgs, client: &Client) -> Result<(), Stopped> {
    let before = client.project(&project.name).await?;
    let wish = wish::of(project, before.as_ref(), &args.what, &args.scale)?;
    let stopped = wish.stopped.clone();
    let applied = client.apply(&wish).await.map_err(Stopped::Refused)?;
    let wanted = |name: &ServiceName| !stopped.contains(name);
    let mut again = ServicesBody::default();
    if args.build {
        let built = project
            .services
            .values()
            .filter(|service| service.build.is_some());
        again.services = built
            .map(|service| service.name.clone())
            .filter(wanted)
            .collect();
        if !again.services.is_empty() {
            client.services(&project.name, "rebuild", &again).await?;
        }
    }
    if args.force_recreate {
        again.services = project
            .services
            .keys()
            .filter(|name| wanted(name))
            .cloned()
            .collect();
        client.services(&project.name, "restart", &again).await?;
    } else if !applied.changed {
        // Asking again is asking to try again.
        again.services = before.as_ref().map(given_up).unwrap_or_default();
        if !again.services.is_empty() {
            client.services(&project.name, "restart", &again).await?;
        }
    }
    Ok(())
}

fn given_up(project: &ProjectState) -> Vec<ServiceName> {
    let failed = project
        .services
        .iter()
        .filter(|service| service.phase == ServicePhase::Failed);
    failed.map(|service| service.name.clone()).collect()
}

/// What `up` ends with when it does not stay.
async fn done(
    came: Came,
    state: Option<&ProjectState>,
    client: &Client,
    out: &Out,
) -> Result<ExitCode, Failure> {
    match (came, state) {
        (Came::Reached, Some(state)) => {
            say_addresses(state, out);
            if out.json {
                out.object(state)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        (Came::Failed, Some(state)) => Err(report::failed(state, client, out).await),
        (Came::TimedOut, Some(state)) => Err(too_late(state)),
        _ => Err(Failure::with_code(
            ERROR,
            "the project was taken down meanwhile",
        )),
    }
}

fn say_addresses(state: &ProjectState, out: &Out) {
    if !out.quiet {
        report::addresses(state)
            .iter()
            .for_each(|line| out.say(line));
    }
}

fn too_late(state: &ProjectState) -> Failure {
    let late = state.services.iter().filter(|service| !service.settled);
    let late: Vec<String> = late
        .map(|service| match &service.waits_for {
            Some(what) => format!("{} ({what})", service.name),
            None => format!("{} ({})", service.name, service.phase.word()),
        })
        .collect();
    Failure::with_code(TIMEOUT, format!("not ready in time: {}", late.join(", ")))
        .hint("everything goes on; `ondol why SERVICE` says more, `ondol down` stops it")
}
