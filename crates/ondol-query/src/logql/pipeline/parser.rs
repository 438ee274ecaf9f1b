//! Labels out of lines.

use std::borrow::Cow;

use super::PipelineError;
use super::labels::LineLabels;
use crate::labels::is_plain_name;
use crate::logql::ast::Extraction;
use crate::logql::{LinePattern, Path, Regex};
use crate::logql::{json as text, logfmt as pairs};

/// The property of a packed line that has the line.
const PACKED_LINE: &str = "_entry";

pub(super) fn json<'l>(line: &str, only: &'l [Extraction<Path>], labels: &mut LineLabels<'l>) {
    let result = if only.is_empty() {
        flatten(line, "", labels)
    } else {
        text::value(line).and_then(|document| match document {
            document @ (text::Value::Object(_) | text::Value::Array(_)) => {
                for Extraction { label, from } in only {
                    let found = from.find(document.clone());
                    let value = found.map(|value| value.shown().into_owned());
                    let value = Cow::Owned(value.unwrap_or_default());
                    labels.extract(Cow::Borrowed(label), value);
                }
                Ok(())
            }
            // What is wrong with it is said by reading it as an object.
            _ => text::members(line, |_, _| Ok(())),
        })
    };
    if let Err(malformed) = result {
        labels.fail(PipelineError::Json, malformed.to_string());
    }
}

/// Nested objects give `a_b`; arrays are left out.
fn flatten(object: &str, prefix: &str, labels: &mut LineLabels<'_>) -> Result<(), text::Malformed> {
    text::members(object, |key, value| {
        let key = sanitized(&key, prefix.is_empty());
        if key.is_empty() {
            return Ok(());
        }
        let name = if prefix.is_empty() {
            key.into_owned()
        } else {
            format!("{prefix}_{key}")
        };
        match value {
            text::Value::Object(raw) => return flatten(raw, &name, labels),
            value => {
                if let Some(value) = value.scalar() {
                    labels.extract(Cow::Owned(name), Cow::Owned(value.into_owned()));
                }
            }
        }
        Ok(())
    })
}

/// `(strict, keep_empty)`
pub(super) fn logfmt<'l>(
    line: &str,
    (strict, keep_empty): (bool, bool),
    only: &'l [Extraction<String>],
    labels: &mut LineLabels<'l>,
) {
    let mut missing: Vec<&Extraction<String>> = only.iter().collect();
    for pair in pairs::pairs(line) {
        let pair = match pair {
            Ok(pair) => pair,
            Err(malformed) if strict => {
                labels.fail(PipelineError::Logfmt, malformed.to_string());
                return;
            }
            Err(_) => continue,
        };
        if only.is_empty() {
            if pair.value.is_none() && !keep_empty {
                continue;
            }
            let value = pair.value.unwrap_or_default().into_owned();
            let key = sanitized(pair.key, true).into_owned();
            labels.extract(Cow::Owned(key), Cow::Owned(value));
            continue;
        }
        missing.retain(|extraction| {
            let found = extraction.from == pair.key;
            if found {
                let value = pair.value.clone().unwrap_or_default().into_owned();
                labels.extract(Cow::Borrowed(&extraction.label), Cow::Owned(value));
            }
            !found
        });
    }
    for extraction in missing {
        labels.extract(Cow::Borrowed(&extraction.label), Cow::Borrowed(""));
    }
}

pub(super) fn pattern<'l>(line: &str, pattern: &'l LinePattern, labels: &mut LineLabels<'l>) {
    for (name, value) in pattern.captures(line) {
        labels.extract(Cow::Borrowed(name), Cow::Owned(value.to_owned()));
    }
}

pub(super) fn regexp(line: &str, regex: &Regex, labels: &mut LineLabels<'_>) {
    let (places, names): (Vec<usize>, Vec<String>) = regex.named_groups().into_iter().unzip();
    let values = regex.groups(line, &places).unwrap_or_default();
    for (name, value) in names.into_iter().zip(values) {
        labels.extract(Cow::Owned(name), Cow::Owned(value.to_owned()));
    }
}

/// The line that was packed, if there is one.
pub(super) fn unpack(line: &str, labels: &mut LineLabels<'_>) -> Option<String> {
    let (mut found, mut packed) = (Vec::new(), None);
    let result = text::members(line, |key, value| {
        if let text::Value::Text(value) = value {
            if key == PACKED_LINE {
                packed = Some(value.into_owned());
            } else {
                found.push((sanitized(&key, true).into_owned(), value.into_owned()));
            }
        }
        Ok(())
    });
    if let Err(malformed) = result {
        labels.fail(PipelineError::Json, malformed.to_string());
        return None;
    }
    for (key, value) in found {
        labels.extract(Cow::Owned(key), Cow::Owned(value));
    }
    packed
}

/// A key as a label may be called.
fn sanitized(key: &str, first: bool) -> Cow<'_, str> {
    let key = key.trim();
    if is_plain_name(key) {
        return Cow::Borrowed(key);
    }
    let digit_first = first && key.starts_with(|c: char| c.is_ascii_digit());
    let of_name = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let prefix = if digit_first { "_" } else { "" };
    Cow::Owned(prefix.chars().chain(key.chars().map(of_name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_names_of_labels() {
        assert_eq!(sanitized("User-Agent", true), "User_Agent");
        assert_eq!(sanitized("2xx", true), "_2xx");
        assert_eq!(sanitized("2xx", false), "2xx");
        assert_eq!(sanitized("a.b\u{e9}", true), "a_b_");
    }
}
