use std::collections::VecDeque;
use std::marker::PhantomData;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use crate::ClientError;

const LINE_BYTES_MAX: usize = 32 << 20;

/// An answer that goes on: JSON objects, one per line or as server-sent events.
#[derive(Debug)]
pub struct Follow<T> {
    body: Incoming,
    /// What came and has no end yet.
    begun: Vec<u8>,
    lines: VecDeque<Vec<u8>>,
    of: PhantomData<fn() -> T>,
}

impl<T> Follow<T> {
    pub(crate) fn new(body: Incoming) -> Self {
        Follow {
            body,
            begun: Vec::new(),
            lines: VecDeque::new(),
            of: PhantomData,
        }
    }
}

impl<T: DeserializeOwned> Follow<T> {
    /// The next object; `None` when the node has ended the answer. May be dropped and called again:
    /// nothing that came is lost.
    pub async fn next(&mut self) -> Option<Result<T, ClientError>> {
        loop {
            while let Some(line) = self.lines.pop_front() {
                if let Some(json) = payload(&line) {
                    return Some(serde_json::from_slice(json).map_err(ClientError::strange));
                }
            }
            match self.body.frame().await? {
                Ok(frame) => self.push(frame.data_ref().map_or(&[], |data| data.as_ref())),
                Err(error) => return Some(Err(ClientError::strange(error))),
            }
            if self.begun.len() > LINE_BYTES_MAX {
                self.begun.clear();
                return Some(Err(ClientError::strange("a line without an end")));
            }
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        self.begun
            .extend_from_slice(pieces.next().unwrap_or_default());
        for piece in pieces {
            self.lines
                .push_back(std::mem::replace(&mut self.begun, piece.to_vec()));
        }
    }
}

/// The JSON of a line; `None` for the other lines of server-sent events (ids, comments, ends).
fn payload(line: &[u8]) -> Option<&[u8]> {
    let data = line.strip_prefix(b"data:").unwrap_or(line);
    let data = data.trim_ascii();
    data.starts_with(b"{").then_some(data)
}
