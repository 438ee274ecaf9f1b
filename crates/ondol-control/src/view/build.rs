use std::sync::Arc;

use ondol_model::{Phase, Prepared};

use super::phase::urgency;
use super::{ProbeView, ProjectView, ReplicaView, ServicePhase, ServiceView};
use crate::checks::{expected, tcp_ports};
use crate::clock::Clock;
use crate::depend::waits_for;
use crate::initiate::AWAITED;
use crate::place::Room;
use crate::prepare::{Preparation, State};
use crate::probe::Verdict;
use crate::project::ProjectState;
use crate::replica::{Ending, Life, Replica};
use crate::running::Stage;
use crate::service::ServiceState;

/// A replica that crashed so often in a row does not come right by itself, as far as a waiting person is concerned.
const CRASHES_MAX: u32 = 3;

pub(super) fn project(
    state: &ProjectState,
    before: Option<&ProjectView>,
    room: &Room,
    clock: &Clock,
) -> ProjectView {
    let mut view = ProjectView {
        name: state.name.clone(),
        settled: true,
        leaves: state.wish.is_none(),
        failed: Default::default(),
        services: Default::default(),
    };
    for service in &state.services {
        let name = &service.name.service;
        let waits = waits_for(&state.services, service);
        let fresh = self::service(service, waits, room, clock);
        view.settled &= fresh.settled;
        if let Some(why) = &fresh.failed {
            view.failed.insert(name.clone(), why.clone());
        }
        let same = before.and_then(|before| before.services.get(name));
        let same = same.filter(|same| ***same == fresh).cloned();
        view.services
            .insert(name.clone(), same.unwrap_or_else(|| Arc::new(fresh)));
    }
    view
}

fn service(
    state: &ServiceState,
    depends: Option<String>,
    room: &Room,
    clock: &Clock,
) -> ServiceView {
    let waits = |replica: &Replica| words_for(state, replica, depends.as_deref(), room);
    let waits_for = state
        .replicas
        .values()
        .filter(|replica| !replica.once && replica.phase() != Phase::Ready)
        .min_by_key(|replica| urgency(replica.phase()))
        .and_then(&waits)
        .or_else(|| state.preparing().map(doing));
    let replicas = state.replicas.values();
    let replicas: Vec<_> = replicas
        .map(|replica| self::replica(replica, waits(replica), clock))
        .collect();
    let failed = why_failed(state, room);
    let settled = settled(state);
    let (ports, runs) = known(state);
    let goal = state.goal.as_ref();
    let named = goal.and_then(|goal| goal.service.expose.first().copied());
    ServiceView {
        name: state.name.service.clone(),
        wanted: if state.leaves() { 0 } else { state.count },
        ready: state.ready(),
        stopped: state.stopped,
        settled,
        phase: ServicePhase::of(state, settled, failed.is_some()),
        waits_for,
        failed,
        definition: goal.map(|goal| goal.definition.clone()),
        rolled_back: state.refused.clone(),
        route_port: named.or_else(|| ports.first().copied()),
        ports,
        runs,
        scaling: state.scaling(clock),
        replicas,
    }
}

/// What this replica waits for, when it does.
fn words_for(
    state: &ServiceState,
    replica: &Replica,
    depends: Option<&str>,
    room: &Room,
) -> Option<String> {
    match &replica.life {
        Life::Planned { on } => match on {
            Some(Phase::Preparing) | None => preparing(state, replica),
            Some(Phase::Pending) => pending(replica, room),
            Some(_) => Some(depends.unwrap_or(AWAITED).to_owned()),
        },
        Life::Running(running) if running.stage != Stage::Ready => {
            let saw = running
                .deciding()
                .map(|(_, probe, tracker)| match &tracker.last {
                    Some(last) => last.saw.clone(),
                    None => expected(&probe.check),
                });
            Some(saw.unwrap_or_else(|| "its post_start hooks run".to_owned()))
        }
        Life::Launching { .. } => Some(launching(replica).to_owned()),
        Life::Backoff { .. } => Some(replica.because.clone()),
        Life::Running(_) | Life::Leaving(_) | Life::Ended(_) => None,
    }
}

fn launching(replica: &Replica) -> &'static str {
    let steps = replica
        .service()
        .map_or(&[][..], |service| &service.pre_start);
    match steps
        .iter()
        .any(|step| step.per_replica || replica.initiates)
    {
        true => "its pre_start steps run, and then its process",
        false => "its process is being started",
    }
}

fn preparing(state: &ServiceState, replica: &Replica) -> Option<String> {
    let preparation = state.preparations.of(&replica.definition)?;
    match &preparation.state {
        State::Asked { .. } => Some(doing(preparation)),
        State::Failed { why, .. } => {
            Some(format!("could not be prepared: {why}; it is tried again"))
        }
        State::Done(_) => None,
    }
}

