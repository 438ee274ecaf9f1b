//! `up` that stays, as a person at a terminal has it: what it shows, and what Ctrl-C does.

use std::io::Read;
use std::process::{Child, ChildStdout};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ondol_test::wait_until;

use crate::app::{App, SOON};
use crate::process;

#[test]
fn ctrl_c_shows_what_services_write_while_they_stop() -> Result<()> {
    let app = App::new("shop")?;
    let mut up = app.spawn(["up"])?;
    wait_until("the edge to answer", SOON, || app.ask("/").ok())?;
    interrupt(&up)?;
    let shown = all_of(&mut up)?;
    assert!(up.wait()?.success());
    for service in ["web", "api", "db"] {
        let line = format!("| {service} leaves");
        assert!(shown.contains(&line), "no `{line}` in: {shown}");
    }
    app.node.stop()
}

#[test]
fn a_second_ctrl_c_kills_what_does_not_want_to_end() -> Result<()> {
    let app = App::new("odd")?;
    let mut up = app.spawn(["up"])?;
    let mut shown = up.stdout.take().context("no output")?;
    read_until(&mut shown, "stubborn runs")?;
    let pid = app.pid("stubborn-1")?;
    interrupt(&up)?;
    // It says so itself, and would stay for a minute.
    read_until(&mut shown, "stubborn stays")?;
    assert!(process::runs(pid));
    let begun = now();
    interrupt(&up)?;
    assert!(up.wait()?.success());
    assert!(begun.elapsed() < Duration::from_secs(20), "{begun:?}");
    assert!(!process::runs(pid));
    app.node.stop()
}

#[test]
fn below_a_service_that_crashes_the_picture_shows_what_it_wrote_last() -> Result<()> {
    let app = App::new("odd")?;
    let arguments = ["--profile", "broken", "up", "--wait", "--progress", "tty"];
    let failed = app.run(arguments)?;
    assert_eq!(failed.code, Some(1), "{}", failed.stderr);
    let pictures: Vec<_> = failed.stderr.split("\x1b[?2026h").collect();
    let last = pictures.last().context("no picture")?;
    let crashed = pictures
        .iter()
        .find(|picture| picture.contains("crashed"))
        .context("no picture of the crash")?;
    let row = crashed.find("broken").context("no row")?;
    let below = &crashed[row..];
    assert!(
        below.contains("│ opens the ledger") && below.contains("│ the ledger is torn"),
        "{crashed}"
    );
    // The report that stays says it all once more: why, the last lines, what runs, and what to type.
    let (_, report) = last.split_once("\x1b[?2026l").context("no report")?;
    for part in [
        "✖ broken",
        "exit 3",
        "│ the ledger is torn",
        "still running: stubborn",
        "`ondol why broken`",
    ] {
        assert!(report.contains(part), "no `{part}` in: {report}");
    }
    app.node.run(&app.dir, ["down", "--timeout", "1"])?;
    app.node.stop()
}

#[test]
fn the_events_say_that_the_grace_of_a_stubborn_process_was_over() -> Result<()> {
    let mut app = App::new("odd")?;
    app.node.set("GRACE", "1s");
    app.ok(["up", "--wait"])?;
    app.ok(["stop", "stubborn"])?;
    let events = app.ok(["events", "stubborn"])?.stdout;
    let killed = "did not end within 1.0 s of SIGTERM, its grace is over: killed";
    assert!(events.contains(killed), "{events}");
    app.finish()
}

#[test]
fn a_restart_returns_when_the_new_ones_are_ready_and_does_not_watch_them() -> Result<()> {
    let app = App::new("shop")?;
    app.up()?;
    let before = app.pids()?;
    app.ok(["restart", "web", "api"])?;
    // This is said when nothing failed for the time that `update_config` watches: 5 s.
    let events = app.ok(["events"])?.stdout;
    assert!(!events.contains("none failed in"), "{events}");
    let after = app.replicas()?;
    for service in ["web", "api"] {
        let mut replicas = after.values().filter(|state| state["service"] == service);
        let only = replicas.next().context("it is gone")?;
        assert_eq!(
            (only["phase"].as_str(), replicas.next()),
            (Some("ready"), None)
        );
        let pid = only["pid"].as_i64();
        assert!(!before.values().any(|old| Some(*old) == pid), "{only}");
    }
    app.finish()
}

#[test]
fn up_that_builds_again_waits_for_what_was_built() -> Result<()> {
    let app = App::new("shop")?;
    app.up()?;
    let before = app.pids()?;
    app.ok(["up", "--build", "--wait", "--wait-timeout", "60"])?;
    let after = app.pids()?;
    assert_eq!(after.len(), before.len(), "{after:?}");
    for (name, pid) in &after {
        assert!(
            !before.values().any(|old| old == pid),
            "{name} is the old one"
        );
    }
    app.finish()
}

fn interrupt(child: &Child) -> Result<()> {
    process::signal(i32::try_from(child.id())?, "INT")
}

fn all_of(child: &mut Child) -> Result<String> {
    let mut all = String::new();
    let output = child.stdout.take().context("no output")?;
    { output }.read_to_string(&mut all)?;
    Ok(all)
}

fn read_until(output: &mut ChildStdout, text: &str) -> Result<()> {
    let mut read = Vec::new();
    let mut byte = [0];
    while !String::from_utf8_lossy(&read).contains(text) {
        let more = output.read(&mut byte)?;
        anyhow::ensure!(
            more > 0,
            "`{text}` never came: {}",
            String::from_utf8_lossy(&read)
        );
        read.extend(byte);
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a person waits is what is tested"
)]
fn now() -> Instant {
    Instant::now()
}
