//! What a case expects.

use ondol_query::promql::DescribedValue;
use ondol_query::{Labels, MatchOp, Matcher};

use super::script::{Described, time};

/// How a text must look.
pub(super) enum Text {
    Any,
    Exactly(String),
    Like(Matcher),
}

impl Text {
    pub(super) fn fits(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(exact) => exact == text,
            Self::Like(pattern) => pattern.matches(text),
        }
    }

    fn like(pattern: &str) -> Result<Self, String> {
        // Matchers match whole texts; this one is to be found anywhere.
        Matcher::new("text", MatchOp::Matches, &format!(".*(?:{pattern}).*"))
            .map(Self::Like)
            .map_err(|error| error.to_string())
    }

    pub(super) fn shown(&self) -> &str {
        match self {
            Self::Any => "any",
            Self::Exactly(text) => text,
            Self::Like(pattern) => pattern.value(),
        }
    }
}

/// Times of the values of a range.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) from: i64,
    pub(super) step: i64,
}

#[derive(Default)]
pub(super) struct Expectations {
    pub(super) fail: Vec<Text>,
    pub(super) warn: Vec<Text>,
    pub(super) info: Vec<Text>,
    pub(super) no_warn: bool,
    pub(super) no_info: bool,
    pub(super) ordered: bool,
    pub(super) string: Option<String>,
    pub(super) range: Option<Span>,
    /// A number without a series.
    pub(super) number: Option<f64>,
    pub(super) series: Vec<Described>,
}

/// What a line of a case is.
pub(super) enum Line {
    Expectation,
    Series,
}

impl Expectations {
    /// What the name of the command says.
    pub(super) fn of_command(word: &str) -> Result<Self, String> {
        let mut expected = Self::default();
        match word {
            "eval" => {}
            "eval_fail" => expected.fail.push(Text::Any),
            "eval_warn" => expected.warn.push(Text::Any),
            "eval_info" => expected.info.push(Text::Any),
            "eval_ordered" => expected.ordered = true,
            _ => return Err(format!("{word:?} is no command")),
        }
        Ok(expected)
    }

    pub(super) fn read(&mut self, line: &str) -> Result<Line, String> {
        if let Some(message) = line.strip_prefix("expected_fail_message") {
            self.fail = vec![Text::Exactly(message.trim().to_owned())];
        } else if let Some(pattern) = line.strip_prefix("expected_fail_regexp") {
            self.fail = vec![Text::like(pattern.trim())?];
        } else if let Some(rest) = line.strip_prefix("expect ") {
            self.expect(rest.trim())?;
        } else if let Ok(number) = number(line) {
            self.number = Some(number);
        } else {
            return Ok(Line::Series);
        }
        Ok(Line::Expectation)
    }

    pub(super) fn push_series(&mut self, series: (Labels, Vec<DescribedValue>)) {
        self.series.push(series);
    }

    fn expect(&mut self, rest: &str) -> Result<(), String> {
        if let Some(span) = rest.strip_prefix("range vector") {
            self.range = Some(span_of(span)?);
            return Ok(());
        }
        let (kind, text) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
        let text = text.trim();
        match kind {
            "fail" => self.fail.push(text_of(text)?),
            "warn" => self.warn.push(text_of(text)?),
            "info" => self.info.push(text_of(text)?),
            "no_warn" => self.no_warn = true,
            "no_info" => self.no_info = true,
            "ordered" => self.ordered = true,
            "string" => self.string = Some(unquoted(text)?),
            _ => return Err(format!("expect {kind:?} is not known")),
        }
        Ok(())
    }
}

fn number(line: &str) -> Result<f64, String> {
    if line.contains([' ', '{', '\t']) {
        return Err("not only a number".to_owned());
    }
    match ondol_query::promql::describe_series(&format!("x {line}")) {
        Ok((_, values)) => match values.as_slice() {
            [
                DescribedValue {
                    value: Some(ondol_query::Value::Float(value)),
                    ..
                },
            ] => Ok(*value),
            _ => Err("not a number".to_owned()),
        },
        Err(reason) => Err(reason),
    }
}

fn text_of(text: &str) -> Result<Text, String> {
    if text.is_empty() {
        return Ok(Text::Any);
    }
    // Quotes around the whole are not part of it.
    let bare = |text: &str| {
        let text = text.trim();
        let inner = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'));
        inner.unwrap_or(text).to_owned()
    };
    if let Some(message) = text.strip_prefix("msg:") {
        return Ok(Text::Exactly(bare(message)));
    }
    match text.strip_prefix("regex:") {
        Some(pattern) => Text::like(&bare(pattern)),
        None => Err(format!("expected msg: or regex:, got {text:?}")),
    }
}

fn unquoted(text: &str) -> Result<String, String> {
    match ondol_query::promql::parse(text, ondol_query::promql::Features::ALL) {
        Ok(ondol_query::promql::Expr::String(literal)) => Ok(literal.text().into_owned()),
        _ => Err(format!("expected a string in quotes, got {text:?}")),
    }
}

fn span_of(text: &str) -> Result<Span, String> {
    match text.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["from", from, "to", _, "step", step] => Ok(Span {
            from: time(from)?,
            step: time(step)?,
        }),
        _ => Err(format!("expected a range, got {text:?}")),
    }
}
