//! Spans in, by every door; traces out, as Jaeger and Zipkin write them; and what was counted on the way.

use serde_json::{Value, json};

use crate::asking::{Service, now_ms, wait};

const TRACE: &str = "5b8efff798038103d269b633813fc60c";

/// A call of `web` to `api`, which failed.
fn spans() -> Value {
    let start_us = (now_ms() - 2000) * 1000;
    let span = |id: &str, parent: &str, name: &str, kind: u8, from_us: i64, took_us: i64| {
        json!({
            "traceId": TRACE, "spanId": id, "parentSpanId": parent, "name": name, "kind": kind,
            "startTimeUnixNano": ((start_us + from_us) * 1000).to_string(),
            "endTimeUnixNano": ((start_us + from_us + took_us) * 1000).to_string(),
            "attributes": [{ "key": "http.response.status_code", "value": { "intValue": "500" } },
                           { "key": "user", "value": { "stringValue": id } }],
            "status": { "code": 2, "message": "it broke" },
        })
    };
    let of = |service: &str, spans: Value| {
        json!({
            "resource": { "attributes": [
                { "key": "service.name", "value": { "stringValue": service } },
                { "key": "service.namespace", "value": { "stringValue": "shop" } },
                { "key": "host.name", "value": { "stringValue": "h1" } } ] },
            "scopeSpans": [{ "scope": { "name": "lib" }, "spans": spans }],
        })
    };
    let web = json!([
        span("eee19b7ec3c1b171", "", "GET /", 2, 0, 9000),
        span("eee19b7ec3c1b172", "eee19b7ec3c1b171", "GET", 3, 1000, 7000),
    ]);
    let api = json!([span(
        "eee19b7ec3c1b173",
        "eee19b7ec3c1b172",
        "GET /films",
        2,
        2000,
        5000
    )]);
    json!({ "resourceSpans": [of("web", web), of("api", api)] })
}

fn with_spans() -> Service {
    let service = Service::start();
    let body = spans().to_string();
    let answer = service.post("/v1/traces", "application/json", body.as_bytes());
    assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
    service
}

#[test]
fn spans_are_found_as_jaeger_writes_them() {
    let service = with_spans();
    assert_eq!(
        service.get("/api/services").json()["data"],
        json!(["api", "web"])
    );
    let operations = service.get("/api/services/web/operations").json();
    assert_eq!(operations["data"], json!(["GET", "GET /"]));
    let operations = service
        .get("/api/operations?service=web&spanKind=server")
        .json();
    assert_eq!(
        operations["data"],
        json!([{ "name": "GET /", "spanKind": "server" }])
    );
    let answer = service.get(&format!("/api/traces/{TRACE}")).json();
    assert_eq!(
        (&answer["total"], &answer["errors"]),
        (&json!(1), &Value::Null)
    );
    let trace = &answer["data"][0];
    assert_eq!(trace["traceID"], TRACE);
    let span = &trace["spans"][2];
    assert_eq!(span["operationName"], "GET /films");
    assert_eq!(span["duration"], 5000);
    let parent = json!([{ "refType": "CHILD_OF", "traceID": TRACE, "spanID": "eee19b7ec3c1b172" }]);
    assert_eq!(span["references"], parent);
    let tags = span["tags"].as_array().unwrap();
    for tag in [
        json!({ "key": "http.response.status_code", "type": "int64", "value": 500 }),
        json!({ "key": "span.kind", "type": "string", "value": "server" }),
        json!({ "key": "error", "type": "bool", "value": true }),
    ] {
        assert!(tags.contains(&tag), "{tag} of {tags:?}");
    }
    let process = &trace["processes"][span["processID"].as_str().unwrap()];
    assert_eq!(process["serviceName"], "api");
}

