//! A project from its first `up` to `down -v`, by every verb.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};

use anyhow::{Context, Result};
use ondol_test::{get, wait_until};
use serde_json::Value;

use crate::app::{App, SOON, has_own_network, json_of};
use crate::process;

#[test]
fn services_start_in_the_order_of_what_they_depend_on_and_leave_in_reverse() -> Result<()> {
    let app = App::new("shop")?;
    app.up()?;
    let mut came = journal(&app)?;
    // Web waits only until api is started, so it may be the first to listen.
    came[2..].sort();
    assert_eq!(
        came,
        ["db listens", "schema done", "api listens", "web listens"]
    );
    app.ok(["down"])?;
    assert_eq!(
        journal(&app)?[4..],
        ["web leaves", "api leaves", "db leaves"]
    );
    app.finish()
}

#[test]
fn services_are_reached_by_name_by_variable_by_route_and_by_port() -> Result<()> {
    let app = App::new("shop")?;
    app.up()?;
    assert_eq!(app.ask("/some/page?x=1")?["path"], "/some/page?x=1");
    assert_eq!(
        app.ask("/apis")?["service"],
        "web",
        "a route ends with a segment"
    );
    let api = app.ask("/api/items?x=1")?;
    assert_eq!(
        (&api["service"], &api["path"]),
        (&"api".into(), &"/items?x=1".into())
    );
    assert_eq!(app.ask("/api")?["path"], "/");
    assert_eq!(app.ask("/?of=API_URL")?["answer"]["service"], "api");
    if has_own_network() {
        assert_eq!(
            app.ask("/?url=http://api/by-name")?["answer"]["path"],
            "/by-name"
        );
        let second = app.ask("/?url=http://api/%3Furl=http://db/deep")?;
        assert_eq!(second["answer"]["answer"]["service"], "db");
    }
    let address = app.ok(["port", "api", "80"])?.stdout;
    let published = json_of(&get(&format!("http://{}/published", address.trim()))?)?;
    assert_eq!(
        (&published["service"], &published["path"]),
        (&"api".into(), &"/published".into())
    );
    let refused = app.run(["port", "web", "80"])?;
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("does not publish port 80"),
        "{}",
        refused.stderr
    );
    app.finish()
}

#[test]
fn what_runs_is_shown_by_ps_top_graph_events_and_why() -> Result<()> {
    let app = App::new("shop")?;
    app.up()?;
    let replicas = app.replicas()?;
    let names: Vec<_> = replicas.keys().map(String::as_str).collect();
    assert_eq!(names, ["api-1", "db-1", "schema-1", "web-1"]);
    for name in ["api-1", "db-1", "web-1"] {
        assert_eq!(replicas[name]["phase"], "ready");
        assert!(process::runs(app.pid(name)?), "{name}");
    }
    assert_eq!(
        (
            &replicas["schema-1"]["phase"],
            &replicas["schema-1"]["done"]
        ),
        (&"ended".into(), &true.into())
    );
    assert_eq!(app.ok(["ps", "--quiet"])?.stdout, "api-1\ndb-1\nweb-1\n");
    app.edit("compose.yaml", "${WHO:-world}", "${WHO}")?;
    let check = app.ok(["check"])?;
    assert!(check.stderr.contains("warning"), "{}", check.stderr);
    assert_eq!(app.ok(["ps"])?.stderr, "", "it was said by `up`");

    let top = app.ok(["top", "--json"])?.lines()?;
    let web = top
        .iter()
        .find(|usage| usage["replica"] == "web-1")
        .context("web-1 is not in `top`")?;
    assert!(web["memory_bytes"].as_u64() > Some(1 << 20), "{web}");

    let graph = app.ok(["graph", "--dot"])?.stdout;
    assert!(
        graph.contains("\"web\" -> \"api\"") && graph.contains("\"api\" -> \"schema\""),
        "{graph}"
    );

    let events = app.ok(["events", "--json"])?.lines()?;
    let at = |service: &str, kind: &str| {
        let position = events
            .iter()
            .position(|event| event["service"] == service && event["kind"] == kind);
        position.with_context(|| format!("{service} has no event `{kind}`: {events:#?}"))
    };
    assert!(at("db", "ready")? < at("api", "started")?);
    assert!(at("schema", "ended")? < at("api", "started")?);
    assert!(at("api", "started")? < at("web", "started")?);
    let why = app.ok(["why", "api", "--json"])?.json()?;
    assert_eq!(why["service"]["phase"], "ready");
    let decided = why["events"].as_array().context("no events in `why`")?;
    assert!(
        decided
            .iter()
            .all(|event| event["service"] == "api" && event["why"] != ""),
        "{why:#}"
    );
    app.finish()
}

