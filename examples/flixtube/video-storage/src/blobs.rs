//! Request in, response out.
//!
//! `PUT /blobs/<id>` stores once, `GET`/`HEAD` read (by range), `DELETE` removes, `GET /health`.

use std::io::{self, Read, Seek, SeekFrom};

use crate::http::{Answer, Body, Head};
use crate::id::BlobId;
use crate::range::{wanted, Wanted};
use crate::store::{PutError, Store};

pub fn answer(store: &Store, head: &Head, body: &mut Body) -> Answer {
    if head.path == "/health" {
        return match store.writable() {
            true => Answer::json(200, r#"{"status":"ok"}"#.into()),
            false => Answer::refusal(503, "the volume cannot be written"),
        };
    }
    let id = match head.path.strip_prefix("/blobs/").and_then(BlobId::parse) {
        Some(id) => id,
        None => return Answer::refusal(404, "no such blob"),
    };
    match head.method.as_str() {
        "GET" | "HEAD" => read(store, id, head),
        "PUT" => write(store, id, head, body),
        "DELETE" => match store.delete(id) {
            Ok(true) => Answer::json(200, r#"{"deleted":true}"#.into()),
            Ok(false) => Answer::refusal(404, "no such blob"),
            Err(error) => disk(&error),
        },
        _ => Answer::refusal(405, "method not allowed").with("Allow", "GET, HEAD, PUT, DELETE".into()),
    }
}

fn read(store: &Store, id: BlobId, head: &Head) -> Answer {
    let mut blob = match store.get(id) {
        Ok(blob) => blob,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Answer::refusal(404, "no such blob"),
        Err(error) => return disk(&error),
    };
    let (status, first, count, range) = match wanted(head.header("range"), blob.length) {
        Wanted::Whole => (200, 0, blob.length, None),
        Wanted::Part { first, last } => {
            (206, first, last - first + 1, Some(format!("bytes {first}-{last}/{}", blob.length)))
        }
        Wanted::Unsatisfiable => {
            return Answer::refusal(416, "the range lies outside of the blob")
                .with("Content-Range", format!("bytes */{}", blob.length))
        }
    };
    if let Err(error) = blob.content.seek(SeekFrom::Start(first)) {
        return disk(&error);
    }
    let answer = Answer::blob(status, blob.content.take(count))
        .with("Content-Type", blob.media_type)
        .with("Accept-Ranges", "bytes".into())
        // A blob never changes, so its name and length identify its content.
        .with("ETag", format!("\"{}-{}\"", id.as_str(), blob.length))
        .with("Cache-Control", "max-age=31536000, immutable".into())
        .with("X-Content-Type-Options", "nosniff".into());
    match range {
        Some(range) => answer.with("Content-Range", range),
        None => answer,
    }
}

fn write(store: &Store, id: BlobId, head: &Head, body: &mut Body) -> Answer {
    let media_type = head.header("content-type").unwrap_or("application/octet-stream");
    if media_type.len() > 100 {
        return Answer::refusal(400, "that content type is too long");
    }
    match store.put(id, media_type, body.declared(), body) {
        Ok(length) => Answer::json(201, format!(r#"{{"id":"{}","bytes":{length}}}"#, id.as_str())),
        Err(PutError::Exists) => Answer::refusal(409, "there is such a blob already"),
        Err(PutError::BlobTooLarge) => Answer::refusal(413, "too large for one blob"),
        Err(PutError::StoreFull) => Answer::refusal(507, "the store is full"),
        Err(PutError::Cut) => Answer::refusal(400, "the body ended early"),
        Err(PutError::Disk(kind)) => disk(&kind.into()),
    }
}

fn disk(error: &io::Error) -> Answer {
    Answer::refusal(503, &format!("the volume refused: {error}"))
}
