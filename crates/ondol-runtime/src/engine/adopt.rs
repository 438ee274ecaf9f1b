use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ondol_model::{Exit, Inventory, ReplicaId, RunId, ServiceName, Survivor};
use tokio::io::{AsyncReadExt as _, Interest};
use tokio::net::UnixStream;

use super::Inner;
use super::attend::{self, Shim, attend};
use super::replicas::{Known, Pids};
use crate::shim::wire::{self, Asked, Said};
use crate::spec::{self, Spec};

/// A shim answers within microseconds; one that is stopped or wedged is waited for this long.
const ANSWER_MS: u64 = 1000;

/// All that is really there.
pub(super) async fn inventory(inner: &Arc<Inner>) -> Inventory {
    let mut inventory = Inventory::default();
    let mut looked = Vec::new();
    for id in folders(inner) {
        looked.push(tokio::spawn(look(inner.clone(), id)));
    }
    for look in looked {
        if let Ok(Some(survivor)) = look.await {
            inventory.run_max = inventory.run_max.max(survivor.run);
            inventory.survivors.push(survivor);
        }
    }
    inventory
        .survivors
        .sort_by(|a, b| a.replica.cmp(&b.replica));
    let mut state = inner.state();
    state.run_max = state.run_max.max(inventory.run_max);
    inventory.run_max = state.run_max;
    inventory
}

/// The replicas that have a folder.
pub(super) fn folders(inner: &Inner) -> Vec<ReplicaId> {
    let list = |dir: &Path| -> Vec<String> {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect()
    };
    let root = inner.paths.replicas();
    let mut found = Vec::new();
    for project in list(&root) {
        for name in list(&root.join(&project)) {
            found.extend(replica_id(&project, &name));
        }
    }
    found
}

fn replica_id(project: &str, name: &str) -> Option<ReplicaId> {
    let (service, number) = name.rsplit_once('-')?;
    Some(ReplicaId {
        project: project.parse().ok()?,
        service: ServiceName::new(service).ok()?,
        number: number.parse().ok()?,
    })
}

/// What became of one replica; `None` for a folder that no start ever completed.
async fn look(inner: Arc<Inner>, id: ReplicaId) -> Option<Survivor> {
    let dir = inner.paths.replica(&id);
    let spec = read_spec(&dir);
    let Some(spec) = spec.filter(|spec| spec.facts.replica == id) else {
        attend::clear_after_lost_shim(&inner, &id, RunId::default(), &dir);
        return None;
    };
    remember(&inner, &id, &spec);
    let facts = spec.facts.clone();
    let mut survivor = Survivor {
        replica: id.clone(),
        run: facts.run,
        definition: facts.definition,
        pid: 0,
        ip: facts.ip,
        moved_ports: facts.moved_ports,
        prepared: facts.prepared,
        starting: false,
        exit: None,
    };
    match greet(&dir).await {
        Some((mut stream, _)) if !in_reach(&inner, &spec) => {
            use tokio::io::AsyncWriteExt as _;
            let _ = stream.write_all(&wire::line(&Asked::Kill)).await;
            // Its last word, and then it is gone.
            let mut rest = Vec::new();
            let gone = stream.read_to_end(&mut rest);
            let _ = tokio::time::timeout(Duration::from_millis(ANSWER_MS), gone).await;
            survivor.exit = Some(without_shim(&inner, &id, &spec, &dir).await);
        }
        Some((stream, said)) => {
            match said {
                Said::Running { pid, .. } => survivor.pid = pid,
                _ => survivor.starting = true,
            }
            take_charge(&inner, &id, spec, stream, &said);
        }
        None => survivor.exit = Some(without_shim(&inner, &id, &spec, &dir).await),
    }
    Some(survivor)
}

/// A world that was lost took the network of its replicas with it, though they run: they must start anew.
fn in_reach(inner: &Inner, spec: &Spec) -> bool {
    spec.facts.world == inner.shared.world().map(crate::world::World::id)
}

async fn without_shim(inner: &Arc<Inner>, id: &ReplicaId, spec: &Spec, dir: &Path) -> Exit {
    let run = spec.facts.run;
    let exit = match crate::shim::read_exit(dir, run) {
        Some(exit) => exit,
        None => {
            let (inner, id, dir) = (inner.clone(), id.clone(), dir.to_owned());
            let clear = move || attend::clear_after_lost_shim(&inner, &id, run, &dir);
            let _ = tokio::task::spawn_blocking(clear).await;
            Exit::Lost
        }
    };
    let mut state = inner.state();
    state.replicas.begin(id, run);
    state.replicas.ended(id, run, &exit);
    exit
}

fn read_spec(dir: &Path) -> Option<Spec> {
    serde_json::from_slice(&fs::read(dir.join(spec::FILE)).ok()?).ok()
}

fn remember(inner: &Inner, id: &ReplicaId, spec: &Spec) {
    let mut state = inner.state();
    if let (IpAddr::V4(ip), false) = (spec.facts.ip, spec.facts.host_network) {
        state.addresses.take(id, ip);
    }
    if let Some(&port) = spec.facts.prepared.ports.first() {
        state.ports.insert(id.service_ref(), port);
    }
}

/// Speaks to the shim of a folder; `None` when there is none any more.
async fn greet(dir: &Path) -> Option<(UnixStream, Said)> {
    let stream = crate::net::connect_unix(dir, crate::shim::SOCKET).ok()?;
    let mut stream = UnixStream::from_std(stream).ok()?;
    let mut line = Vec::new();
    let first = async {
        // Byte by byte: what follows the first line belongs to the task that attends.
        loop {
            stream.ready(Interest::READABLE).await.ok()?;
            match stream.read_u8().await.ok()? {
                b'\n' => return serde_json::from_slice(&line).ok(),
                byte => line.push(byte),
            }
        }
    };
    let said: Said = tokio::time::timeout(Duration::from_millis(ANSWER_MS), first)
        .await
        .ok()??;
    Some((stream, said))
}

fn take_charge(inner: &Arc<Inner>, id: &ReplicaId, spec: Spec, stream: UnixStream, said: &Said) {
    let run = spec.facts.run;
    let requests = {
        let mut state = inner.state();
        let requests = state.replicas.begin(id, run);
        if let Some(replica) = state.replicas.get_mut(id, run) {
            replica.known = Some(Known {
                facts: spec.facts,
                task: spec.task,
            });
            if let Said::Running { pid, room_pid } = said {
                replica.pids = Some(Pids {
                    main: *pid,
                    room: *room_pid,
                });
            }
        }
        requests
    };
    let Some(requests) = requests else { return };
    let shim = Shim {
        id: id.clone(),
        run,
        stream,
        process: None,
        adopted: matches!(said, Said::Running { .. }),
    };
    tokio::spawn(attend(inner.clone(), shim, requests));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_names_are_replicas_and_others_are_left_alone() {
        let id = replica_id("shop", "web-api-12").unwrap();
        assert_eq!((id.service.as_str(), id.number), ("web-api", 12));
        for name in ["web", "web-", "web-x", "-1", ".."] {
            assert_eq!(replica_id("shop", name), None, "{name}");
        }
    }
}
