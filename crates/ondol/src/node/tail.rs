//! Log lines of all replicas on their way into the telemetry.
//!
//! Shims write them to segments, whether or not there is a node. A thread reads on from the mark that was kept together
//! with the lines before it: whatever kills the node, no line comes twice, and none is left out that was not rotated away
//! meanwhile. Where the telemetry cannot keep them now, they stay where they are and are read again.

mod event;
mod mark;
mod source;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use ondol_api::NodeState;
use ondol_model::{ProjectName, ReplicaId};
use ondol_observe::Telemetry;
use ondol_runtime::{Engine, LastLines};
use tokio::sync::{mpsc, watch};

use super::clock;
pub(super) use event::decision;
use source::{Kept, Source};

/// How often logs are looked at.
const PAUSE: Duration = Duration::from_millis(300);
/// A log of which the file does not grow is looked at closer each so many times: there may be a next file.
const CLOSER: u32 = 8;
/// Removals that may wait.
const LAST_MAX: usize = 64;

/// The thread, until it is told to leave.
pub(super) struct Tail {
    leave: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Tail {
    /// Starts to read.
    pub(super) fn start(
        telemetry: Telemetry,
        state: watch::Receiver<Arc<NodeState>>,
        engine: &Engine,
    ) -> std::io::Result<Self> {
        let (last, removals) = mpsc::channel(LAST_MAX);
        engine.set_log_reader(last);
        let engine = engine.clone();
        let reading = Reading {
            marks: telemetry.marks(),
            telemetry,
            dir_of: Box::new(move |replica| engine.log_dir(replica)),
            sources: BTreeMap::new(),
            round: 0,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        let (leave, left) = watch::channel(false);
        let thread = std::thread::Builder::new()
            .name("logs".to_owned())
            .spawn(move || runtime.block_on(reading.run(state, removals, left)))?;
        Ok(Tail { leave, thread })
    }

    /// Reads what there is, and ends.
    pub(super) fn leave(self) {
        // It has ended already when nobody hears it.
        let _ = self.leave.send(true);
        let _ = self.thread.join();
    }
}

struct Reading {
    telemetry: Telemetry,
    dir_of: Box<dyn Fn(&ReplicaId) -> PathBuf + Send>,
    /// As they were when the node began, of replicas that were not met yet.
    marks: BTreeMap<String, String>,
    sources: BTreeMap<ReplicaId, Source>,
    round: u32,
}

impl Reading {
    async fn run(
        mut self,
        mut state: watch::Receiver<Arc<NodeState>>,
        mut removals: mpsc::Receiver<LastLines>,
        mut leave: watch::Receiver<bool>,
    ) {
        loop {
            let now = state.borrow_and_update().clone();
            self.meet(&now);
            self.read_all();
            tokio::select! {
                _ = leave.wait_for(|leave| *leave) => break,
                Some(last) = removals.recv() => self.finish(last),
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        self.round = 0;
        self.read_all();
    }

    /// Takes in replicas that are new.
    fn meet(&mut self, state: &NodeState) {
        let replicas = state.projects.values().flat_map(|project| {
            let all = project
                .services
                .iter()
                .flat_map(|service| &service.replicas);
            all.map(|replica| id_of(&project.name, replica))
        });
        for id in replicas {
            if !self.sources.contains_key(&id) {
                let source = self.open(&id);
                self.sources.insert(id, source);
            }
        }
    }

    fn open(&mut self, id: &ReplicaId) -> Source {
        let mark = self.marks.remove(&mark::name(id));
        Source::open(id, &(self.dir_of)(id), mark.as_deref())
    }

    fn read_all(&mut self) {
        let is_closer = self.round.is_multiple_of(CLOSER);
        self.round = self.round.wrapping_add(1);
        let mut gone = Vec::new();
        for (id, source) in &mut self.sources {
            if is_closer || !source.is_still() {
                source.read(&self.telemetry, clock::unix_ns());
            }
            if is_closer && source.is_over() {
                gone.push(id.clone());
            }
        }
        for id in gone {
            self.forget(&id);
        }
    }

    /// Reads the last of a log that is about to be removed.
    fn finish(&mut self, last: LastLines) {
        let id = &last.replica;
        let mut source = match self.sources.remove(id) {
            Some(source) => source,
            None => self.open(id),
        };
        // Nothing can go on with its lines any more.
        if source.read(&self.telemetry, u64::MAX) == Kept::All {
            self.forget(id);
        }
        drop(last.done);
    }

    fn forget(&mut self, id: &ReplicaId) {
        self.sources.remove(id);
        // What cannot be kept now is a mark too many, of a log that nobody asks for.
        let _ = self.telemetry.keep(&[], &[(&mark::name(id), "")]);
    }
}

fn id_of(project: &ProjectName, replica: &ondol_api::ReplicaState) -> ReplicaId {
    ReplicaId {
        project: project.clone(),
        service: replica.service.clone(),
        number: replica.number,
    }
}

#[cfg(test)]
mod tests;
