//! RE2's syntax, as Go writes it, on a linear-time engine of the same kind.
//!
//! The two languages differ in little: classes such as `\d` are ASCII in RE2, `[` in a class is a character, and
//! set operations do not exist. A pattern is rewritten where they differ, and refused where RE2 would refuse it.

use std::fmt;

use regex_automata::meta::{self, Regex};
use regex_automata::util::captures::Captures;
use regex_automata::util::syntax;

/// A program larger than this is refused: a pattern is text from a stranger.
const SIZE_MAX_BYTES: usize = 1 << 20;
/// What a lazily built automaton may keep.
const CACHE_MAX_BYTES: usize = 256 << 10;
/// RE2's own limit for `x{n}`.
const REPEAT_MAX: u32 = 1000;
/// Deeper groups than this are no pattern that a person wrote.
const DEPTH_MAX: u32 = 200;

/// A pattern that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    /// What is wrong, in RE2's words where it has some.
    reason: String,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error parsing regexp: {}", self.reason)
    }
}

impl std::error::Error for PatternError {}

fn refuse<T>(reason: impl Into<String>) -> Result<T, PatternError> {
    Err(PatternError {
        reason: reason.into(),
    })
}

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Pattern(pub(super) Regex);

impl Pattern {
    /// Matches whole values only; `.` matches a line end, as in label matchers.
    pub(crate) fn anchored(pattern: &str) -> Result<Self, PatternError> {
        let translated = translate(pattern)?;
        Self::compile(&format!("^(?s:{translated})$"))
    }

    pub(super) fn compile(pattern: &str) -> Result<Self, PatternError> {
        Regex::builder()
            .configure(
                meta::Config::new()
                    .nfa_size_limit(Some(SIZE_MAX_BYTES))
                    .onepass_size_limit(Some(CACHE_MAX_BYTES))
                    .hybrid_cache_capacity(CACHE_MAX_BYTES),
            )
            .syntax(syntax::Config::new().nest_limit(DEPTH_MAX).utf8(false))
            .build(pattern)
            .map(Self)
            .or_else(|error| match error.size_limit() {
                Some(_) => refuse("expression too large"),
                None => refuse(error.syntax_error().map_or_else(
                    || error.to_string(),
                    |error| {
                        error
                            .to_string()
                            .lines()
                            .last()
                            .unwrap_or_default()
                            .to_owned()
                    },
                )),
            })
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// The template with what the groups matched in place of `$1`, `${1}`, `$name` and `${name}`; `None` when the
    /// text does not match.
    pub(crate) fn expand(&self, text: &str, template: &str) -> Option<String> {
        let mut groups = self.0.create_captures();
        self.0.captures(text, &mut groups);
        groups
            .is_match()
            .then(|| filled_in(template, text, &groups))
    }
}

/// The template with what the groups matched in it.
pub(super) fn filled_in(template: &str, text: &str, groups: &Captures) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let Some((name, after)) = reference(rest) else {
            out.push('$');
            continue;
        };
        rest = after;
        let span = match name.parse::<usize>() {
            Ok(index) => groups.get_group(index),
            Err(_) => groups.get_group_by_name(name),
        };
        // A pattern that matches single bytes may end inside of a character.
        out.push_str(
            span.and_then(|span| text.get(span.range()))
                .unwrap_or_default(),
        );
    }
    out.push_str(rest);
    out
}

/// The name of a group after a dollar sign, and what follows it.
fn reference(rest: &str) -> Option<(&str, &str)> {
    let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (name, after) = match rest.strip_prefix('{') {
        Some(inner) => inner.split_once('}')?,
        None => rest.split_at(rest.find(|c| !of_name(c)).unwrap_or(rest.len())),
    };
    (!name.is_empty() && name.chars().all(of_name)).then_some((name, after))
}

/// What RE2 means, in the words of the engine.
pub(super) fn translate(pattern: &str) -> Result<String, PatternError> {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        rest = match c {
            '\\' => escape(rest, false, &mut out)?,
            '[' => class(rest, &mut out)?,
            '(' => group(rest, &mut out)?,
            '{' => repeat(rest, &mut out)?,
            '}' => {
                out.push_str("\\}");
                &rest[1..]
            }
            _ => {
                out.push(c);
                &rest[c.len_utf8()..]
            }
        };
    }
    Ok(out)
}

