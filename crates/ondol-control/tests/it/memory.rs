//! What was decided and cannot be seen on the machine outlives the node.

use expect_test::expect;
use ondol_model::Service;

use crate::script::{check, http, project, service};

fn web(replicas: u32) -> Service {
    service("web", |web| {
        web.replicas = replicas;
        web.probes.ready = Some(http("/"));
    })
}

#[test]
fn a_restart_goes_on_with_the_replicas_that_it_had_not_come_to() {
    check(
        project(vec![web(2)]),
        "found
         prepared web
         started web-1
         started web-2
         ok web-1
         ok web-2
         restart web
         started web-3
         ok web-3
         another
         found web-1, web-2, web-3
         prepared web",
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
            > restart web
              # web Changed: a restart was asked for: replaced one by one
              remember web: run 2
              # web-3 Started: takes over: it was to be started again (1 of 2)
              start web-3 run 3
            > started web-3
              publish web [1 ready, 2 ready, 3 not ready]
              probe web-3 Ready /
            > ok web-3
              # web-3 Ready: GET / 200 0 ms after its start
              # web-1 Replaced: a new one took over
              publish web [1 not ready, 2 ready, 3 ready]
              # web-4 Started: takes over: it was to be started again (1 of 2)
              start web-4 run 4
            > another
            > found web-1, web-2, web-3
              # web-1 Adopted: found running, pid 101: kept
              # web-2 Adopted: found running, pid 102: kept
              # web-3 Adopted: found running, pid 103: kept
              # web-1 Replaced: a new one took over
              publish web [1 not ready, 2 ready, 3 ready]
              prepare web
              probe web-2 Ready /
              probe web-3 Ready /
            > prepared web
              # web-4 Started: takes over: it was to be started again (1 of 2)
              start web-4 run 4
        "#]],
    );
}

#[test]
fn a_definition_that_was_refused_is_not_tried_again_until_somebody_asks() {
    check(
        project(vec![web(1)]),
        "found
         prepared web
         started web-1
         ok web-1
         edit web
         prepared web
         started web-2
         exited web-2 1
         another
         found web-1
         acked web
         view
         restart web
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
              probe web-1 Ready /
            > ok web-1
              # web-1 Ready: GET / 200 0 ms after its start
              publish web [1 ready]
            > edit web
              # web Changed: its definition changed
              prepare web
            > prepared web
              # web-2 Started: takes over: the definition changed (1 of 1)
              start web-2 run 2
            > started web-2
              publish web [1 ready, 2 not ready]
              probe web-2 Ready /
            > exited web-2 1
              # web-2 Exited: exit 1 after 0 ms; started again at once
              # web RolledBack: shop/web-2: exit 1; back to the definition before
              remember web: run 0, refused: shop/web-2: exit 1
              # web-2 Ended: its definition changed, and it served nobody
              discard web-2
              publish web [1 ready]
            > another
            > found web-1
              # web-1 Adopted: found running, pid 101: kept
              publish web [1 ready]
              probe web-1 Ready /
            > acked web
            > view
              shop: settled
              web ready 1/1; failed: rolled back: shop/web-2: exit 1
            > restart web
              # web Changed: a restart was asked for: replaced one by one
              remember web: run 1
              prepare web
            > view
              shop: not settled
              web replacing 1/1, is being prepared
        "#]],
    );
}

#[test]
fn what_was_refused_is_forgotten_with_the_edit_that_mends_it() {
    check(
        project(vec![web(1)]),
        "found
         prepared web
         started web-1
         ok web-1
         edit web
         prepared web
         started web-2
         exited web-2 1
         edit web
         another
         found web-1
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
              probe web-1 Ready /
            > ok web-1
              # web-1 Ready: GET / 200 0 ms after its start
              publish web [1 ready]
            > edit web
              # web Changed: its definition changed
              prepare web
            > prepared web
              # web-2 Started: takes over: the definition changed (1 of 1)
              start web-2 run 2
            > started web-2
              publish web [1 ready, 2 not ready]
              probe web-2 Ready /
            > exited web-2 1
              # web-2 Exited: exit 1 after 0 ms; started again at once
              # web RolledBack: shop/web-2: exit 1; back to the definition before
              remember web: run 0, refused: shop/web-2: exit 1
              # web-2 Ended: its definition changed, and it served nobody
              discard web-2
              publish web [1 ready]
            > edit web
              # web Changed: its definition changed
              remember web: run 2
              prepare web
            > another
            > found web-1
              # web-1 Adopted: found running, pid 101: kept
              publish web [1 ready]
              prepare web
              probe web-1 Ready /
            > prepared web
              # web-2 Started: takes over: the definition changed (1 of 1)
              start web-2 run 2
        "#]],
    );
}
