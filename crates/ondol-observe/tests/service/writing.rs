use serde_json::json;

use crate::asking::Service;
use crate::asking::now_ms;

/// A field of protobuf: its key, how long it is, its bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2, u8::try_from(bytes.len()).unwrap()];
    field.extend_from_slice(bytes);
    field
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A write of one sample, packed by snappy's literals alone.
fn write(at_ms: i64, value: f64) -> Vec<u8> {
    let label = |name: &str, value: &str| {
        field(
            1,
            &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat(),
        )
    };
    let mut sample = vec![1 << 3 | 1];
    sample.extend_from_slice(&value.to_le_bytes());
    sample.push(2 << 3);
    sample.extend(varint(at_ms as u64));
    let labels = [label("__name__", "pushed"), label("job", "batch")].concat();
    let series = field(1, &[labels, field(2, &sample)].concat());
    let mut packed = varint(series.len() as u64);
    for literal in series.chunks(60) {
        packed.push((literal.len() as u8 - 1) << 2);
        packed.extend_from_slice(literal);
    }
    packed
}

#[test]
fn what_prometheus_sends_is_stored_before_it_is_answered() {
    let service = Service::start();
    let kind = "application/x-protobuf";
    let done = service.post("/api/v1/write", kind, &write(now_ms(), 7.5));
    assert_eq!(done.status, 204, "{done:?}");
    let answer = service.get("/api/v1/query?query=pushed").json();
    assert_eq!(answer["data"]["result"][0]["value"][1], "7.5");
    assert_eq!(
        answer["data"]["result"][0]["metric"],
        json!({"__name__": "pushed", "job": "batch"})
    );
    let broken = service.post("/api/v1/write", kind, b"\x05nonsense");
    assert_eq!(broken.status, 400);
    let old = service.post("/api/v1/write", kind, &write(1000, 1.0));
    assert_eq!(old.status, 400);
    assert!(
        old.text().contains("1 too old or from the future"),
        "{}",
        old.text()
    );
}

#[test]
fn a_full_disk_is_answered_with_a_time_to_come_again() {
    let dir = std::env::temp_dir().join(format!("ondol-observe-429-{}", std::process::id()));
    let service = Service::start_in(&dir, |settings| {
        settings.samples.retention.free_bytes_min = u64::MAX / 2;
    });
    let full = service.post(
        "/api/v1/write",
        "application/x-protobuf",
        &write(now_ms(), 1.0),
    );
    assert_eq!(full.status, 429);
    assert!(full.head.contains("retry-after: "), "{}", full.head);
    assert!(full.text().contains("the disk is full"));
    assert_eq!(service.get("/-/ready").status, 200);
}
