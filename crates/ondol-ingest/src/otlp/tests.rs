use super::*;
use crate::{Reading, SpanKind, SpanStatus, SpanValue};

fn of_json<T>(
    take: impl Fn(&[u8], Encoding, &Limits) -> Result<T, IngestError>,
    json: &str,
) -> Result<T, IngestError> {
    take(json.as_bytes(), Encoding::Json, &Limits::default())
}

pub(super) const SPANS: &str = r#"{"resourceSpans":[{
    "scopeSpans":[{"scope":{"name":"lib","version":"2"},"spans":[
        {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","parentSpanId":"eee19b7ec3c1b173",
         "name":"GET /films","kind":2,"startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712661000000000,
         "unknown":{"a":[1,2]},
         "attributes":[{"key":"n","value":{"intValue":"-5"}},{"key":"ok","value":{"boolValue":true}},
             {"key":"list","value":{"arrayValue":{"values":[{"stringValue":"a"},{"doubleValue":0.5}]}}},
             {"key":"raw","value":{"bytesValue":"AQI="}},{"key":"none","value":{}}],
         "events":[{"timeUnixNano":"1544712660500000000","name":"exception"}],
         "links":[{"traceId":"00000000000000000000000000000001","spanId":"0000000000000002"}],
         "status":{"code":2,"message":"no"}},
        {"traceId":"","spanId":"eee19b7ec3c1b174","name":"invalid"}]}],
    "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"web"}}]}}]}"#;

#[test]
fn spans_are_read_from_json_with_hexadecimal_ids_and_unknown_fields() {
    let batch = of_json(traces, SPANS).unwrap();
    let [span] = batch.items.as_slice() else {
        panic!("{batch:?}");
    };
    assert_eq!(span.trace_id, 0x5b8e_fff7_9803_8103_d269_b633_813f_c60c);
    assert_eq!(span.parent_id, 0xeee1_9b7e_c3c1_b173);
    assert_eq!(span.service(), "web");
    assert_eq!(
        (span.kind, span.status),
        (SpanKind::Server, SpanStatus::Error)
    );
    assert_eq!(span.duration_ns, 1_000_000_000);
    assert_eq!(span.scope.version, "2");
    let values: Vec<&SpanValue> = span.attributes.iter().map(|a| &a.value).collect();
    let text = |text: &str| SpanValue::Text(text.to_owned());
    assert_eq!(
        values,
        [
            &SpanValue::Int(-5),
            &SpanValue::Bool(true),
            &SpanValue::Json("[\"a\",0.5]".to_owned()),
            &text("AQI="),
            &text("")
        ]
    );
    assert_eq!((span.moments.len(), span.links[0].span_id), (1, 2));
    assert_eq!(batch.dropped.items, 1);
}

#[test]
fn the_answer_says_what_was_refused() {
    let dropped = of_json(traces, SPANS).unwrap().dropped;
    let json = answer(Signal::Traces, &dropped, Encoding::Json);
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["partialSuccess"]["rejectedSpans"], "1");
    let protobuf = answer(Signal::Traces, &dropped, Encoding::Protobuf);
    assert_eq!(protobuf[..4], [0x0a, protobuf.len() as u8 - 2, 0x08, 1]);
    assert!(answer(Signal::Logs, &Dropped::default(), Encoding::Protobuf).is_empty());
    assert_eq!(
        answer(Signal::Logs, &Dropped::default(), Encoding::Json),
        b"{}"
    );
}

#[test]
fn what_is_not_otlp_is_refused_with_a_sentence() {
    for json in [
        "",
        "[]",
        "{",
        r#"{"resourceSpans":1}"#,
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}"#,
    ] {
        let error = of_json(traces, json).unwrap_err().to_string();
        assert!(
            error.starts_with("the body is not OTLP as JSON: "),
            "{json}: {error}"
        );
    }
    let deep = "[".repeat(100_000);
    assert!(of_json(traces, &format!("{{\"resourceSpans\":{deep}")).is_err());
    let torn = traces(&[0x0a, 0xff, 1, 2], Encoding::Protobuf, &Limits::default());
    assert!(torn.is_err());
}

#[test]
fn a_small_body_of_many_empty_things_is_bounded() {
    // A million empty spans in two megabytes.
    let (mut scope, mut resource, mut body) = (Vec::new(), Vec::new(), Vec::new());
    scope.extend([0x12, 0].repeat(1_000_000));
    put::bytes(&mut resource, 2, &scope);
    put::bytes(&mut body, 1, &resource);
    let batch = traces(&body, Encoding::Protobuf, &Limits::default()).unwrap();
    assert_eq!((batch.items.len(), batch.dropped.items), (0, 1_000_000));
}

