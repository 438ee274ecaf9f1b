//! Request in, response out.
//!
//! `PUT /blobs/<id>` stores once, `GET`/`HEAD` read (by range), `DELETE` removes, `GET /health`.

use std::io::{self, Read, Seek, SeekFrom};

use tiny_http::{Header, Method, Request, Response, StatusCode};

use crate::id::BlobId;
use crate::log::quoted;
use crate::range::{wanted, Wanted};
use crate::store::{PutError, Store};

pub type Answer = Response<Box<dyn Read + Send>>;

pub fn answer(store: &Store, request: &mut Request) -> Answer {
    let path = request.url().split('?').next().unwrap_or_default().to_owned();
    if path == "/health" {
        return match store.writable() {
            true => json(200, r#"{"status":"ok"}"#.into()),
            false => refusal(503, "the volume cannot be written"),
        };
    }
    let Some(id) = path.strip_prefix("/blobs/").and_then(BlobId::parse) else {
        return refusal(404, "no such blob");
    };
    match request.method() {
        Method::Get | Method::Head => read(store, id, request),
        Method::Put => write(store, id, request),
        Method::Delete => match store.delete(id) {
            Ok(true) => json(200, r#"{"deleted":true}"#.into()),
            Ok(false) => refusal(404, "no such blob"),
            Err(error) => disk(&error),
        },
        _ => refusal(405, "method not allowed").with_header(header("Allow", "GET, HEAD, PUT, DELETE")),
    }
}

pub fn refusal(status: u16, why: &str) -> Answer {
    json(status, format!(r#"{{"error":{}}}"#, quoted(why)))
}

fn read(store: &Store, id: BlobId, request: &Request) -> Answer {
    let mut blob = match store.get(id) {
        Ok(blob) => blob,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return refusal(404, "no such blob"),
        Err(error) => return disk(&error),
    };
    let (status, first, count, range) = match wanted(field(request, "Range"), blob.length) {
        Wanted::Whole => (200, 0, blob.length, None),
        Wanted::Part { first, last } => {
            (206, first, last - first + 1, Some(format!("bytes {first}-{last}/{}", blob.length)))
        }
        Wanted::Unsatisfiable => {
            return refusal(416, "the range lies outside of the blob")
                .with_header(header("Content-Range", &format!("bytes */{}", blob.length)))
        }
    };
    if let Err(error) = blob.content.seek(SeekFrom::Start(first)) {
        return disk(&error);
    }
    let mut headers = vec![
        header("Content-Type", &blob.media_type),
        header("Accept-Ranges", "bytes"),
        // A blob never changes, so its name and length identify its content.
        header("ETag", &format!("\"{}-{}\"", id.as_str(), blob.length)),
        header("Cache-Control", "max-age=31536000, immutable"),
        header("X-Content-Type-Options", "nosniff"),
    ];
    headers.extend(range.map(|range| header("Content-Range", &range)));
    let body: Box<dyn Read + Send> = Box::new(blob.content.take(count));
    // By length, never chunked: whoever reads can tell a whole blob from one that was cut off.
    Response::new(StatusCode(status), headers, body, usize::try_from(count).ok(), None)
        .with_chunked_threshold(usize::MAX)
}

fn write(store: &Store, id: BlobId, request: &mut Request) -> Answer {
    let media_type = field(request, "Content-Type").unwrap_or("application/octet-stream").to_owned();
    if media_type.len() > 100 {
        return refusal(400, "that content type is too long");
    }
    let declared = request.body_length().map(|length| length as u64);
    match store.put(id, &media_type, declared, request.as_reader()) {
        Ok(length) => json(201, format!(r#"{{"id":"{}","bytes":{length}}}"#, id.as_str())),
        Err(PutError::Exists) => refusal(409, "there is such a blob already"),
        Err(PutError::BlobTooLarge) => refusal(413, "too large for one blob"),
        Err(PutError::StoreFull) => refusal(507, "the store is full"),
        Err(PutError::Cut) => refusal(400, "the body ended early"),
        Err(PutError::Disk(kind)) => disk(&kind.into()),
    }
}

fn disk(error: &io::Error) -> Answer {
    refusal(503, &format!("the volume refused: {error}"))
}

fn json(status: u16, text: String) -> Answer {
    let length = text.len();
    let body: Box<dyn Read + Send> = Box::new(io::Cursor::new(text));
    Response::new(StatusCode(status), vec![header("Content-Type", "application/json")], body, Some(length), None)
}

pub fn field<'a>(request: &'a Request, name: &'static str) -> Option<&'a str> {
    let found = request.headers().iter().find(|header| header.field.equiv(name))?;
    Some(found.value.as_str())
}

fn header(name: &str, value: &str) -> Header {
    Header::from_bytes(name, value).unwrap_or_else(|()| unreachable!("{name} is ASCII: it was read from a header"))
}