/// `rest` begins with a backslash; gives what is left after the escape.
fn escape<'a>(rest: &'a str, in_class: bool, out: &mut String) -> Result<&'a str, PatternError> {
    let Some(c) = rest[1..].chars().next() else {
        return refuse("trailing backslash at end of expression: ``");
    };
    let after = &rest[1 + c.len_utf8()..];
    match c {
        'Q' if !in_class => {
            let (literal, left) = after.split_once("\\E").unwrap_or((after, ""));
            for c in literal.chars() {
                push_literal(c, out);
            }
            return Ok(left);
        }
        'd' => out.push_str(if in_class { "0-9" } else { "[0-9]" }),
        'D' => out.push_str("[^0-9]"),
        's' => out.push_str(if in_class {
            r"\t\n\f\r "
        } else {
            r"[\t\n\f\r ]"
        }),
        'S' => out.push_str(r"[^\t\n\f\r ]"),
        'w' => out.push_str(if in_class {
            "0-9A-Za-z_"
        } else {
            "[0-9A-Za-z_]"
        }),
        'W' => out.push_str("[^0-9A-Za-z_]"),
        'b' if !in_class => out.push_str(r"(?-u:\b)"),
        'B' if !in_class => out.push_str(r"(?-u:\B)"),
        'A' | 'z' if !in_class => {
            out.push('\\');
            out.push(c);
        }
        'a' | 'f' | 't' | 'n' | 'r' | 'v' => {
            out.push('\\');
            out.push(c);
        }
        'x' | 'p' | 'P' => return numbered(rest, c, out),
        '0'..='7' => return octal(rest, out),
        _ if c.is_ascii_alphanumeric() => {
            return refuse(format!("invalid escape sequence: `\\{c}`"));
        }
        _ => push_literal(c, out),
    }
    Ok(after)
}

/// `\x41`, `\x{10ffff}`, `\pL`, `\p{Greek}`: both languages write them the same way.
fn numbered<'a>(rest: &'a str, kind: char, out: &mut String) -> Result<&'a str, PatternError> {
    let body = &rest[2..];
    let length = if body.starts_with('{') {
        body.find('}').map(|end| end + 1)
    } else {
        let wanted = if kind == 'x' { 2 } else { 1 };
        body.is_char_boundary(wanted.min(body.len()))
            .then_some(wanted)
            .filter(|wanted| body.len() >= *wanted)
    };
    let Some(length) = length else {
        return refuse(format!("invalid escape sequence: `\\{kind}`"));
    };
    out.push('\\');
    out.push(kind);
    out.push_str(&body[..length]);
    Ok(&body[length..])
}

/// `\0` and `\123`: octal, of at most three digits. A single digit other than 0 would be a reference to a group,
/// which RE2 does not have.
fn octal<'a>(rest: &'a str, out: &mut String) -> Result<&'a str, PatternError> {
    let digits: String = rest[1..]
        .chars()
        .take_while(|c| ('0'..='7').contains(c))
        .take(3)
        .collect();
    if digits.len() == 1 && digits != "0" {
        return refuse(format!("invalid escape sequence: `\\{digits}`"));
    }
    let code = u32::from_str_radix(&digits, 8).unwrap_or_default();
    push_literal(char::from_u32(code).unwrap_or_default(), out);
    Ok(&rest[1 + digits.len()..])
}

/// A bracketed class, in which `[` is a character and `&&`, `--`, `~~` mean nothing.
fn class<'a>(rest: &'a str, out: &mut String) -> Result<&'a str, PatternError> {
    let missing = || refuse(format!("missing closing ]: `{rest}`"));
    let mut left = &rest[1..];
    out.push('[');
    if let Some(after) = left.strip_prefix('^') {
        out.push('^');
        left = after;
    }
    let mut first = true;
    loop {
        let Some(c) = left.chars().next() else {
            return missing();
        };
        left = match c {
            ']' if !first => {
                out.push(']');
                return Ok(&left[1..]);
            }
            '[' if left.starts_with("[:") => match left.find(":]") {
                Some(end) => {
                    out.push_str(&left[..end + 2]);
                    &left[end + 2..]
                }
                None => {
                    out.push_str("\\[");
                    &left[1..]
                }
            },
            '\\' => escape(left, true, out)?,
            '-' if first || left[1..].starts_with(']') => {
                out.push_str("\\-");
                &left[1..]
            }
            '-' => {
                out.push('-');
                &left[1..]
            }
            _ => {
                push_literal(c, out);
                &left[c.len_utf8()..]
            }
        };
        first = false;
    }
}

