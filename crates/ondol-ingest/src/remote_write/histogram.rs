//! `prometheus.Histogram`.

use crate::NativeHistogram;
use crate::wire::{Fields, Malformed, Wire, each_fixed64, each_varint, zigzag};

/// Its moment and itself; `None` when its parts do not fit each other or are too many.
pub(super) fn read(
    bytes: &[u8],
    list_max: usize,
) -> Result<Option<(i64, NativeHistogram)>, Malformed> {
    let mut into = NativeHistogram::default();
    let (mut at_ms, mut positive, mut negative) = (0, Side::new(list_max), Side::new(list_max));
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Varint(count)) => into.count = count as f64,
            (2, Wire::Fixed64(bits)) => into.count = f64::from_bits(bits),
            (3, Wire::Fixed64(bits)) => into.sum = f64::from_bits(bits),
            (4, Wire::Varint(schema)) => into.schema = narrow(zigzag(schema))?,
            (5, Wire::Fixed64(bits)) => into.zero_threshold = f64::from_bits(bits),
            (6, Wire::Varint(count)) => into.zero_count = count as f64,
            (7, Wire::Fixed64(bits)) => into.zero_count = f64::from_bits(bits),
            (8, Wire::Bytes(span)) => negative.span(span)?,
            (9, deltas) => negative.deltas(deltas)?,
            (10, counts) => negative.counts(counts),
            (11, Wire::Bytes(span)) => positive.span(span)?,
            (12, deltas) => positive.deltas(deltas)?,
            (13, counts) => positive.counts(counts),
            (14, Wire::Varint(hint)) => into.is_gauge = hint == 3,
            (15, Wire::Varint(ms)) => at_ms = ms as i64,
            (16, bounds) => each_fixed64(bounds, |bits| {
                if into.custom_values.len() <= list_max {
                    into.custom_values.push(f64::from_bits(bits));
                }
            }),
            _ => {}
        }
    }
    let is_known = (-4..=8).contains(&into.schema) || into.schema == -53;
    if !is_known || !positive.fits() || !negative.fits() || into.custom_values.len() > list_max {
        return Ok(None);
    }
    (into.positive_spans, into.positive_buckets) = (positive.spans, positive.buckets);
    (into.negative_spans, into.negative_buckets) = (negative.spans, negative.buckets);
    Ok(Some((at_ms, into)))
}

fn narrow(value: i64) -> Result<i32, Malformed> {
    i32::try_from(value).map_err(|_| Malformed)
}

/// The buckets of one sign.
struct Side {
    spans: Vec<(i32, u32)>,
    buckets: Vec<f64>,
    before: i64,
    list_max: usize,
}

impl Side {
    fn new(list_max: usize) -> Self {
        Side {
            spans: Vec::new(),
            buckets: Vec::new(),
            before: 0,
            list_max,
        }
    }

    fn span(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let (mut offset, mut length) = (0, 0);
        for field in Fields(bytes) {
            match field? {
                (1, Wire::Varint(number)) => offset = narrow(zigzag(number))?,
                (2, Wire::Varint(number)) => {
                    length = u32::try_from(number).map_err(|_| Malformed)?;
                }
                _ => {}
            }
        }
        if self.spans.len() <= self.list_max {
            self.spans.push((offset, length));
        }
        Ok(())
    }

    /// Each count as its difference to the one before.
    fn deltas(&mut self, value: Wire<'_>) -> Result<(), Malformed> {
        each_varint(value, |delta| {
            self.before = self.before.wrapping_add(zigzag(delta));
            self.push(self.before as f64);
        })
    }

    fn counts(&mut self, value: Wire<'_>) {
        each_fixed64(value, |bits| self.push(f64::from_bits(bits)));
    }

    fn push(&mut self, count: f64) {
        if self.buckets.len() <= self.list_max {
            self.buckets.push(count);
        }
    }

    fn fits(&self) -> bool {
        let promised: u64 = self.spans.iter().map(|(_, len)| u64::from(*len)).sum();
        promised == self.buckets.len() as u64
            && self.buckets.len() <= self.list_max
            && self.spans.len() <= self.list_max
    }
}
