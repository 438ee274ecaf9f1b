//! What a run needs before it: its project with that service, and what the service depends on.

use std::collections::BTreeSet;
use std::sync::Arc;

use ondol_api::{Client, ClientError, ProjectState, ServicesBody};
use ondol_control::Wish;
use ondol_model::{Project, ProjectName, ServiceName};

use crate::cli::args::{ProjectArgs, RunArgs};
use crate::cli::failure::Failure;
use crate::cli::out::Out;
use crate::cli::progress::{Came, Goal, Progress};
use crate::cli::up::{self, wish};
use crate::cli::{load, node, report};

/// A project in which a service can be run once.
pub(super) struct Begun {
    pub(super) client: Client,
    pub(super) project: ProjectName,
    /// It was not there before.
    fresh: bool,
}

pub(super) async fn begin(
    files: &ProjectArgs,
    args: &RunArgs,
    out: &Out,
) -> Result<Begun, Failure> {
    let client = node::in_charge(out).await?;
    let before = before(files, &client, out).await?;
    let known = before.as_ref();
    let lacks = known.is_none_or(|project| project.service(&args.service).is_none());
    let (name, started) = if lacks && load::is_here(files) {
        add(files, args, known, out).await?
    } else {
        let project = match &before {
            Some(project) => project,
            None => &node::project(files, &client, out).await?,
        };
        node::service(project, &args.service)?;
        (
            project.name.clone(),
            start(files, args, project, &client, out).await?,
        )
    };
    let begun = Begun {
        client,
        project: name,
        fresh: before.is_none(),
    };
    if started {
        begun.settle(out).await?;
    }
    Ok(begun)
}

/// The project as it is, when it is there.
async fn before(
    files: &ProjectArgs,
    client: &Client,
    out: &Out,
) -> Result<Option<ProjectState>, Failure> {
    if let Err(ClientError::NoNode(_)) = client.status().await {
        return Ok(None);
    }
    let name = node::name(files, client, out).await?;
    Ok(client.project(&name).await?)
}

/// Adds the service to what is wanted, as one that does not run, and what it depends on, which does.
async fn add(
    files: &ProjectArgs,
    args: &RunArgs,
    before: Option<&ProjectState>,
    out: &Out,
) -> Result<(ProjectName, bool), Failure> {
    let there = before.into_iter().flat_map(|project| &project.services);
    // Naming a service turns it on, whatever its profiles are: those that are there have to stay.
    let named: Vec<String> = there
        .map(|service| service.name.to_string())
        .chain([args.service.clone()])
        .collect();
    let (mut project, loaded) = load::with_files(files, &named, out)?;
    load::name_contents(&mut project, &loaded, out)?;
    let needed = needed(&project, args);
    let runs = |name: &ServiceName| {
        let known = before.and_then(|before| before.service(name.as_str()));
        known.is_some() && before.is_some_and(|before| !before.stopped.contains(name))
    };
    let off = project
        .services
        .keys()
        .filter(|name| !needed.contains(*name) && !runs(name));
    let wish = Wish {
        stopped: off.cloned().collect(),
        scale: before
            .map(|before| before.scale.clone())
            .unwrap_or_default(),
        project: Arc::new(project),
    };
    let client = node::running(out).await?;
    if let Err(error) = client.apply(&wish).await {
        node::leave_if_idle(&client).await;
        return Err(up::refused(error, &loaded, out));
    }
    Ok((wish.project.name.clone(), !needed.is_empty()))
}

/// Starts what was stopped of what the service depends on. Says whether there was something.
async fn start(
    files: &ProjectArgs,
    args: &RunArgs,
    before: &ProjectState,
    client: &Client,
    out: &Out,
) -> Result<bool, Failure> {
    if before.stopped.is_empty() || args.no_deps || !load::is_here(files) {
        return Ok(false);
    }
    let project = load::project(files, std::slice::from_ref(&args.service), out)?;
    let mut services = needed(&project, args);
    services.retain(|name| before.stopped.contains(name));
    if services.is_empty() {
        return Ok(false);
    }
    let body = ServicesBody {
        services: services.into_iter().collect(),
    };
    client.services(&before.name, "start", &body).await?;
    Ok(true)
}

/// What has to run before the service does.
fn needed(project: &Project, args: &RunArgs) -> BTreeSet<ServiceName> {
    let service = project
        .services
        .values()
        .find(|service| service.name.as_str() == args.service);
    let direct = service
        .filter(|_| !args.no_deps)
        .map(|service| service.depends_on.keys().cloned().collect());
    wish::with_dependencies(project, direct.unwrap_or_default())
}

impl Begun {
    async fn settle(&self, out: &Out) -> Result<(), Failure> {
        let mut progress = Progress::new("run", &self.client, &self.project, out);
        match (
            progress.until(Goal::Settled, None, None).await?,
            progress.state,
        ) {
            (Came::Failed, Some(state)) => Err(report::failed(&state, &self.client, out).await),
            _ => Ok(()),
        }
    }

    /// A project that was only there for a run that leaves nothing goes with it.
    pub(super) async fn end(&self, leaves_nothing: bool) -> Result<(), Failure> {
        if !self.fresh || !leaves_nothing {
            return Ok(());
        }
        let state = self.client.project(&self.project).await?;
        if state.is_some_and(|state| {
            state
                .services
                .iter()
                .all(|service| state.stopped.contains(&service.name))
        }) {
            self.client.down(&self.project, false).await?;
        }
        Ok(())
    }
}
