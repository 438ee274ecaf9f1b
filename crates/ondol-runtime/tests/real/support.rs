//! A node of one test: an engine, its folder, and what it says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod machine;
mod services;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ondol_model::*;
use ondol_runtime::logs::{Cursor, Filter, Reader};
use ondol_runtime::{Config, Engine, Sandbox, Subnets};
use tokio::sync::mpsc;

pub(crate) use machine::*;
pub(crate) use services::*;

static COUNT: AtomicU32 = AtomicU32::new(0);

pub(crate) struct Node {
    pub(crate) engine: Engine,
    pub(crate) dir: PathBuf,
    config: Config,
    seen: Vec<Observation>,
    says: mpsc::Receiver<Observation>,
    keep: bool,
}

impl Node {
    pub(crate) async fn new(sandbox: Sandbox) -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir =
            std::env::temp_dir().join(format!("ondol-runtime-{}-{number}", std::process::id()));
        let config = Config {
            state_dir: dir,
            sandbox,
            ondol: env!("CARGO_BIN_EXE_ondol-process").into(),
            path: std::env::var("PATH").unwrap(),
            home: std::env::home_dir(),
            // Nodes of parallel tests share the machine's network.
            subnets: Subnets {
                replicas: [10, 100 + 2 * number as u8, 0, 0].into(),
                services: [10, 101 + 2 * number as u8, 0, 0].into(),
            },
        };
        Node::open(config).await
    }

    pub(crate) async fn open(config: Config) -> Self {
        let (sender, says) = mpsc::channel(1000);
        let engine = Engine::open(config.clone(), sender).await.unwrap();
        Node {
            engine,
            dir: config.state_dir.clone(),
            config,
            seen: Vec::new(),
            says,
            keep: false,
        }
    }

    /// Leaves everything as it is when this node ends: another one comes.
    pub(crate) fn leave(mut self) -> Config {
        self.keep = true;
        self.config.clone()
    }

    pub(crate) fn start(&self, service: Service, run: u64) -> Run {
        self.start_in(service, run, Project::clone(&project()))
    }

    pub(crate) fn start_in(&self, service: Service, run: u64, project: Project) -> Run {
        let run = Run {
            replica: ReplicaId {
                project: project.name.clone(),
                service: service.name.clone(),
                number: 1,
            },
            run: RunId(run),
            definition: Digest::of(b"definition"),
            project: Arc::new(project),
            initiates: true,
            service: Arc::new(service),
        };
        self.engine.start(run.clone());
        run
    }

    /// Waits for the first observation, past or to come, that `wanted` takes.
    pub(crate) async fn until<T>(&mut self, wanted: impl Fn(Observation) -> Option<T>) -> T {
        if let Some(found) = self.seen.iter().cloned().find_map(&wanted) {
            return found;
        }
        let search = async {
            loop {
                let said = self.says.recv().await.unwrap();
                self.seen.push(said.clone());
                if let Some(found) = wanted(said) {
                    return found;
                }
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(20), search).await;
        found.unwrap_or_else(|_| panic!("nothing of the kind was said in {:?}", self.seen))
    }

    pub(crate) async fn started(&mut self, run: &Run) -> u32 {
        let told = self.until(|said| match said {
            Observation::Started { run: of, pid, .. } if of == run.run => Some(Ok(pid)),
            Observation::Exited { run: of, exit, .. } if of == run.run => Some(Err(exit)),
            _ => None,
        });
        told.await.unwrap()
    }

    pub(crate) async fn exited(&mut self, run: &Run) -> Exit {
        self.until(|said| match said {
            Observation::Exited { run: of, exit, .. } if of == run.run => Some(exit),
            _ => None,
        })
        .await
    }

    pub(crate) async fn probe(&mut self, run: &Run, check: Check) -> ProbeResult {
        self.seen.clear();
        let limit = Duration::from_millis(1500);
        self.engine.probe(
            run.replica.clone(),
            run.run,
            ProbeKind::Ready,
            check,
            Some(80),
            limit,
        );
        self.until(|said| match said {
            Observation::Probed { result, .. } => Some(result),
            _ => None,
        })
        .await
    }

    /// Memory of all shims, and of the first processes of their rooms.
    pub(crate) fn pss_kib(&self) -> [u64; 2] {
        let own = self.dir.to_string_lossy().into_owned();
        let mut sums = [0, 0];
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let at = entry.path();
            let command = fs::read(at.join("cmdline")).unwrap_or_default();
            let room = fs::read_to_string(at.join("comm")).is_ok_and(|name| name == "ondol-room\n");
            if !String::from_utf8_lossy(&command).contains(&format!("shim\0{own}/")) {
                continue;
            }
            let rollup = fs::read_to_string(at.join("smaps_rollup")).unwrap_or_default();
            let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
            let kib =
                line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
            sums[usize::from(room)] += kib.unwrap_or(0);
        }
        sums
    }

    pub(crate) async fn hooked(&mut self) -> ProbeResult {
        self.seen.clear();
        self.until(|said| match said {
            Observation::HookEnded { result, .. } => Some(result),
            _ => None,
        })
        .await
    }

    pub(crate) fn lines(&self, run: &Run) -> Vec<String> {
        let own = Filter {
            run: Some(run.run.0),
            ..Filter::default()
        };
        let mut reader = Reader::new(&self.engine.log_dir(&run.replica), Cursor::default(), own);
        let mut lines = Vec::new();
        loop {
            let more = reader.read(1000).unwrap();
            if more.is_empty() {
                return lines;
            }
            lines.extend(more.into_iter().map(|line| line.text));
        }
    }

    pub(crate) async fn wait_for_lines(&self, run: &Run, wanted: &[&str]) {
        let there = || {
            let lines = self.lines(run);
            wanted
                .iter()
                .all(|wanted| lines.iter().any(|line| line == wanted))
        };
        eventually(&format!("{wanted:?}"), there).await;
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        // Shims of a test that failed must not stay.
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry
                .file_name()
                .to_str()
                .and_then(|pid| pid.parse::<u32>().ok())
            else {
                continue;
            };
            let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let own = self.dir.to_string_lossy();
            let command = String::from_utf8_lossy(&command).into_owned();
            let mut words = command.split('\0');
            if words.any(|word| word == own || word.starts_with(&format!("{own}/"))) {
                kill(pid);
            }
        }
        if let Some(carrier) = carrier(self) {
            kill_if_there(carrier);
        }
        // The kernel's own folders of an overlay may not be entered by an ordinary user.
        let mut open = std::process::Command::new("chmod");
        let _ = open.args(["-R", "u+rwX"]).arg(&self.dir).output();
        let tag = fs::canonicalize(&self.dir)
            .map(|dir| Digest::of(dir.as_os_str().as_encoded_bytes()).to_string());
        let _ = fs::remove_dir_all(&self.dir);
        if let Ok(tag) = tag {
            let mut groups = std::process::Command::new("find");
            groups.args([
                "/sys/fs/cgroup",
                "-depth",
                "-path",
                &format!("*/ondol/{tag}*"),
                "-type",
                "d",
            ]);
            let _ = groups.args(["-exec", "rmdir", "{}", "+"]).output();
        }
        if self.config.sandbox == Sandbox::Root {
            let [_, second, ..] = self.config.subnets.replicas.octets();
            for words in [
                ["ip", "link", "del"].as_slice(),
                &["nft", "delete", "table", "ip"],
            ] {
                let name = format!("ondol{second}");
                let mut command = std::process::Command::new(words[0]);
                let _ = command.args(&words[1..]).arg(name).output();
            }
        }
    }
}

pub(crate) async fn heard(
    node: &mut Node,
    service: Service,
    run: u64,
    project: &Project,
) -> String {
    let run = node.start_in(service, run, project.clone());
    node.exited(&run).await;
    node.lines(&run).join(" ")
}
