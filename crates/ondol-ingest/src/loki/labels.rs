//! Labels as the protobuf has them: `{app="web", host="a\"b"}`.

use crate::taking::Taking;
use crate::{IngestError, Pair};

pub(super) fn parse(text: &str, taking: &mut Taking<'_>) -> Result<Vec<Pair>, IngestError> {
    let wrong = || IngestError::malformed("a Loki push", format!("labels {text:?}"));
    let inner = (text.trim().strip_prefix('{')).and_then(|text| text.strip_suffix('}'));
    let mut rest = inner.ok_or_else(wrong)?.trim();
    let mut labels = Vec::new();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').ok_or_else(wrong)?;
        let (value, after) = quoted(after.trim_start()).ok_or_else(wrong)?;
        let name = taking.name(name.trim().as_bytes());
        let value = taking.value(value.as_bytes());
        taking.add(&mut labels, (name, value));
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(more) => more.trim_start(),
            None if after.is_empty() => after,
            None => return Err(wrong()),
        };
    }
    Ok(labels)
}

/// A text in quotes, as Go writes it, and what stands after it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('"')?;
    let mut value = String::new();
    loop {
        let at = rest.find(['"', '\\'])?;
        value.push_str(rest.get(..at)?);
        let is_end = rest.as_bytes().get(at) == Some(&b'"');
        rest = rest.get(at + 1..)?;
        if is_end {
            return Some((value, rest));
        }
        let escape = rest.chars().next()?;
        rest = rest.get(escape.len_utf8()..)?;
        let digits = match escape {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        value.push(match escape {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            _ if digits > 0 => {
                let code = rest.get(..digits)?;
                rest = rest.get(digits..)?;
                char::from_u32(u32::from_str_radix(code, 16).ok()?)?
            }
            other => other,
        });
    }
}
