//! Numbers, one for each step.

use super::super::ast::{Binary, Call, Expr};
use super::row::Cell;
use super::window::seconds;
use super::{Done, EvalError, Evaluator, Times, binary};

impl Evaluator<'_> {
    pub(super) fn scalar(&self, expr: &Expr, times: Times) -> Done<Vec<f64>> {
        self.hold(times.count)?;
        match expr {
            Expr::Number(literal) => Ok(vec![literal.value; times.count]),
            Expr::Paren(paren) => self.scalar(&paren.expr, times),
            Expr::Unary(unary) => {
                let mut values = self.scalar(&unary.expr, times)?;
                if unary.negative {
                    values.iter_mut().for_each(|value| *value = -*value);
                }
                Ok(values)
            }
            Expr::Binary(binary) => self.scalar_binary(binary, times),
            Expr::Call(call) => self.scalar_call(call, times),
            _ => Err(EvalError::failed("expected a scalar, got something else")),
        }
    }

    fn scalar_binary(&self, binary: &Binary, times: Times) -> Done<Vec<f64>> {
        let mut left = self.scalar(&binary.left, times)?;
        let right = self.scalar(&binary.right, times)?;
        for (left, right) in left.iter_mut().zip(right) {
            *left = if binary.op.is_comparison() {
                f64::from(u8::from(binary::compares(binary.op, *left, right)))
            } else {
                binary::arithmetic(binary.op, *left, right)
            };
        }
        Ok(left)
    }

    fn scalar_call(&self, call: &Call, times: Times) -> Done<Vec<f64>> {
        let constant = |value: f64| Ok(vec![value; times.count]);
        let query = self.query;
        match (call.function.name, call.args.as_slice()) {
            ("time", _) => Ok(times.iter().map(seconds).collect()),
            ("pi", _) => constant(std::f64::consts::PI),
            ("start", _) => constant(seconds(query.start_ms)),
            ("end", _) => constant(seconds(query.end_ms)),
            ("step", _) => constant(seconds(query.step_ms)),
            ("range", _) => constant(seconds(query.end_ms.saturating_sub(query.start_ms))),
            ("scalar", [arg]) => self.only_value(arg, times),
            (name @ ("max_of" | "min_of"), [left, right]) => {
                let mut values = self.scalar(left, times)?;
                let others = self.scalar(right, times)?;
                for (value, other) in values.iter_mut().zip(others) {
                    *value = match name {
                        _ if value.is_nan() || other.is_nan() => f64::NAN,
                        "max_of" => value.max(other),
                        _ => value.min(other),
                    };
                }
                Ok(values)
            }
            (name, _) => Err(EvalError::failed(format!(
                "function {name} gives no scalar"
            ))),
        }
    }

    /// The value of the only series that has a number; NaN when there is none or more than one.
    fn only_value(&self, arg: &Expr, times: Times) -> Done<Vec<f64>> {
        let mut found: Vec<(u32, f64)> = vec![(0, f64::NAN); times.count];
        self.each(arg, times, &mut |row| {
            for (found, cell) in found.iter_mut().zip(&row.cells) {
                if let Cell::Float(value) = cell {
                    *found = (found.0.saturating_add(1), *value);
                }
            }
            Ok(())
        })?;
        Ok(found
            .into_iter()
            .map(|(count, value)| if count == 1 { value } else { f64::NAN })
            .collect())
    }
}
