//! Whether the types of an expression fit.

use super::ast::{Aggregate, Binary, Call, Expr, ValueType, VectorSelector};
use super::operator::{Aggregation, Cardinality};
use super::parse::{Refused, refuse};
use crate::place::Place;
use crate::quote::Quoted;
use ValueType::{Scalar, Vector};

/// What the expression evaluates to.
pub(crate) fn check(expr: &Expr) -> Result<ValueType, Refused> {
    match expr {
        Expr::Number(_) | Expr::String(_) => {}
        Expr::Vector(vector) => selector(vector, false)?,
        Expr::Matrix(matrix) => selector(&matrix.vector, false)?,
        Expr::Subquery(subquery) => {
            let inner = check(&subquery.expr)?;
            if inner != Vector {
                let reason = format!(
                    "subquery is only allowed on instant vector, got {} instead",
                    inner.as_str()
                );
                return refuse(expr.place(), reason);
            }
        }
        Expr::Call(call) => check_call(call)?,
        Expr::Aggregate(aggregate) => check_aggregate(aggregate)?,
        Expr::Binary(binary) => check_binary(binary, expr.place())?,
        Expr::Unary(unary) => {
            let inner = check(&unary.expr)?;
            if !matches!(inner, Scalar | Vector) {
                let reason = format!(
                    "unary expression only allowed on expressions of type scalar or instant vector, got {}",
                    Quoted(inner.documented())
                );
                return refuse(expr.place(), reason);
            }
        }
        Expr::Paren(paren) => {
            check(&paren.expr)?;
        }
    }
    Ok(expr.value_type())
}

/// Whether a selector selects something; one that is only there for its conditions may select everything.
pub(crate) fn selector(vector: &VectorSelector, conditions_only: bool) -> Result<(), Refused> {
    let selects = !vector.name.is_empty()
        || vector
            .matchers
            .iter()
            .any(|matcher| !matcher.matches_empty());
    if selects || conditions_only {
        return Ok(());
    }
    refuse(
        vector.place,
        "vector selector must contain at least one non-empty matcher",
    )
}

fn expect(expr: &Expr, wanted: ValueType, context: &str) -> Result<(), Refused> {
    let found = check(expr)?;
    if found == wanted {
        return Ok(());
    }
    refuse(
        expr.place(),
        format!(
            "expected type {} in {context}, got {}",
            wanted.documented(),
            found.documented()
        ),
    )
}

fn check_aggregate(aggregate: &Aggregate) -> Result<(), Refused> {
    expect(&aggregate.expr, Vector, "aggregation expression")?;
    let Some(parameter) = &aggregate.parameter else {
        return Ok(());
    };
    let wanted = match aggregate.op {
        Aggregation::CountValues => ValueType::String,
        _ => Scalar,
    };
    expect(parameter, wanted, "aggregation parameter")
}

fn check_call(call: &Call) -> Result<(), Refused> {
    let (name, got) = (Quoted(call.function.name), call.args.len());
    let (least, most) = call.function.arity();
    let reason = if most == Some(least) && got != least {
        Some(format!(
            "expected {least} argument(s) in call to {name}, got {got}"
        ))
    } else if got < least {
        Some(format!(
            "expected at least {least} argument(s) in call to {name}, got {got}"
        ))
    } else {
        most.filter(|most| got > *most)
            .map(|most| format!("expected at most {most} argument(s) in call to {name}, got {got}"))
    };
    if let Some(reason) = reason {
        return refuse(call.place, reason);
    }
    for (at, arg) in call.args.iter().enumerate() {
        if call.function.name == "info" && at == 1 {
            label_selectors(arg)?;
            continue;
        }
        if let Some(wanted) = call.function.arg(at) {
            expect(arg, wanted, &format!("call to function {name}"))?;
        }
    }
    Ok(())
}

fn label_selectors(arg: &Expr) -> Result<(), Refused> {
    match arg {
        Expr::Vector(vector) if vector.name.is_empty() => selector(vector, true),
        Expr::Vector(vector) => refuse(
            vector.place,
            "expected label selectors only, got vector selector instead",
        ),
        arg => refuse(arg.place(), "expected label selectors only"),
    }
}

fn check_binary(binary: &Binary, place: Place) -> Result<(), Refused> {
    let (left, right) = (check(&binary.left)?, check(&binary.right)?);
    let (op, matching) = (binary.op, &binary.matching);
    let of_op = Place::new(binary.left.place().end, binary.right.place().start);
    let of_op = Place::new((of_op.start + 1).min(of_op.end), of_op.end);
    if binary.return_bool && !op.is_comparison() {
        return refuse(
            of_op,
            "bool modifier can only be used on comparison operators",
        );
    }
    let scalars = left == Scalar && right == Scalar;
    if op.is_comparison() && !binary.return_bool && scalars {
        return refuse(of_op, "comparisons between scalars must use BOOL modifier");
    }
    if let Some(label) = matching
        .labels
        .iter()
        .find(|label| matching.on && matching.include.contains(label))
    {
        let label = Quoted(label);
        return refuse(
            of_op,
            format!("label {label} must not occur in ON and GROUP clause at once"),
        );
    }
    for (side, found) in [(&binary.left, left), (&binary.right, right)] {
        if !matches!(found, Scalar | Vector) {
            return refuse(
                side.place(),
                "binary expression must contain only scalar and instant vector types",
            );
        }
    }
    check_matching(binary, left == Vector && right == Vector, place)
}

fn check_matching(binary: &Binary, vectors: bool, place: Place) -> Result<(), Refused> {
    let (op, matching) = (binary.op, &binary.matching);
    let fills = matching.fill.left.is_some() || matching.fill.right.is_some();
    if !vectors {
        if !matching.labels.is_empty() {
            return refuse(
                place,
                "vector matching only allowed between instant vectors",
            );
        }
        if fills {
            return refuse(
                place,
                "filling in missing series only allowed between instant vectors",
            );
        }
    }
    if !op.is_set() {
        return Ok(());
    }
    let quoted = Quoted(op.as_str());
    if !vectors {
        return refuse(
            place,
            format!("set operator {quoted} not allowed in binary scalar expression"),
        );
    }
    if matching.cardinality != Cardinality::ManyToMany {
        return refuse(place, format!("no grouping allowed for {quoted} operation"));
    }
    if fills {
        return refuse(
            place,
            "filling in missing series not allowed for set operators",
        );
    }
    Ok(())
}
