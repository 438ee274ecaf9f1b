//! The floors of the house: arrows between crates point down only, and pure crates stay pure.

use crate::metadata::{Metadata, Package};
use crate::tree::Tree;

use super::Finding;

const RULE: &str = "floors";

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Floor {
    /// Values.
    L0,
    /// Pure decisions.
    L1,
    /// Engines, which do not know each other.
    L2,
    /// Doors.
    L3,
    /// The binary, which knows everybody.
    L4,
    /// Only for tests and automation.
    Dev,
}

const FLOORS: &[(&str, Floor)] = &[
    ("ondol-model", Floor::L0),
    ("ondol-alert", Floor::L1),
    ("ondol-compose", Floor::L1),
    ("ondol-control", Floor::L1),
    ("ondol-ingest", Floor::L1),
    ("ondol-query", Floor::L1),
    ("ondol-store", Floor::L2),
    ("ondol-runtime", Floor::L2),
    ("ondol-proxy", Floor::L2),
    ("ondol-telemetry", Floor::L2),
    ("ondol-api", Floor::L3),
    ("ondol-observe", Floor::L3),
    ("ondol", Floor::L4),
    ("ondol-sim", Floor::Dev),
    ("ondol-test", Floor::Dev),
    ("xtask", Floor::Dev),
];

/// What a pure crate must not be able to reach.
const IMPURE: [&str; 17] = [
    "async-std",
    "axum",
    "fastrand",
    "getrandom",
    "hyper",
    "hyper-util",
    "libc",
    "mio",
    "nix",
    "notify",
    "rand",
    "reqwest",
    "rusqlite",
    "rustix",
    "smol",
    "socket2",
    "tokio",
];

/// What the source of a pure crate must not name.
const IMPURE_PATHS: [&str; 9] = [
    "std::fs",
    "std::process",
    "std::thread",
    "std::io::std",
    "std::os::",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "std::env::var",
];

/// Checks the manifests' arrows and the pure crates' sources.
pub(crate) fn check(metadata: &Metadata, tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in metadata.members() {
        let path = package
            .manifest_path
            .strip_prefix(&tree.root)
            .unwrap_or(&package.manifest_path);
        let path = path.to_string_lossy();
        for (name, says) in arrows(package) {
            let line = line_of(tree, &path, &name);
            findings.push(Finding {
                rule: RULE,
                path: path.to_string(),
                line,
                says,
            });
        }
    }
    findings.extend(impure_sources(tree));
    findings
}

/// The name of each dependency that must not be, and why.
fn arrows(package: &Package) -> Vec<(String, String)> {
    let Some(floor) = floor(&package.name) else {
        let says = format!(
            "`{}` is on no floor; expected an entry in xtask/src/tidy/floors.rs",
            package.name
        );
        return vec![(package.name.clone(), says)];
    };
    let mut wrong = Vec::new();
    for dependency in &package.dependencies {
        let name = &dependency.name;
        let dev = dependency.kind.as_deref() == Some("dev");
        let says = match self::floor(name) {
            Some(Floor::Dev) if !dev && floor != Floor::Dev => {
                format!(
                    "`{}` depends on `{name}`, which is for tests and automation only; expected a dev-dependency",
                    package.name
                )
            }
            Some(Floor::Dev) => continue,
            Some(below) if below >= floor => {
                format!(
                    "`{}` depends on `{name}`, which is not on a floor below it; expected arrows to point down only",
                    package.name
                )
            }
            None if pure(floor) && !dev && IMPURE.contains(&name.as_str()) => {
                format!(
                    "`{}` is pure and depends on `{name}`; expected no runtime, file, socket, clock or randomness in it",
                    package.name
                )
            }
            _ => continue,
        };
        wrong.push((name.clone(), says));
    }
    wrong
}

fn floor(name: &str) -> Option<Floor> {
    FLOORS
        .iter()
        .find(|(crate_name, _)| *crate_name == name)
        .map(|(_, floor)| *floor)
}

fn pure(floor: Floor) -> bool {
    floor <= Floor::L1
}

