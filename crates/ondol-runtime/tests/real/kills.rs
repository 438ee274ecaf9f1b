//! `kill -9` of what a replica is made of, at moments that nobody chose well: the next start puts it right.

use std::time::Duration;

use crate::support::{self, Node, sandboxes, service};
use ondol_model::*;
use ondol_runtime::Sandbox;

/// Ends the shim or the first process of the namespaces of a node's only replica; `false` when there is none yet.
fn kill_part(node: &Node, shim: bool) -> bool {
    let dir = std::fs::canonicalize(&node.dir).unwrap_or_default();
    let dir = dir.join("replicas/shop/web-1");
    let parts = support::processes(&["shim", &dir.to_string_lossy()]);
    // The shim is nobody's child among them.
    let mut chosen = parts.iter().filter(|part| {
        let parent = support::parent(**part);
        parent.is_some_and(|parent| parts.contains(&parent)) != shim
    });
    chosen
        .next()
        .is_some_and(|part| support::kill_if_there(*part))
}

fn nothing_is_left(node: &Node, run: &Run) -> bool {
    let dir = std::fs::canonicalize(&node.dir).unwrap_or_default();
    let dir = dir.join("replicas/shop/web-1");
    let shims = support::processes(&["shim", &dir.to_string_lossy()]);
    shims.is_empty() && support::marked(node, &run.replica).is_empty()
}

#[tokio::test]
async fn a_start_that_is_killed_at_any_moment_leaves_nothing_and_the_next_one_works() {
    for sandbox in sandboxes().into_iter().chain([Sandbox::None]) {
        let mut node = Node::new(sandbox).await;
        let mut killed = 0;
        for number in 1..=40_u64 {
            let script = "setsid sleep 300 & sleep 300";
            let run = node.start(service("web", &["sh", "-c", script]), number);
            tokio::time::sleep(Duration::from_micros(number * 700)).await;
            if !kill_part(&node, number % 2 == 0) {
                node.engine.kill(run.replica.clone(), run.run);
            } else {
                killed += 1;
            }
            let exit = node.exited(&run).await;
            assert!(
                matches!(exit, Exit::Lost | Exit::Signal(9) | Exit::NotStarted(_)),
                "{sandbox:?} {number}: {exit:?}"
            );
            support::eventually(&format!("nothing is left ({sandbox:?} {number})"), || {
                nothing_is_left(&node, &run)
            })
            .await;
        }
        assert!(killed > 10, "{sandbox:?}: {killed}");
        let run = node.start(service("web", &["echo", "here"]), 100);
        assert_eq!(node.exited(&run).await, Exit::Code(0), "{sandbox:?}");
        assert_eq!(node.lines(&run), ["here"]);
    }
}

#[tokio::test]
async fn postgres_killed_in_the_middle_of_its_first_start_begins_again() {
    if Sandbox::Root.works().is_err() || !std::path::Path::new("/usr/lib/postgresql").exists() {
        support::skip(format_args!(
            "postgresql is not installed, or this is not root"
        ));
        return;
    }
    let mut node = Node::new(Sandbox::Root).await;
    let mut web = service("web", &[]);
    web.command = None;
    web.image = Some("postgres:15".into());
    web.environment = [("POSTGRES_PASSWORD", "secret"), ("POSTGRES_DB", "goods")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    web.mounts = vec![Mount {
        source: MountSource::Volume {
            name: "data".into(),
            subpath: None,
            nocopy: false,
        },
        target: "/var/lib/postgresql/data".into(),
        read_only: false,
    }];
    let mut project = Project::clone(&support::project());
    project
        .services
        .insert(web.name.clone(), web.clone().into());
    let mut number = 0;
    // Until the first start would have been through: everything before it is a moment to be killed at.
    let run = loop {
        number += 1;
        let run = node.start_in(web.clone(), number, project.clone());
        let patience = Duration::from_millis(number * number * 100);
        let running = tokio::time::timeout(patience, node.started(&run)).await;
        if running.is_ok() {
            break run;
        }
        // On a busy machine there may be nothing of it yet.
        if !kill_part(&node, number % 2 == 0) {
            node.engine.kill(run.replica.clone(), run.run);
        }
        node.exited(&run).await;
        support::eventually("nothing is left", || nothing_is_left(&node, &run)).await;
        assert!(number < 30, "{:?}", node.lines(&run));
    };
    assert!(number > 3, "killed {} times only", number - 1);
    let command = [
        "psql",
        "-h",
        "127.0.0.1",
        "-U",
        "postgres",
        "-d",
        "goods",
        "-Atc",
        "select 41 + 1",
    ];
    let asked = Check::Exec {
        command: command.map(str::to_owned).into(),
    };
    let mut tries = 0;
    let answer = loop {
        let answer = node.probe(&run, asked.clone()).await;
        tries += 1;
        if answer.ok || tries > 50 {
            break answer;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(answer.saw, "exit 0: 42");
    node.engine.kill(run.replica.clone(), run.run);
    node.exited(&run).await;
}
