//! A request, as the APIs see it.

use std::io::Read;

use bytes::Bytes;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;

use super::answer::Answer;
use super::params::Params;

/// A form, as the query APIs take it.
const FORM_BYTES_MAX: usize = 1 << 20;

/// A request.
pub(crate) struct Ask {
    request: http::Request<Incoming>,
    door: Door,
}

/// By which socket a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// That only the owner of the node may open.
    Owner,
    /// Of this machine.
    Machine,
    /// Of the network of the services, which bring what they have to say and see nothing of each other.
    Services,
}

impl Ask {
    pub(super) fn new(request: http::Request<Incoming>, door: Door) -> Self {
        Ask { request, door }
    }

    pub(crate) fn method(&self) -> &Method {
        self.request.method()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        self.request.headers()
    }

    /// A header that is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    pub(crate) fn is_owner(&self) -> bool {
        self.door == Door::Owner
    }

    pub(crate) fn door(&self) -> Door {
        self.door
    }

    /// As it was asked for, still encoded.
    pub(crate) fn path(&self) -> &str {
        self.request.uri().path()
    }

    /// The parts of the path, decoded; one that is no text has replacement characters.
    pub(crate) fn segments(&self) -> Vec<String> {
        let parts = self.path().split('/').filter(|part| !part.is_empty());
        parts
            .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
            .collect()
    }

    /// What stands behind the `?`.
    pub(crate) fn query(&self) -> Params {
        Params::of(self.request.uri().query().unwrap_or_default().as_bytes())
    }

    /// What a form says, and after it what stands behind the `?`.
    ///
    /// # Errors
    ///
    /// An answer that says why the form cannot be read.
    pub(crate) async fn params(&mut self) -> Result<Params, Answer> {
        let query = self.query();
        let kind = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        let is_form = kind.starts_with("application/x-www-form-urlencoded");
        if self.method() != Method::POST || !is_form {
            return Ok(query);
        }
        let form = self.body(FORM_BYTES_MAX).await?;
        Ok(Params::of(&form).and(query))
    }

    /// The whole body, unpacked if its header says that it is packed. It is taken: a second time it is empty.
    ///
    /// # Errors
    ///
    /// An answer that says why there is none: longer than `bytes_max` (413), packed in a way that is not known (415),
    /// broken (400).
    pub(crate) async fn body(&mut self, bytes_max: usize) -> Result<Bytes, Answer> {
        let limited = Limited::new(self.request.body_mut(), bytes_max);
        let body = match limited.collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Err(too_long(bytes_max)),
            Err(_) => {
                return Err(Answer::refused(
                    StatusCode::BAD_REQUEST,
                    "the body broke off",
                ));
            }
        };
        let coding = self.header(CONTENT_ENCODING.as_str()).unwrap_or_default();
        match coding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(body),
            // A protocol that packs its bodies by itself says so in the same header.
            "snappy" => Ok(body),
            "gzip" | "x-gzip" => unpacked(MultiGzDecoder::new(&*body), bytes_max),
            "deflate" => unpacked(ZlibDecoder::new(&*body), bytes_max),
            other => Err(Answer::refused(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                format!("content coding `{other}` is not known; expected gzip, deflate or none"),
            )),
        }
    }

    /// The request itself, for those who switch protocols or read the body piece by piece.
    pub(crate) fn into_request(self) -> http::Request<Incoming> {
        self.request
    }

    pub(super) fn takes_gzip(&self) -> bool {
        let said = self.header(ACCEPT_ENCODING.as_str()).unwrap_or_default();
        let accepts = |coding: &str| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let weight = weight.trim().trim_start_matches("q=");
            name.trim().eq_ignore_ascii_case("gzip") && weight.parse() != Ok(0.0)
        };
        said.split(',').any(accepts)
    }
}

fn too_long(bytes_max: usize) -> Answer {
    Answer::refused(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("the body is longer than {bytes_max} bytes; send less at once"),
    )
}

/// At most so many bytes: a small body may be a large one, packed.
fn unpacked(from: impl Read, bytes_max: usize) -> Result<Bytes, Answer> {
    let mut unpacked = Vec::new();
    let mut from = from.take(bytes_max as u64 + 1);
    match from.read_to_end(&mut unpacked) {
        Ok(_) if unpacked.len() > bytes_max => Err(too_long(bytes_max)),
        Ok(_) => Ok(unpacked.into()),
        Err(error) => Err(Answer::refused(
            StatusCode::BAD_REQUEST,
            format!("the body cannot be unpacked: {error}"),
        )),
    }
}
