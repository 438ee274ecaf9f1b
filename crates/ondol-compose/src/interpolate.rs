//! `$VARIABLE` and `${VARIABLE...}` in values (Compose specification, "Interpolation").

use std::collections::BTreeMap;

use crate::budget::{Budget, DEPTH_MAX};
use crate::findings::{Findings, error, warning};
use crate::tree::{Kind, Node, Scalar, Span, Value};

/// The variables that a file is read with.
pub(crate) type Env = BTreeMap<String, String>;

/// One value with its variables written out.
const VALUE_BYTES_MAX: usize = 16 << 20;

/// What is wrong with a template, and the byte range of the template that is to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) range: (usize, usize),
    pub(crate) help: String,
}

/// Replaces the variables in every value below `node`; keys are left as they are.
pub(crate) fn interpolate(
    node: &mut Node,
    env: &Env,
    findings: &mut Findings,
    budget: &mut Budget,
) {
    match &mut node.value {
        Value::Null => {}
        Value::List(items) => {
            for item in items {
                interpolate(item, env, findings, budget);
            }
        }
        Value::Map(map) => {
            for entry in map.values_mut() {
                interpolate(&mut entry.node, env, findings, budget);
            }
        }
        Value::Scalar(scalar) if !scalar.text.contains('$') => {}
        Value::Scalar(scalar) => *scalar = value_of(scalar, node.span, env, findings, budget),
    }
}

fn value_of(
    scalar: &Scalar,
    span: Span,
    env: &Env,
    findings: &mut Findings,
    budget: &mut Budget,
) -> Scalar {
    let mut unset = Vec::new();
    match substitute(&scalar.text, env, &mut unset) {
        Ok(text) if budget.take(text.len() as u64, span, findings) => {
            for (name, range) in unset {
                warn_unset(&name, inner(span, &scalar.text, range, findings), findings);
            }
            // A value that a variable left empty is empty text, not nothing.
            let kind = match text.is_empty() {
                true => Kind::Text,
                false => scalar.kind,
            };
            let text = text.into();
            Scalar { text, kind }
        }
        Ok(_) => scalar.clone(),
        Err(refusal) => {
            let place = inner(span, &scalar.text, refusal.range, findings);
            findings.add(
                error(refusal.code, refusal.message)
                    .at(place)
                    .help(refusal.help),
            );
            scalar.clone()
        }
    }
}

fn warn_unset(name: &str, span: Span, findings: &mut Findings) {
    if findings.unset.insert(name.to_owned()) {
        findings.add(
            warning(
                "unset-variable",
                format!("the variable `{name}` is not set; nothing stands in its place"),
            )
            .at(span)
            .help(format!(
                "set it in `.env` or in the shell, or give a default: `${{{name}:-value}}`"
            )),
        );
    }
}

/// The part of the source that `range` of the value's text was written as, when it was written plainly.
fn inner(span: Span, text: &str, range: (usize, usize), findings: &Findings) -> Span {
    let source = findings.texts.get(span.file as usize);
    let written = source.and_then(|s| s.text.get(span.start as usize..span.end as usize));
    match written.and_then(|written| written.find(text)) {
        Some(at) => Span {
            start: span.start + (at + range.0) as u32,
            end: span.start + (at + range.1) as u32,
            ..span
        },
        None => span,
    }
}

/// The value of a template. Names without a value and without a default go to `unset`, with their range.
pub(crate) fn substitute(
    template: &str,
    env: &Env,
    unset: &mut Vec<(String, (usize, usize))>,
) -> Result<String, Refusal> {
    Template { env, unset }.value(template, 0, 0)
}

struct Template<'a> {
    env: &'a Env,
    unset: &'a mut Vec<(String, (usize, usize))>,
}

