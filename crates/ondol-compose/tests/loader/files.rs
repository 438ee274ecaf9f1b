//! Which files are read, and how they come together.

use std::path::PathBuf;

use ondol_compose::{MemorySource, Request, load};

use crate::support::{clean, codes, env, request, service, source};

const WEB: &str = "services: {web: {image: nginx}}\n";

#[test]
fn the_nearest_file_upwards_is_found_with_its_override() {
    let source = MemorySource::of("/shop/compose.yaml", WEB)
        .and(
            "/shop/compose.override.yml",
            "services: {web: {hostname: over}}",
        )
        .and("/shop/docker-compose.yml", "services: {old: {image: x}}");
    let request = Request {
        dir: "/shop/src/deep".into(),
        ..request()
    };
    let project = clean(load(&request, &source));
    assert_eq!(project.name.as_str(), "shop");
    assert_eq!(project.dir, PathBuf::from("/shop"));
    assert_eq!(
        project.files,
        ["/shop/compose.yaml", "/shop/compose.override.yml"].map(PathBuf::from)
    );
    assert_eq!(service(&project, "web").hostname.as_deref(), Some("over"));
}

#[test]
fn every_name_that_compose_knows_is_found() {
    for name in [
        "compose.yaml",
        "compose.yml",
        "docker-compose.yaml",
        "docker-compose.yml",
    ] {
        let source = MemorySource::of(format!("/app/{name}"), WEB);
        assert_eq!(
            clean(load(&request(), &source)).files,
            [PathBuf::from("/app").join(name)]
        );
    }
}

#[test]
fn compose_file_names_the_files_from_the_shell_or_from_the_env_file() {
    let both =
        MemorySource::of("/app/a.yaml", WEB).and("/app/b.yaml", "services: {web: {hostname: b}}");
    let shell = Request {
        env: env(&[("COMPOSE_FILE", "a.yaml:b.yaml")]),
        ..request()
    };
    assert_eq!(clean(load(&shell, &both)).files.len(), 2);
    let in_file = both.and(
        "/app/.env",
        "COMPOSE_FILE=a.yaml;b.yaml\nCOMPOSE_PATH_SEPARATOR=;\n",
    );
    let project = clean(load(&request(), &in_file));
    assert_eq!(service(&project, "web").hostname.as_deref(), Some("b"));
}

#[test]
fn the_name_is_given_or_written_or_the_folders() {
    let named = format!("name: written\n{WEB}");
    let name =
        |request: &Request, text: &str| clean(load(request, &source(text, &[]))).name.to_string();
    let given = Request {
        project_name: Some("given".into()),
        ..request()
    };
    let from_env = Request {
        env: env(&[("COMPOSE_PROJECT_NAME", "from-env")]),
        ..request()
    };
    assert_eq!(name(&given, &named), "given");
    assert_eq!(name(&from_env, &named), "from-env");
    assert_eq!(name(&request(), &named), "written");
    assert_eq!(name(&request(), WEB), "app");
    let folder = Request {
        dir: "/x/My Shop! (2)".into(),
        ..request()
    };
    let source = MemorySource::of("/x/My Shop! (2)/compose.yaml", WEB);
    assert_eq!(clean(load(&folder, &source)).name.as_str(), "myshop2");
}

#[test]
fn the_name_is_known_as_a_variable_also_to_later_and_included_files() {
    let text = "name: shop\ninclude: [other.yaml]\nservices: {web: {image: \"x/${COMPOSE_PROJECT_NAME}\"}}\n";
    let source = source(
        text,
        &[
            (
                "other.yaml",
                "name: ignored\nservices: {db: {image: \"db/$COMPOSE_PROJECT_NAME\"}}\n",
            ),
            (
                "compose.override.yaml",
                "services: {web: {hostname: \"$COMPOSE_PROJECT_NAME\"}}\n",
            ),
        ],
    );
    let seen = |request: &Request| {
        let project = clean(load(request, &source));
        let web = service(&project, "web").clone();
        [
            web.image,
            web.hostname,
            service(&project, "db").image.clone(),
        ]
        .map(Option::unwrap_or_default)
    };
    assert_eq!(seen(&request()), ["x/shop", "shop", "db/shop"]);
    let given = Request {
        project_name: Some("given".into()),
        ..request()
    };
    assert_eq!(seen(&given), ["x/given", "given", "db/given"]);
}

#[test]
fn what_an_included_file_says_of_the_whole_project_is_told() {
    let source = source(
        "include: [other.yaml]\n",
        &[(
            "other.yaml",
            "x-ondol: {edge: {port: 1}}\nservices: {a: {image: x}}\n",
        )],
    );
    assert_eq!(codes(&load(&request(), &source)), ["not-acted-on"]);
}

