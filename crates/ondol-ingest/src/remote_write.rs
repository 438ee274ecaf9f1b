//! Prometheus remote write 1.0: `prometheus.WriteRequest`, packed with snappy.

mod histogram;
mod write;

use std::collections::BTreeMap;

pub use write::encode;

use crate::taking::Taking;
use crate::wire::{Fields, Malformed, Wire};
use crate::{Exemplar, IngestError, Limits, Metadata, Pair, Reading, Series, SeriesBatch, snappy};

/// Series of a write.
///
/// # Errors
///
/// When the body is not what it should be; nothing of it is taken then.
pub fn decode(body: &[u8], limits: &Limits) -> Result<SeriesBatch, IngestError> {
    let body = snappy::unpack(body, limits.unpacked_bytes_max)?;
    let mut taking = Taking::new(limits);
    let mut batch = SeriesBatch::default();
    for field in Fields(&body) {
        match field? {
            (1, Wire::Bytes(bytes)) => {
                let series = series(bytes, &mut taking)?;
                if series.samples.is_empty() && series.exemplars.is_empty() {
                    continue;
                }
                if series.labels.iter().any(|(name, _)| name == "__name__") {
                    batch.series.push(series);
                } else {
                    (taking.dropped).refuse("a series has no name");
                }
            }
            (3, Wire::Bytes(bytes)) if batch.metadata.len() < limits.items_max => {
                batch.metadata.push(metadata(bytes, &mut taking)?);
            }
            _ => {}
        }
    }
    batch.dropped = taking.dropped;
    Ok(batch)
}

fn series(bytes: &[u8], taking: &mut Taking<'_>) -> Result<Series, Malformed> {
    let mut series = Series::default();
    let mut labels = BTreeMap::new();
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Bytes(pair)) => add_label(pair, &mut labels, taking)?,
            (2, Wire::Bytes(bytes)) if taking.admits() => {
                series.samples.push(sample(bytes)?);
            }
            (3, Wire::Bytes(bytes)) if series.exemplars.len() < taking.limits.list_max => {
                series.exemplars.push(exemplar(bytes, taking)?);
            }
            (3, Wire::Bytes(_)) => taking.dropped.fields += 1,
            (4, Wire::Bytes(bytes)) if taking.admits() => {
                match histogram::read(bytes, taking.limits.list_max)? {
                    Some((at_ms, histogram)) => {
                        let reading = Reading::Histogram(Box::new(histogram));
                        series.samples.push((at_ms, reading));
                    }
                    None => (taking.dropped).refuse("a histogram's buckets do not fit its spans"),
                }
            }
            _ => {}
        }
    }
    series.labels = labels.into_iter().collect();
    Ok(series)
}

fn add_label(
    bytes: &[u8],
    labels: &mut BTreeMap<String, String>,
    taking: &mut Taking<'_>,
) -> Result<(), Malformed> {
    if labels.len() >= taking.limits.fields_max {
        taking.dropped.fields += 1;
        return Ok(());
    }
    let (name, value): Pair = crate::loki::pair_of(bytes, taking)?;
    // An empty label is none.
    if !value.is_empty() {
        labels.insert(name, value);
    }
    Ok(())
}

fn sample(bytes: &[u8]) -> Result<(i64, Reading), Malformed> {
    let (mut at_ms, mut value) = (0, 0.0);
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Fixed64(bits)) => value = f64::from_bits(bits),
            (2, Wire::Varint(ms)) => at_ms = ms as i64,
            _ => {}
        }
    }
    Ok((at_ms, Reading::Float(value)))
}

fn exemplar(bytes: &[u8], taking: &mut Taking<'_>) -> Result<Exemplar, Malformed> {
    let (mut exemplar, mut labels) = (Exemplar::default(), BTreeMap::new());
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Bytes(pair)) => add_label(pair, &mut labels, taking)?,
            (2, Wire::Fixed64(bits)) => exemplar.value = f64::from_bits(bits),
            (3, Wire::Varint(ms)) => exemplar.at_ms = ms as i64,
            _ => {}
        }
    }
    exemplar.labels = labels.into_iter().collect();
    Ok(exemplar)
}

fn metadata(bytes: &[u8], taking: &mut Taking<'_>) -> Result<Metadata, Malformed> {
    const KINDS: [&str; 8] = [
        "unknown",
        "counter",
        "gauge",
        "histogram",
        "gaugehistogram",
        "summary",
        "info",
        "stateset",
    ];
    let mut metadata = Metadata {
        kind: "unknown",
        ..Metadata::default()
    };
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Varint(kind)) => {
                let kind = usize::try_from(kind).ok().and_then(|kind| KINDS.get(kind));
                metadata.kind = kind.copied().unwrap_or("unknown");
            }
            (2, Wire::Bytes(text)) => metadata.family = taking.name(text),
            (4, Wire::Bytes(text)) => metadata.help = taking.value(text),
            (5, Wire::Bytes(text)) => metadata.unit = taking.name(text),
            _ => {}
        }
    }
    Ok(metadata)
}

#[cfg(test)]
mod tests;
