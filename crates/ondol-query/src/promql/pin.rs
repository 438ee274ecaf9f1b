//! An expression as it would be at one time, whatever the time of evaluation is.

use super::ast::{At, Expr, TimeShift};

impl Expr {
    /// The same expression with `@` on everything that has none, so that it gives the same at all times; `None` when
    /// something in it depends on the time of evaluation in another way.
    #[must_use]
    pub fn pinned_at(&self, time_ms: i64) -> Option<Self> {
        let mut expr = self.clone();
        pin(&mut expr, time_ms).then_some(expr)
    }
}

fn set(shift: &mut TimeShift, time_ms: i64) {
    if !matches!(shift.at, Some(At::Time(_))) {
        shift.at = Some(At::Time(time_ms));
    }
}

fn pin(expr: &mut Expr, time_ms: i64) -> bool {
    match expr {
        Expr::Number(_) | Expr::String(_) => true,
        Expr::Vector(vector) => {
            set(&mut vector.shift, time_ms);
            true
        }
        Expr::Matrix(matrix) => {
            set(&mut matrix.vector.shift, time_ms);
            true
        }
        // What is inside is evaluated at times that the subquery chooses.
        Expr::Subquery(subquery) => {
            set(&mut subquery.shift, time_ms);
            true
        }
        Expr::Call(call) => {
            !call.function.depends_on_time() && call.args.iter_mut().all(|arg| pin(arg, time_ms))
        }
        Expr::Aggregate(aggregate) => {
            let parameter = aggregate.parameter.as_mut();
            parameter.is_none_or(|parameter| pin(parameter, time_ms))
                && pin(&mut aggregate.expr, time_ms)
        }
        Expr::Binary(binary) => pin(&mut binary.left, time_ms) && pin(&mut binary.right, time_ms),
        Expr::Unary(unary) => pin(&mut unary.expr, time_ms),
        Expr::Paren(paren) => pin(&mut paren.expr, time_ms),
    }
}
