//! Alerts through the running service: from series to receivers, with the real Alertmanager and its `amtool`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use ondol_model::{Alerts, Receiver, ReceiverKind, RuleFile, Smtp};
use ondol_query::{Labels, Value};
use ondol_telemetry::Pushed;
use serde_json::{Value as Json, json};

use crate::asking::{Service, now_ms, wait};

const RULES: &str = "
groups:
- name: test
  interval: 1s
  rules:
  - record: doubled
    expr: trouble * 2
  - alert: Trouble
    expr: doubled > 10
    labels: {severity: page}
    annotations: {summary: 'Trouble with {{ $labels.service }}: {{ $value }}'}
";

fn receiver(kind: ReceiverKind) -> Receiver {
    Receiver {
        kind,
        matchers: Vec::new(),
        group_by: vec!["alertname".to_owned()],
        group_wait: Duration::ZERO,
        group_interval: Duration::from_secs(1),
        repeat_interval: Duration::from_secs(3_600),
        send_resolved: true,
    }
}

fn follow(service: &Service, receivers: &[(&str, ReceiverKind)]) {
    let named = receivers
        .iter()
        .map(|(name, kind)| ((*name).to_owned(), receiver(kind.clone())));
    let alerts = Alerts {
        files: vec![RuleFile {
            path: "/shop/rules.yaml".into(),
            text: RULES.to_owned(),
        }],
        receivers: named.collect(),
        ..Alerts::default()
    };
    assert_eq!(
        service.telemetry.alerts([("shop", &alerts)]),
        Vec::<String>::new()
    );
}

/// The series of `web` has this value now, and for the next seconds.
fn trouble(service: &Service, value: f64) {
    let labels = Labels::of(&[("__name__", "trouble"), ("service", "web")]);
    let at = |ms: i64| Pushed {
        labels: labels.clone(),
        at_ms: now_ms() + ms,
        value: Value::Float(value),
    };
    service
        .telemetry
        .samples((0..20).map(|second| at(second * 250)).collect());
}

/// A server that takes what is posted and says yes.
fn hook() -> (SocketAddr, mpsc::Receiver<Json>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (posted, arrives) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut length, mut line) = (0, String::new());
            while stream.read_line(&mut line).unwrap() > 2 {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let _ = stream
                .get_mut()
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            if posted.send(serde_json::from_slice(&body).unwrap()).is_err() {
                return;
            }
        }
    });
    (address, arrives)
}

fn next(arrives: &mpsc::Receiver<Json>) -> Json {
    arrives.recv_timeout(Duration::from_secs(20)).unwrap()
}

