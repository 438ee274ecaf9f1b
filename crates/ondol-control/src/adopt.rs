use std::collections::BTreeMap;
use std::sync::Arc;

use ondol_model::{Inventory, ProjectName, Survivor};

use crate::NoteKind;
use crate::project::ProjectState;
use crate::replica::{Life, Replica};
use crate::running::{Running, Whereabouts};
use crate::service::ServiceState;
use crate::turn::Turn;

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
        let number = survivor.replica.number;
        if self.replicas.contains_key(&number) {
            return;
        }
        let target = self.goal.clone();
        let prepared = Arc::new(survivor.prepared);
        let at = Whereabouts {
            pid: survivor.pid,
            ip: survivor.ip,
            moved_ports: survivor.moved_ports,
        };
        let once = number > REPLICAS_MAX;
        let life = match &target {
            Some(target) => {
                let service = &target.service;
                let running = Running::adopted(survivor.run, at, prepared, service, turn.now);
                Life::Running(Box::new(running))
            }
            None => Life::Launching {
                run: survivor.run,
                prepared,
            },
        };
        let mut replica = Replica::found(
            survivor.replica,
            survivor.definition,
            target.clone(),
            life,
            turn.now,
        );
        replica.once = once;
        replica.forgotten = once;
        if let Some(target) = &target {
            turn.room.account(target.demand());
            replica.held = Some(target.demand());
            // What it was started from is not known when it is not what is wanted.
            if replica.definition != target.definition {
                replica.generation = 0;
            }
        }
        replica.because = format!("found running, pid {}: kept", survivor.pid);
        if survivor.exit.is_none() {
            turn.tell(NoteKind::Adopted, &replica.id, replica.because.clone());
        }
        self.replicas.insert(number, replica);
        if let Some(exit) = survivor.exit {
            self.exited(number, survivor.run, exit, turn);
        } else if self.rolling.is_none() && self.is_behind(number) {
            self.rolling = Some(crate::replace::Rolling::new(false));
        }
    }

    fn is_behind(&self, number: u32) -> bool {
        let replica = self.replicas.get(&number);
        match (replica, &self.goal) {
            (Some(replica), Some(goal)) => !replica.once && replica.definition != goal.definition,
            _ => false,
        }
    }
}
