//! The schema and the reference page of `x-ondol`, out of its table.

use serde_json::{Map as JsonMap, Value as Json, json};

use crate::grammar::{Object, Shape, X_ONDOL_PROJECT, X_ONDOL_SERVICE};

/// JSON Schema (2020-12) of the two places of `x-ondol`, as `$defs`, in a Compose file.
pub fn x_ondol_schema() -> Json {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "x-ondol, Ondol's part of a Compose file",
        "description": "Generated from the table in crates/ondol-compose/src/grammar/x_ondol.rs.",
        "type": "object",
        "properties": {
            "x-ondol": { "$ref": "#/$defs/project" },
            "services": {
                "type": "object",
                "additionalProperties": {
                    "type": "object",
                    "properties": { "x-ondol": { "$ref": "#/$defs/service" } },
                },
            },
        },
        "$defs": {
            "project": of_object(&X_ONDOL_PROJECT),
            "service": of_object(&X_ONDOL_SERVICE),
        },
    })
}

/// The reference page, in Markdown.
pub fn x_ondol_reference() -> String {
    let mut page = String::from(concat!(
        "# `x-ondol`\n\n",
        "What Compose cannot say, said under one key. It is never required, and every Compose tool reads past it.\n",
        "An unknown key below `x-ondol` is an error. This page and `x-ondol.schema.json` are generated from one\n",
        "table; `cargo test -p ondol-compose` says when they are out of date.\n",
    ));
    section(
        "At the top of a file: `x-ondol`",
        &X_ONDOL_PROJECT,
        &mut page,
    );
    section(
        "In a service: `services.NAME.x-ondol`",
        &X_ONDOL_SERVICE,
        &mut page,
    );
    page.push_str(EXAMPLE);
    page
}

fn section(title: &str, object: &'static Object, page: &mut String) {
    page.push_str(&format!(
        "\n## {title}\n\n| key | value | default | meaning |\n|---|---|---|---|\n"
    ));
    table(object, "", &mut Vec::new(), page);
}

const EXAMPLE: &str = r#"
## Example

```yaml
x-ondol:
  edge: {port: 8080}

services:
  api:
    build: ./api
    x-ondol:
      port: 3000
      route: /api
      probes:
        ready: {http: /health, interval: 5s}
        live: {tcp: true}
```
"#;

/// One row for each key. A mapping that stands in several places is written out at the first of them.
fn table(
    object: &'static Object,
    before: &str,
    seen: &mut Vec<(&'static Object, String)>,
    page: &mut String,
) {
    for key in object.keys {
        let path = format!("{before}{}", key.name);
        let below = match key.shape.long() {
            Shape::Object(below) => Some(*below),
            Shape::List(inner)
            | Shape::Map(inner)
            | Shape::Unique(inner, _)
            | Shape::OneOrMany(inner, _) => match inner.long() {
                Shape::Object(below) => Some(*below),
                _ => None,
            },
            _ => None,
        };
        let is_same = |(other, _): &&(&Object, String)| {
            below.is_some_and(|below| std::ptr::eq(*other, below))
        };
        let first = seen.iter().find(is_same).map(|(_, path)| path.clone());
        let same = first
            .as_ref()
            .map(|first| format!(" Its keys are those of `{first}`."));
        let (value, default, doc) = (value_of(key.shape), key.default, key.doc);
        let same = same.unwrap_or_default();
        page.push_str(&format!(
            "| `{path}` | {value} | {default} | {doc}{same} |\n"
        ));
        if let (Some(below), None) = (below, first) {
            seen.push((below, path.clone()));
            let inside = match key.shape {
                Shape::Map(_) => format!("{path}.NAME."),
                _ => format!("{path}."),
            };
            table(below, &inside, seen, page);
        }
    }
}

fn value_of(shape: &Shape) -> String {
    match shape {
        Shape::Choice(choices) => choices
            .iter()
            .map(|choice| format!("`{choice}`"))
            .collect::<Vec<_>>()
            .join(", "),
        Shape::List(inner) => format!("list; each {}", value_of(inner)),
        Shape::OneOrMany(inner, _) => format!("{} or a list", value_of(inner)),
        Shape::Unique(inner, _) => match inner {
            Shape::Text => "list of text".into(),
            inner => format!("list; each {}", value_of(inner)),
        },
        other => other.expects(),
    }
}

fn of_object(object: &Object) -> Json {
    let properties: JsonMap<String, Json> = object
        .keys
        .iter()
        .map(|key| {
            let mut schema = of(key.shape);
            if let Some(fields) = schema.as_object_mut() {
                fields.insert("description".into(), key.doc.into());
            }
            (key.name.to_owned(), schema)
        })
        .collect();
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}

fn of(shape: &Shape) -> Json {
    let text = || json!({ "type": ["string", "number", "boolean"] });
    match shape {
        Shape::Any => json!({}),
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Whole { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Shape::Number => json!({ "type": "number", "minimum": 0 }),
        Shape::Choice(choices) => json!({ "enum": choices }),
        Shape::List(inner) | Shape::Unique(inner, _) => {
            json!({ "type": "array", "items": of(inner) })
        }
        Shape::OneOrMany(inner, _) => {
            json!({ "anyOf": [of(inner), { "type": "array", "items": of(inner) }] })
        }
        Shape::Pairs => json!({ "type": ["object", "array"] }),
        Shape::Words | Shape::ShellOr(_) => {
            json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": text() }] })
        }
        Shape::Map(inner) => json!({ "type": "object", "additionalProperties": of(inner) }),
        Shape::Names(inner) => {
            json!({ "anyOf": [{ "type": "array" }, { "type": "object", "additionalProperties": of(inner) }] })
        }
        Shape::Object(object) | Shape::MergedIfSame(_, Shape::Object(object)) => of_object(object),
        Shape::MergedIfSame(_, inner) => of(inner),
        Shape::Short(_, inner) => json!({ "anyOf": [text(), of(inner)] }),
        _ => text(),
    }
}