#[test]
fn logs_are_merged_cut_followed_and_begin_when_asked() -> Result<()> {
    let app = App::new("shop")?;
    app.up()?;
    let all = app.ok(["logs"])?.stdout;
    let position = |text: &str| {
        all.find(text)
            .with_context(|| format!("`{text}` is not in the logs: {all}"))
    };
    assert!(position("db listens")? < position("api listens")?);
    assert!(position("db listens")? < position("web listens")?);
    assert!(all.lines().all(|line| line.contains(" | ")), "{all}");

    let web = app.ok(["logs", "web", "--json"])?.lines()?;
    let streams: Vec<_> = web
        .iter()
        .map(|line| (line["stream"].as_str(), line["text"].as_str()))
        .collect();
    assert!(
        streams.contains(&(Some("stdout"), Some("web listens"))),
        "{streams:?}"
    );
    assert!(
        streams.contains(&(Some("stderr"), Some("web has nothing to complain about"))),
        "{streams:?}"
    );

    let tail = app
        .ok(["logs", "db", "--tail", "1", "--no-log-prefix"])?
        .stdout;
    assert_eq!(tail, "db has nothing to complain about\n");
    assert_eq!(
        app.ok(["logs", "--since", "2099-01-01T00:00:00Z"])?.stdout,
        ""
    );
    assert_eq!(app.ok(["logs", "--since", "10m"])?.stdout, all);

    let mut follower = app.spawn(["logs", "web", "--follow", "--tail", "0", "--no-log-prefix"])?;
    let mut lines = BufReader::new(follower.stdout.take().context("no output")?).lines();
    app.ok(["restart", "web"])?;
    let heard = lines.find(|line| line.as_ref().is_ok_and(|line| line == "web listens"));
    assert!(heard.is_some());
    follower.kill()?;
    follower.wait()?;
    app.finish()
}

/// Lines that `ondol logs` shows.
fn lines_of<const N: usize>(app: &App, args: [&str; N]) -> Result<Vec<String>> {
    let lines = app.ok(args)?.stdout;
    Ok(lines.lines().map(ToOwned::to_owned).collect())
}

#[test]
fn lines_are_found_by_what_they_say_and_followed_as_they_come() -> Result<()> {
    const BARE: &str = "--no-log-prefix";
    let app = App::new("shop")?;
    app.up()?;
    // Lines are taken into the telemetry a moment after they were written.
    wait_until("the lines in the telemetry", SOON, || {
        let lines = lines_of(&app, ["logs", BARE, "--grep", "listens$"]).ok()?;
        (lines.len() == 3).then_some(())
    })?;
    let both = lines_of(&app, ["logs", BARE, "--grep", "l.stens$", "--grep", "^api"])?;
    assert_eq!(both, ["api listens"]);
    let stages = lines_of(&app, ["logs", BARE, "web", "--query", "|= \"listens\""])?;
    assert_eq!(stages, ["web listens"]);
    let whole = "{service=\"db\"} |= \"listens\"";
    assert_eq!(
        lines_of(&app, ["logs", BARE, "--query", whole])?,
        ["db listens"]
    );
    let last = lines_of(&app, ["logs", BARE, "--grep", "listens", "-n", "1"])?;
    assert_eq!(last.len(), 1);
    let rewritten = "|= \"listens\" | line_format \"{{.replica}}: {{__line__ | upper}}\"";
    let upper = lines_of(&app, ["logs", BARE, "web", "--query", rewritten])?;
    assert_eq!(upper, ["web-1: WEB LISTENS"]);
    let early = [
        "logs",
        "--grep",
        "listens",
        "--until",
        "2001-01-01T00:00:00Z",
    ];
    assert!(lines_of(&app, early)?.is_empty());
    let json = app
        .ok(["logs", "web", "--grep", "listens", "--json"])?
        .lines()?;
    assert_eq!(
        (&json[0]["replica"], &json[0]["text"]),
        (&"web-1".into(), &"web listens".into())
    );

    for (flag, value, said) in [
        (
            "--query",
            "| json | status >",
            "the query ends here; expected a number",
        ),
        (
            "--query",
            "rate({service=\"web\"}[5m])",
            "the query gives values and no lines",
        ),
        ("--grep", "(", "error parsing regexp"),
        ("--level", "loud", "loud is no level"),
    ] {
        let refused = app.run(["logs", flag, value])?;
        assert!(refused.stderr.contains(said), "{value}: {}", refused.stderr);
    }

    let follow = [
        "logs", "web", "--follow", "--tail", "0", BARE, "--grep", "listens",
    ];
    let mut follower = app.spawn(follow)?;
    let mut lines = BufReader::new(follower.stdout.take().context("no output")?).lines();
    // It follows once it looked for the first time.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    app.ok(["restart", "web"])?;
    assert_eq!(lines.next().context("no line")??, "web listens");
    follower.kill()?;
    follower.wait()?;
    app.finish()
}

