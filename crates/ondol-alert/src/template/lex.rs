//! Template text to pieces, and what stands in `{{ }}` to tokens.

use crate::template::TemplateError;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece<'a> {
    Text(&'a str),
    Action(Vec<(Token, usize)>, usize),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Word(String),
    /// `.name`; whether it stands directly behind what is before it.
    Field(String, bool),
    Dot,
    /// `$name`, without the sign.
    Variable(String),
    Text(String),
    Whole(i64),
    Number(f64),
    Open,
    /// `)`
    Close,
    Pipe,
    Comma,
    Declare,
    Assign,
}

/// Splits a template at its actions. Comments are left out, `{{-` and `-}}` take the space beside them.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, TemplateError> {
    let mut pieces = Vec::new();
    let (mut at, mut trim_left) = (0, false);
    while at < text.len() {
        let rest = &text[at..];
        let open = rest.find("{{");
        let mut literal = &rest[..open.unwrap_or(rest.len())];
        if trim_left {
            literal = literal.trim_start();
        }
        let Some(open) = open.map(|open| at + open) else {
            pieces.push(Piece::Text(literal));
            break;
        };
        let mut begin = open + 2;
        if text[begin..].starts_with('-') && text[begin + 1..].starts_with(char::is_whitespace) {
            literal = literal.trim_end();
            begin += 1;
        }
        pieces.push(Piece::Text(literal));
        let inside = text[begin..].trim_start();
        let mut scan = Scan {
            text,
            at: text.len() - inside.len(),
            tokens: Vec::new(),
        };
        let is_comment = inside.starts_with("/*");
        match is_comment {
            true => scan.comment(open)?,
            false => scan.action(open)?,
        }
        trim_left = text[scan.at..].starts_with('-');
        at = scan.at + usize::from(trim_left) + 2;
        if !is_comment {
            pieces.push(Piece::Action(scan.tokens, open));
        }
    }
    Ok(pieces)
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<(Token, usize)>,
}

