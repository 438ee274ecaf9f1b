//! The functions of templates.

use std::cmp::Ordering;

use super::moment::Moment;
use super::value::Value;
use super::{Scope, math, printf, text};
use crate::matcher::Pattern;

/// Name, fewest and most arguments. Sorted by name.
const FUNCTIONS: [(&str, usize, usize); 85] = [
    ("Replace", 4, 4),
    ("ToLower", 1, 1),
    ("ToUpper", 1, 1),
    ("Trim", 2, 2),
    ("TrimLeft", 2, 2),
    ("TrimPrefix", 2, 2),
    ("TrimRight", 2, 2),
    ("TrimSpace", 1, 1),
    ("TrimSuffix", 2, 2),
    ("__line__", 0, 0),
    ("__timestamp__", 0, 0),
    ("add", 1, ANY),
    ("addf", 1, ANY),
    ("alignLeft", 2, 2),
    ("alignRight", 2, 2),
    ("and", 1, ANY),
    ("b64dec", 1, 1),
    ("b64enc", 1, 1),
    ("bytes", 1, 1),
    ("ceil", 1, 1),
    ("contains", 2, 2),
    ("count", 2, 2),
    ("date", 2, 2),
    ("default", 1, 2),
    ("div", 2, 2),
    ("divf", 2, ANY),
    ("duration", 1, 1),
    ("duration_seconds", 1, 1),
    ("eq", 2, ANY),
    ("float64", 1, 1),
    ("floor", 1, 1),
    ("fromJson", 1, 1),
    ("ge", 2, 2),
    ("gt", 2, 2),
    ("hasPrefix", 2, 2),
    ("hasSuffix", 2, 2),
    ("html", 1, ANY),
    ("indent", 2, 2),
    ("index", 1, ANY),
    ("int", 1, 1),
    ("js", 1, ANY),
    ("le", 2, 2),
    ("len", 1, 1),
    ("lower", 1, 1),
    ("lt", 2, 2),
    ("max", 1, ANY),
    ("maxf", 1, ANY),
    ("min", 1, ANY),
    ("minf", 1, ANY),
    ("mod", 2, 2),
    ("mul", 1, ANY),
    ("mulf", 1, ANY),
    ("ne", 2, 2),
    ("nindent", 2, 2),
    ("not", 1, 1),
    ("now", 0, 0),
    ("or", 1, ANY),
    ("print", 0, ANY),
    ("printf", 1, ANY),
    ("println", 0, ANY),
    ("regexReplaceAll", 3, 3),
    ("regexReplaceAllLiteral", 3, 3),
    ("repeat", 2, 2),
    ("replace", 3, 3),
    ("round", 2, 3),
    ("slice", 1, 3),
    ("sub", 2, 2),
    ("subf", 2, ANY),
    ("substr", 3, 3),
    ("title", 1, 1),
    ("toDate", 2, 2),
    ("toDateInZone", 3, 3),
    ("trim", 1, 1),
    ("trimAll", 2, 2),
    ("trimPrefix", 2, 2),
    ("trimSuffix", 2, 2),
    ("trunc", 2, 2),
    ("unixEpoch", 1, 1),
    ("unixEpochMillis", 1, 1),
    ("unixEpochNanos", 1, 1),
    ("unixToTime", 1, 1),
    ("upper", 1, 1),
    ("urldecode", 1, 1),
    ("urlencode", 1, 1),
    ("urlquery", 1, ANY),
];
const ANY: usize = usize::MAX;

fn arity(name: &str) -> Option<(usize, usize)> {
    let at = FUNCTIONS.binary_search_by(|(known, ..)| (*known).cmp(name));
    at.ok().map(|at| (FUNCTIONS[at].1, FUNCTIONS[at].2))
}

pub(super) fn is_known(name: &str) -> bool {
    arity(name).is_some()
}

/// Whether its first argument is a pattern.
pub(super) fn takes_pattern(name: &str) -> bool {
    matches!(name, "count" | "regexReplaceAll" | "regexReplaceAllLiteral")
}

