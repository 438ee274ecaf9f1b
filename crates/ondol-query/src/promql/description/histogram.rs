//! `{{schema:1 sum:3 count:22 buckets:[5 10 7]}}`

use super::Rest;
use crate::{Histogram, ResetHint, Span};

/// The histogram, and whether it says what is known about resets.
pub(super) fn read(rest: &mut Rest<'_>) -> Result<(Histogram, bool), String> {
    rest.take("{{");
    let mut histogram = Histogram::default();
    let (mut positive_offset, mut negative_offset, mut says_hint) = (0, 0, false);
    loop {
        rest.0 = rest.0.trim_start();
        if rest.take("}}") {
            break;
        }
        let key = rest.take_while(|c| c.is_ascii_lowercase() || c == '_');
        if key.is_empty() || !rest.take(":") {
            return Err(format!("unexpected {:?} in a histogram", rest.0));
        }
        match key {
            "schema" => histogram.schema = integer(rest)?,
            "offset" => positive_offset = integer(rest)?,
            "n_offset" => negative_offset = integer(rest)?,
            "sum" => histogram.sum = number(rest)?,
            "count" => histogram.count = number(rest)?,
            "z_bucket" => histogram.zero_count = number(rest)?,
            "z_bucket_w" => histogram.zero_threshold = number(rest)?,
            "buckets" => histogram.positive_buckets = list(rest)?,
            "n_buckets" => histogram.negative_buckets = list(rest)?,
            "custom_values" => histogram.custom_values = list(rest)?,
            "counter_reset_hint" => {
                says_hint = true;
                histogram.reset_hint = match rest.take_while(|c| c.is_ascii_lowercase() || c == '_')
                {
                    "unknown" => ResetHint::Unknown,
                    "reset" => ResetHint::Reset,
                    "not_reset" => ResetHint::NotReset,
                    "gauge" => ResetHint::Gauge,
                    other => return Err(format!("unknown counter_reset_hint {other:?}")),
                };
            }
            other => return Err(format!("unknown histogram property {other:?}")),
        }
    }
    histogram.positive_spans = spans(positive_offset, &histogram.positive_buckets);
    histogram.negative_spans = spans(negative_offset, &histogram.negative_buckets);
    Ok((histogram, says_hint))
}

fn spans(offset: i32, buckets: &[f64]) -> Vec<Span> {
    match u32::try_from(buckets.len()) {
        Ok(0) | Err(_) => Vec::new(),
        Ok(length) => vec![Span { offset, length }],
    }
}

fn number(rest: &mut Rest<'_>) -> Result<f64, String> {
    let text = rest.0;
    rest.number()
        .ok_or_else(|| format!("expected a number, got {text:?}"))
}

fn integer(rest: &mut Rest<'_>) -> Result<i32, String> {
    let text = rest.take_while(|c| c.is_ascii_digit() || c == '-' || c == '+');
    text.parse()
        .map_err(|_| format!("expected an integer, got {text:?}"))
}

fn list(rest: &mut Rest<'_>) -> Result<Vec<f64>, String> {
    if !rest.take("[") {
        return Err(format!("expected a list, got {:?}", rest.0));
    }
    let mut numbers = Vec::new();
    loop {
        rest.0 = rest.0.trim_start();
        if rest.take("]") {
            return Ok(numbers);
        }
        numbers.push(number(rest)?);
    }
}
