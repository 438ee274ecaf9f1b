use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ondol_observe::{Dialing, Scrape};
use ondol_telemetry::Target;
use serde_json::json;

use crate::asking::{Service, wait};

/// Something that says its metrics, or whatever it is told to say.
struct Endpoint {
    address: SocketAddr,
    page: Arc<Mutex<String>>,
    connections: Arc<AtomicU32>,
}

impl Endpoint {
    fn start(page: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let page = Arc::new(Mutex::new(page.to_owned()));
        let connections = Arc::new(AtomicU32::new(0));
        let (said, count) = (page.clone(), connections.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                count.fetch_add(1, Ordering::Relaxed);
                let said = said.clone();
                std::thread::spawn(move || talk(stream.unwrap(), &said));
            }
        });
        Endpoint {
            address,
            page,
            connections,
        }
    }

    fn say(&self, page: &str) {
        *self.page.lock().unwrap() = page.to_owned();
    }

    fn scrape(&self, expected: bool) -> Scrape {
        let address = self.address;
        let dial = move || -> Dialing { Box::pin(async move { TcpStream::connect(address) }) };
        Scrape {
            target: Target {
                key: "web".to_owned(),
                labels: [("instance", "web-1"), ("job", "web")]
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .to_vec(),
            },
            dial: Arc::new(dial),
            host: address.to_string(),
            path: "/metrics".to_owned(),
            interval: Duration::from_millis(100),
            expected,
        }
    }
}

fn talk(mut stream: TcpStream, said: &Mutex<String>) {
    let mut asked = Vec::new();
    let mut some = [0; 1024];
    while let Ok(count @ 1..) = stream.read(&mut some) {
        asked.extend_from_slice(&some[..count]);
        if !asked.ends_with(b"\r\n\r\n") {
            continue;
        }
        asked.clear();
        let page = said.lock().unwrap().clone();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{page}",
            page.len()
        );
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn value(service: &Service, query: &str) -> Option<String> {
    let answer = service.get(&format!("/api/v1/query?query={query}")).json();
    let value = answer["data"]["result"][0]["value"][1].as_str();
    value.map(ToOwned::to_owned)
}

#[test]
fn an_endpoint_is_asked_on_one_connection_and_what_is_gone_ends() {
    let service = Service::start();
    let web = Endpoint::start("# HELP a What it is.\n# TYPE a counter\na_total 1\nb{x=\"y\"} 2\n");
    service.telemetry.scrape(vec![web.scrape(true)]);
    wait("b", || value(&service, "b"));
    assert_eq!(
        value(&service, "up%7Bjob=%22web%22%7D").as_deref(),
        Some("1")
    );
    web.say("a_total 5\n");
    wait("a", || {
        value(&service, "a_total").filter(|value| value == "5")
    });
    wait("the end of b", || {
        value(&service, "b").is_none().then_some(())
    });
    assert_eq!(web.connections.load(Ordering::Relaxed), 1);
    let known = service.get("/api/v1/metadata?metric=a").json();
    assert_eq!(
        known["data"],
        json!({"a": [{"type": "counter", "help": "What it is.", "unit": ""}]})
    );
    let target = service.get("/api/v1/targets").json()["data"]["activeTargets"][0].clone();
    assert_eq!(
        (&target["health"], &target["lastError"]),
        (&json!("up"), &json!(""))
    );
    assert_eq!(
        target["scrapeUrl"],
        format!("http://{}/metrics", web.address)
    );

    web.say("no page of metrics {\n");
    wait("up 0", || {
        value(&service, "up%7Bjob=%22web%22%7D").filter(|value| value == "0")
    });
    let target = service.get("/api/v1/targets").json()["data"]["activeTargets"][0].clone();
    assert_eq!(target["health"], "down");
    assert!(
        target["lastError"]
            .as_str()
            .unwrap()
            .contains("the page cannot be read"),
        "{target}"
    );
    service.telemetry.scrape(Vec::new());
    wait("the end of up", || {
        value(&service, "up%7Bjob=%22web%22%7D")
            .is_none()
            .then_some(())
    });
    assert_eq!(
        service.get("/api/v1/targets").json()["data"]["activeTargets"],
        json!([])
    );
}

#[test]
fn one_that_nobody_said_has_metrics_is_left_alone_when_it_has_none() {
    let service = Service::start();
    let page = Endpoint::start("<html>\n<body>hello</body>\n");
    service.telemetry.scrape(vec![page.scrape(false)]);
    wait("a look", || {
        (page.connections.load(Ordering::Relaxed) > 0).then_some(())
    });
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(value(&service, "up%7Bjob=%22web%22%7D"), None);
    assert_eq!(page.connections.load(Ordering::Relaxed), 1);
    let metrics = Endpoint::start("a 1\n");
    service.telemetry.scrape(vec![metrics.scrape(false)]);
    assert_eq!(wait("a", || value(&service, "a")), "1");
}

#[test]
fn the_machine_and_this_process_are_there_without_being_asked_for() {
    let service = Service::start();
    let idle = wait("the machine", || {
        value(&service, "sum(node_cpu_seconds_total%7Bmode=%22idle%22%7D)")
    });
    assert!(idle.parse::<f64>().unwrap() > 0.0);
    let own = wait("this process", || {
        value(&service, "process_resident_memory_bytes")
    });
    assert!(own.parse::<f64>().unwrap() > 1e6);
    assert!(value(&service, "node_memory_MemTotal_bytes").is_some());
}