#[test]
fn the_resolved_file_means_the_same() -> Result<()> {
    let app = App::new("shop")?;
    let resolved = app.ok(["config"])?.stdout;
    assert!(resolved.contains("hello world"), "{resolved}");
    fs::write(app.dir.join("resolved.yaml"), &resolved)?;
    assert_eq!(app.ok(["-f", "resolved.yaml", "config"])?.stdout, resolved);
    assert_eq!(
        app.ok(["config", "--services"])?.stdout,
        "api\ndb\nschema\nweb\n"
    );
    app.up()?;
    let before = runs(&app)?;
    app.ok([
        "-f",
        "resolved.yaml",
        "up",
        "--wait",
        "--wait-timeout",
        "60",
    ])?;
    assert_eq!(runs(&app)?, before);
    app.finish()
}

#[test]
fn programs_are_run_beside_a_service_and_once_instead_of_it() -> Result<()> {
    let app = App::new("shop")?;
    app.up()?;
    let said = app
        .ok(["exec", "web", "sh", "-c", "echo $NAME; cat /proc/self/comm"])?
        .stdout;
    assert_eq!(said, "web\ncat\n");
    let there = app
        .ok([
            "exec",
            "-w",
            "/usr",
            "-e",
            "MORE=1 2",
            "web",
            "sh",
            "-c",
            "pwd; echo $MORE",
        ])?
        .stdout;
    assert_eq!(there, "/usr\n1 2\n");
    assert_eq!(
        app.run(["exec", "web", "sh", "-c", "exit 23"])?.code,
        Some(23)
    );
    let missing = app.run(["exec", "web", "no-such-program"])?;
    assert_eq!(missing.code, Some(126), "{}", missing.stderr);
    assert!(
        missing.stderr.contains("no-such-program"),
        "{}",
        missing.stderr
    );
    assert_eq!(app.run(["exec", "nobody", "true"])?.code, Some(1));

    let before = runs(&app)?;
    let once = app.run(["run", "--rm", "web", "sh", "-c", "echo once $NAME; exit 5"])?;
    assert_eq!(
        (once.code, once.stdout.as_str()),
        (Some(5), "once web\n"),
        "{}",
        once.stderr
    );
    wait_until("the one-off to be forgotten", SOON, || {
        (runs(&app).ok()? == before).then_some(())
    })?;
    app.finish()
}

#[test]
fn services_are_stopped_started_restarted_and_scaled() -> Result<()> {
    let app = App::new("shop")?;
    app.up()?;
    let before = runs(&app)?;
    let pid = app.pid("web-1")?;
    app.ok(["stop", "web"])?;
    assert!(!process::runs(pid));
    assert_eq!(app.replica("web-1")?["phase"], "ended");
    app.up()?;
    assert_eq!(
        app.ask("/")?["service"],
        "web",
        "`up` starts what was stopped"
    );
    app.ok(["stop", "web"])?;
    app.ok(["start", "web"])?;
    let started = webs(&app, 1)?;
    assert!(
        !started.contains_key("web-1") || started["web-1"] != i64::from(pid),
        "{started:?}"
    );
    app.ok(["restart", "web"])?;
    let restarted = webs(&app, 1)?;
    assert!(
        restarted
            .values()
            .all(|pid| !started.values().any(|old| old == pid)),
        "{restarted:?}"
    );
    let others = runs(&app)?;
    assert_eq!(
        (&others["api-1"], &others["db-1"]),
        (&before["api-1"], &before["db-1"])
    );

    app.ok(["scale", "web=3"])?;
    webs(&app, 3)?;
    let mut hosts: Vec<_> = (0..60)
        .map(|_| Ok(app.ask("/")?["host"].to_string()))
        .collect::<Result<_>>()?;
    hosts.sort();
    hosts.dedup();
    assert_eq!(hosts.len(), 3, "{hosts:?}");
    app.ok(["scale", "web=1"])?;
    webs(&app, 1)?;
    app.finish()
}

#[test]
fn an_unchanged_file_changes_nothing_and_a_changed_one_only_what_changed() -> Result<()> {
    let app = App::new("shop")?;
    app.up()?;
    let before = runs(&app)?;
    app.up()?;
    assert_eq!(runs(&app)?, before);
    app.edit("compose.yaml", "${WEB_VERSION:-1}", "2")?;
    app.up()?;
    assert_eq!(app.ask("/")?["version"], "2");
    let after = runs(&app)?;
    for name in ["api-1", "db-1", "schema-1"] {
        assert_eq!(after[name], before[name], "{name}");
    }
    assert_eq!(after.len(), before.len(), "{after:?}");
    assert!(
        !after.values().any(|run| *run == before["web-1"]),
        "{after:?}"
    );
    app.finish()
}

