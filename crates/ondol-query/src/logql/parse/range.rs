//! `rate({app="x"} | json | unwrap took [5m] offset 1h)`

use super::{Parser, Refused, refuse};
use crate::Place;
use crate::logql::ast::{
    Conversion, Grouping, LogQuery, LogRange, Number, RangeAggregate, RangeOp, Stage, Unwrap,
};
use crate::logql::lex::Kind;

/// A range in the making.
struct Parts {
    query: LogQuery,
    unwrap: Option<Unwrap>,
    range_ns: Option<i64>,
    offset_ns: i64,
}

impl Parser<'_> {
    pub(super) fn range_aggregate(&mut self, op: RangeOp) -> Result<RangeAggregate, Refused> {
        let start = self.skip().start;
        self.expect_sign("(", "(")?;
        let parameter = match op {
            RangeOp::Quantile => {
                let value = self.signed_number("the quantile, a number from 0 to 1")?;
                self.expect_sign(",", ", and a range of lines")?;
                Some(Number(value))
            }
            _ => None,
        };
        let parts = self.range_parts()?;
        let Some(range_ns) = parts.range_ns else {
            return self.unexpected("a range of time such as [5m]");
        };
        self.expect_sign(")", ") or another stage")?;
        let grouping = self.grouping()?;
        let place = Place::new(start, self.end_of_last());
        check(op, parts.unwrap.is_some(), grouping.is_some()).or_else(|why| refuse(place, why))?;
        Ok(RangeAggregate {
            op,
            parameter,
            range: LogRange {
                query: parts.query,
                unwrap: parts.unwrap,
                range_ns,
                offset_ns: parts.offset_ns,
            },
            grouping,
            place,
        })
    }

    /// A selector, its stages and its range, which may stand before them or after; all in parentheses or not.
    fn range_parts(&mut self) -> Result<Parts, Refused> {
        let mut parts = if self.take_sign("(") {
            let parts = self.deeper(Self::range_parts)?;
            self.expect_sign(")", ") or another stage")?;
            parts
        } else {
            Parts {
                query: self.selector()?,
                unwrap: None,
                range_ns: None,
                offset_ns: 0,
            }
        };
        loop {
            if self.at_sign("[") {
                self.range(&mut parts)?;
            } else if self.at_unwrap() {
                self.unwrap(&mut parts)?;
            } else if self.at_stage() {
                self.stage_of_range(&mut parts)?;
            } else {
                return Ok(parts);
            }
        }
    }

    fn stage_of_range(&mut self, parts: &mut Parts) -> Result<(), Refused> {
        let place = self.place();
        let Some(unwrap) = &mut parts.unwrap else {
            return self.stage(&mut parts.query.stages);
        };
        let mut after = Vec::new();
        self.stage(&mut after)?;
        match after.pop() {
            Some(Stage::Label(filter)) => unwrap.filters.push(filter),
            _ => {
                return refuse(
                    place,
                    "after unwrap come only conditions on labels; expected this stage before it",
                );
            }
        }
        Ok(())
    }

    fn at_unwrap(&self) -> bool {
        self.at_sign("|")
            && *self.peek_at(1) == Kind::Word
            && self.text_at(1) == "unwrap"
            && *self.peek_at(2) == Kind::Word
    }

    fn unwrap(&mut self, parts: &mut Parts) -> Result<(), Refused> {
        let place = self.skip();
        self.skip();
        if parts.unwrap.is_some() {
            return refuse(place, "unwrap is there twice; expected once");
        }
        let name = self.text_at(0);
        let conversion = Conversion::ALL.iter().find(|(known, _)| *known == name);
        let conversion = match conversion {
            Some((_, conversion)) if *self.peek_at(1) == Kind::Sign("(") => {
                self.skip();
                self.skip();
                Some(*conversion)
            }
            _ => None,
        };
        let label = self.label()?;
        if conversion.is_some() {
            self.expect_sign(")", ")")?;
        } else if self.at_sign("(") {
            return refuse(
                place,
                format!("{label} converts nothing; expected bytes, duration or duration_seconds"),
            );
        }
        parts.unwrap = Some(Unwrap {
            label,
            conversion,
            filters: Vec::new(),
        });
        Ok(())
    }

    fn range(&mut self, parts: &mut Parts) -> Result<(), Refused> {
        let place = self.skip();
        if parts.range_ns.is_some() {
            return refuse(place, "the range of time is there twice; expected once");
        }
        let range_ns = self.duration(false)?;
        if range_ns <= 0 {
            return refuse(place, "the range of time is empty; expected such as [5m]");
        }
        self.expect_sign("]", "]")?;
        parts.range_ns = Some(range_ns);
        if self.take_word("offset") {
            parts.offset_ns = self.duration(true)?;
        }
        Ok(())
    }

    fn duration(&mut self, signed: bool) -> Result<i64, Refused> {
        let negative = signed && self.take_sign("-");
        match *self.peek() {
            Kind::Duration(ns) => {
                self.skip();
                Ok(if negative { -ns } else { ns })
            }
            _ => self.unexpected("a duration such as 5m"),
        }
    }

    pub(super) fn grouping(&mut self) -> Result<Option<Grouping>, Refused> {
        let without = if self.take_word("by") {
            false
        } else if self.take_word("without") {
            true
        } else {
            return Ok(None);
        };
        Ok(Some(Grouping {
            without,
            labels: self.label_list()?,
        }))
    }

    /// Labels in parentheses, with commas between them, perhaps one after the last.
    pub(super) fn label_list(&mut self) -> Result<Vec<String>, Refused> {
        self.expect_sign("(", "labels in parentheses")?;
        let mut labels = Vec::new();
        while !self.take_sign(")") {
            labels.push(self.label()?);
            if !self.take_sign(",") && !self.at_sign(")") {
                return self.unexpected(", or )");
            }
        }
        Ok(labels)
    }
}

fn check(op: RangeOp, unwrapped: bool, grouped: bool) -> Result<(), String> {
    let name = op.as_str();
    if grouped && !op.takes_grouping() {
        return Err(format!(
            "{name} takes no by or without; expected sum by (...) ({name}(...))"
        ));
    }
    if unwrapped && !op.takes_values() {
        return Err(format!(
            "{name} counts lines and takes no unwrap; expected it without one"
        ));
    }
    if !unwrapped && !op.takes_lines() {
        return Err(format!(
            "{name} needs values; expected such as | unwrap duration(took) before the range"
        ));
    }
    Ok(())
}
