use std::sync::Arc;

use ondol_model::{ProjectName, ReplicaId, ServiceName};

use crate::{ApiError, Door, ErrorCode, ProjectState, ReplicaState, ServiceState};

/// A project that is there; else an error that says which ones are.
pub(crate) fn project(door: &Door, name: &str) -> Result<Arc<ProjectState>, ApiError> {
    let state = door.state.borrow();
    let found = ProjectName::new(name)
        .ok()
        .and_then(|name| state.projects.get(&name).cloned());
    found.ok_or_else(|| {
        let known = state.projects.keys().map(ProjectName::as_str);
        missing(format!("there is no project `{name}`"), "projects", known)
    })
}

/// A service of it.
pub(crate) fn service<'a>(
    project: &'a ProjectState,
    name: &str,
) -> Result<&'a ServiceState, ApiError> {
    project.service(name).ok_or_else(|| {
        let known = project.services.iter().map(|service| service.name.as_str());
        let message = format!("project `{}` has no service `{name}`", project.name);
        missing(message, "services", known)
    })
}

/// All of these services are there.
pub(crate) fn all_there<'a>(
    project: &ProjectState,
    names: impl IntoIterator<Item = &'a ServiceName>,
) -> Result<(), ApiError> {
    names
        .into_iter()
        .try_for_each(|name| service(project, name.as_str()).map(drop))
}

/// A replica of it, by its name (`web-1`).
pub(crate) fn replica<'a>(
    project: &'a ProjectState,
    name: &str,
) -> Result<(ReplicaId, &'a ReplicaState), ApiError> {
    let mut all = project.services.iter().flat_map(|s| &s.replicas);
    let found = all.find(|replica| replica.name == name).ok_or_else(|| {
        let known = project.services.iter().flat_map(|s| &s.replicas);
        let known = known.map(|replica| replica.name.as_str());
        let message = format!("project `{}` has no replica `{name}`", project.name);
        missing(message, "replicas", known)
    })?;
    let id = ReplicaId {
        project: project.name.clone(),
        service: found.service.clone(),
        number: found.number,
    };
    Ok((id, found))
}

fn missing<'a>(
    message: String,
    what: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> ApiError {
    const SHOWN_MAX: usize = 20;
    let mut names: Vec<&str> = known.clone().take(SHOWN_MAX).collect();
    let error = ApiError::new(ErrorCode::NotFound, message);
    if names.is_empty() {
        return error.hint(format!("there are no {what}"));
    }
    if known.count() > SHOWN_MAX {
        names.push("...");
    }
    error.hint(format!("{what}: {}", names.join(", ")))
}
