use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Autoscale, Bytes, Dependency, Metrics, Mount, Probe, Probes, PublishedPort, Resources,
    RestartPolicy, Rollout, Route, ServiceName, Traffic, Ulimit, WatchRule,
};

/// One service of a project, as its file means it. Long and short forms, legacy twins and defaults are already one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its name, which other services call it by.
    pub name: ServiceName,
    /// `image:`, as written.
    pub image: Option<String>,
    /// `build:`, with its context made absolute.
    pub build: Option<Build>,
    /// How it is run (`x-ondol.runtime`).
    pub runtime: RuntimeKind,
    /// Debian packages whose programs it needs (`x-ondol.packages`).
    pub packages: Vec<String>,
    /// Commands that install its dependencies (`x-ondol.prepare`); `None` takes them from the Dockerfile.
    pub prepare: Option<Vec<String>>,

    /// `entrypoint:`; `None` leaves the image's, empty clears it.
    pub entrypoint: Option<Vec<String>>,
    /// `command:`; `None` leaves the image's, empty clears it.
    pub command: Option<Vec<String>>,
    /// `environment:` over `env_file:`, resolved.
    pub environment: BTreeMap<String, String>,
    /// `working_dir:`.
    pub working_dir: Option<String>,
    /// `user:` — name or id, with an optional `:group`.
    pub user: Option<String>,
    /// `hostname:`.
    pub hostname: Option<String>,
    /// `init:` — a reaper as the first process. The shim always reaps; kept for engines.
    pub init: bool,
    /// `tty:`.
    pub tty: bool,
    /// `stop_signal:`, a name such as `SIGTERM`, or a number; `None` leaves the image's.
    pub stop_signal: Option<String>,
    /// `stop_grace_period:`; 10 s when the file says nothing.
    pub stop_grace: Duration,
    /// `pre_start:` steps, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pre_start: Vec<PreStart>,
    /// `post_start:` hooks, in order.
    pub post_start: Vec<Hook>,
    /// `pre_stop:` hooks, in order.
    pub pre_stop: Vec<Hook>,
    /// `ulimits:` by name.
    pub ulimits: BTreeMap<String, Ulimit>,
    /// `volumes:` and `tmpfs:`.
    pub mounts: Vec<Mount>,
    /// `secrets:` granted to it; an absolute target, default `/run/secrets/<name>`.
    pub secrets: Vec<GrantedFile>,
    /// `configs:` granted to it; an absolute target, default `/<name>`.
    pub configs: Vec<GrantedFile>,

    /// `network_mode: host`: no namespace, no address of its own.
    pub host_network: bool,
    /// Networks it is on, with the extra names it answers to there.
    pub networks: BTreeMap<String, Vec<String>>,
    /// `ports:`.
    pub ports: Vec<PublishedPort>,
    /// `expose:`, `x-ondol.port` first when given.
    pub expose: Vec<u16>,
    /// `x-ondol.port_env`: variable that carries the port to listen on; `PORT` when the file says nothing.
    pub port_env: String,
    /// `x-ondol.route(s)`: what the edge sends to it.
    pub routes: Vec<Route>,
    /// `x-ondol.balance` and `x-ondol.resilience`: how requests reach it.
    #[serde(default, skip_serializing_if = "Traffic::is_default")]
    pub traffic: Traffic,

    /// `x-ondol.metrics`: where it says its metrics.
    #[serde(default, skip_serializing_if = "Metrics::is_default")]
    pub metrics: Metrics,

    /// `depends_on:`.
    pub depends_on: BTreeMap<ServiceName, Dependency>,
    /// `healthcheck:`; [`Healthcheck::Image`] when the file says nothing.
    pub healthcheck: Healthcheck,
    /// `x-ondol.probes`, which win over `healthcheck`.
    pub probes: Probes,
    /// `restart:` or `deploy.restart_policy`.
    pub restart: RestartPolicy,
    /// `deploy.mode`.
    pub mode: DeployMode,
    /// `deploy.replicas` or `scale`; 1 when the file says nothing.
    pub replicas: u32,
    /// `x-ondol.autoscale`: how many by what they have to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscale: Option<Autoscale>,
    /// Limits and reservations.
    pub resources: Resources,
    /// `deploy.update_config`.
    pub update: Rollout,
    /// `deploy.rollback_config`.
    pub rollback: Rollout,
    /// `deploy.placement.constraints`, as written.
    pub placement_constraints: Vec<String>,
    /// `deploy.placement.max_replicas_per_node`.
    pub replicas_per_node_max: Option<u32>,

    /// `develop.watch`.
    pub watch: Vec<WatchRule>,
    /// `logging:` size limits (`max-size`, `max-file`).
    pub logs: LogLimits,
    /// `labels:`.
    pub labels: BTreeMap<String, String>,
    /// `container_name:`.
    pub container_name: Option<String>,
    /// Its process waits until somebody hands it a terminal, or an input and outputs. No file says so: one-off runs do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub attended: bool,
    /// Where its process starts, when that is not where the service's does: `working_dir` also says where sources
    /// without a Dockerfile are seen. No file says so: one-off runs do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_dir: Option<String>,
}