/// An opening parenthesis and what says of which kind the group is.
fn group<'a>(rest: &'a str, out: &mut String) -> Result<&'a str, PatternError> {
    let Some(kind) = rest.strip_prefix("(?") else {
        out.push('(');
        return Ok(&rest[1..]);
    };
    if kind.starts_with("P<") || kind.starts_with('<') {
        if kind.starts_with("<=") || kind.starts_with("<!") {
            return refuse(format!(
                "invalid or unsupported Perl syntax: `(?{}`",
                &kind[..2]
            ));
        }
        let Some(end) = kind.find('>') else {
            return refuse(format!("invalid named capture: `{rest}`"));
        };
        out.push_str("(?");
        out.push_str(&kind[..=end]);
        return Ok(&kind[end + 1..]);
    }
    let end = kind.find([':', ')']).unwrap_or(kind.len());
    if end == kind.len() || !kind[..end].chars().all(|c| "imsU-".contains(c)) {
        return refuse(format!(
            "invalid or unsupported Perl syntax: `(?{}`",
            kind.chars().next().unwrap_or_default()
        ));
    }
    out.push_str(&rest[..2 + end + 1]);
    Ok(&kind[end + 1..])
}

/// `{n}`, `{n,}`, `{n,m}`; any other brace is a character.
fn repeat<'a>(rest: &'a str, out: &mut String) -> Result<&'a str, PatternError> {
    let counts = rest[1..].split_once('}').filter(|(counts, _)| {
        let (least, most) = counts.split_once(',').unwrap_or((counts, ""));
        !least.is_empty()
            && least.bytes().all(|byte| byte.is_ascii_digit())
            && most.bytes().all(|byte| byte.is_ascii_digit())
    });
    let Some((counts, left)) = counts else {
        out.push_str("\\{");
        return Ok(&rest[1..]);
    };
    let too_many = counts
        .split(',')
        .filter(|count| !count.is_empty())
        .any(|count| count.parse::<u32>().is_ok_and(|n| n > REPEAT_MAX) || count.len() > 9);
    if too_many {
        return refuse(format!("invalid repeat count: `{{{counts}}}`"));
    }
    out.push('{');
    out.push_str(counts);
    out.push('}');
    Ok(left)
}

fn push_literal(c: char, out: &mut String) {
    if c.is_ascii_punctuation() {
        out.push('\\');
    }
    out.push(c);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(pattern: &str, text: &str) -> bool {
        Pattern::anchored(pattern).unwrap().is_match(text)
    }

    #[test]
    fn what_differs_between_the_languages_means_what_re2_means() {
        assert!(whole(r"\Qa.b\E+", "a.bb") && !whole(r"\Qa.b\E", "axb"));
        assert!(whole(r"\d+", "12") && !whole(r"\d", "\u{663}"));
        assert!(whole("[a[]+", "a[") && whole("[]a]+", "]a") && whole("[a&&b]+", "a&b"));
        assert!(whole("a{,2}", "a{,2}") && whole("a{2}", "aa") && whole("{", "{"));
        assert!(whole(r"[\w-]+", "a-b") && whole(r"[[:alpha:]]+", "ab") && whole(r"\.\-\/", ".-/"));
        assert!(whole("(?i)ab", "AB") && whole("(?P<x>a)(?:b)", "ab") && whole(r"\x41\101", "AA"));
        assert!(whole(r".*\bfoo\b.*", "a foo b"));
    }

    #[test]
    fn what_re2_refuses_is_refused() {
        for pattern in [
            "(?=a)", "(?<=a)", "(?x)a", r"\1", r"\y", "a{1001}", "[a", "(a", "a)", "*", r"\",
            "(?P<a", r"\u0041",
        ] {
            assert!(Pattern::anchored(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn a_pattern_that_would_cost_too_much_is_refused() {
        let refused = Pattern::anchored("(?:(?:a{100}){100}){100}").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "error parsing regexp: expression too large"
        );
    }
}