/// The labels of the line as the map that they are; other values as they are.
pub(super) fn resolved(value: Value, scope: &Scope<'_>) -> Value {
    match value {
        Value::Labels => {
            let pair = |(name, value)| (name, Value::Text(value));
            Value::Map((scope.labels)().into_iter().map(pair).collect())
        }
        value => value,
    }
}

pub(super) fn call(name: &str, args: &[Value], scope: &Scope<'_>) -> Result<Value, String> {
    let (least, most) = arity(name).ok_or_else(|| format!("there is no function {name}"))?;
    if !(least..=most).contains(&args.len()) {
        let expected = match (least, most) {
            (least, ANY) => format!("{least} or more"),
            (least, most) if least == most => least.to_string(),
            (least, most) => format!("{least} to {most}"),
        };
        return Err(format!(
            "{name} has {} arguments; expected {expected}",
            args.len()
        ));
    }
    let args: Vec<Value> = (args.iter())
        .map(|arg| resolved(arg.clone(), scope))
        .collect();
    if let Some(value) = math::call(name, &args) {
        return value;
    }
    if let Some(value) = text::call(name, &args) {
        return value;
    }
    if let Some(value) = moment(name, &args, scope) {
        return value;
    }
    general(name, &args, scope)
}

fn general(name: &str, args: &[Value], scope: &Scope<'_>) -> Result<Value, String> {
    let nothing = Value::Nil;
    let arg = |at: usize| args.get(at).unwrap_or(&nothing);
    Ok(match name {
        "__line__" => Value::Text(scope.line.to_owned()),
        "eq" => Value::Bool(args[1..].iter().any(|other| arg(0) == other)),
        "ne" => Value::Bool(arg(0) != arg(1)),
        "lt" => Value::Bool(compare(arg(0), arg(1))?.is_lt()),
        "le" => Value::Bool(compare(arg(0), arg(1))?.is_le()),
        "gt" => Value::Bool(compare(arg(0), arg(1))?.is_gt()),
        "ge" => Value::Bool(compare(arg(0), arg(1))?.is_ge()),
        "not" => Value::Bool(!arg(0).is_true()),
        // Their arguments were looked at one by one before.
        "and" | "or" => arg(0).clone(),
        "default" if arg(1).is_true() => arg(1).clone(),
        "default" => arg(0).clone(),
        "len" => Value::Int(match arg(0) {
            Value::Text(text) => text.len() as i64,
            Value::List(list) => list.len() as i64,
            Value::Map(map) => map.len() as i64,
            other => return Err(format!("{} has no length", other.shown())),
        }),
        "index" => index(arg(0), &args[1..])?,
        "slice" => slice(arg(0), &args[1..])?,
        "fromJson" => {
            Value::from_json(&arg(0).shown()).unwrap_or_else(|| Value::Text(String::new()))
        }
        "print" => Value::Text(printf::print(args)),
        "println" => {
            let all: Vec<String> = args.iter().map(Value::shown).collect();
            Value::Text(all.join(" ") + "\n")
        }
        "printf" => Value::Text(printf::printf(&arg(0).shown(), &args[1..])),
        "count" => Value::Int(pattern(arg(0))?.count(&arg(1).shown()) as i64),
        "regexReplaceAll" | "regexReplaceAllLiteral" => {
            let literal = name == "regexReplaceAllLiteral";
            let replaced = pattern(arg(0))?.replace_all(&arg(1).shown(), &arg(2).shown(), literal);
            Value::Text(replaced)
        }
        _ => return Err(format!("there is no function {name}")),
    })
}