#[test]
fn up_waits_until_the_proxy_says_what_the_file_says() -> Result<()> {
    let app = App::new("shop")?;
    app.up()?;
    let proxy = app.proxy()?;
    process::signal(proxy, "STOP")?;
    app.edit("compose.yaml", "path: /api", "path: /parts")?;
    let late = app.run(["up", "--wait", "--wait-timeout", "1"])?;
    process::signal(proxy, "CONT")?;
    assert_eq!(late.code, Some(4), "it knew nothing: {}", late.stderr);
    app.up()?;
    assert_eq!(app.ask("/parts")?["service"], "api");
    app.finish()
}

#[test]
fn ctrl_c_of_an_attached_up_takes_the_project_down() -> Result<()> {
    let app = App::new("shop")?;
    let mut up = app.spawn(["up"])?;
    wait_until("the edge to answer", SOON, || app.ask("/").ok())?;
    let pid = app.pid("web-1")?;
    process::signal(i32::try_from(up.id())?, "INT")?;
    let mut said = String::new();
    up.stdout
        .take()
        .context("no output")?
        .read_to_string(&mut said)?;
    let status = up.wait()?;
    assert!(
        said.contains("web-1") && said.contains("web listens"),
        "{said}"
    );
    assert_eq!(status.code(), Some(0));
    assert!(!process::runs(pid));
    wait_until("the node to leave", SOON, || {
        app.node.pid().is_none().then_some(())
    })?;
    app.node.stop()
}

#[test]
fn a_node_that_is_told_to_leave_leaves_services_running_and_without_any_nothing() -> Result<()> {
    let mut app = App::new("shop")?;
    app.node.serve()?;
    app.up()?;
    let before = app.pids()?;
    let node = app.node.pid().context("there is no node")?;
    process::signal(node, "TERM")?;
    wait_until("the node to leave", SOON, || {
        app.node.pid().is_none().then_some(())
    })?;
    assert_eq!(app.ask("/?of=API_URL")?["answer"]["service"], "api");
    app.node.serve()?;
    assert_eq!(app.pids()?, before);
    app.ok(["down", "--volumes"])?;
    process::signal(app.node.pid().context("there is no node")?, "TERM")?;
    wait_until("node and proxy to leave", SOON, || {
        let left = process::with_word(&app.node.state().to_string_lossy());
        (app.node.pid().is_none() && left.is_empty()).then_some(())
    })?;
    app.node.stop()
}

#[test]
fn volumes_outlive_down_and_go_with_down_v() -> Result<()> {
    let app = App::new("shop")?;
    let schema = app.node.state().join("volumes/shop_data/schema");
    app.up()?;
    assert_eq!(fs::read_to_string(&schema)?, "1\n");
    app.ok(["down"])?;
    assert!(schema.exists());
    assert_eq!(app.run(["ps"])?.code, Some(1), "nothing runs");
    app.up()?;
    app.ok(["down", "-v"])?;
    assert!(!schema.exists());
    assert!(
        app.dir.join("journal/all").exists(),
        "a bound folder is the user's own"
    );
    wait_until("the node that `up` started to leave", SOON, || {
        app.node.pid().is_none().then_some(())
    })?;
    assert!(
        process::with_word(&app.node.state().to_string_lossy()).is_empty(),
        "the proxy leaves too"
    );
    app.node.stop()
}

/// Waits until so many replicas of web are ready and no other is there; their processes by name.
fn webs(app: &App, count: usize) -> Result<BTreeMap<String, i64>> {
    wait_until(&format!("{count} of web to be ready"), SOON, || {
        let webs = app
            .replicas()
            .ok()?
            .into_iter()
            .filter(|(name, _)| name.starts_with("web-"));
        let webs = webs.filter(|(_, web)| web["phase"] != "ended");
        let ready = |(name, web): (String, Value)| {
            Some((
                name,
                web["pid"].as_i64().filter(|_| web["phase"] == "ready")?,
            ))
        };
        let ready: Option<BTreeMap<_, _>> = webs.map(ready).collect();
        ready.filter(|ready| ready.len() == count)
    })
}

fn journal(app: &App) -> Result<Vec<String>> {
    let text = fs::read_to_string(app.dir.join("journal/all"))?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Which start each replica is in.
fn runs(app: &App) -> Result<BTreeMap<String, Value>> {
    Ok(app
        .replicas()?
        .into_iter()
        .map(|(name, replica)| (name, replica["run"].clone()))
        .collect())
}
