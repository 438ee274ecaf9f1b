use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ondol_control::{Command, Wish};
use ondol_model::{EventQuery, OneOff, ProjectName, ReplicaId, ServiceName, ServiceRef};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::{
    ApiError, Applied, CacheState, ErrorCode, EventState, ExecTarget, Finding, LogLine, NodeState,
    NodeStatus, PurgeBody, Purged, RevisionState, RouteAsk, RouteState, ServiceReading, Started,
    Usage,
};

/// How long the node may take for an answer; it answers when it has decided, not when things have happened.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Where an answer goes. Nobody may be there any more to take it.
pub type Reply<T> = oneshot::Sender<Result<T, ApiError>>;

/// Something that the node is asked. Projects, services and replicas that are named were there when it was sent.
#[derive(Debug)]
pub enum Request {
    /// Tell about yourself.
    Status {
        /// Takes the answer.
        reply: Reply<NodeStatus>,
    },
    /// Tell the routes of every edge, the best first; with a request, those of its port and what becomes of it.
    Routes {
        /// The request.
        ask: Option<RouteAsk>,
        /// Takes the answer.
        reply: Reply<Vec<RouteState>>,
    },
    /// Tell what the proxy keeps of answers.
    Cache {
        /// Takes the answer.
        reply: Reply<CacheState>,
    },
    /// Let the proxy forget answers that it keeps.
    Purge {
        /// Which.
        what: PurgeBody,
        /// Who asks.
        by: String,
        /// Takes the answer.
        reply: Reply<Purged>,
    },
    /// Leave; services and the proxy go on. Answered before leaving.
    Shutdown {
        /// Who asks: `user 1000`.
        by: String,
        /// Takes the answer.
        reply: Reply<()>,
    },
    /// Keep this wish and act on it. Answered once it is on the disk.
    Apply {
        /// The wish.
        wish: Box<Wish>,
        /// Who asks.
        by: String,
        /// Takes the answer.
        reply: Reply<Applied>,
    },
    /// Keep another number of replicas of these services, on top of the wish that is kept.
    Scale {
        /// The project.
        project: ProjectName,
        /// Its services and how many of each; `None` takes back what was said before.
        scale: BTreeMap<ServiceName, Option<u32>>,
        /// Who asks.
        by: String,
        /// Takes the answer.
        reply: Reply<()>,
    },
    /// Add services to those stopped on request (`stop`), or take them out (`start`), in the wish that is kept.
    Stop {
        /// The project.
        project: ProjectName,
        /// Its services; all when empty.
        services: Vec<ServiceName>,
        /// True: stop them. False: start them again.
        stop: bool,
        /// Who asks.
        by: String,
        /// Takes the answer.
        reply: Reply<()>,
    },
    /// Hand this to the control core.
    Do {
        /// What; never [`Command::RunOnce`].
        command: Command,
        /// Who asks.
        by: String,
        /// Takes the answer.
        reply: Reply<()>,
    },
    /// Run a service once; answered with the replica that runs it.
    RunOnce {
        /// The service.
        service: ServiceRef,
        /// What is different from its replicas.
        once: Box<OneOff>,
        /// Who asks.
        by: String,
        /// Takes the answer.
        reply: Reply<Started>,
    },
    /// What is needed to run a program inside a replica.
    ExecTarget {
        /// The replica.
        replica: ReplicaId,
        /// Takes the answer.
        reply: Reply<ExecTarget>,
    },
    /// What each replica of a project takes just now.
    Usage {
        /// The project.
        project: ProjectName,
        /// Takes the answer.
        reply: Reply<Vec<Usage>>,
    },
    /// How the services of a project do just now.
    Readings {
        /// The project.
        project: ProjectName,
        /// Takes the answer.
        reply: Reply<Vec<ServiceReading>>,
    },
    /// The revisions that are kept of a project, newest first.
    Revisions {
        /// The project.
        project: ProjectName,
        /// Takes the answer.
        reply: Reply<Vec<RevisionState>>,
    },
    /// Decisions, in order.
    Events {
        /// Which.
        query: EventQuery,
        /// Takes the answer.
        reply: Reply<Vec<EventState>>,
    },
    /// Log lines of a project, merged by time, until there are no more (or for ever) or nobody takes them.
    Logs {
        /// Which.
        query: LogQuery,
        /// Takes the lines; the stream is over when the node drops it.
        lines: mpsc::Sender<LogLine>,
    },
    /// What this machine lets the node do, and what not.
    Doctor {
        /// Takes the answer.
        reply: Reply<Vec<Finding>>,
    },
}

/// Which log lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogQuery {
    /// The project.
    pub project: ProjectName,
    /// Only of these services; all when empty.
    pub services: Vec<ServiceName>,
    /// Only of this replica.
    pub replica: Option<ReplicaId>,
    /// Only from this moment (milliseconds since 1970) on.
    pub since_unix_ms: Option<u64>,
    /// The last so many of each replica; `None` is all that are kept.
    pub tail: Option<u32>,
    /// Go on with what is written from now on, also by replicas that come later.
    pub follow: bool,
}

/// What the routes need of the node.
#[derive(Clone, Debug)]
pub struct Door {
    /// Takes questions, to the node's loop.
    pub requests: mpsc::Sender<Request>,
    /// What the node knows, as of its last change.
    pub state: watch::Receiver<Arc<NodeState>>,
    /// The id of the newest event that [`Request::Events`] would give.
    pub newest_event: watch::Receiver<u64>,
}

impl Door {
    /// Sends the request that `make` builds around a reply, and waits for it.
    pub(crate) async fn ask<T>(
        &self,
        make: impl FnOnce(Reply<T>) -> Request,
    ) -> Result<T, ApiError> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            let sent = self.requests.send(make(reply)).await;
            sent.map_err(|_| ApiError::node_gone())?;
            answer.await.map_err(|_| ApiError::node_gone())?
        };
        timeout(ANSWER_MAX, asked).await.unwrap_or_else(|_| {
            let message = format!("the node did not answer for {} s", ANSWER_MAX.as_secs());
            Err(ApiError::new(ErrorCode::Unavailable, message)
                .hint("look at the node's log; services are not touched by this"))
        })
    }
}
