use expect_test::expect;
use ondol_model::{Bytes, Condition};

use crate::script::{after, check, http, project, service};

#[test]
fn what_runs_as_wanted_is_kept_what_runs_otherwise_is_replaced_and_what_nobody_wants_leaves() {
    let same = service("same", |same| same.probes.ready = Some(http("/")));
    let edited = service("edited", |_| {});
    check(
        project(vec![same, edited]),
        "found same-1, edited-1 old, gone-1, ended-1 exit 0
         ok same-1
         prepared edited
         started edited-2
         +1s
         acked edited
         drained edited-1
         exited edited-1 0
         exited gone-1 0
         acked same
         acked edited
         view",
        expect![[r#"
            > found same-1, edited-1 old, gone-1, ended-1 exit 0
              # same-1 Adopted: found running, pid 101: kept
              # edited-1 Adopted: found running, pid 101: kept
              # gone-1 Adopted: found running, pid 101: kept
              # ended-1 Ended: exit 0, and it is not wanted any more
              discard ended-1, keep volumes
              publish edited [1 ready]
              prepare edited
              publish ended []
              # gone-1 Stopping: it is not wanted any more
              publish gone []
              SIGTERM gone-1
              publish same [1 ready]
              probe same-1 Ready /
            > ok same-1
            > prepared edited
              # edited-2 Started: takes over: the definition changed (1 of 1)
              start edited-2 run 102
            > started edited-2
              publish edited [1 ready, 2 not ready]
              # edited-2 Ready: it runs, and has nothing that could be asked
              publish edited [1 ready, 2 ready]
            > +1s
              # edited-1 Replaced: a new one took over
              publish edited [1 not ready, 2 ready]
            > acked edited
              await drained edited-1
            > drained edited-1
              SIGTERM edited-1
            > exited edited-1 0
              # edited-1 Ended: exit 0
              discard edited-1
              publish edited [2 ready]
            > exited gone-1 0
              # gone-1 Ended: exit 0
              discard gone-1, keep volumes
            > acked same
            > acked edited
            > view
              shop: settled
              edited ready 1/1
              same ready 1/1
        "#]],
    );
}

#[test]
fn one_that_was_still_starting_when_the_node_died_loses_its_traffic_at_the_first_bad_answer() {
    let web = service("web", |web| web.probes.ready = Some(http("/")));
    check(
        project(vec![web]),
        "found web-1
         fail web-1 503
         +100ms
         ok web-1",
        expect![[r#"
            > found web-1
              # web-1 Adopted: found running, pid 101: kept
              publish web [1 ready]
              probe web-1 Ready /
            > fail web-1 503
              # web-1 Unready: the first answer to this probe was: 503; no traffic until it succeeds
              publish web [1 not ready]
            > +100ms
              probe web-1 Ready /
            > ok web-1
              # web-1 Ready: GET / 200 100 ms after its start
              publish web [1 ready]
        "#]],
    );
}

#[test]
fn what_does_not_fit_waits_with_its_numbers_until_there_is_room() {
    let big = service("big", |big| {
        big.replicas = 2;
        big.resources.memory_reserved = Bytes(3 << 30);
        big.resources.cpu_reserved_milli = 500;
    });
    check(
        project(vec![big]),
        "found
         prepared big
         view
         machine 4 8g
         started big-1
         started big-2
         scale big 5
         view
         scale big 1",
        expect![[r#"
            > found
              publish big []
              prepare big
            > prepared big
              # big-1 Started: wanted (1 of 2)
              start big-1 run 1
              # big-2 Waiting: needs 3g of memory, 1g of 4g are free
            > view
              shop: not settled
              big pending 0/2, needs 3g of memory, 1g of 4g are free
            > machine 4 8g
              # big-2 Started: wanted (1 of 2)
              start big-2 run 2
            > started big-1
              publish big [1 not ready]
              # big-1 Ready: it runs, and has nothing that could be asked
              publish big [1 ready]
            > started big-2
              publish big [1 ready, 2 not ready]
              # big-2 Ready: it runs, and has nothing that could be asked
              publish big [1 ready, 2 ready]
            > scale big 5
              # big Scaled: 5 instead of 2
              # big-3 Waiting: needs 3g of memory, 2g of 8g are free
              # big-4 Waiting: needs 3g of memory, 2g of 8g are free
              # big-5 Waiting: needs 3g of memory, 2g of 8g are free
            > view
              shop: not settled
              big pending 2/5, needs 3g of memory, 2g of 8g are free
            > scale big 1
              # big Scaled: 1 instead of 5
              # big-5 Ended: only 1 wanted
              # big-4 Ended: only 1 wanted
              # big-3 Ended: only 1 wanted
              # big-2 Stopping: only 1 wanted
              publish big [1 ready, 2 not ready]
        "#]],
    );
}

#[test]
fn a_constraint_that_does_not_hold_is_named() {
    let web = service("web", |web| {
        web.placement_constraints = vec!["node.role == worker".to_owned()];
    });
    check(
        project(vec![web]),
        "found
         prepared web
         view",
        expect![[r#"
            > found
              publish web []
              prepare web
            > prepared web
              # web-1 Waiting: its placement asks for `node.role == worker`, and here node.role is manager
            > view
              shop: not settled
              web pending 0/1, its placement asks for `node.role == worker`, and here node.role is manager
        "#]],
    );
}

#[test]
fn a_well_known_image_is_waited_for_until_it_is_ready_though_only_started_is_asked_for() {
    let web = service("web", |web| after(web, "db", Condition::Started));
    let db = service("db", |db| db.image = Some("redis".to_owned()));
    check(
        project(vec![web, db]),
        "found
         prepared web
         prepared db 6379 check
         started db-1
         ok db-1 PONG",
        expect![[r#"
            > found
              publish db []
              prepare db
              publish web []
              prepare web
            > prepared web
              # web-1 Waiting: waits for db to start
            > prepared db 6379 check
              # db-1 Started: wanted (1 of 1)
              start db-1 run 1
            > started db-1
              publish db [1 not ready]
              probe db-1 Ready /image
            > ok db-1 PONG
              # db-1 Ready: PONG 0 ms after its start
              # web-1 Started: wanted (1 of 1)
              start web-1 run 2
              publish db [1 ready]
        "#]],
    );
}

#[test]
fn a_dependency_that_becomes_ready_ends_the_pause_of_those_that_crashed_for_it() {
    let web = service("web", |web| after(web, "db", Condition::Started));
    let db = service("db", |db| db.probes.ready = Some(http("/up")));
    check(
        project(vec![web, db]),
        "found
         prepared web
         prepared db
         started db-1
         started web-1
         exited web-1 1
         started web-1
         exited web-1 1
         ok db-1",
        expect![[r#"
            > found
              publish db []
              prepare db
              publish web []
              prepare web
            > prepared web
              # web-1 Waiting: waits for db to start
            > prepared db
              # db-1 Started: wanted (1 of 1)
              start db-1 run 1
            > started db-1
              publish db [1 not ready]
              probe db-1 Ready /up
              # web-1 Started: wanted (1 of 1)
              start web-1 run 2
            > started web-1
              publish web [1 not ready]
              # web-1 Ready: it runs, and has nothing that could be asked
              publish web [1 ready]
            > exited web-1 1
              # web-1 Exited: exit 1 after 0 ms; started again at once
              publish web []
              # web-1 Started: exit 1 after 0 ms; started again at once
              start web-1 run 3
            > started web-1
              publish web [1 not ready]
              # web-1 Ready: it runs, and has nothing that could be asked
              publish web [1 ready]
            > exited web-1 1
              # web-1 Exited: exit 1 after 0 ms; started again in 91 ms (2nd time)
              publish web []
            > ok db-1
              # db-1 Ready: GET / 200 0 ms after its start
              # web-1 Backoff: started again at once: db is ready
              publish db [1 ready]
              # web-1 Started: started again at once: db is ready
              start web-1 run 4
        "#]],
    );
}

#[test]
fn a_failed_preparation_is_told_and_tried_again() {
    check(
        project(vec![service("web", |_| {})]),
        "found
         unprepared web no package redis-server: apt is offline
         view
         +3s
         prepared web",
        expect![[r#"
            > found
              publish web []
              prepare web
            > unprepared web no package redis-server: apt is offline
              # web Preparing: no package redis-server: apt is offline; tried again in 1.4 s
            > view
              shop: not settled
              web preparing 0/1, could not be prepared: no package redis-server: apt is offline; it is tried again; failed: could not be prepared: no package redis-server: apt is offline
            > +3s
              prepare web
            > prepared web
              # web-1 Started: wanted (1 of 1)
              start web-1 run 1
        "#]],
    );
}

#[test]
fn a_rebuild_prepares_first_and_then_replaces() {
    check(
        project(vec![service("web", |web| {
            web.probes.ready = Some(http("/"))
        })]),
        "found
         prepared web
         started web-1
         ok web-1
         rebuild web
         prepared web
         started web-2
         ok web-2
         acked web",
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
            > rebuild web
              # web Preparing: watched files changed: prepared again
              prepare web again
            > prepared web
              # web Changed: its sources changed: replaced one by one
              remember web: run 1
              # web-2 Started: takes over: it was to be started again (1 of 1)
              start web-2 run 2
            > started web-2
              publish web [1 ready, 2 not ready]
              probe web-2 Ready /
            > ok web-2
              # web-2 Ready: GET / 200 0 ms after its start
              # web-1 Replaced: a new one took over
              publish web [1 not ready, 2 ready]
            > acked web
              await drained web-1
        "#]],
    );
}

#[test]
fn a_one_off_runs_beside_the_others_and_is_forgotten() {
    check(
        project(vec![service("web", |_| {})]),
        "found
         prepared web
         started web-1
         once web 10001
         started web-10001
         exited web-10001 0
         forget web-10001",
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
            > once web 10001
              # web-10001 Started: run once on request
              start web-10001 run 2
            > started web-10001
              publish web [1 ready, 10001 not ready]
              # web-10001 Ready: it runs, and has nothing that could be asked
            > exited web-10001 0
              # web-10001 Ended: exit 0 after 0 ms
              publish web [1 ready]
            > forget web-10001
              # web-10001 Ended: nobody waits for it any more
              discard web-10001
        "#]],
    );
}

#[test]
fn probes_change_without_a_restart_and_a_removed_service_leaves() {
    check(
        project(vec![service("web", |_| {}), service("old", |_| {})]),
        "found
         prepared web
         prepared old
         started web-1
         started old-1
         reprobe web /new
         fail web-1 503
         remove old
         acked old
         drained old-1
         exited old-1 0
         view",
        expect![[r#"
            > found
              publish old []
              prepare old
              publish web []
              prepare web
            > prepared web
              # web-1 Started: wanted (1 of 1)
              start web-1 run 1
            > prepared old
              # old-1 Started: wanted (1 of 1)
              start old-1 run 2
            > started web-1
              publish web [1 not ready]
              # web-1 Ready: it runs, and has nothing that could be asked
              publish web [1 ready]
            > started old-1
              publish old [1 not ready]
              # old-1 Ready: it runs, and has nothing that could be asked
              publish old [1 ready]
            > reprobe web /new
              probe web-1 Ready /new
            > fail web-1 503
              # web-1 Unready: the first answer to this probe was: 503; no traffic until it succeeds
              publish web [1 not ready]
            > remove old
              # old-1 Stopping: it is not wanted any more
              publish old [1 not ready]
            > acked old
              await drained old-1
            > drained old-1
              SIGTERM old-1
            > exited old-1 0
              # old-1 Ended: exit 0
              discard old-1, keep volumes
              publish old []
            > view
              shop: not settled
              web starting 0/1, 503
        "#]],
    );
}

#[test]
fn a_node_that_died_while_going_down_does_not_come_up_again() {
    let web = service("web", |web| after(web, "db", Condition::Started));
    check(
        project(vec![web, service("db", |_| {})]),
        "found web-1, db-1
         down -v
         acked web
         +2s
         exited web-1 0
         acked db
         drained db-1
         exited db-1 0",
        expect![[r#"
            > found web-1, db-1
              # web-1 Adopted: found running, pid 101: kept
              # db-1 Adopted: found running, pid 101: kept
              publish db [1 ready]
              publish web [1 ready]
            > down -v
              # web-1 Stopping: it is not wanted any more
              publish web [1 not ready]
            > acked web
              await drained web-1
            > +2s
              SIGTERM web-1
            > exited web-1 0
              # web-1 Ended: exit 0
              discard web-1
              # db-1 Stopping: it is not wanted any more
              publish db [1 not ready]
              publish web []
            > acked db
              await drained db-1
            > drained db-1
              SIGTERM db-1
            > exited db-1 0
              # db-1 Ended: exit 0
              discard db-1
              publish db []
              discard project shop with volumes
        "#]],
    );
}

#[test]
fn a_one_off_waits_for_what_its_service_depends_on_unless_it_is_alone() {
    let shop = || {
        let web = service("web", |web| {
            after(web, "db", Condition::Started);
        });
        project(vec![service("db", |_| ()), web])
    };
    let told = |how: &str| {
        let begin = "stop db\n stop web\n found\n prepared web\n once web 10001";
        crate::script::told(shop(), &format!("{begin}{how}\n prepared web"))
    };
    let started = "start web-10001 run 1";
    assert!(!told("").contains(started), "{}", told(""));
    assert!(told(" alone").contains(started), "{}", told(" alone"));
}

#[test]
fn a_fleeting_one_off_is_discarded_when_it_ends() {
    let story = |how: &str| {
        let story = format!(
            "found\n prepared web\n once web 10001{how}\n started web-10001\n exited web-10001 3"
        );
        crate::script::told(project(vec![service("web", |_| ())]), &story)
    };
    assert!(!story("").contains("discard web-10001"), "{}", story(""));
    let told = story(" fleeting");
    assert!(told.contains("discard web-10001"), "{told}");
}
