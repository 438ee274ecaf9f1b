use std::collections::BTreeMap;
use std::sync::Arc;

use ondol_model::{Exit, Inventory, ProjectName, Survivor};

use crate::project::ProjectState;
use crate::replace::Rolling;
use crate::replica::{Life, Replica};
use crate::running::{Running, Whereabouts};
use crate::service::ServiceState;
use crate::turn::Turn;
use crate::{Action, NoteKind};

/// One-off runs are numbered above this.
pub(crate) const REPLICAS_MAX: u32 = 10_000;

/// Takes over what is there. What runs as it is wanted goes on, what runs otherwise is replaced like after any edit,
/// what nobody wants leaves, and what ended while nobody watched counts as having ended now.
pub(crate) fn adopt(
    inventory: Inventory,
    projects: &mut BTreeMap<ProjectName, ProjectState>,
    turn: &mut Turn,
) {
    for survivor in inventory.survivors {
        let name = &survivor.replica.project;
        let project = projects
            .entry(name.clone())
            .or_insert_with(|| ProjectState::new(name.clone()));
        let service = project.service_or_new(&survivor.replica.service);
        service.adopt(survivor, turn);
    }
}

impl ServiceState {
    fn adopt(&mut self, survivor: Survivor, turn: &mut Turn) {
        if self.replicas.contains_key(&survivor.replica.number) {
            return;
        }
        match survivor.exit.clone() {
            None => self.adopt_running(survivor, turn),
            Some(exit) => self.adopt_ended(survivor, exit, turn),
        }
    }

    fn adopt_running(&mut self, survivor: Survivor, turn: &mut Turn) {
        let Survivor { run, pid, .. } = survivor;
        let prepared = Arc::new(survivor.prepared);
        let at = Whereabouts {
            pid,
            ip: survivor.ip,
            moved_ports: survivor.moved_ports,
        };
        let target = self.goal.clone();
        let life = match &target {
            // What comes before it is still being done; the runtime says when it runs.
            _ if survivor.starting => Life::Launching { run, prepared },
            Some(target) => {
                let running = Running::adopted(run, at, prepared, &target.service, turn.now);
                Life::Running(Box::new(running))
            }
            None => Life::Launching { run, prepared },
        };
        let (id, definition) = (survivor.replica, survivor.definition);
        let mut replica = Replica::found(id, definition, target, life, turn.now);
        replica.once = replica.id.number > REPLICAS_MAX;
        replica.forgotten = replica.once;
        (replica.initiates, replica.initiated) = (survivor.starting, !survivor.starting);
        replica.because = match survivor.starting {
            true => "found starting: kept".to_owned(),
            false => format!("found running, pid {pid}: kept"),
        };
        match &replica.target {
            Some(target) => {
                turn.room.account(target.demand());
                replica.held = Some(target.demand());
            }
            None => turn.room.strangers += 1,
        }
        turn.tell(NoteKind::Adopted, &replica.id, replica.because.clone());
        let goal = self.goal.as_ref().filter(|_| !replica.once);
        if goal.is_some_and(|goal| run.0 <= goal.generation) {
            // It was to be replaced already.
            replica.generation = 0;
        }
        let behind = goal.is_some_and(|goal| !replica.is_of(goal));
        if behind && self.rolling.is_none() {
            self.rolling = Some(Rolling::new(self.refused.is_some()));
        }
        self.replicas.insert(replica.id.number, replica);
    }

    /// It ended while nobody watched: like an end that is heard of now, when it is still wanted as it was.
    fn adopt_ended(&mut self, survivor: Survivor, exit: Exit, turn: &mut Turn) {
        let Survivor {
            replica: id, run, ..
        } = survivor;
        let wanted = self
            .goal
            .clone()
            .filter(|goal| goal.definition == survivor.definition && id.number <= REPLICAS_MAX);
        if wanted.is_none() {
            turn.tell(
                NoteKind::Ended,
                &id,
                format!("{exit}, and it is not wanted any more"),
            );
            return turn.act(Action::Discard {
                replica: id,
                volumes: false,
            });
        }
        let prepared = Arc::new(survivor.prepared);
        let life = Life::Launching { run, prepared };
        let number = id.number;
        let mut replica = Replica::found(id, survivor.definition, wanted, life, turn.now);
        replica.initiated = !matches!(exit, Exit::NotStarted(_) | Exit::Lost);
        self.replicas.insert(number, replica);
        self.exited(number, run, exit, turn);
    }
}
