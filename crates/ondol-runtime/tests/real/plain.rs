//! Real processes through real shims, without namespaces.

use std::time::Duration;

use crate::support::{self, Node, service};
use ondol_model::{Bytes, Exit, LogLimits, Observation};
use ondol_runtime::Sandbox;

#[tokio::test]
async fn a_process_is_started_stopped_and_its_words_are_kept() {
    let mut node = Node::new(Sandbox::None).await;
    let run = node.start(
        service("web", &["sh", "-c", "echo hello; echo oops >&2; sleep 60"]),
        1,
    );
    let pid = node.started(&run).await;
    assert!(std::fs::metadata(format!("/proc/{pid}")).is_ok());
    node.wait_for_lines(&run, &["hello", "oops"]).await;
    node.engine.signal(&run.replica, run.run, "SIGTERM");
    assert_eq!(node.exited(&run).await, Exit::Signal(15));
    node.engine.discard(run.replica.clone(), true);
    let dir = node.engine.log_dir(&run.replica);
    support::eventually("its folder is gone", || !dir.exists()).await;
}

#[tokio::test]
async fn one_that_is_started_while_its_former_self_is_removed_is_not_removed_with_it() {
    let mut node = Node::new(Sandbox::None).await;
    for number in 0..5 {
        let first = node.start(service("job", &["true"]), 2 * number + 1);
        assert_eq!(node.exited(&first).await, Exit::Code(0));
        node.engine.discard(first.replica.clone(), true);
        let second = node.start(
            service("job", &["sh", "-c", "echo again; exit 7"]),
            2 * number + 2,
        );
        assert_eq!(node.exited(&second).await, Exit::Code(7));
        node.wait_for_lines(&second, &["again"]).await;
        node.engine.discard(second.replica.clone(), true);
    }
}

#[tokio::test]
async fn an_exit_code_is_told() {
    let mut node = Node::new(Sandbox::None).await;
    let run = node.start(service("job", &["sh", "-c", "exit 3"]), 1);
    assert_eq!(node.exited(&run).await, Exit::Code(3));
}

#[tokio::test]
async fn a_missing_program_is_named() {
    let mut node = Node::new(Sandbox::None).await;
    let run = node.start(service("job", &["no-such-program-here"]), 1);
    let Exit::NotStarted(why) = node.exited(&run).await else {
        panic!("it started");
    };
    assert!(why.contains("`no-such-program-here`"), "{why}");
}

#[tokio::test]
async fn a_process_that_ignores_the_stop_signal_is_killed_with_all_that_it_started() {
    let mut node = Node::new(Sandbox::None).await;
    let script =
        "trap '' TERM; setsid sh -c 'sleep 300 & sleep 300' & echo up; while :; do sleep 1; done";
    let run = node.start(service("stubborn", &["sh", "-c", script]), 1);
    node.started(&run).await;
    node.wait_for_lines(&run, &["up"]).await;
    assert!(support::marked(&node, &run.replica).len() >= 3);
    node.engine.signal(&run.replica, run.run, "TERM");
    tokio::time::sleep(Duration::from_millis(100)).await;
    node.engine.kill(run.replica.clone(), run.run);
    assert_eq!(node.exited(&run).await, Exit::Signal(9));
    assert!(support::marked(&node, &run.replica).is_empty());
}

#[test]
fn the_service_lives_through_the_death_of_the_node_and_is_adopted() {
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
    };
    let first = runtime();
    let (config, web, job, pid) = first.block_on(async {
        let mut node = Node::new(Sandbox::None).await;
        let web = node.start(service("web", &["sh", "-c", "sleep 60"]), 7);
        let job = node.start(service("job", &["sh", "-c", "sleep 0.3; exit 4"]), 8);
        let pid = node.started(&web).await;
        node.started(&job).await;
        (node.leave(), web, job, pid)
    });
    first.shutdown_background();
    std::thread::sleep(Duration::from_millis(500));
    runtime().block_on(async {
        let mut node = Node::open(config).await;
        let inventory = node.engine.inventory().await;
        assert_eq!(inventory.run_max, job.run);
        let [ended, alive] = &inventory.survivors[..] else {
            panic!("{inventory:?}");
        };
        assert_eq!(
            (ended.run, ended.exit.clone()),
            (job.run, Some(Exit::Code(4)))
        );
        assert_eq!(
            (alive.run, alive.pid, alive.exit.clone()),
            (web.run, pid, None)
        );
        node.engine.kill(web.replica.clone(), web.run);
        assert_eq!(node.exited(&web).await, Exit::Signal(9));
    });
}

#[tokio::test]
async fn a_killed_shim_takes_its_service_with_it() {
    let mut node = Node::new(Sandbox::None).await;
    let run = node.start(
        service("web", &["sh", "-c", "setsid sleep 300 & sleep 300"]),
        1,
    );
    let pid = node.started(&run).await;
    support::kill(support::parent(pid).unwrap());
    assert_eq!(node.exited(&run).await, Exit::Lost);
    support::eventually("nothing of it is left", || {
        support::marked(&node, &run.replica).is_empty()
    })
    .await;
}

