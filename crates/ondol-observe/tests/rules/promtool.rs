//! The same rule file and the same series in `promtool`: the same alerts at the same times.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;

use ondol_alert::{SHIPPED, parse_rules};
use serde_json::{Value, json};

use crate::world::World;

/// Ranges end between two samples: whether their beginning belongs to them is what Prometheus 3 changed.
const RULES: &str = r#"
groups:
- name: records
  rules:
  - record: service:errors:ratio
    expr: sum by (service) (errors) / sum by (service) (requests)
    labels: {from: rules}
- name: alerts
  rules:
  - alert: Errors
    expr: service:errors:ratio > 0.3
    for: 1m
    labels: {severity: page, ratio: '{{ printf "%.1f" $value }}'}
    annotations:
      summary: '{{ $labels.service }}: {{ humanizePercentage $value }} of {{ with printf "sum(requests{service=%q})" $labels.service | query }}{{ . | first | value | humanize }}{{ end }} fail'
  - alert: Quiet
    expr: absent_over_time(requests{service="web"}[59s])
    keep_firing_for: 3m
    annotations: {summary: 'nothing since {{ $value }}'}
  - alert: Busy
    expr: sum without (zone) (requests) > 6
    keep_firing_for: 2m
    labels: {service: '{{ if eq $labels.service "web" }}front{{ else }}back{{ end }}'}
  - alert: Flapping
    expr: ALERTS{alertname="Busy",alertstate="firing"}
    for: 3m
  - alert: Changed
    expr: changes(requests[170s]) >= 2
    annotations: {labels: '{{ range $k, $v := $labels }}{{ $k }}={{ $v }};{{ end }}'}
"#;

const MINUTES: usize = 14;

/// Numbers that look random and are the same each time.
fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    let next = |state: &u64| {
        Some(
            state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407),
        )
    };
    std::iter::successors(Some(seed), next)
        .skip(1)
        .map(|state| state >> 33)
}

fn series(seed: u64) -> Vec<(String, Vec<Option<f64>>)> {
    let mut numbers = numbers(seed);
    let mut made = Vec::new();
    for service in ["web", "api"] {
        for zone in ["a", "b"] {
            for (name, most) in [("requests", 6), ("errors", 5)] {
                let values = numbers
                    .by_ref()
                    .take(MINUTES)
                    .enumerate()
                    .map(|(minute, number)| {
                        // No gap is five minutes long: whether a sample of that age still counts is another change.
                        let is_there = number % 4 > 0 || minute % 4 == 0;
                        is_there.then_some((number / 4 % most) as f64)
                    });
                made.push((
                    format!("{name}{{service=\"{service}\",zone=\"{zone}\"}}"),
                    values.collect(),
                ));
            }
        }
    }
    made
}

/// As `promtool` writes values: `_` where there is none.
fn notation(values: &[Option<f64>]) -> String {
    let mut text = String::new();
    for value in values {
        let _ = match value {
            Some(value) => write!(text, "{value} "),
            None => write!(text, "_ "),
        };
    }
    text
}

#[test]
fn the_same_alerts_fire_at_the_same_times_as_in_prometheus() {
    let Some(promtool) = ondol_test::program("promtool") else {
        return;
    };
    let groups = parse_rules("rules.yaml", RULES, &|_| Ok(())).unwrap();
    let names = ["Errors", "Quiet", "Busy", "Flapping", "Changed"];
    let (mut tests, mut fired) = (Vec::new(), BTreeMap::new());
    for seed in 1..=40 {
        let series = series(seed);
        let mut world = World::of(&series);
        let mut cases = Vec::new();
        for minute in 0..MINUTES {
            world.evaluate(&groups, minute as i64 * 60_000);
            for name in names {
                let alerts = world
                    .firing()
                    .into_iter()
                    .filter(|alert| alert.labels["alertname"] == name);
                let expected: Vec<Value> = alerts
                    .map(|mut alert| {
                        alert.labels.remove("alertname");
                        json!({"exp_labels": alert.labels, "exp_annotations": alert.annotations})
                    })
                    .collect();
                *fired.entry(name).or_insert(0) += expected.len();
                cases.push(json!({"eval_time": format!("{minute}m"), "alertname": name, "exp_alerts": expected}));
            }
        }
        let input = series
            .iter()
            .map(|(name, values)| json!({"series": name, "values": notation(values)}));
        tests.push(json!({
            "name": format!("seed {seed}"),
            "interval": "1m",
            "input_series": input.collect::<Vec<_>>(),
            "alert_rule_test": cases,
        }));
    }
    assert!(
        fired.values().all(|count| *count > 10),
        "each alert fires now and then: {fired:?}"
    );
    agreed(
        &promtool,
        RULES,
        &json!({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "group_eval_order": ["records", "alerts"], "tests": tests}),
    );
}

#[test]
fn the_shipped_rules_are_rules_to_prometheus_too() {
    let Some(promtool) = ondol_test::program("promtool") else {
        return;
    };
    agreed(
        &promtool,
        SHIPPED,
        &json!({"rule_files": ["rules.yaml"], "tests": []}),
    );
}

/// JSON is YAML.
fn agreed(promtool: &std::path::Path, rules: &str, test: &Value) {
    let dir = ondol_test::TestDir::new().unwrap();
    std::fs::write(dir.path().join("rules.yaml"), rules).unwrap();
    std::fs::write(dir.path().join("test.yaml"), test.to_string()).unwrap();
    for arguments in [
        ["check", "rules", "rules.yaml"],
        ["test", "rules", "test.yaml"],
    ] {
        let done = Command::new(promtool)
            .args(arguments)
            .current_dir(dir.path())
            .output()
            .unwrap();
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        );
        let begin: String = said.chars().take(4_000).collect();
        assert!(done.status.success(), "{arguments:?}: {begin}");
    }
}
