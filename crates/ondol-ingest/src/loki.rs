//! Loki's push API, in both of its spellings.

mod json;
mod labels;
mod protobuf;

pub(crate) use protobuf::pair_of;

use crate::taking::Taking;
use crate::{Batch, IngestError, Limits, LogStream, Pair, line, snappy};

/// Streams of a push with `application/json`.
///
/// # Errors
///
/// When the body is not what it should be; nothing of it is taken then.
pub fn json(body: &[u8], limits: &Limits) -> Result<Batch<LogStream>, IngestError> {
    let mut taking = Taking::new(limits);
    let items = json::decode(body, &mut taking)?;
    Ok(Batch {
        items,
        dropped: taking.dropped,
    })
}

/// Streams of a push with `application/x-protobuf`, which is packed with snappy.
///
/// # Errors
///
/// When the body is not what it should be; nothing of it is taken then.
pub fn protobuf(body: &[u8], limits: &Limits) -> Result<Batch<LogStream>, IngestError> {
    let body = snappy::unpack(body, limits.unpacked_bytes_max)?;
    let mut taking = Taking::new(limits);
    let items = protobuf::decode(&body, &mut taking)?;
    Ok(Batch {
        items,
        dropped: taking.dropped,
    })
}

/// Takes what was sent beside a line. What names its level, trace or span joins it to them.
fn add_metadata(taking: &mut Taking<'_>, fields: &mut Vec<Pair>, name: &str, value: String) {
    if let Some((own, understood)) = line::understood(name, &value) {
        taking.add_new(fields, &own, understood);
        if own == name {
            return;
        }
    }
    taking.add_new(fields, &line::field_name(name), value);
}

/// Labels of a stream, in order. Which service it is of is said by one of the names that agents use for it.
fn finish_labels(mut labels: Vec<Pair>) -> Vec<Pair> {
    const SERVICE: [&str; 6] = [
        "service_name",
        "app",
        "application",
        "container",
        "container_name",
        "job",
    ];
    let value = |name: &str| labels.iter().find(|(known, _)| known == name);
    if value("service").is_none() {
        let found = SERVICE.iter().find_map(|name| value(name));
        let service = found
            .map_or("unknown_service", |(_, value)| value)
            .to_owned();
        labels.push(("service".to_owned(), service));
    }
    labels.sort();
    labels.dedup_by(|a, b| a.0 == b.0);
    labels
}

#[cfg(test)]
mod tests;
