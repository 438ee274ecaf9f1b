use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ondol_api::{
    Client, Door, NodeState, ProjectState, ReplicaState, Request, ServicePhase, ServiceState, bind,
    serve,
};
use ondol_model::{Phase, ProjectName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot, watch};

/// The API with the test in the node's place.
pub(crate) struct Node {
    pub(crate) client: Client,
    pub(crate) requests: mpsc::Receiver<Request>,
    pub(crate) state: watch::Sender<Arc<NodeState>>,
    pub(crate) newest_event: watch::Sender<u64>,
    pub(crate) leave: Option<oneshot::Sender<()>>,
    pub(crate) served: tokio::task::JoinHandle<std::io::Result<()>>,
    dir: PathBuf,
}

impl Node {
    /// Serves project `shop` with `web` (one replica, one one-off) and `db` (none).
    pub(crate) fn start() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("ondol-api-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let socket = dir.join("ondol.sock");
        let (requests_in, requests) = mpsc::channel(8);
        let (state, state_out) = watch::channel(Arc::new(shop(1)));
        let (newest_event, newest_out) = watch::channel(0);
        let door = Door {
            requests: requests_in,
            state: state_out,
            newest_event: newest_out,
        };
        let (leave, left) = oneshot::channel();
        let listener = bind(&socket).unwrap();
        let served = tokio::spawn(serve(listener, door, async move {
            let _ = left.await;
        }));
        Node {
            client: Client::new(&socket),
            requests,
            state,
            newest_event,
            leave: Some(leave),
            served,
            dir,
        }
    }

    pub(crate) fn socket(&self) -> &Path {
        self.client.socket()
    }

    /// Status and body of the answer to these very bytes, which must ask to close the connection.
    pub(crate) async fn raw(&self, request: &[u8]) -> (u16, String) {
        let mut stream = UnixStream::connect(self.socket()).await.unwrap();
        // A body that is refused may not be read to its end.
        let _ = stream.write_all(request).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        (status, body.to_owned())
    }

    /// The same for a method, a path and a body in JSON.
    pub(crate) async fn send(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.raw(request.as_bytes()).await
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

pub(crate) fn name(project: &str) -> ProjectName {
    project.parse().unwrap()
}

pub(crate) fn shop(revision: u64) -> NodeState {
    let project = ProjectState {
        name: name("shop"),
        dir: "/srv/shop".into(),
        files: vec!["/srv/shop/compose.yaml".into()],
        revision,
        settled: false,
        leaving: false,
        scale: BTreeMap::new(),
        stopped: BTreeSet::new(),
        services: vec![
            service("db", Vec::new()),
            service("web", vec![replica(1, false), replica(10_001, true)]),
        ],
        edges: Vec::new(),
    };
    NodeState {
        projects: BTreeMap::from([(name("shop"), Arc::new(project))]),
    }
}

fn service(name: &str, replicas: Vec<ReplicaState>) -> ServiceState {
    ServiceState {
        name: name.parse().unwrap(),
        phase: ServicePhase::Starting,
        ready: 0,
        wanted: 1,
        job: false,
        settled: false,
        waits_for: None,
        failed: None,
        rolled_back: None,
        runs: None,
        virtual_ip: None,
        ports: vec![80],
        published: Vec::new(),
        circuit: None,
        scaling: None,
        replicas,
    }
}

fn replica(number: u32, one_off: bool) -> ReplicaState {
    ReplicaState {
        name: format!("web-{number}"),
        service: "web".parse().unwrap(),
        number,
        one_off,
        run: Some(7),
        phase: Phase::Starting,
        definition: "0123456789abcdef".into(),
        pid: one_off.then_some(4242),
        ip: None,
        since_unix_ms: 1,
        done: false,
        restarts: 0,
        exit: None,
        retry_unix_ms: None,
        probe: None,
        circuit: None,
        why: None,
    }
}
