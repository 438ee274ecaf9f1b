use std::fmt::Write as _;

use serde_json::{Number, Value as Json};

use crate::tree::{Kind, Node, Scalar, Value};

/// A tree as YAML that is read back as the same tree: `$` is doubled, because reading interpolates.
pub(crate) fn to_yaml(node: &Node) -> String {
    let mut out = String::new();
    block(node, 0, &mut out);
    out.trim_start_matches('\n').to_owned()
}

/// A tree as JSON; values that look like numbers or booleans are, unless they were quoted.
pub(crate) fn to_json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Scalar(scalar) => bare(scalar).unwrap_or_else(|| Json::from(&*scalar.text)),
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Map(map) => map
            .iter()
            .map(|(key, entry)| (key.to_string(), to_json(&entry.node)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

/// Writes a node after its key or dash; a collection goes on the following lines.
fn block(node: &Node, indent: usize, out: &mut String) {
    match &node.value {
        Value::Null => out.push_str(" null\n"),
        Value::Scalar(scalar) => {
            let _ = writeln!(out, " {}", word(scalar));
        }
        Value::List(items) if items.is_empty() => out.push_str(" []\n"),
        Value::Map(map) if map.is_empty() => out.push_str(" {}\n"),
        Value::List(items) => {
            out.push('\n');
            for item in items {
                let _ = write!(out, "{:indent$}-", "");
                match &item.value {
                    Value::Map(map) if !map.is_empty() => inline_map(item, indent + 2, out),
                    _ => block(item, indent + 2, out),
                }
            }
        }
        Value::Map(_) => {
            out.push('\n');
            for (key, entry) in node.entries() {
                let _ = write!(out, "{:indent$}{}:", "", key_word(key));
                block(&entry.node, indent + 2, out);
            }
        }
    }
}

/// A mapping whose first key stands beside its dash.
fn inline_map(node: &Node, indent: usize, out: &mut String) {
    for (at, (key, entry)) in node.entries().enumerate() {
        let before = if at == 0 { 1 } else { indent };
        let _ = write!(out, "{:before$}{}:", "", key_word(key));
        block(&entry.node, indent + 2, out);
    }
}

fn word(scalar: &Scalar) -> String {
    match scalar.kind {
        Kind::Bare => scalar.text.to_string(),
        Kind::Plain if bare(scalar).is_some() => scalar.text.to_string(),
        _ => quoted_unless_safe(&scalar.text.replace('$', "$$")),
    }
}

fn key_word(key: &str) -> String {
    quoted_unless_safe(key)
}

fn quoted_unless_safe(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-' | '$');
    let begins_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '/'));
    let reserved = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    if begins_well
        && text.chars().all(safe)
        && !reserved.contains(&text.to_ascii_lowercase().as_str())
    {
        return text.to_owned();
    }
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if must_escape(c) && c as u32 <= 0xffff => {
                let _ = write!(quoted, "\\u{:04x}", c as u32);
            }
            c if must_escape(c) => {
                let _ = write!(quoted, "\\U{:08x}", c as u32);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// What YAML calls not printable, or reads as the end of a line.
fn must_escape(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
        || (c as u32) > 0xffff
}

/// The number or boolean that an unquoted scalar is in YAML's core schema.
fn bare(scalar: &Scalar) -> Option<Json> {
    if scalar.kind == Kind::Text {
        return None;
    }
    let text = &*scalar.text;
    match text {
        "true" => Some(Json::Bool(true)),
        "false" => Some(Json::Bool(false)),
        _ => {
            let number: Number = serde_json::from_str(text).ok()?;
            Some(Json::Number(number))
        }
    }
}