/// `build:`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Absolute folder of the sources.
    pub context: PathBuf,
    /// The Dockerfile: a path relative to the context, or absolute; `None` is `Dockerfile`.
    pub dockerfile: Option<PathBuf>,
    /// `dockerfile_inline:`.
    pub dockerfile_inline: Option<String>,
    /// `target:` stage.
    pub target: Option<String>,
    /// `args:`.
    pub args: BTreeMap<String, String>,
}

/// What runs a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuntimeKind {
    /// A process where it can be one.
    #[default]
    Auto,
    /// Always a process.
    Process,
    /// Always a container.
    Container,
}

/// `deploy.mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeployMode {
    /// `replicas` copies that are kept running.
    #[default]
    Replicated,
    /// One per node: one copy here.
    Global,
    /// `replicas` copies that run to completion (`replicated-job`, `global-job`).
    Job,
}

/// What says whether a replica is healthy when `x-ondol.probes` does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Healthcheck {
    /// Whatever the image says: its Dockerfile's HEALTHCHECK, or the built-in check of a well-known image.
    #[default]
    Image,
    /// `disable: true` or `test: NONE`.
    Disabled,
    /// The file's own.
    Check(Probe),
}

/// A step of `pre_start`: run to its end before the service's process, which is not started when it fails
/// (Compose specification, "pre_start").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreStart {
    /// What is run.
    pub hook: Hook,
    /// Before every start of every replica; else once, before the first replica of a definition.
    pub per_replica: bool,
}

/// A `pre_start`, `post_start` or `pre_stop` hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Runs as this user instead of the service's.
    pub user: Option<String>,
    /// Runs in this folder instead of the service's.
    pub working_dir: Option<String>,
    /// Added to the service's environment.
    pub environment: BTreeMap<String, String>,
    /// Keeps the capabilities that a service gives up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub privileged: bool,
}

/// A secret or config that a service may read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantedFile {
    /// Key among the project's secrets or configs.
    pub source: String,
    /// Absolute path in the service's sight.
    pub target: String,
    /// Owner, by id.
    pub uid: Option<u32>,
    /// Group, by id.
    pub gid: Option<u32>,
    /// Permission bits; 0o444 when the file says nothing.
    pub mode: u32,
}

/// How much log is kept on disk per replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLimits {
    /// Size at which a segment is closed.
    pub segment_max: Bytes,
    /// Segments kept, the open one included.
    pub segments_max: u32,
}

impl Default for LogLimits {
    fn default() -> Self {
        LogLimits {
            segment_max: Bytes(8 << 20),
            segments_max: 4,
        }
    }
}