fn impure_sources(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.ending(".rs") {
        let Some((name, "src")) = file.path.strip_prefix("crates/").and_then(|rest| {
            let (name, rest) = rest.split_once('/')?;
            Some((name, rest.split('/').next()?))
        }) else {
            continue;
        };
        // A file of tests may read its cases from disk.
        if !floor(name).is_some_and(pure)
            || file.name() == "tests.rs"
            || file.path.contains("/tests/")
        {
            continue;
        }
        for (line, text) in file
            .lines()
            .take_while(|(_, text)| text.trim() != "#[cfg(test)]")
        {
            let code = text.split("//").next().unwrap_or(text);
            if let Some(named) = IMPURE_PATHS.iter().find(|named| code.contains(**named)) {
                let says = format!(
                    "`{name}` is pure and names `{named}`; expected the shell above it to do this"
                );
                findings.push(Finding {
                    rule: RULE,
                    path: file.path.clone(),
                    line,
                    says,
                });
            }
        }
    }
    findings
}

fn line_of(tree: &Tree, path: &str, dependency: &str) -> usize {
    let file = tree.files.iter().find(|file| file.path == path);
    file.and_then(|file| file.lines().find(|(_, text)| text.starts_with(dependency)))
        .map_or(1, |(line, _)| line)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{places, tree};
    use super::*;
    use crate::metadata::Dependency;

    fn metadata(name: &str, on: &str, kind: Option<&str>) -> Metadata {
        let package = Package {
            id: name.into(),
            name: name.into(),
            version: "0.1.0".into(),
            license: None,
            source: None,
            manifest_path: "/checkout/project/crates/x/Cargo.toml".into(),
            dependencies: vec![Dependency {
                name: on.into(),
                kind: kind.map(str::to_owned),
            }],
        };
        Metadata {
            packages: vec![package],
            workspace_members: vec![name.into()],
        }
    }

    #[test]
    fn arrows_point_down_only() {
        let manifest = tree(&[(
            "crates/x/Cargo.toml",
            "[dependencies]\nondol-runtime.workspace = true\n",
        )]);
        for (name, on, kind) in [
            ("ondol-proxy", "ondol-runtime", None),
            ("ondol-model", "ondol-runtime", None),
            ("ondol-store", "ondol-runtime", Some("dev")),
        ] {
            assert_eq!(
                places(&check(&metadata(name, on, kind), &manifest)),
                ["crates/x/Cargo.toml:2"],
                "{name} -> {on}"
            );
        }
        assert!(check(&metadata("ondol", "ondol-runtime", None), &manifest).is_empty());
    }

    #[test]
    fn pure_crates_reach_nothing() {
        let none = tree(&[]);
        assert_eq!(
            check(&metadata("ondol-control", "tokio", None), &none).len(),
            1
        );
        assert!(check(&metadata("ondol-control", "proptest", Some("dev")), &none).is_empty());
        assert!(check(&metadata("ondol-proxy", "tokio", None), &none).is_empty());
    }

    #[test]
    fn tests_stand_beside_the_house() {
        let none = tree(&[]);
        assert_eq!(
            check(&metadata("ondol", "ondol-test", None), &none).len(),
            1
        );
        assert!(check(&metadata("ondol", "ondol-test", Some("dev")), &none).is_empty());
    }

    #[test]
    fn a_new_crate_needs_a_floor() {
        assert_eq!(
            check(&metadata("ondol-attic", "serde", None), &tree(&[])).len(),
            1
        );
    }

    #[test]
    fn a_pure_source_names_no_file_outside_its_tests() {
        let source = tree(&[
            (
                "crates/ondol-control/src/a.rs",
                "// std::fs is named here only\nuse std::fs;\n#[cfg(test)]\nuse std::fs;\n",
            ),
            ("crates/ondol-runtime/src/a.rs", "use std::fs;\n"),
            ("crates/ondol-compose/tests/corpus.rs", "use std::fs;\n"),
        ]);
        assert_eq!(
            places(&impure_sources(&source)),
            ["crates/ondol-control/src/a.rs:2"]
        );
    }
}
