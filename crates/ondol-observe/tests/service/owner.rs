use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};

use ondol_query::{Labels, Value};
use ondol_telemetry::Pushed;
use serde_json::{Value as Json, json};

use crate::asking::now_ms;
use crate::asking::{Service, wait};

fn ask(path: &std::path::Path, request: &str) -> String {
    let mut stream = UnixStream::connect(path).unwrap();
    write!(stream, "{request} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[test]
fn the_owner_alone_sees_how_much_there_is_compacts_it_and_takes_it_along() {
    let service = Service::start();
    let socket = std::env::temp_dir().join(format!("ondol-observe-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&socket);
    service
        .telemetry
        .listen_unix(UnixListener::bind(&socket).unwrap())
        .unwrap();
    let at_ms = now_ms();
    let pushed = (0..3).map(|step| Pushed {
        labels: Labels::of(&[("__name__", "kept"), ("job", "x")]),
        at_ms: at_ms - 1000 * step,
        value: Value::Float(step as f64),
    });
    service.telemetry.samples(pushed.collect());
    wait("the samples", || {
        let status: Json =
            serde_json::from_str(&ask(&socket, "GET /ondol/telemetry/status")).unwrap();
        (status["metrics"]["in_memory"].as_u64() >= Some(3)).then_some(())
    });
    let after: Json = serde_json::from_str(&ask(&socket, "POST /ondol/telemetry/compact")).unwrap();
    assert!(after["metrics"]["on_disk"].as_u64() >= Some(3), "{after}");
    assert_eq!(after["addresses"], json!([service.address]));
    let export = ask(&socket, "GET /ondol/telemetry/export?match[]=kept");
    let line: Json = serde_json::from_str(&export).unwrap();
    assert_eq!(line["values"], json!(["2", "1", "0"]));
    assert_eq!(
        line["timestamps"],
        json!([at_ms - 2000, at_ms - 1000, at_ms])
    );
    assert_eq!(service.get("/ondol/telemetry/status").status, 403);
    std::fs::remove_file(socket).unwrap();
}
