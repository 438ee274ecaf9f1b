use expect_test::expect;
use ondol_model::Condition;

use crate::script::{after, check, http, project, service};

#[test]
fn a_service_is_prepared_started_and_ready_and_settled_once_the_proxy_knows() {
    check(
        project(vec![service("web", |_| {})]),
        "found
         prepared web
         started web-1
         view
         acked web
         view",
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
            > view
              shop: not settled
              web ready 1/1
            > acked web
            > view
              shop: settled
              web ready 1/1
        "#]],
    );
}

#[test]
fn a_dependent_starts_when_its_dependency_is_ready() {
    let web = service("web", |web| after(web, "db", Condition::Healthy));
    let db = service("db", |db| {
        db.probes.ready = Some(http("/up"));
    });
    check(
        project(vec![web, db]),
        "found
         prepared web
         prepared db
         started db-1
         fail db-1 GET /up 503
         view
         +100ms
         ok db-1
         started web-1
         acked db
         acked web
         view
         down
         acked web
         drained web-1
         exited web-1 0
         acked db
         +2s
         +10s
         exited db-1 137",
        expect![[r#"
            > found
              publish db []
              prepare db
              publish web []
              prepare web
            > prepared web
              # web-1 Waiting: waits for db to be ready
            > prepared db
              # db-1 Started: wanted (1 of 1)
              start db-1 run 1
            > started db-1
              publish db [1 not ready]
              probe db-1 Ready /up
            > fail db-1 GET /up 503
            > view
              shop: not settled
              db starting 0/1, GET /up 503
              web waiting 0/1, waits for db to be ready
            > +100ms
              probe db-1 Ready /up
            > ok db-1
              # db-1 Ready: GET / 200 100 ms after its start
              # web-1 Started: wanted (1 of 1)
              start web-1 run 2
              publish db [1 ready]
            > started web-1
              publish web [1 not ready]
              # web-1 Ready: it runs, and has nothing that could be asked
              publish web [1 ready]
            > acked db
            > acked web
            > view
              shop: settled
              db ready 1/1
              web ready 1/1
            > down
              # web-1 Stopping: it is not wanted any more
              publish web [1 not ready]
            > acked web
              await drained web-1
            > drained web-1
              SIGTERM web-1
            > exited web-1 0
              # web-1 Ended: exit 0
              discard web-1, keep volumes
              # db-1 Stopping: it is not wanted any more
              publish db [1 not ready]
              publish web []
            > acked db
              await drained db-1
            > +2s
              SIGTERM db-1
            > +10s
              # db-1 Stopping: did not end within 10.0 s of SIGTERM, its grace is over: killed
              kill db-1
            > exited db-1 137
              # db-1 Ended: exit 137
              discard db-1, keep volumes
              publish db []
              discard project shop
        "#]],
    );
}

#[test]
fn a_crash_is_restarted_at_once_and_then_after_pauses() {
    check(
        project(vec![service("web", |_| {})]),
        "found
         prepared web
         started web-1
         exited web-1 1
         started web-1
         exited web-1 1
         +200ms
         started web-1
         exited web-1 1
         view
         +30s
         started web-1
         +31s
         exited web-1 oom",
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
              # web-1 Exited: exit 1 after 0 ms; started again in 91 ms (2nd time)
              publish web []
            > +200ms
              # web-1 Started: exit 1 after 0 ms; started again in 91 ms (2nd time)
              start web-1 run 3
            > started web-1
              publish web [1 not ready]
              # web-1 Ready: it runs, and has nothing that could be asked
              publish web [1 ready]
            > exited web-1 1
              # web-1 Exited: exit 1 after 0 ms; started again in 214 ms (3rd time)
              publish web []
            > view
              shop: not settled
              web crashed 0/1, exit 1 after 0 ms; started again in 214 ms (3rd time); failed: exit 1 after 0 ms; started again in 214 ms (3rd time)
            > +30s
              # web-1 Started: exit 1 after 0 ms; started again in 214 ms (3rd time)
              start web-1 run 4
            > started web-1
              publish web [1 not ready]
              # web-1 Ready: it runs, and has nothing that could be asked
              publish web [1 ready]
            > +31s
            > exited web-1 oom
              # web-1 Exited: out of memory: its limit was reached after 31.0 s; started again at once
              publish web []
              # web-1 Started: out of memory: its limit was reached after 31.0 s; started again at once
              start web-1 run 5
        "#]],
    );
}
