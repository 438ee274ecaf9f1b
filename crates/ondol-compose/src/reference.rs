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
    let rows = [
        ("At the top of the file", "", &X_ONDOL_PROJECT),
        ("In a service", "services.NAME.", &X_ONDOL_SERVICE),
    ];
    for (title, before, object) in rows {
        page.push_str(&format!(
            "\n## {title}\n\n| key | value | default | meaning |\n|---|---|---|---|\n"
        ));
        table(object, &format!("{before}x-ondol"), &mut page);
    }
    page.push_str(EXAMPLE);
    page
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

fn table(object: &Object, path: &str, page: &mut String) {
    for key in object.keys {
        let path = format!("{path}.{}", key.name);
        let default = match key.default {
            "" => String::new(),
            default => format!("`{default}`"),
        };
        let (name, value, doc) = (path.as_str(), value_of(key.shape), key.doc);
        page.push_str(&format!("| `{name}` | {value} | {default} | {doc} |\n"));
        match key.shape.long() {
            Shape::Object(below) => table(below, &path, page),
            Shape::List(inner) => {
                // `routes` repeats `route`, which stands right above it.
                debug_assert!(matches!(inner.long(), Shape::Object(_)));
            }
            _ => {}
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
        Shape::OneOrMany(..) => "text or a list".into(),
        Shape::Unique(..) => "list of text".into(),
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
