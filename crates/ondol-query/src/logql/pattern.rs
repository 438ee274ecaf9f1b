//! Patterns of captures and literals: `<ip> - - <_> "<method> <uri> <_>"`.

use std::fmt;

use crate::labels::is_plain_name;
use crate::quote::Quoted;

/// A pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinePattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// With its name; none is `<_>`.
    Capture(Option<String>),
}

impl LinePattern {
    /// Of the parser `pattern`, which takes what its captures find.
    pub(super) fn of_parser(text: &str) -> Result<Self, String> {
        let pattern = Self::of(text)?;
        let mut names: Vec<&str> = pattern.names().collect();
        if names.is_empty() {
            return Err(
                "the pattern has no named capture; expected at least one such as <status>"
                    .to_owned(),
            );
        }
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!(
                "the pattern captures <{}> twice; expected each name once",
                twice[0]
            ));
        }
        Ok(pattern)
    }

    /// Of a line filter, whose captures are all `<_>`.
    pub(super) fn of_filter(text: &str) -> Result<Self, String> {
        let pattern = Self::of(text)?;
        if let Some(name) = pattern.names().next() {
            return Err(format!(
                "a pattern that filters lines cannot capture <{name}>; expected <_>, or the parser | pattern"
            ));
        }
        Ok(pattern)
    }

    fn of(text: &str) -> Result<Self, String> {
        let mut parts: Vec<Part> = Vec::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let name = rest
                .strip_prefix('<')
                .and_then(|inner| inner.split_once('>'))
                .map(|(name, _)| name)
                .filter(|name| is_plain_name(name));
            if let Some(name) = name {
                if matches!(parts.last(), Some(Part::Capture(_))) {
                    return Err(format!(
                        "<{name}> follows another capture; expected a literal between them"
                    ));
                }
                parts.push(Part::Capture((name != "_").then(|| name.to_owned())));
                rest = &rest[name.len() + 2..];
                continue;
            }
            match parts.last_mut() {
                Some(Part::Literal(literal)) => literal.push(c),
                _ => parts.push(Part::Literal(c.to_string())),
            }
            rest = &rest[c.len_utf8()..];
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names of its captures, in their order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Capture(name) => name.as_deref(),
            Part::Literal(_) => None,
        })
    }

    /// The longest text that every line that matches has in it.
    #[must_use]
    pub fn longest_literal(&self) -> &str {
        let literals = self.parts.iter().filter_map(|part| match part {
            Part::Literal(text) => Some(text.as_str()),
            Part::Capture(_) => None,
        });
        literals.max_by_key(|text| text.len()).unwrap_or_default()
    }

    /// Whether the whole line is so; each `<_>` stands for at least one character.
    #[must_use]
    pub fn matches(&self, line: &str) -> bool {
        let mut rest = line;
        let mut after_capture = false;
        for (at, part) in self.parts.iter().enumerate() {
            let Part::Literal(literal) = part else {
                after_capture = true;
                continue;
            };
            let is_last = at + 1 == self.parts.len();
            let found = match (after_capture, is_last) {
                (false, _) => rest.starts_with(literal.as_str()).then_some(0),
                (true, true) => rest
                    .ends_with(literal.as_str())
                    .then(|| rest.len() - literal.len()),
                (true, false) => rest.find(literal.as_str()),
            };
            match found {
                Some(0) if after_capture => return false,
                Some(found) => rest = &rest[found + literal.len()..],
                None => return false,
            }
            after_capture = false;
        }
        rest.is_empty() != after_capture
    }

    /// Name and text of each capture, until one does not match.
    pub(super) fn captures<'p, 'l>(&'p self, line: &'l str) -> Vec<(&'p str, &'l str)> {
        let (mut rest, mut found) = (line, Vec::new());
        let mut parts = self.parts.iter().peekable();
        while let Some(part) = parts.next() {
            match (part, parts.peek()) {
                (Part::Literal(literal), _) => match rest.strip_prefix(literal.as_str()) {
                    Some(after) => rest = after,
                    None => break,
                },
                (Part::Capture(name), next) => {
                    let end = match next {
                        Some(Part::Literal(literal)) => rest.find(literal.as_str()),
                        _ => None,
                    };
                    let (captured, after) = rest.split_at(end.unwrap_or(rest.len()));
                    if let (Some(name), false) = (name, line.is_empty()) {
                        found.push((name.as_str(), captured));
                    }
                    rest = after;
                    if end.is_none() {
                        break;
                    }
                }
            }
        }
        found
    }
}

impl fmt::Display for LinePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Quoted(&self.text).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_covers_the_whole_line() {
        for (pattern, line, matches) in [
            ("<_> level=debug <_>", "a level=debug b", true),
            ("<_> level=debug <_>", "level=debug b", false),
            ("<_> level=debug", "a level=debug", true),
            ("<_> level=debug", "a level=debug b", false),
            ("foo <_>", "foo bar", true),
            ("foo <_>", "a foo bar", false),
            ("foo <_>", "foo ", false),
            ("<_>b", "abab", true),
            ("<_>", "", false),
            ("", "", true),
            ("", "a", false),
            ("a < b", "a < b", true),
        ] {
            let parsed = LinePattern::of_filter(pattern).unwrap();
            assert_eq!(parsed.matches(line), matches, "{pattern} over {line}");
        }
    }

    #[test]
    fn captures_reach_to_the_next_literal_and_stop_where_one_is_missing() {
        let pattern =
            LinePattern::of_parser("<ip> - - <_> \"<method> <uri> <_>\" <status>").unwrap();
        assert_eq!(
            pattern.captures("1.2.3.4 - - [x y] \"GET /a HTTP/1.1\" 200"),
            [
                ("ip", "1.2.3.4"),
                ("method", "GET"),
                ("uri", "/a"),
                ("status", "200")
            ]
        );
        assert_eq!(
            pattern.captures("1.2.3.4 and more"),
            [("ip", "1.2.3.4 and more")]
        );
        let anchored = LinePattern::of_parser("foo <a>").unwrap();
        assert_eq!(anchored.captures("a foo b"), []);
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        assert!(LinePattern::of_parser("<_> a").is_err());
        assert!(LinePattern::of_parser("<a><b>").is_err());
        assert!(LinePattern::of_parser("<a> <a>").is_err());
        assert!(LinePattern::of_filter("<a>").is_err());
    }
}
