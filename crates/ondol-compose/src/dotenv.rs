//! Files of `KEY=value` lines: `.env`, `env_file` and `label_file`.

use std::path::Path;

use crate::budget::Budget;
use crate::findings::{Findings, error, warning};
use crate::interpolate::{Env, substitute};
use crate::tree::{NODE_WEIGHT, Span};
use crate::utf8::text_of;

/// How the lines of an environment file are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Quotes, comments, escapes and variables.
    Compose,
    /// `format: raw`: everything after `=` is the value.
    Raw,
}

/// The variables of a file, in order. One without `=` takes its value from `env`, or is left out.
/// `env` also gives the values of variables that are used in values, before those of the file itself.
pub(crate) fn parse(
    path: &Path,
    bytes: &[u8],
    format: Format,
    env: &Env,
    findings: &mut Findings,
    budget: &mut Budget,
) -> Env {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let Some((text, file)) = text_of(path, bytes, findings) else {
        return Env::new();
    };
    let mut reader = Reader {
        text,
        at: 0,
        file,
        format,
        outside: env,
        seen: env.clone(),
        own: Env::new(),
        findings,
        budget,
    };
    while reader.at < text.len() {
        reader.line();
    }
    reader.own
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    file: u32,
    format: Format,
    outside: &'a Env,
    /// What values may refer to: `outside` over the lines above.
    seen: Env,
    own: Env,
    findings: &'a mut Findings,
    budget: &'a mut Budget,
}

impl Reader<'_> {
    fn line(&mut self) {
        let start = self.at;
        let line = self.text[start..].lines().next().unwrap_or_default();
        let next = self.text[start..]
            .find('\n')
            .map_or(self.text.len(), |n| start + n + 1);
        self.at = next;
        let body = line.trim_start();
        if body.is_empty() || body.starts_with('#') {
            return;
        }
        let body = body.strip_prefix("export ").map_or(body, str::trim_start);
        let Some(split) = body.find(['=', ':']) else {
            let name = body.split([' ', '\t', '#']).next().unwrap_or_default();
            if self.name_is_good(name, start, line) {
                self.inherit(name);
            }
            return;
        };
        let name = body[..split].trim_end();
        if !self.name_is_good(name, start, line) {
            return;
        }
        let value_at = start + (line.len() - body.len()) + split + 1;
        let value = match self.format {
            Format::Raw => Some(body[split + 1..].to_owned()),
            Format::Compose => self.value(value_at),
        };
        if let Some(value) = value {
            let weight = NODE_WEIGHT + (name.len() + value.len()) as u64;
            let span = self.span(start, start + line.len());
            if !self.budget.take(weight, span, self.findings) {
                self.at = self.text.len();
                return;
            }
            if !self.outside.contains_key(name) {
                self.seen.insert(name.to_owned(), value.clone());
            }
            self.own.insert(name.to_owned(), value);
        }
    }

    fn inherit(&mut self, name: &str) {
        if let Some(value) = self.outside.get(name) {
            self.own.insert(name.to_owned(), value.clone());
        }
    }

    fn name_is_good(&mut self, name: &str, start: usize, line: &str) -> bool {
        let good = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | '[' | ']');
        let is_good = !name.is_empty() && name.chars().all(good);
        if !is_good {
            let span = self.span(start, start + line.len());
            self.findings.add(
                error("bad-env-line", "this line is not `NAME=value`")
                    .at(span)
                    .help("begin a comment with #; a value of several lines needs quotes"),
            );
        }
        is_good
    }

    /// The value that begins at `start`; a quoted one may reach over lines, and moves the reader.
    fn value(&mut self, start: usize) -> Option<String> {
        let line = self.text[start..].lines().next().unwrap_or_default();
        let value = line.trim_start_matches([' ', '\t']);
        let begin = start + line.len() - value.len();
        match value.chars().next() {
            Some(quote @ ('"' | '\'')) => self.quoted(begin + 1, quote),
            _ => {
                let comment = value
                    .char_indices()
                    .find(|(at, c)| *c == '#' && (*at == 0 || value[..*at].ends_with([' ', '\t'])));
                let value = comment.map_or(value, |(at, _)| &value[..at]);
                self.expand(value.trim_end(), begin)
            }
        }
    }

    fn quoted(&mut self, begin: usize, quote: char) -> Option<String> {
        let rest = &self.text[begin..];
        let mut escaped = false;
        let end = rest.char_indices().find(|(_, c)| {
            let closes = *c == quote && !escaped;
            escaped = *c == '\\' && !escaped && quote == '"';
            closes
        });
        let Some((length, _)) = end else {
            let span = self.span(begin - 1, begin);
            self.findings.add(
                error("bad-env-line", format!("this {quote} is never closed"))
                    .at(span)
                    .help(format!("end the value with {quote}, or leave both out")),
            );
            self.at = self.text.len();
            return None;
        };
        let after = begin + length + 1;
        let line_end = self.text[after..]
            .find('\n')
            .map_or(self.text.len(), |n| after + n + 1);
        self.at = self.at.max(line_end);
        let inside = &rest[..length];
        if quote == '\'' {
            return Some(inside.to_owned());
        }
        self.expand(&unescaped(inside), begin)
    }

    fn expand(&mut self, value: &str, begin: usize) -> Option<String> {
        if !value.contains('$') {
            return Some(value.to_owned());
        }
        let mut unset = Vec::new();
        let result = substitute(value, &self.seen, &mut unset);
        let span = self.span(begin, begin + value.len());
        for (name, _) in unset {
            if self.findings.unset.insert(name.clone()) {
                self.findings.add(
                    warning(
                        "unset-variable",
                        format!("the variable `{name}` is not set; nothing stands in its place"),
                    )
                    .at(span)
                    .help("write $$ for a dollar sign itself, or put the value in single quotes"),
                );
            }
        }
        result
            .map_err(|refusal| {
                self.findings.add(
                    error(refusal.code, refusal.message)
                        .at(span)
                        .help("put a value that contains $ in single quotes"),
                );
            })
            .ok()
    }

    fn span(&self, start: usize, end: usize) -> Span {
        let length = self.text.len();
        Span {
            file: self.file,
            start: start.min(length) as u32,
            end: end.min(length) as u32,
        }
    }
}

