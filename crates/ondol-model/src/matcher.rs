use serde::{Deserialize, Serialize};

/// `name="value"` and its kin.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LabelMatcher {
    /// The label.
    pub name: String,
    /// How its value is compared.
    pub by: MatchBy,
    /// With what.
    pub value: String,
}

/// How a label's value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum MatchBy {
    /// The same text.
    #[serde(rename = "=")]
    Equal,
    /// Another text.
    #[serde(rename = "!=")]
    NotEqual,
    /// The pattern matches the whole value.
    #[serde(rename = "=~")]
    Matches,
    /// It does not.
    #[serde(rename = "!~")]
    MatchesNot,
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
                name: "alertname".to_owned(),
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

    #[test]
    fn matchers_are_read_and_printed() {
        for (text, printed) in [
            ("service=web", "{service=\"web\"}"),
            ("service != \"web\"", "{service!=\"web\"}"),
            ("{a=~\"x,y\", b!~z}", "{a=~\"x,y\",b!~\"z\"}"),
            ("Slow", "{alertname=\"Slow\"}"),
            ("", "{}"),
        ] {
            let read = parse_matchers(text).map(|all| print_matchers(&all));
            assert_eq!(read.as_deref(), Ok(printed), "{text}");
        }
    }

    #[test]
    fn what_is_no_matcher_is_told() {
        for text in ["=web", "a b", "a=\"b", "1a=b", "a=b\"c"] {
            assert!(parse_matcher(text).is_err(), "{text}");
        }
    }
}
