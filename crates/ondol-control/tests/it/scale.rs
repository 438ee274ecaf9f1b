//! How many replicas, by the load: rounds of five seconds, told as stories.

use expect_test::expect;
use ondol_model::*;

use crate::script::{check, project, service, told};

fn scaled(min: u32, max: u32, metrics: Vec<ScaleMetric>) -> Project {
    project(vec![service("web", |web| {
        web.autoscale = Some(Autoscale {
            min,
            max,
            metrics,
            up_window: std::time::Duration::ZERO,
            down_window: std::time::Duration::from_secs(60),
            idle: std::time::Duration::from_secs(30),
        });
    })])
}

/// 50 requests per second for each replica.
fn requests() -> ScaleMetric {
    ScaleMetric {
        of: ScaleSource::Requests,
        target: ScaleTarget::Each(50_000),
    }
}

/// One replica of `web` that is ready.
const UP: &str = "found\n prepared web\n started web-1\n acked web\n";

#[test]
fn load_brings_replicas_and_takes_them_away_when_that_held() {
    let story = format!(
        "{UP}
         +1s
         load web 120
         started web-2
         started web-3
         acked web
         +2s
         load web 40
         +30s
         load web 40
         +31s
         load web 40
         load web 500"
    );
    check(
        scaled(1, 5, vec![requests()]),
        &story,
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
        > +1s
          measure 1 of web
        > load web 120
          # web Scaled: 3 instead of 1: requests is 120/s, target 50/s for each replica
          remember web: run 0
          # web-2 Started: wanted (1 of 3)
          start web-2 run 2
          # web-3 Started: wanted (1 of 3)
          start web-3 run 3
        > started web-2
          publish web [1 ready, 2 not ready]
          # web-2 Ready: it runs, and has nothing that could be asked
          publish web [1 ready, 2 ready]
        > started web-3
          publish web [1 ready, 2 ready, 3 not ready]
          # web-3 Ready: it runs, and has nothing that could be asked
          publish web [1 ready, 2 ready, 3 ready]
        > acked web
        > +2s
          measure 3 of web
        > load web 40
        > +30s
          measure 3 of web
        > load web 40
        > +31s
          measure 3 of web
        > load web 40
          # web Scaled: 1 instead of 3: requests is 40/s, target 50/s for each replica; no more was asked for in 1 min 0 s
          remember web: run 0
          # web-3 Stopping: only 1 wanted
          # web-2 Stopping: only 1 wanted
          publish web [1 ready, 2 not ready, 3 not ready]
        > load web 500
    "#]],
    );
}

#[test]
fn an_idle_service_sleeps_and_the_first_request_wakes_it() {
    let story = format!(
        "{UP}
         listens web-1 8080
         +1s
         load web 1
         +20s
         load web 0 1
         +29s
         load web 0
         +1s
         load web 0
         acked web
         drained web-1
         exited web-1 0
         acked web
         view
         +600s
         another
         found
         prepared web
         view
         awaited web
         awaited web
         started web-1"
    );
    check(
        scaled(0, 5, vec![requests()]),
        &story,
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
        > listens web-1 8080
        > +1s
          measure 1 of web
        > load web 1
        > +20s
          measure 1 of web
        > load web 0 1
        > +29s
          measure 1 of web
        > load web 0
        > +1s
          measure 1 of web
        > load web 0
          # web Scaled: 0 instead of 1: no request for 30.0 s
          remember web: run 0
          # web-1 Stopping: nobody asks for it
          publish web [1 not ready]
        > acked web
          await drained web-1
        > drained web-1
          SIGTERM web-1
        > exited web-1 0
          # web-1 Ended: exit 0
          discard web-1
          publish web []
        > acked web
        > view
          shop: settled
          web asleep 0/0
        > +600s
        > another
        > found
          publish web []
          prepare web
        > prepared web
        > view
          shop: settled
          web asleep 0/0
        > awaited web
          # web Scaled: 1 instead of 0: a request came
          remember web: run 0
          # web-1 Started: wanted (1 of 1)
          start web-1 run 1
        > awaited web
        > started web-1
          publish web [1 not ready]
          # web-1 Ready: it runs, and has nothing that could be asked
          publish web [1 ready]
    "#]],
    );
}

#[test]
fn a_number_that_somebody_said_stays_until_it_is_taken_back() {
    let story = format!("{UP} scale web 2\n started web-2\n acked web\n +1s\n load web 500\n +60s");
    let log = told(scaled(1, 5, vec![requests()]), &story);
    assert!(!log.contains("measure"), "{log}");
    assert!(log.contains("# web Scaled: 2 instead of 1\n"), "{log}");
}

#[test]
fn a_figure_that_is_missing_keeps_replicas_and_says_so_once() {
    let missing = ScaleMetric {
        of: ScaleSource::Query("jobs".to_owned()),
        target: ScaleTarget::Each(10_000),
    };
    let story = format!("{UP} +1s\n load web 120\n +100s\n load web 10\n +1s\n load web 10\n");
    let log = told(scaled(1, 5, vec![requests(), missing]), &story);
    assert_eq!(log.matches("jobs is not known").count(), 1, "{log}");
    assert!(log.contains("3 instead of 1"), "{log}");
    assert!(!log.contains("instead of 3"), "{log}");
}

#[test]
fn an_answer_that_is_old_or_that_nobody_waits_for_changes_nothing() {
    let story = format!("{UP} +1s\n load web 10\n load web 500\n");
    assert!(!told(scaled(1, 5, vec![requests()]), &story).contains("instead of"));
}

#[test]
fn who_needs_a_service_that_sleeps_need_not_wait_for_it() {
    let mut shop = scaled(0, 5, vec![requests()]);
    let api = service("api", |api| {
        crate::script::after(api, "web", Condition::Healthy);
    });
    shop.services.insert(api.name.clone(), api.into());
    let story = "found\n prepared web\n started web-1\n acked web\n prepared api\n started api-1\n acked api\n
        +40s\n load web 0\n acked web\n drained web-1\n exited web-1 0\n exited api-1 1\n +1s\n";
    let log = told(shop, story);
    assert!(
        log.contains("0 instead of 1: no request for 30.0 s"),
        "{log}"
    );
    assert!(log.contains("start api-1 run 3"), "{log}");
}
