use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use ondol_control::{Command, Wish};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::IntoParams;

use super::{Answer, Body, Query, answer};
use crate::caller::Caller;
use crate::error::ErrorBody;
use crate::{
    Accepted, ApiError, Applied, Door, ErrorCode, ProjectState, Request, RevisionState,
    ServiceReading, Usage, reading,
};

/// Changes that come faster are sent as one.
const PACE: Duration = Duration::from_millis(20);

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct DownQuery {
    /// Remove its named and anonymous volumes too.
    #[serde(default)]
    volumes: bool,
}

/// Every project
#[utoipa::path(get, path = "/v1/projects", operation_id = "list_projects", responses((status = 200, body = Vec<ProjectState>)))]
pub(crate) async fn list(State(door): State<Door>) -> Answer<Vec<Arc<ProjectState>>> {
    let projects = door.state.borrow().projects.values().cloned().collect();
    answer(projects)
}

/// A project, its services and their replicas
#[utoipa::path(get, path = "/v1/projects/{project}", operation_id = "show_project", params(("project" = String, Path)),
    responses((status = 200, body = ProjectState), (status = 404, body = ErrorBody)))]
pub(crate) async fn show(
    State(door): State<Door>,
    Path(project): Path<String>,
) -> Answer<Arc<ProjectState>> {
    answer(reading::project(&door, &project)?)
}

/// A project each time it changes, as server-sent events; over when it is gone
#[utoipa::path(get, path = "/v1/projects/{project}/stream", operation_id = "follow_project", params(("project" = String, Path)),
    responses((status = 200, body = ProjectState, content_type = "text/event-stream"), (status = 404, body = ErrorBody)))]
pub(crate) async fn stream(
    State(door): State<Door>,
    Path(project): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, axum::Error>>>, ApiError> {
    reading::project(&door, &project)?;
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(send_changes(door, project, sender));
    Ok(Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::default()))
}

/// Want a project like this from now on
///
/// The body holds the resolved project (`project`), numbers of replicas on top of its file (`scale`)
/// and services that do not run (`stopped`). Answered once it is on the disk.
#[utoipa::path(put, path = "/v1/projects/{project}", params(("project" = String, Path)),
    request_body(content = Object, content_type = "application/json"),
    responses((status = 200, body = Applied), (status = 400, body = ErrorBody), (status = 409, body = ErrorBody),
              (status = 413, body = ErrorBody), (status = 507, body = ErrorBody)))]
pub(crate) async fn apply(
    State(door): State<Door>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    Path(project): Path<String>,
    Body(wish): Body<Wish>,
) -> Answer<Applied> {
    check(&project, &wish)?;
    let by = caller.words();
    let asked = door.ask(|reply| Request::Apply {
        wish: Box::new(wish),
        by,
        reply,
    });
    answer(asked.await?)
}

/// Stop a project in reverse order of dependency, then forget it
#[utoipa::path(delete, path = "/v1/projects/{project}", params(("project" = String, Path), DownQuery),
    responses((status = 200, body = Accepted), (status = 404, body = ErrorBody)))]
pub(crate) async fn down(
    State(door): State<Door>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    Path(project): Path<String>,
    Query(query): Query<DownQuery>,
) -> Answer<Accepted> {
    let command = Command::Down {
        project: reading::project(&door, &project)?.name.clone(),
        volumes: query.volumes,
    };
    let by = caller.words();
    door.ask(|reply| Request::Do { command, by, reply }).await?;
    answer(Accepted {})
}

/// The revisions that are kept of a project, newest first
#[utoipa::path(get, path = "/v1/projects/{project}/revisions", params(("project" = String, Path)),
    responses((status = 200, body = Vec<RevisionState>), (status = 404, body = ErrorBody)))]
pub(crate) async fn revisions(
    State(door): State<Door>,
    Path(project): Path<String>,
) -> Answer<Vec<RevisionState>> {
    let project = reading::project(&door, &project)?.name.clone();
    answer(
        door.ask(|reply| Request::Revisions { project, reply })
            .await?,
    )
}

/// What each replica of a project takes just now
#[utoipa::path(get, path = "/v1/projects/{project}/usage", params(("project" = String, Path)),
    responses((status = 200, body = Vec<Usage>), (status = 404, body = ErrorBody)))]
pub(crate) async fn usage(
    State(door): State<Door>,
    Path(project): Path<String>,
) -> Answer<Vec<Usage>> {
    let project = reading::project(&door, &project)?.name.clone();
    answer(door.ask(|reply| Request::Usage { project, reply }).await?)
}

/// How the services of a project do just now
#[utoipa::path(get, path = "/v1/projects/{project}/readings", params(("project" = String, Path)),
    responses((status = 200, body = Vec<ServiceReading>), (status = 404, body = ErrorBody)))]
pub(crate) async fn readings(
    State(door): State<Door>,
    Path(project): Path<String>,
) -> Answer<Vec<ServiceReading>> {
    let project = reading::project(&door, &project)?.name.clone();
    let asked = door.ask(|reply| Request::Readings { project, reply });
    answer(asked.await?)
}

fn check(name: &str, wish: &Wish) -> Result<(), ApiError> {
    let project = &wish.project;
    if project.name.as_str() != name {
        let message = format!("the body is project `{}`, the path `{name}`", project.name);
        return Err(ApiError::new(ErrorCode::Invalid, message));
    }
    let mut named = wish.scale.keys().chain(&wish.stopped);
    if let Some(unknown) = named.find(|name| !project.services.contains_key(*name)) {
        let message = format!("project `{name}` has no service `{unknown}`");
        return Err(ApiError::new(ErrorCode::Invalid, message));
    }
    Ok(())
}

/// Sends the project now and after each change, until it is gone or nobody listens.
async fn send_changes(
    mut door: Door,
    project: String,
    sender: mpsc::Sender<Result<Event, axum::Error>>,
) {
    let mut sent: Option<Arc<ProjectState>> = None;
    loop {
        door.state.mark_unchanged();
        let Ok(current) = reading::project(&door, &project) else {
            return;
        };
        let same = sent
            .as_ref()
            .is_some_and(|sent| Arc::ptr_eq(sent, &current));
        if !same {
            let event = Event::default().json_data(current.as_ref());
            if sender.send(event).await.is_err() {
                return;
            }
            sent = Some(current);
            sleep(PACE).await;
        }
        tokio::select! {
            changed = door.state.changed() => if changed.is_err() { return },
            () = sender.closed() => return,
        }
    }
}
