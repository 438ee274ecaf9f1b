//! The functions that a template may call: Prometheus' and the language's own.

use std::cmp::Ordering;

use super::printf::printf;
use super::run::failed;
use super::value::Value;
use super::{TemplateContext, Unfilled, text, units};
use crate::sample::Sample;

/// What functions may ask about the world around the template.
pub(super) struct Scope<'a> {
    pub(super) context: &'a TemplateContext<'a>,
}

/// Any number of arguments, within reason.
const MANY: usize = 64;

/// Each function with how many arguments it takes, those that are piped into it among them.
const FUNCTIONS: [(&str, usize, usize); 49] = [
    ("and", 1, MANY),
    ("eq", 2, MANY),
    ("externalURL", 0, 0),
    ("first", 1, 1),
    ("ge", 2, 2),
    ("graphLink", 1, 1),
    ("gt", 2, 2),
    ("html", 1, MANY),
    ("humanize", 1, 1),
    ("humanize1024", 1, 1),
    ("humanizeDuration", 1, 1),
    ("humanizePercentage", 1, 1),
    ("humanizeTimestamp", 1, 1),
    ("index", 1, 2),
    ("label", 2, 2),
    ("le", 2, 2),
    ("len", 1, 1),
    ("lt", 2, 2),
    ("match", 2, 2),
    ("ne", 2, 2),
    ("not", 1, 1),
    ("now", 0, 0),
    ("or", 1, MANY),
    ("parseDuration", 1, 1),
    ("pathPrefix", 0, 0),
    ("print", 0, MANY),
    ("printf", 1, MANY),
    ("println", 0, MANY),
    ("query", 1, 1),
    ("reReplaceAll", 3, 3),
    ("safeHtml", 1, 1),
    ("slice", 2, 3),
    ("sortByLabel", 2, 2),
    ("stripDomain", 1, 1),
    ("stripPort", 1, 1),
    ("strvalue", 1, 1),
    ("tableLink", 1, 1),
    ("title", 1, 1),
    ("toDuration", 1, 1),
    ("toLower", 1, 1),
    ("toTime", 1, 1),
    ("toUpper", 1, 1),
    ("urlQueryEscape", 1, 1),
    ("urlquery", 1, MANY),
    ("value", 1, 1),
    // Known to the language, of no use in a rule.
    ("args", usize::MAX, 0),
    ("call", usize::MAX, 0),
    ("js", usize::MAX, 0),
    ("tmpl", usize::MAX, 0),
];

/// The function of this name.
pub(super) fn named(name: &str) -> Result<&'static str, String> {
    let names = FUNCTIONS.iter().filter(|(_, least, _)| *least <= MANY);
    let names = names.map(|(name, ..)| *name);
    if let Some(known) = names.clone().find(|known| *known == name) {
        return Ok(known);
    }
    let unsupported = FUNCTIONS.iter().any(|(known, ..)| *known == name);
    Err(match ondol_model::did_you_mean(name, names) {
        _ if unsupported => {
            format!("the function `{name}` is not supported in the templates of rules")
        }
        Some(help) => format!("there is no function `{name}`; {help}"),
        None => format!("there is no function `{name}`"),
    })
}

/// Whether a function takes so many arguments.
pub(super) fn check(name: &str, count: usize) -> Result<(), String> {
    let known = FUNCTIONS.iter().find(|(known, ..)| *known == name);
    match known {
        Some((_, least, most)) if !(*least..=*most).contains(&count) => Err(match least == most {
            true => format!("`{name}` takes {least} arguments, and here it has {count}"),
            false => format!("`{name}` takes at least {least} arguments, and here it has {count}"),
        }),
        _ => Ok(()),
    }
}

/// Calls a function.
pub(super) fn call(name: &str, args: Vec<Value>, scope: &Scope<'_>) -> Result<Value, Unfilled> {
    if name == "query" {
        return query(&args, scope);
    }
    pure(name, args, scope).map_err(|why| failed(format!("{name}: {why}")))
}

fn query(args: &[Value], scope: &Scope<'_>) -> Result<Value, Unfilled> {
    let expr = argument(args, 0).text();
    let expr = expr.map_err(|why| failed(format!("query: {why}")))?;
    match (scope.context.answers)(expr) {
        Some(Ok(samples)) => Ok(Value::Vector(samples)),
        Some(Err(why)) => Err(failed(format!("query {expr:?}: {why}"))),
        None => Err(Unfilled::Asks(expr.to_owned())),
    }
}

fn argument(args: &[Value], at: usize) -> &Value {
    args.get(at).unwrap_or(&Value::Nil)
}

