//! A span to fields and back.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Attribute, Link, Moment, Scope, Span, SpanKind, SpanStatus, SpanValue, fields};
use crate::Pair;

impl Span {
    /// Its fields as an event; each name once. Its moment is [`Span::start_ns`].
    pub fn to_fields(&self) -> Vec<Pair> {
        let mut into: Vec<Pair> = Vec::with_capacity(self.attributes.len() + 8);
        let mut put = |name: &str, value: String| {
            if !value.is_empty() {
                into.push((name.to_owned(), value));
            }
        };
        put(fields::TRACE_ID, format!("{:032x}", self.trace_id));
        put(fields::SPAN_ID, format!("{:016x}", self.span_id));
        if self.parent_id != 0 {
            put(fields::PARENT_ID, format!("{:016x}", self.parent_id));
        }
        put(fields::NAME, self.name.clone());
        put(fields::KIND, self.kind.word().to_owned());
        put(fields::DURATION, self.duration_ns.to_string());
        put(fields::STATUS, self.status.word().to_owned());
        put(fields::STATUS_MESSAGE, self.status_message.clone());
        put(fields::TRACE_STATE, self.trace_state.clone());
        put(fields::SCOPE, self.scope.name.clone());
        put(fields::SCOPE_VERSION, self.scope.version.clone());
        put(fields::MOMENTS, moments_text(&self.moments));
        put(fields::LINKS, links_text(&self.links));
        let mut types = Vec::new();
        let own = (self.attributes.iter()).map(|a| (fields::of_attribute(&a.name), &a.value));
        let of_resource = (self.resource.iter())
            .map(|a| (format!("{}{}", fields::RESOURCE, a.name).into(), &a.value));
        let begin = into.len();
        for (name, value) in own.chain(of_resource) {
            // A name twice is against the specification; the first one counts.
            if into.iter().skip(begin).any(|(known, _)| *known == name) {
                continue;
            }
            if let Some(letter) = letter(value) {
                types.push(format!("{name}={letter}"));
            }
            into.push((name.into_owned(), value.text().into_owned()));
        }
        if !types.is_empty() {
            into.push((fields::TYPES.to_owned(), types.join(" ")));
        }
        into
    }

    /// The span that an event is, if it is one.
    pub fn from_fields<'a>(
        at_ns: i64,
        event: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Option<Self> {
        let mut event: BTreeMap<&str, &str> = event.into_iter().collect();
        let hex = |text: Option<&str>| u64::from_str_radix(text?, 16).ok();
        let trace_id = u128::from_str_radix(event.remove(fields::TRACE_ID)?, 16).ok()?;
        let span_id = hex(event.remove(fields::SPAN_ID))?;
        let duration_ns = event.remove(fields::DURATION)?.parse().ok()?;
        let parent_id = hex(event.remove(fields::PARENT_ID)).unwrap_or(0);
        let types = event.remove(fields::TYPES).unwrap_or_default();
        let types: BTreeMap<&str, &str> = types
            .split(' ')
            .filter_map(|pair| pair.rsplit_once('='))
            .collect();
        let mut take = |name: &str| event.remove(name).unwrap_or_default();
        let mut span = Span {
            trace_id,
            span_id,
            parent_id,
            name: take(fields::NAME).to_owned(),
            kind: SpanKind::from_word(take(fields::KIND)),
            start_ns: at_ns,
            duration_ns,
            status: SpanStatus::from_word(take(fields::STATUS)),
            status_message: take(fields::STATUS_MESSAGE).to_owned(),
            trace_state: take(fields::TRACE_STATE).to_owned(),
            moments: moments_of(take(fields::MOMENTS)),
            links: links_of(take(fields::LINKS)),
            scope: Arc::new(Scope {
                name: take(fields::SCOPE).to_owned(),
                version: take(fields::SCOPE_VERSION).to_owned(),
            }),
            ..Span::default()
        };
        let mut resource = Vec::new();
        for (name, text) in event {
            let value = value_of(types.get(name).copied().unwrap_or_default(), text);
            match name.strip_prefix(fields::RESOURCE) {
                Some(name) => resource.push(attribute(name, value)),
                None => {
                    let name = name.strip_prefix(fields::SPAN).unwrap_or(name);
                    span.attributes.push(attribute(name, value));
                }
            }
        }
        span.resource = Arc::new(resource);
        Some(span)
    }
}

fn attribute(name: &str, value: SpanValue) -> Attribute {
    Attribute {
        name: name.to_owned(),
        value,
    }
}

fn letter(value: &SpanValue) -> Option<char> {
    match value {
        SpanValue::Text(_) => None,
        SpanValue::Bool(_) => Some('b'),
        SpanValue::Int(_) => Some('i'),
        SpanValue::Float(_) => Some('f'),
        SpanValue::Json(_) => Some('j'),
    }
}

