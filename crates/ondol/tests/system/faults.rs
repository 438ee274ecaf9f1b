//! Services that misbehave, and processes that are killed where it hurts.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use ondol_test::skipped;
use serde_json::json;

use crate::app::App;
use crate::process;

#[test]
fn a_shim_that_is_killed_takes_its_service_along_and_both_come_back() -> Result<()> {
    let app = App::new("faults")?;
    app.up()?;
    let before = app.pid("steady-1")?;
    let shim = process::parent(before).context("the service has no parent")?;
    process::kill(shim)?;
    app.wait_for("steady-1", "to be started again", |steady| {
        steady["phase"] == "ready" && steady["pid"] != before
    })?;
    assert!(
        !process::runs(before),
        "the process of the dead shim still runs"
    );
    assert_ne!(process::parent(app.pid("steady-1")?), Some(shim));
    app.finish()
}

#[test]
fn a_service_that_crashes_at_once_is_explained_and_tried_again_more_and_more_slowly() -> Result<()>
{
    let app = App::new("faults")?;
    let failed = app.run(["up", "--wait", "--wait-timeout", "60", "crash", "steady"])?;
    assert_eq!(failed.code, Some(1), "{}", failed.stderr);
    for word in [
        "crash",
        "exit 7",
        "cannot find the flux capacitor",
        "still running: steady",
        "ondol why crash",
    ] {
        assert!(
            failed.stderr.contains(word),
            "`{word}` is not said: {}",
            failed.stderr
        );
    }
    let crash = app.wait_for("crash-1", "to be in backoff", |crash| {
        crash["phase"] == "backoff" && crash["restarts"].as_u64() >= Some(4)
    })?;
    assert_eq!(crash["exit"], json!({"code": 7}));
    assert!(
        crash["retry_unix_ms"].as_u64() > crash["since_unix_ms"].as_u64(),
        "{crash}"
    );
    let why = app.ok(["why", "crash"])?.stdout;
    assert!(
        why.contains("exit 7") && why.contains("started again"),
        "{why}"
    );
    assert_eq!(app.replica("steady-1")?["phase"], "ready");
    app.finish()
}

#[test]
fn a_service_that_never_becomes_ready_is_a_timeout_with_the_last_answer() -> Result<()> {
    let app = App::new("faults")?;
    let failed = app.run(["up", "--wait", "--wait-timeout", "2", "unready"])?;
    assert_eq!(failed.code, Some(4), "{}", failed.stderr);
    for word in ["unready", "/health", "503"] {
        assert!(
            failed.stderr.contains(word),
            "`{word}` is not said: {}",
            failed.stderr
        );
    }
    app.finish()
}

#[test]
fn a_service_that_ignores_the_polite_signal_is_killed_after_its_grace_period() -> Result<()> {
    let app = App::new("faults")?;
    app.ok(["up", "--wait", "--wait-timeout", "60", "stubborn"])?;
    let pid = app.pid("stubborn-1")?;
    app.ok(["stop", "stubborn"])?;
    assert!(!process::runs(pid));
    assert_eq!(app.replica("stubborn-1")?["exit"], json!({"signal": 9}));
    let events = app.ok(["events", "stubborn"])?.stdout;
    assert!(events.contains("SIGKILL"), "{events}");
    app.finish()
}

#[test]
fn what_a_service_left_in_the_background_ends_with_it() -> Result<()> {
    let app = App::new("faults")?;
    app.ok(["up", "--wait", "--wait-timeout", "60", "parent"])?;
    let main = app.pid("parent-1")?;
    let of_first = app.processes();
    assert!(
        of_first.len() >= 2 && of_first.contains(&main),
        "{of_first:?}"
    );
    // By itself, with its background process still there...
    process::kill(main)?;
    app.wait_for("parent-1", "to be started again", |parent| {
        parent["phase"] == "ready" && parent["pid"] != main
    })?;
    assert!(
        !of_first.iter().any(|pid| process::runs(*pid)),
        "{of_first:?}"
    );
    // ...and on request.
    app.ok(["stop", "parent"])?;
    assert!(app.processes().is_empty());
    app.finish()
}

