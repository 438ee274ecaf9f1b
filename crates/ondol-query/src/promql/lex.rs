//! Text to words.
//!
//! Inside of braces and brackets other words exist than outside: there, keywords are names, and letters are units.

mod number;
mod string;

use super::operator::BinaryOp;
use super::token::{Kind, Token, of_letters};

/// The words of a query, with one that says that it ends. After one that is wrong there are no more.
pub(crate) fn words(text: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        text,
        at: 0,
        in_braces: false,
        in_brackets: false,
        parens: 0,
    };
    let mut words = Vec::new();
    loop {
        let token = lexer.next();
        let last = matches!(token.kind, Kind::End | Kind::Wrong(_));
        words.push(token);
        if last {
            return words;
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    in_braces: bool,
    in_brackets: bool,
    parens: u32,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn next(&mut self) -> Token {
        self.skip_space();
        let start = self.at;
        let kind = match self.rest().chars().next() {
            None => self.end(),
            Some(c) => self.word(c),
        };
        Token {
            kind,
            start,
            end: self.at.max(start),
        }
    }

    /// Space and comments.
    fn skip_space(&mut self) {
        loop {
            let rest = self.rest().trim_start_matches([' ', '\t', '\n', '\r']);
            self.at = self.text.len() - rest.len();
            if !rest.starts_with('#') {
                return;
            }
            self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
        }
    }

    fn end(&self) -> Kind {
        let open = if self.in_braces {
            "unexpected end of input inside braces"
        } else if self.in_brackets && self.parens == 0 {
            "unclosed left bracket"
        } else if self.parens > 0 {
            "unclosed left parenthesis"
        } else {
            return Kind::End;
        };
        Kind::Wrong(open.to_owned())
    }

    fn word(&mut self, c: char) -> Kind {
        match c {
            '"' | '\'' => self.string(c),
            '`' => self.raw_string(),
            _ if self.in_braces => self.in_braces_word(c),
            '0'..='9' => self.number(),
            '.' if self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) => self.number(),
            '(' | ')' | '{' | '[' | ']' | ',' | '@' => self.bracket(c),
            ':' if self.in_brackets => self.take(1, Kind::Colon),
            'a'..='z' | 'A'..='Z' | '_' | ':' => self.letters(),
            _ => self.operator(c),
        }
    }

    fn take(&mut self, length: usize, kind: Kind) -> Kind {
        self.at += length;
        kind
    }

    fn bracket(&mut self, c: char) -> Kind {
        self.at += 1;
        match c {
            '(' => {
                self.parens += 1;
                Kind::LeftParen
            }
            ')' if self.parens == 0 => Kind::Wrong("unexpected right parenthesis ')'".to_owned()),
            ')' => {
                self.parens -= 1;
                Kind::RightParen
            }
            '{' => {
                self.in_braces = true;
                Kind::LeftBrace
            }
            '[' if self.in_brackets => Kind::Wrong("unexpected left bracket '['".to_owned()),
            '[' => {
                self.in_brackets = true;
                Kind::LeftBracket
            }
            ']' if !self.in_brackets => Kind::Wrong("unexpected right bracket ']'".to_owned()),
            ']' => {
                self.in_brackets = false;
                Kind::RightBracket
            }
            ',' => Kind::Comma,
            _ => Kind::At,
        }
    }

    fn operator(&mut self, c: char) -> Kind {
        let rest = self.rest();
        let long = [
            ("==", BinaryOp::Equal),
            ("!=", BinaryOp::NotEqual),
            ("<=", BinaryOp::LessEqual),
            (">=", BinaryOp::GreaterEqual),
            ("</", BinaryOp::TrimUpper),
            (">/", BinaryOp::TrimLower),
        ];
        if let Some((_, op)) = long.iter().find(|(text, _)| rest.starts_with(text)) {
            return self.take(2, Kind::Op(*op));
        }
        let after = rest.chars().nth(1);
        let op = match c {
            '+' => BinaryOp::Add,
            '-' => BinaryOp::Sub,
            '*' => BinaryOp::Mul,
            '/' => BinaryOp::Div,
            '%' => BinaryOp::Mod,
            '^' => BinaryOp::Pow,
            '<' => BinaryOp::Less,
            '>' => BinaryOp::Greater,
            '=' if after == Some('~') => {
                return Kind::Wrong("unexpected character after '=': '~'".to_owned());
            }
            '=' => return self.take(1, Kind::Equal),
            '!' => return Kind::Wrong(format!("unexpected character after '!': {}", show(after))),
            _ => return Kind::Wrong(format!("unexpected character: {}", show(Some(c)))),
        };
        self.take(1, Kind::Op(op))
    }

    fn in_braces_word(&mut self, c: char) -> Kind {
        let rest = self.rest();
        let known = [
            ("=~", Kind::Matches),
            ("!~", Kind::NotMatches),
            ("!=", Kind::Op(BinaryOp::NotEqual)),
            ("=", Kind::Equal),
            (",", Kind::Comma),
        ];
        if let Some((text, kind)) = known.into_iter().find(|(text, _)| rest.starts_with(text)) {
            return self.take(text.len(), kind);
        }
        match c {
            '}' => {
                self.in_braces = false;
                self.take(1, Kind::RightBrace)
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let length = letters(rest, |c| c.is_ascii_alphanumeric() || c == '_');
                self.take(length, Kind::Identifier)
            }
            '{' => Kind::Wrong("unexpected left brace '{'".to_owned()),
            '!' => Kind::Wrong(format!(
                "unexpected character after '!' inside braces: {}",
                show(rest.chars().nth(1))
            )),
            _ => Kind::Wrong(format!(
                "unexpected character inside braces: {}",
                show(Some(c))
            )),
        }
    }

    fn letters(&mut self) -> Kind {
        let rest = self.rest();
        let length = letters(rest, |c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
        let mut kind = of_letters(&rest[..length]);
        let followed = rest[length..]
            .trim_start_matches([' ', '\t', '\n', '\r'])
            .starts_with('(');
        if matches!(kind, Kind::Word(word) if word.needs_paren() && !followed) {
            kind = Kind::Identifier;
        }
        self.take(length, kind)
    }
}

fn letters(rest: &str, of_word: impl Fn(char) -> bool) -> usize {
    rest.find(|c| !of_word(c)).unwrap_or(rest.len())
}

/// A character as Go's `%q` shows it.
fn show(c: Option<char>) -> String {
    match c {
        None => "'\u{fffd}'".to_owned(),
        Some('\'') => "'\\''".to_owned(),
        Some('"') => "'\"'".to_owned(),
        Some(c) => {
            let quoted = crate::quote::Quoted(&c.to_string()).to_string();
            format!("'{}'", &quoted[1..quoted.len() - 1])
        }
    }
}
