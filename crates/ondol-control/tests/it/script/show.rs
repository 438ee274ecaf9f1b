use ondol_control::Action;
use ondol_model::{Check, ReplicaId};

/// An action in one line.
pub(super) fn show(action: &Action) -> String {
    let name = |id: &ReplicaId| format!("{}-{}", id.service, id.number);
    match action {
        Action::Prepare { service, again, .. } => {
            format!("prepare {service}{}", if *again { " again" } else { "" })
        }
        Action::Start(run) => {
            let steps = if run.initiates { " with its steps" } else { "" };
            format!("start {} {}{steps}", name(&run.replica), run.run)
        }
        Action::Probe {
            replica,
            kind,
            port,
            check,
            ..
        } => {
            let what = match check {
                Check::Http(http) => http.path.clone(),
                Check::Tcp { .. } => format!("port {}", port.unwrap_or_default()),
                _ => "?".to_owned(),
            };
            format!("probe {} {kind:?} {what}", name(replica))
        }
        Action::Hook {
            replica,
            when,
            hook,
            ..
        } => {
            format!("hook {} {when:?} {}", name(replica), hook.command.join(" "))
        }
        Action::Publish(table) => {
            let endpoints: Vec<_> = table
                .endpoints
                .iter()
                .map(|endpoint| {
                    let ready = if endpoint.ready { "ready" } else { "not ready" };
                    format!("{} {ready}", endpoint.replica.number)
                })
                .collect();
            format!(
                "publish {} [{}]",
                table.service.service,
                endpoints.join(", ")
            )
        }
        Action::AwaitDrained { replica, .. } => format!("await drained {}", name(replica)),
        Action::Signal {
            replica, signal, ..
        } => format!("{signal} {}", name(replica)),
        Action::Kill { replica, .. } => format!("kill {}", name(replica)),
        Action::Discard { replica, volumes } => {
            format!(
                "discard {}{}",
                name(replica),
                if *volumes { "" } else { ", keep volumes" }
            )
        }
        Action::DiscardProject { project, volumes } => {
            format!(
                "discard project {project}{}",
                if *volumes { " with volumes" } else { "" }
            )
        }
        Action::Measure {
            service, replicas, ..
        } => format!("measure {} of {}", replicas.len(), service.service),
        Action::Remember { service, memory } => {
            let refused = memory.refused.as_ref().map(|refused| &*refused.why);
            let refused = refused.map_or(String::new(), |why| format!(", refused: {why}"));
            format!("remember {}: {}{refused}", service.service, memory.renewed)
        }
        Action::Note(note) => {
            let about = match &note.replica {
                Some(replica) => name(replica),
                None => note.service.service.to_string(),
            };
            format!("# {about} {:?}: {}", note.kind, note.why)
        }
    }
}
