//! One task per replica, for as long as its shim lives.

use std::collections::VecDeque;
use std::path::Path;
use std::process::Child;
use std::sync::Arc;

use ondol_model::{Exit, Observation, ReplicaId, RunId};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};

use super::Inner;
use super::ports::Watch;
use super::replicas::{Pids, Request};
use crate::shim::wire::{self, Asked, Said};

/// A shim to attend to.
pub(super) struct Shim {
    pub(super) id: ReplicaId,
    pub(super) run: RunId,
    pub(super) stream: UnixStream,
    /// The shim's process, when this node started it.
    pub(super) process: Option<Child>,
    /// It was found running: it is in the inventory, and its start is not said again.
    pub(super) adopted: bool,
}

/// Passes words on until the shim is gone.
pub(super) async fn attend(inner: Arc<Inner>, shim: Shim, mut requests: mpsc::Receiver<Request>) {
    let Shim {
        id,
        run,
        stream,
        process,
        mut adopted,
    } = shim;
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::with_capacity(512, reader).lines();
    let mut answers: VecDeque<Option<oneshot::Sender<Said>>> = VecDeque::new();
    let mut watch = Watch::new();
    let exit = loop {
        tokio::select! {
            line = lines.next_line() => match line.ok().flatten().and_then(|line| serde_json::from_str(&line).ok()) {
                Some(Said::Running { pid, room_pid }) => {
                    running(&inner, &id, run, Pids { main: pid, room: room_pid }, adopted).await;
                    adopted = true;
                    watch.begin();
                }
                Some(Said::Starting) => {}
                Some(Said::Exited(exit)) => break Some(exit),
                Some(answer) => match answers.pop_front() {
                    Some(Some(asker)) => drop(asker.send(answer)),
                    Some(None) => watch.heard(&inner, &id, run, answer).await,
                    None => {}
                },
                None => break None,
            },
            request = requests.recv() => {
                let Some(request) = request else { break None };
                if matches!(request.asked, Asked::Stats | Asked::Ports) {
                    answers.push_back(request.answer);
                }
                let _ = writer.write_all(&wire::line(&request.asked)).await;
            }
            () = watch.due() => {
                if watch.by_shim(&inner, &id, run).await {
                    answers.push_back(None);
                    let _ = writer.write_all(&wire::line(&Asked::Ports)).await;
                }
            }
        }
    };
    let exit = match exit {
        Some(exit) => exit,
        None => without_word(&inner, &id, run).await,
    };
    ended(&inner, &id, run, exit).await;
    if let Some(mut process) = process {
        let _ = tokio::task::spawn_blocking(move || process.wait()).await;
    }
}

/// A start is over: remembers and says so.
pub(super) async fn ended(inner: &Inner, id: &ReplicaId, run: RunId, exit: Exit) {
    inner.state().replicas.ended(id, run, &exit);
    inner
        .observe(Observation::Exited {
            replica: id.clone(),
            run,
            exit,
        })
        .await;
}

async fn running(inner: &Inner, id: &ReplicaId, run: RunId, pids: Pids, known_already: bool) {
    let facts = {
        let mut state = inner.state();
        let Some(replica) = state.replicas.get_mut(id, run) else {
            return;
        };
        replica.pids = Some(pids);
        replica.known.as_ref().map(|known| known.facts.clone())
    };
    if let (Some(facts), false) = (facts, known_already) {
        inner
            .observe(Observation::Started {
                replica: id.clone(),
                run,
                pid: pids.main,
                ip: facts.ip,
                moved_ports: facts.moved_ports,
            })
            .await;
    }
}

/// The shim's end of the line closed without a last word: it left one in its folder, or it was killed.
async fn without_word(inner: &Arc<Inner>, id: &ReplicaId, run: RunId) -> Exit {
    let dir = inner.paths.replica(id);
    let (inner, id) = (inner.clone(), id.clone());
    tokio::task::spawn_blocking(move || {
        crate::shim::read_exit(&dir, run).unwrap_or_else(|| {
            clear_after_lost_shim(&inner, &id, run, &dir);
            Exit::Lost
        })
    })
    .await
    .unwrap_or(Exit::Lost)
}

/// A shim that was killed could not end what its service had started and detached.
pub(super) fn clear_after_lost_shim(inner: &Inner, id: &ReplicaId, run: RunId, dir: &Path) {
    let plan = inner.ground.plan(
        &super::plan::group_name(id, run),
        crate::cgroup::Limits::default(),
    );
    crate::leftover::end(inner.paths.tag(), id, plan.as_ref());
    let _ = std::fs::remove_file(dir.join(crate::shim::SOCKET));
}
