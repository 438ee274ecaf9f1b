use axum::extract::{ConnectInfo, Path, State};
use ondol_control::Command;

use super::{Answer, answer};
use crate::caller::Caller;
use crate::error::ErrorBody;
use crate::{Accepted, ApiError, Door, ErrorCode, ExecTarget, ReplicaState, Request, reading};

/// A replica
#[utoipa::path(get, path = "/v1/projects/{project}/replicas/{replica}", operation_id = "show_replica",
    params(("project" = String, Path), ("replica" = String, Path, example = "web-1")),
    responses((status = 200, body = ReplicaState), (status = 404, body = ErrorBody)))]
pub(crate) async fn show(
    State(door): State<Door>,
    Path((project, replica)): Path<(String, String)>,
) -> Answer<ReplicaState> {
    let project = reading::project(&door, &project)?;
    answer(reading::replica(&project, &replica)?.1.clone())
}

/// End a replica's process; it is started again
#[utoipa::path(post, path = "/v1/projects/{project}/replicas/{replica}/kill",
    params(("project" = String, Path), ("replica" = String, Path)),
    responses((status = 200, body = Accepted), (status = 404, body = ErrorBody)))]
pub(crate) async fn kill(
    State(door): State<Door>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    Path((project, replica)): Path<(String, String)>,
) -> Answer<Accepted> {
    let project = reading::project(&door, &project)?;
    let (replica, _) = reading::replica(&project, &replica)?;
    let command = Command::Kill { replica };
    let by = caller.words();
    door.ask(|reply| Request::Do { command, by, reply }).await?;
    answer(Accepted {})
}

/// Stop and forget a one-off run
#[utoipa::path(delete, path = "/v1/projects/{project}/replicas/{replica}",
    params(("project" = String, Path), ("replica" = String, Path)),
    responses((status = 200, body = Accepted), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub(crate) async fn forget(
    State(door): State<Door>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    Path((project, replica)): Path<(String, String)>,
) -> Answer<Accepted> {
    let project = reading::project(&door, &project)?;
    let (id, state) = reading::replica(&project, &replica)?;
    if !state.one_off {
        let message = format!("`{replica}` is not a one-off run");
        return Err(ApiError::new(ErrorCode::Conflict, message)
            .hint(format!("scale or stop `{}` instead", state.service)));
    }
    let command = Command::Forget { replica: id };
    let by = caller.words();
    door.ask(|reply| Request::Do { command, by, reply }).await?;
    answer(Accepted {})
}

/// What is needed to run a program inside a replica
#[utoipa::path(get, path = "/v1/projects/{project}/replicas/{replica}/exec",
    params(("project" = String, Path), ("replica" = String, Path)),
    responses((status = 200, body = ExecTarget), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub(crate) async fn exec_target(
    State(door): State<Door>,
    Path((project, replica)): Path<(String, String)>,
) -> Answer<ExecTarget> {
    let project = reading::project(&door, &project)?;
    let (replica, state) = reading::replica(&project, &replica)?;
    if state.pid.is_none() {
        let message = format!("`{}` does not run: it is {}", state.name, state.phase);
        return Err(ApiError::new(ErrorCode::Conflict, message)
            .hint(format!("`ondol why {}` says why", state.service)));
    }
    answer(
        door.ask(|reply| Request::ExecTarget { replica, reply })
            .await?,
    )
}
