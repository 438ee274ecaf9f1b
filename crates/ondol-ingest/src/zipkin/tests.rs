use super::*;
use crate::{SpanKind, SpanStatus};

#[test]
fn spans_are_read_with_their_endpoints_tags_and_annotations() {
    let body = br#"[{"traceId":"5af7183fb1d4cf5f","parentId":"6b221d5bc9e6496c","id":"352bff9a74ca9ad2","name":"query",
        "kind":"CLIENT","timestamp":1556604172355737,"duration":1431,"localEndpoint":{"serviceName":"backend","ipv4":"127.0.0.1"},
        "remoteEndpoint":{"serviceName":"db","port":3306},"annotations":[{"timestamp":1556604172355800,"value":"sent"}],
        "tags":{"sql.query":"select 1","error":"timeout"},"more":[{}]},
        {"traceId":"xyz","id":"1"},{"traceId":"00000000000000000000000000000000","id":"1"}]"#;
    let batch = json(body, &Limits::default()).unwrap();
    let [span] = batch.items.as_slice() else {
        panic!("{batch:?}");
    };
    assert_eq!(
        (span.trace_id, span.parent_id),
        (0x5af7_183f_b1d4_cf5f, 0x6b22_1d5b_c9e6_496c)
    );
    assert_eq!((span.service(), span.kind), ("backend", SpanKind::Client));
    assert_eq!(
        (span.start_ns, span.duration_ns),
        (1_556_604_172_355_737_000, 1_431_000)
    );
    assert_eq!(
        (span.status, span.status_message.as_str()),
        (SpanStatus::Error, "timeout")
    );
    assert_eq!(span.text("peer.service"), Some("db"));
    assert_eq!(span.moments[0].name, "sent");
    assert_eq!(batch.dropped.items, 2);
}

#[test]
fn what_is_no_list_of_spans_is_refused() {
    for body in [
        "",
        "{}",
        "[1]",
        r#"[{"traceId":"1"}]"#,
        r#"[{"traceId":"1","id":"1","tags":[["a"]]}]"#,
    ] {
        assert!(json(body.as_bytes(), &Limits::default()).is_err(), "{body}");
    }
}

#[test]
fn tags_beyond_the_bound_are_counted() {
    let tags: Vec<String> = (0..5000).map(|n| format!("\"k{n}\":\"v\"")).collect();
    let body = format!(
        "[{{\"traceId\":\"1\",\"id\":\"1\",\"tags\":{{{}}}}}]",
        tags.join(",")
    );
    let batch = json(body.as_bytes(), &Limits::default()).unwrap();
    let kept = batch.items[0].attributes.len() as u64;
    assert_eq!(kept + batch.dropped.fields, 5000);
    assert_eq!(kept as usize, Limits::default().fields_max);
}
