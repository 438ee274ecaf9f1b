//! Numbers in templates.

use super::value::Value;

/// What a function of numbers gives; `None` when it is not one.
pub(super) fn call(name: &str, args: &[Value]) -> Option<Result<Value, String>> {
    let ints = || args.iter().map(Value::int);
    let floats = || args.iter().map(Value::float);
    let first = || floats().next().unwrap_or(0.0);
    let int = |value: Option<i64>| {
        let overflow = || format!("{name} goes beyond what a whole number can hold");
        value.map(Value::Int).ok_or_else(overflow)
    };
    let float = |value: Option<f64>| Ok(Value::Float(value.unwrap_or(0.0)));
    Some(match name {
        "add" => int(ints().try_fold(0, i64::checked_add)),
        "sub" => int(ints().reduce(i64::wrapping_sub)),
        "mul" => int(ints().try_fold(1, i64::checked_mul)),
        "div" | "mod" => {
            let mut both = ints();
            let (a, b) = (both.next().unwrap_or(0), both.next().unwrap_or(0));
            if b == 0 {
                return Some(Err(format!("{name} by zero")));
            }
            int(if name == "div" {
                a.checked_div(b)
            } else {
                a.checked_rem(b)
            })
        }
        "max" => int(ints().max()),
        "min" => int(ints().min()),
        "addf" => float(Some(floats().sum())),
        "subf" => float(floats().reduce(|a, b| a - b)),
        "mulf" => float(Some(floats().product())),
        "divf" => float(floats().reduce(|a, b| a / b)),
        "maxf" => float(floats().reduce(f64::max)),
        "minf" => float(floats().reduce(f64::min)),
        "ceil" => float(Some(first().ceil())),
        "floor" => float(Some(first().floor())),
        "round" => float(Some(round(args))),
        "int" => int(ints().next()),
        "float64" => float(floats().next()),
        _ => return None,
    })
}

/// `round 1.2345 2`, and from which rest on upward as a third argument.
fn round(args: &[Value]) -> f64 {
    let value = args.first().map_or(0.0, Value::float);
    let digits = args.get(1).map_or(0, Value::int).clamp(-300, 300);
    let upward_from = args.get(2).map_or(0.5, Value::float);
    let factor = 10_f64.powi(i32::try_from(digits).unwrap_or(0));
    let scaled = value * factor;
    let rounded = if scaled.fract().abs() >= upward_from {
        scaled.ceil()
    } else {
        scaled.floor()
    };
    rounded / factor
}
