//! What is known of an application when it fails and when the node does: alerts that reach a real Alertmanager, and logs
//! that are all there after kills, which says so.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ondol_test::{Load, free_port, get, program, wait_until};
use serde_json::Value;

use crate::app::{App, SOON};

/// Counters are told every few seconds, and a rate needs several of them.
const ALERT_MAX: Duration = Duration::from_secs(90);

#[test]
fn errors_of_a_service_reach_a_real_alertmanager_and_receivers_that_demand_tls_and_their_end_too()
-> Result<()> {
    let programs = ["prometheus-alertmanager", "amtool", "aiosmtpd", "openssl"].map(program);
    let [Some(server), Some(amtool), Some(_), Some(_)] = programs else {
        return Ok(());
    };
    let mut app = App::new("observed")?;
    let mut receivers = Receivers::start(&mut app)?;
    let alertmanager = Alertmanager::start(&server, &amtool, &app.dir)?;
    app.node
        .set("ALERTMANAGER_PORT", &alertmanager.port.to_string());
    app.up()?;

    let alert = wait_until("the alert in Alertmanager", ALERT_MAX, || {
        for path in ["/", "/fail"] {
            get(&app.edge(path)).ok()?;
        }
        alertmanager.alerts("ErrorRatio")?.into_iter().next()
    })
    .with_context(|| format!("{:?}", app.run(["alerts"])))?;
    let label = |name: &str| {
        alert["labels"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(
        (label("project"), label("service"), label("severity")),
        ("observed".to_owned(), "web".to_owned(), "page".to_owned()),
        "{alert}"
    );
    let summary = alert["annotations"]["summary"].as_str();
    assert!(
        summary.is_some_and(|summary| summary.contains("requests that fail")),
        "{alert}"
    );
    // Whoever follows its link sees what it stands on.
    let link = alert["generatorURL"].as_str().context("no link")?;
    assert_eq!(get(link)?.status, 302, "{link}");

    let posted = receivers.next("posted")?;
    assert_eq!(
        (&posted["status"], &posted["receiver"]),
        (&"firing".into(), &"observed/hook".into())
    );
    let mailed = receivers.next("mailed")?;
    assert_eq!(mailed["to"][0], "ops@shop.example", "{mailed}");
    let subject = mailed["subject"].as_str().unwrap_or_default();
    assert!(subject.starts_with("[FIRING:1] ErrorRatio"), "{mailed}");

    let why = app.ok(["alerts", "why", "ErrorRatio"])?.stdout;
    assert!(
        why.contains("http_server_request_duration_seconds_count"),
        "{why}"
    );
    for words in [&["alerts"][..], &["why", "web"], &["top", "--no-stream"]] {
        let shown = app.node.ok(&app.dir, words)?.stdout;
        assert!(shown.contains("ErrorRatio"), "{shown}");
    }

    wait_until("its end in Alertmanager", ALERT_MAX, || {
        get(&app.edge("/")).ok()?;
        alertmanager.alerts("ErrorRatio")?.is_empty().then_some(())
    })?;
    app.finish()
}

/// A web server and a mail server that demand TLS, until they are dropped.
struct Receivers {
    child: Child,
    told: mpsc::Receiver<Value>,
    waiting: Vec<Value>,
}

impl Receivers {
    /// Starts them; the node believes who issued their certificate.
    fn start(app: &mut App) -> Result<Self> {
        let issue = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=";
        let made = Command::new("sh")
            .arg("-ec")
            .arg(format!(
                "{issue}authority -keyout ca.key -out ca.pem
                 {issue}localhost -CA ca.pem -CAkey ca.key -addext subjectAltName=DNS:localhost \
                 -addext basicConstraints=critical,CA:FALSE -keyout tls.key -out tls.pem"
            ))
            .current_dir(&app.dir)
            .output()?;
        ensure!(made.status.success(), "{made:?}");
        let ports = [free_port()?, free_port()?].map(|port| port.to_string());
        let ca = app.dir.join("ca.pem");
        app.node.set("SSL_CERT_FILE", &ca.to_string_lossy());
        app.node.set("HOOK_PORT", &ports[0]);
        app.node.set("MAIL_PORT", &ports[1]);
        let mut child = Command::new("/usr/bin/python3")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/system/receivers.py"))
            .args(ports)
            .current_dir(&app.dir)
            .stdout(Stdio::piped())
            .spawn()?;
        let (say, told) = mpsc::channel();
        let lines = child
            .stdout
            .take()
            .map(BufReader::new)
            .context("no output")?;
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                // Nobody listens once the test is over.
                let _ = say.send(serde_json::from_str(&line).unwrap_or_default());
            }
        });
        let mut receivers = Receivers {
            child,
            told,
            waiting: Vec::new(),
        };
        receivers.next("ready")?;
        Ok(receivers)
    }

    /// The next that one of them got.
    fn next(&mut self, what: &str) -> Result<Value> {
        loop {
            let found = self
                .waiting
                .iter()
                .position(|told| told.get(what).is_some());
            if let Some(at) = found {
                return Ok(self.waiting.remove(at)[what].take());
            }
            let told = self.told.recv_timeout(SOON);
            self.waiting
                .push(told.with_context(|| format!("nothing {what}"))?);
        }
    }
}

impl Drop for Receivers {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Debian's Alertmanager, until it is dropped.
struct Alertmanager {
    child: Child,
    port: u16,
    amtool: PathBuf,
}

impl Alertmanager {
    fn start(server: &Path, amtool: &Path, dir: &Path) -> Result<Self> {
        let config = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";
        std::fs::write(dir.join("am.yml"), config)?;
        let port = free_port()?;
        let child = Command::new(server)
            .current_dir(dir)
            .args([
                "--config.file=am.yml",
                "--storage.path=am",
                "--cluster.listen-address=",
            ])
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stderr(Stdio::null())
            .spawn()?;
        let alertmanager = Alertmanager {
            child,
            port,
            amtool: amtool.to_owned(),
        };
        wait_until("Alertmanager", SOON, || alertmanager.alerts("x"))?;
        Ok(alertmanager)
    }

