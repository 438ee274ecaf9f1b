//! JSON as it stands in a line: read member by member, numbers and nested values as they were written.

mod path;
mod scan;

use std::borrow::Cow;
use std::fmt;

pub use path::Path;
use scan::Scan;

/// Values that are nested deeper were not written by any program.
const DEPTH_MAX: u32 = 128;

/// A value. What is nested is not read before it is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    /// A number, `true` or `false`, as it was written.
    Plain(&'a str),
    Null,
    Object(&'a str),
    Array(&'a str),
}

impl<'a> Value<'a> {
    /// The text of a value that is no object, array or null.
    pub(super) fn scalar(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Plain(text) => Some(Cow::Borrowed(text)),
            Self::Null | Self::Object(_) | Self::Array(_) => None,
        }
    }

    /// As a label shows it: what is nested as JSON.
    pub(super) fn shown(self) -> Cow<'a, str> {
        match self {
            Self::Object(raw) | Self::Array(raw) => Cow::Borrowed(raw),
            value => value.scalar().unwrap_or_default(),
        }
    }
}

/// Text that is no JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Malformed {
    at: usize,
    expected: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at byte {}", self.expected, self.at + 1)
    }
}

/// The one value that a text is.
pub(super) fn value(text: &str) -> Result<Value<'_>, Malformed> {
    let mut scan = Scan::new(text);
    let value = scan.value(0)?;
    scan.end()?;
    Ok(value)
}

/// Gives each member of an object, in order. What was given before an error was there.
pub(super) fn members<'a>(
    text: &'a str,
    mut each: impl FnMut(Cow<'a, str>, Value<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut scan = Scan::new(text);
    scan.expect(b'{', "an object")?;
    if scan.take(b'}') {
        return scan.end();
    }
    loop {
        let key = scan.string()?;
        scan.expect(b':', "a colon")?;
        each(key, scan.value(1)?)?;
        if scan.take(b'}') {
            return scan.end();
        }
        scan.expect(b',', "a comma or }")?;
    }
}

/// The elements of an array.
pub(super) fn elements(text: &str) -> Result<Vec<Value<'_>>, Malformed> {
    let mut scan = Scan::new(text);
    let mut all = Vec::new();
    scan.expect(b'[', "an array")?;
    if scan.take(b']') {
        return Ok(all);
    }
    loop {
        all.push(scan.value(1)?);
        if scan.take(b']') {
            return scan.end().map(|()| all);
        }
        scan.expect(b',', "a comma or ]")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_in_order_with_numbers_as_they_were_written() {
        let mut seen = Vec::new();
        let text = r#" {"a": 1.50, "b\u00e9": "x\ty", "c": {"d": [1, 2]}, "e": true, "f": null} "#;
        members(text, |key, value| {
            seen.push(format!("{key}={}", value.shown()));
            Ok(())
        })
        .unwrap();
        assert_eq!(
            seen,
            [
                "a=1.50",
                "b\u{e9}=x\ty",
                "c={\"d\": [1, 2]}",
                "e=true",
                "f="
            ]
        );
    }

    #[test]
    fn what_is_no_json_says_where() {
        for (text, error) in [
            ("plain", "expected an object at byte 1"),
            ("{\"a\": }", "expected a value at byte 7"),
            ("{\"a\": 1", "expected a comma or } at byte 8"),
            ("{} x", "expected the end at byte 4"),
            ("{\"a", "expected the end of a text at byte 4"),
        ] {
            let result = members(text, |_, _| Ok(()));
            assert_eq!(result.unwrap_err().to_string(), error, "{text}");
        }
        assert!(value(&"[".repeat(100_000)).is_err());
        assert!(value("01").is_err() && value("-").is_err() && value("tru").is_err());
    }

    #[test]
    fn elements_are_values() {
        let all = elements("[1, \"a\", [2]]").unwrap();
        assert_eq!(
            all,
            [
                Value::Plain("1"),
                Value::Text("a".into()),
                Value::Array("[2]")
            ]
        );
        assert_eq!(elements("[]"), Ok(Vec::new()));
    }
}
