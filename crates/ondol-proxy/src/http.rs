//! HTTP/1.1 and HTTP/2 between a client and an endpoint.

mod body;
mod call;
mod early;
mod exchange;
mod headers;
mod prepare;
mod refuse;
mod serve;
mod serve_http2;
mod switch;
mod way;

pub(crate) use body::Upload;
pub(crate) use serve::serve;
pub(crate) use serve_http2::serve_http2;