#[test]
fn a_service_that_eats_more_memory_than_it_may_is_ended_and_told_so() -> Result<()> {
    let app = App::new("faults")?;
    if !limits("memory") {
        skipped("no control group for memory can be made here");
        return app.node.stop();
    }
    app.ok(["up", "--detach", "hungry"])?;
    let hungry = app.wait_for("hungry-1", "to run out of memory", |hungry| {
        hungry["exit"].is_string()
    })?;
    assert_eq!(hungry["exit"], "out_of_memory");
    let why = app.ok(["why", "hungry"])?.stdout;
    assert!(why.contains("out of memory"), "{why}");
    app.finish()
}

#[test]
fn a_service_cannot_have_more_processes_than_it_may() -> Result<()> {
    let app = App::new("faults")?;
    if !limits("pids") {
        skipped("no control group for processes can be made here");
        return app.node.stop();
    }
    app.ok(["up", "--wait", "--wait-timeout", "60", "many"])?;
    let said = app.ok(["logs", "many", "--no-log-prefix"])?.stdout;
    let count: u32 = said
        .trim()
        .strip_suffix(" processes")
        .context("it says how many")?
        .parse()?;
    assert!((10..=20).contains(&count), "{said}");
    app.finish()
}

#[test]
fn a_second_node_on_the_same_state_is_refused_and_told_who_is_there() -> Result<()> {
    let mut app = App::new("faults")?;
    app.node.serve()?;
    app.up()?;
    let pid = app.node.pid().context("there is no node")?;
    let refused = app.run(["serve"])?;
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(
        refused.stderr.contains(&pid.to_string()),
        "{}",
        refused.stderr
    );
    assert_eq!(app.node.pid(), Some(pid));
    assert_eq!(app.replica("steady-1")?["phase"], "ready");
    app.finish()
}

#[test]
fn a_node_killed_at_any_moment_of_a_start_is_put_right_by_the_next() -> Result<()> {
    let mut app = App::new("five")?;
    let mut random = Random(20_261_121);
    for round in 0..20 {
        app.node.serve()?;
        let mut up = app.spawn(["up", "--detach"])?;
        // Not a wait for something: the moment itself is what is tried.
        std::thread::sleep(Duration::from_micros(random.below(400_000)));
        // The command first: it would start another node.
        up.kill()?;
        up.wait()?;
        app.node.kill()?;
        app.node.serve()?;
        app.up().with_context(|| format!("round {round}"))?;
        let pids = app.pids()?;
        assert_eq!(pids.len(), 6, "round {round}: {pids:?}");
        let there = app.processes();
        let known: BTreeSet<i32> = pids
            .values()
            .map(|pid| i32::try_from(*pid))
            .collect::<Result<_, _>>()?;
        assert_eq!(there, known, "round {round}: duplicates or orphans");
        app.ok(["down"])?;
        let left = app.processes();
        assert!(left.is_empty(), "round {round}: {left:?}");
        app.node.kill()?;
    }
    app.node.stop()
}

/// Whether this machine lets us limit that.
fn limits(controller: &str) -> bool {
    let v1 = Path::new("/sys/fs/cgroup")
        .join(controller)
        .join("cgroup.procs");
    let v2 = std::fs::read_to_string("/sys/fs/cgroup/cgroup.controllers").unwrap_or_default();
    let writable = |path: &Path| std::fs::OpenOptions::new().write(true).open(path).is_ok();
    writable(&v1)
        || v2.split_whitespace().any(|name| name == controller)
            && writable(Path::new("/sys/fs/cgroup/cgroup.procs"))
}

/// The same numbers in every run (Knuth's MMIX constants).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}
