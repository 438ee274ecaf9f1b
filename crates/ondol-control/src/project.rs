use std::sync::Arc;

use ondol_model::{ProjectName, ServiceName, ServiceRef, Time};

use crate::depend::{dependents, sight};
use crate::service::ServiceState;
use crate::target::Target;
use crate::turn::Turn;
use crate::{Action, NoteKind, Wish};

/// A turn ends after so many rounds even if something still changes, and goes on at once in the next. What is not a
/// mistake settles in about one round per link of the longest chain of dependencies.
const ROUNDS_MAX: u32 = 100;

/// A project: what is wanted of it, and its services.
#[derive(Debug)]
pub(crate) struct ProjectState {
    pub(crate) name: ProjectName,
    /// What is wanted; `None` when it goes, or was only found.
    pub(crate) wish: Option<Wish>,
    /// It was asked to go; whether its volumes go too.
    pub(crate) down: Option<bool>,
    /// Ordered by name.
    pub(crate) services: Vec<ServiceState>,
    /// When it has something to do without being told anything.
    pub(crate) wake: Option<Time>,
    /// What readers see of it is not up to date.
    pub(crate) stale: bool,
}

impl ProjectState {
    pub(crate) fn new(name: ProjectName) -> Self {
        ProjectState {
            name,
            wish: None,
            down: None,
            services: Vec::new(),
            wake: None,
            stale: true,
        }
    }

    /// Nothing is wanted of it and nothing is left.
    pub(crate) fn is_gone(&self) -> bool {
        self.wish.is_none() && self.services.is_empty()
    }

    pub(crate) fn service_mut(&mut self, name: &ServiceName) -> Option<&mut ServiceState> {
        let at = self.position(name).ok()?;
        self.services.get_mut(at)
    }

    /// The service of this name, made when it is not known.
    pub(crate) fn service_or_new(&mut self, name: &ServiceName) -> &mut ServiceState {
        let at = match self.position(name) {
            Ok(at) => at,
            Err(at) => {
                let name = ServiceRef {
                    project: self.name.clone(),
                    service: name.clone(),
                };
                self.services.insert(at, ServiceState::new(name));
                at
            }
        };
        &mut self.services[at]
    }

    /// From now on it is wanted like this. The same wish again changes nothing.
    pub(crate) fn want(&mut self, wish: Wish, turn: &mut Turn) {
        if self.wish.as_ref() == Some(&wish) {
            return;
        }
        self.down = None;
        for service in &mut self.services {
            if !wish.project.services.contains_key(&service.name.service) {
                service.wanted = None;
                service.goal = None;
            }
        }
        for name in wish.project.services.keys() {
            self.service_or_new(name).want(&wish, turn);
        }
        self.wish = Some(wish);
    }

    /// Everything goes, and then what is left of it.
    pub(crate) fn take_down(&mut self, volumes: bool) {
        self.wish = None;
        self.down = Some(volumes);
        for service in &mut self.services {
            service.wanted = None;
            service.goal = None;
            service.volumes_too = volumes;
        }
    }

    /// Takes every step that is due, until nothing changes any more.
    pub(crate) fn advance(&mut self, turn: &mut Turn) {
        let mut rounds = 0;
        while self.round(turn) {
            self.stale = true;
            rounds += 1;
            if rounds >= ROUNDS_MAX {
                self.wake = Some(turn.now);
                return;
            }
        }
        if let Some(volumes) = self.down
            && self.services.is_empty()
        {
            self.down = None;
            turn.act(Action::DiscardProject {
                project: self.name.clone(),
                volumes,
            });
        }
        let wakes = self
            .services
            .iter()
            .filter_map(|service| service.wake(turn.now));
        self.wake = wakes.min();
    }

    fn round(&mut self, turn: &mut Turn) -> bool {
        let mut changed = false;
        for at in 0..self.services.len() {
            let sight = sight(&self.services, at);
            changed |= self.services[at].advance(&sight, turn);
        }
        changed |= self.tell_dependents(turn);
        let before = self.services.len();
        self.services.retain(|service| !service.is_gone());
        changed || before != self.services.len()
    }

    /// A service that became ready ends the pauses of those that need it; one that was replaced takes those with it
    /// that ask for it (`depends_on.restart`).
    fn tell_dependents(&mut self, turn: &mut Turn) -> bool {
        let mut changed = false;
        for at in 0..self.services.len() {
            let service = &mut self.services[at];
            let ready = service.ready() > 0;
            let became_ready = ready && !std::mem::replace(&mut service.was_ready, ready);
            service.was_ready = ready;
            let replaced = std::mem::take(&mut service.replaced);
            if !became_ready && !replaced {
                continue;
            }
            let name = service.name.service.clone();
            let dependents: Vec<_> = dependents(&self.services, &name).collect();
            for (other, dependency) in dependents {
                let other = &mut self.services[other];
                if became_ready {
                    changed |= other.retry(&format!("{name} is ready"), turn);
                }
                if replaced && dependency.restart && !other.leaves() {
                    other.renew(&format!("{name} was replaced"), turn);
                    changed = true;
                }
            }
        }
        changed
    }

    fn position(&self, name: &ServiceName) -> Result<usize, usize> {
        self.services
            .binary_search_by(|service| service.name.service.cmp(name))
    }
}

impl ServiceState {
    /// Follows a wish that names it: a new definition is moved to, anything else is changed in place.
    fn want(&mut self, wish: &Wish, turn: &mut Turn) {
        let name = self.name.service.clone();
        let Some(fresh) = Target::of(&wish.project, &name, self.generation) else {
            return;
        };
        self.scale_to(wish, &fresh, turn);
        match &self.wanted {
            Some(wanted) if wanted.definition == fresh.definition => self.follow_in_place(fresh),
            Some(_) => {
                let why = "its definition changed".to_owned();
                turn.note(NoteKind::Changed, &self.name, why);
                self.generation = turn.ids.run;
                let target = Target {
                    generation: self.generation,
                    ..fresh
                };
                self.move_to(Arc::new(target), turn);
                self.retry("its definition changed", turn);
            }
            None => self.move_to(Arc::new(fresh), turn),
        }
    }

    /// The definition is the same: how many, how it is probed, restarted, ordered and routed to may have changed.
    fn follow_in_place(&mut self, fresh: Target) {
        let Some(wanted) = &self.wanted else { return };
        if wanted.service == fresh.service && Arc::ptr_eq(&wanted.project, &fresh.project) {
            return;
        }
        let was_goal = self
            .goal
            .as_ref()
            .is_some_and(|goal| goal.same_start(wanted));
        let was_good = self
            .good
            .as_ref()
            .is_some_and(|good| good.same_start(wanted));
        let target = Arc::new(Target {
            generation: wanted.generation,
            ..fresh
        });
        if was_goal {
            self.goal = Some(target.clone());
        }
        if was_good {
            self.good = Some(target.clone());
        }
        self.wanted = Some(target);
    }
}
