//! The way to a value: `servers[0]`, `request.headers["User-Agent"]`.

use super::{Value, elements, members};
use crate::quote::{Quoted, unquote};

/// A way to a value in a JSON document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
}

impl Path {
    pub(in super::super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |rest: &str| {
            Err(format!(
                "{} is no way to a value, from {} on; expected such as servers[0] or request.headers[\"User-Agent\"]",
                Quoted(text),
                Quoted(rest)
            ))
        };
        let (mut rest, mut steps) = (text.trim(), Vec::new());
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('[') {
                let Some((step, after)) = bracketed(inner) else {
                    return wrong(rest);
                };
                steps.push(step);
                rest = after;
                continue;
            }
            let name = if steps.is_empty() {
                rest
            } else if let Some(name) = rest.strip_prefix('.') {
                name
            } else {
                return wrong(rest);
            };
            let end = name.find(['.', '[', ']', '"', ' ']).unwrap_or(name.len());
            if end == 0 {
                return wrong(rest);
            }
            steps.push(Step::Field(name[..end].to_owned()));
            rest = &name[end..];
        }
        if steps.is_empty() {
            return wrong("");
        }
        Ok(Self {
            text: text.to_owned(),
            steps,
        })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The value at its end, if the document has it.
    pub(in super::super) fn find<'a>(&self, document: Value<'a>) -> Option<Value<'a>> {
        let mut value = document;
        for step in &self.steps {
            value = match (step, value) {
                (Step::Field(name), Value::Object(raw)) => {
                    let mut found = None;
                    members(raw, |key, member| {
                        if found.is_none() && key == *name {
                            found = Some(member);
                        }
                        Ok(())
                    })
                    .ok()?;
                    found?
                }
                (Step::Index(at), Value::Array(raw)) => elements(raw).ok()?.into_iter().nth(*at)?,
                _ => return None,
            };
        }
        Some(value)
    }
}

/// What stands in brackets, and what follows them.
fn bracketed(inner: &str) -> Option<(Step, &str)> {
    if inner.starts_with('"') {
        let mut escaped = false;
        let end = inner.char_indices().skip(1).find(|(_, c)| {
            let ends = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        })?;
        let (quoted, after) = inner.split_at(end.0 + 1);
        let name = String::from_utf8(unquote(quoted)?).ok()?;
        return Some((Step::Field(name), after.strip_prefix(']')?));
    }
    let (index, after) = inner.split_once(']')?;
    Some((Step::Index(index.trim().parse().ok()?), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str =
        r#"{"servers": ["a", "b"], "request": {"headers": {"User-Agent": "curl", "n": 1}}}"#;

    fn found(path: &str) -> Option<String> {
        let value = Path::parse(path).unwrap().find(Value::Object(DOCUMENT));
        value.map(|value| value.shown().into_owned())
    }

    #[test]
    fn values_are_found_at_any_depth() {
        assert_eq!(found("servers[1]").as_deref(), Some("b"));
        assert_eq!(
            found("request.headers[\"User-Agent\"]").as_deref(),
            Some("curl")
        );
        assert_eq!(found("[\"request\"].headers.n").as_deref(), Some("1"));
        assert_eq!(found("servers").as_deref(), Some(r#"["a", "b"]"#));
        assert_eq!(found("servers[7]"), None);
        assert_eq!(found("request.none.deeper"), None);
    }

    #[test]
    fn what_is_no_way_is_refused() {
        for text in ["", "a..b", "a[", "a[x]", "a b", ".a", "a[\"b]", "a]"] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
    }
}
