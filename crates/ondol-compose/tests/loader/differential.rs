//! Debian's `docker-compose` 1.29 reads the same files: where it accepts one, both mean the same.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ondol_compose::{Request, load};
use ondol_model::Project;
use serde_json::Value as Json;

use crate::support::{Disk, conformance, conformance_files, env, skipped};

/// Where the two differ, by folder, service and field of the model, and why.
const DIFFERENCES: &[(&str, &str, &str, &str)] = &[];

/// Files that 1.29 refuses, and why that is not a fault of theirs.
const REFUSED: &[(&str, &str)] = &[(
    "react-rust-postgres",
    "`name` at the top of a file is newer than 1.29",
)];

/// The same for the files below.
const OWN_DIFFERENCES: &[(&str, &str, &str, &str)] = &[(
    "interpolation",
    "a",
    "environment",
    "1.29 reads 1.50 as a number and passes 1.5 on; Ondol passes on what is written",
)];

/// Files of our own, for what the corpus does not use. The first is read with the ones after it laid over.
const OWN: &[(&str, &[(&str, &str)])] = &[
    (
        "interpolation",
        &[
            (
                "compose.yaml",
                "services:\n  a:\n    image: \"x:${TAG:-1}${NONE-2}$TAG\"\n    command: echo $$HOME \"${TAG:?needed} b\"\n    environment: {A: \"${EMPTY:-e}${EMPTY-f}\", B: , C: 1.50, E: \"${QUOTED}\"}\n    labels: [\"l=$TAG\", m]\n",
            ),
            (".env", "TAG=7\nEMPTY=\nB=from-env\nQUOTED=\"a b\" # c\n"),
        ],
    ),
    (
        "environment",
        &[
            (
                "compose.yaml",
                "services:\n  a:\n    image: x\n    env_file: [one.env, two.env]\n    environment: [B=inline, FROM]\n",
            ),
            ("one.env", "A=1\nB=1\nC='x y'\n"),
            ("two.env", "C=2\nD=\n"),
            (".env", "FROM=env\n"),
        ],
    ),
    (
        "merging",
        &[
            (
                "compose.yaml",
                "services:\n  a:\n    image: x\n    command: [one]\n    ports: [\"80:80\", \"81-82:81-82/udp\"]\n    volumes: [\"./d:/d\", \"v:/v:ro\", /anon]\n    environment: {A: 1, B: 1}\n    expose: [90]\n    healthcheck: {test: [CMD, a], interval: 1m30s}\n    ulimits: {nofile: {soft: 1, hard: 2}}\n    logging: {driver: json-file, options: {max-size: 1m}}\n    tmpfs: /run\nvolumes: {v: {}, w: {}}\n",
            ),
            (
                "over.yaml",
                "services:\n  a:\n    command: two words\n    ports: [\"83:83\"]\n    volumes: [\"w:/w\", \"~/h:/h\"]\n    environment: [B=2, C=3]\n    expose: [91]\n    healthcheck: {test: b, retries: 5}\n    networks: {default: {aliases: [z]}}\n    stop_grace_period: 1m\n    user: \"1:2\"\n    working_dir: /w\n    restart: on-failure:3\n    mem_limit: 64m\n    cpus: 0.5\n    scale: 2\n",
            ),
        ],
    ),
    (
        "extends",
        &[
            (
                "compose.yaml",
                "services:\n  a:\n    extends: {file: base/common.yaml, service: app}\n    environment: {B: a}\n  b: {extends: {service: a}, command: c, depends_on: {a: {condition: service_healthy}}}\n",
            ),
            (
                "base/common.yaml",
                "services:\n  app: {image: x, environment: {A: app, B: app}, volumes: [\"./data:/data\"], env_file: e.env}\n",
            ),
            ("base/e.env", "E=1\n"),
        ],
    ),
    (
        "anchors",
        &[(
            "compose.yaml",
            "x-app: &app\n  image: x\n  environment: &env {A: 1}\n  deploy: {replicas: 2, resources: {limits: {cpus: \"0.50\", memory: 50M}, reservations: {memory: 20M}}, restart_policy: {condition: on-failure, max_attempts: 3, window: 120s}, update_config: {parallelism: 2, delay: 10s, order: stop-first}}\nservices:\n  a: {<<: *app, hostname: h}\n  b: {<<: *app, environment: {<<: *env, B: 2}, configs: [{source: c, target: /c, mode: 0440}], secrets: [s]}\nconfigs: {c: {file: ./c.conf}}\nsecrets: {s: {file: ./s.txt}}\n",
        )],
    ),
];

#[test]
fn services_agree_with_docker_compose_wherever_it_accepts_the_file() {
    let Some(folder) = conformance() else { return };
    if has_docker_compose() {
        let cases = conformance_files(&folder)
            .into_iter()
            .map(|file| copied(&file));
        let (differences, refused) = compare_all(cases);
        let listed = DIFFERENCES
            .iter()
            .map(|(file, service, field, _)| format!("{file} {service} {field}"));
        assert_eq!(
            differences,
            listed.collect(),
            "differences that are there, and those that are listed"
        );
        let listed = REFUSED.iter().map(|(file, _)| (*file).to_owned());
        assert_eq!(refused, listed.collect(), "files that 1.29 refuses");
    }
}