fn pure(name: &str, args: Vec<Value>, scope: &Scope<'_>) -> Result<Value, String> {
    let arg = |at| argument(&args, at);
    let word = |text: String| Ok(Value::Text(text));
    match name {
        "and" | "or" => Ok(args.last().cloned().unwrap_or(Value::Nil)),
        "not" => Ok(Value::Bool(!arg(0).is_true())),
        "eq" | "ne" | "lt" | "le" | "gt" | "ge" => compare(name, &args),
        "len" => length(arg(0)),
        "index" => index(arg(0), args.get(1)),
        "slice" => slice(&args),
        "print" => word(print(&args)),
        "println" => word(args.iter().map(Value::print).collect::<Vec<_>>().join(" ") + "\n"),
        "printf" => word(printf(arg(0).text()?, args.get(1..).unwrap_or_default())?),
        "html" => word(text::html(&print(&args))),
        "urlquery" | "urlQueryEscape" => word(text::url_query(&print(&args))),
        "first" | "label" | "value" | "strvalue" | "sortByLabel" => samples(name, &args),
        "now" => Ok(Value::Number(scope.context.at_ms as f64 / 1000.0)),
        "externalURL" => word(scope.context.external_url.to_owned()),
        "pathPrefix" => word(text::path_of(scope.context.external_url)),
        "graphLink" => word(text::graph_link(arg(0).text()?, 0)),
        "tableLink" => word(text::graph_link(arg(0).text()?, 1)),
        "safeHtml" => word(arg(0).text()?.to_owned()),
        "title" => word(text::title(arg(0).text()?)),
        "toUpper" => word(arg(0).text()?.to_uppercase()),
        "toLower" => word(arg(0).text()?.to_lowercase()),
        "stripPort" => word(text::strip_port(arg(0).text()?)),
        "stripDomain" => word(text::strip_domain(arg(0).text()?)),
        "match" => text::matches(arg(0).text()?, arg(1).text()?).map(Value::Bool),
        "reReplaceAll" => {
            text::replace_all(arg(0).text()?, arg(1).text()?, arg(2).text()?).map(Value::Text)
        }
        "parseDuration" => {
            let text = arg(0).text()?;
            let ms = crate::duration::parse(text);
            let ms = ms.ok_or_else(|| format!("{text:?} is not a length of time"))?;
            Ok(Value::Number(ms as f64 / 1000.0))
        }
        _ => figure(name, arg(0).number()?),
    }
}

/// Functions of one number.
fn figure(name: &str, value: f64) -> Result<Value, String> {
    Ok(Value::Text(match name {
        "humanize" => units::humanize(value),
        "humanize1024" => units::humanize1024(value),
        "humanizeDuration" => units::humanize_duration(value),
        "humanizePercentage" => units::humanize_percentage(value),
        "humanizeTimestamp" => units::humanize_timestamp(value)?,
        "toTime" => return units::milliseconds(value).map(Value::Time),
        "toDuration" => return Ok(Value::Duration((value * 1e9) as i64)),
        _ => return Err("it cannot be called".to_owned()),
    }))
}

fn samples(name: &str, args: &[Value]) -> Result<Value, String> {
    match (name, args) {
        ("first", [Value::Vector(samples)]) => match samples.first() {
            Some(first) => Ok(Value::Sample(first.clone())),
            None => Err("the query has no result".to_owned()),
        },
        ("label", [Value::Text(name), Value::Sample(sample)]) => {
            Ok(Value::Text(label(sample, name)))
        }
        ("value", [Value::Sample(sample)]) => Ok(Value::Number(sample.value)),
        ("strvalue", [Value::Sample(sample)]) => Ok(Value::Text(label(sample, "__value__"))),
        ("sortByLabel", [Value::Text(name), Value::Vector(samples)]) => {
            let mut samples = samples.clone();
            samples.sort_by_cached_key(|sample| label(sample, name));
            Ok(Value::Vector(samples))
        }
        _ => Err(format!(
            "it is not for {}",
            argument(args, args.len().saturating_sub(1)).what()
        )),
    }
}

fn label(sample: &Sample, name: &str) -> String {
    sample.labels.get(name).cloned().unwrap_or_default()
}

fn compare(name: &str, args: &[Value]) -> Result<Value, String> {
    let Some((first, others)) = args.split_first() else {
        return Ok(Value::Bool(false));
    };
    let mut equal = false;
    let mut order = None;
    for other in others {
        order = first.compare(other)?;
        equal |= order == Some(Ordering::Equal);
    }
    Ok(Value::Bool(match name {
        "eq" => equal,
        "ne" => !equal,
        "lt" => order == Some(Ordering::Less),
        "le" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        "gt" => order == Some(Ordering::Greater),
        _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    }))
}

fn length(value: &Value) -> Result<Value, String> {
    let length = match value {
        Value::Text(text) => text.len(),
        Value::Labels(labels) => labels.len(),
        Value::Vector(samples) => samples.len(),
        other => return Err(format!("{} has no length", other.what())),
    };
    Ok(Value::Whole(length as i64))
}

fn index(value: &Value, at: Option<&Value>) -> Result<Value, String> {
    match (value, at) {
        (value, None) => Ok(value.clone()),
        (Value::Labels(labels), Some(Value::Text(name))) => {
            Ok(Value::Text(labels.get(name).cloned().unwrap_or_default()))
        }
        (Value::Vector(samples), Some(Value::Whole(at))) => {
            let found = usize::try_from(*at).ok().and_then(|at| samples.get(at));
            let found = found.ok_or_else(|| format!("there is no element {at}"))?;
            Ok(Value::Sample(found.clone()))
        }
        (value, Some(at)) => Err(format!("{} is not indexed by {}", value.what(), at.what())),
    }
}

fn slice(args: &[Value]) -> Result<Value, String> {
    let [Value::Text(text), bounds @ ..] = args else {
        return Err(format!("{} is not sliced", argument(args, 0).what()));
    };
    let bound = |at: usize, default: usize| match bounds.get(at) {
        None => Ok(default),
        Some(Value::Whole(at)) => usize::try_from(*at).map_err(|_| "a bound below 0".to_owned()),
        Some(other) => Err(format!("{} is no bound", other.what())),
    };
    let (start, end) = (bound(0, 0)?, bound(1, text.len())?);
    let part = text.get(start..end);
    let part = part.ok_or_else(|| format!("{start} to {end} are not inside the text"))?;
    Ok(Value::Text(part.to_owned()))
}

/// Go puts a space between two operands that are both no text.
fn print(args: &[Value]) -> String {
    let mut printed = String::new();
    let mut was_text = true;
    for arg in args {
        let is_text = matches!(arg, Value::Text(_));
        if !was_text && !is_text {
            printed.push(' ');
        }
        printed.push_str(&arg.print());
        was_text = is_text;
    }
    printed
}
