use std::collections::{BTreeMap, BTreeSet};

use expect_test::{Expect, expect};
use ondol_api::{ProbeState, PublishedState};
use ondol_model::{Phase, ProbeKind, Transport};

use super::*;

fn service(name: &str, phase: ServicePhase) -> ServiceState {
    ServiceState {
        name: name.parse().unwrap(),
        phase,
        ready: 0,
        wanted: 1,
        job: false,
        settled: matches!(
            phase,
            ServicePhase::Ready | ServicePhase::Done | ServicePhase::Stopped
        ),
        waits_for: None,
        failed: None,
        rolled_back: None,
        runs: None,
        virtual_ip: None,
        ports: Vec::new(),
        published: Vec::new(),
        circuit: None,
        scaling: None,
        replicas: Vec::new(),
    }
}

fn replica(service: &str, phase: Phase) -> ReplicaState {
    ReplicaState {
        name: format!("{service}-1"),
        service: service.parse().unwrap(),
        number: 1,
        one_off: false,
        run: Some(1),
        phase,
        definition: String::new(),
        pid: None,
        ip: None,
        since_unix_ms: 0,
        done: false,
        restarts: 0,
        exit: None,
        retry_unix_ms: None,
        probe: None,
        circuit: None,
        why: None,
    }
}

fn project(services: Vec<ServiceState>) -> ProjectState {
    ProjectState {
        name: "shop".parse().unwrap(),
        dir: "/srv/shop".into(),
        files: Vec::new(),
        revision: 1,
        settled: false,
        leaving: false,
        scale: BTreeMap::new(),
        stopped: BTreeSet::new(),
        services,
        edges: Vec::new(),
    }
}

fn shop() -> ProjectState {
    let mut db = service("db", ServicePhase::Ready);
    db.runs = Some("postgres 15.6 (Debian)".into());
    db.published = vec![PublishedState {
        target: 5432,
        transport: Transport::Tcp,
        address: Some("0.0.0.0:5432".parse().unwrap()),
        error: None,
    }];
    let mut catalog = service("catalog", ServicePhase::Ready);
    catalog.wanted = 3;
    let mut orders = service("orders", ServicePhase::Starting);
    orders.waits_for = Some("GET /health 503".into());
    let mut starting = replica("orders", Phase::Starting);
    starting.probe = Some(ProbeState {
        kind: ProbeKind::Ready,
        ok: false,
        expected: "GET /health answers 200 to 399".into(),
        saw: Some("GET /health 503".into()),
        failures: 4,
        failures_max: 30,
    });
    orders.replicas = vec![starting];
    let mut mail = service("mail", ServicePhase::Backoff);
    let mut crashed = replica("mail", Phase::Backoff);
    crashed.exit = Some(Exit::Code(1));
    crashed.retry_unix_ms = Some(2_400);
    mail.replicas = vec![crashed];
    let mut worker = service("worker", ServicePhase::Waiting);
    worker.waits_for = Some("waits for mail to be ready".into());
    project(vec![
        catalog,
        db,
        mail,
        orders,
        worker,
        service("old", ServicePhase::Stopped),
    ])
}

fn text(lines: &[Line]) -> String {
    let line = |line: &Line| {
        line.iter()
            .map(|piece| piece.text.as_str())
            .collect::<String>()
    };
    lines
        .iter()
        .map(|of| line(of).trim_end().to_owned() + "\n")
        .collect()
}

fn check(room: Room, expected: Expect) {
    let mut screen = Screen::new("up", 1_000);
    screen.see(&shop(), 1_310);
    expected.assert_eq(&text(&screen.frame(&shop(), room, 2_000)));
}

