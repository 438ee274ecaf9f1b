//! What the proxy said of requests, asked for by the tools that know it as metrics, logs and traces.

use std::time::Duration;

use ondol_model::{
    Access, HttpVersion, Kept, Load, Origin, ProjectName, Red, RedKey, Refusal, ReplicaId,
    ReportId, RunId, ServiceName, ServiceRef, Signals, SpanId, TraceId,
};
use serde_json::Value;

use crate::asking::{Service, now_ms, wait};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn service(name: &str) -> ServiceRef {
    ServiceRef {
        project: ProjectName::new("shop").unwrap(),
        service: ServiceName::new(name).unwrap(),
    }
}

fn replica() -> ReplicaId {
    ReplicaId {
        project: service("cart").project,
        service: service("cart").service,
        number: 2,
    }
}

fn row(failed: bool, millis: &[u64]) -> (RedKey, Red) {
    let mut red = Red::default();
    for &millis in millis {
        red.count(if failed { 503 } else { 200 });
        red.latency.observe(Duration::from_millis(millis));
    }
    if failed {
        red.reasons
            .insert(Refusal::ResponseTimeout.into(), millis.len() as u64);
    }
    let key = RedKey {
        run: Some(RunId(7)),
        replica: Some(replica()),
        service: Some(service("cart")),
        origin: Origin::Service(service("web").service),
        failed,
    };
    (key, red)
}

fn record(at_unix_ns: u64) -> Access {
    Access {
        at_unix_ns,
        duration_ns: 1_500_000_000,
        kept: Kept::Error,
        origin: Origin::Service(service("web").service),
        service: Some(service("cart")),
        replica: Some(replica()),
        run: Some(RunId(7)),
        revision: Some("abc".to_owned()),
        client: [10, 0, 0, 1].into(),
        tls: false,
        version: HttpVersion::Http11,
        method: "GET".to_owned(),
        host: "cart".to_owned(),
        path: "/items".to_owned(),
        query: Some("page=2".to_owned()),
        user_agent: None,
        status: 504,
        grpc_status: None,
        reason: Some(Refusal::ResponseTimeout.into()),
        attempts: 2,
        bytes_in: 0,
        bytes_out: 12,
        trace: TRACE.parse::<TraceId>().unwrap(),
        span: SpanId(9),
        parent: Some(SpanId(8)),
        request_id: Some("seven".to_owned()),
        health_check: false,
    }
}

fn told() -> Service {
    let told = Service::start();
    let now = now_ms() as u64 * 1_000_000;
    let report = Signals {
        report: ReportId {
            proxy: 7,
            number: 1,
        },
        from_unix_ns: now - 1_000_000_000,
        to_unix_ns: now,
        red: vec![row(false, &[10; 95]), row(true, &[1500; 5])],
        loads: vec![Load {
            replica: replica(),
            run: RunId(7),
            in_flight: 3,
        }],
        records: vec![record(now - 2_000_000_000)],
        records_dropped: 4,
        ..Signals::default()
    };
    // A report that comes again is not counted again.
    told.telemetry.signals(report.clone());
    told.telemetry.signals(report);
    told
}

/// The value of a query that has one, as soon as there is one.
fn value(told: &Service, query: &str) -> f64 {
    let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let path = format!("/api/v1/query?query={query}");
    wait("a value", || {
        let answer = told.get(&path).json();
        let result = answer["data"]["result"].as_array()?;
        assert!(result.len() < 2, "{answer}");
        result.first()?["value"][1].as_str()?.parse().ok()
    })
}