#[test]
fn trouble_is_told_to_webhooks_listed_and_over_again() {
    let service = Service::start();
    let ((webhook, told), (slack, chat)) = (hook(), hook());
    follow(
        &service,
        &[
            (
                "hook",
                ReceiverKind::Webhook {
                    url: format!("http://{webhook}/x"),
                },
            ),
            (
                "chat",
                ReceiverKind::Slack {
                    url: format!("http://{slack}/y"),
                    channel: None,
                },
            ),
        ],
    );
    trouble(&service, 7.0);
    let body = next(&told);
    assert_eq!(body["status"], "firing", "{body}");
    assert_eq!(body["version"], "4");
    assert_eq!(body["receiver"], "shop/hook");
    assert_eq!(body["groupLabels"], json!({"alertname": "Trouble"}));
    let alert = &body["alerts"][0];
    assert_eq!(alert["annotations"]["summary"], "Trouble with web: 14");
    let expected =
        json!({"alertname": "Trouble", "project": "shop", "service": "web", "severity": "page"});
    assert_eq!(alert["labels"], expected);
    assert!(
        next(&chat)["text"]
            .as_str()
            .unwrap()
            .starts_with("[FIRING:1] Trouble")
    );

    let rules = service
        .get("/api/v1/rules?type=alert&file[]=/shop/rules.yaml")
        .json();
    let rule = &rules["data"]["groups"][0]["rules"][0];
    assert_eq!(
        (&rule["state"], &rule["health"]),
        (&json!("firing"), &json!("ok")),
        "{rules}"
    );
    let alerts = service.get("/api/v1/alerts").json();
    assert_eq!(alerts["data"]["alerts"][0]["value"], "1.4e+01", "{alerts}");
    let recorded = service
        .get("/api/v1/query?query=ALERTS%7Balertstate%3D%22firing%22%7D")
        .json();
    assert_eq!(recorded["data"]["result"][0]["value"][1], "1", "{recorded}");
    let link = service.get("/graph?g0.expr=doubled%20%3E%2010&g0.tab=1");
    assert_eq!(link.status, 302);
    assert!(
        link.head
            .contains("location: /api/v1/query?query=doubled+%3E+10\r\n"),
        "{}",
        link.head
    );
    let why = service.get("/ondol/alerts/why?name=Trouble").json();
    assert_eq!(why["alerts"][0]["bound"], "> 10", "{why}");
    assert_eq!(
        why["alerts"][0]["stands_on"][0]["series"][0]["value"], 14.0,
        "{why}"
    );

    trouble(&service, 1.0);
    let body = next(&told);
    assert_eq!(body["status"], "resolved", "{body}");
    assert_ne!(body["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
}

#[test]
fn a_restart_goes_on_where_it_was_and_silences_stay() {
    let mut service = Service::start();
    let (webhook, told) = hook();
    let hooks = [(
        "hook",
        ReceiverKind::Webhook {
            url: format!("http://{webhook}/"),
        },
    )];
    follow(&service, &hooks);
    trouble(&service, 7.0);
    assert_eq!(next(&told)["status"], "firing");
    let added = service.post(
        "/ondol/alerts/silence?matcher=service%3Dweb&seconds=3600&by=me",
        "text/plain",
        b"",
    );
    let id = added.json()["silenceID"].as_str().unwrap().to_owned();
    let started = service.get("/ondol/alerts").json()["alerts"][0]["fired_at"].clone();
    let dir = service.leave();

    let service = Service::start_in(&dir, |_| ());
    follow(&service, &hooks);
    let alert = service.get("/ondol/alerts").json()["alerts"][0].clone();
    assert_eq!(
        (&alert["state"], &alert["fired_at"]),
        (&json!("firing"), &started),
        "{alert}"
    );
    assert_eq!(alert["silenced_by"], json!([id]));
    trouble(&service, 1.0);
    wait("its end", || {
        let overview = service.get("/ondol/alerts").json();
        (overview["alerts"][0]["state"] == "resolved").then_some(())
    });
    std::thread::sleep(Duration::from_secs(2));
    assert!(told.try_recv().is_err(), "it is under a silence");
}

#[test]
fn a_file_of_states_that_is_damaged_is_laid_aside() {
    let mut service = Service::start();
    let dir = service.leave();
    std::fs::write(dir.join("alerts.json"), b"{\"version\":1,\"at_ms\":").unwrap();
    let mut service = Service::start_in(&dir, |_| ());
    let said = wait("a complaint", || service.said.try_recv().ok());
    assert!(said.contains("alerts.json.broken"), "{said}");
    assert!(dir.join("alerts.json.broken").exists());
}

/// A program that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[test]
fn a_real_alertmanager_hears_of_trouble_and_of_its_end() {
    let (Some(program), Some(amtool)) = (
        ondol_test::program("prometheus-alertmanager"),
        ondol_test::program("amtool"),
    ) else {
        return;
    };
    let dir = ondol_test::TestDir::new().unwrap();
    std::fs::write(
        dir.path().join("am.yml"),
        "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n",
    )
    .unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let _running = Running(
        Command::new(program)
            .current_dir(dir.path())
            .args([
                "--config.file=am.yml",
                "--storage.path=data",
                "--cluster.listen-address=",
            ])
            .arg(format!("--web.listen-address={address}"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let url = format!("http://{address}");
    let service = Service::start();
    follow(
        &service,
        &[("am", ReceiverKind::Alertmanager { url: url.clone() })],
    );
    trouble(&service, 7.0);
    let listed = wait("the alert in Alertmanager", || {
        let listed = told_by(
            &amtool,
            &url,
            &["alert", "query", "-o", "json", "alertname=Trouble"],
        )?;
        (!listed.as_array()?.is_empty()).then_some(listed)
    });
    // What it calls the alert is what we call it.
    let ours = told_by(
        &amtool,
        &format!("http://{}", service.address),
        &["alert", "query", "-o", "json"],
    )
    .unwrap();
    assert_eq!(
        listed[0]["fingerprint"], ours[0]["fingerprint"],
        "{listed} {ours}"
    );
    assert_eq!(listed[0]["startsAt"], ours[0]["startsAt"]);
    assert_eq!(listed[0]["labels"], ours[0]["labels"]);
    trouble(&service, 1.0);
    wait("its end", || {
        let listed = told_by(
            &amtool,
            &url,
            &["alert", "query", "-o", "json", "alertname=Trouble"],
        )?;
        listed.as_array()?.is_empty().then_some(())
    });
}

/// What `amtool` says, as JSON.
fn told_by(amtool: &std::path::Path, url: &str, words: &[&str]) -> Option<Json> {
    let done = Command::new(amtool)
        .arg(format!("--alertmanager.url={url}"))
        .args(words)
        .output()
        .unwrap();
    serde_json::from_slice(&done.stdout).ok()
}

#[test]
fn amtool_silences_lists_and_expires_here_as_it_does_there() {
    let Some(amtool) = ondol_test::program("amtool") else {
        return;
    };
    let service = Service::start();
    follow(&service, &[]);
    trouble(&service, 7.0);
    wait("the alert", || {
        (service.get("/api/v2/alerts").json()[0]["labels"]["alertname"] == "Trouble").then_some(())
    });
    let url = format!("--alertmanager.url=http://{}", service.address);
    let run = |words: &[&str]| {
        let done = Command::new(&amtool)
            .arg(&url)
            .args(words)
            .output()
            .unwrap();
        let said = String::from_utf8(done.stdout).unwrap();
        assert!(
            done.status.success(),
            "{words:?}: {said}{}",
            String::from_utf8_lossy(&done.stderr)
        );
        said.trim().to_owned()
    };
    let id = run(&[
        "silence",
        "add",
        "service=web",
        "severity=~pa.e",
        "-c",
        "moving",
        "-a",
        "me",
        "-d",
        "1h",
    ]);
    assert_eq!(id.len(), 36, "{id}");
    let silences: Json = serde_json::from_str(&run(&["silence", "query", "-o", "json"])).unwrap();
    assert_eq!(silences[0]["comment"], "moving", "{silences}");
    assert_eq!(
        run(&["alert", "query"]).lines().count(),
        1,
        "only the head: it is silenced"
    );
    assert!(run(&["alert", "query", "--silenced"]).contains("Trouble"));
    run(&["silence", "expire", &id]);
    assert!(run(&["alert", "query", "alertname=Trouble"]).contains("Trouble with web"));
    assert_eq!(run(&["silence", "query", "-q"]), "");
    assert!(run(&["silence", "query", "--expired", "-q"]).contains(&id));
    run(&["config", "show"]);
}

#[test]
fn a_mail_is_handed_to_a_server_that_is_not_ours() {
    let Some(program) = ondol_test::program("aiosmtpd") else {
        return;
    };
    let port = free_port();
    let mut server = Running(
        Command::new(program)
            .args([
                "-n",
                "-l",
                &format!("127.0.0.1:{port}"),
                "-c",
                "aiosmtpd.handlers.Debugging",
                "stdout",
            ])
            .env("PYTHONUNBUFFERED", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    wait("the mail server", || {
        TcpStream::connect(("127.0.0.1", port)).ok()
    });
    let mut lines = BufReader::new(server.0.stdout.take().unwrap()).lines();
    let service = Service::start();
    let smtp = Smtp {
        host: "127.0.0.1".to_owned(),
        port,
        tls: false,
        clear: true,
        login: None,
    };
    let mail = ReceiverKind::Email {
        to: vec![
            "ops@shop.example".to_owned(),
            "boss@shop.example".to_owned(),
        ],
        from: "ondol@shop.example".to_owned(),
        smtp,
    };
    follow(&service, &[("mail", mail)]);
    trouble(&service, 7.0);
    let mut heads = BTreeMap::new();
    for line in lines
        .by_ref()
        .map(Result::unwrap)
        .skip_while(|line| !line.starts_with("From:"))
    {
        match line.split_once(": ") {
            Some((name, value)) => drop(heads.insert(name.to_owned(), value.to_owned())),
            None if line.is_empty() => break,
            None => {}
        }
    }
    assert_eq!(heads["From"], "<ondol@shop.example>");
    assert_eq!(
        heads["Subject"],
        "[FIRING:1] Trouble (project=shop, service=web, severity=page)"
    );
    assert_eq!(heads["Content-Transfer-Encoding"], "base64");
    let body: String = lines
        .map(Result::unwrap)
        .take_while(|line| !line.starts_with("--"))
        .collect();
    let body = String::from_utf8(base64(&body)).unwrap();
    assert!(
        body.starts_with("Trouble with web: 14\r\nfiring since "),
        "{body}"
    );
}

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD
        .decode(text.trim())
        .unwrap()
}
