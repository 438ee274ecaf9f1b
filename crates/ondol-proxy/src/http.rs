//! HTTP/1.1 between a client and an endpoint.

mod body;
mod call;
mod exchange;
mod headers;
mod prepare;
mod refuse;
mod serve;
mod switch;
mod way;

pub(crate) use body::Upload;
pub(crate) use serve::serve;