#[test]
fn traces_are_searched_by_what_is_known_of_one_of_their_spans() {
    let service = with_spans();
    let found = |query: &str| {
        let answer = service.get(&format!("/api/traces?{query}"));
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        let data = answer.json()["data"].clone();
        let spans = data[0]["spans"].as_array().map_or(0, Vec::len);
        (data.as_array().unwrap().len(), spans)
    };
    assert_eq!(found("service=web"), (1, 3));
    assert_eq!(found("service=api&operation=GET+%2Ffilms"), (1, 3));
    assert_eq!(found("service=api&operation=GET"), (0, 0));
    assert_eq!(found("service=api&minDuration=4ms&maxDuration=6ms"), (1, 3));
    assert_eq!(found("service=api&minDuration=6ms"), (0, 0));
    assert_eq!(
        found("service=api&tags=%7B%22user%22%3A%22eee19b7ec3c1b173%22%7D"),
        (1, 3)
    );
    assert_eq!(found("service=api&tag=user:nobody"), (0, 0));
    // Of the resource, and two at once.
    assert_eq!(
        found("service=api&tag=host.name:h1&tag=http.response.status_code:500"),
        (1, 3)
    );
    assert_eq!(
        found("service=api&tags=%7B%22error%22%3A%22true%22%7D"),
        (1, 3)
    );
    assert_eq!(found("service=api&end=1000"), (0, 0));
    let refused = service.get("/api/traces");
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.json()["errors"][0]["msg"],
        "parameter 'service' is required"
    );
    let unknown = service.get("/api/traces/00000000000000000000000000000001");
    assert_eq!(
        (unknown.status, unknown.json()["errors"][0]["msg"].as_str()),
        (404, Some("trace not found"))
    );
}

#[test]
fn calls_and_operations_are_counted_into_metrics() {
    let service = with_spans();
    let value = |query: &str| {
        let answer = service.get(&format!("/api/v1/query?query={query}")).json();
        answer["data"]["result"][0]["value"][1]
            .as_str()
            .map(ToOwned::to_owned)
    };
    let calls = "traces_service_graph_request_failed_total%7Bclient%3D%22web%22%2Cserver%3D%22api%22%2Cproject%3D%22shop%22%7D";
    assert_eq!(wait("the edge", || value(calls)), "1");
    let red = "traces_spanmetrics_latency_count%7Bservice%3D%22api%22%2Cspan_kind%3D%22SPAN_KIND_SERVER%22%2Cstatus_code%3D%22STATUS_CODE_ERROR%22%7D";
    assert_eq!(value(red).as_deref(), Some("1"));
    let now_ms = now_ms();
    let edges = service
        .get(&format!(
            "/api/dependencies?endTs={now_ms}&lookback=86400000"
        ))
        .json();
    assert_eq!(
        edges["data"],
        json!([{ "parent": "web", "child": "api", "callCount": 1 }])
    );
    let links = service
        .get(&format!("/api/v2/dependencies?endTs={now_ms}"))
        .json();
    assert_eq!(
        links,
        json!([{ "parent": "web", "child": "api", "callCount": 1, "errorCount": 1 }])
    );
}

#[test]
fn zipkins_spans_go_in_and_come_out() {
    let service = Service::start();
    let at_us = (now_ms() - 1000) * 1000;
    let sent = json!([
        { "traceId": "5af7183fb1d4cf5f", "id": "6b221d5bc9e6496c", "name": "get", "kind": "SERVER",
          "timestamp": at_us, "duration": 3000, "localEndpoint": { "serviceName": "backend" } },
        { "traceId": "5af7183fb1d4cf5f", "parentId": "6b221d5bc9e6496c", "id": "352bff9a74ca9ad2", "name": "query",
          "kind": "CLIENT", "timestamp": at_us + 100, "duration": 1431, "localEndpoint": { "serviceName": "backend" },
          "remoteEndpoint": { "serviceName": "db", "ipv4": "10.0.0.1", "port": 3306 },
          "annotations": [{ "timestamp": at_us + 200, "value": "sent" }], "tags": { "error": "timeout" } },
    ]);
    let answer = service.post(
        "/api/v2/spans",
        "application/json",
        sent.to_string().as_bytes(),
    );
    assert_eq!(answer.status, 202);
    assert_eq!(service.get("/api/v2/services").json(), json!(["backend"]));
    assert_eq!(
        service.get("/api/v2/spans?serviceName=backend").json(),
        json!(["get", "query"])
    );
    let trace = service.get("/api/v2/trace/5af7183fb1d4cf5f").json();
    assert_eq!(trace, sent);
    let found = service
        .get("/api/v2/traces?serviceName=backend&annotationQuery=error")
        .json();
    assert_eq!(found, json!([sent]));
    let none = service
        .get("/api/v2/traces?serviceName=backend&minDuration=5000")
        .json();
    assert_eq!(none, json!([]));
    assert_eq!(service.get("/api/v2/trace/1").status, 404);
    assert_eq!(
        service
            .post("/api/v2/spans", "application/json", b"{}")
            .status,
        400
    );
}

