//! A text as a JSON string, for values inside values.

use std::fmt::Write as _;

pub(crate) fn push_string(into: &mut String, text: &str) {
    into.push('"');
    for c in text.chars() {
        match c {
            '"' => into.push_str("\\\""),
            '\\' => into.push_str("\\\\"),
            '\n' => into.push_str("\\n"),
            '\r' => into.push_str("\\r"),
            '\t' => into.push_str("\\t"),
            c if c < ' ' => {
                // Writing to a text cannot fail.
                let _ = write!(into, "\\u{:04x}", u32::from(c));
            }
            c => into.push(c),
        }
    }
    into.push('"');
}

/// A number, or what JSON has for those that are none.
pub(crate) fn push_float(into: &mut String, value: f64) {
    let _ = if value.is_finite() {
        write!(into, "{value:?}")
    } else {
        write!(into, "\"{value}\"")
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_written_is_json() {
        let text = "a\"b\\c\n\u{1}\u{e9}";
        let mut json = String::new();
        super::push_string(&mut json, text);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}
