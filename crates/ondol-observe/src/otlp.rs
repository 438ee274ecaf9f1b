//! OTLP: what OpenTelemetry's SDKs and collectors send, by HTTP and by gRPC.
//!
//! Source: the OpenTelemetry protocol specification 1.x.

mod grpc;
mod plain;
mod take;

use crate::server::{Answer, Ask};
use crate::shared::Shared;

/// Answers for its paths.
pub(crate) async fn answer(ask: Ask, parts: &[&str], shared: &Shared) -> Answer {
    match parts {
        ["v1", signal] => plain::answer(ask, signal, shared).await,
        [service, method] => grpc::answer(ask, service, method, shared).await,
        _ => Answer::not_found(ask.path()),
    }
}
