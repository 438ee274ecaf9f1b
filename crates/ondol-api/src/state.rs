//! What programs outside are shown. Times are milliseconds since 1970; what is not known is left out.

mod body;
mod cache;
mod event;
mod log;
mod node;
mod project;
mod reading;
mod replica;
mod route;
mod scaling;
mod service;

pub use body::{Accepted, Applied, RunBody, ScaleBody, ServicesBody, Started};
pub use cache::{CacheState, PurgeBody, Purged};
pub use event::{EventState, RevisionState, Why};
pub use log::{LogLine, LogStream};
pub use node::{Finding, FindingLevel, NodeState, NodeStatus, Sandbox};
pub use project::{Edge, ProjectState};
pub use reading::{Reading, ServiceReading};
pub use replica::{ExecTarget, ProbeState, ReplicaState, Usage};
pub use route::{RouteAsk, RouteOutcome, RouteState};
pub use scaling::{ScaleDecisionState, ScaleFigureState, ScalingState};
pub use service::{CircuitState, PublishedState, ServicePhase, ServiceState};
