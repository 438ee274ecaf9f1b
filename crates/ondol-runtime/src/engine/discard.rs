use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ondol_model::{ProjectName, ReplicaId, RunId};
use tokio::sync::{oneshot, watch};

use super::replicas::Request;
use super::{Inner, LastLines, volumes};
use crate::shim::wire::Asked;

/// How long a killed replica may take to be gone.
const GONE_MS: u64 = 3000;
/// How long reading the last lines of a log may take.
const READ_MAX: Duration = Duration::from_secs(5);

/// Removes a replica's folder; its anonymous volumes stay there when they are to be kept. Which start it is about,
/// and that later ones have to wait, is settled before this returns; what it returns does the work.
pub(super) fn replica(
    inner: &Arc<Inner>,
    id: ReplicaId,
    with_volumes: bool,
) -> impl Future<Output = ()> + Send + use<> {
    let inner = inner.clone();
    let (done, going) = watch::channel(());
    let (run, before) = {
        let mut state = inner.state();
        let run = state.replicas.latest(&id).map(|(run, _)| run);
        (run, state.going.insert(id.clone(), going))
    };
    async move {
        gone(before).await;
        if let Some(run) = run {
            end(&inner, &id, run).await;
        }
        last_lines(&inner, &id).await;
        let dir = inner.paths.replica(&id);
        let _ = tokio::task::spawn_blocking(move || {
            remove(&dir, with_volumes);
            // The last one leaves no empty folder.
            if let Some(project) = dir.parent() {
                let _ = fs::remove_dir(project);
            }
        })
        .await;
        let mut state = inner.state();
        // Somebody may wait to start another of this name: it keeps what it has.
        if state.replicas.latest(&id).map(|(run, _)| run) == run {
            state.replicas.remove(&id);
            state.addresses.give_back(&id);
        }
        drop(done);
        let over = |going: &watch::Receiver<()>| going.has_changed().is_err();
        if state.going.get(&id).is_some_and(over) {
            state.going.remove(&id);
        }
    }
}

/// Waits until a removal is done.
pub(super) async fn gone(going: Option<watch::Receiver<()>>) {
    if let Some(mut going) = going {
        // Nothing is ever sent: it ends with the sender.
        let _ = going.changed().await;
    }
}

/// Lets the reader of logs have the last of one.
async fn last_lines(inner: &Inner, id: &ReplicaId) {
    let reader = inner.state().log_reader.clone();
    let Some(reader) = reader else {
        return;
    };
    let (done, read) = oneshot::channel();
    let last = LastLines {
        replica: id.clone(),
        done,
    };
    let asked = async {
        if reader.send(last).await.is_ok() {
            // It is dropped when it is done.
            let _ = read.await;
        }
    };
    // A reader that hangs does not keep a replica's name.
    let _ = tokio::time::timeout(READ_MAX, asked).await;
}

async fn end(inner: &Inner, id: &ReplicaId, run: RunId) {
    let shim = inner.state().replicas.shim(id, Some(run));
    if let Some(shim) = shim {
        let _ = shim.send(Request::order(Asked::Kill)).await;
    }
    for _ in 0..GONE_MS / 10 {
        if inner.state().replicas.latest(id) != Some((run, true)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn remove(dir: &Path, with_volumes: bool) {
    let volumes = dir.join("volumes");
    if with_volumes || !volumes.is_dir() {
        remove_tree(dir);
        return;
    }
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.path() != volumes && fs::remove_file(entry.path()).is_err() {
            remove_tree(&entry.path());
        }
    }
}

/// Removes a folder, also where a service (or the kernel, for an overlay's work) forbade its owner to enter.
pub(super) fn remove_tree(dir: &Path) {
    if fs::remove_dir_all(dir).is_ok() {
        return;
    }
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        let _ = fs::set_permissions(&folder, fs::Permissions::from_mode(0o700));
        let inside = fs::read_dir(&folder).into_iter().flatten().flatten();
        let inner = inside.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        folders.extend(inner.map(|entry| entry.path()));
    }
    let _ = fs::remove_dir_all(dir);
}

/// Removes a project's replicas and, when asked, its volumes.
pub(super) async fn project(inner: Arc<Inner>, project: ProjectName, with_volumes: bool) {
    let left: Vec<ReplicaId> = super::adopt::folders(&inner)
        .into_iter()
        .filter(|id| id.project == project)
        .collect();
    for id in left {
        replica(&inner, id, with_volumes).await;
    }
    let dir = inner.paths.project(&project);
    let inner_too = inner.clone();
    let name = project.clone();
    let _ = tokio::task::spawn_blocking(move || {
        if with_volumes {
            remove_tree(&dir);
            volumes::remove(&inner_too, &name);
        } else {
            let _ = fs::remove_dir(dir);
        }
    })
    .await;
    let mut state = inner.state();
    state.names.remove(&project);
    state.ports.retain(|id, _| id.project != project);
}
