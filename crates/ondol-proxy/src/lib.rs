//! The data plane: listen, route, balance, call.
//!
//! Two sides meet here. [`run`] is the proxy process: one `current_thread` runtime per core, each with its own
//! upstream connections, balancing state and counters. [`Link`] is the node's end of the Unix socket between them:
//! it hands over snapshots, listening sockets and endpoint tables, and brings back acknowledgements.
//!
//! The proxy outlives the node: it listens on the control socket, serves on when the node is gone, and gives the
//! listening sockets back to the next node that connects. The node outlives the proxy: it holds the same sockets and
//! hands them to the next proxy, so that a connection is never refused meanwhile.
//!
//! Decisions are pure and live in `policy`; everything else is the shell around them.

mod awaited;
mod bind;
mod cache;
mod channel;
mod clock;
mod compiled;
mod control;
mod entrance;
mod exec;
mod gate;
mod guard;
mod http;
mod limits;
mod link;
mod message;
mod policy;
mod proxy_protocol;
mod run;
mod saved;
mod signals;
mod status;
mod stream;
mod tls;
mod tunnel;
mod udp;
mod upstream;
mod welcome;
mod worker;

pub use bind::bind;
pub use gate::file_problems;
pub use guard::{Fault, Guard, Verdict};
pub use http::{pass_answer, pass_frames, pass_request};
pub use link::{Hello, Link, LinkEvent, Sockets};
pub use ondol_model::Refusal;
pub use policy::route::{Considered, Outcome, explain, in_order};
pub use proxy_protocol::{Ends, NoProxyHeader, ProxyHeader, read_proxy_header};
pub use run::{Options, run};
pub use status::{
    CacheStatus, CircuitStatus, EndpointStatus, ListenerStatus, Purge, ServiceStatus, Status,
};
pub use tls::{check_authorities, check_certificate};
