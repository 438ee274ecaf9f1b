//! What the machine lacks is found before anything is started: each at its line, exit code 2, and nothing changes.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use anyhow::{Result, ensure};
use ondol_test::{Finished, TestDir, TestNode};

use crate::ONDOL;
use crate::app::{App, free_port};
use crate::input::is_refused;
use crate::user::Nobody;

#[test]
fn everything_that_is_in_the_way_is_told_at_once_each_at_its_line() -> Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let (port, free) = (taken.local_addr()?.port(), free_port()?);
    let text = everything_wrong(free, port);
    let (node, folder) = (TestNode::absent(ONDOL)?, TestDir::new()?);
    folder.write("compose.yaml", text)?;
    let refused = node.run(folder.path(), ["up", "--detach"])?;
    is_refused(
        "all at once",
        &refused,
        &[
            "compose.yaml:5:14",
            "error[missing-program]: the program `no-such-program` is not on this machine",
            "x-ondol.packages",
            "compose.yaml:11:9",
            "/absent does not exist",
            "create_host_path: true",
            "compose.yaml:15:",
            &format!("port {port} is in use on this machine by system-"),
            "compose.yaml:17:12",
            "/nowhere does not exist",
            "compose.yaml:19:12",
            "acme/web:1",
        ],
    )?;
    nothing_runs(&node, &folder)?;
    ensure!(
        !folder.path().join("made").exists(),
        "a folder was made for a project that was refused"
    );
    let said = node.run(folder.path(), ["--json", "up", "--detach"])?;
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    let codes: Vec<serde_json::Value> = said
        .stderr
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let lines: Vec<_> = codes
        .iter()
        .map(|said| (&said["code"], &said["place"]["line"]))
        .collect();
    assert_eq!(
        serde_json::json!(lines),
        serde_json::json!([
            ["missing-program", 5],
            ["bad-mount", 11],
            ["port-unavailable", 15],
            ["bad-build", 17],
            ["nothing-to-run", 19]
        ]),
        "{}",
        said.stderr
    );
    node.stop()
}

#[test]
fn an_env_file_that_is_missing_is_told_at_its_line() -> Result<()> {
    let (node, folder) = (TestNode::absent(ONDOL)?, TestDir::new()?);
    let text =
        "services:\n  a:\n    build: .\n    command: sleep 100\n    env_file: [absent.env]\n";
    folder.write("compose.yaml", text)?;
    let refused = node.run(folder.path(), ["up", "--detach"])?;
    is_refused("env_file", &refused, &["compose.yaml:5:", "absent.env"])?;
    nothing_runs(&node, &folder)?;
    node.stop()
}

#[test]
fn a_folder_that_the_short_form_names_is_made() -> Result<()> {
    let (node, folder) = (TestNode::absent(ONDOL)?, TestDir::new()?);
    let text = "services:\n  a:\n    build: .\n    command: sleep 100\n    volumes: ['./made/here:/data']\n";
    folder.write("compose.yaml", text)?;
    node.ok(folder.path(), ["up", "--detach"])?;
    assert!(folder.path().join("made/here").is_dir());
    node.ok(folder.path(), ["down"])?;
    node.stop()
}

#[test]
fn a_folder_that_this_user_may_not_read_is_told_at_its_line() -> Result<()> {
    let Some(nobody) = Nobody::new()? else {
        return Ok(());
    };
    let (mut node, folder) = (TestNode::absent(&nobody.ondol)?, TestDir::new()?);
    let text = "services:\n  a:\n    build: .\n    command: sleep 100\n    volumes:\n      - ./closed:/data\n      - ./closed/below:/more\n";
    folder.write("compose.yaml", text)?;
    nobody.owns(&mut node, folder.path())?;
    fs::create_dir_all(folder.path().join("closed/below"))?;
    fs::set_permissions(folder.path().join("closed"), Permissions::from_mode(0o700))?;
    let refused = node.run(folder.path(), ["up", "--detach"])?;
    let expected = [
        "compose.yaml:6:",
        "compose.yaml:7:",
        "closed cannot be read: this user may not",
    ];
    is_refused("unreadable", &refused, &expected)?;
    nothing_runs(&node, &folder)?;
    node.stop()
}

#[test]
fn an_application_that_runs_goes_on_when_its_edited_file_is_refused() -> Result<()> {
    let app = App::new("pair")?;
    app.up()?;
    let before = app.pids()?;
    let file = fs::read_to_string(app.dir.join("compose.yaml"))?;
    let edited = format!("{file}  late: {{build: ., command: no-such-program}}\n");
    fs::write(app.dir.join("compose.yaml"), edited)?;
    let refused = app.run(["up", "--detach"])?;
    is_refused("edit", &refused, &["compose.yaml:", "`no-such-program`"])?;
    assert_eq!(app.pids()?, before);
    // A service that is not asked for is not looked at.
    let first = before.keys().next().map(|name| name.trim_end_matches("-1"));
    app.ok(["up", "--detach", first.unwrap_or_default()])?;
    fs::write(app.dir.join("compose.yaml"), file)?;
    app.ok(["up", "--detach"])?;
    assert_eq!(app.pids()?, before);
    app.finish()
}

fn everything_wrong(free: u16, port: u16) -> String {
    format!(
        "services:
  fine: {{build: ., command: sleep 100}}
  program:
    build: .
    command: no-such-program --serve
  bind:
    build: .
    command: sleep 100
    volumes:
      - ./made:/made
      - {{type: bind, source: ./absent, target: /data}}
  port:
    build: .
    command: sleep 100
    ports: ['{free}:1', '127.0.0.1:{port}:80']
  context:
    build: ./nowhere
  image:
    image: acme/web:1
"
    )
}

fn nothing_runs(node: &TestNode, folder: &TestDir) -> Result<()> {
    let rest: Finished = node.run(folder.path(), ["ps"])?;
    ensure!(rest.stdout.is_empty(), "something runs: {}", rest.stdout);
    ensure!(
        !node.state().join("replicas").exists()
            || fs::read_dir(node.state().join("replicas"))?
                .next()
                .is_none(),
        "a replica was begun"
    );
    Ok(())
}
