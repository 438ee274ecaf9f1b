//! Decisions without IO, clock or randomness: what is needed comes as an argument.

pub(crate) mod balance;
pub(crate) mod protocol;
pub(crate) mod retry;
pub(crate) mod route;
