//! Where variables come from.

use ondol_compose::{Request, load};

use crate::support::{assert_round_trip, clean, codes, env, request, service, source};

#[test]
fn a_service_takes_its_variables_from_files_then_from_the_file_itself() {
    let source = source(
        "services:\n  web:\n    image: x\n    env_file:\n      - one.env\n      - {path: two.env, required: true}\n      - {path: raw.env, format: raw}\n      - {path: gone.env, required: false}\n    environment:\n      - B=inline\n      - FROM_SHELL\n      - NOWHERE\n      - EMPTY=\n",
        &[
            ("one.env", "A=1\nB=1\nC=1\n"),
            ("two.env", "C=2\nD=${A_SHELL} \"q\"\n"),
            ("raw.env", "R='$x' # kept\n"),
        ],
    );
    let request = Request {
        env: env(&[("FROM_SHELL", "s"), ("A_SHELL", "a")]),
        ..request()
    };
    let project = clean(load(&request, &source));
    let expected = env(&[
        ("A", "1"),
        ("B", "inline"),
        ("C", "2"),
        ("D", "a \"q\""),
        ("EMPTY", ""),
        ("FROM_SHELL", "s"),
        ("R", "'$x' # kept"),
    ]);
    assert_eq!(service(&project, "web").environment, expected);
}

#[test]
fn a_missing_env_file_is_located_once_for_all_services() {
    let loaded = load(
        &request(),
        &source(
            "services:\n  a: {image: x, env_file: gone.env}\n  b: {image: x, env_file: gone.env}\n",
            &[],
        ),
    );
    assert_eq!(codes(&loaded), ["unreadable-file"]);
    assert_eq!(
        loaded.diagnostics[0].place.as_ref().map(|place| place.line),
        Some(2)
    );
}

#[test]
fn the_shell_wins_over_the_env_file_and_named_env_files_replace_it() {
    let text = "services: {a: {image: \"$A-$B\"}}\n";
    let files = [
        (".env", "A=env\nB=env\n"),
        ("other.env", "A=other\nB=other\n"),
        ("last.env", "B=last\n"),
    ];
    let image = |request: &Request| {
        clean(load(request, &source(text, &files)))
            .services
            .values()
            .next()
            .and_then(|s| s.image.clone())
    };
    assert_eq!(image(&request()).as_deref(), Some("env-env"));
    let shell = Request {
        env: env(&[("A", "shell")]),
        ..request()
    };
    assert_eq!(image(&shell).as_deref(), Some("shell-env"));
    let named = Request {
        env_files: vec!["other.env".into(), "last.env".into()],
        ..request()
    };
    assert_eq!(image(&named).as_deref(), Some("other-last"));
    let from_env = Request {
        env: env(&[("COMPOSE_ENV_FILES", "last.env,other.env")]),
        ..request()
    };
    assert_eq!(image(&from_env).as_deref(), Some("other-other"));
}

#[test]
fn keys_are_not_interpolated_and_dollars_survive_the_resolved_file() {
    let text = "services:\n  a:\n    image: x\n    labels: {\"$KEY\": \"$$VALUE\"}\n    command: [\"echo\", \"$${HOME}\"]\n";
    let loaded = load(&request(), &source(text, &[]));
    assert_round_trip(
        loaded.project.as_ref().expect("a project"),
        &loaded,
        &request().env,
    );
    let project = clean(loaded);
    assert_eq!(service(&project, "a").labels, env(&[("$KEY", "$VALUE")]));
    assert_eq!(
        service(&project, "a")
            .command
            .as_deref()
            .map(|c| c[1].as_str()),
        Some("${HOME}")
    );
}

#[test]
fn labels_come_from_files_too() {
    let source = source(
        "services: {a: {image: x, label_file: l.env, labels: [two, three=4]}}\n",
        &[("l.env", "one=1\nthree=3\n")],
    );
    let project = clean(load(&request(), &source));
    assert_eq!(
        service(&project, "a").labels,
        env(&[("one", "1"), ("three", "4"), ("two", "")])
    );
}

#[test]
fn a_secret_can_be_a_variable_and_must_then_be_set() {
    let text = "services: {a: {image: x, secrets: [s]}}\nsecrets: {s: {environment: TOKEN}}\n";
    let set = Request {
        env: env(&[("TOKEN", "t")]),
        ..request()
    };
    let project = clean(load(&set, &source(text, &[])));
    assert_eq!(
        project.secrets["s"].source,
        ondol_model::FileSource::Content("t".into())
    );
    assert_eq!(
        codes(&load(&request(), &source(text, &[]))),
        ["missing-variable"]
    );
}