#[test]
fn requests_are_counters_histograms_and_edges_of_the_service_map() {
    let told = told();
    let of = |query| value(&told, query);
    let requests =
        "sum(ondol_proxy_requests_total{project=\"shop\",service=\"cart\",from=\"web\"})";
    assert_eq!(of(requests), 100.0);
    assert_eq!(
        of("ondol_proxy_requests_total{replica=\"cart-2\",status=\"5xx\"}"),
        5.0
    );
    assert_eq!(
        of("ondol_proxy_reasons_total{reason=\"response_timeout\"}"),
        5.0
    );
    assert_eq!(of("ondol_proxy_in_flight{replica=\"cart-2\"}"), 3.0);
    assert_eq!(of("ondol_proxy_dropped_total{what=\"records\"}"), 4.0);
    let within =
        "http_server_request_duration_seconds_bucket{service=\"cart\",le=\"0.025\",failed=\"\"}";
    assert_eq!(of(within), 95.0);
    let native = "histogram_quantile(0.99, sum(http_server_request_duration_seconds))";
    assert!((1.4..1.6).contains(&of(native)), "{}", of(native));
    let edge = "traces_service_graph_request_total{client=\"web\",server=\"cart\"}";
    assert_eq!(of(edge), 100.0);
    assert_eq!(
        of("traces_service_graph_request_failed_total{client=\"web\"}"),
        5.0
    );
    let calls = "sum(traces_spanmetrics_calls_total{service=\"cart\",span_name=\"from web\"})";
    assert_eq!(of(calls), 100.0);
}

#[test]
fn a_record_is_a_span_of_its_trace() {
    let told = told();
    let trace = wait("the trace", || {
        let answer = told.get(&format!("/api/traces/{TRACE}"));
        (answer.status == 200).then(|| answer.json())
    });
    let span = &trace["data"][0]["spans"][0];
    assert_eq!(span["operationName"], "from web", "{trace}");
    assert_eq!(span["duration"], 1_500_000);
    let tags = span["tags"].as_array().unwrap();
    let tag = |name: &str| -> &Value {
        let found = tags.iter().find(|tag| tag["key"] == name);
        &found.unwrap_or_else(|| panic!("{name}: {trace}"))["value"]
    };
    assert_eq!(tag("url.path"), "/items");
    assert_eq!(tag("http.response.status_code"), 504);
    assert_eq!(tag("ondol.reason"), "response_timeout");
    assert_eq!(tag("ondol.revision"), "abc");
    assert_eq!(tag("error"), true);
    assert_eq!(trace["data"][0]["processes"]["p1"]["serviceName"], "cart");
}

#[test]
fn hops_of_a_service_that_hands_on_the_name_of_a_request_alone_are_in_its_trace() {
    const ANEW: &str = "11111111111111112222222222222222";
    let told = Service::start();
    let now = now_ms() as u64 * 1_000_000;
    let edge = Access {
        origin: Origin::Edge,
        service: Some(service("web")),
        path: "/shop".to_owned(),
        span: SpanId(8),
        parent: None,
        ..record(now - 2_000_000_000)
    };
    // `web` calls `cart`, which begins a trace of its own.
    let call = Access {
        trace: ANEW.parse::<TraceId>().unwrap(),
        parent: None,
        duration_ns: 500_000_000,
        ..record(now - 1_500_000_000)
    };
    let unrelated = Access {
        trace: "3".repeat(32).parse::<TraceId>().unwrap(),
        request_id: Some("eight".to_owned()),
        ..call.clone()
    };
    told.telemetry.signals(Signals {
        report: ReportId {
            proxy: 7,
            number: 1,
        },
        from_unix_ns: now - 3_000_000_000,
        to_unix_ns: now,
        records: vec![edge, call, unrelated],
        ..Signals::default()
    });
    let trace = wait("both hops", || {
        let answer = told.get(&format!("/ondol/traces/{TRACE}"));
        (answer.status == 200).then(|| answer.json())
    });
    let waterfall = trace["waterfall"].as_array().unwrap();
    let hops = waterfall
        .iter()
        .map(|span| (span["name"].as_str(), span["depth"].as_u64()));
    assert_eq!(
        hops.collect::<Vec<_>>(),
        [(Some("GET /shop"), Some(0)), (Some("GET /items"), Some(1))],
        "{trace}"
    );
}
