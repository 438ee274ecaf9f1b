//! Operators between vectors, and between a vector and a number.

mod matching;

use super::super::ast::{Binary, Expr, ValueType};
use super::super::operator::BinaryOp;
use super::row::{Cell, Row, Sink};
use super::{Done, Evaluator, Times};
use crate::Histogram;
use crate::histogram::{Keep, Settled, Tally};
use crate::place::Place;

/// What an operator gives for two values.
pub(super) enum Result {
    /// A value.
    Value(Cell),
    /// A comparison, that holds or not.
    Compared(bool),
    /// Nothing.
    Nothing,
}

impl Evaluator<'_> {
    pub(super) fn binary(&self, binary: &Binary, times: Times, sink: Sink<'_>) -> Done {
        let left_scalar = binary.left.value_type() == ValueType::Scalar;
        let right_scalar = binary.right.value_type() == ValueType::Scalar;
        if left_scalar {
            let numbers = self.scalar(&binary.left, times)?;
            return self.with_number(binary, &binary.right, &numbers, true, times, sink);
        }
        if right_scalar {
            let numbers = self.scalar(&binary.right, times)?;
            return self.with_number(binary, &binary.left, &numbers, false, times, sink);
        }
        match binary.op {
            BinaryOp::And | BinaryOp::Or | BinaryOp::Unless => self.sets(binary, times, sink),
            _ => self.matched(binary, times, sink),
        }
    }

    /// Of each value of a vector and a number. A comparison keeps the value of the vector, on whichever side it is.
    fn with_number(
        &self,
        binary: &Binary,
        vector: &Expr,
        numbers: &[f64],
        number_left: bool,
        times: Times,
        sink: Sink<'_>,
    ) -> Done {
        let place = binary.place();
        self.each(vector, times, &mut |row: &mut Row| {
            row.drop_name |= binary.op.drops_name() || binary.return_bool;
            for (cell, number) in row.cells.iter_mut().zip(numbers) {
                if cell.is_absent() {
                    continue;
                }
                let number = Cell::Float(*number);
                let result = if number_left {
                    self.of_values(binary.op, &number, cell, place)
                } else {
                    self.of_values(binary.op, cell, &number, place)
                };
                match result {
                    Result::Value(value) => *cell = value,
                    Result::Compared(holds) if binary.return_bool => {
                        *cell = Cell::Float(f64::from(u8::from(holds)));
                    }
                    Result::Compared(true) => {}
                    Result::Compared(false) | Result::Nothing => *cell = Cell::Absent,
                }
            }
            if row.is_empty() { Ok(()) } else { sink(row) }
        })
    }

    /// An operator between two values.
    pub(super) fn of_values(
        &self,
        op: BinaryOp,
        left: &Cell,
        right: &Cell,
        place: Place,
    ) -> Result {
        match (left, right) {
            (Cell::Float(left), Cell::Float(right)) => {
                if op.is_comparison() {
                    return Result::Compared(compares(op, *left, *right));
                }
                if matches!(op, BinaryOp::TrimUpper | BinaryOp::TrimLower) {
                    return self.incompatible(op, ["float", "float"], place);
                }
                Result::Value(Cell::Float(arithmetic(op, *left, *right)))
            }
            (Cell::Histogram(left), Cell::Float(right)) => {
                let mut result = match op {
                    BinaryOp::TrimUpper => left.trimmed(*right, Keep::Below),
                    BinaryOp::TrimLower => left.trimmed(*right, Keep::Above),
                    _ => (**left).clone(),
                };
                match op {
                    BinaryOp::Mul => result.scale(*right),
                    BinaryOp::Div => result.divide(*right),
                    BinaryOp::TrimUpper | BinaryOp::TrimLower => {}
                    _ => return self.incompatible(op, ["histogram", "float"], place),
                }
                Result::Value(result.into())
            }
            (Cell::Float(left), Cell::Histogram(right)) => {
                if op != BinaryOp::Mul {
                    return self.incompatible(op, ["float", "histogram"], place);
                }
                let mut result = (**right).clone();
                result.scale(*left);
                Result::Value(result.into())
            }
            (Cell::Histogram(left), Cell::Histogram(right)) => {
                self.of_histograms(op, left, right, place)
            }
            _ => Result::Nothing,
        }
    }

    fn of_histograms(
        &self,
        op: BinaryOp,
        left: &Histogram,
        right: &Histogram,
        place: Place,
    ) -> Result {
        let (what, result) = match op {
            BinaryOp::Equal => return Result::Compared(left.same_data(right)),
            BinaryOp::NotEqual => return Result::Compared(!left.same_data(right)),
            BinaryOp::Add => ("addition", Tally::plus(left, right)),
            BinaryOp::Sub => ("subtraction", Tally::minus(left, right)),
            _ => return self.incompatible(op, ["histogram", "histogram"], place),
        };
        let Ok((mut result, settled)) = result else {
            self.warn(
                place,
                format!(
                    "incompatible bucket layout encountered for binary operator {}",
                    op.as_str()
                ),
            );
            return Result::Nothing;
        };
        self.note_settled(settled, what, place);
        if op == BinaryOp::Sub {
            result.reset_hint = crate::ResetHint::Gauge;
        }
        Result::Value(result.into())
    }

    fn note_settled(&self, settled: Settled, what: &str, place: Place) {
        if settled.hints_collided {
            self.warn(
                place,
                format!("conflicting counter resets during histogram {what}"),
            );
        }
        if settled.bounds_reconciled {
            self.info(
                place,
                format!("mismatched custom buckets were reconciled during {what}"),
            );
        }
    }

    fn incompatible(&self, op: BinaryOp, [left, right]: [&str; 2], place: Place) -> Result {
        let op = op.as_str();
        let quoted = crate::quote::Quoted(op);
        self.info(
            place,
            format!(
                "incompatible sample types encountered for binary operator {quoted}: {left} {op} {right}"
            ),
        );
        Result::Nothing
    }
}

impl Binary {
    pub(super) fn place(&self) -> Place {
        self.left.place().to(self.right.place())
    }
}

pub(super) fn arithmetic(op: BinaryOp, left: f64, right: f64) -> f64 {
    match op {
        BinaryOp::Add => left + right,
        BinaryOp::Sub => left - right,
        BinaryOp::Mul => left * right,
        BinaryOp::Div => left / right,
        BinaryOp::Mod => left % right,
        BinaryOp::Pow => left.powf(right),
        BinaryOp::Atan2 => left.atan2(right),
        _ => f64::NAN,
    }
}

#[expect(clippy::float_cmp, reason = "the language compares exactly")]
pub(super) fn compares(op: BinaryOp, left: f64, right: f64) -> bool {
    match op {
        BinaryOp::Equal => left == right,
        BinaryOp::NotEqual => left != right,
        BinaryOp::Greater => left > right,
        BinaryOp::Less => left < right,
        BinaryOp::GreaterEqual => left >= right,
        BinaryOp::LessEqual => left <= right,
        _ => false,
    }
}
