//! What the parts of a template are, and how they are printed and compared.

use std::cmp::Ordering;

use crate::number;
use crate::rule::Labels;
use crate::sample::Sample;

use super::units;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Nil,
    Bool(bool),
    Whole(i64),
    Number(f64),
    Text(String),
    Labels(Labels),
    Sample(Sample),
    Vector(Vec<Sample>),
    /// Milliseconds of Unix time.
    Time(i64),
    /// Nanoseconds.
    Duration(i64),
    /// `.`: what the whole template is filled in with.
    All,
}

impl Value {
    /// What `if`, `and` and `or` make of it.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Value::Nil => false,
            Value::Bool(value) => *value,
            Value::Whole(value) | Value::Duration(value) => *value != 0,
            Value::Number(value) => *value != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::Labels(labels) => !labels.is_empty(),
            Value::Vector(samples) => !samples.is_empty(),
            Value::Sample(_) | Value::Time(_) | Value::All => true,
        }
    }

    /// As `{{ }}` and `print` write it.
    pub(super) fn print(&self) -> String {
        match self {
            Value::Nil => "<no value>".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Whole(value) => value.to_string(),
            Value::Number(value) => number::shortest(*value),
            Value::Text(text) => text.clone(),
            Value::Labels(labels) => print_labels(labels),
            Value::Sample(sample) => print_sample(sample),
            Value::Vector(samples) => {
                let texts: Vec<String> = samples.iter().map(print_sample).collect();
                format!("[{}]", texts.join(" "))
            }
            Value::Time(ms) => units::time(*ms),
            Value::Duration(ns) => units::duration(*ns),
            Value::All => "{}".to_owned(),
        }
    }

    pub(super) fn what(&self) -> &'static str {
        match self {
            Value::Nil => "nothing",
            Value::Bool(_) => "true or false",
            Value::Whole(_) => "a whole number",
            Value::Number(_) => "a number with a point",
            Value::Text(_) => "text",
            Value::Labels(_) => "labels",
            Value::Sample(_) => "a sample",
            Value::Vector(_) => "a query's result",
            Value::Time(_) => "a time",
            Value::Duration(_) => "a duration",
            Value::All => "all that the template knows",
        }
    }

    /// Numbers, and texts that are one.
    pub(super) fn number(&self) -> Result<f64, String> {
        match self {
            Value::Number(value) => Ok(*value),
            Value::Whole(value) => Ok(*value as f64),
            Value::Duration(ns) => Ok(*ns as f64 / 1e9),
            Value::Text(text) => text
                .parse()
                .map_err(|_| format!("{text:?} is not a number")),
            other => Err(format!("{} is not a number", other.what())),
        }
    }

    pub(super) fn text(&self) -> Result<&str, String> {
        match self {
            Value::Text(text) => Ok(text),
            other => Err(format!("{} is not text", other.what())),
        }
    }

    /// As `eq`, `lt` and their kin compare: like with like.
    pub(super) fn compare(&self, other: &Value) -> Result<Option<Ordering>, String> {
        match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => Ok(Some(a.cmp(b))),
            (Value::Whole(a), Value::Whole(b)) => Ok(Some(a.cmp(b))),
            (Value::Number(a), Value::Number(b)) => Ok(a.partial_cmp(b)),
            (Value::Text(a), Value::Text(b)) => Ok(Some(a.cmp(b))),
            (Value::Nil, Value::Nil) => Ok(Some(Ordering::Equal)),
            (Value::Whole(_), Value::Number(_)) | (Value::Number(_), Value::Whole(_)) => Err(
                "a whole number and one with a point are not compared; write 5.0 for 5".to_owned(),
            ),
            (a, b) => Err(format!("{} and {} are not compared", a.what(), b.what())),
        }
    }
}

fn print_labels(labels: &Labels) -> String {
    let texts: Vec<String> = labels.iter().map(|(k, v)| format!("{k}:{v}")).collect();
    format!("map[{}]", texts.join(" "))
}

fn print_sample(sample: &Sample) -> String {
    format!(
        "{{{} {}}}",
        print_labels(&sample.labels),
        number::shortest(sample.value)
    )
}