#[test]
fn log_records_become_lines_with_level_and_trace() {
    let json = r#"{"resourceLogs":[{"resource":{"attributes":[
        {"key":"service.name","value":{"stringValue":"api"}},{"key":"service.namespace","value":{"stringValue":"shop"}},
        {"key":"host.name","value":{"stringValue":"h"}}]},
        "scopeLogs":[{"scope":{"name":"root"},"logRecords":[
          {"observedTimeUnixNano":"7","severityNumber":17,"body":{"stringValue":"it broke"},
           "traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174",
           "attributes":[{"key":"service","value":{"stringValue":"mine"}},{"key":"n","value":{"intValue":1}}]},
          {"timeUnixNano":"8","severityText":"Warning","body":{"kvlistValue":{"values":[{"key":"a","value":{"intValue":"1"}}]}}}]}]}]}"#;
    let batch = of_json(logs, json).unwrap();
    let stream = &batch.items[0];
    let pairs = |pairs: &[crate::Pair]| -> Vec<String> {
        pairs
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    };
    assert_eq!(
        pairs(&stream.labels),
        ["project=shop", "service=api", "stream=otlp"]
    );
    assert_eq!(
        (stream.lines[0].at_ns, stream.lines[0].body.as_str()),
        (7, "it broke")
    );
    assert_eq!(
        pairs(&stream.lines[0].fields),
        [
            "trace_id=5b8efff798038103d269b633813fc60c",
            "span_id=eee19b7ec3c1b174",
            "level=error",
            "service_extracted=mine",
            "n=1",
            "scope=root",
            "resource.host.name=h"
        ]
    );
    assert_eq!(stream.lines[1].body, "{\"a\":1}");
    assert_eq!(pairs(&stream.lines[1].fields)[0], "level=warn");
}

fn metric(json: &str) -> SeriesBatch {
    let json = format!(
        r#"{{"resourceMetrics":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"api"}}}},
        {{"key":"host.name","value":{{"stringValue":"h"}}}}]}},"scopeMetrics":[{{"metrics":[{json}]}}]}}]}}"#
    );
    of_json(metrics, &json).unwrap()
}

fn shown(batch: &SeriesBatch) -> Vec<String> {
    let series = |series: &crate::Series| {
        let labels: Vec<String> = (series.labels.iter())
            .filter(|(name, _)| !matches!(name.as_str(), "job" | "service"))
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let value = match &series.samples[0].1 {
            Reading::Float(value) => value.to_string(),
            Reading::Histogram(native) => format!("{native:?}"),
        };
        format!("{} {value}", labels.join(","))
    };
    batch.series.iter().map(series).collect()
}

#[test]
fn sums_and_gauges_become_series_of_prometheus() {
    let batch = metric(
        r#"{"name":"http.requests","unit":"{request}","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[
            {"timeUnixNano":"5000000","asInt":"7","attributes":[{"key":"http.method","value":{"stringValue":"GET"}}]},
            {"timeUnixNano":"5000000","flags":1}]}},
           {"name":"temp","unit":"Cel","gauge":{"dataPoints":[{"timeUnixNano":"5000000","asDouble":1.5}]}},
           {"name":"d","sum":{"aggregationTemporality":1,"dataPoints":[{"timeUnixNano":"5000000","asInt":1}]}}"#,
    );
    assert_eq!(
        shown(&batch),
        [
            "__name__=http_requests_total,http_method=GET 7",
            "__name__=http_requests_total NaN",
            "__name__=temp_celsius 1.5",
            "__name__=target_info,host_name=h,service_name=api 1",
        ]
    );
    assert_eq!(batch.series[0].samples[0].0, 5);
    assert_eq!(
        batch.dropped.reason,
        Some("delta temporality is not kept; choose cumulative")
    );
}

#[test]
fn explicit_histograms_become_classic_ones_with_their_exemplars() {
    let batch = metric(
        r#"{"name":"t","unit":"s","histogram":{"aggregationTemporality":2,"dataPoints":[{"timeUnixNano":"1000000",
            "count":"6","sum":2.5,"bucketCounts":["1","2","3"],"explicitBounds":[0.1,1],
            "exemplars":[{"timeUnixNano":"1000000","asDouble":0.5,"traceId":"5b8efff798038103d269b633813fc60c"}]}]}},
           {"name":"bad","histogram":{"aggregationTemporality":2,"dataPoints":[{"bucketCounts":["1"],"explicitBounds":[1]}]}}"#,
    );
    assert_eq!(
        shown(&batch)[..5],
        [
            "__name__=t_seconds_bucket,le=0.1 1",
            "__name__=t_seconds_bucket,le=1 3",
            "__name__=t_seconds_bucket,le=+Inf 6",
            "__name__=t_seconds_count 6",
            "__name__=t_seconds_sum 2.5",
        ]
    );
    assert_eq!(batch.series[1].exemplars[0].value, 0.5);
    assert_eq!(batch.dropped.items, 1);
}

#[test]
fn exponential_histograms_become_native_ones_and_coarser_when_needed() {
    let batch = metric(
        r#"{"name":"e","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{"timeUnixNano":"1000000",
            "count":"6","sum":3,"scale":9,"zeroCount":"1","positive":{"offset":-3,"bucketCounts":["1","0","2","2"]}}]}}"#,
    );
    let Reading::Histogram(native) = &batch.series[0].samples[0].1 else {
        panic!("{batch:?}");
    };
    // Indexes -3, -1, 0 of scale 9 are -2, -1, 0 of scale 8, which end where Prometheus' -1, 0, 1 do.
    assert_eq!(native.schema, 8);
    assert_eq!(native.positive_spans, [(-1, 3)]);
    assert_eq!(native.positive_buckets, [1.0, 2.0, 2.0]);
    assert_eq!((native.count, native.zero_count), (6.0, 1.0));
}

#[test]
fn summaries_become_quantiles() {
    let batch = metric(
        r#"{"name":"s","summary":{"dataPoints":[{"timeUnixNano":"1000000","count":"2","sum":3,
            "quantileValues":[{"quantile":0.5,"value":1.5}]}]}}"#,
    );
    let expected = [
        "__name__=s,quantile=0.5 1.5",
        "__name__=s_count 2",
        "__name__=s_sum 3",
    ];
    assert_eq!(shown(&batch)[..3], expected);
}
