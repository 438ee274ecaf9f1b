//! OTLP over gRPC: three calls with one message each way, so that no framework is needed for them.
//!
//! Source: "gRPC over HTTP2" of the gRPC project; `google/rpc/{status,error_details}.proto`.

use std::convert::Infallible;
use std::io::Read;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use bytes::{BufMut, Bytes, BytesMut};
use flate2::read::GzDecoder;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use ondol_ingest::otlp::{self, Encoding, Signal};
use ondol_telemetry::StoreError;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::take::{Failure, take};
use crate::ingest::BODY_BYTES_MAX;
use crate::server::{Answer, Ask};
use crate::shared::Shared;

/// What a message must not have as it is.
const UNPRINTABLE: &AsciiSet = &CONTROLS.add(b'%');
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
/// Seconds after which a client may try again.
const RETRY_SECONDS: u64 = 5;
/// Compressed or not, and the length.
const PREFIX_BYTES: usize = 5;

/// `google.rpc.Code`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Code {
    InvalidArgument = 3,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
}

struct Refused {
    code: Code,
    why: String,
    /// It may come again.
    is_passing: bool,
}

impl Refused {
    fn new(code: Code, why: impl Into<String>) -> Self {
        let why = why.into();
        Refused {
            code,
            why,
            is_passing: false,
        }
    }
}

/// Answers a call.
pub(super) async fn answer(mut ask: Ask, service: &str, method: &str, shared: &Shared) -> Answer {
    let kind = ask.header(CONTENT_TYPE.as_str()).unwrap_or_default();
    if ask.method() != Method::POST || !kind.starts_with("application/grpc") {
        return Answer::refused(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "expected a call of gRPC: POST with application/grpc",
        );
    }
    match call(&mut ask, service, method, shared).await {
        Ok(message) => done(&message),
        Err(refused) => failed(&refused),
    }
}

async fn call(
    ask: &mut Ask,
    service: &str,
    method: &str,
    shared: &Shared,
) -> Result<Vec<u8>, Refused> {
    let signal = match (
        service.trim_start_matches("opentelemetry.proto.collector."),
        method,
    ) {
        ("trace.v1.TraceService", "Export") => Signal::Traces,
        ("logs.v1.LogsService", "Export") => Signal::Logs,
        ("metrics.v1.MetricsService", "Export") => Signal::Metrics,
        _ => {
            let why = format!("there is no {service}/{method} here");
            return Err(Refused::new(Code::Unimplemented, why));
        }
    };
    let body = ask.body(BODY_BYTES_MAX + PREFIX_BYTES).await;
    let body = body.map_err(|answer| match answer.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        _ => Refused::new(Code::InvalidArgument, "the body could not be read"),
    })?;
    let coding = ask.header("grpc-encoding").unwrap_or("identity");
    let message = message(&body, coding)?;
    let dropped = take(signal, Encoding::Protobuf, message, shared)
        .await
        .map_err(refused)?;
    Ok(otlp::answer(signal, &dropped, Encoding::Protobuf))
}

/// The one message of a call, unpacked.
fn message(body: &Bytes, coding: &str) -> Result<Bytes, Refused> {
    let broken = || Refused::new(Code::InvalidArgument, "the body is not one message of gRPC");
    let (prefix, _) = body
        .split_first_chunk::<PREFIX_BYTES>()
        .ok_or_else(broken)?;
    let [packed, a, b, c, d] = *prefix;
    let message = body.slice(PREFIX_BYTES..);
    if u32::from_be_bytes([a, b, c, d]) as usize != message.len() {
        return Err(broken());
    }
    match (packed, coding) {
        (0, _) => Ok(message),
        (1, "gzip") => {
            let mut unpacked = Vec::new();
            let mut from = GzDecoder::new(&*message).take(BODY_BYTES_MAX as u64 + 1);
            from.read_to_end(&mut unpacked).map_err(|_| broken())?;
            match unpacked.len() > BODY_BYTES_MAX {
                true => Err(too_large()),
                false => Ok(unpacked.into()),
            }
        }
        (_, coding) => {
            let why = format!("message encoding `{coding}` is not known; expected gzip or none");
            Err(Refused::new(Code::Unimplemented, why))
        }
    }
}

fn too_large() -> Refused {
    let why = format!("the message is longer than {BODY_BYTES_MAX} bytes; send less at once");
    Refused::new(Code::ResourceExhausted, why)
}

fn refused(failure: Failure) -> Refused {
    match failure {
        Failure::Bad(error) => Refused::new(Code::InvalidArgument, error.to_string()),
        Failure::Store(error) => match error {
            StoreError::Full { .. } | StoreError::Behind { .. } => Refused {
                is_passing: true,
                ..Refused::new(Code::ResourceExhausted, error.to_string())
            },
            _ => Refused::new(Code::Internal, error.to_string()),
        },
        Failure::Leaving => Refused::new(Code::Unavailable, "the telemetry is leaving"),
    }
}

fn done(message: &[u8]) -> Answer {
    let mut framed = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    framed.put_u8(0);
    framed.put_u32(message.len() as u32);
    framed.put_slice(message);
    let mut trailers = HeaderMap::new();
    trailers.insert(STATUS, HeaderValue::from_static("0"));
    let trailers = async move { Some(Ok::<_, Infallible>(trailers)) };
    let body = Full::new(framed.freeze()).with_trailers(trailers);
    let mut response = Response::new(body.boxed_unsync());
    (response.headers_mut()).insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    Answer::frames(response)
}

/// What failed has no message, so that its status stands in the head.
fn failed(refused: &Refused) -> Answer {
    let mut response = Response::new(Full::new(Bytes::new()).boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(STATUS, HeaderValue::from(refused.code as u32));
    let encoded = utf8_percent_encode(&refused.why, UNPRINTABLE).to_string();
    if let Ok(message) = HeaderValue::from_str(&encoded) {
        headers.insert(MESSAGE, message);
    }
    if refused.is_passing {
        let details = BASE64_STANDARD_NO_PAD.encode(retry_details(refused));
        if let Ok(details) = HeaderValue::from_str(&details) {
            headers.insert(DETAILS, details);
        }
    }
    Answer::frames(response)
}

/// `google.rpc.Status` with a `RetryInfo`: without it, clients take an exhausted resource for final.
fn retry_details(refused: &Refused) -> Vec<u8> {
    let duration = [vec![0x08], vec![RETRY_SECONDS as u8]].concat();
    let info = field(1, &duration);
    let any = [
        field(1, b"type.googleapis.com/google.rpc.RetryInfo"),
        field(2, &info),
    ]
    .concat();
    let code = vec![0x08, refused.code as u8];
    // A text of more than 127 bytes would need a longer length.
    let why = refused
        .why
        .get(..refused.why.floor_char_boundary(100))
        .unwrap_or_default();
    [code, field(2, why.as_bytes()), field(3, &any)].concat()
}

/// A field of protobuf of up to 127 bytes.
fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    [&[tag << 3 | 2, bytes.len() as u8], bytes].concat()
}
