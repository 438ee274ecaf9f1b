use std::fmt;
use std::ops::Range;

/// One thing that is wrong with a rule file: what, where, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// One sentence: what is there and what was expected.
    pub message: String,
    /// What to do next, if that is known.
    pub help: Option<String>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Bytes of the text that are to blame.
    pub bytes: Range<usize>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

/// Problems of one text, in the making.
pub(crate) struct Problems<'a> {
    text: &'a str,
    found: Vec<Problem>,
}

/// A file that is wrong in more places is told enough.
const PROBLEMS_MAX: usize = 100;

impl<'a> Problems<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let found = Vec::new();
        Problems { text, found }
    }

    pub(crate) fn add(&mut self, bytes: Range<usize>, message: impl Into<String>) {
        self.add_with(bytes, message, None);
    }

    pub(crate) fn add_with(
        &mut self,
        bytes: Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        if self.found.len() >= PROBLEMS_MAX {
            return;
        }
        let before = self.text.get(..bytes.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        self.found.push(Problem {
            message: message.into(),
            help,
            line: before.matches('\n').count() as u32 + 1,
            column: before[line_start..].chars().count() as u32 + 1,
            bytes,
        });
    }

    pub(crate) fn into_vec(self) -> Vec<Problem> {
        self.found
    }
}
