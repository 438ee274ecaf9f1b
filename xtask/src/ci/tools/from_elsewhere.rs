//! Tools of the tests that Debian does not have: from the registries of Go, Python and Node, into `target/tools`, where the
//! tests look for them.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::{command, say, tree};

/// A program in Go, and what installs it.
const H2SPEC: &str = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible";
const NAMES: &str = "github.com/letsencrypt/pebble/v2/cmd/pebble-challtestsrv@v2.10.1";
const PEBBLE: &str = "github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.1";
const PYTHON: [&str; 5] = [
    "grpcio==1.85.1",
    "opentelemetry-exporter-otlp-proto-grpc==1.45.2",
    "opentelemetry-exporter-otlp-proto-http==1.45.2",
    "opentelemetry-sdk==1.45.2",
    "websockets==17.4",
];

const NODE: [&str; 3] = [
    "@opentelemetry/api@1.9.1",
    "@opentelemetry/api-logs@0.223.0",
    "@opentelemetry/sdk-node@0.223.0",
];

pub(super) fn install() -> Result<()> {
    let tools = tree::root().join("target/tools");
    for (name, package) in [
        ("h2spec", H2SPEC),
        ("pebble", PEBBLE),
        ("pebble-challtestsrv", NAMES),
    ] {
        if !tools.join("bin").join(name).is_file() {
            attempt(
                name,
                Command::new("go")
                    .args(["install", package])
                    .env("GOBIN", tools.join("bin")),
            );
        }
    }
    let python = tools.join("python");
    let installed = std::fs::read_to_string(python.join(INSTALLED));
    if installed.ok() != Some(PYTHON.join("\n")) {
        python_clients(&python)?;
    }
    let node = tools.join("npm");
    let installed = std::fs::read_to_string(node.join(INSTALLED));
    if installed.ok() != Some(NODE.join("\n")) {
        let mut install = Command::new("npm");
        install.args(["install", "--no-audit", "--no-fund", "--ignore-scripts"]);
        install.arg("--prefix").arg(&node).args(NODE);
        if attempt("clients in Node", &mut install) {
            std::fs::write(node.join(INSTALLED), NODE.join("\n"))?;
        }
    }
    Ok(())
}

/// Which packages a folder has.
const INSTALLED: &str = "installed.txt";

fn python_clients(folder: &Path) -> Result<()> {
    let mut create = Command::new("python3");
    create.args(["-m", "venv"]).arg(folder);
    if attempt("clients in Python", &mut create) {
        let mut install = Command::new(folder.join("bin/pip"));
        install.args(["install", "--quiet"]).args(PYTHON);
        if attempt("clients in Python", &mut install) {
            std::fs::write(folder.join(INSTALLED), PYTHON.join("\n"))?;
        }
    }
    Ok(())
}

/// Without them their tests say that they are skipped, and the run as a whole decides what that means.
fn attempt(name: &str, command: &mut Command) -> bool {
    let done = command::run(command);
    if let Err(error) = &done {
        say::line(&format!(
            "tools: no {name}, so not tested with it: {error:#}"
        ));
    }
    done.is_ok()
}
