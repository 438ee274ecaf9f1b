//! The words of the language.

use super::operator::{Aggregation, BinaryOp};

/// A word of a query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// What a word is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    End,
    /// The text goes on, but not as this language. Says why.
    Wrong(String),
    Identifier,
    /// An identifier with a colon, which only metrics have.
    MetricIdentifier,
    Number,
    Duration,
    String,
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Comma,
    Colon,
    /// `=`
    Equal,
    /// `=~`
    Matches,
    /// `!~`
    NotMatches,
    At,
    Op(BinaryOp),
    Aggregation(Aggregation),
    Word(Word),
}

/// Words with a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    Offset,
    Smoothed,
    Anchored,
    By,
    Without,
    On,
    Ignoring,
    GroupLeft,
    GroupRight,
    Fill,
    FillLeft,
    FillRight,
    Bool,
    Start,
    End,
    Step,
    Range,
    MaxOf,
    MinOf,
}

const WORDS: [(&str, Word); 19] = [
    ("offset", Word::Offset),
    ("smoothed", Word::Smoothed),
    ("anchored", Word::Anchored),
    ("by", Word::By),
    ("without", Word::Without),
    ("on", Word::On),
    ("ignoring", Word::Ignoring),
    ("group_left", Word::GroupLeft),
    ("group_right", Word::GroupRight),
    ("fill", Word::Fill),
    ("fill_left", Word::FillLeft),
    ("fill_right", Word::FillRight),
    ("bool", Word::Bool),
    ("start", Word::Start),
    ("end", Word::End),
    ("step", Word::Step),
    ("range", Word::Range),
    ("max_of", Word::MaxOf),
    ("min_of", Word::MinOf),
];

impl Word {
    /// Words that are functions, or functions of durations, and mean it only where a parenthesis follows.
    pub(crate) const fn is_function(self) -> bool {
        matches!(
            self,
            Self::Start | Self::End | Self::Step | Self::Range | Self::MaxOf | Self::MinOf
        )
    }

    /// Words that are meant only where a parenthesis follows: metrics may already be called so.
    pub(crate) const fn needs_paren(self) -> bool {
        matches!(
            self,
            Self::Fill | Self::FillLeft | Self::FillRight | Self::MaxOf | Self::MinOf
        )
    }
}

/// What a word made of letters is. Case does not matter for words with a meaning.
pub(crate) fn of_letters(text: &str) -> Kind {
    let lower = text.to_ascii_lowercase();
    let operator = match lower.as_str() {
        "and" => Some(BinaryOp::And),
        "or" => Some(BinaryOp::Or),
        "unless" => Some(BinaryOp::Unless),
        "atan2" => Some(BinaryOp::Atan2),
        "inf" | "nan" => return Kind::Number,
        _ => None,
    };
    if let Some(op) = operator {
        return Kind::Op(op);
    }
    if let Some((_, aggregation)) = Aggregation::ALL.iter().find(|(name, _)| *name == lower) {
        return Kind::Aggregation(*aggregation);
    }
    if let Some((_, word)) = WORDS.iter().find(|(name, _)| *name == lower) {
        return Kind::Word(*word);
    }
    if text.contains(':') {
        Kind::MetricIdentifier
    } else {
        Kind::Identifier
    }
}

/// How an error calls it.
pub(crate) fn describe(kind: &Kind, text: &str) -> String {
    let quoted = crate::quote::Quoted(text).to_string();
    match kind {
        Kind::End => "end of input".to_owned(),
        Kind::Wrong(reason) => reason.clone(),
        Kind::Identifier => format!("identifier {quoted}"),
        Kind::MetricIdentifier => format!("metric identifier {quoted}"),
        Kind::Number => format!("number {}", short(text, quoted)),
        Kind::Duration => format!("duration {}", short(text, quoted)),
        Kind::String => format!("string {}", short(text, quoted)),
        Kind::Op(_) => format!("<op:{text}>"),
        Kind::At | Kind::Matches | Kind::NotMatches => format!("<op:{text}>"),
        Kind::Aggregation(_) => format!("<aggr:{text}>"),
        Kind::Word(word) if !word.is_function() => format!("<{text}>"),
        _ => short(text, quoted),
    }
}

fn short(text: &str, quoted: String) -> String {
    if text.len() <= 10 {
        return quoted;
    }
    let start: String = text.chars().take(10).collect();
    format!("{}...", crate::quote::Quoted(&start))
}
