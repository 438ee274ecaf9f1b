//! A page, line by line.

use super::error::Mistake;
use super::labels::{Labels, Text};
use super::sample::{reading, sample};
use super::scan::Scan;
use super::{ExpositionError, Format};

/// What a family of metrics is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until it starts anew.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations counted in buckets, as counters.
    Histogram,
    /// The same of what is there now.
    GaugeHistogram,
    /// Quantiles that the service computed.
    Summary,
    /// Labels that are the message; the value is 1.
    Info,
    /// Named booleans.
    StateSet,
    /// Nobody said.
    Unknown,
}

impl Kind {
    /// The word that both formats write, `unknown` where they differ.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::GaugeHistogram => "gaugehistogram",
            Kind::Summary => "summary",
            Kind::Info => "info",
            Kind::StateSet => "stateset",
            Kind::Unknown => "unknown",
        }
    }

    fn of_word(word: &str, format: Format) -> Option<Self> {
        const KINDS: [Kind; 8] = [
            Kind::Counter,
            Kind::Gauge,
            Kind::Histogram,
            Kind::GaugeHistogram,
            Kind::Summary,
            Kind::Info,
            Kind::StateSet,
            Kind::Unknown,
        ];
        if format == Format::Text && word == "untyped" {
            return Some(Kind::Unknown);
        }
        KINDS.into_iter().find(|kind| kind.word() == word)
    }
}

/// One line of a page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Line<'a> {
    /// What a family is about.
    Help {
        /// The name of the family.
        family: Text<'a>,
        /// In words.
        text: Text<'a>,
    },
    /// What a family is.
    Type {
        /// The name of the family.
        family: Text<'a>,
        /// What it is.
        kind: Kind,
    },
    /// What a family is measured in.
    Unit {
        /// The name of the family.
        family: Text<'a>,
        /// Also the end of its name; may be empty.
        unit: &'a str,
    },
    /// A value.
    Sample(Sample<'a>),
    /// Nothing that means anything; only in the older text.
    Comment,
    /// `# EOF`
    End,
}

/// A value at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample<'a> {
    /// Name and labels exactly as they stand there: the key of whoever remembers them.
    pub series: &'a str,
    /// The name of the metric.
    pub name: Text<'a>,
    /// Its labels.
    pub labels: Labels<'a>,
    /// What stands behind them.
    pub reading: Reading<'a>,
}

/// The right half of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading<'a> {
    /// The value.
    pub value: f64,
    /// When it was so, in seconds since 1970, where the page says it.
    pub at_seconds: Option<f64>,
    /// One observation behind it.
    pub exemplar: Option<Exemplar<'a>>,
}

impl Reading<'_> {
    /// When it was so, in milliseconds since 1970.
    pub fn at_ms(&self) -> Option<i64> {
        // A moment beyond the range of `i64` is cut off at its ends by `as`.
        self.at_seconds
            .map(|seconds| (seconds * 1000.0).round() as i64)
    }
}

/// One observation, with what leads to its trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exemplar<'a> {
    /// Usually `trace_id`.
    pub labels: Labels<'a>,
    /// What was observed.
    pub value: f64,
    /// When, in seconds since 1970.
    pub at_seconds: Option<f64>,
}

/// The lines of a page, each with its number. The first mistake ends them.
pub struct Lines<'a> {
    rest: &'a str,
    number: usize,
    format: Format,
    failed: bool,
}

impl<'a> Lines<'a> {
    /// Of a page that is UTF-8.
    pub fn new(page: &'a str, format: Format) -> Self {
        Lines {
            rest: page,
            number: 0,
            format,
            failed: false,
        }
    }

    /// Of a page that may be anything.
    pub fn of_bytes(page: &'a [u8], format: Format) -> Result<Self, ExpositionError> {
        match std::str::from_utf8(page) {
            Ok(page) => Ok(Self::new(page, format)),
            Err(error) => {
                let good = page.get(..error.valid_up_to()).unwrap_or_default();
                let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
                let column = good.len()
                    - good
                        .iter()
                        .rposition(|b| *b == b'\n')
                        .map_or(0, |at| at + 1)
                    + 1;
                let found = page.get(good.len()..).unwrap_or_default().iter().take(4);
                let found: Vec<String> = found.map(|byte| format!("{byte:02x}")).collect();
                Err(ExpositionError::new(
                    line,
                    column,
                    "UTF-8",
                    &found.join(" "),
                ))
            }
        }
    }

