use expect_test::{Expect, expect};
use ondol_alert::wire::{alertmanager, mail, prometheus, slack, webhook};
use ondol_alert::{GroupNotice, Message, Silence};
use ondol_model::parse_matchers;
use serde_json::json;

use crate::story::{Story, grouped, sample, to};

fn fired() -> Story {
    let rules = "
groups:
- name: g
  interval: 10s
  rules:
  - record: r
    expr: y
  - alert: Down
    expr: down
    labels: {severity: page}
    annotations: {summary: 'Service {{ $labels.service }} is <down>'}
";
    let mut story = Story::of(rules, to(vec![grouped("ops", "severity=\"page\"")]));
    story.answer("down", vec![sample("service=web", 0.25)]);
    story.pass(60_000);
    story
}

fn group(story: &Story) -> GroupNotice {
    match &story.sent[0].1.message {
        Message::Group(group) => group.clone(),
        other => panic!("{other:?}"),
    }
}

fn shape(value: &impl serde::Serialize, expected: &Expect) {
    expected.assert_eq(&(serde_json::to_string_pretty(value).unwrap() + "\n"));
}

#[test]
fn a_webhook_is_told_in_alertmanagers_words() {
    let group = group(&fired());
    shape(
        &webhook("ops", &group, "http://ondol:4318"),
        &expect![[r#"
        {
          "receiver": "ops",
          "status": "firing",
          "alerts": [
            {
              "status": "firing",
              "labels": {
                "alertname": "Down",
                "service": "web",
                "severity": "page"
              },
              "annotations": {
                "summary": "Service web is <down>"
              },
              "startsAt": "2027-01-15T08:00:08.291Z",
              "endsAt": "0001-01-01T00:00:00Z",
              "generatorURL": "http://ondol:4318/graph?g0.expr=down&g0.tab=1",
              "fingerprint": "18b58751e6610427"
            }
          ],
          "groupLabels": {
            "alertname": "Down"
          },
          "commonLabels": {
            "alertname": "Down",
            "service": "web",
            "severity": "page"
          },
          "commonAnnotations": {
            "summary": "Service web is <down>"
          },
          "externalURL": "http://ondol:4318",
          "version": "4",
          "groupKey": "{}/{severity=\"page\"}:{alertname=\"Down\"}",
          "truncatedAlerts": 0
        }
    "#]],
    );
    shape(
        &slack(Some("#ops"), &group, "http://ondol:4318"),
        &expect![[r##"
        {
          "channel": "#ops",
          "text": "[FIRING:1] Down (service=web, severity=page)",
          "attachments": [
            {
              "color": "danger",
              "fallback": "[FIRING:1] Down (service=web, severity=page)",
              "text": "Service web is &lt;down&gt;\nfiring since 2027-01-15T08:00:08.291Z\nalertname=Down, service=web, severity=page",
              "title": "[FIRING:1] Down (service=web, severity=page)",
              "title_link": "http://ondol:4318"
            }
          ]
        }
    "##]],
    );
}

#[test]
fn a_mail_says_the_same() {
    let mail = mail(&group(&fired()), "http://ondol:4318");
    expect![[r#"
        [FIRING:1] Down (service=web, severity=page)

        Service web is <down>
        firing since 2027-01-15T08:00:08.291Z
        alertname=Down, service=web, severity=page

        http://ondol:4318/graph?g0.expr=down&g0.tab=1
    "#]]
    .assert_eq(&format!("{}\n\n{}", mail.subject, mail.body));
}

#[test]
fn rules_are_listed_in_prometheus_words() {
    let story = fired();
    shape(
        &prometheus::rules(&story.machine, &prometheus::RuleFilter::default()),
        &expect![[r#"
        {
          "groups": [
            {
              "name": "g",
              "file": "rules.yaml",
              "rules": [
                {
                  "name": "r",
                  "query": "y",
                  "health": "ok",
                  "evaluationTime": 0,
                  "lastEvaluation": "2027-01-15T08:00:58.291Z",
                  "type": "recording"
                },
                {
                  "state": "firing",
                  "name": "Down",
                  "query": "down",
                  "duration": 0,
                  "keepFiringFor": 0,
                  "labels": {
                    "severity": "page"
                  },
                  "annotations": {
                    "summary": "Service {{ $labels.service }} is <down>"
                  },
                  "alerts": [
                    {
                      "labels": {
                        "alertname": "Down",
                        "service": "web",
                        "severity": "page"
                      },
                      "annotations": {
                        "summary": "Service web is <down>"
                      },
                      "state": "firing",
                      "activeAt": "2027-01-15T08:00:08.291Z",
                      "value": "2.5e-01"
                    }
                  ],
                  "health": "ok",
                  "evaluationTime": 0,
                  "lastEvaluation": "2027-01-15T08:00:58.291Z",
                  "type": "alerting"
                }
              ],
              "interval": 10,
              "limit": 0,
              "evaluationTime": 0,
              "lastEvaluation": "2027-01-15T08:00:58.291Z"
            }
          ]
        }
    "#]],
    );
}

#[test]
fn alerts_are_listed_in_prometheus_words() {
    let story = fired();
    shape(
        &prometheus::alerts(&story.machine),
        &expect![[r#"
        {
          "alerts": [
            {
              "labels": {
                "alertname": "Down",
                "service": "web",
                "severity": "page"
              },
              "annotations": {
                "summary": "Service web is <down>"
              },
              "state": "firing",
              "activeAt": "2027-01-15T08:00:08.291Z",
              "value": "2.5e-01"
            }
          ]
        }
    "#]],
    );
}

#[test]
fn an_alertmanager_is_told_in_its_words() {
    let story = fired();
    let group = group(&story);
    shape(
        &alertmanager::postable(&group.alerts, "http://ondol:4318", story.now_ms),
        &expect![[r#"
        [
          {
            "labels": {
              "alertname": "Down",
              "service": "web",
              "severity": "page"
            },
            "annotations": {
              "summary": "Service web is <down>"
            },
            "startsAt": "2027-01-15T08:00:08.291Z",
            "endsAt": "2027-01-15T08:05:00Z",
            "generatorURL": "http://ondol:4318/graph?g0.expr=down&g0.tab=1"
          }
        ]
    "#]],
    );
}

fn posted(story: &Story) -> Silence {
    let posted = json!({
        "matchers": [{"name": "service", "value": "web", "isRegex": false}],
        "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2030-01-01T00:00:00.000Z",
        "createdBy": "me", "comment": "moving"
    });
    let posted: alertmanager::PostableSilence = serde_json::from_value(posted).unwrap();
    posted.into_silence("one".to_owned(), story.now_ms).unwrap()
}

#[test]
fn a_silence_is_taken_and_shown_in_alertmanagers_words() {
    let story = fired();
    let silence = posted(&story);
    assert_eq!(
        silence.starts_at_ms, story.now_ms,
        "what began in the past begins now"
    );
    shape(
        &alertmanager::silence(&silence, story.now_ms),
        &expect![[r#"
        {
          "id": "one",
          "status": {
            "state": "active"
          },
          "updatedAt": "2027-01-15T08:01:00Z",
          "comment": "moving",
          "createdBy": "me",
          "endsAt": "2030-01-01T00:00:00Z",
          "matchers": [
            {
              "isEqual": true,
              "isRegex": false,
              "name": "service",
              "value": "web"
            }
          ],
          "startsAt": "2027-01-15T08:01:00Z"
        }
    "#]],
    );
}

#[test]
fn an_alert_under_a_silence_is_listed_in_alertmanagers_words() {
    let mut story = fired();
    let silence = posted(&story);
    story.machine.silence(silence, story.now_ms).unwrap();
    let filter = |active, text: &str| alertmanager::AlertFilter {
        active,
        silenced: true,
        inhibited: true,
        matchers: ondol_alert::matchers(&parse_matchers(text).unwrap()).unwrap(),
        receiver: None,
    };
    let alerts =
        |filter| alertmanager::alerts(&story.machine, &filter, "http://ondol:4318", story.now_ms);
    shape(
        &alerts(filter(false, "severity=page")),
        &expect![[r#"
        [
          {
            "annotations": {
              "summary": "Service web is <down>"
            },
            "endsAt": "2027-01-15T08:05:00Z",
            "fingerprint": "18b58751e6610427",
            "receivers": [
              {
                "name": "ops"
              }
            ],
            "startsAt": "2027-01-15T08:00:08.291Z",
            "status": {
              "inhibitedBy": [],
              "silencedBy": [
                "one"
              ],
              "state": "suppressed"
            },
            "updatedAt": "2027-01-15T08:01:00Z",
            "generatorURL": "http://ondol:4318/graph?g0.expr=down&g0.tab=1",
            "labels": {
              "alertname": "Down",
              "service": "web",
              "severity": "page"
            }
          }
        ]
    "#]],
    );
    assert!(alerts(filter(true, "severity=ticket")).is_empty());
}
