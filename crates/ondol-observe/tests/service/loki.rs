use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::asking::{Answered, Service};

const START_S: i64 = 1_700_000_000;

fn ns(second: i64) -> String {
    format!("{}000000000", START_S + second)
}

/// A service with folders of its own that keeps what is as old as these tests.
fn service(name: &str) -> Service {
    let process = std::process::id();
    let dir = std::env::temp_dir().join(format!("ondol-observe-loki-{name}-{process}"));
    Service::start_in(&dir, |settings| {
        settings.events.retention.keep_ms = u64::MAX / 4;
    })
}

fn push(service: &Service, stream: &Value, values: &Value) {
    let body = json!({"streams": [{"stream": stream, "values": values}]}).to_string();
    let answer = service.post("/loki/api/v1/push", "application/json", body.as_bytes());
    assert_eq!(answer.status, 204, "{answer:?}");
}

fn encoded(text: &str) -> String {
    let hex = |byte: u8| format!("%{byte:02X}");
    text.bytes().map(hex).collect()
}

/// Asks with the time of these tests.
fn ask(service: &Service, path: &str, query: &str) -> Answered {
    let (start, end) = (ns(0), ns(100));
    let separator = if path.contains('?') { '&' } else { '?' };
    service.get(&format!(
        "/loki/api/v1/{path}{separator}start={start}&end={end}&query={}",
        encoded(query)
    ))
}

fn data(service: &Service, path: &str, query: &str) -> Value {
    let mut answer = ask(service, path, query).json();
    assert_eq!(answer["status"], "success");
    answer["data"].take()
}

fn filled(name: &str) -> Service {
    let service = service(name);
    push(
        &service,
        &json!({"service": "web", "env": "prod"}),
        &json!([
            [ns(1), "GET / 200 took=12ms"],
            [ns(2), "GET /x 404 took=3ms", {"user": "u7"}],
            [ns(3), "level=error msg=\"POST / 500\" took=900ms"],
        ]),
    );
    push(
        &service,
        &json!({"service": "db", "env": "prod"}),
        &json!([[ns(4), "{\"level\": \"warn\", \"rows\": 7}"]]),
    );
    service
}

#[test]
fn lines_are_answered_in_lokis_shape() {
    let service = filled("lines");
    let found = data(&service, "query_range?limit=2", "{service=\"web\"}");
    assert_eq!(found["resultType"], "streams");
    assert_eq!(
        found["result"],
        json!([
            {
                "stream": {"detected_level": "error", "env": "prod", "service": "web"},
                "values": [[ns(3), "level=error msg=\"POST / 500\" took=900ms"]],
            },
            {
                "stream": {"env": "prod", "service": "web", "user": "u7"},
                "values": [[ns(2), "GET /x 404 took=3ms"]],
            },
        ])
    );
    assert_eq!(found["stats"]["summary"]["totalEntriesReturned"], 2);
    let forward = data(
        &service,
        "query_range?direction=forward&limit=1",
        "{env=\"prod\"} |= \"took\"",
    );
    assert_eq!(
        forward["result"][0]["values"],
        json!([[ns(1), "GET / 200 took=12ms"]])
    );
    let level = data(
        &service,
        "query_range",
        "{env=\"prod\"} | level=\"warn\" | json rows",
    );
    assert_eq!(
        level["result"][0]["stream"],
        json!({"detected_level": "warn", "env": "prod", "rows": "7", "service": "db"})
    );
    let detected = data(
        &service,
        "query_range",
        "{env=\"prod\"} | detected_level=\"error\" | service=\"web\"",
    );
    assert_eq!(detected["result"].as_array().map(Vec::len), Some(1));
}

#[test]
fn labels_are_told_apart_where_asked() {
    let service = filled("apart");
    let (start, end, query) = (ns(0), ns(100), encoded("{service=\"db\"} | json"));
    let answer = service.ask(&format!(
        "GET /loki/api/v1/query_range?start={start}&end={end}&query={query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Loki-Response-Encoding-Flags: categorize-labels\r\n\r\n"
    ));
    let found = answer.json();
    assert_eq!(found["data"]["encodingFlags"], json!(["categorize-labels"]));
    assert_eq!(
        found["data"]["result"],
        json!([{
            "stream": {"env": "prod", "service": "db"},
            "values": [[ns(4), "{\"level\": \"warn\", \"rows\": 7}", {
                "structuredMetadata": {"detected_level": "warn"},
                "parsed": {"level": "warn", "rows": "7"},
            }]],
        }])
    );
}

