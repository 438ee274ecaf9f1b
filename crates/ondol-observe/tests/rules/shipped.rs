//! Each shipped rule fires on series that it is for, and not on those beside them.

use std::time::Duration;

use ondol_alert::{Group, SHIPPED, parse_rules, plan};
use ondol_model::{AlertCondition, AlertRule, AlertSignal, Alerts, Comparison, ServiceName};

use crate::world::World;

fn shipped() -> Vec<Group> {
    parse_rules("shipped", SHIPPED, &|_| Ok(())).unwrap()
}

/// Twenty minutes of values.
fn minutes(value: impl Fn(usize) -> f64) -> Vec<Option<f64>> {
    (0..20).map(|minute| Some(value(minute))).collect()
}

/// Names and services of what fires after twenty minutes.
fn fires(groups: &[Group], series: &[(&str, Vec<Option<f64>>)]) -> Vec<String> {
    let owned: Vec<_> = series
        .iter()
        .map(|(name, values)| ((*name).to_owned(), values.clone()))
        .collect();
    let mut world = World::of(&owned);
    for minute in 0..20 {
        world.evaluate(groups, minute * 60_000);
    }
    let firing = world.firing();
    let said = firing.iter().map(|alert| {
        let summary = &alert.annotations["summary"];
        format!("{} {summary}", alert.labels["alertname"])
    });
    said.collect()
}

#[test]
fn a_service_that_is_started_again_and_again() {
    let series = [
        (
            "ondol_replica_restarts_total{project=\"shop\",service=\"web\",replica=\"web-1\"}",
            minutes(|minute| minute as f64),
        ),
        (
            "ondol_replica_restarts_total{project=\"shop\",service=\"api\",replica=\"api-1\"}",
            minutes(|minute| (minute / 10) as f64),
        ),
    ];
    assert_eq!(
        fires(&shipped(), &series),
        ["CrashLoop web was started again 10 times in 10 minutes"]
    );
}

#[test]
fn requests_that_fail_and_requests_that_are_slow() {
    let count = "http_server_request_duration_seconds_count";
    let web =
        |failed: &str| format!("{count}{{project=\"shop\",service=\"web\",failed=\"{failed}\"}}");
    let (good, bad) = (web("false"), web("true"));
    let series = [
        (good.as_str(), minutes(|minute| minute as f64 * 90.0)),
        (bad.as_str(), minutes(|minute| minute as f64 * 10.0)),
    ];
    assert_eq!(
        fires(&shipped(), &series),
        ["ErrorRatio 10% of the requests to web fail"]
    );

    let bucket = |le: &str| {
        format!(
            "http_server_request_duration_seconds_bucket{{project=\"shop\",service=\"web\",le=\"{le}\"}}"
        )
    };
    let (fast, slow, all) = (bucket("1"), bucket("2"), bucket("+Inf"));
    let series = [
        (fast.as_str(), minutes(|minute| minute as f64 * 50.0)),
        (slow.as_str(), minutes(|minute| minute as f64 * 100.0)),
        (all.as_str(), minutes(|minute| minute as f64 * 100.0)),
    ];
    assert_eq!(
        fires(&shipped(), &series),
        ["LatencyP95 1 of 20 requests to web takes longer than 1.9s"]
    );
}

#[test]
fn memory_near_its_limit_and_none_without_a_limit() {
    let used = |service: &str| {
        format!("ondol_replica_memory_bytes{{project=\"shop\",service=\"{service}\"}}")
    };
    let limit = |service: &str| {
        format!("ondol_replica_memory_limit_bytes{{project=\"shop\",service=\"{service}\"}}")
    };
    let (web, api) = (used("web"), used("api"));
    let (web_limit, api_limit) = (limit("web"), limit("api"));
    let series = [
        (web.as_str(), minutes(|_| 95.0)),
        (api.as_str(), minutes(|_| 95.0)),
        (web_limit.as_str(), minutes(|_| 100.0)),
        (api_limit.as_str(), minutes(|_| 0.0)),
    ];
    assert_eq!(
        fires(&shipped(), &series),
        ["MemoryNearLimit web uses 95% of its memory"]
    );
}

#[test]
fn a_circuit_that_stays_open() {
    let series = [
        (
            "ondol_proxy_reasons_total{project=\"shop\",service=\"web\",reason=\"circuit_open\"}",
            minutes(|minute| minute as f64),
        ),
        (
            "ondol_proxy_reasons_total{project=\"shop\",service=\"api\",reason=\"circuit_open\"}",
            minutes(|_| 7.0),
        ),
    ];
    assert_eq!(
        fires(&shipped(), &series),
        ["BreakerOpen Requests to web are refused, because it failed too often"]
    );
}

