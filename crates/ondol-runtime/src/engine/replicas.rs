use std::collections::BTreeMap;

use ondol_model::{Exit, ReplicaId, RunId};
use tokio::sync::{mpsc, oneshot};

use crate::shim::wire::{Asked, Said};
use crate::spec::{Facts, Task};

/// Words to a shim that wait at most; more are refused.
const REQUESTS_MAX: usize = 64;

/// Something for a shim, and where its answer goes when it has one.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) asked: Asked,
    pub(super) answer: Option<oneshot::Sender<Said>>,
}

impl Request {
    pub(super) fn order(asked: Asked) -> Self {
        Request {
            asked,
            answer: None,
        }
    }

    pub(super) fn question(asked: Asked) -> (Self, oneshot::Receiver<Said>) {
        let (sender, receiver) = oneshot::channel();
        let request = Request {
            asked,
            answer: Some(sender),
        };
        (request, receiver)
    }
}

/// What the engine knows of one replica's latest start.
#[derive(Debug)]
pub(super) struct Replica {
    pub(super) run: RunId,
    shim: mpsc::Sender<Request>,
    /// Known as soon as it was planned.
    pub(super) known: Option<Known>,
    pub(super) pids: Option<Pids>,
    exit: Option<Exit>,
    pub(super) log_check: Option<super::probe::LogCheck>,
}

/// What was planned for a start.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) facts: Facts,
    pub(super) task: Task,
}

/// Processes of a start, on the machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pids {
    pub(super) main: u32,
    pub(super) room: Option<u32>,
}

/// All replicas of the node.
#[derive(Debug, Default)]
pub(super) struct Replicas(BTreeMap<ReplicaId, Replica>);

impl Replicas {
    /// Makes room for a start; `None` when that start is known already or another one has not ended.
    pub(super) fn begin(&mut self, id: &ReplicaId, run: RunId) -> Option<mpsc::Receiver<Request>> {
        let taken = self
            .0
            .get(id)
            .is_some_and(|old| old.exit.is_none() || old.run == run);
        if taken {
            return None;
        }
        let (shim, requests) = mpsc::channel(REQUESTS_MAX);
        self.0.insert(
            id.clone(),
            Replica {
                run,
                shim,
                known: None,
                pids: None,
                exit: None,
                log_check: None,
            },
        );
        Some(requests)
    }

    /// That start, when it is the latest one.
    pub(super) fn get_mut(&mut self, id: &ReplicaId, run: RunId) -> Option<&mut Replica> {
        self.0.get_mut(id).filter(|replica| replica.run == run)
    }

    /// What was planned for the latest start, when it runs.
    pub(super) fn running(&self, id: &ReplicaId, run: Option<RunId>) -> Option<(Known, Pids)> {
        let replica = self.0.get(id).filter(|replica| replica.exit.is_none())?;
        if run.is_some_and(|run| run != replica.run) {
            return None;
        }
        Some((replica.known.clone()?, replica.pids?))
    }

    /// Where to speak to the shim of a start (the latest one when `None`) that has not ended.
    pub(super) fn shim(&self, id: &ReplicaId, run: Option<RunId>) -> Option<mpsc::Sender<Request>> {
        let replica = self.0.get(id).filter(|replica| replica.exit.is_none())?;
        (run.is_none_or(|run| run == replica.run)).then(|| replica.shim.clone())
    }

    /// How a start ended.
    pub(super) fn exit(&self, id: &ReplicaId, run: RunId) -> Option<Exit> {
        self.0
            .get(id)
            .filter(|replica| replica.run == run)?
            .exit
            .clone()
    }

    /// A start ended.
    pub(super) fn ended(&mut self, id: &ReplicaId, run: RunId, exit: &Exit) {
        if let Some(replica) = self.get_mut(id, run) {
            replica.exit = Some(exit.clone());
            replica.pids = None;
        }
    }

    pub(super) fn remove(&mut self, id: &ReplicaId) {
        self.0.remove(id);
    }

    /// Replicas that have not ended.
    pub(super) fn alive(&self) -> impl Iterator<Item = (&ReplicaId, &Replica)> {
        self.0.iter().filter(|(_, replica)| replica.exit.is_none())
    }

    /// The latest start of a replica and whether it has not ended.
    pub(super) fn latest(&self, id: &ReplicaId) -> Option<(RunId, bool)> {
        let replica = self.0.get(id)?;
        Some((replica.run, replica.exit.is_none()))
    }
}
