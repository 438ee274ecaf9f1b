//! Files that mean harm: a located error in bounded time, never a panic.

use std::fmt::Write as _;
use std::path::Path;

use ondol_compose::{Loaded, MemorySource, load};

use crate::support::{codes, load_text, project_of, request, source};

#[track_caller]
fn refused_with(loaded: &Loaded, code: &str) {
    assert!(loaded.project.is_none());
    assert!(codes(loaded).contains(&code), "{:?}", codes(loaded));
}

#[test]
fn anchors_that_multiply_are_stopped() {
    let mut text = String::from("x-0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for level in 1..30 {
        let below = vec![format!("*a{}", level - 1); 9].join(", ");
        let _ = writeln!(text, "x-{level}: &a{level} [{below}]");
    }
    let loaded = load_text(&text);
    refused_with(&loaded, "too-large");
    let place = loaded.diagnostics[0].place.clone().expect("a place");
    assert_eq!(place.file.as_path(), Path::new("/app/compose.yaml"));
    assert_eq!(place.line, 7, "{}", loaded.render(false));
}

#[test]
fn an_anchor_inside_itself_is_told() {
    refused_with(
        &load_text("services: &a {web: {image: x, labels: *a}}"),
        "alias-cycle",
    );
}

#[test]
fn nesting_is_stopped_in_every_style() {
    let flow = "a: ".to_owned() + &"[".repeat(5_000);
    assert!(load_text(&flow).project.is_none());
    let mut block = String::new();
    for depth in 0..2_000 {
        let _ = writeln!(block, "{:depth$}a:", "");
    }
    refused_with(&load_text(&block), "too-deep");
    let dashes = "- ".repeat(20_000);
    refused_with(&load_text(&dashes), "too-deep");
}

#[test]
fn text_that_is_not_utf8_is_located() {
    let loaded = load(
        &request(),
        &MemorySource::of("/app/compose.yaml", *b"services:\n  a: \xff\n"),
    );
    refused_with(&loaded, "not-utf8");
    let place = loaded.diagnostics[0].place.clone().expect("a place");
    assert_eq!((place.line, place.column), (2, 6));
}

#[test]
fn a_file_of_more_than_16_mib_is_not_read() {
    refused_with(&load_text(&" ".repeat((16 << 20) + 1)), "unreadable-file");
}

#[test]
fn names_that_climb_are_refused() {
    for name in [
        "..",
        "../etc",
        "a/b",
        ".hidden",
        "-f",
        "\"\"",
        "\"a\\0b\"",
        "\"a b\"",
    ] {
        refused_with(
            &load_text(&format!("services: {{{name}: {{image: x}}}}")),
            "bad-name",
        );
    }
    refused_with(
        &load_text("name: ../x\nservices: {a: {image: x}}"),
        "bad-name",
    );
    for volumes in [
        "{../x: {}}",
        "{x: {name: ../../etc}}",
        "{x: {name: .owner}}",
    ] {
        let text = format!("services: {{a: {{image: x}}}}\nvolumes: {volumes}");
        refused_with(&load_text(&text), "bad-name");
    }
}

#[test]
fn every_include_that_doubles_the_next_one_is_stopped() {
    let mut files = Vec::new();
    for level in 0..40 {
        let next = format!("f{}.yaml", level + 1);
        files.push((
            format!("f{level}.yaml"),
            format!("include:\n  - {next}\n  - path: {next}\n"),
        ));
    }
    files.push((
        "f40.yaml".to_owned(),
        "services: {a: {image: x}}\n".to_owned(),
    ));
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let loaded = load(&request(), &source("include: [f0.yaml]\n", &files));
    refused_with(&loaded, "unreadable-file");
}

#[test]
fn extending_the_same_giant_ten_thousand_times_is_stopped() {
    let mut text = String::from("services:\n  giant:\n    image: x\n    environment:\n");
    for n in 0..2_000 {
        let _ = writeln!(text, "      V{n}: {n}");
    }
    for n in 0..10_000 {
        let _ = writeln!(text, "  s{n}: {{extends: giant}}");
    }
    refused_with(&load_text(&text), "too-large");
}

