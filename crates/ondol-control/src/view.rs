use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ondol_model::{
    Digest, Exit, Phase, ProbeKind, ProjectName, ReplicaId, RunId, ServiceName, Time,
};
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::place::Room;
use crate::project::ProjectState;
use crate::scale::ScalingView;

mod build;
mod phase;

pub use phase::ServicePhase;

/// What readers see of everything. Clones share what did not change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// Every project that is wanted, or of which something is left.
    pub projects: BTreeMap<ProjectName, Arc<ProjectView>>,
}

/// A project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProjectView {
    /// Its name.
    pub name: ProjectName,
    /// Everything that is wanted is ready or done, the proxy uses its endpoints, and nothing that is not wanted is left.
    pub settled: bool,
    /// It was asked to go, or was only found.
    pub leaves: bool,
    /// What will not come right by waiting a little, by service, in a sentence. `up --wait` ends with these.
    pub failed: BTreeMap<ServiceName, String>,
    /// Its services.
    pub services: BTreeMap<ServiceName, Arc<ServiceView>>,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceView {
    /// Its name.
    pub name: ServiceName,
    /// Replicas wanted; 0 when it was stopped.
    pub wanted: u32,
    /// Replicas that are sent traffic.
    pub ready: u32,
    /// It was stopped on request.
    pub stopped: bool,
    /// Everything wanted of it is ready or done, the proxy uses its endpoints, and nothing else is left.
    pub settled: bool,
    /// One word for all replicas.
    pub phase: ServicePhase,
    /// What it waits for, in words: `waits for db to be ready`, `npm ci (12 s)`, `GET /health 503`.
    pub waits_for: Option<String>,
    /// What will not come right by waiting a little.
    pub failed: Option<String>,
    /// The definition its replicas have or get; not the wanted one after it was rolled back.
    pub definition: Option<Digest>,
    /// Why the wanted definition was taken back, when it was.
    pub rolled_back: Option<String>,
    /// TCP ports it is known to have, or is seen listening on.
    pub ports: Vec<u16>,
    /// The port its routes go to when they name none.
    pub route_port: Option<u16>,
    /// What runs, for people: `redis 7.0.15 (Debian)`.
    pub runs: String,
    /// How its load decides how many there are, where the file asks for that.
    pub scaling: Option<ScalingView>,
    /// Its replicas and one-offs, by number.
    pub replicas: Vec<ReplicaView>,
}

/// A replica.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplicaView {
    /// Which.
    pub id: ReplicaId,
    /// Its current start.
    pub run: Option<RunId>,
    /// Where it is in its life.
    pub phase: Phase,
    /// It ended because it had done its work.
    pub done: bool,
    /// A one-off run.
    pub once: bool,
    /// The definition it was started with.
    pub definition: Digest,
    /// Its process.
    pub pid: Option<u32>,
    /// Its address.
    pub ip: Option<IpAddr>,
    /// Starts after the first, as far as this node knows.
    pub restarts: u32,
    /// Ends in a row without a healthy run in between.
    pub crashes: u32,
    /// Since when it is in this phase.
    pub since: Time,
    /// How it ended last.
    pub last_exit: Option<Exit>,
    /// The probe that decides now, and what it saw last.
    pub probe: Option<ProbeView>,
    /// When it is started again.
    pub backoff_until: Option<Time>,
    /// The last decision about it, or what it waits for, in words.
    pub reason: String,
}

/// What a probe expects and saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeView {
    /// Which probe.
    pub kind: ProbeKind,
    /// What it expects, for people.
    pub expected: String,
    /// What it saw last, for people; `None` before the first answer.
    pub saw: Option<String>,
    /// Whether that was a success.
    pub ok: bool,
    /// Failures in a row that count.
    pub failures: u32,
    /// So many decide.
    pub failures_max: u32,
}

impl View {
    /// Builds again what changed since the last time.
    pub(crate) fn refresh(
        &mut self,
        projects: &mut BTreeMap<ProjectName, ProjectState>,
        room: &Room,
        clock: &Clock,
    ) {
        self.projects.retain(|name, _| projects.contains_key(name));
        for (name, project) in projects {
            if std::mem::take(&mut project.stale) || !self.projects.contains_key(name) {
                let before = self.projects.get(name);
                let fresh = build::project(project, before.map(|view| &**view), room, clock);
                if before.is_none_or(|before| **before != fresh) {
                    self.projects.insert(name.clone(), Arc::new(fresh));
                }
            }
        }
    }
}
