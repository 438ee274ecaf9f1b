use ondol_model::{Condition, Dependency, Healthcheck, ServiceName};

use crate::checks::only_image_knows;
use crate::replica::{Ending, Gate, Life, Replica};
use crate::service::{ServiceState, Sight};

/// What the service at `index` sees of the others. They are few, so each is looked up by its name.
pub(crate) fn sight(services: &[ServiceState], index: usize) -> Sight {
    let service = &services[index];
    Sight {
        gate: gate(services, service),
        // Who needs it wakes it: what falls asleep waits for nobody.
        stop_held: service.leaves() && !service.is_asleep() && stop_held(services, service),
        replace_held: dependencies(services, service)
            .any(|(_, other, _)| other.is_some_and(ServiceState::is_replacing)),
    }
}

/// What a service waits for before its replicas may start: the first condition that does not hold, in words.
pub(crate) fn waits_for(services: &[ServiceState], service: &ServiceState) -> Option<String> {
    dependencies(services, service).find_map(|(name, other, dependency)| {
        let missing = unmet(other, dependency)?;
        Some(missing.words(name))
    })
}

/// Services that depend on this one, with how.
pub(crate) fn dependents<'a>(
    services: &'a [ServiceState],
    name: &'a ServiceName,
) -> impl Iterator<Item = (usize, Dependency)> + 'a {
    services.iter().enumerate().filter_map(move |(at, other)| {
        let dependency = other.last_target()?.service.depends_on.get(name)?;
        Some((at, *dependency))
    })
}

/// Why a dependency's condition does not hold.
enum Unmet<'a> {
    Missing,
    Stopped,
    /// It must have reached this, and has not yet.
    NotYet(&'static str),
    /// It ended for good without reaching it.
    Failed(&'a Replica),
}

impl Unmet<'_> {
    fn words(&self, name: &ServiceName) -> String {
        match self {
            Unmet::Missing => format!("waits for {name}, which is not in the project"),
            Unmet::Stopped => format!("waits for {name}, which is stopped: ondol start {name}"),
            Unmet::NotYet(what) => format!("waits for {name} to {what}"),
            Unmet::Failed(replica) => {
                format!("waits for {name}, which failed: {}", replica.because)
            }
        }
    }
}

fn gate(services: &[ServiceState], service: &ServiceState) -> Gate {
    let open = dependencies(services, service)
        .all(|(_, other, dependency)| unmet(other, dependency).is_none());
    let untold = |replica: &Replica| matches!(replica.life, Life::Planned { on } if on != Some(ondol_model::Phase::Waiting));
    let words = (!open && service.replicas.values().any(untold))
        .then(|| waits_for(services, service))
        .flatten();
    Gate { open, words }
}

fn dependencies<'a>(
    services: &'a [ServiceState],
    service: &'a ServiceState,
) -> impl Iterator<Item = (&'a ServiceName, Option<&'a ServiceState>, Dependency)> {
    let goal = service.goal.iter();
    goal.flat_map(|goal| &goal.service.depends_on)
        .map(|(name, dependency)| (name, find(services, name), *dependency))
}

fn find<'a>(services: &'a [ServiceState], name: &ServiceName) -> Option<&'a ServiceState> {
    let at = services.binary_search_by(|service| service.name.service.cmp(name));
    services.get(at.ok()?)
}

/// `None` when the condition holds, or need not hold: a dependency that is not required is only waited for while it
/// can still get there.
fn unmet(other: Option<&ServiceState>, dependency: Dependency) -> Option<Unmet<'_>> {
    let Some(other) = other.filter(|other| other.goal.is_some()) else {
        return dependency.required.then_some(Unmet::Missing);
    };
    // Whoever calls what sleeps wakes it.
    let sleeps = other.is_asleep() && dependency.condition != Condition::Completed;
    if sleeps || holds(other, dependency.condition) {
        return None;
    }
    if other.leaves() {
        return dependency.required.then_some(Unmet::Stopped);
    }
    if let Some(failed) = failed(other) {
        return dependency.required.then_some(Unmet::Failed(failed));
    }
    Some(Unmet::NotYet(match dependency.condition {
        Condition::Started if is_known_by_its_image(other) => "be ready",
        Condition::Started => "start",
        Condition::Healthy => "be ready",
        Condition::Completed => "complete",
    }))
}

fn holds(other: &ServiceState, condition: Condition) -> bool {
    match condition {
        Condition::Started if is_known_by_its_image(other) => is_ready(other),
        Condition::Started => {
            other
                .regulars()
                .any(|replica| matches!(replica.life, Life::Running(_)))
                || is_completed(other)
        }
        Condition::Healthy => is_ready(other),
        Condition::Completed => is_completed(other),
    }
}

fn is_ready(other: &ServiceState) -> bool {
    other.regulars().any(Replica::serves) || is_completed(other)
}

/// All copies ran to their end with exit code 0.
fn is_completed(other: &ServiceState) -> bool {
    let mut done = 0;
    for replica in other.regulars() {
        match replica.life {
            Life::Ended(Ending::Done) => done += 1,
            _ => return false,
        }
    }
    done > 0 && done >= other.count
}

/// A copy of it has been given up, and no other can make up for it.
fn failed(other: &ServiceState) -> Option<&Replica> {
    other
        .regulars()
        .find(|replica| matches!(replica.life, Life::Ended(Ending::GaveUp)))
}

/// Nobody but its image knows when it is ready, so that "started" is not enough for those that connect to it.
fn is_known_by_its_image(other: &ServiceState) -> bool {
    let Some(goal) = &other.goal else {
        return false;
    };
    if goal.service.healthcheck != Healthcheck::Image {
        return false;
    }
    let running = other.regulars().find_map(Replica::running);
    let prepared = running.map(|running| &running.prepared);
    prepared
        .or_else(|| other.preparations.done(&goal.definition))
        .is_some_and(|prepared| only_image_knows(&goal.service, prepared))
}

/// Services that depend on this one and leave too go first. Should services depend on each other in a circle, which
/// the loader refuses, none of them waits.
fn stop_held(services: &[ServiceState], service: &ServiceState) -> bool {
    let waits = |service: &ServiceState| {
        dependents(services, &service.name.service)
            .any(|(at, _)| services[at].leaves() && services[at].is_there())
    };
    waits(service) && {
        // Someone among those that leave can move: wait for them.
        services
            .iter()
            .any(|other| other.leaves() && other.is_there() && !waits(other))
    }
}
