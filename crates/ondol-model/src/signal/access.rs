use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Origin, Reason, SpanId, TraceId};
use crate::{ReplicaId, RunId, ServiceRef};

/// One request as the proxy saw it: a line of the access log and a span of its trace, in one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Access {
    /// When its head was there, in nanoseconds since 1970.
    pub at_unix_ns: u64,
    /// From then to the last byte of the answer, or until its client was gone.
    pub duration_ns: u64,
    /// Why there is a record of it.
    pub kept: Kept,
    /// Where it came from.
    pub origin: Origin,
    /// The service that it was for; `None` when there is no route.
    pub service: Option<ServiceRef>,
    /// The replica that was asked last.
    pub replica: Option<ReplicaId>,
    /// Which start of it.
    pub run: Option<RunId>,
    /// The definition that it was started with, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The client's address.
    pub client: IpAddr,
    /// It came by TLS.
    pub tls: bool,
    /// What the client speaks.
    pub version: HttpVersion,
    /// Its method.
    pub method: String,
    /// The host it was for; empty when it did not say.
    pub host: String,
    /// The path, as the client wrote it.
    pub path: String,
    /// What stands behind the `?`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The client's program, as it calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The status of the answer; 499 when the client was gone before it began.
    pub status: u16,
    /// What a call of gRPC came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc_status: Option<u8>,
    /// Why the answer is not the one that the service gave just now.
    pub reason: Option<Reason>,
    /// How often it was sent to a replica.
    pub attempts: u32,
    /// Bytes of its body.
    pub bytes_in: u64,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
    /// Its trace.
    pub trace: TraceId,
    /// The proxy's own span in it.
    pub span: SpanId,
    /// Who called; `None` when the trace begins here.
    pub parent: Option<SpanId>,
    /// Its `X-Request-Id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// It only asks whether somebody is there.
    #[serde(default, skip_serializing_if = "is_false")]
    pub health_check: bool,
}

fn is_false(said: &bool) -> bool {
    !said
}

impl Access {
    /// No text of a record is longer than this, in bytes; what is longer is cut.
    pub const TEXT_BYTES_MAX: usize = 1024;
}

/// Why there is a record of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// It failed: a status of 500 or above, of gRPC one that blames the service, or an answer that broke off.
    Error,
    /// It took longer than requests should.
    Slow,
    /// Its trace is recorded: the caller said so, or it is of the share that is.
    Sampled,
}

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum HttpVersion {
    /// HTTP/1.0
    #[serde(rename = "1.0")]
    Http10,
    /// HTTP/1.1
    #[serde(rename = "1.1")]
    Http11,
    /// HTTP/2
    #[serde(rename = "2")]
    Http2,
}

impl HttpVersion {
    /// As OpenTelemetry writes it (`network.protocol.version`).
    pub fn word(self) -> &'static str {
        match self {
            HttpVersion::Http10 => "1.0",
            HttpVersion::Http11 => "1.1",
            HttpVersion::Http2 => "2",
        }
    }
}
