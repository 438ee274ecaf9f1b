//! The words of an action, which is what stands between `{{` and `}}`.

use super::value::Value;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word {
    /// `.`, `.a`, `.a.b`
    Field(Vec<String>),
    /// `$`, `$x`, `$x.a`
    Variable(String, Vec<String>),
    Name(String),
    Value(Value),
    Open,
    /// With the fields that follow: `(fromJson .x).a`
    Close(Vec<String>),
    Pipe,
    Comma,
    /// `:=`
    Declare,
    /// `=`
    Assign,
}

/// A part of a template.
pub(super) enum Piece<'a> {
    Text(&'a str),
    Action(Vec<Word>),
}

/// Texts and actions in order. `{{-` and `-}}` take the space beside them away.
pub(super) fn pieces(template: &str) -> Result<Vec<Piece<'_>>, String> {
    let (mut rest, mut pieces, mut trim_next) = (template, Vec::new(), false);
    loop {
        let (text, action) = match rest.split_once("{{") {
            Some((text, action)) => (text, Some(action)),
            None => (rest, None),
        };
        let trims = |action: &str| {
            action.starts_with('-') && action[1..].starts_with(|c: char| c.is_ascii_whitespace())
        };
        let mut text = if trim_next { text.trim_start() } else { text };
        if action.is_some_and(trims) {
            text = text.trim_end();
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        let Some(action) = action else {
            return Ok(pieces);
        };
        let action = if trims(action) { &action[1..] } else { action };
        if let Some(comment) = action.trim_start().strip_prefix("/*") {
            let after = comment
                .split_once("*/")
                .map(|(_, after)| after.trim_start());
            let after = after.ok_or("a comment has no end; expected */}}")?;
            trim_next = after.starts_with("-}}");
            rest = after
                .trim_start_matches('-')
                .strip_prefix("}}")
                .ok_or("a comment is not alone in its braces; expected {{/* ... */}}")?;
            continue;
        }
        let (words, after, trim) = words(action)?;
        pieces.push(Piece::Action(words));
        (rest, trim_next) = (after, trim);
    }
}

/// The words to the closing braces, what follows them, and whether space is to be taken away there.
fn words(action: &str) -> Result<(Vec<Word>, &str, bool), String> {
    let (mut rest, mut words) = (action, Vec::new());
    loop {
        let spaced = rest.trim_start();
        if let Some(after) = spaced.strip_prefix("}}") {
            return Ok((words, after, false));
        }
        if let Some(after) = spaced
            .strip_prefix("-}}")
            .filter(|_| spaced.len() < rest.len())
        {
            return Ok((words, after, true));
        }
        let (word, after) = word(spaced)?;
        words.push(word);
        rest = after;
    }
}

fn word(rest: &str) -> Result<(Word, &str), String> {
    let Some(first) = rest.chars().next() else {
        return Err("an action has no end; expected }}".to_owned());
    };
    let signs = [
        (":=", Word::Declare),
        ("=", Word::Assign),
        ("(", Word::Open),
        ("|", Word::Pipe),
        (",", Word::Comma),
    ];
    if let Some((sign, word)) = signs.into_iter().find(|(sign, _)| rest.starts_with(sign)) {
        return Ok((word, &rest[sign.len()..]));
    }
    match first {
        ')' => {
            let (fields, after) = fields(&rest[1..]);
            Ok((Word::Close(fields), after))
        }
        '"' | '`' => text(rest, first),
        '\'' => {
            let mut chars = rest[1..].chars();
            match (chars.next(), chars.next()) {
                (Some(c), Some('\'')) if c != '\\' => {
                    let code = Value::Int(i64::from(u32::from(c)));
                    Ok((Word::Value(code), &rest[c.len_utf8() + 2..]))
                }
                _ => Err("a character has no end; expected 'x'".to_owned()),
            }
        }
        '$' => {
            let end = name_length(&rest[1..]) + 1;
            let (fields, after) = fields(&rest[end..]);
            Ok((Word::Variable(rest[1..end].to_owned(), fields), after))
        }
        '.' if !rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
            let (fields, after) = fields(rest);
            let after = if fields.is_empty() { &rest[1..] } else { after };
            Ok((Word::Field(fields), after))
        }
        '0'..='9' | '.' | '+' | '-' => number(rest),
        _ if name_length(rest) > 0 => {
            let (name, after) = rest.split_at(name_length(rest));
            let word = match name {
                "true" => Word::Value(Value::Bool(true)),
                "false" => Word::Value(Value::Bool(false)),
                "nil" => Word::Value(Value::Nil),
                _ => Word::Name(name.to_owned()),
            };
            Ok((word, after))
        }
        _ => Err(format!("the character {first} means nothing in an action")),
    }
}

fn name_length(rest: &str) -> usize {
    rest.find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(rest.len())
}

/// `.a.b` at the beginning of a text.
fn fields(mut rest: &str) -> (Vec<String>, &str) {
    let mut fields = Vec::new();
    while let Some(name) = rest.strip_prefix('.') {
        let length = name_length(name);
        if length == 0 {
            break;
        }
        fields.push(name[..length].to_owned());
        rest = &name[length..];
    }
    (fields, rest)
}

fn text(rest: &str, quote: char) -> Result<(Word, &str), String> {
    let mut escaped = false;
    let end = rest.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == quote && !escaped;
        escaped = quote == '"' && *c == '\\' && !escaped;
        ends
    });
    let (quoted, after) = match end {
        Some((at, _)) => rest.split_at(at + 1),
        None => return Err(format!("a text has no end; expected {quote}")),
    };
    let unquoted = crate::quote::unquote(quoted).and_then(|bytes| String::from_utf8(bytes).ok());
    match unquoted {
        Some(text) => Ok((Word::Value(Value::Text(text)), after)),
        None => Err(format!("{quoted} has an escape that means nothing")),
    }
}

fn number(rest: &str) -> Result<(Word, &str), String> {
    let of_number = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
    let sign = usize::from(rest.starts_with(['+', '-']));
    let mut end = rest[sign..]
        .find(|c| !of_number(c))
        .map_or(rest.len(), |end| end + sign);
    if rest[..end].ends_with(['e', 'E']) && rest[end..].starts_with(['+', '-']) {
        let digits = rest[end + 1..].find(|c: char| !c.is_ascii_digit());
        end = digits.map_or(rest.len(), |digits| end + 1 + digits);
    }
    let (text, after) = rest.split_at(end);
    if let Ok(value) = text.parse() {
        return Ok((Word::Value(Value::Int(value)), after));
    }
    match crate::number::parse(text) {
        Some(value) if value.fract() == 0.0 && !text.contains(['.', 'e', 'E']) => {
            Ok((Word::Value(Value::Int(value as i64)), after))
        }
        Some(value) => Ok((Word::Value(Value::Float(value)), after)),
        None => Err(format!("{text} is no number")),
    }
}