#[test]
fn services_agree_with_docker_compose_on_what_the_corpus_does_not_use() {
    if has_docker_compose() {
        let (differences, refused) =
            compare_all(OWN.iter().map(|(name, files)| written(name, files)));
        let listed = OWN_DIFFERENCES
            .iter()
            .map(|(file, service, field, _)| format!("{file} {service} {field}"));
        assert_eq!(
            differences,
            listed.collect(),
            "differences that are there, and those that are listed"
        );
        assert_eq!(refused, BTreeSet::new());
    }
}

fn has_docker_compose() -> bool {
    let found = Command::new("docker-compose")
        .arg("version")
        .output()
        .is_ok();
    if !found {
        skipped("docker-compose is not installed (apt-get install docker-compose)");
    }
    found
}

/// What differs, and which folders are refused by 1.29.
fn compare_all(cases: impl Iterator<Item = Vec<PathBuf>>) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut differences, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for files in cases {
        let folder = files[0].parent().expect("a folder");
        let name = folder
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let ours = project(&files);
        for build in ours
            .services
            .values()
            .filter_map(|service| service.build.as_ref())
        {
            fs::create_dir_all(&build.context).expect("a folder for the sources");
        }
        let Some(text) = resolved_by_docker_compose(&files) else {
            refused.insert(name);
            continue;
        };
        let resolved = folder.join("resolved.yaml");
        fs::write(&resolved, text).expect("writable");
        differences.extend(compare(&name, &ours, &project(&[resolved])));
    }
    (differences, refused)
}

/// The files of a case of our own, written out; those to load are named `.yaml` and stand at its top.
fn written(name: &str, files: &[(&str, &str)]) -> Vec<PathBuf> {
    let folder = folder(name);
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        fs::write(path, text).expect("writable");
    }
    let to_load = files
        .iter()
        .filter(|(path, _)| path.ends_with(".yaml") && !path.contains('/'));
    to_load.map(|(path, _)| folder.join(path)).collect()
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("differential")
        .join(name);
    fs::create_dir_all(&folder).expect("writable");
    folder
}

/// A copy in a folder of its own, where sources can be made up.
fn copied(file: &Path) -> Vec<PathBuf> {
    let name = file.parent().and_then(Path::file_name).expect("a folder");
    let folder = folder(&name.to_string_lossy());
    let copy = folder.join("compose.yaml");
    fs::write(&copy, fs::read(file).expect("readable")).expect("writable");
    if let Ok(text) = fs::read(file.with_file_name(".env")) {
        fs::write(folder.join(".env"), text).expect("writable");
    }
    vec![copy]
}

fn resolved_by_docker_compose(files: &[PathBuf]) -> Option<Vec<u8>> {
    let output = Command::new("docker-compose")
        .args(
            files
                .iter()
                .map(|file| format!("--file={}", file.display())),
        )
        .arg("config")
        .current_dir(files[0].parent()?)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/home/me")
        .output()
        .expect("docker-compose runs");
    output.status.success().then_some(output.stdout)
}

fn project(files: &[PathBuf]) -> Project {
    let request = Request {
        dir: files[0].parent().expect("a folder").to_path_buf(),
        files: files.to_vec(),
        env: env(&[("HOME", "/home/me")]),
        ..Request::default()
    };
    let loaded = load(&request, &Disk);
    let text = loaded.render(false);
    loaded
        .project
        .unwrap_or_else(|| panic!("{files:?}\n{text}"))
}

/// Fields of services that differ.
fn compare(name: &str, ours: &Project, theirs: &Project) -> Vec<String> {
    let json = |project: &Project| serde_json::to_value(&project.services).expect("JSON");
    let (ours, theirs) = (json(ours), json(theirs));
    let empty = serde_json::Map::new();
    let services = |json: &Json| {
        json.as_object()
            .unwrap_or(&empty)
            .keys()
            .cloned()
            .collect::<BTreeSet<_>>()
    };
    let mut differences = Vec::new();
    for service in services(&ours).union(&services(&theirs)) {
        let fields = ours[service].as_object().unwrap_or(&empty);
        for (field, value) in fields {
            let other = &theirs[service][field];
            let (value, other) = match field.as_str() {
                // 1.29 sorts them; their order means nothing, since no two have one target.
                "mounts" => (sorted(value), sorted(other)),
                _ => (value.clone(), other.clone()),
            };
            if value != other {
                differences.push(format!("{name} {service} {field}"));
            }
        }
    }
    differences
}

fn sorted(list: &Json) -> Json {
    let mut items = list.as_array().cloned().unwrap_or_default();
    items.sort_by_key(ToString::to_string);
    items.into()
}