/// The escapes of a double-quoted value; `\$` is kept from being a variable.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('$') => out.push_str("$$"),
            Some(c @ ('"' | '\\' | '\'')) => out.push(c),
            Some(c) => out.extend(['\\', c]),
            None => out.push('\\'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Env, Vec<String>) {
        let mut findings = Findings::default();
        let env = [("HOST", "h"), ("SAME", "outside")];
        let env = env
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let own = parse(
            Path::new("/.env"),
            text.as_bytes(),
            Format::Compose,
            &env,
            &mut findings,
            &mut Budget::default(),
        );
        let said = findings
            .diagnostics
            .into_iter()
            .map(|d| d.message)
            .collect();
        (own, said)
    }

    #[test]
    fn lines_of_every_kind() {
        let (own, said) = read(concat!(
            "# comment\n\nA=1\nexport B = two words  # comment\nC=a#b\nD='$HOME #x'\n",
            "E=\"x\\ny $A ${HOST}\"\nF=\"two\nlines\" # end\nHOST\nNOWHERE\nG: yaml\nH=\nSAME=inside\nI=$SAME\r\n",
        ));
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "a#b"),
            ("D", "$HOME #x"),
            ("E", "x\ny 1 h"),
            ("F", "two\nlines"),
            ("G", "yaml"),
            ("H", ""),
            ("HOST", "h"),
            ("I", "outside"),
            ("SAME", "inside"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(own, expected.into());
        assert_eq!(said, Vec::<String>::new());
    }

    #[test]
    fn what_is_not_a_line_is_told() {
        let (own, said) = read("A B=1\nC='open\nD=2\n");
        assert_eq!(own, Env::new());
        assert_eq!(
            said,
            ["this line is not `NAME=value`", "this ' is never closed"]
        );
    }
}