fn moment(name: &str, args: &[Value], scope: &Scope<'_>) -> Option<Result<Value, String>> {
    let nothing = Value::Nil;
    let arg = |at: usize| args.get(at).unwrap_or(&nothing);
    let of = |value: &Value| match value {
        Value::Moment(moment) => moment.clone(),
        Value::Int(seconds) => Moment::of_seconds(*seconds),
        _ => Moment::of_ns(scope.now_ns),
    };
    let given = |value: &Value| match value {
        Value::Moment(moment) => Ok(moment.clone()),
        other => Err(format!(
            "{} is no time; expected what toDate or __timestamp__ gives",
            other.shown()
        )),
    };
    Some(Ok(match name {
        "__timestamp__" => Value::Moment(Moment::of_ns(scope.at_ns)),
        "now" => Value::Moment(Moment::of_ns(scope.now_ns)),
        "date" => Value::Text(of(arg(1)).format(&arg(0).shown())),
        "toDate" => {
            Value::Moment(Moment::parse(&arg(0).shown(), &arg(1).shown()).unwrap_or_default())
        }
        "toDateInZone" => {
            let zone = arg(1).shown();
            if !matches!(zone.as_str(), "" | "UTC" | "Local") {
                return Some(Err(format!(
                    "the time zone {zone} is not known; expected UTC"
                )));
            }
            Value::Moment(Moment::parse(&arg(0).shown(), &arg(2).shown()).unwrap_or_default())
        }
        "unixEpoch" | "unixEpochMillis" | "unixEpochNanos" => {
            let moment = match given(arg(0)) {
                Ok(moment) => moment,
                Err(reason) => return Some(Err(reason)),
            };
            Value::Text(match name {
                "unixEpoch" => moment.seconds().to_string(),
                "unixEpochMillis" => moment.ns().div_euclid(1_000_000).to_string(),
                _ => moment.ns().to_string(),
            })
        }
        "unixToTime" => return Some(Moment::of_epoch(&arg(0).shown()).map(Value::Moment)),
        _ => return None,
    }))
}

fn pattern(value: &Value) -> Result<std::sync::Arc<Pattern>, String> {
    match value {
        Value::Pattern(pattern) => Ok(pattern.clone()),
        other => Pattern::anywhere(&other.shown(), false)
            .map(std::sync::Arc::new)
            .map_err(|error| error.to_string()),
    }
}

fn compare(a: &Value, b: &Value) -> Result<Ordering, String> {
    use Value::{Float, Int, Text};
    match (a, b) {
        (Int(a), Int(b)) => Ok(a.cmp(b)),
        (Text(a), Text(b)) => Ok(a.cmp(b)),
        (Int(_) | Float(_), Int(_) | Float(_)) => {
            Ok(a.float().partial_cmp(&b.float()).unwrap_or(Ordering::Less))
        }
        _ => Err(format!(
            "{} and {} cannot be compared",
            a.shown(),
            b.shown()
        )),
    }
}

fn index(of: &Value, keys: &[Value]) -> Result<Value, String> {
    let mut value = of.clone();
    for key in keys {
        value = match value {
            Value::Map(mut map) => map.remove(&key.shown()).unwrap_or_default(),
            Value::List(list) => usize::try_from(key.int())
                .ok()
                .and_then(|at| list.into_iter().nth(at))
                .ok_or_else(|| format!("there is no element {}", key.shown()))?,
            Value::Nil => Value::Nil,
            other => return Err(format!("{} has no elements", other.shown())),
        };
    }
    Ok(value)
}

fn slice(of: &Value, ends: &[Value]) -> Result<Value, String> {
    let end = |at: usize, otherwise: usize| match ends.get(at) {
        Some(value) => usize::try_from(value.int()).unwrap_or(usize::MAX),
        None => otherwise,
    };
    let missing = || "the ends of a slice are not in it".to_owned();
    match of {
        Value::Text(text) => {
            let part = text.get(end(0, 0)..end(1, text.len()));
            Ok(Value::Text(part.ok_or_else(missing)?.to_owned()))
        }
        Value::List(list) => {
            let part = list.get(end(0, 0)..end(1, list.len()));
            Ok(Value::List(part.ok_or_else(missing)?.to_vec()))
        }
        other => Err(format!("{} cannot be sliced", other.shown())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_in_order_so_that_each_is_found() {
        assert!(FUNCTIONS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
