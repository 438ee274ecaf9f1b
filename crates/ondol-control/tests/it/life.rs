use std::time::Duration;

use expect_test::expect;
use ondol_model::{DeployMode, Healthcheck, RestartPolicy};

use crate::script::{check, http, project, service};

#[test]
fn a_healthcheck_that_goes_on_failing_has_its_replica_started_again() {
    let web = service("web", |web| {
        let mut probe = http("/");
        probe.failures_max = 2;
        web.healthcheck = Healthcheck::Check(probe);
    });
    check(
        project(vec![web]),
        "found
         prepared web
         started web-1
         ok web-1
         +30s
         fail web-1 503
         +30s
         fail web-1 503
         +30s
         fail web-1 503
         +30s
         fail web-1 503
         acked web
         exited web-1 0",
        expect![[r#"
            > found
              publish web []
              prepare web
            > prepared web
              # web-1 Started: wanted (1 of 1)
              start web-1 run 1
            > started web-1
              publish web [1 not ready]
              probe web-1 Ready /
            > ok web-1
              # web-1 Ready: GET / 200 0 ms after its start
              publish web [1 ready]
            > +30s
              probe web-1 Ready /
            > fail web-1 503
            > +30s
              probe web-1 Ready /
            > fail web-1 503
              # web-1 Unready: its healthcheck probe failed 2 times in a row: expected that GET / answers with 200 to 399, saw: 503; no traffic until it succeeds
              publish web [1 not ready]
            > +30s
              probe web-1 Ready /
            > fail web-1 503
            > +30s
              probe web-1 Ready /
            > fail web-1 503
              # web-1 Stopping: its healthcheck probe failed 4 times in a row: expected that GET / answers with 200 to 399, saw: 503; it is started again
            > acked web
              SIGTERM web-1
            > exited web-1 0
              # web-1 Exited: exit 0 after 2 min 0 s; started again at once
              publish web []
              # web-1 Started: exit 0 after 2 min 0 s; started again at once
              start web-1 run 2
        "#]],
    );
}

#[test]
fn a_live_probe_that_fails_ends_the_replica_and_a_startup_probe_holds_it_back() {
    let web = service("web", |web| {
        web.probes.startup = Some(http("/startup"));
        let mut live = http("/live");
        live.failures_max = 1;
        web.probes.live = Some(live);
    });
    check(
        project(vec![web]),
        "found
         prepared web
         started web-1
         startup-fail web-1 503
         +100ms
         startup-ok web-1
         live-ok web-1
         +30s
         live-fail web-1 no answer
         acked web
         exited web-1 0",
        expect![[r#"
            > found
              publish web []
              prepare web
            > prepared web
              # web-1 Started: wanted (1 of 1)
              start web-1 run 1
            > started web-1
              publish web [1 not ready]
              probe web-1 Startup /startup
            > startup-fail web-1 503
            > +100ms
              probe web-1 Startup /startup
            > startup-ok web-1
              probe web-1 Live /live
              # web-1 Ready: it runs, and has nothing that could be asked
              publish web [1 ready]
            > live-ok web-1
            > +30s
              probe web-1 Live /live
            > live-fail web-1 no answer
              # web-1 Stopping: its live probe failed 1 times in a row: expected that GET /live answers with 200 to 399, saw: no answer
              publish web [1 not ready]
            > acked web
              SIGTERM web-1
            > exited web-1 0
              # web-1 Exited: exit 0 after 30.1 s; started again at once
              publish web []
              # web-1 Started: exit 0 after 30.1 s; started again at once
              start web-1 run 2
        "#]],
    );
}

#[test]
fn a_service_with_ports_is_ready_when_one_accepts() {
    let web = service("web", |web| web.expose = vec![80]);
    check(
        project(vec![web]),
        "found
         prepared web
         started web-1
         fail web-1 connection refused
         +50ms
         ok web-1 connected
         +60s",
        expect![[r#"
            > found
              publish web []
              prepare web
            > prepared web
              # web-1 Started: wanted (1 of 1)
              start web-1 run 1
            > started web-1
              publish web [1 not ready]
              probe web-1 Ready port 80
            > fail web-1 connection refused
            > +50ms
              probe web-1 Ready port 80
            > ok web-1 connected
              # web-1 Ready: connected 50 ms after its start
              publish web [1 ready]
            > +60s
        "#]],
    );
}

#[test]
fn a_port_that_never_accepts_is_taken_as_ready_after_a_while_and_one_seen_listening_at_once() {
    let web = service("web", |web| web.expose = vec![80]);
    check(
        project(vec![web]),
        "found
         prepared web
         started web-1
         +10s
         exited web-1 1
         started web-1
         fail web-1 port 80: connection refused
         listens web-1 80",
        expect![[r#"
            > found
              publish web []
              prepare web
            > prepared web
              # web-1 Started: wanted (1 of 1)
              start web-1 run 1
            > started web-1
              publish web [1 not ready]
              probe web-1 Ready port 80
            > +10s
              probe web-1 Ready port 80
              probe web-1 Ready port 80
              probe web-1 Ready port 80
              # web-1 Ready: its port 80 did not accept a connection in 10.0 s; taken as ready all the same, because it may listen elsewhere: name its port, or a healthcheck
              publish web [1 ready]
            > exited web-1 1
              # web-1 Exited: exit 1 after 10.0 s; started again at once
              publish web []
              # web-1 Started: exit 1 after 10.0 s; started again at once
              start web-1 run 2
            > started web-1
              publish web [1 not ready]
              probe web-1 Ready port 80
            > fail web-1 port 80: connection refused
            > listens web-1 80
              # web-1 Ready: port 80 is open 0 ms after its start
              publish web [1 ready]
        "#]],
    );
}

#[test]
fn a_job_runs_once_and_one_that_must_not_restart_is_left_lying() {
    let job = service("job", |job| job.mode = DeployMode::Job);
    let once = service("once", |once| once.restart = RestartPolicy::NEVER);
    check(
        project(vec![job, once]),
        "found
         prepared job
         prepared once
         started job-1
         started once-1
         exited job-1 0
         exited once-1 3
         view",
        expect![[r#"
            > found
              publish job []
              prepare job
              publish once []
              prepare once
            > prepared job
              # job-1 Started: wanted (1 of 1)
              start job-1 run 1
            > prepared once
              # once-1 Started: wanted (1 of 1)
              start once-1 run 2
            > started job-1
              publish job [1 not ready]
              # job-1 Ready: it runs, and has nothing that could be asked
              publish job [1 ready]
            > started once-1
              publish once [1 not ready]
              # once-1 Ready: it runs, and has nothing that could be asked
              publish once [1 ready]
            > exited job-1 0
              # job-1 Ended: exit 0 after 0 ms: it is done
              publish job []
            > exited once-1 3
              # once-1 Ended: exit 3 after 0 ms; `restart: no` leaves it so
              publish once []
            > view
              shop: not settled
              job done 0/1
              once failed 0/1; failed: exit 3 after 0 ms; `restart: no` leaves it so
        "#]],
    );
}

#[test]
fn attempts_are_used_up() {
    let web = service("web", |web| {
        web.restart = RestartPolicy {
            attempts_max: Some(1),
            ..RestartPolicy::default()
        };
    });
    check(
        project(vec![web]),
        "found
         prepared web
         started web-1
         exited web-1 1
         started web-1
         exited web-1 1
         view
         edit web
         prepared web",
        expect![[r#"
            > found
              publish web []
              prepare web
            > prepared web
              # web-1 Started: wanted (1 of 1)
              start web-1 run 1
            > started web-1
              publish web [1 not ready]
              # web-1 Ready: it runs, and has nothing that could be asked
              publish web [1 ready]
            > exited web-1 1
              # web-1 Exited: exit 1 after 0 ms; started again at once
              publish web []
              # web-1 Started: exit 1 after 0 ms; started again at once
              start web-1 run 2
            > started web-1
              publish web [1 not ready]
              # web-1 Ready: it runs, and has nothing that could be asked
              publish web [1 ready]
            > exited web-1 1
              # web-1 Ended: exit 1 after 0 ms; its attempts are used up
              publish web []
            > view
              shop: not settled
              web failed 0/1; failed: exit 1 after 0 ms; its attempts are used up
            > edit web
              # web Changed: its definition changed
              # web-1 Ended: its definition changed, and it served nobody
              discard web-1
              prepare web
            > prepared web
              # web-1 Started: wanted (1 of 1)
              start web-1 run 3
        "#]],
    );
}

#[test]
fn attempts_are_bounded_and_apart_also_when_every_end_is_followed_by_a_start() {
    let web = service("web", |web| {
        web.restart = RestartPolicy {
            attempts_max: Some(2),
            delay: Duration::from_secs(5),
            ..RestartPolicy::ALWAYS
        };
    });
    check(
        project(vec![web]),
        "found
         prepared web
         started web-1
         exited web-1 0
         +4s
         +1s
         started web-1
         exited web-1 1
         +5s
         started web-1
         exited web-1 1",
        expect![[r#"
            > found
              publish web []
              prepare web
            > prepared web
              # web-1 Started: wanted (1 of 1)
              start web-1 run 1
            > started web-1
              publish web [1 not ready]
              # web-1 Ready: it runs, and has nothing that could be asked
              publish web [1 ready]
            > exited web-1 0
              # web-1 Exited: exit 0 after 0 ms; started again in 5.0 s (1st time)
              publish web []
            > +4s
            > +1s
              # web-1 Started: exit 0 after 0 ms; started again in 5.0 s (1st time)
              start web-1 run 2
            > started web-1
              publish web [1 not ready]
              # web-1 Ready: it runs, and has nothing that could be asked
              publish web [1 ready]
            > exited web-1 1
              # web-1 Exited: exit 1 after 0 ms; started again in 5.0 s (2nd time)
              publish web []
            > +5s
              # web-1 Started: exit 1 after 0 ms; started again in 5.0 s (2nd time)
              start web-1 run 3
            > started web-1
              publish web [1 not ready]
              # web-1 Ready: it runs, and has nothing that could be asked
              publish web [1 ready]
            > exited web-1 1
              # web-1 Ended: exit 1 after 0 ms; its attempts are used up
              publish web []
        "#]],
    );
}

#[test]
fn hooks_run_in_order_after_the_start_and_before_the_stop() {
    let web = service("web", |web| {
        let hook = |command: &str| {
            serde_json::from_str::<ondol_model::Hook>(&format!(
                r#"{{"command":["{command}"],"user":null,"working_dir":null,"environment":{{}}}}"#
            ))
            .unwrap()
        };
        web.post_start = vec![hook("one"), hook("two")];
        web.pre_stop = vec![hook("bye")];
        web.stop_signal = Some("SIGINT".to_owned());
    });
    check(
        project(vec![web]),
        "found
         prepared web
         started web-1
         hooked web-1
         hooked web-1
         stop web
         acked web
         drained web-1
         hooked web-1
         exited web-1 130
         view
         begin web",
        expect![[r#"
            > found
              publish web []
              prepare web
            > prepared web
              # web-1 Started: wanted (1 of 1)
              start web-1 run 1
            > started web-1
              publish web [1 not ready]
              hook web-1 PostStart one
            > hooked web-1
              hook web-1 PostStart two
            > hooked web-1
              # web-1 Ready: it runs, and has nothing that could be asked
              publish web [1 ready]
            > stop web
              # web-1 Stopping: stopped on request
              publish web [1 not ready]
            > acked web
              await drained web-1
            > drained web-1
              hook web-1 PreStop bye
            > hooked web-1
              SIGINT web-1
            > exited web-1 130
              # web-1 Ended: stopped on request: exit 130
              publish web []
            > view
              shop: settled
              web stopped 0/0
            > begin web
              # web-1 Started: wanted again
              start web-1 run 2
        "#]],
    );
}

#[test]
fn kill_starts_again_at_once_and_a_late_word_about_the_old_run_changes_nothing() {
    check(
        project(vec![service("web", |_| {})]),
        "found
         prepared web
         started web-1
         kill web-1
         exited web-1 137
         started web-1",
        expect![[r#"
            > found
              publish web []
              prepare web
            > prepared web
              # web-1 Started: wanted (1 of 1)
              start web-1 run 1
            > started web-1
              publish web [1 not ready]
              # web-1 Ready: it runs, and has nothing that could be asked
              publish web [1 ready]
            > kill web-1
              # web-1 Stopping: killed on request
              kill web-1
              publish web [1 not ready]
            > exited web-1 137
              publish web []
              # web-1 Started: ended on request: exit 137
              start web-1 run 2
            > started web-1
              publish web [1 not ready]
              # web-1 Ready: it runs, and has nothing that could be asked
              publish web [1 ready]
        "#]],
    );
}
