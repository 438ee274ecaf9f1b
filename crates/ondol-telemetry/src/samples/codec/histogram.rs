//! A native histogram as bytes.

use ondol_query::{Histogram, ResetHint, Span};

use crate::bytes::{Malformed, Put, Take};

/// Appends all of it.
pub(in crate::samples) fn encode(histogram: &Histogram, into: &mut Vec<u8>) {
    into.push(match histogram.reset_hint {
        ResetHint::Unknown => 0,
        ResetHint::Reset => 1,
        ResetHint::NotReset => 2,
        ResetHint::Gauge => 3,
    });
    into.put_signed(i64::from(histogram.schema));
    let Histogram {
        zero_threshold,
        zero_count,
        count,
        sum,
        ..
    } = histogram;
    for number in [zero_threshold, zero_count, count, sum] {
        put_number(*number, into);
    }
    for spans in [&histogram.positive_spans, &histogram.negative_spans] {
        into.put_varint(spans.len() as u64);
        for span in spans {
            into.put_signed(i64::from(span.offset));
            into.put_varint(u64::from(span.length));
        }
    }
    let Histogram {
        positive_buckets,
        negative_buckets,
        custom_values,
        ..
    } = histogram;
    for numbers in [positive_buckets, negative_buckets, custom_values] {
        into.put_varint(numbers.len() as u64);
        for number in numbers {
            put_number(*number, into);
        }
    }
}

/// Takes all of it.
pub(in crate::samples) fn decode(from: &mut Take<'_>) -> Result<Histogram, Malformed> {
    Ok(Histogram {
        reset_hint: match from.u8()? {
            0 => ResetHint::Unknown,
            1 => ResetHint::Reset,
            2 => ResetHint::NotReset,
            3 => ResetHint::Gauge,
            _ => return Err(Malformed),
        },
        schema: from.signed()?.try_into().map_err(|_| Malformed)?,
        zero_threshold: number(from)?,
        zero_count: number(from)?,
        count: number(from)?,
        sum: number(from)?,
        positive_spans: spans(from)?,
        negative_spans: spans(from)?,
        positive_buckets: numbers(from)?,
        negative_buckets: numbers(from)?,
        custom_values: numbers(from)?,
    })
}

/// Counts are mostly small and whole: an even varint is one of these, an odd one says that the bits follow.
fn put_number(number: f64, into: &mut Vec<u8>) {
    let whole = number as u64;
    if (whole as f64).to_bits() == number.to_bits() && whole < 1 << 53 {
        into.put_varint(whole << 1);
    } else {
        into.push(1);
        into.put_u64(number.to_bits());
    }
}

fn number(from: &mut Take<'_>) -> Result<f64, Malformed> {
    match from.varint()? {
        1 => from.u64().map(f64::from_bits),
        whole if whole & 1 == 0 => Ok((whole >> 1) as f64),
        _ => Err(Malformed),
    }
}

fn numbers(from: &mut Take<'_>) -> Result<Vec<f64>, Malformed> {
    let count = from.count(1)?;
    (0..count).map(|_| number(from)).collect()
}

fn spans(from: &mut Take<'_>) -> Result<Vec<Span>, Malformed> {
    let span = |from: &mut Take<'_>| {
        Ok(Span {
            offset: from.signed()?.try_into().map_err(|_| Malformed)?,
            length: from.varint()?.try_into().map_err(|_| Malformed)?,
        })
    };
    let count = from.count(2)?;
    (0..count).map(|_| span(from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_comes_back_whole_and_half_of_it_is_malformed() {
        let histogram = Histogram {
            reset_hint: ResetHint::Gauge,
            schema: -4,
            zero_threshold: 1e-128,
            count: 12.0,
            sum: -7.5,
            positive_spans: vec![
                Span {
                    offset: -3,
                    length: 2,
                },
                Span {
                    offset: 4,
                    length: 1,
                },
            ],
            positive_buckets: vec![1.0, 2.5, 300.0],
            custom_values: vec![0.1],
            ..Histogram::default()
        };
        let mut bytes = Vec::new();
        encode(&histogram, &mut bytes);
        assert_eq!(decode(&mut Take(&bytes)), Ok(histogram));
        for end in 0..bytes.len() {
            assert_eq!(decode(&mut Take(&bytes[..end])), Err(Malformed));
        }
    }
}
