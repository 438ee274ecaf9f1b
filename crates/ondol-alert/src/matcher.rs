//! Matchers of labels, as Alertmanager writes them: `severity="page"`, `service=~"web|api"`.

use ondol_model::{LabelMatcher, MatchBy};
use regex_automata::meta::Regex;

use crate::rule::Labels;

/// What a pattern may become when it is compiled.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// A matcher that is ready to be asked.
#[derive(Clone, Debug)]
pub struct Matcher {
    spec: LabelMatcher,
    /// Of those that have a pattern; it matches whole values.
    pattern: Option<Regex>,
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.spec == other.spec
    }
}

impl Matcher {
    /// Makes it ready.
    ///
    /// # Errors
    ///
    /// That its pattern is none.
    pub fn new(spec: LabelMatcher) -> Result<Self, String> {
        let pattern = match spec.by {
            MatchBy::Equal | MatchBy::NotEqual => None,
            MatchBy::Matches | MatchBy::MatchesNot => {
                let config = Regex::config().nfa_size_limit(Some(PATTERN_BYTES_MAX));
                let whole = format!("^(?s:{})$", spec.value);
                let built = Regex::builder().configure(config).build(&whole);
                Some(built.map_err(|why| format!("{:?} is not a pattern: {why}", spec.value))?)
            }
        };
        Ok(Matcher { spec, pattern })
    }

    /// As it was written.
    pub fn spec(&self) -> &LabelMatcher {
        &self.spec
    }

    /// A label that is not there is an empty one.
    pub fn is_match(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.spec.name).map_or("", String::as_str);
        let matches = match &self.pattern {
            Some(pattern) => pattern.is_match(value),
            None => value == self.spec.value,
        };
        let wanted = matches!(self.spec.by, MatchBy::Equal | MatchBy::Matches);
        matches == wanted
    }
}

/// All of them, ready.
///
/// # Errors
///
/// That a pattern is none.
pub fn matchers(specs: &[LabelMatcher]) -> Result<Vec<Matcher>, String> {
    specs.iter().cloned().map(Matcher::new).collect()
}

/// Reads `name="value"`, with or without the quotes. Text without an operator is the name of an alert.
///
/// # Errors
///
/// What it should look like.
pub fn parse_matcher(text: &str) -> Result<LabelMatcher, String> {
    let text = text.trim();
    let name_end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    let (name, rest) = text.split_at(name_end.unwrap_or(text.len()));
    let rest = rest.trim_start();
    let wrong =
        || format!("{text:?} is not a matcher such as severity=\"page\" or service=~\"web|api\"");
    let operators = [
        ("=~", MatchBy::Matches),
        ("!~", MatchBy::MatchesNot),
        ("!=", MatchBy::NotEqual),
        ("=", MatchBy::Equal),
    ];
    let found = operators
        .iter()
        .find_map(|(sign, by)| Some((*by, rest.strip_prefix(sign)?)));
    let Some((by, value)) = found else {
        return match rest.is_empty() && !name.is_empty() {
            true => Ok(LabelMatcher {
                name: crate::rule::ALERT_NAME.to_owned(),
                by: MatchBy::Equal,
                value: name.to_owned(),
            }),
            false => Err(wrong()),
        };
    };
    let is_name = !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit());
    let value = unquoted(value.trim())
        .filter(|_| is_name)
        .ok_or_else(wrong)?;
    let name = name.to_owned();
    Ok(LabelMatcher { name, by, value })
}

/// Reads several, with commas between them and braces around them or not.
///
/// # Errors
///
/// The first that is none.
pub fn parse_matchers(text: &str) -> Result<Vec<LabelMatcher>, String> {
    let text = text.trim();
    let inner = text
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    let (mut found, mut begin, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    let text = inner.unwrap_or(text);
    for (at, c) in text.char_indices() {
        match c {
            '"' if !escaped => quoted = !quoted,
            ',' if !quoted => {
                found.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    found.push(&text[begin..]);
    let written = found.into_iter().filter(|part| !part.trim().is_empty());
    written.map(parse_matcher).collect()
}

fn unquoted(text: &str) -> Option<String> {
    let Some(rest) = text.strip_prefix('"') else {
        return (!text.contains('"')).then(|| text.to_owned());
    };
    let inner = rest.strip_suffix('"')?;
    let (mut value, mut chars) = (String::new(), inner.chars());
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next()? {
                'n' => value.push('\n'),
                c @ ('"' | '\\') => value.push(c),
                other => value.extend(['\\', other]),
            },
            '"' => return None,
            c => value.push(c),
        }
    }
    Some(value)
}

/// As Alertmanager prints several: `{severity="page",team=~"a|b"}`.
pub fn print_matchers(matchers: &[LabelMatcher]) -> String {
    let print = |matcher: &LabelMatcher| {
        let sign = match matcher.by {
            MatchBy::Equal => "=",
            MatchBy::NotEqual => "!=",
            MatchBy::Matches => "=~",
            MatchBy::MatchesNot => "!~",
        };
        format!("{}{sign}{:?}", matcher.name, matcher.value)
    };
    let texts: Vec<String> = matchers.iter().map(print).collect();
    format!("{{{}}}", texts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        let owned = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn matchers_are_read_and_asked() {
        let web = labels(&[("alertname", "Slow"), ("service", "web")]);
        for (text, matches) in [
            ("service=web", true),
            ("service=\"web\"", true),
            ("service != \"web\"", false),
            ("service=~\"we.|api\"", true),
            ("service=~\"we\"", false),
            ("service!~\"we\"", true),
            ("team=\"\"", true),
            ("team!=\"\"", false),
            ("Slow", true),
            ("{service=\"web\", alertname=~\"S.*\"}", true),
            ("service=\"a,b\"", false),
        ] {
            let specs = parse_matchers(text).unwrap();
            let all = matchers(&specs).unwrap();
            assert_eq!(all.iter().all(|m| m.is_match(&web)), matches, "{text}");
            assert_eq!(parse_matchers(&print_matchers(&specs)), Ok(specs));
        }
    }

    #[test]
    fn what_is_no_matcher_is_told() {
        for text in ["=web", "a b", "a=\"b", "1a=b", "a=b\"c"] {
            assert!(parse_matcher(text).is_err(), "{text}");
        }
        let pattern = parse_matcher("a=~\"(\"").unwrap();
        assert!(Matcher::new(pattern).is_err());
    }
}