fn value_of(letter: &str, text: &str) -> SpanValue {
    let plain = || SpanValue::Text(text.to_owned());
    match letter {
        "b" => SpanValue::Bool(text == "true"),
        "i" => text.parse().map_or_else(|_| plain(), SpanValue::Int),
        "f" => text.parse().map_or_else(|_| plain(), SpanValue::Float),
        "j" => SpanValue::Json(text.to_owned()),
        _ => plain(),
    }
}

fn moments_text(moments: &[Moment]) -> String {
    let json = |moment: &Moment| {
        let mut object = Map::new();
        object.insert("at".to_owned(), moment.at_ns.into());
        object.insert("name".to_owned(), moment.name.as_str().into());
        object.insert("with".to_owned(), attributes_json(&moment.attributes));
        Value::Object(object)
    };
    list_text(moments.iter().map(json).collect())
}

fn links_text(links: &[Link]) -> String {
    let json = |link: &Link| {
        let mut object = Map::new();
        object.insert("trace".to_owned(), format!("{:032x}", link.trace_id).into());
        object.insert("span".to_owned(), format!("{:016x}", link.span_id).into());
        object.insert("with".to_owned(), attributes_json(&link.attributes));
        Value::Object(object)
    };
    list_text(links.iter().map(json).collect())
}

fn list_text(list: Vec<Value>) -> String {
    if list.is_empty() {
        return String::new();
    }
    Value::Array(list).to_string()
}

/// `[name, letter, text]` of each.
fn attributes_json(attributes: &[Attribute]) -> Value {
    let json = |attribute: &Attribute| {
        let letter = letter(&attribute.value).map_or(String::new(), String::from);
        let parts = [
            attribute.name.as_str().into(),
            letter.into(),
            attribute.value.text().as_ref().into(),
        ];
        Value::Array(parts.into())
    };
    Value::Array(attributes.iter().map(json).collect())
}

fn moments_of(text: &str) -> Vec<Moment> {
    let moment = |value: &Value| {
        Some(Moment {
            at_ns: value.get("at")?.as_i64()?,
            name: value.get("name")?.as_str()?.to_owned(),
            attributes: attributes_of(value.get("with")),
        })
    };
    list_of(text).iter().filter_map(moment).collect()
}

fn links_of(text: &str) -> Vec<Link> {
    let link = |value: &Value| {
        let id = |name| value.get(name).and_then(Value::as_str);
        Some(Link {
            trace_id: u128::from_str_radix(id("trace")?, 16).ok()?,
            span_id: u64::from_str_radix(id("span")?, 16).ok()?,
            attributes: attributes_of(value.get("with")),
        })
    };
    list_of(text).iter().filter_map(link).collect()
}

fn list_of(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap_or_default()
}

fn attributes_of(list: Option<&Value>) -> Vec<Attribute> {
    let of = |value: &Value| {
        let part = |at: usize| value.get(at).and_then(Value::as_str);
        Some(attribute(part(0)?, value_of(part(1)?, part(2)?)))
    };
    let list = list.and_then(Value::as_array);
    list.into_iter().flatten().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a(name: &str, value: SpanValue) -> Attribute {
        attribute(name, value)
    }

    #[test]
    fn a_span_comes_back_from_its_fields_as_it_was() {
        let span = Span {
            trace_id: 7,
            span_id: u64::MAX,
            parent_id: 3,
            name: "GET /films".to_owned(),
            kind: SpanKind::Server,
            start_ns: 1_000,
            duration_ns: 5,
            status: SpanStatus::Error,
            status_message: "no".to_owned(),
            trace_state: "a=b".to_owned(),
            attributes: vec![
                a("duration_ns", SpanValue::Text("mine".to_owned())),
                a("http.response.status_code", SpanValue::Int(500)),
                a("list", SpanValue::Json("[1]".to_owned())),
                a("resource.x", SpanValue::Bool(false)),
                a("with=sign", SpanValue::Float(0.5)),
            ],
            moments: vec![Moment {
                at_ns: 1_002,
                name: "exception".to_owned(),
                attributes: vec![a("n", SpanValue::Int(1))],
            }],
            links: vec![Link {
                trace_id: 9,
                span_id: 8,
                attributes: Vec::new(),
            }],
            scope: Arc::new(Scope {
                name: "lib".to_owned(),
                version: "1".to_owned(),
            }),
            resource: Arc::new(vec![
                a("pid", SpanValue::Int(4)),
                a("service.name", SpanValue::Text("web".to_owned())),
            ]),
        };
        let kept = span.to_fields();
        let pairs = kept.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        let mut back = Span::from_fields(1_000, pairs).unwrap();
        back.attributes.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(back, span);
        assert_eq!(back.service(), "web");
    }

    #[test]
    fn a_log_line_of_a_trace_is_no_span() {
        let line = [("trace_id", "07"), ("span_id", "01"), ("body", "hello")];
        assert_eq!(Span::from_fields(0, line), None);
    }
}
