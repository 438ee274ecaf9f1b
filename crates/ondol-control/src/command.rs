use std::sync::Arc;

use ondol_model::{OneOff, ProjectName, ReplicaId, ServiceName, ServiceRef};

use crate::drain::{Pace, Then};
use crate::project::ProjectState;
use crate::replica::Replica;
use crate::service::ServiceState;
use crate::target::Target;
use crate::turn::Turn;
use crate::{Command, NoteKind};

impl Command {
    /// The project it is about.
    pub(crate) fn project(&self) -> &ProjectName {
        match self {
            Command::Restart { project, .. }
            | Command::Rebuild { project, .. }
            | Command::RunOnce { project, .. }
            | Command::Down { project, .. } => project,
            Command::Kill { replica } | Command::Forget { replica } => &replica.project,
        }
    }
}

/// Does what a person asked for.
pub(crate) fn obey(project: &mut ProjectState, command: Command, turn: &mut Turn) {
    match command {
        Command::Restart { services, .. } => each(project, &services, |service| {
            service.renew("a restart was asked for", turn);
        }),
        Command::Rebuild { services, .. } => each(project, &services, |service| {
            service.rebuild(turn);
        }),
        Command::Kill { replica } => {
            if let Some(replica) = find(project, &replica) {
                replica.kill("killed on request".to_owned(), turn);
            }
        }
        Command::RunOnce {
            service,
            number,
            once,
            ..
        } => run_once(project, &service, number, &once, turn),
        Command::Forget { replica } => {
            if let Some(service) = project.service_mut(&replica.service) {
                service.forget(replica.number, turn);
            }
        }
        Command::Down { volumes, .. } => project.take_down(volumes),
    }
}

fn each(
    project: &mut ProjectState,
    names: &[ServiceName],
    mut change: impl FnMut(&mut ServiceState),
) {
    let named =
        |service: &&mut ServiceState| names.is_empty() || names.contains(&service.name.service);
    for service in project.services.iter_mut().filter(named) {
        if !service.leaves() {
            change(service);
        }
    }
}

fn find<'a>(project: &'a mut ProjectState, id: &ReplicaId) -> Option<&'a mut Replica> {
    project
        .service_mut(&id.service)?
        .replicas
        .get_mut(&id.number)
}

fn run_once(
    project: &mut ProjectState,
    name: &ServiceName,
    number: u32,
    once: &OneOff,
    turn: &mut Turn,
) {
    let known = project
        .service_mut(name)
        .filter(|service| service.wanted.is_some());
    let Some(service) = known else {
        let nowhere = ServiceRef {
            project: project.name.clone(),
            service: name.clone(),
        };
        let why = format!("{name} cannot be run once: it is not in the project");
        return turn.note(NoteKind::Ended, &nowhere, why);
    };
    service.run_once(number, once, turn);
}

impl ServiceState {
    fn rebuild(&mut self, turn: &mut Turn) {
        let Some(goal) = self.goal.clone() else {
            return;
        };
        self.retry("watched files changed", turn);
        self.preparations.renew(&self.name, &goal, turn);
    }

    fn run_once(&mut self, number: u32, once: &OneOff, turn: &mut Turn) {
        let Some(wanted) = self.wanted.clone() else {
            return;
        };
        if self.replicas.contains_key(&number) {
            return;
        }
        let target = Arc::new(Target {
            definition: wanted.definition.clone(),
            generation: wanted.generation,
            project: wanted.project.clone(),
            service: Arc::new(once.of(&wanted.service)),
        });
        let id = ReplicaId {
            project: self.name.project.clone(),
            service: self.name.service.clone(),
            number,
        };
        let mut replica = Replica::planned(id, &target, "run once on request".to_owned(), turn.now);
        replica.once = true;
        replica.forgotten = once.fleeting;
        self.replicas.insert(number, replica);
    }

    fn forget(&mut self, number: u32, turn: &mut Turn) {
        let once = self
            .replicas
            .get(&number)
            .is_some_and(|replica| replica.once);
        if once {
            let then = Then::Discard { volumes: true };
            let why = "nobody waits for it any more".to_owned();
            self.leave_then(number, then, Pace::All, NoteKind::Ended, why, turn);
        }
    }
}