#[test]
fn an_included_project_has_its_own_folder_and_variables() {
    let source = source(
        "include:\n  - parts/db/compose.yaml\n  - path: [two.yaml, two.over.yaml]\n    project_directory: elsewhere\nservices:\n  web: {image: \"nginx:${TAG}\", depends_on: [db]}\n",
        &[
            (".env", "TAG=top\n"),
            ("parts/db/.env", "TAG=low\nOWN=own\n"),
            (
                "parts/db/compose.yaml",
                "services: {db: {image: \"pg:${TAG}-${OWN}\", build: ., env_file: e.env}}\nvolumes: {data: {}}\n",
            ),
            ("parts/db/e.env", "A=${OWN}\n"),
            ("two.yaml", "services: {two: {build: sub}}\n"),
            ("two.over.yaml", "services: {two: {hostname: h}}\n"),
        ],
    );
    let project = clean(load(&request(), &source));
    let (db, two) = (service(&project, "db"), service(&project, "two"));
    assert_eq!(
        db.image.as_deref(),
        Some("pg:top-own"),
        "the including project's variables win"
    );
    assert_eq!(
        db.build.as_ref().map(|build| build.context.clone()),
        Some("/app/parts/db".into())
    );
    assert_eq!(db.environment, env(&[("A", "own")]));
    assert_eq!(
        two.build.as_ref().map(|build| build.context.clone()),
        Some("/app/elsewhere/sub".into())
    );
    assert_eq!(two.hostname.as_deref(), Some("h"));
    assert!(project.volumes.contains_key("data"));
}

#[test]
fn what_two_included_files_define_differently_is_refused_and_what_is_the_same_is_not() {
    let differ = source(
        "include: [a.yaml, b.yaml]\n",
        &[
            ("a.yaml", WEB),
            ("b.yaml", "services: {web: {image: other}}\n"),
        ],
    );
    let loaded = load(&request(), &differ);
    assert_eq!(codes(&loaded), ["include-conflict"]);
    let same = source(
        "include: [a.yaml, b.yaml]\n",
        &[("a.yaml", WEB), ("b.yaml", WEB)],
    );
    clean(load(&request(), &same));
}

#[test]
fn a_missing_include_is_located() {
    let loaded = load(
        &request(),
        &source(&format!("include: [gone.yaml]\n{WEB}"), &[]),
    );
    assert_eq!(codes(&loaded), ["unreadable-file"]);
    assert_eq!(
        loaded.diagnostics[0].place.as_ref().map(|place| place.line),
        Some(1)
    );
}

#[test]
fn a_service_extends_others_through_files_with_their_own_folders() {
    let source = source(
        "services:\n  web:\n    extends: {file: base/common.yaml, service: app}\n    environment: {B: web}\n    command: [web]\n  worker: {extends: web, command: [work]}\n",
        &[(
            "base/common.yaml",
            "services:\n  app: {extends: root, build: ., environment: {A: app, B: app}, ports: [\"80\"], command: [a, b]}\n  root: {environment: {C: root}, volumes: [\"./data:/data\"]}\n",
        )],
    );
    let project = clean(load(&request(), &source));
    let web = service(&project, "web");
    assert_eq!(
        web.build.as_ref().map(|build| build.context.clone()),
        Some("/app/base".into())
    );
    assert_eq!(
        web.environment,
        env(&[("A", "app"), ("B", "web"), ("C", "root")])
    );
    assert_eq!(web.command.as_deref(), Some(&["web".to_owned()][..]));
    assert_eq!(web.mounts.len(), 1);
    let worker = service(&project, "worker");
    assert_eq!(worker.command.as_deref(), Some(&["work".to_owned()][..]));
    assert_eq!(worker.environment, web.environment);
}

#[test]
fn a_service_of_an_override_file_extends_one_of_the_file_before() {
    let source = source(
        WEB,
        &[(
            "compose.override.yaml",
            "services: {two: {extends: web, hostname: h}}\n",
        )],
    );
    let project = clean(load(&request(), &source));
    assert_eq!(service(&project, "two").image.as_deref(), Some("nginx"));
}

#[test]
fn a_service_that_is_not_there_cannot_be_extended() {
    let loaded = load(
        &request(),
        &source("services: {web: {image: x}, a: {extends: wbe}}\n", &[]),
    );
    assert_eq!(codes(&loaded), ["unknown-service"]);
    assert_eq!(
        loaded.diagnostics[0].help.as_deref(),
        Some("did you mean `web`?")
    );
}

const PROFILED: &str = "services:\n  web: {image: x}\n  debug: {image: x, profiles: [debug], depends_on: [trace]}\n  trace: {image: x, profiles: [tracing]}\n  soft: {image: x, depends_on: {trace: {required: false}}}\n";

fn names(request: &Request) -> Vec<String> {
    let project = clean(load(request, &source(PROFILED, &[])));
    project.services.keys().map(ToString::to_string).collect()
}

#[test]
fn profiles_enable_services_and_what_they_need() {
    let with = |profiles: &[&str]| Request {
        profiles: profiles.iter().map(ToString::to_string).collect(),
        ..request()
    };
    assert_eq!(names(&request()), ["soft", "web"]);
    assert_eq!(names(&with(&["debug"])), ["debug", "soft", "trace", "web"]);
    assert_eq!(names(&with(&["*"])), ["debug", "soft", "trace", "web"]);
    let from_env = Request {
        env: env(&[("COMPOSE_PROFILES", "tracing, debug")]),
        ..request()
    };
    assert_eq!(names(&from_env), ["debug", "soft", "trace", "web"]);
    let named = Request {
        services: vec!["trace".into()],
        ..request()
    };
    assert_eq!(names(&named), ["soft", "trace", "web"]);
}

#[test]
fn a_profile_or_a_service_that_nobody_has_is_told() {
    let request = Request {
        profiles: vec!["debgu".into()],
        services: vec!["wbe".into()],
        ..request()
    };
    let loaded = load(&request, &source(PROFILED, &[]));
    assert_eq!(codes(&loaded), ["unknown-service", "unknown-profile"]);
    assert_eq!(
        loaded.diagnostics[1].help.as_deref(),
        Some("did you mean `debug`?")
    );
}