impl Template<'_> {
    /// `base` is where `text` begins in the whole template.
    fn value(&mut self, text: &str, base: usize, depth: usize) -> Result<String, Refusal> {
        if depth > DEPTH_MAX {
            let message = format!("variables are nested more than {DEPTH_MAX} levels deep");
            return Err(malformed(message, base, base + text.len()));
        }
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(dollar) = text[at..].find('$').map(|found| at + found) {
            out = self.bounded(out, base, text.len())?;
            out.push_str(&text[at..dollar]);
            let rest = &text[dollar + 1..];
            at = if rest.starts_with('$') {
                out.push('$');
                dollar + 2
            } else if let Some(inside) = rest.strip_prefix('{') {
                let length = closing_brace(inside).ok_or_else(|| {
                    malformed(
                        "this `${` has no closing `}`",
                        base + dollar,
                        base + text.len(),
                    )
                })?;
                let place = (base + dollar, base + dollar + length + 3);
                out.push_str(&self.braced(&inside[..length], place, depth)?);
                dollar + length + 3
            } else {
                let length = name_length(rest);
                let place = (base + dollar, base + dollar + 1 + length);
                if length == 0 {
                    return Err(malformed("this `$` begins no variable", place.0, place.1));
                }
                let name = &rest[..length];
                out.push_str(&self.plain(name, place));
                dollar + 1 + length
            };
        }
        out.push_str(&text[at..]);
        self.bounded(out, base, text.len())
    }

    /// A long text of short variables can mean more than memory holds.
    fn bounded(&self, out: String, base: usize, length: usize) -> Result<String, Refusal> {
        match out.len() <= VALUE_BYTES_MAX {
            true => Ok(out),
            false => Err(Refusal {
                code: "too-large",
                message: format!(
                    "with its variables this is longer than {} MiB",
                    VALUE_BYTES_MAX >> 20
                ),
                range: (base, base + length),
                help: "put long content into a file".to_owned(),
            }),
        }
    }

    fn plain(&mut self, name: &str, place: (usize, usize)) -> String {
        self.env.get(name).cloned().unwrap_or_else(|| {
            self.unset.push((name.to_owned(), place));
            String::new()
        })
    }

    /// The value of `${inside}`.
    fn braced(
        &mut self,
        inside: &str,
        place: (usize, usize),
        depth: usize,
    ) -> Result<String, Refusal> {
        let (name, rest) = inside.split_at(name_length(inside));
        if name.is_empty() {
            return Err(malformed(
                format!("`${{{}}}` names no variable", cut(inside)),
                place.0,
                place.1,
            ));
        }
        let value = self.env.get(name);
        let filled = value.filter(|value| !value.is_empty());
        let (wanted, operator, word) = match rest.strip_prefix(':') {
            Some(rest) => (filled, rest, rest.get(1..)),
            None => (value, rest, rest.get(1..)),
        };
        let word = word.unwrap_or_default();
        let word_at = place.1 - 1 - word.len();
        match operator.bytes().next() {
            None if rest.is_empty() => Ok(self.plain(name, place)),
            Some(b'-') => match wanted.cloned() {
                Some(value) => Ok(value),
                None => self.value(word, word_at, depth + 1),
            },
            Some(b'+') => match wanted {
                Some(_) => self.value(word, word_at, depth + 1),
                None => Ok(String::new()),
            },
            Some(b'?') => match wanted.cloned() {
                Some(value) => Ok(value),
                None => Err(self.required(name, word, place, word_at, depth)),
            },
            _ => Err(malformed(
                format!("`{}` cannot follow the name `{name}`", cut(rest)),
                place.0,
                place.1,
            )),
        }
    }

    fn required(
        &mut self,
        name: &str,
        word: &str,
        range: (usize, usize),
        word_at: usize,
        depth: usize,
    ) -> Refusal {
        let said = match self.value(word, word_at, depth + 1) {
            Ok(said) => said,
            Err(refusal) => return refusal,
        };
        let said = if said.is_empty() {
            "it is required here".to_owned()
        } else {
            said
        };
        Refusal {
            code: "missing-variable",
            message: format!("the variable `{name}` is not set: {said}"),
            range,
            help: format!("set it in the shell or in `.env`: {name}=value"),
        }
    }
}

fn malformed(message: impl Into<String>, start: usize, end: usize) -> Refusal {
    Refusal {
        code: "bad-variable",
        message: message.into(),
        range: (start, end),
        help: "write `$$` for a dollar sign itself; variables are `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:?message}` or `${NAME:+replacement}`".to_owned(),
    }
}

fn name_length(text: &str) -> usize {
    let begins = |c: char| c.is_ascii_alphabetic() || c == '_';
    if !text.starts_with(begins) {
        return 0;
    }
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len())
}

/// Where the `}` is that closes what was opened just before `text`.
fn closing_brace(text: &str) -> Option<usize> {
    let mut open = 1_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => open += 1,
            b'}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(at);
        }
    }
    None
}

fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(template: &str) -> Result<String, &'static str> {
        let env = [("SET", "v"), ("EMPTY", ""), ("OTHER", "o")];
        let env = env
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        substitute(template, &env, &mut Vec::new()).map_err(|refusal| refusal.code)
    }

    #[test]
    fn the_six_operators() {
        for (template, expected) in [
            ("$SET ${SET}", "v v"),
            ("${SET:-d}${EMPTY:-d}${NONE:-d}", "vdd"),
            ("${SET-d}${EMPTY-d}${NONE-d}", "vd"),
            ("${SET:?m}", "v"),
            ("[${EMPTY?m}]", "[]"),
            ("${SET:+r}${EMPTY:+r}${NONE:+r}", "r"),
            ("${SET+r}${EMPTY+r}${NONE+r}", "rr"),
            ("${NONE:-${EMPTY:-${OTHER}}}", "o"),
            ("${NONE:-{\"a\": 1}}", "{\"a\": 1}"),
            ("$$SET $${SET} ${NONE:-$$x}", "$SET ${SET} $x"),
            ("$SET.x ${NONE}!", "v.x !"),
            ("${NONE:-a:b-c?d}", "a:b-c?d"),
        ] {
            assert_eq!(value(template).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn what_is_not_a_variable_is_refused() {
        for template in [
            "$",
            "a$ b",
            "$1",
            "${",
            "${}",
            "${1}",
            "${SET",
            "${SET/x/y}",
            "$(x)",
            "${SET:}",
            "${SET:x}",
            "${é}",
        ] {
            assert_eq!(value(template), Err("bad-variable"), "{template}");
        }
        for template in ["${NONE:?}", "${NONE?say $SET}", "${EMPTY:?m}"] {
            assert_eq!(value(template), Err("missing-variable"), "{template}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = "${A:-".repeat(5_000) + &"}".repeat(5_000);
        assert_eq!(value(&deep), Err("bad-variable"));
    }
}
