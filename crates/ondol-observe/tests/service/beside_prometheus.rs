//! Debian's Prometheus and its promtool: it writes into us, it federates from us, and it answers the same.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::asking::{Answered, Service, now_ms, wait};

/// A page that changes with each look at it.
fn page(look: u32) -> String {
    let mut page =
        String::from("# TYPE hits counter\n# TYPE seconds histogram\n# TYPE heat gauge\n");
    for (shop, factor) in [("a", 1), ("b", 3), ("c", 7)] {
        page += &format!(
            "hits_total{{shop=\"{shop}\",code=\"200\"}} {}\n",
            look * factor
        );
        page += &format!(
            "hits_total{{shop=\"{shop}\",code=\"500\"}} {}\n",
            look * factor / 4
        );
        for (le, share) in [("0.1", 2), ("0.5", 3), ("2", 4), ("+Inf", 5)] {
            let count = look * factor * share;
            page += &format!("seconds_bucket{{shop=\"{shop}\",le=\"{le}\"}} {count}\n");
        }
        page += &format!(
            "seconds_sum{{shop=\"{shop}\"}} {}\n",
            f64::from(look * factor) * 0.37
        );
        page += &format!("seconds_count{{shop=\"{shop}\"}} {}\n", look * factor * 5);
        let heat = (f64::from(look) * 0.7 + f64::from(factor)).sin() * 20.0;
        page += &format!("heat{{shop=\"{shop}\"}} {heat}\n");
    }
    page
}

/// Serves that page.
fn endpoint() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Far from zero: near to it, rates of Prometheus 3 are others than those of Debian's Prometheus 2.
    let looks = AtomicU32::new(5000);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = [0; 4096];
            if let Ok(1..) = stream.read(&mut asked) {
                let page = page(looks.fetch_add(1, Ordering::Relaxed));
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    page.len()
                );
                let _ = stream.write_all((head + &page).as_bytes());
            }
        }
    });
    address
}

/// Prometheus, until it is dropped.
struct Prometheus {
    address: SocketAddr,
    child: Child,
    dir: PathBuf,
}

impl Prometheus {
    /// It scrapes `page`, writes into `service` what it got, and federates from it.
    fn start(page: SocketAddr, service: &Service) -> Self {
        let own = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let dir = std::env::temp_dir().join(format!("ondol-prometheus-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let config = format!(
            "global: {{scrape_interval: 500ms}}
scrape_configs:
  - {{job_name: shops, static_configs: [{{targets: ['{page}']}}]}}
  - {{job_name: federate, honor_labels: true, metrics_path: /federate, params: {{'match[]': ['process_threads', 'node_load1']}}, static_configs: [{{targets: ['{ours}']}}]}}
remote_write:
  - url: http://{ours}/api/v1/write
    queue_config: {{batch_send_deadline: 200ms}}
    write_relabel_configs: [{{source_labels: [job], regex: shops, action: keep}}]
",
            ours = service.address
        );
        fs::write(dir.join("prometheus.yml"), config).unwrap();
        let child = Command::new("prometheus")
            .arg(format!(
                "--config.file={}",
                dir.join("prometheus.yml").display()
            ))
            .arg(format!(
                "--storage.tsdb.path={}",
                dir.join("data").display()
            ))
            .arg(format!("--web.listen-address={own}"))
            .stdout(Stdio::null())
            .stderr(fs::File::create(dir.join("log")).unwrap())
            .spawn()
            .unwrap();
        let prometheus = Prometheus {
            address: own,
            child,
            dir,
        };
        wait("Prometheus", || {
            TcpStream::connect(own).is_ok().then_some(())
        });
        wait("it to be ready", || {
            (prometheus.get("/-/ready").status == 200).then_some(())
        });
        prometheus
    }

    fn get(&self, path: &str) -> Answered {
        crate::asking::get(self.address, path)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
        let _ = fs::remove_dir_all(&self.dir);
    }
}

#[expect(clippy::print_stderr, reason = "a skipped test says why")]
fn is_here() -> bool {
    let here = Command::new("promtool").arg("--version").output().is_ok();
    if !here {
        eprintln!("skipped: promtool is not installed (apt-get install prometheus)");
    }
    here
}

const QUERIES: [&str; 24] = [
    "hits_total",
    "hits_total{code=~\"5..\"}",
    "sum(rate(hits_total[4s]))",
    "sum by (shop) (increase(hits_total[4s]))",
    "sum without (code, instance) (irate(hits_total[4s]))",
    "rate(hits_total{code=\"500\"}[4s]) / on (shop) rate(hits_total{code=\"200\"}[4s])",
    "histogram_quantile(0.9, sum by (le) (rate(seconds_bucket[4s])))",
    "histogram_quantile(0.5, rate(seconds_bucket[4s]))",
    "rate(seconds_sum[4s]) / rate(seconds_count[4s])",
    "topk(2, heat)",
    "max_over_time(heat[3s]) - min_over_time(heat[3s])",
    "avg_over_time(heat[3s])",
    "stddev_over_time(heat[4s])",
    "quantile_over_time(0.3, heat[4s])",
    "deriv(heat[4s])",
    "predict_linear(heat[4s], 60)",
    "count_values(\"n\", count by (shop) (hits_total))",
    "label_replace(up{job=\"shops\"}, \"port\", \"$1\", \"instance\", \".*:(.*)\")",
    "absent(nothing{a=\"b\"})",
    "hits_total offset 2s > 5",
    "changes(heat[4s]) and on (shop) hits_total{code=\"200\"}",
    "clamp(heat, -5, 5) * scalar(sum(up{job=\"shops\"}))",
    "count(seconds_bucket) by (le)",
    "hits_total unless on (shop) heat{shop=\"a\"}",
];

/// The same, numbers up to the last digits: two programs add in different orders.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (Value::String(a), Value::String(b)) if a != b => match (a.parse(), b.parse()) {
            (Ok(a), Ok(b)) => ondol_query::almost_equal(a, b, 1e-9),
            _ => false,
        },
        (a, b) => a == b,
    }
}

