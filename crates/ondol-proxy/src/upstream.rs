//! What one worker knows of the services it sends traffic to.

mod bare;
mod circuit;
mod cluster;
mod connect;
mod counted;
mod endpoint;
mod gate;
mod http2_form;
mod policy;
mod pool;
mod refused;

pub(crate) use bare::Bare;
pub(crate) use circuit::{Circuit, Pass};
pub(crate) use cluster::Cluster;
pub(crate) use connect::{connect, connect_bare, connect_http2};
pub(crate) use counted::Counted;
pub(crate) use endpoint::{InFlight, Upstream, add};
pub(crate) use gate::Place;
pub(crate) use policy::{Fallback, Policy};
pub(crate) use pool::{Pooled, Sender, Unanswered};
pub(crate) use refused::Refused;
