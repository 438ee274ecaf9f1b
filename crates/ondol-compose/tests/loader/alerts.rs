//! `x-ondol.alerts`, `receivers` and `inhibit`.

use std::time::Duration;

use expect_test::{Expect, expect};
use ondol_compose::{Checks, MemorySource, Misfit, Request, load};
use ondol_model::{AlertCondition, AlertSignal, Comparison, ReceiverKind};

use crate::support::{load_text, project_of};

const SERVICES: &str = "services:\n  web: {image: nginx}\n";

#[test]
fn two_lines_serve_all_services() {
    let project = project_of(&format!(
        "x-ondol:\n  alerts: [error_ratio > 5% for 1m, latency_p95 > 300ms over 5m]\n{SERVICES}"
    ));
    let [errors, latency] = &project.alerts.rules[..] else {
        panic!("{:?}", project.alerts);
    };
    assert_eq!(
        (errors.name.as_str(), errors.service.as_ref()),
        ("ErrorRatio", None)
    );
    assert_eq!(errors.hold, Duration::from_secs(60));
    let signal = |signal, threshold, seconds| AlertCondition::Signal {
        signal,
        comparison: Comparison::Above,
        threshold,
        over: Duration::from_secs(seconds),
    };
    assert_eq!(
        errors.condition,
        Some(signal(AlertSignal::ErrorRatio, 0.05, 60))
    );
    assert_eq!(
        latency.condition,
        Some(signal(AlertSignal::LatencyP95, 0.3, 300))
    );
}

#[test]
fn each_figure_has_its_unit() {
    for (when, signal, threshold) in [
        ("memory > 90%", AlertSignal::MemoryRatio, 0.9),
        (
            "memory > 400m",
            AlertSignal::Memory,
            400.0 * 1024.0 * 1024.0,
        ),
        ("cpu >= 150%", AlertSignal::Cpu, 1.5),
        ("rps < 10/s", AlertSignal::Rps, 10.0),
        ("restarts > 3", AlertSignal::Restarts, 3.0),
        ("ready < 1", AlertSignal::Ready, 1.0),
        ("latency_p99 > 1.5s", AlertSignal::LatencyP99, 1.5),
    ] {
        let project = project_of(&format!("x-ondol: {{alerts: ['{when}']}}\n{SERVICES}"));
        match &project.alerts.rules[0].condition {
            Some(AlertCondition::Signal {
                signal: read,
                threshold: bound,
                ..
            }) => {
                assert_eq!((*read, *bound), (signal, threshold), "{when}");
            }
            other => panic!("{when}: {other:?}"),
        }
    }
}

#[test]
fn rules_receivers_and_inhibition_are_read_whole() {
    let project = project_of(
        r#"
x-ondol:
  alerts:
    - CrashLoop off
    - name: QueueLong
      when: queue_length > 100
      for: 2m
      keep_firing_for: 5m
      severity: page
      summary: "{{ .Value }} wait"
      labels: {team: shop}
      annotations: {runbook_url: "https://wiki/queue"}
  receivers:
    hook: https://pager.example/hook
    chat: {slack: "https://hooks.slack.com/services/x", channel: ops, match: severity=page}
    mail: {email: ops@shop.example, from: ondol@shop.example, smtp: "smtp://me:a%40b@mail.example:587", resolved: false}
    am: {alertmanager: "http://127.0.0.1:9093"}
  inhibit:
    - {source: severity=page, target: severity=warning, equal: [service]}
services:
  web:
    image: nginx
    x-ondol: {alerts: [error_ratio > 1%]}
"#,
    );
    let alerts = &project.alerts;
    assert_eq!(
        (alerts.rules[0].name.as_str(), &alerts.rules[0].condition),
        ("CrashLoop", &None)
    );
    let queue = &alerts.rules[1];
    assert_eq!(
        queue.condition,
        Some(AlertCondition::Promql("queue_length > 100".to_owned()))
    );
    assert_eq!(
        (
            queue.severity.as_str(),
            queue.annotations["summary"].as_str()
        ),
        ("page", "{{ .Value }} wait")
    );
    assert_eq!(
        alerts.rules[2]
            .service
            .as_ref()
            .map(ToString::to_string)
            .as_deref(),
        Some("web")
    );
    assert_eq!(alerts.receivers["chat"].matchers[0].value, "page");
    let ReceiverKind::Email { smtp, .. } = &alerts.receivers["mail"].kind else {
        panic!("{:?}", alerts.receivers);
    };
    assert_eq!(
        (smtp.port, smtp.login.clone()),
        (587, Some(("me".to_owned(), "a@b".to_owned())))
    );
    assert_eq!(alerts.inhibit[0].equal, ["service"]);
}