/// Vectors have no order of their own.
fn sorted(mut data: Value) -> Value {
    if let Some(result) = data["result"].as_array_mut() {
        result.sort_by_key(|series| series["metric"].to_string());
    }
    data
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[test]
fn prometheus_writes_into_it_federates_from_it_and_answers_the_same() {
    if !is_here() {
        return;
    }
    let service = Service::start();
    let prometheus = Prometheus::start(endpoint(), &service);
    // It takes some seconds until it looks for its targets.
    wait("what it wrote", || {
        let answer = service.get("/api/v1/query?query=hits_total").json();
        (answer["data"]["result"] != serde_json::json!([])).then_some(())
    });
    // Long enough for a range of some seconds that begins after the first scrape.
    let begin_ms = now_ms();
    while now_ms() < begin_ms + 11_000 {
        std::thread::sleep(Duration::from_millis(100));
    }
    let end = (begin_ms + 8_000) / 1000;
    for query in QUERIES {
        for path in [
            format!("query?query={}&time={end}", encoded(query)),
            format!(
                "query_range?query={}&start={}&end={end}&step=1.5",
                encoded(query),
                end - 4
            ),
        ] {
            let path = format!("/api/v1/{path}");
            let (ours, theirs) = (service.get(&path).json(), prometheus.get(&path).json());
            let (a, b) = (sorted(ours["data"].clone()), sorted(theirs["data"].clone()));
            assert_ne!(
                b["result"],
                serde_json::json!([]),
                "{query}: nothing to compare"
            );
            assert!(same(&a, &b), "{query}\nours {ours}\ntheirs {theirs}");
        }
    }
    for path in [
        "labels?match[]=hits_total",
        "label/shop/values?match[]=heat",
        "series?match[]=seconds_bucket&match[]=heat",
        "label/__name__/values?match[]=%7Bjob=%22shops%22%7D",
    ] {
        let path = format!("/api/v1/{path}");
        let mut answers = [service.get(&path).json(), prometheus.get(&path).json()];
        for answer in &mut answers {
            answer["data"]
                .as_array_mut()
                .unwrap()
                .sort_by_key(Value::to_string);
        }
        assert_eq!(answers[0], answers[1], "{path}");
    }
    let federated = prometheus.get("/api/v1/query?query=process_threads%7Bjob=%22ondol%22%7D");
    assert_eq!(
        federated.json()["data"]["result"].as_array().map(Vec::len),
        Some(1)
    );
}

fn promtool(service: &Service, arguments: &[&str]) -> Output {
    let url = format!("http://{}", service.address);
    let mut arguments = arguments.to_vec();
    let url_at = arguments
        .iter()
        .position(|argument| *argument == "URL")
        .unwrap();
    arguments[url_at] = &url;
    Command::new("promtool").args(arguments).output().unwrap()
}

#[test]
fn promtool_asks_and_understands() {
    if !is_here() {
        return;
    }
    let service = Service::start();
    wait("something", || {
        let answer = service.get("/api/v1/query?query=process_threads").json();
        (answer["data"]["result"] != serde_json::json!([])).then_some(())
    });
    for (arguments, expected) in [
        (
            vec!["query", "instant", "URL", "process_threads"],
            "process_threads{",
        ),
        (
            vec!["query", "range", "--step=1s", "URL", "vector(7)"],
            "7 @[",
        ),
        (
            vec!["query", "series", "--match=process_threads", "URL"],
            "__name__=\"process_threads\"",
        ),
        (vec!["query", "labels", "URL", "job"], "ondol"),
    ] {
        let output = promtool(&service, &arguments);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
    let wrong = promtool(&service, &["query", "instant", "URL", "a +"]);
    assert!(!wrong.status.success());
    assert!(
        String::from_utf8_lossy(&wrong.stderr).contains("unexpected end of input"),
        "{wrong:?}"
    );
}
