//! Decisions without IO, clock or randomness: what is needed comes as an argument.

pub(crate) mod auth;
pub(crate) mod balance;
pub(crate) mod breaker;
pub(crate) mod cache;
pub(crate) mod coding;
pub(crate) mod cors;
pub(crate) mod edits;
pub(crate) mod eject;
mod expression;
pub(crate) mod grpc;
pub(crate) mod health_check;
pub(crate) mod limit;
pub(crate) mod path;
pub(crate) mod plan;
pub(crate) mod protocol;
pub(crate) mod retry;
pub(crate) mod rewrite;
pub(crate) mod route;
pub(crate) mod sample;
pub(crate) mod shed;
pub(crate) mod trace;
pub(crate) mod weighted;
pub(crate) mod window;
