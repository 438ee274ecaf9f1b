//! What is done before a service's process starts: once for the service, or for each replica.

use expect_test::expect;
use ondol_model::{Hook, PreStart, RestartPolicy, Service};

use crate::script::{check, project, service};

fn with_step(per_replica: bool, change: impl FnOnce(&mut Service)) -> Service {
    service("web", |web| {
        web.pre_start = vec![PreStart {
            hook: Hook {
                command: vec!["migrate".to_owned()],
                user: None,
                working_dir: None,
                environment: Default::default(),
                privileged: false,
            },
            per_replica,
        }];
        change(web);
    })
}

#[test]
fn the_first_replica_runs_the_steps_and_the_others_wait_until_it_has() {
    check(
        project(vec![with_step(false, |web| web.replicas = 2)]),
        "found
         prepared web
         view
         started web-1
         started web-2
         scale web 3
         exited web-1 1",
        expect![[r#"
            > found
              publish web []
              prepare web
            > prepared web
              # web-1 Started: wanted (1 of 2)
              start web-1 run 1 with its steps
              # web-2 Waiting: waits for the replica that runs the pre_start steps
            > view
              shop: not settled
              web waiting 0/2, waits for the replica that runs the pre_start steps
            > started web-1
              publish web [1 not ready]
              # web-1 Ready: it runs, and has nothing that could be asked
              # web-2 Started: wanted (1 of 2)
              start web-2 run 2
              publish web [1 ready]
            > started web-2
              publish web [1 ready, 2 not ready]
              # web-2 Ready: it runs, and has nothing that could be asked
              publish web [1 ready, 2 ready]
            > scale web 3
              # web Scaled: 3 instead of 2
              # web-3 Started: wanted (1 of 3)
              start web-3 run 3
            > exited web-1 1
              # web-1 Exited: exit 1 after 0 ms; started again at once
              publish web [2 ready]
              # web-1 Started: exit 1 after 0 ms; started again at once
              start web-1 run 4
        "#]],
    );
}

#[test]
fn whoever_began_with_the_steps_goes_on_with_them_after_a_pause() {
    check(
        project(vec![with_step(false, |web| web.replicas = 2)]),
        "found
         prepared web
         unstarted web-1 its pre_start step `migrate` failed: exit 3, and said: no database
         unstarted web-1 its pre_start step `migrate` failed: exit 3
         view
         +1s
         started web-1",
        expect![[r#"
            > found
              publish web []
              prepare web
            > prepared web
              # web-1 Started: wanted (1 of 2)
              start web-1 run 1 with its steps
              # web-2 Waiting: waits for the replica that runs the pre_start steps
            > unstarted web-1 its pre_start step `migrate` failed: exit 3, and said: no database
              # web-1 Exited: not started: its pre_start step `migrate` failed: exit 3, and said: no database; started again at once
              # web-1 Started: not started: its pre_start step `migrate` failed: exit 3, and said: no database; started again at once
              start web-1 run 2 with its steps
            > unstarted web-1 its pre_start step `migrate` failed: exit 3
              # web-1 Exited: not started: its pre_start step `migrate` failed: exit 3; started again in 91 ms (2nd time)
            > view
              shop: not settled
              web crashed 0/2, not started: its pre_start step `migrate` failed: exit 3; started again in 91 ms (2nd time)
            > +1s
              # web-1 Started: not started: its pre_start step `migrate` failed: exit 3; started again in 91 ms (2nd time)
              start web-1 run 3 with its steps
            > started web-1
              publish web [1 not ready]
              # web-1 Ready: it runs, and has nothing that could be asked
              # web-2 Started: wanted (1 of 2)
              start web-2 run 4
              publish web [1 ready]
        "#]],
    );
}

#[test]
fn with_restart_no_a_failed_step_is_the_end_of_that_replica() {
    check(
        project(vec![with_step(false, |web| {
            web.restart = RestartPolicy::NEVER;
        })]),
        "found
         prepared web
         unstarted web-1 its pre_start step `migrate` failed: exit 3
         view",
        expect![[r#"
            > found
              publish web []
              prepare web
            > prepared web
              # web-1 Started: wanted (1 of 1)
              start web-1 run 1 with its steps
            > unstarted web-1 its pre_start step `migrate` failed: exit 3
              # web-1 Ended: not started: its pre_start step `migrate` failed: exit 3; `restart: no` leaves it so
            > view
              shop: not settled
              web failed 0/1; failed: not started: its pre_start step `migrate` failed: exit 3; `restart: no` leaves it so
        "#]],
    );
}

#[test]
fn steps_of_each_replica_hold_nobody_up() {
    check(
        project(vec![with_step(true, |web| web.replicas = 2)]),
        "found
         prepared web
         view",
        expect![[r#"
            > found
              publish web []
              prepare web
            > prepared web
              # web-1 Started: wanted (1 of 2)
              start web-1 run 1
              # web-2 Started: wanted (1 of 2)
              start web-2 run 2
            > view
              shop: not settled
              web starting 0/2, its pre_start steps run, and then its process
        "#]],
    );
}

#[test]
fn a_new_definition_runs_them_again_and_goes_back_when_they_fail() {
    check(
        project(vec![with_step(false, |_| {})]),
        "found
         prepared web
         started web-1
         +10s
         edit web
         prepared web
         unstarted web-2 its pre_start step `migrate` failed: exit 3",
        expect![[r#"
            > found
              publish web []
              prepare web
            > prepared web
              # web-1 Started: wanted (1 of 1)
              start web-1 run 1 with its steps
            > started web-1
              publish web [1 not ready]
              # web-1 Ready: it runs, and has nothing that could be asked
              publish web [1 ready]
            > +10s
            > edit web
              # web Changed: its definition changed
              prepare web
            > prepared web
              # web-2 Started: takes over: the definition changed (1 of 1)
              start web-2 run 2 with its steps
            > unstarted web-2 its pre_start step `migrate` failed: exit 3
              # web-2 Exited: not started: its pre_start step `migrate` failed: exit 3; started again at once
              # web RolledBack: shop/web-2: not started: its pre_start step `migrate` failed: exit 3; back to the definition before
              remember web: run 0, refused: shop/web-2: not started: its pre_start step `migrate` failed: exit 3
              # web-2 Ended: its definition changed, and it served nobody
              discard web-2
        "#]],
    );
}

#[test]
fn a_one_off_leaves_them_to_the_service() {
    check(
        project(vec![with_step(false, |web| web.replicas = 0)]),
        "found
         once web 10001
         prepared web",
        expect![[r#"
            > found
              publish web []
            > once web 10001
              prepare web
            > prepared web
              # web-10001 Started: run once on request
              start web-10001 run 1
        "#]],
    );
}

#[test]
fn another_node_knows_by_what_runs_that_they_were_done() {
    check(
        project(vec![with_step(false, |web| web.replicas = 3)]),
        "found web-1, web-2 exit 1
         prepared web",
        expect![[r#"
            > found web-1, web-2 exit 1
              # web-1 Adopted: found running, pid 101: kept
              # web-2 Exited: exit 1; started again at once
              publish web [1 ready]
              prepare web
            > prepared web
              # web-2 Started: exit 1; started again at once
              start web-2 run 103
              # web-3 Started: wanted (1 of 3)
              start web-3 run 104
        "#]],
    );
}

#[test]
fn another_node_waits_for_a_survivor_that_is_still_at_them() {
    check(
        project(vec![with_step(false, |web| web.replicas = 2)]),
        "found web-1 starting
         prepared web
         view
         started web-1",
        expect![[r#"
            > found web-1 starting
              # web-1 Adopted: found starting: kept
              publish web []
              prepare web
            > prepared web
              # web-2 Waiting: waits for the replica that runs the pre_start steps
            > view
              shop: not settled
              web waiting 0/2, waits for the replica that runs the pre_start steps
            > started web-1
              publish web [1 not ready]
              # web-1 Ready: it runs, and has nothing that could be asked
              # web-2 Started: wanted (1 of 2)
              start web-2 run 102
              publish web [1 ready]
        "#]],
    );
}
