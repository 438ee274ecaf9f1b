//! Files and requests that cannot be: a located error, exit code 2, and nothing is started.

use std::fs;

use anyhow::{Result, ensure};
use ondol_test::{Finished, TestDir, TestNode};

use crate::ONDOL;
use crate::app::App;

#[test]
fn a_file_that_cannot_be_is_refused_with_its_place_and_nothing_is_started() -> Result<()> {
    let bomb: String = (1..30)
        .map(|n| format!("  x{n}: &x{n} [{}]\n", format!("*x{}, ", n - 1).repeat(9)))
        .collect();
    let bomb = format!(
        "x-bomb:\n  x0: &x0 [lol]\n{bomb}services: {{a: {{image: redis, command: *x29}}}}\n"
    );
    let long = format!(
        "services:\n  a:\n    image: {}\n    depends_no: [b]\n    x-ondol: {{prot: 80}}\n",
        "x".repeat(1 << 20)
    );
    let cases: [(&str, Vec<u8>, &[&str]); 9] = [
        ("malformed", "services:\n  a: {image: [redis\n".into(), &["compose.yaml:"]),
        ("alias bomb", bomb.into(), &["aliases"]),
        ("1 MB line", long.into(), &["compose.yaml:4", "depends_no", "depends_on", "did you mean `port`"]),
        ("not UTF-8", b"services:\n  a:\n    image: \"\xff\xfe\"\n".to_vec(), &["UTF-8", "compose.yaml"]),
        (
            "misspelt key",
            "services:\n  a:\n    image: redis\n    comand: redis-server\n".into(),
            &["compose.yaml:4", "services.a.comand", "did you mean `command`"],
        ),
        (
            "unknown key of our own",
            "services:\n  a:\n    image: redis\n    x-ondol: {rout: /}\n".into(),
            &["compose.yaml:4", "x-ondol.rout", "did you mean `route`"],
        ),
        (
            "name with dots",
            "services:\n  ../../etc:\n    build: .\n    command: sh -c 'sleep 100'\n".into(),
            &["compose.yaml:2", "../../etc"],
        ),
        (
            "volume with dots",
            "services:\n  a:\n    build: .\n    command: sleep 100\n    volumes: ['data:/data']\nvolumes: {data: {name: ../../etc}}\n".into(),
            &["compose.yaml:6", "../../etc"],
        ),
        ("dependency on nobody", "services:\n  a: {build: ., command: sleep 100, depends_on: [b]}\n".into(), &["compose.yaml:2", "`b`"]),
    ];
    let (node, folder) = (TestNode::absent(ONDOL)?, TestDir::new()?);
    for (name, text, expected) in cases {
        folder.write("compose.yaml", text)?;
        let refused = node.run(folder.path(), ["up", "--detach"])?;
        is_refused(name, &refused, expected)?;
        nothing_was_started(&node, name)?;
    }
    node.stop()
}

#[test]
fn files_that_include_each_other_are_refused() -> Result<()> {
    let (node, folder) = (TestNode::absent(ONDOL)?, TestDir::new()?);
    folder.write(
        "compose.yaml",
        "include: [other.yaml]\nservices: {a: {image: redis}}\n",
    )?;
    folder.write(
        "other.yaml",
        "include: [compose.yaml]\nservices: {b: {image: redis}}\n",
    )?;
    let refused = node.run(folder.path(), ["up", "--detach"])?;
    is_refused("include cycle", &refused, &["include", "other.yaml"])?;
    nothing_was_started(&node, "include cycle")?;
    node.stop()
}

#[test]
fn a_name_with_dots_on_the_command_line_is_refused() -> Result<()> {
    let app = App::new("shop")?;
    for arguments in [["-p", "../evil", "up", "-d"], ["-p", "../evil", "ps", "-a"]] {
        is_refused("project name", &app.run(arguments)?, &["../evil"])?;
    }
    nothing_was_started(&app.node, "project name")?;
    app.node.stop()
}

#[test]
fn what_belongs_to_another_project_is_refused_and_that_project_named() -> Result<()> {
    let app = App::new("pair")?;
    app.up()?;
    let route = app.run(["-p", "second", "up", "--detach"])?;
    is_refused(
        "route",
        &route,
        &["compose.yaml:", "x-ondol", "route / of any host", "`pair`"],
    )?;
    let text = "services:\n  a:\n    build: .\n    command: sleep 100\n    ports: ['127.0.0.1:${EDGE_PORT}:80']\n";
    fs::write(app.dir.join("other.yaml"), text)?;
    let port = app.run(["-f", "other.yaml", "-p", "third", "up", "--detach"])?;
    is_refused(
        "port",
        &port,
        &["other.yaml:5:", "port ", "`pair`", "ondol -p pair down"],
    )?;
    assert_eq!(app.run(["-p", "second", "ps"])?.code, Some(1));
    app.finish()
}

pub(crate) fn is_refused(name: &str, refused: &Finished, expected: &[&str]) -> Result<()> {
    let said = &refused.stderr;
    ensure!(
        refused.code == Some(2),
        "{name}: ended with {:?}: {said}",
        refused.code
    );
    ensure!(!said.contains("panicked"), "{name}: {said}");
    ensure!(
        said.len() < 64 << 10,
        "{name}: {} bytes of words",
        said.len()
    );
    for word in expected {
        ensure!(said.contains(word), "{name}: `{word}` is not said: {said}");
    }
    Ok(())
}

fn nothing_was_started(node: &TestNode, name: &str) -> Result<()> {
    ensure!(node.pid().is_none(), "{name}: a node was started");
    Ok(())
}