    /// The next sample, if its series is written exactly as `series`: what a scrape is mostly made of, and the reason
    /// why its labels are parsed once and not each second. Otherwise nothing moves.
    pub fn next_if_series(&mut self, series: &str) -> Option<Result<Reading<'a>, ExpositionError>> {
        let after = self.rest.strip_prefix(series)?;
        if !after.starts_with(' ') {
            return None;
        }
        let line = self.take_line();
        let scan = Scan::new(line, series.len(), self.format);
        Some(reading(scan, self.format).map_err(|mistake| self.fail(mistake, line)))
    }

    /// The number of the line that was read last, from 1.
    pub fn number(&self) -> usize {
        self.number
    }

    /// What was not read yet. After [`Line::End`] of a well-made page it is empty.
    pub fn rest(&self) -> &'a str {
        self.rest
    }

    fn take_line(&mut self) -> &'a str {
        self.number += 1;
        let (line, rest) = match memchr::memchr(b'\n', self.rest.as_bytes()) {
            Some(end) => (
                self.rest.get(..end).unwrap_or_default(),
                self.rest.get(end + 1..).unwrap_or_default(),
            ),
            None => (self.rest, ""),
        };
        self.rest = rest;
        line
    }

    fn fail(&mut self, mistake: Mistake, line: &str) -> ExpositionError {
        self.failed = true;
        mistake.on(self.number, line)
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Result<Line<'a>, ExpositionError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.rest.is_empty() {
            return None;
        }
        let text = self.take_line();
        Some(line(text, self.format).map_err(|mistake| self.fail(mistake, text)))
    }
}

fn line(text: &str, format: Format) -> Result<Line<'_>, Mistake> {
    let mut scan = Scan::new(text, 0, format);
    scan.blanks();
    match scan.peek() {
        Some(b'#') => match format {
            Format::OpenMetrics => metadata(scan),
            Format::Text => Ok(loose_metadata(scan).unwrap_or(Line::Comment)),
        },
        None if format == Format::Text => Ok(Line::Comment),
        _ => sample(scan, text, format).map(Line::Sample),
    }
}

