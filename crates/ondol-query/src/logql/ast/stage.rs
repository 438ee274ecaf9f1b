//! What is done with a line.

use crate::Matcher;
use crate::logql::{IpRange, LinePattern, Path, Regex, Template};

/// A stage of a pipeline.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// `|= "text"`
    Line(LineFilter),
    /// `| json`, perhaps only these: `| json ua="request.headers[\"User-Agent\"]"`
    Json(Vec<Extraction<Path>>),
    /// `| logfmt --strict --keep-empty host, ip="fwd"`
    Logfmt {
        /// Whether a malformed pair is an error.
        strict: bool,
        /// Whether keys without a value are labels.
        keep_empty: bool,
        /// Perhaps only these.
        only: Vec<Extraction<String>>,
    },
    /// `| pattern "<ip> - <_>"`
    Pattern(LinePattern),
    /// `| regexp "(?P<status>\\d+)"`
    Regexp(Regex),
    /// `| unpack`
    Unpack,
    /// `| decolorize`
    Decolorize,
    /// `| status >= 400`
    Label(LabelFilter),
    /// `| line_format "{{.a}}"`
    LineFormat(Template),
    /// `| label_format a=b, c="{{.d}}"`
    LabelFormat(Vec<LabelFormat>),
    /// `| drop a, b="x"`
    Drop(Vec<Pick>),
    /// `| keep a, b="x"`
    Keep(Vec<Pick>),
}

/// How a line is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineOp {
    /// `|=`
    Contains,
    /// `!=`
    ContainsNot,
    /// `|~`
    Matches,
    /// `!~`
    MatchesNot,
    /// `|>`
    Fits,
    /// `!>`
    FitsNot,
}

impl LineOp {
    pub(in crate::logql) const ALL: [(&'static str, Self); 6] = [
        ("|=", Self::Contains),
        ("!=", Self::ContainsNot),
        ("|~", Self::Matches),
        ("!~", Self::MatchesNot),
        ("|>", Self::Fits),
        ("!>", Self::FitsNot),
    ];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, op)| *op == self);
        found.map_or("", |(text, _)| text)
    }

    /// Whether a line must not be so.
    #[must_use]
    pub const fn is_negated(self) -> bool {
        matches!(self, Self::ContainsNot | Self::MatchesNot | Self::FitsNot)
    }
}

/// `|= "a" or "b"`: lines with one of them; negated, lines with none of them.
#[derive(Debug, Clone, PartialEq)]
pub struct LineFilter {
    /// How.
    pub op: LineOp,
    /// For what, one at least.
    pub needles: Vec<Needle>,
}

/// What is looked for in a line.
#[derive(Debug, Clone, PartialEq)]
pub enum Needle {
    /// A text.
    Text(String),
    /// A regular expression.
    Regex(Regex),
    /// A pattern over the whole line.
    Pattern(LinePattern),
    /// An address.
    Ip(IpRange),
}

impl Needle {
    fn is_in(&self, line: &str) -> bool {
        match self {
            Self::Text(text) => line.contains(text.as_str()),
            Self::Regex(regex) => regex.is_match(line),
            Self::Pattern(pattern) => pattern.matches(line),
            Self::Ip(range) => range.is_in(line),
        }
    }
}

impl LineFilter {
    /// Whether a line passes.
    #[must_use]
    pub fn passes(&self, line: &str) -> bool {
        self.needles.iter().any(|needle| needle.is_in(line)) != self.op.is_negated()
    }
}

/// A label and where its value is found.
#[derive(Debug, Clone, PartialEq)]
pub struct Extraction<P> {
    /// The label.
    pub label: String,
    /// What it is in the line.
    pub from: P,
}

/// A condition on labels.
#[derive(Debug, Clone, PartialEq)]
pub enum LabelFilter {
    /// `level=~"warn|error"`
    Text(Matcher),
    /// `status >= 400`
    Value(Comparison),
    /// `addr = ip("10.0.0.0/8")`
    Ip {
        /// The label.
        label: String,
        /// Whether it must not be one of them.
        negated: bool,
        /// The addresses.
        range: IpRange,
    },
    /// `a and b`
    And(Box<[LabelFilter; 2]>),
    /// `a or b`
    Or(Box<[LabelFilter; 2]>),
}

/// A label that is compared as a number, a duration or a size.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The label.
    pub label: String,
    /// How.
    pub test: Test,
    /// With what.
    pub with: Compared,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
}

impl Test {
    pub(in crate::logql) const ALL: [(&'static str, Self); 7] = [
        ("==", Self::Equal),
        ("=", Self::Equal),
        ("!=", Self::NotEqual),
        (">=", Self::GreaterEqual),
        (">", Self::Greater),
        ("<=", Self::LessEqual),
        ("<", Self::Less),
    ];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, test)| *test == self);
        found.map_or("", |(text, _)| text)
    }

    /// Whether two values pass.
    #[must_use]
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Greater => left > right,
            Self::GreaterEqual => left >= right,
            Self::Less => left < right,
            Self::LessEqual => left <= right,
        }
    }
}

/// What a label is compared with; says how the label is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Compared {
    /// A number.
    Number(f64),
    /// A duration in nanoseconds.
    Duration(i64),
    /// A size in bytes.
    Bytes(u64),
}

/// A label that is set.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelFormat {
    /// The label.
    pub label: String,
    /// What it becomes.
    pub to: Format,
}

/// What a label becomes.
#[derive(Debug, Clone, PartialEq)]
pub enum Format {
    /// The value of another label, which goes away.
    Rename(String),
    /// What a template makes.
    Template(Template),
}

/// Labels that are kept or dropped: by name, or only with such a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Pick {
    /// By name.
    Name(String),
    /// Only when the value passes.
    Matching(Matcher),
}

impl Pick {
    /// Whether a label of this name and value is meant.
    #[must_use]
    pub fn takes(&self, name: &str, value: &str) -> bool {
        match self {
            Self::Name(picked) => picked == name,
            Self::Matching(matcher) => matcher.name() == name && matcher.matches(value),
        }
    }
}
