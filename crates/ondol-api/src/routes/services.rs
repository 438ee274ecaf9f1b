use axum::extract::{ConnectInfo, Path, State};
use ondol_control::Command;
use ondol_model::{EventQuery, ProjectName, ServiceName, ServiceRef};

use super::{Answer, Body, answer};
use crate::caller::Caller;
use crate::error::ErrorBody;
use crate::{
    Accepted, ApiError, Door, ErrorCode, Request, RunBody, ScaleBody, ServiceState, ServicesBody,
    Started, Why, reading,
};

/// Decisions that `why` shows.
const WHY_EVENTS_MAX: u32 = 50;
const REPLICAS_MAX: u32 = 1_000;

/// A service and its replicas
#[utoipa::path(get, path = "/v1/projects/{project}/services/{service}", operation_id = "show_service",
    params(("project" = String, Path), ("service" = String, Path)),
    responses((status = 200, body = ServiceState), (status = 404, body = ErrorBody)))]
pub(crate) async fn show(
    State(door): State<Door>,
    Path((project, service)): Path<(String, String)>,
) -> Answer<ServiceState> {
    let project = reading::project(&door, &project)?;
    answer(reading::service(&project, &service)?.clone())
}

/// Why a service is as it is
#[utoipa::path(get, path = "/v1/projects/{project}/services/{service}/why",
    params(("project" = String, Path), ("service" = String, Path)),
    responses((status = 200, body = Why), (status = 404, body = ErrorBody)))]
pub(crate) async fn why(
    State(door): State<Door>,
    Path((project, service)): Path<(String, String)>,
) -> Answer<Why> {
    let project = reading::project(&door, &project)?;
    let service = reading::service(&project, &service)?.clone();
    let query = EventQuery {
        project: Some(project.name.clone()),
        service: Some(service.name.clone()),
        limit: WHY_EVENTS_MAX,
        ..EventQuery::default()
    };
    let events = door.ask(|reply| Request::Events { query, reply }).await?;
    answer(Why { service, events })
}

/// Keep another number of replicas
#[utoipa::path(post, path = "/v1/projects/{project}/scale", params(("project" = String, Path)), request_body = ScaleBody,
    responses((status = 200, body = Accepted), (status = 404, body = ErrorBody)))]
pub(crate) async fn scale(
    State(door): State<Door>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    Path(project): Path<String>,
    Body(body): Body<ScaleBody>,
) -> Answer<Accepted> {
    let project = reading::project(&door, &project)?;
    reading::all_there(&project, body.scale.keys())?;
    let counts = body.scale.iter();
    let mut counts = counts.filter_map(|(service, count)| Some((service, (*count)?)));
    if let Some((service, replicas)) = counts.find(|(_, count)| *count > REPLICAS_MAX) {
        let message = format!("{replicas} replicas of `{service}` are too many");
        return Err(ApiError::new(ErrorCode::Invalid, message)
            .hint(format!("a service has at most {REPLICAS_MAX}")));
    }
    let asked = door.ask(|reply| Request::Scale {
        project: project.name.clone(),
        scale: body.scale,
        by: caller.words(),
        reply,
    });
    asked.await?;
    answer(Accepted {})
}

/// Stop services until they are started again
#[utoipa::path(post, path = "/v1/projects/{project}/stop", params(("project" = String, Path)), request_body = ServicesBody,
    responses((status = 200, body = Accepted), (status = 404, body = ErrorBody)))]
pub(crate) async fn stop(
    State(door): State<Door>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    Path(project): Path<String>,
    Body(body): Body<ServicesBody>,
) -> Answer<Accepted> {
    set_stopped(&door, caller, &project, body, true).await
}

/// Start services that were stopped
#[utoipa::path(post, path = "/v1/projects/{project}/start", params(("project" = String, Path)), request_body = ServicesBody,
    responses((status = 200, body = Accepted), (status = 404, body = ErrorBody)))]
pub(crate) async fn start(
    State(door): State<Door>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    Path(project): Path<String>,
    Body(body): Body<ServicesBody>,
) -> Answer<Accepted> {
    set_stopped(&door, caller, &project, body, false).await
}

/// Replace every replica by a new start of the same definition
#[utoipa::path(post, path = "/v1/projects/{project}/restart", params(("project" = String, Path)), request_body = ServicesBody,
    responses((status = 200, body = Accepted), (status = 404, body = ErrorBody)))]
pub(crate) async fn restart(
    State(door): State<Door>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    Path(project): Path<String>,
    Body(body): Body<ServicesBody>,
) -> Answer<Accepted> {
    let command = |project, services| Command::Restart { project, services };
    perform(&door, caller, &project, body, command).await
}

/// Prepare services again and replace their replicas
#[utoipa::path(post, path = "/v1/projects/{project}/rebuild", params(("project" = String, Path)), request_body = ServicesBody,
    responses((status = 200, body = Accepted), (status = 404, body = ErrorBody)))]
pub(crate) async fn rebuild(
    State(door): State<Door>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    Path(project): Path<String>,
    Body(body): Body<ServicesBody>,
) -> Answer<Accepted> {
    let command = |project, services| Command::Rebuild { project, services };
    perform(&door, caller, &project, body, command).await
}

/// Run a service once, with other words than its file's
#[utoipa::path(post, path = "/v1/projects/{project}/services/{service}/runs",
    params(("project" = String, Path), ("service" = String, Path)), request_body = RunBody,
    responses((status = 200, body = Started), (status = 404, body = ErrorBody)))]
pub(crate) async fn run(
    State(door): State<Door>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    Path((project, service)): Path<(String, String)>,
    Body(body): Body<RunBody>,
) -> Answer<Started> {
    let project = reading::project(&door, &project)?;
    let service = ServiceRef {
        project: project.name.clone(),
        service: reading::service(&project, &service)?.name.clone(),
    };
    let asked = door.ask(|reply| Request::RunOnce {
        service,
        once: Box::new(body.into()),
        by: caller.words(),
        reply,
    });
    answer(asked.await?)
}

async fn set_stopped(
    door: &Door,
    caller: Caller,
    project: &str,
    body: ServicesBody,
    stop: bool,
) -> Answer<Accepted> {
    let project = reading::project(door, project)?;
    reading::all_there(&project, &body.services)?;
    let asked = door.ask(|reply| Request::Stop {
        project: project.name.clone(),
        services: body.services,
        stop,
        by: caller.words(),
        reply,
    });
    asked.await?;
    answer(Accepted {})
}

async fn perform(
    door: &Door,
    caller: Caller,
    project: &str,
    body: ServicesBody,
    command: impl FnOnce(ProjectName, Vec<ServiceName>) -> Command,
) -> Answer<Accepted> {
    let project = reading::project(door, project)?;
    reading::all_there(&project, &body.services)?;
    let command = command(project.name.clone(), body.services);
    let by = caller.words();
    door.ask(|reply| Request::Do { command, by, reply }).await?;
    answer(Accepted {})
}
