//! A node of one test: an engine, its folder, and what it says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ondol_model::*;
use ondol_runtime::logs::{Cursor, Filter, Reader};
use ondol_runtime::{Config, Engine, Sandbox, Subnets};
use tokio::sync::mpsc;

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

pub(crate) async fn eventually(what: &str, there: impl Fn() -> bool) {
    for _ in 0..1000 {
        if there() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not so after 10 s: {what}");
}

pub(crate) fn project() -> Arc<Project> {
    let dir = std::env::temp_dir().join("ondol-runtime-sources");
    fs::create_dir_all(&dir).unwrap();
    Arc::new(Project {
        name: "shop".parse().unwrap(),
        dir,
        files: vec![],
        services: Default::default(),
        volumes: Default::default(),
        networks: Default::default(),
        secrets: Default::default(),
        configs: Default::default(),
        edge_port: 8080,
        edge: Default::default(),
    })
}

pub(crate) fn service(name: &str, command: &[&str]) -> Service {
    let command: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
    Service {
        name: name.parse().unwrap(),
        image: None,
        build: None,
        runtime: RuntimeKind::Process,
        packages: vec![],
        prepare: None,
        entrypoint: None,
        command: Some(command),
        environment: Default::default(),
        working_dir: None,
        user: None,
        hostname: None,
        init: false,
        tty: false,
        stop_signal: None,
        stop_grace: Duration::from_secs(10),
        pre_start: vec![],
        post_start: vec![],
        pre_stop: vec![],
        ulimits: Default::default(),
        mounts: vec![],
        secrets: vec![],
        configs: vec![],
        host_network: false,
        networks: Default::default(),
        ports: vec![],
        expose: vec![],
        port_env: "PORT".into(),
        routes: vec![],
        traffic: Default::default(),
        depends_on: Default::default(),
        healthcheck: Healthcheck::Image,
        probes: Probes::default(),
        restart: RestartPolicy::NEVER,
        mode: DeployMode::Replicated,
        replicas: 1,
        resources: Resources::default(),
        update: Rollout::default(),
        rollback: Rollout::default(),
        placement_constraints: vec![],
        replicas_per_node_max: None,
        watch: vec![],
        logs: LogLimits::default(),
        labels: Default::default(),
        container_name: None,
        attended: false,
        start_dir: None,
    }
}

#[expect(clippy::disallowed_methods, reason = "measurements of tests")]
pub(crate) fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// The sandboxes that work here; says which are left out.
pub(crate) fn sandboxes() -> Vec<Sandbox> {
    let mut found = Vec::new();
    for sandbox in [Sandbox::Root, Sandbox::User] {
        match sandbox.works() {
            Ok(()) => found.push(sandbox),
            Err(why) => skip(format_args!("{sandbox:?}: {why}")),
        }
    }
    found
}

/// Says what is not tested here, and why.
pub(crate) fn skip(why: std::fmt::Arguments<'_>) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// Processes that were started for a replica of a node.
pub(crate) fn marked(node: &Node, replica: &ReplicaId) -> Vec<u32> {
    let dir = fs::canonicalize(&node.dir).unwrap();
    let tag = Digest::of(dir.as_os_str().as_encoded_bytes());
    let marks = [
        format!("ONDOL_NODE={tag}"),
        format!("ONDOL_REPLICA={replica}"),
    ];
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            let env = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let has = |mark: &String| {
                env.split(|&byte| byte == 0)
                    .any(|var| var == mark.as_bytes())
            };
            marks.iter().all(has)
        })
        .collect()
}

/// Processes with these words after each other in their command line.
pub(crate) fn processes(words: &[&str]) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let command: Vec<&[u8]> = command.split(|&byte| byte == 0).collect();
        let mut places = command.windows(words.len());
        places.any(|place| {
            place
                .iter()
                .zip(words)
                .all(|(is, word)| *is == word.as_bytes())
        })
    })
    .collect()
}

/// The process that carries what leaves the world of a node.
pub(crate) fn carrier(node: &Node) -> Option<u32> {
    let record = fs::read(node.dir.join("way-out.json")).ok()?;
    let record: serde_json::Value = serde_json::from_slice(&record).ok()?;
    record["process"]["pid"].as_u64()?.try_into().ok()
}

pub(crate) fn parent(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok()
}

pub(crate) fn kill(pid: u32) {
    assert!(kill_if_there(pid), "process {pid} is gone");
}

pub(crate) fn kill_if_there(pid: u32) -> bool {
    let pid = nix::unistd::Pid::from_raw(pid.cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).is_ok()
}

/// A server of the machine itself, at an address that is not loopback's; what it says is `outside`.
pub(crate) fn outside() -> Option<SocketAddr> {
    // Nothing is sent: it asks for the way to an address of the documentation (RFC 5737).
    let way = UdpSocket::bind("0.0.0.0:0").ok()?;
    way.connect("198.51.100.7:9").ok()?;
    serve(way.local_addr().ok()?.ip())
}

/// A server of the machine itself; what it says is `outside`.
pub(crate) fn serve(ip: IpAddr) -> Option<SocketAddr> {
    let listener = TcpListener::bind((ip, 0)).ok()?;
    let address = listener.local_addr().ok()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            use std::io::Write as _;
            let _ = (&stream).write_all(b"outside");
        }
    });
    Some(address)
}

/// A service that says what it hears at an address, or that it hears nothing.
pub(crate) fn caller(name: &str, address: SocketAddr) -> Service {
    let script = format!(
        "import socket\ntry:\n print(socket.create_connection(('{}',{}),2).recv(100).decode())\n\
         except OSError as e: print('nothing')",
        address.ip(),
        address.port()
    );
    service(name, &["python3", "-c", &script])
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
