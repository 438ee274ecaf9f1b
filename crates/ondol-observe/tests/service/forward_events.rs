//! Logs and traces that go on: to another telemetry, which is away meanwhile, and to a receiver made of OpenTelemetry's own
//! messages.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ondol_observe::{Forward, OwnedEvent};
use serde_json::{Value, json};

use crate::asking::{Service, now_ms, wait};

fn to(address: SocketAddr) -> Forward {
    Forward {
        url: format!("http://{address}").parse().unwrap(),
        labels: vec![("host.name".to_owned(), "here".to_owned())],
        settle_ms: 500,
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

/// A line of `web`, so many milliseconds ago.
fn line(text: &str, ago_ms: i64) -> OwnedEvent {
    OwnedEvent {
        stream: pairs(&[
            ("project", "shop"),
            ("service", "web"),
            ("stream", "stdout"),
        ]),
        at_ns: (now_ms() - ago_ms) * 1_000_000,
        fields: pairs(&[("level", "warn"), ("run", "1"), ("body", text)]),
    }
}

const SPAN: &str = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"web"}}]},
    "scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"bake",
    "kind":2,"startTimeUnixNano":"START","endTimeUnixNano":"END","attributes":[{"key":"n","value":{"intValue":"5"}}],
    "status":{"code":2,"message":"burnt"}}]}]}]}"#;

/// A span of a second that began so many milliseconds ago.
fn send_span(service: &Service, ago_ms: i64) {
    let ns = |ms: i64| format!("{}000000", now_ms() - ms);
    let body = SPAN
        .replace("START", &ns(ago_ms))
        .replace("END", &ns(ago_ms - 1000));
    let answer = service.post("/v1/traces", "application/json", body.as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// The texts of the lines of `web` that a telemetry has, sorted.
fn texts(service: &Service) -> Vec<String> {
    let path = "/loki/api/v1/query_range?query=%7Bservice=%22web%22%7D&limit=1000&since=1h";
    let answer = service.get(path).json();
    let streams = answer["data"]["result"].as_array().unwrap();
    let values = streams
        .iter()
        .flat_map(|stream| stream["values"].as_array().unwrap());
    let mut texts: Vec<String> = values
        .map(|value| value[1].as_str().unwrap().to_owned())
        .collect();
    texts.sort();
    texts
}

/// A door to somebody who may be away.
struct Door {
    address: SocketAddr,
    open: Arc<AtomicBool>,
}

impl Door {
    fn to(behind: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, open) = (
            listener.local_addr().unwrap(),
            Arc::new(AtomicBool::new(true)),
        );
        let is_open = open.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if is_open.load(Ordering::Relaxed) {
                    std::thread::spawn(move || carry(client, behind));
                }
            }
        });
        Door { address, open }
    }

    fn set_open(&self, open: bool) {
        self.open.store(open, Ordering::Relaxed);
    }
}

fn carry(mut client: TcpStream, behind: SocketAddr) {
    let mut server = TcpStream::connect(behind).unwrap();
    let (mut back, mut forth) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut client, &mut server);
        let _ = server.shutdown(std::net::Shutdown::Write);
    });
    let _ = std::io::copy(&mut back, &mut forth);
    let _ = forth.shutdown(std::net::Shutdown::Both);
}

#[test]
fn lines_and_spans_go_on_to_another_telemetry_whoever_is_away_and_however_late_they_come() {
    let receiver = Service::start();
    let door = Door::to(receiver.address);
    let dir = std::env::temp_dir().join(format!("ondol-events-to-{}", std::process::id()));
    let start = || {
        Service::start_in(&dir, |settings| {
            settings.forward_events = Some(to(door.address))
        })
    };
    let expect = |wanted: &[&str]| {
        let mut seen = Vec::new();
        let all = ondol_test::wait_until("all lines", std::time::Duration::from_secs(30), || {
            seen = texts(&receiver);
            (seen == wanted).then_some(())
        });
        assert!(all.is_ok(), "{seen:?}, not {wanted:?}");
    };

    let mut service = start();
    service.telemetry.events(vec![line("one", 0)]);
    send_span(&service, 0);
    expect(&["one"]);
    // Its moment is gone.
    service.telemetry.events(vec![line("two, late", 60_000)]);
    expect(&["one", "two, late"]);

    door.set_open(false);
    service
        .telemetry
        .events(vec![line("three", 0), line("three, late", 120_000)]);
    wait("what is said of it", || {
        let said = service.said.try_recv().ok()?;
        said.contains("logs and traces cannot be forwarded")
            .then_some(())
    });
    service.leave();
    drop(service);
    let service = start();
    service.telemetry.events(vec![line("four", 0)]);
    door.set_open(true);
    expect(&["four", "one", "three", "three, late", "two, late"]);

    let trace = wait("the trace", || {
        let trace = receiver.get("/ondol/traces/5b8efff798038103d269b633813fc60c");
        (trace.status == 200).then(|| trace.json())
    });
    let span = &trace["waterfall"][0];
    assert_eq!(
        (
            &span["name"],
            &span["kind"],
            &span["status_message"],
            &span["attributes"]["n"]
        ),
        (
            &json!("bake"),
            &json!("server"),
            &json!("burnt"),
            &json!("5")
        )
    );
    let counted = "sum(count_over_time(%7Bservice=%22web%22%7D|detected_level=%22warn%22|resource_host_name=%22here%22[1h]))";
    let counted = receiver
        .get(&format!("/loki/api/v1/query?query={counted}"))
        .json();
    assert_eq!(counted["data"]["result"][0]["value"][1], "5", "{counted}");
    let page = service.get("/metrics").text();
    assert!(
        page.contains("ondol_telemetry_forward_dropped_total{signal=\"events\"} 0\n"),
        "{page}"
    );
}

#[test]
fn a_receiver_of_opentelemetrys_own_messages_understands_what_is_sent_to_it() {
    let Some(python) = crate::sdk::python() else {
        return;
    };
    let mut receiver = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/service/receiver.py"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(receiver.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let address = said.next().unwrap().parse().unwrap();
    let service = Service::start_in(
        &std::env::temp_dir().join(format!("ondol-events-otlp-{}", std::process::id())),
        |settings| settings.forward_events = Some(to(address)),
    );
    service.telemetry.events(vec![line("burnt", 0)]);
    send_span(&service, 0);
    let mut told: Vec<Value> = (said.by_ref().take(2))
        .map(|line| serde_json::from_str(&line).unwrap())
        .collect();
    receiver.kill().unwrap();
    receiver.wait().unwrap();
    told.sort_by_key(ToString::to_string);
    let host = json!(["host.name", "here"]);
    assert_eq!(told[0]["log"]["body"], "burnt", "{told:?}");
    assert_eq!(told[0]["log"]["severity"], 13);
    assert!(
        told[0]["log"]["attributes"]
            .as_array()
            .unwrap()
            .contains(&json!(["log.iostream", "stdout"]))
    );
    assert_eq!(told[1]["span"]["name"], "bake", "{told:?}");
    assert_eq!(told[1]["span"]["ms"], 1000);
    assert_eq!(told[1]["span"]["attributes"], json!([["n", 5]]));
    for (what, one) in [("log", &told[0]), ("span", &told[1])] {
        let resource = one[what]["resource"].as_array().unwrap();
        assert!(
            resource.contains(&host) && resource.contains(&json!(["service.name", "web"])),
            "{one}"
        );
    }
}
