use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as BlockingStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use ondol_model::{Exit, Observation, Run};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use super::attend::{self, Shim, attend};
use super::paths::{private_dir, write_whole};
use super::replicas::{Known, Request};
use super::{Inner, discard, hosts, plan, prepare, volumes};
use crate::spec::{self, Spec};

/// Starts a replica; a start that is known already is not done twice.
pub(super) fn start(inner: &Arc<Inner>, run: Run) {
    let (requests, other, going) = {
        let mut state = inner.state();
        state.run_max = state.run_max.max(run.run);
        let requests = state.replicas.begin(&run.replica, run.run);
        let going = state.going.get(&run.replica).cloned();
        (requests, state.replicas.latest(&run.replica), going)
    };
    let inner = inner.clone();
    match requests {
        Some(requests) => {
            drop(tokio::spawn(async move {
                discard::gone(going).await;
                start_and_attend(inner, run, requests).await;
            }));
        }
        None if other.is_some_and(|(other, _)| other != run.run) => {
            drop(tokio::spawn(async move {
                let why = "another start of this replica has not ended yet".to_owned();
                inner
                    .observe(Observation::Exited {
                        replica: run.replica,
                        run: run.run,
                        exit: Exit::NotStarted(why),
                    })
                    .await;
            }))
        }
        None => {}
    }
}

async fn start_and_attend(inner: Arc<Inner>, run: Run, requests: mpsc::Receiver<Request>) {
    let (id, number) = (run.replica.clone(), run.run);
    let permit = inner.starts.acquire().await;
    let begun = {
        let inner = inner.clone();
        tokio::task::spawn_blocking(move || begin(&inner, &run)).await
    };
    drop(permit);
    let begun = match begun {
        Ok(begun) => begun,
        Err(_) => Err("the start was given up".to_owned()),
    };
    let shim = begun.and_then(|(stream, process)| {
        let stream = stream
            .set_nonblocking(true)
            .and_then(|()| UnixStream::from_std(stream))
            .map_err(|error| format!("speaking to its shim: {error}"))?;
        Ok(Shim {
            id: id.clone(),
            run: number,
            stream,
            process: Some(process),
            adopted: false,
        })
    });
    match shim {
        Ok(shim) => attend(inner, shim, requests).await,
        Err(why) => attend::ended(&inner, &id, number, Exit::NotStarted(why)).await,
    }
}

/// Writes down all that the replica is, and starts its shim.
fn begin(inner: &Inner, run: &Run) -> Result<(BlockingStream, Child), String> {
    let launch = prepare::launch(inner, &run.project, &run.service)?;
    let dir = inner.paths.make_replica(&run.replica);
    let dir = dir.map_err(|error| said(&inner.paths.replica(&run.replica), &error))?;
    let spec = plan::plan(inner, run, &launch)?;
    volumes::make(inner, run, &launch).map_err(|error| format!("its volumes: {error}"))?;
    write(inner, run, &spec).map_err(|error| said(&dir, &error))?;
    if let Some(replica) = inner.state().replicas.get_mut(&run.replica, run.run) {
        replica.known = Some(Known {
            facts: spec.facts,
            task: spec.task,
        });
    }
    spawn(inner, &dir, !run.service.host_network)
        .map_err(|error| format!("its shim ({}): {error}", inner.config.ondol.display()))
}

fn said(dir: &std::path::Path, error: &io::Error) -> String {
    format!("its folder {}: {error}", dir.display())
}

fn write(inner: &Inner, run: &Run, spec: &Spec) -> io::Result<()> {
    let dir = inner.paths.replica(&run.replica);
    match fs::remove_file(dir.join(crate::shim::EXIT_FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    private_dir(&dir.join("logs"))?;
    hosts::write_first(inner, run, &spec.facts, &dir)?;
    write_whole(&dir.join(spec::FILE), &serde_json::to_vec(spec)?)
}

/// The shim's standard input is a connection to this node, so that nothing has to be waited for.
pub(super) fn spawn(
    inner: &Inner,
    dir: &std::path::Path,
    own_network: bool,
) -> io::Result<(BlockingStream, Child)> {
    let (ours, theirs) = BlockingStream::pair()?;
    let mut command = Command::new(&inner.config.ondol);
    command
        .arg("shim")
        .arg(dir)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if let Some(world) = inner.shared.world() {
        world.place(&mut command, own_network)?;
    }
    Ok((ours, command.spawn()?))
}
