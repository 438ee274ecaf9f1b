//! `AnyValue` of OTLP (opentelemetry/proto/common/v1): a text, a number, or values inside values.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::json_text::{push_float, push_string};
use crate::span::{Attribute, SpanValue};
use crate::taking::Taking;
use crate::wire::{Fields, Malformed, Wire};

/// A `KeyValue`.
pub(crate) fn attribute(bytes: &[u8], taking: &mut Taking<'_>) -> Result<Attribute, Malformed> {
    let (name, value) = key_and_value(bytes)?;
    Ok(Attribute {
        name: taking.name(name),
        value: any_value(value, taking)?,
    })
}

/// An `AnyValue`. Arrays and maps become their JSON.
pub(crate) fn any_value(bytes: &[u8], taking: &mut Taking<'_>) -> Result<SpanValue, Malformed> {
    let mut value = SpanValue::Text(String::new());
    for field in Fields(bytes) {
        value = match field? {
            (1, Wire::Bytes(text)) => SpanValue::Text(taking.value(text)),
            (2, Wire::Varint(number)) => SpanValue::Bool(number != 0),
            (3, Wire::Varint(number)) => SpanValue::Int(number as i64),
            (4, Wire::Fixed64(bits)) => SpanValue::Float(f64::from_bits(bits)),
            (5 | 6, Wire::Bytes(_)) => {
                let mut json = String::new();
                push_json(bytes, taking, 0, &mut json)?;
                SpanValue::Json(json)
            }
            (7, Wire::Bytes(bytes)) => {
                let room = taking.limits.value_bytes_max / 4 * 3;
                let kept = bytes.get(..room).unwrap_or(bytes);
                taking.dropped.cut += u64::from(kept.len() < bytes.len());
                SpanValue::Text(BASE64_STANDARD.encode(kept))
            }
            _ => value,
        };
    }
    Ok(value)
}

fn key_and_value(bytes: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Bytes(bytes)) => key = bytes,
            (2, Wire::Bytes(bytes)) => value = bytes,
            _ => {}
        }
    }
    Ok((key, value))
}

/// Appends an `AnyValue` as JSON. Where a limit is reached, `null` stands for the rest, so that it stays JSON.
fn push_json(
    bytes: &[u8],
    taking: &mut Taking<'_>,
    depth: usize,
    into: &mut String,
) -> Result<(), Malformed> {
    if depth >= taking.limits.depth_max || into.len() >= taking.limits.value_bytes_max {
        taking.dropped.cut += 1;
        into.push_str("null");
        return Ok(());
    }
    let before = into.len();
    for field in Fields(bytes) {
        let (number, value) = field?;
        // The last one counts.
        match (number, value) {
            (5, Wire::Bytes(list)) => {
                into.truncate(before);
                into.push('[');
                push_members(list, into, taking, |member, into, taking| {
                    push_json(member, taking, depth + 1, into)
                })?;
                into.push(']');
            }
            (6, Wire::Bytes(map)) => {
                into.truncate(before);
                into.push('{');
                push_members(map, into, taking, |member, into, taking| {
                    let (key, value) = key_and_value(member)?;
                    push_string(into, &taking.name(key));
                    into.push(':');
                    push_json(value, taking, depth + 1, into)
                })?;
                into.push('}');
            }
            (1..=4 | 7, _) => {
                into.truncate(before);
                match any_value(bytes, taking)? {
                    SpanValue::Text(text) => push_string(into, &text),
                    SpanValue::Float(value) => push_float(into, value),
                    other => into.push_str(&other.text()),
                }
                break;
            }
            _ => {}
        }
    }
    if into.len() == before {
        into.push_str("null");
    }
    Ok(())
}

/// The members of an array or a map with commas between them, as many as there is room for.
fn push_members(
    bytes: &[u8],
    into: &mut String,
    taking: &mut Taking<'_>,
    mut push: impl FnMut(&[u8], &mut String, &mut Taking<'_>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut is_first = true;
    for field in Fields(bytes) {
        let (1, Wire::Bytes(member)) = field? else {
            continue;
        };
        if into.len() >= taking.limits.value_bytes_max {
            taking.dropped.cut += 1;
            break;
        }
        if !std::mem::take(&mut is_first) {
            into.push(',');
        }
        push(member, into, taking)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;
    use crate::wire::put;

    fn value_of(message: &[u8], limits: &Limits) -> SpanValue {
        any_value(message, &mut Taking::new(limits)).unwrap()
    }

    fn nested(levels: usize) -> Vec<u8> {
        let mut value = Vec::new();
        put::number(&mut value, 3, 7);
        for _ in 0..levels {
            let (mut list, mut outer) = (Vec::new(), Vec::new());
            put::bytes(&mut list, 1, &value);
            put::bytes(&mut outer, 5, &list);
            value = outer;
        }
        value
    }

    #[test]
    fn values_inside_values_become_json_down_to_a_bound() {
        let limits = Limits::default();
        assert_eq!(
            value_of(&nested(2), &limits),
            SpanValue::Json("[[7]]".to_owned())
        );
        let SpanValue::Json(deep) = value_of(&nested(1000), &limits) else {
            panic!("no list");
        };
        assert_eq!(deep, format!("{}null{}", "[".repeat(16), "]".repeat(16)));
    }

    #[test]
    fn maps_become_objects() {
        let (mut text, mut pair, mut map, mut value) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        put::bytes(&mut text, 1, b"a\"b");
        put::bytes(&mut pair, 1, b"k");
        put::bytes(&mut pair, 2, &text);
        put::bytes(&mut map, 1, &pair);
        put::bytes(&mut value, 6, &map);
        let value = value_of(&value, &Limits::default());
        assert_eq!(value, SpanValue::Json("{\"k\":\"a\\\"b\"}".to_owned()));
    }
}
