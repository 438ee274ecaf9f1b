//! `PushRequest` of `logproto`.

use super::labels;
use crate::taking::Taking;
use crate::wire::{Fields, Malformed, Wire};
use crate::{IngestError, LogLine, LogStream};

pub(super) fn decode(body: &[u8], taking: &mut Taking<'_>) -> Result<Vec<LogStream>, IngestError> {
    let mut streams = Vec::new();
    for field in Fields(body) {
        if let (1, Wire::Bytes(bytes)) = field? {
            streams.push(stream(bytes, taking)?);
        }
    }
    Ok(streams)
}

fn stream(bytes: &[u8], taking: &mut Taking<'_>) -> Result<LogStream, IngestError> {
    let (mut text, mut lines) = (String::new(), Vec::new());
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Bytes(labels)) => text = taking.line(labels),
            (2, Wire::Bytes(entry)) if taking.admits() => lines.push(self::entry(entry, taking)?),
            _ => {}
        }
    }
    let labels = labels::parse(&text, taking)?;
    Ok(LogStream {
        labels: super::finish_labels(labels),
        lines,
    })
}

fn entry(bytes: &[u8], taking: &mut Taking<'_>) -> Result<LogLine, Malformed> {
    let mut line = LogLine::default();
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Bytes(time)) => line.at_ns = timestamp(time)?,
            (2, Wire::Bytes(text)) => line.body = taking.line(text),
            (3, Wire::Bytes(pair)) => {
                let (name, value) = pair_of(pair, taking)?;
                super::add_metadata(taking, &mut line.fields, &name, value);
            }
            _ => {}
        }
    }
    Ok(line)
}

/// `google.protobuf.Timestamp`.
fn timestamp(bytes: &[u8]) -> Result<i64, Malformed> {
    let (mut seconds, mut nanos) = (0_i64, 0_i64);
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Varint(number)) => seconds = number as i64,
            (2, Wire::Varint(number)) => nanos = number as i64,
            _ => {}
        }
    }
    Ok(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

/// A message of two texts.
pub(crate) fn pair_of(
    bytes: &[u8],
    taking: &mut Taking<'_>,
) -> Result<(String, String), Malformed> {
    let (mut name, mut value) = (String::new(), String::new());
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Bytes(text)) => name = taking.name(text),
            (2, Wire::Bytes(text)) => value = taking.value(text),
            _ => {}
        }
    }
    Ok((name, value))
}
