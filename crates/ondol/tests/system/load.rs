//! With requests coming in at the edge, what is done to Ondol and to the services loses none of them.

use std::collections::BTreeMap;
use std::thread;

use anyhow::{Result, ensure};
use ondol_test::{Load, LoadReport, get, wait_until};

use crate::app::{App, SOON};
use crate::process;

const CONNECTIONS: u32 = 8;
/// Long enough for what is done meanwhile, on a busy machine too.
const SECONDS: u32 = 6;

#[test]
fn the_node_is_killed_and_comes_back() -> Result<()> {
    let mut app = served()?;
    let pids = app.pids()?;
    let Some(load) = Load::start(&app.edge("/"), CONNECTIONS, SECONDS)? else {
        return app.finish();
    };
    app.node.kill()?;
    for _ in 0..50 {
        ensure!(
            get(&app.edge("/"))?.status == 200,
            "the edge needs the node"
        );
    }
    app.node.serve()?;
    assert_eq!(app.pids()?, pids, "a service was restarted");
    none_failed(load.finish()?);
    assert_eq!((restarts(&app)?, app.pids()?), (0, pids));
    app.finish()
}

#[test]
fn a_service_is_replaced_by_what_its_file_says_now() -> Result<()> {
    let app = served()?;
    let pids = app.pids()?;
    let Some(load) = Load::start(&app.edge("/"), CONNECTIONS, SECONDS)? else {
        return app.finish();
    };
    app.edit("compose.yaml", "VERSION: one", "VERSION: two")?;
    app.up()?;
    for _ in 0..20 {
        assert_eq!(get(&app.edge("/"))?.text(), "two");
    }
    none_failed(load.finish()?);
    let now = app.pids()?;
    assert!(
        now.values().all(|pid| !pids.values().any(|old| old == pid)),
        "{now:?} {pids:?}"
    );
    assert_eq!(now.len(), 2, "{now:?}");
    assert_eq!(restarts(&app)?, 0);
    app.finish()
}

#[test]
fn a_service_is_scaled_up_and_down() -> Result<()> {
    let app = App::new("pair")?;
    app.edit("compose.yaml", "replicas: 2", "replicas: 1")?;
    app.up()?;
    let pids = app.pids()?;
    let Some(load) = Load::start(&app.edge("/"), CONNECTIONS, SECONDS)? else {
        return app.finish();
    };
    app.ok(["scale", "web=5"])?;
    wait_until("five to be ready", SOON, || {
        (ready(&app).ok()? == 5).then_some(())
    })?;
    app.ok(["scale", "web=1"])?;
    wait_until("one to be left", SOON, || {
        (app.pids().ok()?.len() == 1).then_some(())
    })?;
    none_failed(load.finish()?);
    assert_eq!((restarts(&app)?, app.pids()?), (0, pids));
    app.finish()
}

#[test]
fn the_proxy_is_killed_and_nobody_is_refused() -> Result<()> {
    let app = served()?;
    let pids = app.pids()?;
    let proxy = app.proxy()?;
    let Some(load) = Load::start(&app.edge("/"), CONNECTIONS, SECONDS)? else {
        return app.finish();
    };
    // A connection that is opened now waits for the next proxy instead of being refused.
    process::kill(proxy)?;
    for _ in 0..20 {
        let answer = get(&app.edge("/"));
        ensure!(
            answer.as_ref().is_ok_and(|answer| answer.status == 200),
            "{answer:?}"
        );
    }
    let report = load.finish()?;
    assert_eq!((report.refused, report.bad_answers), (0, 0), "{report:?}");
    assert!(report.socket_errors <= u64::from(CONNECTIONS), "{report:?}");
    assert_ne!(app.proxy()?, proxy);
    assert_eq!((restarts(&app)?, app.pids()?), (0, pids));
    app.finish()
}

#[test]
fn one_of_two_replicas_is_killed_and_only_what_it_worked_on_is_lost() -> Result<()> {
    let app = served()?;
    let pids = app.pids()?;
    let Some(load) = Load::start(&app.edge("/"), CONNECTIONS, SECONDS)? else {
        return app.finish();
    };
    process::kill(app.pid("web-1")?)?;
    app.wait_for("web-1", "to be started again", |web| {
        web["phase"] == "ready" && web["pid"].as_i64() != pids.get("web-1").copied()
    })?;
    let report = load.finish()?;
    assert!(report.requests > 100, "{report:?}");
    assert!(report.failed() <= u64::from(CONNECTIONS), "{report:?}");
    assert_eq!(report.refused, 0, "{report:?}");
    let now = app.pids()?;
    assert_eq!(now["web-2"], pids["web-2"]);
    assert_eq!(app.replica("web-1")?["restarts"], 1);
    app.finish()
}

#[test]
fn many_ask_while_node_and_proxy_die_in_turn() -> Result<()> {
    let mut app = served()?;
    let pids = app.pids()?;
    for _ in 0..3 {
        process::kill(app.proxy()?)?;
        app.node.kill()?;
        app.node.serve()?;
        assert_eq!(app.pids()?, pids);
        let url = app.edge("/");
        let askers: Vec<_> = (0..4)
            .map(|_| {
                let url = url.clone();
                thread::spawn(move || {
                    (0..20)
                        .map(|_| Ok(get(&url)?.status))
                        .collect::<Result<Vec<_>>>()
                })
            })
            .collect();
        for asker in askers {
            let statuses = asker
                .join()
                .map_err(|_| anyhow::anyhow!("an asker panicked"))??;
            assert_eq!(statuses, [200; 20]);
        }
    }
    assert_eq!((restarts(&app)?, app.pids()?), (0, pids));
    app.finish()
}

/// Two replicas that answer, of a node that was started by itself.
fn served() -> Result<App> {
    let mut app = App::new("pair")?;
    app.node.serve()?;
    app.up()?;
    assert_eq!(get(&app.edge("/"))?.text(), "one");
    Ok(app)
}

fn none_failed(report: LoadReport) {
    assert!(report.requests > 100, "{report:?}");
    assert_eq!(report.failed(), 0, "{report:?}");
}

fn restarts(app: &App) -> Result<u64> {
    Ok(app
        .replicas()?
        .values()
        .filter_map(|replica| replica["restarts"].as_u64())
        .sum())
}

fn ready(app: &App) -> Result<usize> {
    let replicas: BTreeMap<_, _> = app.replicas()?;
    Ok(replicas
        .values()
        .filter(|replica| replica["phase"] == "ready")
        .count())
}
