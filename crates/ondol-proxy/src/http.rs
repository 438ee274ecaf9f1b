//! HTTP/1.1 and HTTP/2 between a client and an endpoint.

mod answer;
mod ask;
mod body;
mod call;
mod change;
mod deadline;
mod early;
mod encode;
mod exchange;
mod fallback;
mod guarded;
mod h2;
mod headers;
mod keep;
mod lease;
mod mirror;
mod pass;
mod prepare;
mod raw;
mod refuse;
mod serve;
mod serve_http2;
mod smaller;
mod switch;
mod way;

pub(crate) use body::Upload;
pub use h2::pass_frames;
pub(crate) use h2::serve_http2;
pub(crate) use raw::{Buffers, Dates};
pub use raw::{pass_answer, pass_request};
pub(crate) use serve::{Http1, serve};