#[test]
fn a_line_for_each_service_says_what_it_waits_for() {
    check(
        Room {
            width: 80,
            height: 24,
        },
        expect![[r#"
        ondol up · shop · 6 services
         ✔ catalog  ready      3 replicas  0.31s
         ✔ db       ready      :5432 · postgres 15.6 (Debian)  0.31s
         ✖ mail     crashed    exit 1 · retry in 400 ms
         ● orders   starting   GET /health 503 · 4/30
         ● worker   waiting    waits for mail to be ready
         ■ old      stopped    0.31s
    "#]],
    );
}

#[test]
fn what_does_not_fit_is_cut_and_summed_up() {
    check(
        Room {
            width: 30,
            height: 5,
        },
        expect![[r#"
        ondol up · shop · 6 services
         ✖ mail     crashed    exit 1
         ● orders   starting   GET /h
         ● worker   waiting    waits
         … 3 more settled, 0 more to
    "#]],
    );
}

#[test]
fn below_a_service_that_crashed_is_what_it_wrote_last() {
    let mut screen = Screen::new("up", 1_000);
    screen.see(&shop(), 1_310);
    let lines = ["connecting", "no route to smtp", "\x1b[31mgiving up"];
    let words = lines.map(str::to_owned).to_vec();
    screen.hear(BTreeMap::from([("mail".parse().unwrap(), words)]));
    let frame = |height| text(&screen.frame(&shop(), Room { width: 80, height }, 2_000));
    expect![[r#"
        ondol up · shop · 6 services
         ✔ catalog  ready      3 replicas  0.31s
         ✔ db       ready      :5432 · postgres 15.6 (Debian)  0.31s
         ✖ mail     crashed    exit 1 · retry in 400 ms
           │ no route to smtp
           │ [31mgiving up
         ● orders   starting   GET /health 503 · 4/30
         ● worker   waiting    waits for mail to be ready
         ■ old      stopped    0.31s
    "#]]
    .assert_eq(&frame(10));
    assert!(frame(24).contains("│ connecting\n"));
    assert!(!frame(8).contains("giving up"), "services come first");
}

#[test]
fn no_room_at_all_is_no_reason_to_panic() {
    let mut screen = Screen::new("up", 0);
    screen.hear(BTreeMap::from([(
        "mail".parse().unwrap(),
        vec!["words".into()],
    )]));
    for (width, height) in [(0, 0), (1, 1), (2, 0)] {
        let lines = screen.frame(&shop(), Room { width, height }, 0);
        assert!(text(&lines).lines().all(|line| line.width() <= width));
    }
}

#[test]
fn a_name_with_escapes_cannot_move_the_cursor() {
    let mut web = service("web", ServicePhase::Starting);
    web.waits_for = Some("exit 1: \x1b[2J\r온돌\nsecond line".into());
    let lines = Screen::new("up", 0).frame(
        &project(vec![web]),
        Room {
            width: 80,
            height: 9,
        },
        0,
    );
    assert!(
        text(&lines).ends_with("exit 1: [2J온돌\n"),
        "{:?}",
        text(&lines)
    );
}

#[test]
fn without_a_terminal_only_changes_are_said() {
    let mut screen = Screen::new("up", 0);
    assert_eq!(screen.news(&shop(), 0).len(), 6);
    let mut later = shop();
    later.services[3].waits_for = Some("GET /health 502".into());
    assert_eq!(screen.news(&later, 0), Vec::<Line>::new());
    later.services[3] = service("orders", ServicePhase::Ready);
    screen.see(&later, 1_500);
    assert_eq!(
        text(&screen.news(&later, 1_500)),
        " ✔ orders  ready      1.50s\n"
    );
}

#[test]
fn a_time_is_that_of_the_last_settling() {
    let mut screen = Screen::new("up", 0);
    screen.see(&project(vec![service("web", ServicePhase::Ready)]), 100);
    screen.see(&project(vec![service("web", ServicePhase::Starting)]), 200);
    let again = project(vec![service("web", ServicePhase::Ready)]);
    screen.see(&again, 300);
    screen.see(&again, 400);
    let lines = screen.frame(
        &again,
        Room {
            width: 80,
            height: 9,
        },
        500,
    );
    assert_eq!(text(&lines[1..]), " ✔ web  ready      0.30s\n");
}
