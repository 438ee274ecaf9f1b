//! One JSON line per event on stdout.

use std::fmt::Write as _;
use std::io::Write as _;

use crate::clock;

pub enum Field<'a> {
    Text(&'a str),
    Number(u64),
}

pub fn line(event: &str, fields: &[(&str, Field)]) {
    let time = clock::for_log(clock::now_ms());
    let mut text = format!(r#"{{"time":"{time}","service":"video-storage","event":"{event}""#);
    for (name, value) in fields {
        // Writing to a String cannot fail.
        let _ = match value {
            Field::Text(value) => write!(text, r#","{name}":{}"#, quoted(value)),
            Field::Number(value) => write!(text, r#","{name}":{value}"#),
        };
    }
    text.push_str("}\n");
    // Nobody reads the log any more? Then serving goes on without it.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// A JSON string.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn text_is_escaped() {
        assert_eq!(super::quoted("a\"b\\c\n"), r#""a\"b\\c\u000a""#);
    }
}
