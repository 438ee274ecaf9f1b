use std::collections::BTreeMap;

/// An expanded value may have so many bytes.
const VALUE_BYTES_MAX: usize = 64 << 10;
const DEPTH_MAX: u32 = 16;

/// What `$NAME` means at one place of a Dockerfile.
pub(super) struct Scope<'a> {
    pub(super) env: &'a BTreeMap<String, String>,
    pub(super) args: &'a BTreeMap<String, String>,
    pub(super) escape: char,
}

impl Scope<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.env
            .get(name)
            .or_else(|| self.args.get(name))
            .map(String::as_str)
    }

    /// Substitutes variables and removes quotes (Dockerfile reference, "Environment replacement").
    /// The error says what cannot be followed.
    pub(super) fn word(&self, text: &str) -> Result<String, String> {
        let words = self.expand(text, Quotes::Removed, 0)?;
        Ok(words.concat())
    }

    /// Like [`Scope::word`], split at blanks outside of quotes.
    pub(super) fn words(&self, text: &str) -> Result<Vec<String>, String> {
        split(text, self.escape)
            .iter()
            .map(|word| self.word(word))
            .collect()
    }

    /// Substitutes variables in the body of a heredoc, where quotes mean nothing.
    pub(super) fn body(&self, text: &str) -> Result<String, String> {
        Ok(self.expand(text, Quotes::Kept, 0)?.concat())
    }

    fn expand(&self, text: &str, quotes: Quotes, depth: u32) -> Result<Vec<String>, String> {
        if depth > DEPTH_MAX {
            return Err("variables are nested too deeply".into());
        }
        let mut out = String::new();
        let mut quote = None;
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let after = &rest[c.len_utf8()..];
            rest = after;
            match (quote, c) {
                (Some('\''), '\'') | (Some('"'), '"') => quote = None,
                (Some('\''), _) => out.push(c),
                (None, '\'' | '"') if quotes == Quotes::Removed => quote = Some(c),
                (_, _) if c == self.escape => {
                    rest = self.escaped(after, quote, quotes, &mut out);
                }
                (_, '$') => rest = self.variable(after, &mut out, depth)?,
                _ => out.push(c),
            }
            if out.len() > VALUE_BYTES_MAX {
                return Err("the value is longer than 64 KiB".into());
            }
        }
        if quote.is_some() {
            return Err("a quote is not closed".into());
        }
        Ok(vec![out])
    }

    fn escaped<'t>(
        &self,
        after: &'t str,
        quote: Option<char>,
        quotes: Quotes,
        out: &mut String,
    ) -> &'t str {
        let Some(next) = after.chars().next() else {
            out.push(self.escape);
            return after;
        };
        let special = next == '$' || next == self.escape || (quote == Some('"') && next == '"');
        if !special && (quote.is_some() || quotes == Quotes::Kept) {
            out.push(self.escape);
        }
        out.push(next);
        &after[next.len_utf8()..]
    }

    /// `text` begins behind the `$`; gives back what follows the variable.
    fn variable<'t>(&self, text: &'t str, out: &mut String, depth: u32) -> Result<&'t str, String> {
        let Some(inner) = text.strip_prefix('{') else {
            let end = name_end(text);
            match &text[..end] {
                "" => out.push('$'),
                name => out.push_str(self.get(name).unwrap_or_default()),
            }
            return Ok(&text[end..]);
        };
        let close = closing(inner).ok_or("`${` is not closed")?;
        let (name, operator) = inner[..close].split_at(name_end(&inner[..close]));
        if name.is_empty() {
            return Err(format!(
                "`${{{}}}` names no variable",
                shown(&inner[..close])
            ));
        }
        let value = self.substitute(name, operator, depth)?;
        out.push_str(&value);
        Ok(&inner[close + 1..])
    }

    fn substitute(&self, name: &str, operator: &str, depth: u32) -> Result<String, String> {
        let set = self.get(name);
        let filled = set.filter(|value| !value.is_empty());
        let other =
            |word: &str| Ok::<_, String>(self.expand(word, Quotes::Removed, depth + 1)?.concat());
        if operator.is_empty() {
            return Ok(set.unwrap_or_default().to_string());
        }
        if let Some(word) = operator.strip_prefix(":-") {
            return filled.map_or_else(|| other(word), |value| Ok(value.to_string()));
        }
        if let Some(word) = operator.strip_prefix('-') {
            return set.map_or_else(|| other(word), |value| Ok(value.to_string()));
        }
        if let Some(word) = operator.strip_prefix(":+") {
            return filled.map_or_else(|| Ok(String::new()), |_| other(word));
        }
        if let Some(word) = operator.strip_prefix('+') {
            return set.map_or_else(|| Ok(String::new()), |_| other(word));
        }
        let required = match operator.strip_prefix(":?") {
            Some(word) => Some((word, filled)),
            None => operator.strip_prefix('?').map(|word| (word, set)),
        };
        match required {
            Some((_, Some(value))) => Ok(value.to_string()),
            Some((word, None)) => Err(format!("{name} is not set: {}", other(word)?)),
            None => Err(format!(
                "`${{{name}{}}}` uses an operator that is not followed; known are - + ? with or without :",
                shown(operator)
            )),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    Removed,
    Kept,
}

fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

fn name_end(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len())
}

/// Where the `}` is that belongs to the `${` before `text`.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '{' if before == '$' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
        before = c;
    }
    None
}

/// Splits at blanks outside of quotes; quotes and escapes stay.
pub(super) fn split(text: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match quote {
            None if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            None if matches!(c, '\'' | '"') => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => {}
        }
        word.push(c);
        if c == escape && quote != Some('\'') {
            word.extend(chars.next());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_as_the_reference_says() {
        let env = BTreeMap::from([
            ("A".to_string(), "one".to_string()),
            ("E".to_string(), String::new()),
        ]);
        let args = BTreeMap::from([
            ("A".to_string(), "hidden".to_string()),
            ("B".to_string(), "two".to_string()),
        ]);
        let scope = Scope {
            env: &env,
            args: &args,
            escape: '\\',
        };
        for (text, value) in [
            ("$A-$B-$C.", "one-two-."),
            ("${A}x${C:-y}", "onexy"),
            ("${E:-y}${E-n}", "y"),
            ("${A:+set}${C:+no}${E+set}", "setset"),
            ("${C:-${B:-x}}", "two"),
            (r"\$A \${A}", "$A ${A}"),
            ("'$A' \"$A b\"", "$A one b"),
            ("${A:?must}", "one"),
            ("a$", "a$"),
            (r"a\ b", "a b"),
            (r#""a\"b\n""#, r#"a"b\n"#),
        ] {
            assert_eq!(scope.word(text).as_deref(), Ok(value), "{text}");
        }
        for text in ["${A", "${}", "${C:?say}", "${A#x}", "\"x"] {
            assert!(scope.word(text).is_err(), "{text}");
        }
        assert_eq!(
            scope.words(r#"a="$A b" c=\ d"#),
            Ok(vec!["a=one b".into(), "c= d".into()])
        );
    }
}
