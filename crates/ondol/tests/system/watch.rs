//! `up --watch`: what follows from a changed file, live.

use std::fs;

use anyhow::Result;
use ondol_test::{skipped, wait_until};

use crate::app::{App, SOON, has_own_network};
use crate::process;

#[test]
fn each_action_follows_from_a_changed_file_and_nothing_else_does() -> Result<()> {
    if !has_own_network() {
        skipped("without namespaces a service runs from its sources, and nothing is copied");
        return Ok(());
    }
    let app = App::new("watched")?;
    let mut up = app.spawn(["up", "--watch"])?;
    for name in ["rebuilt", "restarted", "synced", "begun-again", "told"] {
        app.wait_until_said(name, "one")?;
    }
    let before = app.pids()?;
    fs::write(app.dir.join("static/word"), "two\n")?;

    // These begin again, and read it anew.
    for name in ["rebuilt", "restarted", "begun-again"] {
        app.wait_until_said(name, "two")?;
    }
    // These go on, and have it.
    for (name, file) in [("synced", "/app/static/word"), ("told", "/app/heard")] {
        wait_until(&format!("{name} to have it"), SOON, || {
            let seen = app.run(["exec", name, "cat", file]).ok()?;
            (seen.stdout == "two\n").then_some(())
        })?;
    }
    let after = wait_until("the old ones to be gone", SOON, || {
        app.pids().ok().filter(|pids| pids.len() == before.len())
    })?;
    let same = |name: &str| before.get(name) == after.get(name);
    assert!(same("synced-1") && same("told-1"), "{before:?} {after:?}");
    // Its process began again in its replica, which still has what was copied there.
    assert!(
        !same("begun-again-1") && after.contains_key("begun-again-1"),
        "{after:?}"
    );
    assert!(!same("rebuilt-1") && !same("restarted-1"), "{after:?}");

    process::signal(i32::try_from(up.id())?, "INT")?;
    assert!(up.wait()?.success());
    app.node.stop()
}

impl App {
    fn wait_until_said(&self, service: &str, word: &str) -> Result<()> {
        let line = format!("{service} has {word}\n");
        wait_until(&format!("`{}`", line.trim()), SOON, || {
            let said = self.run(["logs", "--no-log-prefix", service]).ok()?;
            said.stdout.ends_with(&line).then_some(())
        })
    }
}