#[test]
fn a_certificate_that_ends_soon_by_the_measure_of_its_own_life() {
    const DAY: f64 = 86_400.0;
    let series = |host: &str, begin: f64, end: f64| {
        let of =
            |what: &str| format!("ondol_certificate_{what}_timestamp_seconds{{host=\"{host}\"}}");
        [(of("not_before"), begin), (of("not_after"), end)]
    };
    let all = [
        series("long", -80.0 * DAY, 10.0 * DAY),
        series("renewed", -10.0 * DAY, 80.0 * DAY),
        series("short", -DAY, 5.0 * DAY),
        series("shorter", -5.8 * DAY, 0.2 * DAY),
    ]
    .concat();
    let all: Vec<_> = all
        .iter()
        .map(|(name, value)| (name.as_str(), minutes(|_| *value)))
        .collect();
    assert_eq!(
        fires(&shipped(), &all),
        [
            "CertificateExpiry The certificate of long ends in 9d 23h 41m 0s",
            "CertificateExpiry The certificate of shorter ends in 4h 29m 0s",
        ]
    );
}

#[test]
fn the_machine_and_ondol_itself() {
    let series = [
        (
            "node_filesystem_avail_bytes{mountpoint=\"/\"}",
            minutes(|_| 5.0),
        ),
        (
            "node_filesystem_size_bytes{mountpoint=\"/\"}",
            minutes(|_| 100.0),
        ),
        (
            "node_filesystem_avail_bytes{mountpoint=\"/data\"}",
            minutes(|_| 50.0),
        ),
        (
            "node_filesystem_size_bytes{mountpoint=\"/data\"}",
            minutes(|_| 100.0),
        ),
        (
            "ondol_telemetry_dropped_total{signal=\"samples\"}",
            minutes(|minute| minute as f64),
        ),
        (
            "ondol_telemetry_dropped_total{signal=\"events\"}",
            minutes(|_| 4.0),
        ),
        (
            "ondol_telemetry_uptime_seconds",
            minutes(|minute| (minute % 5) as f64),
        ),
    ];
    assert_eq!(
        fires(&shipped(), &series),
        [
            "DiskFilling The disk at / has 5% left",
            "TelemetryDropping 5 samples were not kept in 5 minutes",
            "NodeRestarts Ondol was started again 3 times in an hour",
        ]
    );
}

fn rule(service: Option<&str>, condition: Option<AlertCondition>) -> AlertRule {
    AlertRule {
        name: "CrashLoop".to_owned(),
        service: service.map(|name| ServiceName::new(name).unwrap()),
        condition,
        hold: Duration::ZERO,
        keep_firing: Duration::ZERO,
        severity: "ticket".to_owned(),
        labels: Default::default(),
        annotations: Default::default(),
    }
}

#[test]
fn a_shipped_rule_is_turned_off_or_changed_by_its_name() {
    let series = [
        (
            "ondol_replica_restarts_total{project=\"shop\",service=\"web\"}",
            minutes(|minute| minute as f64),
        ),
        (
            "ondol_replica_restarts_total{project=\"shop\",service=\"api\"}",
            minutes(|minute| minute as f64),
        ),
        (
            "ondol_replica_restarts_total{project=\"blog\",service=\"api\"}",
            minutes(|minute| minute as f64),
        ),
    ];
    let more = |threshold| {
        Some(AlertCondition::Signal {
            signal: AlertSignal::Restarts,
            comparison: Comparison::Above,
            threshold,
            over: Duration::from_secs(600),
        })
    };
    let of = |rules: Vec<AlertRule>| {
        let alerts = Alerts {
            rules,
            ..Alerts::default()
        };
        let plan = plan([("shop", &alerts)]);
        assert_eq!(plan.problems, Vec::<String>::new());
        let mut world = World::of(
            &series
                .clone()
                .map(|(name, values)| (name.to_owned(), values)),
        );
        for minute in 0..20 {
            world.evaluate(&plan.groups, minute * 60_000);
        }
        let firing = world.firing();
        let named = firing.iter().map(|alert| {
            let label = |name: &str| alert.labels[name].clone();
            format!(
                "{}/{} {}",
                label("project"),
                label("service"),
                label("severity")
            )
        });
        named.collect::<Vec<_>>()
    };
    assert_eq!(
        of(vec![]),
        ["blog/api page", "shop/api page", "shop/web page"]
    );
    assert_eq!(of(vec![rule(None, None)]), ["blog/api page"]);
    assert_eq!(
        of(vec![rule(Some("web"), None)]),
        ["blog/api page", "shop/api page"]
    );
    assert_eq!(of(vec![rule(None, more(100.0))]), ["blog/api page"]);
    assert_eq!(
        of(vec![rule(None, more(5.0)), rule(Some("web"), more(100.0))]),
        ["blog/api page", "shop/api ticket"]
    );
}
