//! The number of replicas follows the load, down to none, and says why.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use ondol_test::{Load, get, wait_until};

use crate::app::App;

/// A load must be seen, and replicas must start, on a busy machine too.
const SEEN: Duration = Duration::from_secs(40);

#[test]
fn a_service_grows_under_load_shrinks_sleeps_and_is_woken_by_a_request() -> Result<()> {
    let app = App::new("scaled")?;
    fs::create_dir(app.dir.join("work"))?;
    fs::write(app.dir.join("work/metrics"), "work_to_do 1\n")?;
    app.up()?;
    let Some(load) = Load::start(&app.edge("/"), 16, 15)? else {
        return app.finish();
    };
    wait_until("three to be ready", SEEN, || {
        (ready(&app, "web").ok()? >= 3).then_some(())
    })?;
    let explained = app.ok(["scale", "--explain", "web"])?;
    assert!(
        explained.stdout.contains("requests"),
        "{}",
        explained.stdout
    );
    let report = load.finish()?;
    assert_eq!(report.failed(), 0, "{report:?}");
    assert!(report.requests > 100, "{report:?}");
    wait_until("web to sleep", SEEN, || {
        let phase = app.ok(["why", "web"]).ok()?.stdout;
        phase.starts_with("web is asleep").then_some(())
    })?;
    assert_eq!(ready(&app, "web")?, 0);
    let woken = get(&app.edge("/"))?;
    assert_eq!((woken.status, woken.text()), (200, "done\n".into()));
    let said = app.ok(["events", "web"])?.stdout;
    for words in [
        "requests is",
        "0 instead of",
        "1 instead of 0: a request came",
    ] {
        assert!(said.contains(words), "no `{words}` in\n{said}");
    }
    app.finish()
}

#[test]
fn a_metric_that_disappears_takes_no_replica_away() -> Result<()> {
    let app = App::new("scaled")?;
    fs::create_dir(app.dir.join("work"))?;
    let metrics = app.dir.join("work/metrics");
    fs::write(&metrics, "work_to_do 30\n")?;
    app.up()?;
    wait_until("three to be ready", SEEN, || {
        (ready(&app, "hands").ok()? == 3).then_some(())
    })?;
    fs::write(&metrics, "other 1\n")?;
    let said = wait_until("it to be said", SEEN, || {
        let said = app.ok(["events", "hands"]).ok()?.stdout;
        said.contains("sum(work_to_do) is not known")
            .then_some(said)
    })?;
    assert!(
        said.contains("3 instead of 1: sum(work_to_do) is 30"),
        "{said}"
    );
    assert_eq!(ready(&app, "hands")?, 3);
    fs::write(&metrics, "work_to_do 5\n")?;
    wait_until("one to be left", SEEN, || {
        (ready(&app, "hands").ok()? == 1).then_some(())
    })?;
    app.ok(["scale", "hands=2"])?;
    assert_eq!(ready(&app, "hands")?, 2);
    let why = app.ok(["why", "hands"])?.stdout;
    assert!(why.contains("ondol scale hands=auto"), "{why}");
    app.ok(["scale", "hands=auto"])?;
    wait_until("one to be left again", SEEN, || {
        (ready(&app, "hands").ok()? == 1).then_some(())
    })?;
    app.finish()
}

fn ready(app: &App, service: &str) -> Result<usize> {
    let replicas = app.replicas().context("no replicas")?;
    let own = replicas
        .values()
        .filter(|replica| replica["service"] == service);
    Ok(own.filter(|replica| replica["phase"] == "ready").count())
}
