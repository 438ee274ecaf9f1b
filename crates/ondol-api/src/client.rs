mod error;
mod follow;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ondol_control::Wish;
use ondol_model::ProjectName;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use crate::error::ErrorBody;
use crate::{
    Accepted, Applied, CacheState, EventState, ExecTarget, Finding, LogLine, NodeStatus,
    ProjectState, PurgeBody, Purged, RevisionState, RouteAsk, RouteState, RunBody, ScaleBody,
    ServiceReading, ServicesBody, Started, Usage, Why,
};

pub use error::ClientError;
pub use follow::Follow;

const ANSWER_BYTES_MAX: usize = 64 << 20;

/// What talks to a node. Each question is a connection of its own, which costs microseconds on a Unix socket.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

type Result<T> = std::result::Result<T, ClientError>;

impl Client {
    /// A client of the node that listens at `socket`. Nothing is opened yet.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Client {
            socket: socket.into(),
        }
    }

    /// Where the node listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The node about itself.
    pub async fn status(&self) -> Result<NodeStatus> {
        self.get("/v1/node").await
    }

    /// Let the node leave; services go on.
    pub async fn shutdown(&self) -> Result<Accepted> {
        self.post("/v1/node/shutdown", &()).await
    }

    /// What this machine lets the node do.
    pub async fn doctor(&self) -> Result<Vec<Finding>> {
        self.get("/v1/doctor").await
    }

    /// Routes of the edge, the best first; with a request, those of its port and what becomes of it.
    pub async fn routes(&self, ask: Option<&RouteAsk>) -> Result<Vec<RouteState>> {
        let Some(ask) = ask else {
            return self.get("/v1/routes").await;
        };
        let pairs = [
            ("url", &ask.url),
            ("method", &ask.method),
            ("headers", &ask.headers),
        ];
        let pairs = pairs.map(|(name, value)| format!("{name}={}", escaped(value)));
        self.get(&format!("/v1/routes?{}", pairs.join("&"))).await
    }

    /// What the proxy keeps of answers.
    pub async fn cache(&self) -> Result<CacheState> {
        self.get("/v1/cache").await
    }

    /// Let the proxy forget answers that it keeps.
    pub async fn purge(&self, body: &PurgeBody) -> Result<Purged> {
        self.post("/v1/cache/purge", body).await
    }

    /// Every project.
    pub async fn projects(&self) -> Result<Vec<ProjectState>> {
        self.get("/v1/projects").await
    }

    /// A project; `None` when there is none of that name.
    pub async fn project(&self, project: &ProjectName) -> Result<Option<ProjectState>> {
        match self.get(&format!("/v1/projects/{project}")).await {
            Err(ClientError::Refused(error)) if error.code == crate::ErrorCode::NotFound => {
                Ok(None)
            }
            other => other.map(Some),
        }
    }

    /// A project now and after each change, until it is gone.
    pub async fn follow_project(&self, project: &ProjectName) -> Result<Follow<ProjectState>> {
        self.follow(&format!("/v1/projects/{project}/stream")).await
    }

    /// Want a project like this from now on.
    pub async fn apply(&self, wish: &Wish) -> Result<Applied> {
        let path = format!("/v1/projects/{}", wish.project.name);
        self.ask(Method::PUT, &path, Some(wish)).await
    }

    /// Stop a project and forget it.
    pub async fn down(&self, project: &ProjectName, volumes: bool) -> Result<Accepted> {
        let path = format!("/v1/projects/{project}?volumes={volumes}");
        self.ask::<(), _>(Method::DELETE, &path, None).await
    }

    /// The revisions that are kept, newest first.
    pub async fn revisions(&self, project: &ProjectName) -> Result<Vec<RevisionState>> {
        self.get(&format!("/v1/projects/{project}/revisions")).await
    }

    /// What each replica takes just now.
    pub async fn usage(&self, project: &ProjectName) -> Result<Vec<Usage>> {
        self.get(&format!("/v1/projects/{project}/usage")).await
    }

    /// How each service does just now.
    pub async fn readings(&self, project: &ProjectName) -> Result<Vec<ServiceReading>> {
        self.get(&format!("/v1/projects/{project}/readings")).await
    }

    /// Keep another number of replicas.
    pub async fn scale(&self, project: &ProjectName, body: &ScaleBody) -> Result<Accepted> {
        self.post(&format!("/v1/projects/{project}/scale"), body)
            .await
    }

    /// Do `verb` (`stop`, `start`, `restart`, `rebuild`) to services; to all when none is named.
    pub async fn services(
        &self,
        project: &ProjectName,
        verb: &str,
        body: &ServicesBody,
    ) -> Result<Accepted> {
        self.post(&format!("/v1/projects/{project}/{verb}"), body)
            .await
    }

    /// Why a service is as it is.
    pub async fn why(&self, project: &ProjectName, service: &str) -> Result<Why> {
        let service = component(service);
        self.get(&format!("/v1/projects/{project}/services/{service}/why"))
            .await
    }

    /// Run a service once, with other words than its file's.
    pub async fn run(
        &self,
        project: &ProjectName,
        service: &str,
        body: &RunBody,
    ) -> Result<Started> {
        let service = component(service);
        let path = format!("/v1/projects/{project}/services/{service}/runs");
        self.post(&path, body).await
    }

    /// Stop and forget a one-off run.
    pub async fn forget(&self, project: &ProjectName, replica: &str) -> Result<Accepted> {
        let replica = component(replica);
        let path = format!("/v1/projects/{project}/replicas/{replica}");
        self.ask::<(), _>(Method::DELETE, &path, None).await
    }

    /// End a replica's process; it is started again.
    pub async fn kill(&self, project: &ProjectName, replica: &str) -> Result<Accepted> {
        let replica = component(replica);
        let path = format!("/v1/projects/{project}/replicas/{replica}/kill");
        self.post(&path, &()).await
    }

    /// What is needed to run a program inside a replica.
    pub async fn exec_target(&self, project: &ProjectName, replica: &str) -> Result<ExecTarget> {
        let replica = component(replica);
        self.get(&format!("/v1/projects/{project}/replicas/{replica}/exec"))
            .await
    }

    /// Log lines; `query` is what stands behind the `?` of the route, such as `follow=true&tail=10`.
    pub async fn logs(&self, project: &ProjectName, query: &str) -> Result<Follow<LogLine>> {
        self.follow(&format!("/v1/projects/{project}/logs?{query}"))
            .await
    }

    /// Decisions; `query` is what stands behind the `?`.
    pub async fn events(&self, query: &str) -> Result<Vec<EventState>> {
        self.get(&format!("/v1/events?{query}")).await
    }

    /// Decisions as they are taken; `query` is what stands behind the `?`.
    pub async fn follow_events(&self, query: &str) -> Result<Follow<EventState>> {
        self.follow(&format!("/v1/events/stream?{query}")).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.ask::<(), T>(Method::GET, path, None).await
    }

    async fn post<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T> {
        self.ask(Method::POST, path, Some(body)).await
    }

    async fn ask<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<T> {
        let answer = self.send(method, path, body).await?;
        let bytes = read_all(answer).await?;
        serde_json::from_slice(&bytes).map_err(ClientError::strange)
    }

    async fn follow<T>(&self, path: &str) -> Result<Follow<T>> {
        let answer = self.send::<()>(Method::GET, path, None).await?;
        Ok(Follow::new(answer))
    }

    /// The body of an answer that is a success.
    async fn send<B: Serialize>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<Incoming> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|source| ClientError::connect(&self.socket, source))?;
        let body = body.map(serde_json::to_vec).transpose();
        let body = Full::new(Bytes::from(
            body.map_err(ClientError::strange)?.unwrap_or_default(),
        ));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "ondol")
            .header(CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(ClientError::strange)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(ClientError::strange)?;
        // Ends with the connection, which ends when the answer was read or dropped.
        tokio::spawn(connection);
        let answer = sender
            .send_request(request)
            .await
            .map_err(ClientError::strange)?;
        if answer.status() == StatusCode::OK {
            return Ok(answer.into_body());
        }
        let status = answer.status();
        let bytes = read_all(answer.into_body()).await?;
        Err(match serde_json::from_slice::<ErrorBody>(&bytes) {
            Ok(body) => ClientError::Refused(body.error),
            Err(_) => ClientError::Strange(format!("the node answered {status}")),
        })
    }
}

async fn read_all(body: Incoming) -> Result<Bytes> {
    let read = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
    read.map(|read| read.to_bytes())
        .map_err(|error| ClientError::Strange(error.to_string()))
}

/// Text as one component of a path: whatever is not plainly a name is escaped.
fn component(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let escape = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

/// Text as a value of a query (RFC 3986, section 2.1).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}