fn says(x_ondol: &str, expected: &Expect) {
    let loaded = load_text(&format!("x-ondol:\n{x_ondol}\n{SERVICES}"));
    let lines = loaded.diagnostics.iter().map(|d| {
        let place = d.place.as_ref().map_or(0, |place| place.line);
        format!(
            "{place}: {}; {}\n",
            d.message,
            d.help.as_deref().unwrap_or_default()
        )
    });
    expected.assert_eq(&lines.collect::<String>());
}

#[test]
fn what_cannot_be_followed_or_told_is_said_where_it_stands() {
    says(
        "  alerts:
    - eror_ratio > 5%
    - latency_p95 > 5%
    - error_ratio > 5% over nothing
    - up == 0
    - {for: 1m}
    - {name: A, when: up, off: true}
    - {file: rules.yaml, for: 1m}
  receivers:
    a: pager
    b: {webhook: http://x, email: a@b}
    c: {email: nobody}
    d: {webhook: http://x, channel: y}
    e: {email: a@b, smtp: mail.example}
    f: {webhook: http://x, match: '=x'}
    g: {webhook: 'ftp://x'}
  inhibit: [{source: 'a=~\"(\"', target: b=c}]",
        &expect![[r#"
            3: there is no figure `eror_ratio`; did you mean `error_ratio`?
            4: `5%` is no bound of `latency_p95`, which is a length of time such as 300ms; write `error_ratio > 5%`, `latency_p95 > 300ms over 5m`, `memory > 90%`, `restarts > 3`, or a query in PromQL
            5: the time behind `over` is a length of time, 1s or more; write `error_ratio > 5%`, `latency_p95 > 300ms over 5m`, `memory > 90%`, `restarts > 3`, or a query in PromQL
            6: an alert with a query of its own needs a name; write `name: SomethingIsWrong` beside `when`
            7: an alert needs `when`; write `when: error_ratio > 5%`, or `off: true` to turn a shipped rule off
            8: an alert that is off has no condition; remove `when` or `off`
            9: a rule file stands alone, and for the whole project; write `- file: rules.yaml` alone, below the `x-ondol` of the project
            9: cannot read the rule file /app/rules.yaml: there is no such file; the path is relative to the file that names it
            11: `x-ondol.receivers.a`: `pager` is not the address of a webhook; write `https://...`, or a mapping with `webhook`, `slack`, `email` or `alertmanager`
            12: a receiver is told by one way, and here are 2; write one of `webhook`, `slack`, `email` and `alertmanager`
            13: `nobody` is not an address of mail; write `somebody@shop.example`
            14: `channel` is for `slack`, and this is a receiver by `webhook`; remove `channel`
            15: `smtp` is not the address of a mail server; write `smtp://user:password@host:587` or `smtps://host`, with `%40` for an @ in the password
            16: "=x" is not a matcher such as severity="page" or service=~"web|api"; compare a label with `=`, `!=`, `=~` or `!~`
            17: `ftp://x` is not an address of HTTP; write `http://host:port/path` or `https://host/path`
            18: `(` is not a regular expression; put a \ before a letter that stands for itself
        "#]],
    );
}

#[test]
fn other_languages_are_checked_by_who_knows_them_at_their_place() {
    let text = "x-ondol:\n  alerts:\n    - {name: A, when: 'sum(up', summary: 'a {{ b'}\n    - file: rules.yaml\nservices:\n  web: {image: nginx}\n";
    let source =
        MemorySource::of("/shop/compose.yaml", text).and("/shop/rules.yaml", "groups: [x]\n");
    fn wrong(text: &str, what: &str) -> Vec<Misfit> {
        let start = text.find(what).unwrap_or_default();
        vec![Misfit {
            message: format!("wrong: {what}"),
            help: None,
            start,
            end: start + what.len(),
        }]
    }
    let request = Request {
        dir: "/shop".into(),
        checks: Checks {
            promql: Some(|text| wrong(text, "up")),
            template: Some(|text| wrong(text, "b")),
            rule_file: Some(|text| wrong(text, "x")),
        },
        ..Request::default()
    };
    let loaded = load(&request, &source);
    let places = loaded.diagnostics.iter().map(|d| {
        let place = d.place.as_ref().unwrap();
        format!(
            "{}:{}:{} {}",
            place.file.display(),
            place.line,
            place.column,
            d.message
        )
    });
    assert_eq!(
        places.collect::<Vec<_>>(),
        [
            "/shop/compose.yaml:3:28 wrong: up",
            "/shop/compose.yaml:3:48 wrong: b",
            "/shop/rules.yaml:1:10 wrong: x",
        ]
    );
}
