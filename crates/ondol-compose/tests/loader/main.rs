//! The loader as its callers see it.

mod alerts;
mod conformance;
mod diagnostics;
mod differential;
mod environment;
mod files;
mod guard;
mod hostile;
mod keys;
mod meaning;
mod merging;
mod properties;
mod reference;
mod speed;
mod support;
mod traffic;
