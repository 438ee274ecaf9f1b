//! What follows a selector: a range, `offset`, `@`, `anchored`, `smoothed`.

use super::super::ast::{
    At, DurationExpr, End, Expr, Extension, MatrixSelector, Subquery, TimeShift,
};
use super::super::operator::BinaryOp;
use super::super::token::{Kind, Word};
use super::{Parser, Refused, refuse};
use crate::place::Place;

impl Parser<'_> {
    pub(super) fn with_postfixes(&mut self) -> Result<Expr, Refused> {
        let depth = self.depth;
        let mut expr = self.primary()?;
        loop {
            expr = match self.peek().kind {
                Kind::LeftBracket => self.brackets(expr)?,
                Kind::Word(Word::Offset) => self.offset(expr)?,
                Kind::At => self.pin(expr)?,
                Kind::Word(Word::Anchored) => self.extension(expr, Extension::Anchored)?,
                Kind::Word(Word::Smoothed) => self.extension(expr, Extension::Smoothed)?,
                _ => break,
            };
            self.deeper()?;
        }
        self.depth = depth;
        Ok(expr)
    }

    fn brackets(&mut self, expr: Expr) -> Result<Expr, Refused> {
        self.skip();
        let range = self.range_duration("subquery or range selector")?;
        if self.take(&Kind::Colon).is_some() {
            return self.subquery(expr, range);
        }
        let end = self.expect(&Kind::RightBracket, "subquery or range", "\":\" or \"]\"")?;
        let place = expr.place();
        let Expr::Vector(vector) = expr else {
            return refuse(place, "ranges only allowed for vector selectors");
        };
        if vector.shift.offset.is_some() {
            return refuse(place, "no offset modifiers allowed before range");
        }
        if vector.shift.at.is_some() {
            return refuse(place, "no @ modifiers allowed before range");
        }
        Ok(Expr::Matrix(Box::new(MatrixSelector {
            vector: *vector,
            range,
            end: End(end.end),
        })))
    }

    fn subquery(&mut self, expr: Expr, range: DurationExpr) -> Result<Expr, Refused> {
        let step = match self.peek().kind {
            Kind::RightBracket => None,
            _ => Some(self.range_duration("subquery selector")?),
        };
        let end = self.expect(&Kind::RightBracket, "subquery selector", "\"]\"")?;
        Ok(Expr::Subquery(Box::new(Subquery {
            expr,
            range,
            step,
            shift: TimeShift::default(),
            end: End(end.end),
        })))
    }

    fn offset(&mut self, mut expr: Expr) -> Result<Expr, Refused> {
        self.skip();
        let offset = self.offset_duration()?;
        let (place, end) = (expr.place(), self.end_of_last());
        let Some(shift) = shift_of(&mut expr, end) else {
            return refuse(
                place,
                "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
            );
        };
        if shift.offset.replace(offset).is_some() {
            return refuse(place, "offset may not be set multiple times");
        }
        Ok(expr)
    }

    fn pin(&mut self, mut expr: Expr) -> Result<Expr, Refused> {
        self.skip();
        let at = self.moment(&expr)?;
        let (place, end) = (expr.place(), self.end_of_last());
        let Some(shift) = shift_of(&mut expr, end) else {
            return refuse(
                place,
                "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
            );
        };
        if shift.at.replace(at).is_some() {
            return refuse(place, "@ <timestamp> may not be set multiple times");
        }
        Ok(expr)
    }

    /// What `@` names.
    fn moment(&mut self, expr: &Expr) -> Result<At, Refused> {
        if let Kind::Word(word @ (Word::Start | Word::End)) = self.peek().kind {
            self.skip();
            self.expect(&Kind::LeftParen, "@", "timestamp")?;
            self.expect(&Kind::RightParen, "@", "timestamp")?;
            return Ok(if word == Word::Start {
                At::Start
            } else {
                At::End
            });
        }
        let starts = matches!(
            self.peek().kind,
            Kind::Number | Kind::Duration | Kind::Op(BinaryOp::Add | BinaryOp::Sub)
        );
        if !starts {
            return self.unexpected("@", "timestamp");
        }
        let seconds = self.signed_number()?;
        let ms = (seconds * 1000.0).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "compared with what fits first"
        )]
        if ms.abs() < i64::MAX as f64 {
            return Ok(At::Time(ms as i64));
        }
        let shown = if seconds.is_finite() {
            format!("{seconds:.6}")
        } else {
            crate::number::plain(seconds)
        };
        refuse(
            expr.place(),
            format!("timestamp out of bounds for @ modifier: {shown}"),
        )
    }

    fn extension(&mut self, mut expr: Expr, extension: Extension) -> Result<Expr, Refused> {
        let word = self.skip();
        let name = match extension {
            Extension::Anchored => "anchored",
            Extension::Smoothed => "smoothed",
        };
        if !self.features.extended_ranges {
            return refuse(
                word,
                format!("{name} modifier is experimental and not enabled"),
            );
        }
        let place = expr.place();
        let selector = match &mut expr {
            Expr::Vector(selector) => {
                selector.place.end = word.end;
                &mut **selector
            }
            Expr::Matrix(matrix) => {
                matrix.end = End(word.end);
                &mut matrix.vector
            }
            Expr::Subquery(_) => {
                return refuse(
                    place,
                    format!("{name} modifier is not supported for subqueries"),
                );
            }
            _ => return refuse(place, format!("{name} modifier not implemented")),
        };
        match selector.extension.replace(extension) {
            Some(other) if other != extension => refuse(
                place,
                "anchored and smoothed modifiers cannot be used together",
            ),
            _ => Ok(expr),
        }
    }
}

/// What `offset` and `@` change; the expression then ends where they do.
fn shift_of(expr: &mut Expr, end: usize) -> Option<&mut TimeShift> {
    match expr {
        Expr::Vector(selector) => {
            selector.place = Place::new(selector.place.start, end);
            Some(&mut selector.shift)
        }
        Expr::Matrix(matrix) => {
            matrix.end = End(end);
            Some(&mut matrix.vector.shift)
        }
        Expr::Subquery(subquery) => {
            subquery.end = End(end);
            Some(&mut subquery.shift)
        }
        _ => None,
    }
}
