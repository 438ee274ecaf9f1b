//! An answer.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, RETRY_AFTER, VARY};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use ondol_telemetry::StoreError;
use tokio::sync::mpsc;

use super::lines::Lines;

/// The body of an answer: all at once, or in frames.
pub(crate) type Body = UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// Seconds after which one whose data could not be taken in may try again.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("5");
/// Less is not worth packing.
const PACKED_BYTES_MIN: usize = 1024;

/// An answer in the making.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Boxed: it is the failure of many results.
    response: Box<Response<Content>>,
}

#[derive(Debug)]
enum Content {
    Whole(Bytes),
    Frames(Body),
}

impl Answer {
    pub(crate) fn new(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Self {
        let mut response = Response::new(Content::Whole(body.into()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        Answer {
            response: Box::new(response),
        }
    }

    pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Answer::new(status, "application/json", body)
    }

    pub(crate) fn text(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Answer::new(status, "text/plain; charset=utf-8", body)
    }

    /// Nothing to say but that it was done (204).
    pub(crate) fn done() -> Self {
        let mut response = Response::new(Content::Whole(Bytes::new()));
        *response.status_mut() = StatusCode::NO_CONTENT;
        Answer {
            response: Box::new(response),
        }
    }

    /// An answer in frames, or one that switches protocols: nothing of it is changed on its way.
    pub(crate) fn frames(response: Response<Body>) -> Self {
        Answer {
            response: Box::new(response.map(Content::Frames)),
        }
    }

    /// Lines of JSON, as they come.
    pub(crate) fn lines(lines: mpsc::Receiver<Bytes>) -> Self {
        let mut response = Response::new(Lines(lines).boxed_unsync());
        let kind = HeaderValue::from_static("application/x-ndjson");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        Answer::frames(response)
    }

    /// A sentence for people.
    pub(crate) fn refused(status: StatusCode, why: impl Into<String>) -> Self {
        Answer::text(status, why.into() + "\n")
    }

    pub(crate) fn not_found(path: &str) -> Self {
        Answer::refused(StatusCode::NOT_FOUND, format!("there is nothing at {path}"))
    }

    pub(crate) fn unavailable(why: &str) -> Self {
        Answer::refused(StatusCode::SERVICE_UNAVAILABLE, why)
    }

    /// What came in could not be stored. It may come again later, where there is hope (429).
    pub(crate) fn not_stored(error: &StoreError) -> Self {
        let status = status_of(error);
        let answer = Answer::refused(status, error.to_string());
        match status {
            StatusCode::TOO_MANY_REQUESTS => answer.with(RETRY_AFTER, RETRY_AFTER_SECONDS),
            _ => answer,
        }
    }

    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.response.headers_mut().insert(name, value);
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// As it goes out: packed where the client takes it, without a body where only its head was asked for.
    pub(super) fn finish(self, packs: bool, head_only: bool) -> Response<Body> {
        let (mut parts, content) = self.response.into_parts();
        let body = match content {
            Content::Frames(body) => body,
            Content::Whole(_) if head_only => Empty::new().boxed_unsync(),
            Content::Whole(bytes) if packs && bytes.len() >= PACKED_BYTES_MIN => {
                let headers = &mut parts.headers;
                headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
                match packed(&bytes) {
                    Some(packed) => {
                        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                        Full::new(packed).boxed_unsync()
                    }
                    None => Full::new(bytes).boxed_unsync(),
                }
            }
            Content::Whole(bytes) => Full::new(bytes).boxed_unsync(),
        };
        Response::from_parts(parts, body)
    }
}

/// The status that says of which kind a failure of a store is.
pub(crate) fn status_of(error: &StoreError) -> StatusCode {
    match error {
        StoreError::Full { .. } | StoreError::Behind { .. } => StatusCode::TOO_MANY_REQUESTS,
        StoreError::TooMuch { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        StoreError::Io(_) | StoreError::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn packed(bytes: &[u8]) -> Option<Bytes> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).ok()?;
    Some(packer.finish().ok()?.into())
}
