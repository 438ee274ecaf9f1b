//! The schema and the reference page are what the table says.

use std::path::Path;
use std::{env, fs};

use ondol_compose::{x_ondol_reference, x_ondol_schema};

use crate::support::{load_text, project_of};

/// Compares with the file of the repository, or writes it when `UPDATE_EXPECT` is set.
fn same_as(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(name);
    if env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, text).expect("docs can be written");
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == text,
        "docs/{name} is out of date; run UPDATE_EXPECT=1 cargo test -p ondol-compose"
    );
}

#[test]
fn the_reference_page_is_up_to_date() {
    same_as("x-ondol.md", &x_ondol_reference());
}

#[test]
fn the_schema_is_up_to_date() {
    let schema = serde_json::to_string_pretty(&x_ondol_schema()).expect("JSON");
    same_as("x-ondol.schema.json", &(schema + "\n"));
}

#[test]
fn the_example_of_the_page_loads_without_a_word() {
    let page = x_ondol_reference();
    let example = page
        .split("```yaml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    project_of(example.expect("an example"));
}

#[test]
fn every_key_of_the_page_is_known_to_the_loader() {
    let page = x_ondol_reference();
    let mut before = "";
    let mut count = 0;
    for line in page.lines() {
        if line.starts_with("## ") {
            before = if line.contains("services.NAME") {
                "services.a.x-ondol"
            } else {
                "x-ondol"
            };
        }
        let Some(path) = line
            .strip_prefix("| `")
            .and_then(|rest| rest.split('`').next())
        else {
            continue;
        };
        count += 1;
        let path = format!("{before}.{path}");
        let keys: Vec<&str> = path.split('.').collect();
        let nested: String = keys.iter().map(|key| format!("{{{key}: ")).collect();
        let text = format!("{nested}null{}", "}".repeat(keys.len()));
        let loaded = load_text(&text);
        let unknown = loaded
            .diagnostics
            .iter()
            .any(|diagnostic| diagnostic.code == "unknown-key");
        assert!(!unknown, "{path}: {}", loaded.render(false));
    }
    assert!(count > 25, "{count} keys");
}