fn doing(preparation: &Preparation) -> String {
    match preparation.doing.is_empty() {
        true => "is being prepared".to_owned(),
        false => preparation.doing.clone(),
    }
}

fn pending(replica: &Replica, room: &Room) -> Option<String> {
    let target = replica.target.as_ref()?;
    let service = &target.service;
    let unmet = room.unmet(&service.placement_constraints);
    let shortage = || room.shortage(target.demand()).map(|why| why.to_string());
    let crowded = || {
        let max = service.replicas_per_node_max?;
        Some(format!("`max_replicas_per_node` is {max}"))
    };
    unmet.or_else(shortage).or_else(crowded)
}

fn why_failed(state: &ServiceState, room: &Room) -> Option<String> {
    let goal = state.goal.as_ref()?;
    if let Some(refused) = &state.refused {
        return Some(format!("rolled back: {refused}"));
    }
    if let Some(why) = state
        .rolling
        .as_ref()
        .and_then(|rolling| rolling.paused.as_ref())
    {
        return Some(format!("its replacement pauses: {why}"));
    }
    if let Some(why) = state.preparations.failure(&goal.definition) {
        return Some(format!("could not be prepared: {why}"));
    }
    state.regulars().find_map(|replica| match &replica.life {
        Life::Ended(Ending::GaveUp) => Some(replica.because.clone()),
        Life::Planned {
            on: Some(Phase::Pending),
        } => {
            let shortage = room.shortage(goal.demand())?;
            shortage.is_for_ever().then(|| shortage.to_string())
        }
        Life::Running(running)
            if running.stage == Stage::Starting && running.ready.verdict == Verdict::Failed =>
        {
            let (_, probe, tracker) = running.deciding()?;
            let saw = tracker.last.as_ref().map_or("nothing", |last| &last.saw);
            Some(format!(
                "not ready: expected that {}, saw: {saw}",
                expected(&probe.check)
            ))
        }
        _ if replica.crashes >= CRASHES_MAX && !replica.serves() => Some(replica.because.clone()),
        _ => None,
    })
}

fn settled(state: &ServiceState) -> bool {
    if state.leaves() {
        let stopped = |replica: &Replica| matches!(replica.life, Life::Ended(_));
        return state.regulars().all(stopped);
    }
    let Some(goal) = &state.goal else {
        return false;
    };
    let good = |replica: &Replica| {
        let done = matches!(replica.life, Life::Ended(Ending::Done));
        replica.is_of(goal) && (replica.serves() && !state.is_job() || done)
    };
    let regulars = state.regulars();
    regulars.clone().count() == state.count as usize
        && regulars.clone().all(good)
        && !state.is_undecided()
        && state.preparing().is_none()
        // Who was told "ready" sends requests, and they must find it.
        && state.table.is_in_use()
}

fn known(state: &ServiceState) -> (Vec<u16>, String) {
    let Some(goal) = &state.goal else {
        return (Vec::new(), String::new());
    };
    let running = state.regulars().find_map(Replica::running);
    let none = Arc::new(Prepared::default());
    let prepared = running
        .map(|running| &running.prepared)
        .or_else(|| state.preparations.done(&goal.definition))
        .unwrap_or(&none);
    let mut ports = tcp_ports(&goal.service, prepared);
    let seen = running.map_or(&state.ports_asleep, |running| &running.listening);
    for port in seen {
        if !ports.contains(port) {
            ports.push(*port);
        }
    }
    (ports, prepared.runs.clone())
}

fn replica(state: &Replica, waits: Option<String>, clock: &Clock) -> ReplicaView {
    let running = state.running();
    let probe = running.and_then(|running| running.deciding());
    ReplicaView {
        id: state.id.clone(),
        run: state.run(),
        phase: state.phase(),
        done: matches!(state.life, Life::Ended(Ending::Done)),
        once: state.once,
        definition: state.definition.clone(),
        pid: running.map(|running| running.pid),
        ip: running.map(|running| running.ip),
        restarts: state.restarts,
        crashes: state.crashes,
        since: clock.outer(state.since),
        last_exit: state.last_exit.clone(),
        probe: probe.map(|(kind, probe, tracker)| ProbeView {
            kind,
            expected: expected(&probe.check),
            saw: tracker.last.as_ref().map(|last| last.saw.clone()),
            ok: tracker.last.as_ref().is_some_and(|last| last.ok),
            failures: tracker.failures,
            failures_max: probe.failures_max,
        }),
        backoff_until: match state.life {
            Life::Backoff { until } => Some(clock.outer(until)),
            _ => None,
        },
        reason: waits.unwrap_or_else(|| state.because.clone()),
    }
}
