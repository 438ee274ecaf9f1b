use ondol_alert::{DeliveryError, Inhibit, Pace, Route, Silence};
use ondol_model::{Inhibition, parse_matchers};

use crate::story::{Story, grouped, sample, to};

const RULES: &str = "
groups:
- name: g
  interval: 10s
  rules:
  - {alert: Down, expr: down, labels: {severity: page}}
  - {alert: Slow, expr: slow, labels: {severity: ticket}}
";

fn down(services: &[&str]) -> Vec<ondol_alert::Sample> {
    services
        .iter()
        .map(|service| sample(&format!("service={service}"), 1.0))
        .collect()
}

/// Where groups are evaluated at multiples of 10 s, shifted by less.
fn story(routing: ondol_alert::Routing) -> Story {
    Story::of(RULES, routing)
}

fn without_time(told: &[String]) -> Vec<&str> {
    told.iter()
        .filter_map(|line| line.split_once(' '))
        .map(|(_, rest)| rest)
        .collect()
}

#[test]
fn alerts_of_a_group_are_told_together_again_when_they_change_and_when_all_are_over() {
    let mut story = story(to(vec![grouped("ops", "")]));
    story.answer("down", down(&["web"]));
    story.pass(15_000);
    assert!(story.told().is_empty(), "the first waits for others");
    story.answer("down", down(&["api", "web"]));
    story.pass(35_000);
    assert_eq!(without_time(&story.told()), ["ops api! web!"]);
    story.pass(600_000);
    assert!(story.told().is_empty(), "nothing is new");
    story.answer("down", down(&["api"]));
    story.pass(310_000);
    assert_eq!(without_time(&story.told()), ["ops api! web."]);
    story.answer("down", vec![]);
    story.pass(310_000);
    assert_eq!(without_time(&story.told()), ["ops api."]);
    story.pass(5 * 3_600_000);
    assert!(story.told().is_empty());
}

#[test]
fn what_fires_on_is_told_again_after_the_repeat_interval() {
    let mut story = story(to(vec![grouped("ops", "")]));
    story.answer("down", down(&["web"]));
    story.pass(4 * 3_600_000);
    assert_eq!(story.told().len(), 1);
    story.pass(600_000);
    assert_eq!(without_time(&story.told()), ["ops web!"]);
}

#[test]
fn what_ended_before_anybody_was_told_is_never_told() {
    let mut story = story(to(vec![grouped("ops", "")]));
    story.answer("down", down(&["web"]));
    story.pass(10_000);
    story.answer("down", vec![]);
    story.pass(600_000);
    assert!(story.told().is_empty());
}

#[test]
fn each_receiver_hears_what_it_matches() {
    let routes = vec![grouped("pager", "severity=page"), grouped("all", "")];
    let mut story = story(to(routes));
    story.answer("slow", down(&["web"]));
    story.pass(60_000);
    assert_eq!(without_time(&story.told()), ["all web!"]);
    story.answer("down", down(&["api"]));
    story.pass(60_000);
    assert_eq!(without_time(&story.told()), ["all api!", "pager api!"]);
}

#[test]
fn a_silence_keeps_alerts_from_being_told_until_it_is_over() {
    let mut story = story(to(vec![grouped("ops", "")]));
    let silence = Silence {
        id: "one".to_owned(),
        matchers: parse_matchers("service=web").unwrap(),
        starts_at_ms: story.now_ms,
        ends_at_ms: story.now_ms + 3_600_000,
        updated_at_ms: story.now_ms,
        created_by: "me".to_owned(),
        comment: "moving".to_owned(),
    };
    story
        .machine
        .silence(silence.clone(), story.now_ms)
        .unwrap();
    story.answer("down", down(&["api", "web"]));
    story.pass(3_500_000);
    assert_eq!(without_time(&story.told()), ["ops api!"]);
    story.pass(500_000);
    assert_eq!(without_time(&story.told()), ["ops api! web!"]);

    let again = Silence {
        ends_at_ms: story.now_ms + 3_600_000,
        ..silence
    };
    story.machine.silence(again, story.now_ms).unwrap();
    story.machine.expire("one", story.now_ms).unwrap();
    assert!(
        story.machine.expire("one", story.now_ms).is_err(),
        "it is over"
    );
    assert!(
        story.machine.expire("two", story.now_ms).is_err(),
        "there is none"
    );
}