#[test]
fn services_that_extend_each_other_are_told_with_their_chain() {
    let loaded = load_text("services:\n  a: {extends: b}\n  b: {extends: c}\n  c: {extends: a}\n");
    refused_with(&loaded, "extends-cycle");
    assert!(
        loaded.diagnostics[0].message.ends_with("a -> b -> c -> a"),
        "{}",
        loaded.diagnostics[0].message
    );
}

#[test]
fn a_chain_of_ten_thousand_services_is_stopped_or_walked_without_recursion() {
    let mut extends = String::from("services:\n  s0: {image: x}\n");
    let mut depends = extends.clone();
    for n in 1..10_000 {
        let _ = writeln!(extends, "  s{n}: {{extends: s{}}}", n - 1);
        let _ = writeln!(depends, "  s{n}: {{image: x, depends_on: [s{}]}}", n - 1);
    }
    load_text(&extends);
    assert_eq!(project_of(&depends).services.len(), 10_000);
}

#[test]
fn wide_port_ranges_in_every_service_are_stopped() {
    let mut text = String::from("services:\n");
    for n in 0..200 {
        let _ = writeln!(
            text,
            "  s{n}: {{image: x, expose: [\"1-65535\"], ports: [\"1-65535\"]}}"
        );
    }
    refused_with(&load_text(&text), "too-large");
}

#[test]
fn diagnostics_are_bounded_and_the_rest_is_counted() {
    let mut text = String::from("services:\n");
    for n in 0..5_000 {
        let _ = writeln!(text, "  s{n}: {{image: x, restart: q{n}}}");
    }
    let loaded = load_text(&text);
    assert!(loaded.diagnostics.len() <= 200);
    assert_eq!(loaded.diagnostics.len() + loaded.diagnostics_dropped, 5_000);
    assert!(loaded.project.is_none());
}

#[test]
fn a_subpath_cannot_leave_its_volume() {
    let text = "services: {a: {image: x, volumes: [{type: volume, source: v, target: /v, volume: {subpath: ../../etc}}]}}\nvolumes: {v: {}}\n";
    refused_with(&load_text(text), "bad-value");
}

#[test]
fn variables_that_multiply_are_stopped() {
    let mut variables = String::from("A0=0123456789\n");
    for level in 1..40 {
        let _ = writeln!(
            variables,
            "A{level}={}",
            format!("${{A{}}}", level - 1).repeat(10)
        );
    }
    let text = "services: {a: {image: x, command: \"$A39\"}}\n";
    let loaded = load(&request(), &source(text, &[(".env", &variables)]));
    refused_with(&loaded, "too-large");
    let long = format!("services: {{a: {{image: \"{}\"}}}}\n", "$A".repeat(1 << 20));
    let loaded = load(
        &request(),
        &source(&long, &[(".env", &format!("A={}\n", "x".repeat(1 << 20)))]),
    );
    refused_with(&loaded, "too-large");
}

#[test]
fn an_env_file_that_is_not_text_is_located() {
    let source = source("services: {a: {image: x}}\n", &[]).and("/app/.env", *b"A=1\nB=\xfe\n");
    let loaded = load(&request(), &source);
    refused_with(&loaded, "not-utf8");
    assert_eq!(
        loaded.diagnostics[0].place.as_ref().map(|place| place.line),
        Some(2)
    );
}

#[test]
fn errors_are_kept_before_warnings() {
    let mut text = String::from("services:\n");
    for n in 0..300 {
        let _ = writeln!(text, "  s{n}: {{image: x, command: $UNSET_{n}}}");
    }
    text.push_str("  last: {image: x, restart: sometimes}\n");
    let loaded = load_text(&text);
    assert!(loaded.has_errors());
    assert!(
        loaded
            .diagnostics
            .iter()
            .any(|diagnostic| diagnostic.message.contains("sometimes"))
    );
}
