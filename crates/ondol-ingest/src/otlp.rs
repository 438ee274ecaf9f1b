//! OTLP, the protocol of OpenTelemetry: requests of its three services, in both of their spellings.

mod json;
mod logs;
mod metric_name;
mod metrics;
mod points;
mod resource;
mod schema;
mod traces;
mod write;

use std::borrow::Cow;

use crate::wire::put;
use crate::{Batch, Dropped, IngestError, Limits, LogStream, SeriesBatch, Span};

pub use write::{encode_logs, encode_traces, refused};

/// How a body is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`: ids are hexadecimal, enums are numbers, unknown fields are ignored.
    Json,
}

/// Spans of an `ExportTraceServiceRequest`.
///
/// # Errors
///
/// When the body is not what it should be; nothing of it is taken then.
pub fn traces(
    body: &[u8],
    encoding: Encoding,
    limits: &Limits,
) -> Result<Batch<Span>, IngestError> {
    let body = protobuf(body, encoding, &schema::TRACES)?;
    Ok(traces::decode(&body, limits)?)
}

/// Lines of an `ExportLogsServiceRequest`.
///
/// # Errors
///
/// When the body is not what it should be; nothing of it is taken then.
pub fn logs(
    body: &[u8],
    encoding: Encoding,
    limits: &Limits,
) -> Result<Batch<LogStream>, IngestError> {
    let body = protobuf(body, encoding, &schema::LOGS)?;
    Ok(logs::decode(&body, limits)?)
}

/// Series of an `ExportMetricsServiceRequest`, in Prometheus' names.
///
/// # Errors
///
/// When the body is not what it should be; nothing of it is taken then.
pub fn metrics(
    body: &[u8],
    encoding: Encoding,
    limits: &Limits,
) -> Result<SeriesBatch, IngestError> {
    let body = protobuf(body, encoding, &schema::METRICS)?;
    Ok(metrics::decode(&body, limits)?)
}

/// Which of the three services answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Log lines.
    Logs,
    /// Metrics.
    Metrics,
}

/// The answer to a request of which so much was dropped: `partial_success` when something was refused.
pub fn answer(signal: Signal, dropped: &Dropped, encoding: Encoding) -> Vec<u8> {
    let refused = dropped.items;
    let reason = dropped.reason.unwrap_or_default();
    match encoding {
        Encoding::Protobuf => {
            let mut answer = Vec::new();
            if refused > 0 {
                let mut partial = Vec::new();
                put::number(&mut partial, 1, refused);
                put::bytes(&mut partial, 2, reason.as_bytes());
                put::bytes(&mut answer, 1, &partial);
            }
            answer
        }
        Encoding::Json if refused == 0 => b"{}".to_vec(),
        Encoding::Json => {
            let field = match signal {
                Signal::Traces => "rejectedSpans",
                Signal::Logs => "rejectedLogRecords",
                Signal::Metrics => "rejectedDataPoints",
            };
            let answer = serde_json::json!({
                "partialSuccess": { field: refused.to_string(), "errorMessage": reason }
            });
            answer.to_string().into_bytes()
        }
    }
}

/// A failed request's answer: `google.rpc.Status` with a code of gRPC.
pub fn failure(code: u32, message: &str, encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Protobuf => {
            let mut status = Vec::new();
            put::number(&mut status, 1, u64::from(code));
            put::bytes(&mut status, 2, message.as_bytes());
            status
        }
        Encoding::Json => {
            let status = serde_json::json!({ "code": code, "message": message });
            status.to_string().into_bytes()
        }
    }
}

fn protobuf<'a>(
    body: &'a [u8],
    encoding: Encoding,
    message: &'static schema::Message,
) -> Result<Cow<'a, [u8]>, IngestError> {
    match encoding {
        Encoding::Protobuf => Ok(body.into()),
        Encoding::Json => json::to_protobuf(body, message).map(Cow::Owned),
    }
}

#[cfg(test)]
mod tests;
