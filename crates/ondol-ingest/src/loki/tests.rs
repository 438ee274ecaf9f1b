use super::*;
use crate::wire::put;

fn pairs(pairs: &[Pair]) -> Vec<String> {
    pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect()
}

#[test]
fn a_push_as_json_is_read_with_structured_metadata() {
    let body = br#"{"streams":[{"stream":{"app":"web","host":"h"},"values":[
        ["1700000000000000000","first"],["1700000000000000001","second",{"trace_id":"07","user.id":"u"}]]}],"more":1}"#;
    let batch = json(body, &Limits::default()).unwrap();
    let stream = &batch.items[0];
    assert_eq!(pairs(&stream.labels), ["app=web", "host=h", "service=web"]);
    assert_eq!(stream.lines[0].at_ns, 1_700_000_000_000_000_000);
    assert_eq!(stream.lines[1].body, "second");
    assert_eq!(
        pairs(&stream.lines[1].fields),
        ["trace_id_extracted=07", "user.id=u"]
    );
}

#[test]
fn metadata_that_names_a_trace_or_a_level_joins_the_line_to_it() {
    let body = br#"{"streams":[{"stream":{"app":"web"},"values":[
        ["1","x",{"trace_id":"4BF92F3577B34DA6A3CE929D0E0E4736","spanID":"00f067aa0ba902b7","level":"WARN"}]]}]}"#;
    let batch = json(body, &Limits::default()).unwrap();
    assert_eq!(
        pairs(&batch.items[0].lines[0].fields),
        [
            "trace_id=4bf92f3577b34da6a3ce929d0e0e4736",
            "span_id=00f067aa0ba902b7",
            "spanID=00f067aa0ba902b7",
            "level=warn"
        ]
    );
}

#[test]
fn a_push_as_protobuf_says_the_same() {
    let (mut time, mut meta, mut entry, mut stream, mut push) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    put::number(&mut time, 1, 1_700_000_000);
    put::number(&mut time, 2, 5);
    put::bytes(&mut meta, 1, b"user");
    put::bytes(&mut meta, 2, b"u");
    put::bytes(&mut entry, 1, &time);
    put::bytes(&mut entry, 2, b"hello \xff");
    put::bytes(&mut entry, 3, &meta);
    put::bytes(
        &mut stream,
        1,
        br#"{service="api", path="C:\\x\n\u00e9", e=""}"#,
    );
    put::bytes(&mut stream, 2, &entry);
    put::bytes(&mut push, 1, &stream);
    let packed = snap::raw::Encoder::new().compress_vec(&push).unwrap();
    let batch = protobuf(&packed, &Limits::default()).unwrap();
    let stream = &batch.items[0];
    assert_eq!(
        pairs(&stream.labels),
        ["e=", "path=C:\\x\n\u{e9}", "service=api"]
    );
    assert_eq!(stream.lines[0].at_ns, 1_700_000_000_000_000_005);
    assert_eq!(stream.lines[0].body, "hello \u{fffd}");
    assert_eq!(pairs(&stream.lines[0].fields), ["user=u"]);
    assert_eq!(batch.dropped.mended, 1);
}

#[test]
fn what_is_no_push_is_refused() {
    for body in [
        "",
        "[]",
        r#"{"streams":[{"values":[["x","y"]]}]}"#,
        r#"{"streams":[{"values":[["1"]]}]}"#,
    ] {
        assert!(json(body.as_bytes(), &Limits::default()).is_err(), "{body}");
    }
    assert!(protobuf(b"nothing", &Limits::default()).is_err());
    // It says that it would become four gigabytes.
    let bomb = [0xff, 0xff, 0xff, 0xff, 0x0f, 0];
    let error = protobuf(&bomb, &Limits::default()).unwrap_err();
    assert!(matches!(error, IngestError::TooLarge { .. }), "{error}");
}

#[test]
fn lines_beyond_the_bound_are_counted() {
    let limits = Limits {
        items_max: 1,
        line_bytes_max: 3,
        ..Limits::default()
    };
    let body = br#"{"streams":[{"stream":{},"values":[["1","abcdef"],["2","b"]]}]}"#;
    let batch = json(body, &limits).unwrap();
    assert_eq!(batch.items[0].lines[0].body, "abc");
    assert_eq!((batch.dropped.items, batch.dropped.cut), (1, 1));
}