#[test]
fn what_agents_send_beside_a_line_is_shown_whatever_output_they_name() {
    let service = service("beside");
    // As agents have it that read other engines' logs.
    let agent = json!({"service": "web", "stream": "stdout"});
    push(&service, &agent, &json!([[ns(1), "so", {"user": "u7"}]]));
    let found = data(&service, "query_range", "{service=\"web\"}");
    assert_eq!(
        found["result"][0]["stream"],
        json!({"service": "web", "stream": "stdout", "user": "u7"})
    );
}

#[test]
fn values_are_answered_in_lokis_shape() {
    let service = filled("values");
    let at = START_S + 10;
    let path = |query: &str| format!("/loki/api/v1/query?time={at}&query={}", encoded(query));
    let instant = service
        .get(&path(
            "sum by (service) (count_over_time({env=\"prod\"}[1m]))",
        ))
        .json();
    assert_eq!(
        (&instant["data"]["resultType"], &instant["data"]["result"]),
        (
            &json!("vector"),
            &json!([
                {"metric": {"service": "db"}, "value": [at, "1"]},
                {"metric": {"service": "web"}, "value": [at, "3"]},
            ])
        )
    );
    // What Grafana asks to see whether there is a Loki.
    let check = service.get(&path("vector(1)+vector(1)")).json();
    assert_eq!(
        check["data"]["result"],
        json!([{"metric": {}, "value": [at, "2"]}])
    );
    let scalar = service.get(&path("1.5 + 1")).json();
    assert_eq!(scalar["data"]["result"], json!([at, "2.5"]));
    let range = data(
        &service,
        "query_range?step=50",
        "max_over_time({service=\"web\"} | logfmt | unwrap duration(took) [50s]) by (service)",
    );
    assert_eq!(
        range["result"],
        json!([{"metric": {"service": "web"}, "values": [[START_S + 50, "0.9"]]}])
    );
}

#[test]
fn labels_series_and_volumes_are_listed() {
    let service = filled("names");
    assert_eq!(
        data(&service, "labels", "{env=\"prod\"}"),
        json!(["env", "service"])
    );
    assert_eq!(
        data(&service, "label/service/values", "{env=\"prod\"}"),
        json!(["db", "web"])
    );
    assert_eq!(
        data(
            &service,
            "label/service/values",
            "{service!=\"db\", env=\"prod\"}"
        ),
        json!(["web"])
    );
    let series = ask(&service, "series?match[]=%7Bservice%3D%22db%22%7D", "").json();
    assert_eq!(series["data"], json!([{"env": "prod", "service": "db"}]));
    let late = service.get("/loki/api/v1/labels?start=1&end=2").json();
    assert_eq!(late["data"], json!([]));
    let stats = ask(&service, "index/stats", "{env=\"prod\"}").json();
    assert_eq!(
        (&stats["streams"], &stats["entries"]),
        (&json!(2), &json!(4))
    );
    let volume = data(
        &service,
        "index/volume?targetLabels=service",
        "{env=\"prod\"}",
    );
    assert_eq!(
        volume["result"],
        json!([
            {"metric": {"service": "web"}, "value": [START_S + 100, "77"]},
            {"metric": {"service": "db"}, "value": [START_S + 100, "28"]},
        ])
    );
    let detected = ask(&service, "detected_labels", "{env=\"prod\"}").json();
    assert_eq!(
        detected["detectedLabels"],
        json!([{"label": "env", "cardinality": 1}, {"label": "service", "cardinality": 2}])
    );
    let fields = ask(&service, "detected_fields", "{env=\"prod\"}").json();
    let field = |label: &str| {
        let all = fields["fields"].as_array().unwrap();
        all.iter().find(|field| field["label"] == label).cloned()
    };
    assert_eq!(
        field("took"),
        Some(json!({"label": "took", "type": "duration", "cardinality": 3, "parsers": ["logfmt"]}))
    );
    assert_eq!(
        field("rows"),
        Some(json!({"label": "rows", "type": "int", "cardinality": 1, "parsers": ["json"]}))
    );
}

