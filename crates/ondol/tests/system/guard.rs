//! Who may ask a route, how often, and what is kept of its answers: through the real binary, asked by curl.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use ondol_test::wait_until;
use serde_json::Value;

use crate::app::{App, SOON};
use crate::input::is_refused;

/// What curl heard.
struct Heard {
    status: u16,
    head: String,
    body: String,
}

impl Heard {
    fn says(&self, header: &str) -> bool {
        self.head
            .to_ascii_lowercase()
            .contains(&header.to_ascii_lowercase())
    }

    fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("{}{}", self.head, self.body))
    }
}

fn curl(app: &App, path: &str, more: &[&str]) -> Result<Heard> {
    let asked = Command::new("curl")
        .args(["--silent", "--show-error", "--include", "--max-time", "10"])
        .args(more)
        .arg(app.edge(path))
        .output()?;
    let text = String::from_utf8_lossy(&asked.stdout).into_owned();
    let (head, body) = text
        .split_once("\r\n\r\n")
        .with_context(|| format!("no answer: {}", String::from_utf8_lossy(&asked.stderr)))?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Ok(Heard {
        status: status.context("a status")?,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}

#[test]
fn what_stands_before_a_route_does_what_the_file_says() -> Result<()> {
    let app = App::new("guard")?;
    app.up()?;
    limits(&app)?;
    names(&app)?;
    kept_answers(&app)?;
    // Given from memory while nobody is there who could be asked.
    app.ok(["stop", "web"])?;
    assert_eq!(curl(&app, "/films?page=1", &[])?.json()?["times"], 1);
    app.finish()
}

fn limits(app: &App) -> Result<()> {
    assert_eq!(curl(app, "/elsewhere", &[])?.status, 403);
    assert_eq!(curl(app, "/upload", &[])?.status, 200);
    assert_eq!(curl(app, "/upload", &[])?.status, 200);
    let refused = curl(app, "/upload", &[])?;
    assert_eq!(refused.status, 429);
    ensure!(
        refused.says("x-ondol-reason: too_many_requests"),
        "{}",
        refused.head
    );
    ensure!(refused.says("retry-after: 1"), "{}", refused.head);
    Ok(())
}

fn names(app: &App) -> Result<()> {
    let nobody = curl(app, "/admin", &["-H", "X-Ondol-User: root"])?;
    assert_eq!(nobody.status, 401);
    ensure!(
        nobody.says("www-authenticate: Basic realm=\"web\""),
        "{}",
        nobody.head
    );
    let bob = curl(app, "/admin", &["--user", "bob:test"])?;
    assert_eq!(bob.json()?["x-ondol-user"], "bob");
    assert_eq!(curl(app, "/admin", &["--user", "bob:tests"])?.status, 401);
    let robot = curl(app, "/robots", &["-H", "X-Api-Key: 0123456789abcdef"])?;
    assert_eq!(robot.json()?["x-ondol-user"], "robot");
    assert_eq!(curl(app, "/robots", &[])?.status, 401);

    // The service itself shows the key that tokens are signed with.
    let (signed, _) = token_of_ada().rsplit_once('.').context("three parts")?;
    let unsigned = format!("Authorization: Bearer {signed}.");
    assert_eq!(curl(app, "/tokens", &["-H", &unsigned])?.status, 401);
    let good = format!("Authorization: Bearer {}", token_of_ada());
    let ada = curl(app, "/tokens", &["-H", &good, "-H", "X-Role: root"])?;
    assert_eq!(ada.json()?["x-ondol-user"], "ada");
    assert_eq!(ada.json()?["x-role"], "admin");

    assert_eq!(curl(app, "/asked/nicely", &[])?.status, 200);
    let refused = curl(app, "/asked/rudely", &[])?;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.json()?["x-forwarded-uri"], "/asked/rudely");

    // A file that changes is read again.
    fs::write(app.dir.join("keys"), "robot:another-key-of-the-robot\n")?;
    let changed = wait_until("the new key to be known", SOON, || {
        let heard = curl(
            app,
            "/robots",
            &["-H", "X-Api-Key: another-key-of-the-robot"],
        );
        heard.ok().filter(|heard| heard.status == 200)
    });
    changed?;
    assert_eq!(
        curl(app, "/robots", &["-H", "X-Api-Key: 0123456789abcdef"])?.status,
        401
    );
    Ok(())
}

fn kept_answers(app: &App) -> Result<()> {
    for path in ["/films?page=1", "/films?utm=7&page=1", "/films?page=1"] {
        let heard = curl(app, path, &[])?;
        assert_eq!(heard.json()?["times"], 1, "{path}: {}", heard.head);
    }
    assert_eq!(curl(app, "/films?page=2", &[])?.json()?["times"], 2);
    let purged = app.ok(["cache", "purge", "http://127.0.0.1/films?page=2", "--json"])?;
    assert_eq!(purged.lines()?[0]["purged"], 1);
    assert_eq!(curl(app, "/films?page=2", &[])?.json()?["times"], 3);
    let kept = app.ok(["cache", "--json"])?.lines()?.remove(0);
    assert_eq!((&kept["purged"], &kept["stored"]), (&1.into(), &3.into()));
    let coded = curl(app, "/films?page=1", &["--compressed"])?;
    ensure!(coded.says("content-encoding: "), "{}", coded.head);
    assert_eq!(coded.json()?["times"], 1);
    Ok(())
}

/// HS256 with the key of `server.py`; it ends in 2100.
fn token_of_ada() -> &'static str {
    "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0.eyJzdWIiOiJhZGEiLCJyb2xlIjoiYWRtaW4iLCJleHAiOjQxMDI0NDQ4MDB9.Ksh_HHkujSNtJUmvbPg4xWhflYj26MRgxcS3f3VfgMI"
}

#[test]
fn a_file_that_lets_nobody_in_is_told_before_anything_is_started() -> Result<()> {
    let app = App::new("guard")?;
    fs::write(app.dir.join("users"), "bob:secret\n")?;
    fs::remove_file(app.dir.join("keys"))?;
    let refused = app.run(["up", "--detach"])?;
    is_refused(
        "files of routes",
        &refused,
        &[
            "compose.yaml",
            "users:1: expected a hash of bcrypt",
            "keys: No such file",
        ],
    )?;
    assert!(app.processes().is_empty());
    Ok(())
}
