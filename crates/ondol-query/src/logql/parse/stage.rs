//! `| json`, `|= "text"`

use super::{Parser, Refused, refuse};
use crate::Place;
use crate::labels::is_plain_name;
use crate::logql::ast::{Extraction, Format, LabelFormat, LineFilter, LineOp, Needle, Pick, Stage};
use crate::logql::json::Path;
use crate::logql::lex::Kind;
use crate::logql::pattern::LinePattern;
use crate::logql::regex::Regex;
use crate::logql::template::Template;

/// The stages that have a name.
const NAMES: [&str; 10] = [
    "json",
    "logfmt",
    "pattern",
    "regexp",
    "unpack",
    "decolorize",
    "line_format",
    "label_format",
    "drop",
    "keep",
];
/// The labels that say what went wrong; they cannot be set.
const ERROR_LABELS: [&str; 2] = ["__error__", "__error_details__"];

impl Parser<'_> {
    pub(super) fn at_stage(&self) -> bool {
        self.line_op().is_some() || (self.at_sign("|") && *self.peek_at(1) != Kind::End)
    }

    fn line_op(&self) -> Option<LineOp> {
        let Kind::Sign(sign) = self.peek() else {
            return None;
        };
        let found = LineOp::ALL.iter().find(|(text, _)| text == sign);
        found.map(|(_, op)| *op)
    }

    pub(super) fn stage(&mut self, stages: &mut Vec<Stage>) -> Result<(), Refused> {
        let place = self.place();
        let stage = match self.line_op() {
            Some(op) => Stage::Line(self.line_filter(op)?),
            None => {
                self.skip();
                self.piped()?
            }
        };
        self.add_stage(stages, stage, place)
    }

    fn line_filter(&mut self, op: LineOp) -> Result<LineFilter, Refused> {
        self.skip();
        let mut needles = vec![self.needle(op)?];
        while self.take_word("or") {
            needles.push(self.needle(op)?);
        }
        Ok(LineFilter { op, needles })
    }

    fn needle(&mut self, op: LineOp) -> Result<Needle, Refused> {
        let place = self.place();
        if self.at_ip() {
            if !matches!(op, LineOp::Contains | LineOp::ContainsNot) {
                return refuse(
                    place,
                    format!("ip() cannot follow {}; expected |= or !=", op.as_str()),
                );
            }
            return self.ip().map(Needle::Ip);
        }
        let text = self.quoted("a text in quotes, or ip(\"...\")")?;
        match op {
            LineOp::Contains | LineOp::ContainsNot => Ok(Needle::Text(text)),
            LineOp::Matches | LineOp::MatchesNot => Regex::of_filter(&text)
                .map(Needle::Regex)
                .or_else(|error| refuse(place, error.to_string())),
            LineOp::Fits | LineOp::FitsNot => LinePattern::of_filter(&text)
                .map(Needle::Pattern)
                .or_else(|reason| refuse(place, reason)),
        }
    }

    /// What follows `|`.
    fn piped(&mut self) -> Result<Stage, Refused> {
        let name = self.text_at(0);
        let is_stage = *self.peek() == Kind::Word && NAMES.contains(&name);
        // A label may be called like a stage; after one without arguments, != and !~ filter lines.
        let compares = self.at_comparison() && !matches!(self.peek_at(1), Kind::Sign("!=" | "!~"));
        if !is_stage || compares {
            if *self.peek() == Kind::Word && !self.at_comparison() {
                return self.unexpected(
                    "a stage (json, logfmt, pattern, regexp, unpack, decolorize, line_format, label_format, drop, keep) or a condition on a label",
                );
            }
            return self.label_filter().map(Stage::Label);
        }
        self.skip();
        let place = self.place();
        match name {
            "json" => {
                let only = self.extractions(|text| Path::parse(&text))?;
                Ok(Stage::Json(only))
            }
            "logfmt" => self.logfmt(),
            "pattern" => {
                let text = self.quoted("a pattern in quotes such as \"<ip> <_>\"")?;
                let pattern = LinePattern::of_parser(&text).or_else(|why| refuse(place, why))?;
                Ok(Stage::Pattern(pattern))
            }
            "regexp" => self.regexp().map(Stage::Regexp),
            "unpack" => Ok(Stage::Unpack),
            "decolorize" => Ok(Stage::Decolorize),
            "line_format" => self.template().map(Stage::LineFormat),
            "label_format" => self.label_format().map(Stage::LabelFormat),
            "drop" => self.picks().map(Stage::Drop),
            _ => self.picks().map(Stage::Keep),
        }
    }

    fn logfmt(&mut self) -> Result<Stage, Refused> {
        let (mut strict, mut keep_empty) = (false, false);
        while *self.peek() == Kind::Flag {
            match self.text_at(0) {
                "--strict" => strict = true,
                "--keep-empty" => keep_empty = true,
                _ => return self.unexpected("--strict or --keep-empty"),
            }
            self.skip();
        }
        Ok(Stage::Logfmt {
            strict,
            keep_empty,
            only: self.extractions(Ok)?,
        })
    }

    /// `a="x", b`: labels and where they are found; a label alone is found by its own name.
    fn extractions<P>(
        &mut self,
        read: impl Fn(String) -> Result<P, String>,
    ) -> Result<Vec<Extraction<P>>, Refused> {
        let mut all = Vec::new();
        if *self.peek() != Kind::Word {
            return Ok(all);
        }
        loop {
            let place = self.place();
            let label = self.label()?;
            let from = if self.take_sign("=") {
                self.quoted("where the value is, in quotes")?
            } else {
                label.clone()
            };
            let from = read(from).or_else(|reason| refuse(place, reason))?;
            all.push(Extraction { label, from });
            if !self.take_sign(",") {
                return Ok(all);
            }
        }
    }

    fn regexp(&mut self) -> Result<Regex, Refused> {
        let place = self.place();
        let text = self.quoted("a regular expression in quotes")?;
        let regex = Regex::of_parser(&text).or_else(|error| refuse(place, error.to_string()))?;
        let mut names: Vec<String> = regex
            .named_groups()
            .into_iter()
            .map(|(_, name)| name)
            .collect();
        if names.is_empty() {
            return refuse(
                place,
                "the expression has no named group; expected at least one such as (?P<status>\\d+)",
            );
        }
        if let Some(name) = names.iter().find(|name| !is_plain_name(name)) {
            return refuse(
                place,
                format!("the group {name} is no label; expected letters, digits and _"),
            );
        }
        names.sort();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(twice) => refuse(
                place,
                format!(
                    "the group {} is there twice; expected each name once",
                    twice[0]
                ),
            ),
            None => Ok(regex),
        }
    }

    fn template(&mut self) -> Result<Template, Refused> {
        let place = self.place();
        let text = self.quoted("a template in quotes such as \"{{.label}}\"")?;
        Template::parse(&text).or_else(|reason| refuse(place, format!("in the template: {reason}")))
    }

    fn label_format(&mut self) -> Result<Vec<LabelFormat>, Refused> {
        let mut formats: Vec<LabelFormat> = Vec::new();
        loop {
            let place = self.place();
            let label = self.label()?;
            check_settable(&label, place)?;
            if formats.iter().any(|format| format.label == label) {
                return refuse(
                    place,
                    format!("{label} is set twice; expected once, or a second label_format"),
                );
            }
            self.expect_sign("=", "=")?;
            let to = if *self.peek() == Kind::Word {
                let place = self.place();
                let from = self.label()?;
                check_settable(&from, place)?;
                Format::Rename(from)
            } else {
                Format::Template(self.template()?)
            };
            formats.push(LabelFormat { label, to });
            if !self.take_sign(",") {
                return Ok(formats);
            }
        }
    }

    fn picks(&mut self) -> Result<Vec<Pick>, Refused> {
        let mut picks = Vec::new();
        loop {
            let label = self.label()?;
            // What follows a name alone may be a line filter.
            let compares = match self.peek() {
                Kind::Sign("=" | "=~") => true,
                Kind::Sign("!=" | "!~") => {
                    matches!(
                        self.peek_at(2),
                        Kind::Sign(",") | Kind::End | Kind::Sign("|")
                    )
                }
                _ => false,
            };
            picks.push(match self.match_op().filter(|_| compares) {
                Some(op) => {
                    self.skip();
                    Pick::Matching(self.matcher_of(&label, op)?)
                }
                None => Pick::Name(label),
            });
            if !self.take_sign(",") {
                return Ok(picks);
            }
        }
    }
}

fn check_settable(label: &str, place: Place) -> Result<(), Refused> {
    if ERROR_LABELS.contains(&label) {
        return refuse(
            place,
            format!("{label} cannot be renamed or set; expected another label"),
        );
    }
    Ok(())
}