/// `# TYPE name kind`, `# HELP name words`, `# UNIT name unit` or `# EOF`: all that OpenMetrics knows.
fn metadata(mut scan: Scan<'_>) -> Result<Line<'_>, Mistake> {
    const EXPECTED: &str = "`# TYPE`, `# HELP`, `# UNIT` or `# EOF`";
    scan.eat(b'#');
    scan.expect(b' ', EXPECTED)?;
    let start = scan.at();
    let word = scan.word();
    if word == "EOF" && scan.is_done() {
        return Ok(Line::End);
    }
    if !matches!(word, "TYPE" | "HELP" | "UNIT") {
        return Err(Mistake {
            at: start,
            expected: EXPECTED,
        });
    }
    scan.expect(b' ', "a blank and the name of a metric family")?;
    let family = scan.metric_name()?;
    scan.expect(b' ', "one blank after the name of the family")?;
    let rest = scan.rest();
    match word {
        "HELP" => Ok(Line::Help {
            family,
            text: Text::quoted(rest, rest.contains('\\')),
        }),
        "UNIT" => {
            let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
            if !rest.chars().all(part) {
                return Err(scan.mistake("a unit ([a-zA-Z0-9_:]*)"));
            }
            Ok(Line::Unit { family, unit: rest })
        }
        _ => match Kind::of_word(rest, Format::OpenMetrics) {
            Some(kind) => Ok(Line::Type { family, kind }),
            None => Err(scan.mistake(
                "counter, gauge, histogram, gaugehistogram, summary, info, stateset or unknown",
            )),
        },
    }
}

/// In the older text whatever is no metadata is a comment.
fn loose_metadata(mut scan: Scan<'_>) -> Option<Line<'_>> {
    scan.eat(b'#');
    scan.blanks();
    let word = scan.word();
    scan.blanks();
    if !matches!(word, "TYPE" | "HELP" | "UNIT") {
        return None;
    }
    let family = scan.metric_name().ok()?;
    scan.blanks();
    let rest = scan.rest();
    match word {
        "HELP" => Some(Line::Help {
            family,
            text: Text::quoted(rest, rest.contains('\\')),
        }),
        "UNIT" => Some(Line::Unit {
            family,
            unit: rest.trim_end(),
        }),
        _ => Some(Line::Type {
            family,
            kind: Kind::of_word(rest.trim_end(), Format::Text)?,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_text_is_read_as_leniently_as_it_is_written() {
        let page = "\n# a comment\n#TYPE a_total counter\n# HELP a_total  with \\\\ and \\n\n\
            a_total 1\n  a_total\t{ b = \"c\" , }\t2  1700000000123 \nb{c=\"}\"}3\n{\"x.y\",\"d e\"=\"f\"} 4\nz NaN";
        let samples: Vec<(String, usize, f64, Option<i64>)> = Lines::new(page, Format::Text)
            .filter_map(|line| match line.unwrap() {
                Line::Sample(s) => {
                    let value = if s.reading.value.is_nan() {
                        -1.0
                    } else {
                        s.reading.value
                    };
                    Some((
                        s.name.raw().to_owned(),
                        s.labels.iter().count(),
                        value,
                        s.reading.at_ms(),
                    ))
                }
                _ => None,
            })
            .collect();
        let expected = [
            ("a_total", 0, 1.0, None),
            ("a_total", 1, 2.0, Some(1_700_000_000_123)),
            ("b", 1, 3.0, None),
            ("x.y", 1, 4.0, None),
            ("z", 0, -1.0, None),
        ];
        assert_eq!(
            samples,
            expected.map(|(name, labels, value, at)| (name.to_owned(), labels, value, at))
        );
        let Some(Ok(Line::Help { text, .. })) = Lines::new(page, Format::Text).nth(3) else {
            panic!("a help text")
        };
        assert_eq!(text.meant(), "with \\ and \n");
    }

    #[test]
    fn a_series_that_is_known_is_read_without_its_labels() {
        let mut lines = Lines::new(
            "a{b=\"c\"} 1\na{b=\"d\"} 2 # {t=\"u\"} 3\n",
            Format::OpenMetrics,
        );
        assert!(lines.next_if_series("a").is_none());
        assert_eq!(
            lines.next_if_series("a{b=\"c\"}").unwrap().unwrap().value,
            1.0
        );
        assert!(lines.next_if_series("a{b=\"c\"}").is_none());
        let second = lines.next_if_series("a{b=\"d\"}").unwrap().unwrap();
        assert_eq!(
            (second.value, second.exemplar.map(|e| e.value)),
            (2.0, Some(3.0))
        );
        assert_eq!(lines.number(), 2);
    }

    #[test]
    fn any_bytes_are_read_or_refused_in_both_languages() {
        use crate::disk::fake::Dice;
        const PAGE: &[u8] = b"# TYPE a histogram\n# HELP a x\\n\na_bucket{le=\"1\",b=\"\\\"{}\"} 1 1.5 # {t=\"\xc3\xa9\"} 0.5 1\n\
            a_bucket{le=\"+Inf\",b=\"\\\"{}\"} 2 1.5\n# UNIT b_s s\n{\"x y\",\"z\"=\"\"} NaN\n# EOF\n";
        let mut dice = Dice(8);
        for _ in 0..20_000 {
            let mut page = PAGE.to_vec();
            for _ in 0..1 + dice.below(4) {
                let at = dice.below(page.len() as u64) as usize;
                match dice.below(3) {
                    0 => page[at] = PAGE[dice.below(PAGE.len() as u64) as usize],
                    1 => page[at] = dice.next() as u8,
                    _ => {
                        page.remove(at);
                    }
                }
            }
            let strict = crate::exposition::check(&page);
            let Ok(lines) = Lines::of_bytes(&page, Format::OpenMetrics) else {
                assert!(strict.is_err());
                continue;
            };
            let mut failed = false;
            for line in lines {
                match line {
                    Ok(Line::Sample(sample)) => {
                        assert!(sample.labels.iter().all(|(name, _)| !name.raw().is_empty()))
                    }
                    Ok(_) => {}
                    Err(error) => failed = error.line > 0 && error.column > 0,
                }
            }
            assert!(!failed || strict.is_err());
        }
    }
}