#[tokio::test]
async fn nothing_of_the_nodes_environment_or_files_leaks_into_a_service() {
    let mut node = Node::new(Sandbox::None).await;
    let run = node.start(
        service("web", &["sh", "-c", "env; ls -l /proc/self/fd; echo end"]),
        1,
    );
    assert_eq!(node.exited(&run).await, Exit::Code(0));
    let words = node.lines(&run).join("\n");
    assert!(
        words.contains("ONDOL_REPLICA=shop/web-1") && words.contains("PORT="),
        "{words}"
    );
    assert!(!words.contains("CARGO_MANIFEST"), "{words}");
    let descriptors = words.lines().filter(|line| line.contains(" -> ")).count();
    assert_eq!(
        descriptors, 4,
        "0, 1, 2 and the folder that ls reads: {words}"
    );
}

#[tokio::test]
async fn probes_ask_over_tcp_http_by_program_and_by_log_line() {
    let mut node = Node::new(Sandbox::None).await;
    let script = "import os,http.server as h\nprint('ready to go',flush=True)\n\
                  h.HTTPServer(('',int(os.environ['PORT'])),h.SimpleHTTPRequestHandler).serve_forever()";
    let mut web = service("web", &["python3", "-c", script]);
    web.expose = vec![80];
    let run = node.start(web, 1);
    node.started(&run).await;
    let ports = node
        .until(|observation| match observation {
            Observation::Listening { ports, .. } => Some(ports),
            _ => None,
        })
        .await;
    assert_eq!(ports, [80], "the moved port goes by its own number");
    use ondol_model::{Check, HttpCheck};
    let http = |path: &str| {
        Check::Http(HttpCheck {
            path: path.into(),
            port: None,
            headers: vec![],
        })
    };
    let exec = |script: &str| Check::Exec {
        command: vec!["sh".into(), "-c".into(), script.into()],
    };
    let line = |contains: &str| Check::LogLine {
        contains: contains.into(),
    };
    for (check, ok, saw) in [
        (http("/"), true, "GET / 200"),
        (http("/missing"), false, "GET /missing 404"),
        (Check::Tcp { port: None }, true, "port "),
        (Check::Tcp { port: Some(81) }, false, "connection refused"),
        (exec("test -n \"$PORT\" && echo fine"), true, "exit 0: fine"),
        (exec("echo no table; exit 2"), false, "exit 2: no table"),
        (exec("sleep 30"), false, "no answer within"),
        (line("to go"), true, "a line with `to go`"),
        (line("nothing"), false, "no line with"),
    ] {
        let result = node.probe(&run, check.clone()).await;
        assert!(
            result.ok == ok && result.saw.contains(saw),
            "{check:?}: {result:?}"
        );
    }
    node.engine.kill(run.replica.clone(), run.run);
    node.exited(&run).await;
}

#[tokio::test]
async fn a_flood_of_words_is_bounded_on_disk_and_does_not_hold_the_service_up() {
    let mut node = Node::new(Sandbox::None).await;
    let script =
        "yes 'a line of some length, as services write them' | head -c 200000000; echo; echo end";
    let mut loud = service("loud", &["sh", "-c", script]);
    loud.logs = LogLimits {
        segment_max: Bytes(1 << 20),
        segments_max: 3,
    };
    let run = node.start(loud, 1);
    assert_eq!(node.exited(&run).await, Exit::Code(0));
    let dir = node.engine.log_dir(&run.replica);
    let files: Vec<u64> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .collect();
    assert!(files.len() <= 3, "{files:?}");
    // A segment may end one batch of lines late.
    assert!(files.iter().sum::<u64>() < 4 << 20, "{files:?}");
    assert_eq!(node.lines(&run).last().map(String::as_str), Some("end"));
}

#[tokio::test]
async fn a_service_goes_on_when_its_log_cannot_be_written() {
    let mut node = Node::new(Sandbox::None).await;
    let run = node.start(
        // One process that starts no others: a shell would end by itself when it cannot.
        service(
            "web",
            &[
                "python3",
                "-uc",
                "import time\nwhile True: print('w'), time.sleep(0.01)",
            ],
        ),
        1,
    );
    let pid = node.started(&run).await;
    let dir = node.engine.log_dir(&run.replica);
    // What a full disk does to the shim, without filling one: no segment can be made any more.
    std::fs::remove_dir_all(&dir).unwrap();
    std::fs::write(&dir, "in the way").unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(std::fs::metadata(format!("/proc/{pid}")).is_ok());
    node.engine.kill(run.replica.clone(), run.run);
    assert_eq!(node.exited(&run).await, Exit::Signal(9));
}

#[tokio::test]
async fn one_replica_runs_once() {
    let mut node = Node::new(Sandbox::None).await;
    let web = service("web", &["sleep", "60"]);
    let first = node.start(web.clone(), 1);
    node.started(&first).await;
    // The same start again is nothing new; another one is refused while this one runs.
    node.start(web.clone(), 1);
    let second = node.start(web, 2);
    assert!(matches!(node.exited(&second).await, Exit::NotStarted(_)));
    node.engine.kill(first.replica.clone(), first.run);
    assert_eq!(node.exited(&first).await, Exit::Signal(9));
}