#[test]
fn a_silence_that_makes_no_sense_is_refused() {
    let mut story = story(to(vec![]));
    let now = story.now_ms;
    let silence = |matchers: &str, from: i64, until: i64| Silence {
        id: "x".to_owned(),
        matchers: parse_matchers(matchers).unwrap(),
        starts_at_ms: now + from,
        ends_at_ms: now + until,
        updated_at_ms: now,
        created_by: String::new(),
        comment: String::new(),
    };
    for (matchers, from, until) in [
        ("", 0, 1000),
        ("a=~\".*\"", 0, 1000),
        ("a=~\"(\"", 0, 1000),
        ("a=b", 1000, 0),
        ("a=b", -2000, -1000),
    ] {
        let silence = silence(matchers, from, until);
        assert!(story.machine.silence(silence, now).is_err(), "{matchers}");
    }
}

#[test]
fn an_alert_makes_others_of_the_same_service_superfluous() {
    let inhibit = Inhibition {
        source: parse_matchers("severity=page").unwrap(),
        target: parse_matchers("severity=ticket").unwrap(),
        equal: vec!["service".to_owned()],
    };
    let mut routing = to(vec![grouped("ops", "")]);
    routing.inhibit.push(Inhibit::new(&inhibit).unwrap());
    let mut story = story(routing);
    story.answer("down", down(&["web"]));
    story.answer("slow", down(&["web", "api"]));
    story.pass(60_000);
    assert_eq!(without_time(&story.told()), ["ops web!", "ops api!"]);
    story.answer("down", vec![]);
    story.pass(600_000);
    assert_eq!(without_time(&story.told()), ["ops web.", "ops api! web!"]);
}

#[test]
fn an_attempt_that_failed_is_repeated_ever_more_slowly() {
    let mut story = story(to(vec![grouped("ops", "")]));
    story.answer("down", down(&["web"]));
    story.outcome = Err(DeliveryError {
        is_passing: true,
        message: "connection refused".to_owned(),
    });
    story.pass(80_000);
    let times: Vec<i64> = story.sent.iter().map(|(at, _)| *at / 1000).collect();
    let waits: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(waits, [1, 2, 4, 8, 16], "{times:?}");
    let (_, counts, failure) = story.machine.deliveries().next().unwrap();
    assert_eq!(
        (counts.sent, counts.failed, failure),
        (0, 6, Some("connection refused"))
    );
    story.outcome = Ok(());
    story.pass(60_000);
    let (_, counts, failure) = story.machine.deliveries().next().unwrap();
    assert_eq!((counts.sent, failure), (1, None));
}

#[test]
fn what_is_refused_for_good_is_told_when_the_group_is_due_again() {
    let mut story = story(to(vec![grouped("ops", "")]));
    story.answer("down", down(&["web"]));
    story.outcome = Err(DeliveryError {
        is_passing: false,
        message: "404".to_owned(),
    });
    story.pass(50_000);
    assert_eq!(story.told().len(), 1);
    story.pass(200_000);
    assert!(story.told().is_empty());
    story.outcome = Ok(());
    story.pass(200_000);
    assert_eq!(without_time(&story.told()), ["ops web!"]);
}

#[test]
fn an_alertmanager_is_told_at_once_and_again_every_minute() {
    let route = Route {
        pace: Pace::Fed,
        ..grouped("am", "")
    };
    let mut story = story(to(vec![route]));
    story.answer("down", down(&["web"]));
    story.pass(130_000);
    assert_eq!(
        without_time(&story.told()),
        ["am web!", "am web!", "am web!"]
    );
    story.answer("down", vec![]);
    story.pass(12_000);
    assert_eq!(without_time(&story.told()), ["am web."]);
    story.pass(3_600_000);
    let told = story.told();
    assert!(
        (14..=16).contains(&told.len()),
        "for a quarter of an hour: {told:?}"
    );
}
