use expect_test::expect;
use ondol_model::FailureAction;

use crate::script::{check, http, project, service};

const TWO_READY: &str = "found
    prepared web
    started web-1
    started web-2
    ok web-1
    ok web-2";

fn web() -> ondol_model::Service {
    service("web", |web| {
        web.replicas = 2;
        web.probes.ready = Some(http("/"));
    })
}

#[test]
fn an_edit_replaces_one_by_one_and_the_new_one_is_ready_first() {
    check(
        project(vec![web()]),
        &format!(
            "{TWO_READY}
            edit web
            prepared web
            started web-3
            ok web-3
            acked web
            drained web-1
            exited web-1 0
            started web-4
            started web-1
            ok web-1
            acked web
            drained web-2
            exited web-2 0
            view
            +5s
            view"
        ),
        expect![[r#"
            > found
              publish web []
              prepare web
            > prepared web
              # web-1 Started: wanted (1 of 2)
              start web-1 run 1
              # web-2 Started: wanted (1 of 2)
              start web-2 run 2
            > started web-1
              publish web [1 not ready]
              probe web-1 Ready /
            > started web-2
              publish web [1 not ready, 2 not ready]
              probe web-2 Ready /
            > ok web-1
              # web-1 Ready: GET / 200 0 ms after its start
              publish web [1 ready, 2 not ready]
            > ok web-2
              # web-2 Ready: GET / 200 0 ms after its start
              publish web [1 ready, 2 ready]
            > edit web
              # web Changed: its definition changed
              prepare web
            > prepared web
              # web-3 Started: takes over: the definition changed (1 of 2)
              start web-3 run 3
            > started web-3
              publish web [1 ready, 2 ready, 3 not ready]
              probe web-3 Ready /
            > ok web-3
              # web-3 Ready: GET / 200 0 ms after its start
              # web-1 Replaced: a new one took over
              publish web [1 not ready, 2 ready, 3 ready]
              # web-4 Started: takes over: the definition changed (1 of 2)
              start web-4 run 4
            > acked web
              await drained web-1
            > drained web-1
              SIGTERM web-1
            > exited web-1 0
              # web-1 Ended: exit 0
              discard web-1
              publish web [2 ready, 3 ready]
            > started web-4
              publish web [2 ready, 3 ready, 4 not ready]
              probe web-4 Ready /
            > started web-1
            > ok web-1
            > acked web
            > drained web-2
            > exited web-2 0
              # web-2 Ended: exit 0 after 0 ms: it is done
              # web-2 Ended: its definition changed, and it served nobody
              discard web-2
              publish web [3 ready, 4 not ready]
            > view
              shop: not settled
              web replacing 1/2, GET / answers with 200 to 399
            > +5s
            > view
              shop: not settled
              web replacing 1/2, GET / answers with 200 to 399
        "#]],
    );
}

#[test]
fn a_new_definition_that_crashes_is_rolled_back() {
    check(
        project(vec![web()]),
        &format!(
            "{TWO_READY}
            edit web
            prepared web
            started web-3
            exited web-3 1
            acked web
            view
            want
            view"
        ),
        expect![[r#"
            > found
              publish web []
              prepare web
            > prepared web
              # web-1 Started: wanted (1 of 2)
              start web-1 run 1
              # web-2 Started: wanted (1 of 2)
              start web-2 run 2
            > started web-1
              publish web [1 not ready]
              probe web-1 Ready /
            > started web-2
              publish web [1 not ready, 2 not ready]
              probe web-2 Ready /
            > ok web-1
              # web-1 Ready: GET / 200 0 ms after its start
              publish web [1 ready, 2 not ready]
            > ok web-2
              # web-2 Ready: GET / 200 0 ms after its start
              publish web [1 ready, 2 ready]
            > edit web
              # web Changed: its definition changed
              prepare web
            > prepared web
              # web-3 Started: takes over: the definition changed (1 of 2)
              start web-3 run 3
            > started web-3
              publish web [1 ready, 2 ready, 3 not ready]
              probe web-3 Ready /
            > exited web-3 1
              # web-3 Exited: exit 1 after 0 ms; started again at once
              # web RolledBack: shop/web-3: exit 1; back to the definition before
              remember web: run 0, refused: shop/web-3: exit 1
              # web-3 Ended: its definition changed, and it served nobody
              discard web-3
              publish web [1 ready, 2 ready]
            > acked web
            > view
              shop: settled
              web ready 2/2; failed: rolled back: shop/web-3: exit 1
            > want
            > view
              shop: settled
              web ready 2/2; failed: rolled back: shop/web-3: exit 1
        "#]],
    );
}

#[test]
fn a_new_definition_that_cannot_be_prepared_is_rolled_back() {
    check(
        project(vec![web()]),
        &format!(
            "{TWO_READY}
            edit web
            unprepared web no such package"
        ),
        expect![[r#"
            > found
              publish web []
              prepare web
            > prepared web
              # web-1 Started: wanted (1 of 2)
              start web-1 run 1
              # web-2 Started: wanted (1 of 2)
              start web-2 run 2
            > started web-1
              publish web [1 not ready]
              probe web-1 Ready /
            > started web-2
              publish web [1 not ready, 2 not ready]
              probe web-2 Ready /
            > ok web-1
              # web-1 Ready: GET / 200 0 ms after its start
              publish web [1 ready, 2 not ready]
            > ok web-2
              # web-2 Ready: GET / 200 0 ms after its start
              publish web [1 ready, 2 ready]
            > edit web
              # web Changed: its definition changed
              prepare web
            > unprepared web no such package
              # web Preparing: no such package; tried again in 1.4 s
              # web RolledBack: it could not be prepared: no such package; back to the definition before
              remember web: run 0, refused: it could not be prepared: no such package
              # web-3 Ended: its definition changed, and it served nobody
        "#]],
    );
}

#[test]
fn a_failure_pauses_when_the_file_says_so() {
    let mut web = web();
    web.update.failure_action = FailureAction::Pause;
    check(
        project(vec![web]),
        &format!(
            "{TWO_READY}
            edit web
            prepared web
            started web-3
            exited web-3 1
            view
            edit web
            prepared web
            started web-3"
        ),
        expect![[r#"
            > found
              publish web []
              prepare web
            > prepared web
              # web-1 Started: wanted (1 of 2)
              start web-1 run 1
              # web-2 Started: wanted (1 of 2)
              start web-2 run 2
            > started web-1
              publish web [1 not ready]
              probe web-1 Ready /
            > started web-2
              publish web [1 not ready, 2 not ready]
              probe web-2 Ready /
            > ok web-1
              # web-1 Ready: GET / 200 0 ms after its start
              publish web [1 ready, 2 not ready]
            > ok web-2
              # web-2 Ready: GET / 200 0 ms after its start
              publish web [1 ready, 2 ready]
            > edit web
              # web Changed: its definition changed
              prepare web
            > prepared web
              # web-3 Started: takes over: the definition changed (1 of 2)
              start web-3 run 3
            > started web-3
              publish web [1 ready, 2 ready, 3 not ready]
              probe web-3 Ready /
            > exited web-3 1
              # web-3 Exited: exit 1 after 0 ms; started again at once
              # web Waiting: shop/web-3: exit 1; the replacement pauses, and what serves goes on serving
              publish web [1 ready, 2 ready]
              # web-3 Started: exit 1 after 0 ms; started again at once
              start web-3 run 4
            > view
              shop: not settled
              web unready 2/2, its process is being started; failed: its replacement pauses: shop/web-3: exit 1
            > edit web
              # web Changed: its definition changed
              # web-3 Replaced: its definition changed, and it served nobody
              prepare web
              SIGTERM web-3
            > prepared web
              # web-4 Started: takes over: the definition changed (1 of 2)
              start web-4 run 5
            > started web-3
        "#]],
    );
}

#[test]
fn a_database_is_stopped_before_the_new_one_starts() {
    let db = service("db", |db| {
        db.image = Some("postgres".to_owned());
        db.mounts.push(ondol_model::Mount {
            source: ondol_model::MountSource::Volume {
                name: "data".to_owned(),
                subpath: None,
                nocopy: false,
            },
            target: "/var/lib/postgresql/data".to_owned(),
            read_only: false,
        });
    });
    check(
        project(vec![db]),
        "found
         prepared db
         started db-1
         edit db
         prepared db
         acked db
         drained db-1
         exited db-1 0
         started db-1",
        expect![[r#"
            > found
              publish db []
              prepare db
            > prepared db
              # db-1 Started: wanted (1 of 1)
              start db-1 run 1
            > started db-1
              publish db [1 not ready]
              # db-1 Ready: it runs, and has nothing that could be asked
              publish db [1 ready]
            > edit db
              # db Changed: its definition changed
              prepare db
            > prepared db
              # db-1 Replaced: a new one took over
              publish db [1 not ready]
            > acked db
              await drained db-1
            > drained db-1
              SIGTERM db-1
            > exited db-1 0
              # db-1 Ended: exit 0
              discard db-1
              publish db []
              # db-1 Started: takes over: it was to be started again (1 of 1)
              start db-1 run 2
            > started db-1
              publish db [1 not ready]
              # db-1 Ready: it runs, and has nothing that could be asked
              publish db [1 ready]
        "#]],
    );
}

#[test]
fn a_restart_is_settled_once_the_new_ones_are_ready_and_an_edit_once_it_was_watched() {
    let again = |how: &str| {
        format!(
            "found
            prepared web
            started web-1
            ok web-1
            {how}
            started web-2
            ok web-2
            acked web
            drained web-1
            exited web-1 0
            acked web
            view"
        )
    };
    let web = || service("web", |web| web.probes.ready = Some(http("/")));
    let last = |how: &str| {
        let told = crate::script::told(project(vec![web()]), &again(how));
        let view = told.rfind("> view").unwrap();
        told[view..].to_owned()
    };
    assert_eq!(
        last("restart web"),
        "> view\n  shop: settled\n  web ready 1/1\n"
    );
    assert_eq!(
        last("edit web\n            prepared web"),
        "> view\n  shop: not settled\n  web ready 1/1\n"
    );
}

#[test]
fn what_is_prepared_again_is_not_settled_though_the_old_one_serves() {
    check(
        project(vec![service("web", |_| ())]),
        "found
         prepared web
         started web-1
         acked web
         view
         rebuild web
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
            > acked web
            > view
              shop: settled
              web ready 1/1
            > rebuild web
              # web Preparing: watched files changed: prepared again
              prepare web again
            > view
              shop: not settled
              web preparing 1/1, is being prepared
        "#]],
    );
}
