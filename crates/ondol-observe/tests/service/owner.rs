use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use ondol_observe::OwnedEvent;
use ondol_query::{Labels, Value};
use ondol_telemetry::{BODY, Pushed};
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

fn socket(service: &Service, name: &str) -> PathBuf {
    let socket = format!("ondol-observe-{name}-{}.sock", std::process::id());
    let socket = std::env::temp_dir().join(socket);
    let _ = std::fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket).unwrap();
    service.telemetry.listen_unix(listener).unwrap();
    socket
}

#[test]
fn lines_are_followed_a_message_a_line() {
    let service = Service::start();
    let socket = socket(&service, "follow");
    let say = |text: &str| {
        let line = OwnedEvent {
            stream: vec![("service".to_owned(), "web".to_owned())],
            at_ns: now_ms() * 1_000_000,
            fields: vec![(BODY.to_owned(), text.to_owned())],
        };
        service.telemetry.keep(&[line], &[]).unwrap();
    };
    say("before");
    let mut stream = UnixStream::connect(&socket).unwrap();
    let path = "/ondol/telemetry/follow?query=%7Bservice%3D%22web%22%7D%20!%3D%20%22quiet%22";
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    assert!(lines.find(String::is_empty).is_some(), "the head ends");
    let mut next = || -> Json { serde_json::from_str(&lines.next().unwrap()).unwrap() };
    assert_eq!(next()["streams"][0]["values"][0][1], "before");
    say("quiet");
    say("after");
    let after = next();
    assert_eq!(after["streams"][0]["values"][0][1], "after");
    assert_eq!(after["dropped_entries"], Json::Null);
    assert_eq!(service.get(path).status, 403);
    std::fs::remove_file(socket).unwrap();
}

#[test]
fn the_owner_alone_sees_how_much_there_is_compacts_it_and_takes_it_along() {
    let service = Service::start();
    let socket = socket(&service, "compact");
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
