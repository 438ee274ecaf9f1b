//! What templates calculate with.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::moment::Moment;
use crate::logql::json;
use crate::matcher::Pattern;

#[derive(Debug, Clone, Default)]
pub(super) enum Value {
    #[default]
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Moment(Moment),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
    /// The labels of the line.
    Labels,
    /// A pattern that was written as a text.
    Pattern(Arc<Pattern>),
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nil, Self::Nil) | (Self::Labels, Self::Labels) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Int(a), Self::Float(b)) | (Self::Float(b), Self::Int(a)) => *a as f64 == *b,
            (Self::Float(a), Self::Float(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Moment(a), Self::Moment(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            _ => false,
        }
    }
}

impl Value {
    /// Whether `if` takes it for true: what is not empty.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Moment(_) | Self::Labels | Self::Pattern(_) => true,
        }
    }

    /// As a template prints it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Nil => "<no value>".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) => crate::number::printed(*value),
            Self::Text(text) => text.clone(),
            Self::Moment(moment) => moment.format("2006-01-02 15:04:05.999999999 -0700 MST"),
            Self::List(list) => {
                let all: Vec<String> = list.iter().map(Self::shown).collect();
                format!("[{}]", all.join(" "))
            }
            Self::Map(map) => {
                let pair = |(key, value): (&String, &Self)| format!("{key}:{}", value.shown());
                format!(
                    "map[{}]",
                    map.iter().map(pair).collect::<Vec<_>>().join(" ")
                )
            }
            Self::Labels | Self::Pattern(_) => String::new(),
        }
    }

    /// As a whole number; 0 when it is none.
    pub(super) fn int(&self) -> i64 {
        match self {
            Self::Int(value) => *value,
            Self::Float(value) => *value as i64,
            Self::Bool(value) => i64::from(*value),
            Self::Text(text) => {
                let whole = text.parse().ok();
                whole.unwrap_or_else(|| text.parse::<f64>().map_or(0, |value| value as i64))
            }
            _ => 0,
        }
    }

    /// As a number; 0 when it is none.
    pub(super) fn float(&self) -> f64 {
        match self {
            Self::Int(value) => *value as f64,
            Self::Float(value) => *value,
            Self::Bool(value) => f64::from(u8::from(*value)),
            Self::Text(text) => text.parse().unwrap_or(0.0),
            _ => 0.0,
        }
    }

    /// Of a JSON document; `None` when it is none.
    pub(super) fn from_json(text: &str) -> Option<Self> {
        Self::of_json(json::value(text).ok()?)
    }

    fn of_json(value: json::Value<'_>) -> Option<Self> {
        Some(match value {
            json::Value::Text(text) => Self::Text(text.into_owned()),
            json::Value::Plain("true") => Self::Bool(true),
            json::Value::Plain("false") => Self::Bool(false),
            json::Value::Plain(number) => Self::Float(number.parse().ok()?),
            json::Value::Null => Self::Nil,
            json::Value::Array(raw) => {
                let elements = json::elements(raw).ok()?;
                Self::List(
                    elements
                        .into_iter()
                        .map(Self::of_json)
                        .collect::<Option<_>>()?,
                )
            }
            json::Value::Object(raw) => {
                let (mut map, mut whole) = (BTreeMap::new(), true);
                json::members(raw, |key, member| {
                    match Self::of_json(member) {
                        Some(value) => drop(map.insert(key.into_owned(), value)),
                        None => whole = false,
                    }
                    Ok(())
                })
                .ok()?;
                whole.then_some(Self::Map(map))?
            }
        })
    }
}
