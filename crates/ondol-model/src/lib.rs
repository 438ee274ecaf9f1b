//! What everybody in Ondol talks about: plain values, no IO, no async, no clock.
//!
//! The shapes follow Compose's own words (project, service, replica); what Compose
//! cannot say comes from `x-ondol`. All values serialise with serde, because they
//! cross two doors: the node's API and its state database.

mod alert;
mod autoscale;
mod bytes;
mod capacity;
mod depends;
mod digest;
mod endpoint;
mod event_query;
mod guard;
mod matcher;
mod metrics;
mod mount;
mod name;
mod net;
mod observation;
mod one_off;
mod port;
mod probe;
mod project;
mod reading;
mod replica;
mod resilience;
mod resources;
mod restart;
mod rollout;
mod route;
mod run;
mod service;
mod signal;
mod snapshot;
mod suggest;
mod time;
mod tls;
mod traffic;
mod watch;

pub use alert::{
    AlertCondition, AlertRule, AlertSignal, Alerts, Comparison, Inhibition, Receiver, ReceiverKind,
    RuleFile, Smtp,
};
pub use autoscale::{Autoscale, ScaleMetric, ScaleSource, ScaleTarget};
pub use bytes::{Bytes, BytesError};
pub use capacity::{Capacity, Demand};
pub use depends::{Condition, Dependency};
pub use digest::Digest;
pub use endpoint::{Endpoint, EndpointTable};
pub use event_query::EventQuery;
pub use guard::{
    ApiKeyAuth, Auth, BasicAuth, CacheRule, ForwardAuth, Guard, JwtAuth, KeySource, LimitBy,
    RateLimit, ServicePage,
};
pub use matcher::{LabelMatcher, MatchBy, parse_matcher, parse_matchers, print_matchers};
pub use metrics::{Metrics, MetricsEndpoint};
pub use mount::{Mount, MountSource};
pub use name::{NameError, ProjectName, ReplicaId, RunId, ServiceName, ServiceRef};
pub use net::{IpNet, IpNetError};
pub use observation::{Inventory, Observation, Prepared, Survivor};
pub use one_off::OneOff;
pub use port::{PublishedPort, Transport};
pub use probe::{Check, HttpCheck, Probe, ProbeKind, ProbeResult, Probes};
pub use project::{EDGE_PORT, FileSource, NetworkSpec, Project, StoredFile, VolumeSpec};
pub use reading::{LoadReading, TrafficReading, UsageReading};
pub use replica::{Exit, Phase};
pub use resilience::{Breaker, Concurrency, Fallback, Resilience, Retry, Shed, Timeouts, Trip};
pub use resources::{Resources, Ulimit};
pub use restart::{RestartCondition, RestartPolicy};
pub use rollout::{FailureAction, Rollout, UpdateOrder};
pub use route::{
    Conditions, Cors, HeaderEdits, Mirror, PathKind, Redirect, Route, RouteAnswer, Share,
    StaticAnswer, Treatment, Wanted,
};
pub use run::Run;
pub use service::{
    Build, DeployMode, GrantedFile, Healthcheck, Hook, LogLimits, PreStart, RuntimeKind, Service,
};
pub use signal::{
    Access, Histogram, HttpVersion, Kept, Load, Local, Origin, Reason, Red, RedKey, Refusal,
    ReportId, SignalRules, Signals, SpanId, TraceId,
};
pub use snapshot::{Listener, ListenerId, Purpose, Snapshot};
pub use suggest::{did_you_mean, nearest};
pub use time::Time;
pub use tls::{
    Acme, Certificate, CertificateFiles, ClientCertificates, Dial, DialTls, Edge, Https, Issue,
    Opening, OpeningTls, Secret,
};
pub use traffic::{Balance, BalanceBy, CrossZone, Eject, Traffic, TrafficPolicy};
pub use watch::{WatchAction, WatchRule};
