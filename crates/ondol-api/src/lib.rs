//! The node's HTTP API: JSON over a Unix socket that only its owner may open, versioned under `/v1`.
//!
//! It decides nothing. What changes something becomes a [`Request`] to the node, which answers it; what is read comes
//! from the [`NodeState`] that the node publishes after each change. The shapes here are what programs outside see:
//! projections of what the control core knows, kept apart from it so that it may change and they may not.
//! `openapi.json` is their contract, made from these types by the tests.
//!
//! ```text
//! Client --HTTP--> routes --Request--> the node's loop
//!                     ^------NodeState, newest event--'
//! ```

mod caller;
mod client;
mod error;
mod openapi;
mod reading;
mod request;
mod routes;
mod serve;
mod state;

pub use client::{Client, ClientError, Follow};
pub use error::{ApiError, Cause, CauseKind, ErrorCode};
pub use openapi::openapi;
pub use request::{Door, LogQuery, Reply, Request};
pub use serve::{bind, serve};
pub use state::{
    Accepted, Applied, CacheState, CircuitState, Edge, EventState, ExecTarget, Finding,
    FindingLevel, LogLine, LogStream, NodeState, NodeStatus, ProbeState, ProjectState,
    PublishedState, PurgeBody, Purged, Reading, ReplicaState, RevisionState, RouteAsk,
    RouteOutcome, RouteState, RunBody, Sandbox, ScaleBody, ScaleDecisionState, ScaleFigureState,
    ScalingState, ServicePhase, ServiceReading, ServiceState, ServicesBody, Started, Usage, Why,
};
