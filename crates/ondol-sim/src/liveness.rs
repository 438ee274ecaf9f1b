use std::collections::BTreeMap;
use std::time::Duration;

use ondol_control::Event;
use ondol_model::Observation;

use crate::incident::PLENTY;
use crate::scenario::{EDITION, TEMPER};
use crate::world::World;

/// Once the incidents stop, everything is as it is wanted within this time.
const REST_MAX: Duration = Duration::from_secs(20 * 60);
const STEPS_MAX: u32 = 20_000;

impl World {
    /// Ends all incidents, and lets the world come to rest.
    pub(crate) fn come_to_rest(&mut self) {
        self.heal();
        let deadline = self.now + REST_MAX;
        for step in 0..STEPS_MAX {
            if self.violation.is_some() || step % 16 == 0 && self.is_at_rest() {
                break;
            }
            let in_time = self.next_at().is_some_and(|at| at <= deadline);
            if !in_time || !self.next() {
                break;
            }
        }
        if self.violation.is_none() && !self.is_at_rest() {
            let words = self.unrest();
            self.violate(|| format!("it does not come to rest: {words}"));
        }
        if self.violation.is_none() {
            self.stays_as_it_is();
        }
    }

    fn heal(&mut self) {
        self.tell(|| "! all incidents are over".to_owned());
        self.healed = true;
        self.fuse = None;
        self.calm.clear();
        self.capacity = PLENTY;
        self.readings_stale = false;
        // Someone may wait for what was stopped.
        self.stopped.clear();
        self.scale.clear();
        for process in self.processes.values_mut() {
            process.hangs = false;
            process.flaps = false;
            process.well_at = process.well_at.min(self.now);
        }
        self.send(Event::Saw(Observation::Machine(PLENTY)));
        // What was given up or refused is only tried again when something changes.
        let names: Vec<_> = self.project.services.keys().cloned().collect();
        for name in names {
            self.edit(&name, |service, edition| {
                service.environment = BTreeMap::from([
                    (TEMPER.to_owned(), "good".to_owned()),
                    (EDITION.to_owned(), edition.to_string()),
                ]);
            });
            // Requests that wait say so again and again.
            self.call_for(&name);
        }
    }

    fn is_at_rest(&mut self) -> bool {
        let orphan = self.orphan().is_some();
        let view = self.control.view();
        let settled = view.projects.values().all(|project| project.settled);
        let known = view.projects.is_empty() == self.wish.is_none();
        settled && known && !orphan && self.is_enough()
    }

    /// A process or a folder that nobody wants.
    fn orphan(&mut self) -> Option<String> {
        let view = self.control.view();
        let known: Vec<_> = view
            .projects
            .values()
            .flat_map(|project| project.services.values())
            .flat_map(|service| &service.replicas)
            .map(|replica| (&replica.id, replica.run))
            .collect();
        let wanted = |process: &&crate::process::Process| {
            known.contains(&(&process.replica, Some(process.run)))
        };
        let process = self
            .processes
            .values()
            .filter(|process| process.is_alive())
            .find(|process| !wanted(process));
        if let Some(process) = process {
            return Some(format!(
                "{} of {} is an orphan",
                process.run, process.replica
            ));
        }
        let mut folders = self.folders.keys();
        let folder = folders.find(|folder| !known.iter().any(|(id, _)| id == folder))?;
        Some(format!("the folder of {folder} is left"))
    }

    /// As many run as are wanted.
    fn is_enough(&mut self) -> bool {
        let Some(wish) = self.wish.clone() else {
            return true;
        };
        wish.project.services.iter().all(|(name, service)| {
            let stopped = wish.stopped.contains(name);
            let job = service.mode == ondol_model::DeployMode::Job;
            let count = match (stopped, &service.autoscale) {
                (true, _) => 0,
                (false, None) => self.count(name, service),
                (false, Some(_)) => self.wanted(name),
            };
            let alive = self.processes.values().filter(|process| {
                process.is_alive()
                    && process.replica.service == *name
                    && process.replica.number <= 10_000
            });
            let alive = alive.count() as u32;
            let ends = service.restart != ondol_model::RestartPolicy::ALWAYS;
            alive == count || job && alive == 0 || ends && alive < count
        })
    }

    fn unrest(&mut self) -> String {
        if let Some(orphan) = self.orphan() {
            return orphan;
        }
        let view = self.control.view();
        let mut words = Vec::new();
        for project in view.projects.values() {
            for service in project.services.values().filter(|service| !service.settled) {
                let replicas: Vec<_> = service
                    .replicas
                    .iter()
                    .map(|replica| format!("{} {} ({})", replica.id, replica.phase, replica.reason))
                    .collect();
                words.push(format!(
                    "{} is {}, {} of {}: {}",
                    service.name,
                    service.phase,
                    service.ready,
                    service.wanted,
                    replicas.join(", ")
                ));
            }
        }
        if words.is_empty() {
            words.push("all is settled, but not as many run as are wanted".to_owned());
        }
        words.join("; ")
    }
}