impl Scan<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn is_at_end(&self) -> bool {
        let rest = self.rest();
        rest.starts_with("}}") || rest.starts_with("-}}")
    }

    fn comment(&mut self, open: usize) -> Result<(), TemplateError> {
        let unclosed = || wrong(open, "this comment is not closed by `*/}}`");
        let end = self.rest().find("*/").ok_or_else(unclosed)?;
        self.at += end + 2;
        self.space();
        match self.is_at_end() {
            true => Ok(()),
            false => Err(unclosed()),
        }
    }

    fn action(&mut self, open: usize) -> Result<(), TemplateError> {
        loop {
            let spaced = self.space() || self.tokens.is_empty();
            let at = self.at;
            if self.is_at_end() && (self.rest().starts_with('}') || spaced) {
                return Ok(());
            }
            let Some(first) = self.rest().chars().next() else {
                return Err(wrong(open, "this action is not closed by `}}`"));
            };
            let token = match first {
                '"' => self.quoted()?,
                '`' => self.raw()?,
                '\'' => self.character()?,
                '0'..='9' | '+' | '-' => self.number()?,
                '.' if self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                    self.number()?
                }
                '.' => match self.word_behind(1) {
                    word if word.is_empty() => Token::Dot,
                    word => Token::Field(word, !spaced),
                },
                '$' => Token::Variable(self.word_behind(1)),
                '(' => self.sign(1, Token::Open),
                ')' => self.sign(1, Token::Close),
                '|' => self.sign(1, Token::Pipe),
                ',' => self.sign(1, Token::Comma),
                ':' if self.rest().starts_with(":=") => self.sign(2, Token::Declare),
                '=' => self.sign(1, Token::Assign),
                c if c.is_alphabetic() || c == '_' => Token::Word(self.word_behind(0)),
                c => return Err(wrong(at, &format!("`{c}` means nothing here"))),
            };
            self.tokens.push((token, at));
        }
    }

    fn space(&mut self) -> bool {
        let trimmed = self.rest().trim_start();
        let at = self.text.len() - trimmed.len();
        let moved = at > self.at;
        self.at = at;
        moved
    }

    fn sign(&mut self, length: usize, token: Token) -> Token {
        self.at += length;
        token
    }

    fn word_behind(&mut self, skipped: usize) -> String {
        self.at += skipped;
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        let word = rest[..end.unwrap_or(rest.len())].to_owned();
        self.at += word.len();
        word
    }

    fn number(&mut self) -> Result<Token, TemplateError> {
        let (at, rest) = (self.at, self.rest());
        let is_part = |(index, c): (usize, char)| {
            c.is_ascii_alphanumeric()
                || matches!(c, '.' | '_')
                || (matches!(c, '+' | '-') && (index == 0 || rest[..index].ends_with(['e', 'E'])))
        };
        let end = rest.char_indices().find(|part| !is_part(*part));
        let text = &rest[..end.map_or(rest.len(), |(at, _)| at)];
        let digits = text.replace('_', "");
        let hex = digits.strip_prefix("0x").or(digits.strip_prefix("0X"));
        let token = match hex {
            Some(hex) => i64::from_str_radix(hex, 16).ok().map(Token::Whole),
            None => match digits.parse::<i64>() {
                Ok(whole) => Some(Token::Whole(whole)),
                Err(_) => digits.parse::<f64>().ok().map(Token::Number),
            },
        };
        let token = token.ok_or_else(|| wrong(at, &format!("`{text}` is not a number")))?;
        self.at += text.len();
        Ok(token)
    }

    fn raw(&mut self) -> Result<Token, TemplateError> {
        let at = self.at;
        let end = self.rest()[1..].find('`');
        let end = end.ok_or_else(|| wrong(at, "this text is not closed by a backquote"))?;
        let text = self.rest()[1..=end].to_owned();
        self.at += end + 2;
        Ok(Token::Text(text))
    }

    fn quoted(&mut self) -> Result<Token, TemplateError> {
        let text = self.until('"')?;
        Ok(Token::Text(text))
    }

    /// Go's runes are numbers.
    fn character(&mut self) -> Result<Token, TemplateError> {
        let at = self.at;
        let text = self.until('\'')?;
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) => Ok(Token::Whole(i64::from(u32::from(c)))),
            _ => Err(wrong(
                at,
                "single quotes hold one character; text needs double ones",
            )),
        }
    }

    /// What stands between two of these quotes, escapes resolved.
    fn until(&mut self, quote: char) -> Result<String, TemplateError> {
        let (begin, mut text) = (self.at, String::new());
        let unclosed = || wrong(begin, &format!("this text is not closed by `{quote}`"));
        self.at += 1;
        loop {
            let c = self.rest().chars().next().ok_or_else(unclosed)?;
            let at = self.at;
            self.at += c.len_utf8();
            match c {
                '\n' => return Err(unclosed()),
                '\\' => {
                    let c = self
                        .escape()
                        .ok_or_else(|| wrong(at, "this is no escape that Go knows"))?;
                    text.push(c);
                }
                c if c == quote => return Ok(text),
                c => text.push(c),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        let digits = match c {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            'n' => return Some('\n'),
            't' => return Some('\t'),
            'r' => return Some('\r'),
            'a' => return Some('\u{7}'),
            'b' => return Some('\u{8}'),
            'f' => return Some('\u{c}'),
            'v' => return Some('\u{b}'),
            '\\' | '"' | '\'' => return Some(c),
            _ => return None,
        };
        let code = u32::from_str_radix(self.rest().get(..digits)?, 16).ok()?;
        self.at += digits;
        char::from_u32(code)
    }
}

pub(super) fn wrong(at: usize, message: &str) -> TemplateError {
    let message = message.to_owned();
    TemplateError { message, at }
}