    /// Those of this name that it knows and that have not ended; `None` when it does not answer.
    fn alerts(&self, name: &str) -> Option<Vec<Value>> {
        let listed = Command::new(&self.amtool)
            .arg(format!("--alertmanager.url=http://127.0.0.1:{}", self.port))
            .args(["alert", "query", "-o", "json"])
            .arg(format!("alertname={name}"))
            .output()
            .ok()?;
        serde_json::from_slice(&listed.stdout).ok()
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn kills_of_the_node_at_any_moment_lose_no_line_make_none_twice_and_are_told() -> Result<()> {
    const KILLS: u64 = 4;
    let mut app = App::new("observed")?;
    app.node.serve()?;
    app.up()?;
    let Some(load) = Load::start(&app.edge("/"), 4, 10)? else {
        return app.finish();
    };
    get(&app.edge("/write"))?;
    let pusher = Pusher::start(app.node.state().join("telemetry.sock"));
    let dice = RandomState::new();
    for kill in 0..KILLS {
        std::thread::sleep(Duration::from_millis(200 + dice.hash_one(kill) % 1000));
        app.node.kill()?;
        app.node.serve()?;
        let status = wait_until("the telemetry", SOON, || {
            app.ok(["telemetry", "status", "--json"]).ok()?.json().ok()
        })?;
        let end = &status["last_end"];
        assert_eq!(
            (end["how"].as_str(), end["lost_ms_max"].as_u64()),
            (Some("killed"), Some(0)),
            "{status}"
        );
        let status = app.ok(["telemetry", "status"])?.stdout;
        assert!(status.contains("the run before was killed"), "{status}");
    }
    let written: u64 = get(&app.edge("/rest"))?.text().parse()?;
    let (answered, offered) = pusher.finish()?;
    let report = load.finish()?;
    assert_eq!(report.failed(), 0, "{report:?}");
    assert!(
        written > 200 && answered.len() > 20,
        "{written} {answered:?}"
    );

    let numbers = |query: &str| numbers(&app, query);
    let lines = wait_until("the last line", SOON, || {
        let lines = numbers("%7Bservice=%22web%22,stream=%22stdout%22%7D").ok()?;
        lines.contains_key(&written).then_some(lines)
    })?;
    let once: BTreeMap<u64, u64> = (1..=written).map(|number| (number, 1)).collect();
    assert_eq!(lines, once, "each line of the service is there once");
    let pushed = numbers("%7Bservice=%22pusher%22%7D")?;
    let lost: Vec<_> = answered
        .iter()
        .filter(|number| pushed.get(number) != Some(&1))
        .collect();
    assert!(lost.is_empty(), "answered, and not there once: {lost:?}");
    assert!(
        pushed
            .iter()
            .all(|(number, count)| *number <= offered && *count == 1),
        "{pushed:?}"
    );
    app.node.kill()?;
    app.node.serve()?;
    app.finish()
}

/// How often each number is there behind the last space of a line.
fn numbers(app: &App, query: &str) -> Result<BTreeMap<u64, u64>> {
    let path = format!("/loki/api/v1/query_range?query={query}&limit=5000&since=1h");
    let socket = app.node.state().join("telemetry.sock");
    let answer = exchange(&socket, &format!("GET {path} HTTP/1.0\r\n\r\n"))?;
    let (_, body) = answer.split_once("\r\n\r\n").context("no body")?;
    let answer: Value = serde_json::from_str(body).with_context(|| answer.clone())?;
    let mut counts = BTreeMap::new();
    for stream in answer["data"]["result"].as_array().context("no result")? {
        for value in stream["values"].as_array().into_iter().flatten() {
            let number = value[1].as_str().and_then(|line| line.rsplit(' ').next());
            let number = number.context("no line")?.parse()?;
            *counts.entry(number).or_default() += 1;
        }
    }
    Ok(counts)
}

/// Says this there and reads until the other side closes.
fn exchange(socket: &Path, request: &str) -> Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A program that pushes a numbered line after the other, each once, whatever becomes of it.
struct Pusher {
    enough: Arc<AtomicBool>,
    thread: JoinHandle<(BTreeSet<u64>, u64)>,
}

impl Pusher {
    fn start(socket: PathBuf) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let told = enough.clone();
        let thread = std::thread::spawn(move || {
            let (mut answered, mut number) = (BTreeSet::new(), 0);
            while !told.load(Ordering::Relaxed) {
                number += 1;
                if push(&socket, number).is_ok() {
                    answered.insert(number);
                }
                // Fewer than one answer of a query may have.
                std::thread::sleep(Duration::from_millis(10));
            }
            (answered, number)
        });
        Pusher { enough, thread }
    }

    /// The numbers that were answered for, and the last one that was tried.
    fn finish(self) -> Result<(BTreeSet<u64>, u64)> {
        self.enough.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .map_err(|_| anyhow::anyhow!("the pusher panicked"))
    }
}

/// One line by Loki's push; it came now.
fn push(socket: &Path, number: u64) -> Result<()> {
    let line = format!("[\"0\",\"pushed {number}\"]");
    let body =
        format!("{{\"streams\":[{{\"stream\":{{\"service\":\"pusher\"}},\"values\":[{line}]}}]}}");
    let head = format!(
        "POST /loki/api/v1/push HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let answer = exchange(socket, &(head + &body))?;
    ensure!(answer.contains(" 204 "), "{answer}");
    Ok(())
}
