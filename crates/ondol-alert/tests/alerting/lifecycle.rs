use crate::story::{Story, sample, to};
use ondol_alert::RuleHealth;

const RULES: &str = "
groups:
- name: g
  interval: 10s
  rules:
  - alert: Slow
    expr: slow
    for: 20s
    keep_firing_for: 30s
    labels: {severity: page}
    annotations: {summary: '{{ $labels.service }} takes {{ $value }} s'}
";

#[test]
fn an_alert_is_pending_fires_is_kept_firing_and_ends() {
    let mut story = Story::of(RULES, to(vec![]));
    story.answer("slow", vec![sample("__name__=latency,service=web", 2.5)]);
    story.pass(10_000);
    assert_eq!(story.states(), ["web=pending"]);
    assert_eq!(
        story.written,
        [
            "__name__=ALERTS,alertname=Slow,alertstate=pending,service=web,severity=page 1"
                .to_owned(),
            format!(
                "__name__=ALERTS_FOR_STATE,alertname=Slow,service=web,severity=page {}",
                since(&story)
            ),
        ]
    );
    story.pass(20_000);
    assert_eq!(story.states(), ["web=firing"]);
    assert_eq!(
        story.written[2..],
        ["__name__=ALERTS,alertname=Slow,alertstate=pending,service=web,severity=page ended"]
    );
    let (_, alert) = story.machine.alerts().next().unwrap();
    assert_eq!(alert.annotations["summary"], "web takes 2.5 s");
    assert_eq!(alert.series["__name__"], "latency");

    story.answer("slow", vec![]);
    story.pass(30_000);
    assert_eq!(story.states(), ["web=firing"], "it is kept firing");
    story.pass(10_000);
    assert_eq!(story.states(), ["web=inactive"]);
    assert_eq!(
        story.written.len(),
        2,
        "both series end: {:?}",
        story.written
    );
    story.pass(16 * 60_000);
    assert!(story.states().is_empty());
}

fn since(story: &Story) -> i64 {
    let (_, alert) = story.machine.alerts().next().unwrap();
    alert.active_at_ms / 1000
}

#[test]
fn what_holds_again_before_its_end_fires_on() {
    let mut story = Story::of(RULES, to(vec![]));
    story.answer("slow", vec![sample("service=web", 1.0)]);
    story.pass(30_000);
    let fired = story.machine.alerts().next().unwrap().1.fired_at_ms;
    story.answer("slow", vec![]);
    story.pass(20_000);
    story.answer("slow", vec![sample("service=web", 1.0)]);
    story.pass(100_000);
    let (_, alert) = story.machine.alerts().next().unwrap();
    assert_eq!(
        (alert.fired_at_ms, alert.keep_firing_since_ms),
        (fired, None)
    );
}

#[test]
fn a_rule_that_fails_keeps_its_alerts_and_says_why() {
    let mut story = Story::of(RULES, to(vec![]));
    story.answer("slow", vec![sample("service=web", 1.0)]);
    story.pass(30_000);
    story
        .results
        .insert("slow".to_owned(), Err("the query took too long".to_owned()));
    story.pass(60_000);
    assert_eq!(story.states(), ["web=firing"]);
    let (_, rule) = story.machine.groups()[0].rules().next().unwrap();
    assert_eq!(
        rule.health,
        RuleHealth::Failed("the query took too long".to_owned())
    );
}

#[test]
fn two_elements_that_become_the_same_alert_are_an_error() {
    let rules =
        "groups: [{name: g, interval: 10s, rules: [{alert: A, expr: x, labels: {pod: one}}]}]";
    let mut story = Story::of(rules, to(vec![]));
    story.answer("x", vec![sample("pod=a", 1.0), sample("pod=b", 1.0)]);
    story.pass(10_000);
    let (_, rule) = story.machine.groups()[0].rules().next().unwrap();
    let RuleHealth::Failed(why) = &rule.health else {
        panic!("{:?}", rule.health);
    };
    assert!(why.contains("same labelset"), "{why}");
}

#[test]
fn more_alerts_than_the_groups_limit_are_none() {
    let rules = "groups: [{name: g, interval: 10s, limit: 1, rules: [{alert: A, expr: x}]}]";
    let mut story = Story::of(rules, to(vec![]));
    story.answer("x", vec![sample("service=a", 1.0)]);
    story.pass(10_000);
    assert_eq!(story.states(), ["a=firing"]);
    story.answer(
        "x",
        vec![sample("service=a", 1.0), sample("service=b", 1.0)],
    );
    story.pass(10_000);
    assert!(story.states().is_empty());
}

#[test]
fn recorded_series_are_there_for_the_next_rule_and_end_when_they_have_no_result() {
    let rules = "
groups:
- name: g
  interval: 10s
  rules:
  - {record: 'a:b', expr: first, labels: {from: rule, service: ''}}
  - {alert: B, expr: second}
";
    let mut story = Story::of(rules, to(vec![]));
    story.answer("first", vec![sample("__name__=x,service=web,zone=a", 3.0)]);
    story.pass(10_000);
    assert_eq!(story.written, ["__name__=a:b,from=rule,zone=a 3"]);
    story.answer("first", vec![]);
    story.pass(10_000);
    assert_eq!(story.written, ["__name__=a:b,from=rule,zone=a ended"]);
}

#[test]
fn a_template_asks_before_it_is_filled_in() {
    let rules = "
groups:
- name: g
  interval: 10s
  rules:
  - alert: A
    expr: x
    annotations: {of: '{{ with printf \"total{s=%q}\" $labels.service | query }}{{ . | first | value }}{{ end }}'}
";
    let mut story = Story::of(rules, to(vec![]));
    story.answer(
        "x",
        vec![sample("service=a", 1.0), sample("service=b", 1.0)],
    );
    story.answer("total{s=\"a\"}", vec![sample("s=a", 7.0)]);
    story.answer("total{s=\"b\"}", vec![sample("s=b", 8.0)]);
    story.pass(10_000);
    let of: Vec<&str> = story
        .machine
        .alerts()
        .map(|(_, alert)| alert.annotations["of"].as_str())
        .collect();
    assert_eq!(of, ["7", "8"]);
}
