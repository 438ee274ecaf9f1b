//! The way out of a world: a program of this user that carries packets of its network as connections of the machine.
//!
//! It is started outside, lives as long as the world, and is started again when it ends. Loopback of the machine is
//! not reached through it.

mod carrier;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::namespaces::Namespaces;
use crate::engine::Config;
use crate::process::{self, Process};
use carrier::Tools;

/// In the state folder: which process it is.
const RECORD: &str = "way-out.json";
/// A node does not wait longer for it before it starts services.
const WAIT: Duration = Duration::from_secs(2);
const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// What is missing may not come for days, and each look for it may ask the network.
const PAUSE_MAX: Duration = Duration::from_secs(600);

/// Whether replicas of an ordinary user can call the outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It is being looked for, or fetched.
    Looking,
    /// They can, by this program.
    Open(PathBuf),
    /// They cannot.
    Closed { why: String, fix: String },
}

pub(super) type Watch = watch::Receiver<Way>;

/// The process, as a later node finds it.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    process: Process,
    /// The world that it is the way out of.
    world: u64,
    program: PathBuf,
}

struct Running {
    record: Record,
    child: Option<Child>,
}

/// Opens it and keeps it open. Waits for it a moment where its programs are installed.
pub(super) async fn keep(config: &Config, namespaces: Arc<Namespaces>) -> (AbortHandle, Watch) {
    let (say, mut watch) = watch::channel(Way::Looking);
    let installed = carrier::installed(config).is_some();
    let keeper = tokio::spawn(go_on(config.clone(), namespaces, say)).abort_handle();
    if installed {
        let there = watch.wait_for(|way| *way != Way::Looking);
        let _ = tokio::time::timeout(WAIT, there).await;
    }
    (keeper, watch)
}

/// Ends the one of a state folder.
pub(super) fn end(state_dir: &Path) {
    if let Some(record) = read(state_dir) {
        record.process.kill();
    }
    let _ = fs::remove_file(state_dir.join(RECORD));
}

async fn go_on(config: Config, namespaces: Arc<Namespaces>, say: watch::Sender<Way>) {
    let mut pause = PAUSE_FIRST;
    loop {
        let begun = crate::clock::now();
        let (of, into) = (config.clone(), namespaces.clone());
        match tokio::task::spawn_blocking(move || open(&of, &into)).await {
            Ok(Ok(running)) => {
                say.send_replace(Way::Open(running.record.program));
                if let Some(child) = running.child {
                    process::reap(child);
                }
                running.record.process.ended().await;
                say.send_replace(Way::Looking);
            }
            Ok(Err(closed)) => drop(say.send_replace(closed)),
            Err(_) => return,
        }
        pause = match begun.elapsed() > PAUSE_MAX {
            true => PAUSE_FIRST,
            false => (pause * 2).min(PAUSE_MAX),
        };
        tokio::time::sleep(pause).await;
    }
}

fn open(config: &Config, namespaces: &Namespaces) -> Result<Running, Way> {
    if let Some(record) = read(&config.state_dir) {
        if record.world == namespaces.id && record.process.lives() {
            return Ok(Running {
                record,
                child: None,
            });
        }
        // Of a world that is lost.
        record.process.kill();
    }
    let tools = carrier::find(config)?;
    start(config, namespaces, &tools).map_err(|why| Way::Closed {
        why: format!("{}: {why}", tools.program().display()),
        fix: "run Ondol as root, or give services that need it `network_mode: host`".to_owned(),
    })
}

fn start(config: &Config, namespaces: &Namespaces, tools: &Tools) -> Result<Running, String> {
    tools.translate(config, namespaces)?;
    let mut child = tools.carry(config)?;
    let process = Process::of(child.id().cast_signed()).ok_or("it ended at once")?;
    if let Err(why) = tools.wait(config, namespaces, &mut child) {
        let _ = child.kill();
        let _ = child.wait();
        return Err(why);
    }
    let record = Record {
        process,
        world: namespaces.id,
        program: tools.program().to_owned(),
    };
    let text = serde_json::to_vec(&record).unwrap_or_default();
    // Without it a later node starts a second one, and the kernel refuses that its interface.
    let _ = fs::write(config.state_dir.join(RECORD), text);
    Ok(Running {
        record,
        child: Some(child),
    })
}

fn read(state_dir: &Path) -> Option<Record> {
    serde_json::from_slice(&fs::read(state_dir.join(RECORD)).ok()?).ok()
}
