//! How bad it is.

/// The levels that all libraries' levels fall into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Each step.
    Trace,
    /// For those who write the program.
    Debug,
    /// For those who run it.
    Info,
    /// It went on, but.
    Warn,
    /// Something failed.
    Error,
    /// It could not go on.
    Fatal,
}

/// A line without a field for it names its level near its beginning.
const TEXT_BYTES: usize = 96;

impl Level {
    /// From a word in any case, or from a number of pino or bunyan.
    pub fn from_word(word: &str) -> Option<Self> {
        const WORDS: [(&str, Level); 24] = [
            ("trace", Level::Trace),
            ("verbose", Level::Trace),
            ("debug", Level::Debug),
            ("dbg", Level::Debug),
            ("info", Level::Info),
            ("information", Level::Info),
            ("informational", Level::Info),
            ("inf", Level::Info),
            ("notice", Level::Info),
            ("log", Level::Info),
            ("warn", Level::Warn),
            ("warning", Level::Warn),
            ("wrn", Level::Warn),
            ("error", Level::Error),
            ("err", Level::Error),
            ("eror", Level::Error),
            ("severe", Level::Error),
            ("fatal", Level::Fatal),
            ("critical", Level::Fatal),
            ("crit", Level::Fatal),
            ("alert", Level::Fatal),
            ("emerg", Level::Fatal),
            ("emergency", Level::Fatal),
            ("panic", Level::Fatal),
        ];
        if let Some((_, level)) = WORDS
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(word))
        {
            return Some(*level);
        }
        match word.parse::<u32>().ok()? {
            10 => Some(Level::Trace),
            20 => Some(Level::Debug),
            30 => Some(Level::Info),
            40 => Some(Level::Warn),
            50 => Some(Level::Error),
            60 => Some(Level::Fatal),
            _ => None,
        }
    }

    /// From OTLP's `SeverityNumber`.
    pub fn from_number(number: u64) -> Option<Self> {
        match number {
            1..=4 => Some(Level::Trace),
            5..=8 => Some(Level::Debug),
            9..=12 => Some(Level::Info),
            13..=16 => Some(Level::Warn),
            17..=20 => Some(Level::Error),
            21..=24 => Some(Level::Fatal),
            _ => None,
        }
    }

    /// The first of OTLP's `SeverityNumber`s for it.
    pub fn number(self) -> u64 {
        match self {
            Level::Trace => 1,
            Level::Debug => 5,
            Level::Info => 9,
            Level::Warn => 13,
            Level::Error => 17,
            Level::Fatal => 21,
        }
    }

    /// As it is kept.
    pub fn word(self) -> &'static str {
        match self {
            Level::Trace => "trace",
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
            Level::Fatal => "fatal",
        }
    }
}

/// The level that a line names near its beginning: in capitals, in brackets, or before a colon.
pub(super) fn in_text(text: &str) -> Option<Level> {
    let head = text.as_bytes().get(..TEXT_BYTES).unwrap_or(text.as_bytes());
    let mut at = 0;
    for word in head.split(|byte| !byte.is_ascii_alphabetic()) {
        let end = at + word.len();
        let before = at.checked_sub(1).and_then(|at| head.get(at));
        let after = head.get(end);
        at = end + 1;
        let is_capital = word.iter().all(u8::is_ascii_uppercase);
        let is_framed = matches!(
            (before, after),
            (Some(b'['), Some(b']'))
                | (Some(b'<'), Some(b'>'))
                | (None | Some(b' ' | b'.'), Some(b':'))
        );
        if word.len() < 3 || !(is_capital || is_framed) || matches!(word, b"LOG" | b"ALERT") {
            continue;
        }
        let level = std::str::from_utf8(word).ok().and_then(Level::from_word);
        if level.is_some() {
            return level;
        }
    }
    None
}
