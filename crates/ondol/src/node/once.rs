//! One-off runs of services.

use ondol_api::{ApiError, ErrorCode, ReplicaState, Started};
use ondol_control::{Command, Event, Wish};
use ondol_model::{MountSource, OneOff, ReplicaId, ServiceRef};

use super::Node;

/// One-off runs are numbered from here, so that they meet no replica.
const ONE_OFF_FIRST: u32 = 10_001;

impl Node {
    pub(super) fn run_once(
        &mut self,
        ServiceRef { project, service }: ServiceRef,
        once: Box<OneOff>,
        by: &str,
    ) -> Result<Started, ApiError> {
        let wish = self.wish(&project)?;
        volumes_there(&wish, &once)?;
        let state = self.state.borrow().projects.get(&project).cloned();
        let of_service = state
            .iter()
            .flat_map(|state| &state.services)
            .filter(|s| s.name == service);
        let used = of_service
            .flat_map(|service| &service.replicas)
            .map(|replica| replica.number + 1)
            .max();
        let number = used.unwrap_or(0).max(ONE_OFF_FIRST).max(self.one_off_next);
        self.one_off_next = number + 1;
        self.note_down(
            by,
            &format!("run {service}: {}", once.command.join(" ")),
            Some(&project),
        );
        let replica = ReplicaId {
            project: project.clone(),
            service: service.clone(),
            number,
        };
        let streams = once.attended.then(|| self.engine.streams_of(&replica));
        self.change(Event::Asked(Command::RunOnce {
            project,
            service,
            number,
            once,
        }));
        Ok(Started {
            replica: ReplicaState::name_of(&replica),
            streams,
        })
    }
}

/// A mount of a one-off may name the volumes that the project has.
fn volumes_there(wish: &Wish, once: &OneOff) -> Result<(), ApiError> {
    let volumes = &wish.project.volumes;
    let unknown = once.mounts.iter().find_map(|mount| match &mount.source {
        MountSource::Volume { name, .. } if !volumes.contains_key(name) => Some(name),
        _ => None,
    });
    let Some(name) = unknown else { return Ok(()) };
    let message = format!("project `{}` has no volume `{name}`", wish.project.name);
    let known: Vec<_> = volumes.keys().map(String::as_str).collect();
    let known = match known.is_empty() {
        true => "`volumes:` of its file declares one".to_owned(),
        false => format!("it has {}", known.join(", ")),
    };
    let hint = format!("{known}; a folder is written with a slash: ./{name}");
    Err(ApiError::new(ErrorCode::Conflict, message).hint(hint))
}