#[test]
fn log_lines_come_by_otlp_and_by_lokis_push_and_belong_to_their_trace() {
    let service = with_spans();
    let at_ns = (now_ms() * 1_000_000).to_string();
    let push = json!({ "streams": [{ "stream": { "app": "web" }, "values": [
        [at_ns, format!("ERROR it broke trace_id={TRACE} span_id=eee19b7ec3c1b171")]] }] });
    let answer = service.post(
        "/loki/api/v1/push",
        "application/json",
        push.to_string().as_bytes(),
    );
    assert_eq!(answer.status, 204, "{}", answer.text());
    let logs = json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": [
        { "timeUnixNano": at_ns, "body": { "stringValue": "x" }, "traceId": TRACE }, { "body": {} }] }] }] });
    let answer = service.post("/v1/logs", "application/json", logs.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let page = service.get("/metrics").text();
    assert!(page.contains("\nondol_events_head 6\n"), "{page}");
    assert_eq!(
        service.post("/loki/api/v1/push", "text/csv", b"").status,
        415
    );
    assert_eq!(
        service
            .post("/loki/api/v1/push", "application/json", b"{")
            .status,
        400
    );
}

#[test]
fn what_is_refused_is_said_and_counted() {
    let service = Service::start();
    let half =
        json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [{ "name": "no ids" }] }] }] });
    let answer = service.post(
        "/v1/traces",
        "application/json",
        half.to_string().as_bytes(),
    );
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["partialSuccess"]["rejectedSpans"], "1");
    let answer = service.post("/v1/traces", "application/x-protobuf", b"nonsense");
    assert_eq!(answer.status, 400);
    assert!(
        answer.head.contains("application/x-protobuf"),
        "{}",
        answer.head
    );
    assert_eq!(service.post("/v1/traces", "text/plain", b"").status, 415);
    assert_eq!(service.get("/v1/traces").status, 405);
    let page = service.get("/metrics").text();
    assert!(
        page.contains("ondol_telemetry_refused_total{signal=\"events\"} 1\n"),
        "{page}"
    );
    let full = Service::start_in(
        &std::env::temp_dir().join(format!("ondol-otlp-full-{}", std::process::id())),
        |settings| {
            settings.events.retention.free_bytes_min = u64::MAX / 2;
        },
    );
    let answer = full.post(
        "/v1/traces",
        "application/json",
        spans().to_string().as_bytes(),
    );
    assert_eq!(answer.status, 429);
    assert!(
        answer.head.to_ascii_lowercase().contains("retry-after: 5"),
        "{}",
        answer.head
    );
}

#[test]
fn observations_behind_metrics_that_are_sent_lead_to_their_trace() {
    let service = Service::start();
    let at = crate::asking::now_ms();
    let body = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"took","unit":"s","histogram":{
        "aggregationTemporality":2,"dataPoints":[{"timeUnixNano":"AT","count":"1","sum":0.5,"bucketCounts":["1","0"],
        "explicitBounds":[1],"exemplars":[{"timeUnixNano":"AT","asDouble":0.5,
        "traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"}]}]}}]}]}]}"#;
    let body = body.replace("AT", &format!("{at}000000"));
    for _twice in 0..2 {
        let done = service.post("/v1/metrics", "application/json", body.as_bytes());
        assert_eq!(done.status, 200, "{done:?}");
    }
    let path = "/api/v1/query_exemplars?query=took_seconds_bucket";
    let found = service
        .get(&format!(
            "{path}&start={}&end={}",
            at / 1000 - 60,
            at / 1000 + 60
        ))
        .json();
    let exemplars = found["data"][0]["exemplars"].as_array().unwrap();
    assert_eq!(exemplars.len(), 1, "{found}");
    assert_eq!(
        exemplars[0]["labels"]["trace_id"],
        "5b8efff798038103d269b633813fc60c"
    );
}