#[test]
fn what_cannot_be_answered_is_said() {
    let service = filled("refused");
    for (path, query, said) in [
        (
            "query_range",
            "{service=}",
            "parse error at line 1, col 10: unexpected }; expected a value in quotes",
        ),
        (
            "query_range",
            "",
            "parse error at line 1, col 1: the query is empty",
        ),
        (
            "query_range?limit=0",
            "{a=\"b\"}",
            "limit is 0; expected a number from 1 to 5000",
        ),
        (
            "query_range?direction=up",
            "{a=\"b\"}",
            "direction is up; expected forward or backward",
        ),
        ("query", "{a=\"b\"}", "lines have no value at an instant"),
        (
            "query_range?step=1ms",
            "vector(1)",
            "the query takes more than 11000 steps",
        ),
        (
            "query_range",
            "count_over_time({service=\"web\"} | json [1m])",
            "pipeline error: 'JSONParserErr'",
        ),
        (
            "tail",
            "{service=\"web\"}",
            "lines are followed over a WebSocket",
        ),
        ("tail", "vector(1)", "a metric has no lines to follow"),
    ] {
        let answer = ask(&service, path, query);
        let expected = if said.contains("WebSocket") { 426 } else { 400 };
        assert_eq!(answer.status, expected, "{path}: {answer:?}");
        assert!(answer.text().starts_with(said), "{path}: {}", answer.text());
    }
    assert_eq!(ask(&service, "nothing", "").status, 404);
}

#[test]
fn queries_are_formatted_and_the_service_says_what_it_is() {
    let service = service("format");
    let path = "/loki/api/v1/format_query?query=";
    let formatted = service
        .get(&format!(
            "{path}{}",
            encoded("sum(rate({a=\"b\"}|=\"c\"[5m]))by(d)")
        ))
        .json();
    assert_eq!(
        formatted["data"],
        "sum by (d) (rate({a=\"b\"} |= \"c\" [5m]))"
    );
    let build = service.get("/loki/api/v1/status/buildinfo").json();
    assert_eq!(build["version"], "3.5.0");
    assert_eq!(service.get("/ready").text(), "ready\n");
}

/// More lines than a page, many of one moment: each comes once and in order, whatever is asked of it afterwards.
#[test]
fn every_line_comes_once_and_in_order_over_many_pages() {
    let service = service("pages");
    for from in (0..4000).step_by(1000) {
        let values: Vec<Value> = (from..from + 1000)
            .map(|at| json!([ns(at / 700), format!("line {at} n={}", at % 4)]))
            .collect();
        push(&service, &json!({"service": "many"}), &json!(values));
    }
    for direction in ["forward", "backward"] {
        let query = "{service=\"many\"} | logfmt | n=\"3\" | keep service";
        let path = format!("query_range?limit=5000&direction={direction}");
        let found = data(&service, &path, query);
        let values = found["result"][0]["values"].as_array().unwrap().clone();
        let times: Vec<&str> = values
            .iter()
            .map(|value| value[0].as_str().unwrap())
            .collect();
        assert_eq!(times.len(), 1000);
        assert!(if direction == "forward" {
            times.is_sorted()
        } else {
            times.iter().rev().is_sorted()
        });
        let mut lines: Vec<&str> = values
            .iter()
            .map(|value| value[1].as_str().unwrap())
            .collect();
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), 1000);
    }
    let count = data(
        &service,
        "query_range?step=100",
        "sum(count_over_time({service=\"many\"} |= \"n=3\" [200s]))",
    );
    assert_eq!(count["result"][0]["values"][1][1], "1000");
}

#[test]
fn lines_are_followed_over_a_web_socket() {
    let service = service("tail");
    let now_ns = || {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        now.as_nanos().to_string()
    };
    push(
        &service,
        &json!({"service": "web"}),
        &json!([[now_ns(), "before"]]),
    );
    let mut socket = TcpStream::connect(service.address).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let query = encoded("{service=\"web\"} != \"quiet\"");
    let request = format!(
        "GET /loki/api/v1/tail?query={query} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(
        head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="),
        "{head}"
    );
    assert_eq!(message(&mut socket)["streams"][0]["values"][0][1], "before");
    push(
        &service,
        &json!({"service": "web"}),
        &json!([[now_ns(), "quiet"], [now_ns(), "after"]]),
    );
    let after = message(&mut socket);
    assert_eq!(
        after["streams"][0]["values"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(after["streams"][0]["values"][0][1], "after");
    // It says that it goes, and is told so too.
    socket.write_all(&[0x88, 0x80, 0, 0, 0, 0]).unwrap();
    let mut last = Vec::new();
    socket.read_to_end(&mut last).unwrap();
    assert_eq!(last, [0x88, 0]);
}

/// The next text of a WebSocket.
fn message(socket: &mut TcpStream) -> Value {
    let mut start = [0; 2];
    socket.read_exact(&mut start).unwrap();
    assert_eq!(start[0], 0x81);
    let mut length = usize::from(start[1]);
    if length == 126 {
        let mut long = [0; 2];
        socket.read_exact(&mut long).unwrap();
        length = usize::from(u16::from_be_bytes(long));
    }
    let mut text = vec![0; length];
    socket.read_exact(&mut text).unwrap();
    serde_json::from_slice(&text).unwrap()
}
