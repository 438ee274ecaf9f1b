//! What the proxy does, through the real binary and with clients that are not ours: versions of HTTP, routes, balancing,
//! what happens to failing replicas, tunnels.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ondol_test::{TestBrowser, program};
use serde_json::Value;

use crate::app::{App, free_port};

struct Reach {
    app: App,
    https: u16,
    told: u16,
}

/// Makes an authority and what it signs: a certificate of a person, and one for `own.test`.
const CERTIFICATES: &str = "
set -e
ec='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2'
openssl req -x509 $ec -subj /CN=people -keyout people.key -out people.pem
openssl req $ec -subj /CN=ada -keyout ada.key -out ada.csr
echo basicConstraints=CA:FALSE > ada.ext
openssl x509 -req -in ada.csr -CA people.pem -CAkey people.key -days 2 -extfile ada.ext -out ada.pem
openssl req -x509 $ec -subj /CN=own.test -addext subjectAltName=DNS:own.test -keyout own.key -out own.pem
";

impl Reach {
    fn start() -> Result<Option<Reach>> {
        for tool in ["curl", "openssl", "h2load"] {
            if program(tool).is_none() {
                return Ok(None);
            }
        }
        let mut app = App::new("reach")?;
        let (https, told) = (free_port()?, free_port()?);
        app.node.set("HTTPS_PORT", &https.to_string());
        app.node.set("TOLD_PORT", &told.to_string());
        let made = Command::new("sh")
            .args(["-c", CERTIFICATES])
            .current_dir(&app.dir)
            .output()?;
        ensure!(made.status.success(), "{made:?}");
        app.ok(["up", "--wait", "--wait-timeout", "120"])?;
        fs::write(app.dir.join("ca.pem"), app.ok(["trust", "--print"])?.stdout)?;
        Ok(Some(Reach { app, https, told }))
    }

    /// What curl prints, also when it fails.
    fn curl(&self, arguments: &[&str]) -> Result<String> {
        let asked = Command::new("curl")
            .args(["-sS", "--max-time", "10"])
            .args(arguments)
            .current_dir(&self.app.dir)
            .output()?;
        Ok(String::from_utf8_lossy(&[asked.stdout, asked.stderr].concat()).into_owned())
    }

    fn json(&self, arguments: &[&str]) -> Result<Value> {
        let said = self.curl(arguments)?;
        serde_json::from_str(&said).with_context(|| format!("{arguments:?}: {said}"))
    }

    /// Who answered `count` requests for `path`, and how often.
    fn who(&self, path: &str, count: usize, more: &[&str]) -> Result<BTreeMap<String, usize>> {
        let mut who = BTreeMap::new();
        for _ in 0..count {
            let url = self.app.edge(path);
            let said = self.json(&[more, &[&url]].concat())?;
            let me = said["me"].as_str().context("a name")?.to_owned();
            *who.entry(me).or_default() += 1;
        }
        Ok(who)
    }

    /// A header of the answer.
    fn header(&self, name: &str, arguments: &[&str]) -> Result<String> {
        let head = self.curl(&[&["-o", "/dev/null", "-D", "-"], arguments].concat())?;
        let value = head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        });
        Ok(value.unwrap_or_default().to_owned())
    }
}

#[test]
fn clients_of_every_kind_are_served_as_the_table_of_features_says() -> Result<()> {
    let Some(reach) = Reach::start()? else {
        return Ok(());
    };
    std::thread::scope(|scope| {
        let patience = scope.spawn(|| a_service_that_does_not_answer_has_a_minute(&reach));
        the_table(&reach)?;
        let waited = patience.join();
        waited.map_err(|_| anyhow::anyhow!("it panicked"))?
    })?;
    reach.app.finish()
}

fn the_table(reach: &Reach) -> Result<()> {
    versions_of_http(reach)?;
    certificates_of_clients_and_of_services(reach)?;
    routes_are_found_by_everything_they_ask_for(reach)?;
    requests_are_shared_by_the_rule(reach)?;
    splits_canaries_and_mirrors(reach)?;
    failing_replicas_are_asked_again_elsewhere_and_left_out(reach)?;
    a_full_service_refuses_at_once_and_a_slow_one_in_time(reach)?;
    bodies_and_events_flow(reach)?;
    a_slow_head_is_cut(reach)?;
    listeners_and_routes_come_and_go_under_load(reach)?;
    a_replica_that_is_not_well_is_left_out(reach)?;
    the_service_is_told_the_client(reach)?;
    services_that_break_the_rules_cost_nobody_but_who_asks_them(reach)?;
    if let Some(browser) = TestBrowser::open()? {
        cookies_and_origins_in_a_browser(reach, &browser)?;
    }
    Ok(())
}

/// Beside everything else: it takes that minute.
fn a_service_that_does_not_answer_has_a_minute(reach: &Reach) -> Result<()> {
    let said = [
        "-o",
        "/dev/null",
        "-w",
        "%{http_code} %header{x-ondol-reason} %{time_total}",
    ];
    let url = reach.app.edge("/silence");
    let said = reach.curl(&[&said[..], &["--max-time", "70", &url]].concat())?;
    let seconds = said.strip_prefix("504 response_timeout ");
    let seconds: f64 = seconds.with_context(|| said.clone())?.parse()?;
    ensure!((59.0..65.0).contains(&seconds), "{said}");
    Ok(())
}

fn services_that_break_the_rules_cost_nobody_but_who_asks_them(reach: &Reach) -> Result<()> {
    let code = ["-o", "/dev/null", "-w", "%{http_code}"];
    for lie in ["nothing", "noise", "lengths", "head"] {
        let url = reach.app.edge(&format!("/liar/{lie}"));
        for more in [&[][..], &["-d", "a body"], &["--http2-prior-knowledge"]] {
            let said = reach.curl(&[&code[..], more, &[&url]].concat())?;
            assert_eq!(said, "502", "{lie} {more:?}");
        }
    }
    // What breaks off behind its head is seen to break off, however much of it arrives.
    for lie in ["half", "chunk"] {
        let url = reach.app.edge(&format!("/liar/{lie}"));
        let said = reach.curl(&[&code[..], &[&url]].concat())?;
        ensure!(said.contains("curl: ("), "{lie}: {said}");
    }
    reach.json(&[&reach.app.edge("/")]).map(drop)
}

fn versions_of_http(reach: &Reach) -> Result<()> {
    let plain = reach.app.edge("/");
    let secure = format!("https://localhost:{}/", reach.https);
    let version = ["-o", "/dev/null", "-w", "%{http_version}"];
    for (version_wanted, arguments) in [
        ("1", ["--http1.0", &plain]),
        ("1.1", ["--http1.1", &plain]),
        ("2", ["--http2-prior-knowledge", &plain]),
        ("1.1", ["--http1.1", &secure]),
        ("2", ["--http2", &secure]),
    ] {
        let arguments = [&version[..], &["--cacert", "ca.pem"], &arguments].concat();
        assert_eq!(reach.curl(&arguments)?, version_wanted, "{arguments:?}");
    }
    let load = Command::new("h2load")
        .args(["-n", "500", "-c", "4", "-m", "10", &plain])
        .output()?;
    let load = String::from_utf8_lossy(&load.stdout).into_owned();
    ensure!(load.contains("500 succeeded, 0 failed"), "{load}");
    // The trace that a client began goes on, and one is begun where there is none.
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let said = reach.json(&["-H", &format!("traceparent: {trace}"), &plain])?;
    let told = said["traceparent"].as_str().context("a trace")?;
    ensure!(
        told[..35] == trace[..35] && told[36..52] != trace[36..52],
        "{told}"
    );
    let said = reach.json(&["-H", "x_forwarded_for: 6.6.6.6", &plain])?;
    ensure!(
        said["traceparent"].is_string() && said["x_forwarded_for"].is_null(),
        "{said}"
    );
    Ok(())
}

fn certificates_of_clients_and_of_services(reach: &Reach) -> Result<()> {
    let secure = format!("https://localhost:{}/", reach.https);
    let believing = ["--cacert", "ca.pem"];
    let ada = ["--cert", "ada.pem", "--key", "ada.key", &secure];
    let said = reach.json(&[&believing[..], &ada].concat())?;
    assert_eq!(said["x-client-subject"], "CN=ada", "{said}");
    let claims = ["-H", "X-Client-Subject: CN=root", &secure];
    let said = reach.json(&[&believing[..], &claims].concat())?;
    ensure!(said["x-client-subject"].is_null(), "{said}");
    // The service shows its own certificate: nobody between has opened the connection.
    let resolve = format!("own.test:{}:127.0.0.1", reach.https);
    let own = format!("https://own.test:{}/", reach.https);
    let said = reach.json(&["--resolve", &resolve, "--cacert", "own.pem", &own])?;
    ensure!(said["x-forwarded-for"].is_null(), "{said}");
    Ok(())
}

fn routes_are_found_by_everything_they_ask_for(reach: &Reach) -> Result<()> {
    let first = reach.app.edge("/first");
    let deeper = reach.app.edge("/first/abc");
    let query = reach.app.edge("/first?beta=1");
    for (route, arguments) in [
        ("plain", vec![first.as_str()]),
        ("header", vec!["-H", "X-Beta: 12", &first]),
        ("plain", vec!["-H", "X-Beta: x", &first]),
        ("query", vec![&query]),
        ("expression", vec![&deeper]),
        ("method", vec!["-T", "server.py", &first]),
        ("host", vec!["-H", "Host: a.reach.test", &first]),
    ] {
        assert_eq!(reach.header("x-route", &arguments)?, route, "{arguments:?}");
    }
    Ok(())
}

fn requests_are_shared_by_the_rule(reach: &Reach) -> Result<()> {
    let turns = reach.who("/turns", 10, &[])?;
    ensure!(
        turns.len() == 2 && turns.values().all(|count| *count >= 4),
        "{turns:?}"
    );
    for session in ["a", "b", "c"] {
        let cookie = format!("session={session}");
        let sticky = reach.who("/sticky", 6, &["-b", &cookie])?;
        ensure!(sticky.len() == 1, "{session}: {sticky:?}");
    }
    let parts = reach.who("/parts", 40, &[])?;
    let most = parts.values().max().copied().unwrap_or_default();
    ensure!((32..=38).contains(&most), "{parts:?}");
    Ok(())
}

fn splits_canaries_and_mirrors(reach: &Reach) -> Result<()> {
    let split = reach.who("/split", 30, &[])?;
    let of = |service: &str| split.keys().any(|me| me.starts_with(service));
    ensure!(of("turns") && of("parts"), "{split:?}");
    ensure!(
        reach
            .who("/x", 2, &["-b", "beta=yes"])?
            .keys()
            .all(|me| me.starts_with("canary"))
    );
    ensure!(
        reach
            .who("/x", 2, &[])?
            .keys()
            .all(|me| me.starts_with("web"))
    );

    ensure!(
        reach
            .who("/mirrored/one", 1, &[])?
            .keys()
            .all(|me| me.starts_with("web"))
    );
    ondol_test::wait_until("the copy", crate::app::SOON, || {
        let seen = reach
            .app
            .ok(["exec", "-T", "narrow", "sh", "-c", SEEN])
            .ok()?;
        seen.stdout.contains("/mirrored/one").then_some(())
    })
}

/// What a service was asked, asked of it directly.
const SEEN: &str = "python3 -c \"import os, urllib.request as u; print(u.urlopen('http://127.0.0.1:%s/seen' % os.environ['PORT']).read())\"";

fn failing_replicas_are_asked_again_elsewhere_and_left_out(reach: &Reach) -> Result<()> {
    for number in 0..10 {
        let code = reach.curl(&[
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            &reach.app.edge("/again"),
        ])?;
        assert_eq!(code, "200", "request {number}");
    }
    // Failures in a row have put the second one out: nobody asks it any more.
    let asked = reach.who("/again/healthy", 10, &[])?;
    ensure!(asked.len() == 1, "{asked:?}");
    Ok(())
}

fn a_full_service_refuses_at_once_and_a_slow_one_in_time(reach: &Reach) -> Result<()> {
    let url = reach.app.edge("/narrow/slow");
    let reason = [
        "-o",
        "/dev/null",
        "-w",
        "%{http_code} %header{x-ondol-reason}",
    ];
    std::thread::scope(|scope| {
        let both = [(); 2].map(|()| scope.spawn(|| reach.curl(&[&reason[..], &[&url]].concat())));
        let mut said = Vec::new();
        for one in both {
            said.push(one.join().map_err(|_| anyhow::anyhow!("it panicked"))??);
        }
        said.sort();
        assert_eq!(said, ["200 ", "503 concurrency_full"]);
        anyhow::Ok(())
    })?;
    let stall = reach.app.edge("/narrow/stall");
    let said = reach.curl(&[&reason[..], &[&stall]].concat())?;
    assert_eq!(said, "504 response_timeout");
    Ok(())
}

fn bodies_and_events_flow(reach: &Reach) -> Result<()> {
    let large = reach.app.dir.join("large");
    fs::write(&large, vec![b'x'; 20 << 20])?;
    let url = reach.app.edge("/upload");
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let said = reach.json(&[version, "-X", "POST", "-T", "large", &url])?;
        assert_eq!(said["length"], 20 << 20, "{version}");
        let chunked = [
            "-H",
            "Transfer-Encoding: chunked",
            "-X",
            "POST",
            "-T",
            "large",
        ];
        if version == "--http1.1" {
            let said = reach.json(&[&chunked[..], &[&url]].concat())?;
            assert_eq!(said["length"], 20 << 20, "chunked");
        }
        // Events come one by one, long before the answer ends.
        let url = reach.app.edge("/events");
        let said = reach.curl(&[version, "-N", "--max-time", "2", &url])?;
        ensure!(
            said.starts_with("data: 0\n\ndata: 1\n\n"),
            "{version}: {said}"
        );
    }
    Ok(())
}

fn a_slow_head_is_cut(reach: &Reach) -> Result<()> {
    let mut slow = TcpStream::connect(("127.0.0.1", reach.app.edge_port()))?;
    slow.set_read_timeout(Some(Duration::from_secs(25)))?;
    slow.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")?;
    let cut = slow.read_to_end(&mut Vec::new());
    cut.map(drop).context("the proxy still waits for it")
}

fn listeners_and_routes_come_and_go_under_load(reach: &Reach) -> Result<()> {
    let app = &reach.app;
    let load = ondol_test::Load::start(&app.edge("/said"), 8, 8)?;
    let (other, port) = (app.dir.join("other"), free_port()?);
    fs::create_dir_all(&other)?;
    let file = format!(
        "name: other\nx-ondol: {{ edge: {{ port: {port} }} }}\nservices:\n  web:\n    build: ..\n    command: python3 server.py\n    \
         expose: [80]\n    x-ondol: {{ probes: {{ ready: {{ http: /health }} }}, route: / }}\n"
    );
    fs::write(other.join("compose.yaml"), file)?;
    for _ in 0..2 {
        app.ok(["-f", "other/compose.yaml", "up", "--detach", "--wait"])?;
        let said = reach.json(&[&format!("http://127.0.0.1:{port}/")])?;
        ensure!(said["me"].is_string(), "{said}");
        app.ok(["-f", "other/compose.yaml", "down"])?;
        ensure!(
            TcpStream::connect(("127.0.0.1", port)).is_err(),
            "it is closed"
        );
    }
    if let Some(load) = load {
        let report = load.finish()?;
        ensure!(report.failed() == 0 && report.requests > 100, "{report:?}");
    }
    Ok(())
}

fn a_replica_that_is_not_well_is_left_out(reach: &Reach) -> Result<()> {
    let ill = reach.json(&[&reach.app.edge("/turns/sicken")])?;
    let ill = ill["me"].as_str().context("a name")?.to_owned();
    ondol_test::wait_until("the other one to be asked alone", crate::app::SOON, || {
        let asked = reach.who("/turns", 6, &[]).ok()?;
        (!asked.contains_key(&ill)).then_some(())
    })
}

fn the_service_is_told_the_client(reach: &Reach) -> Result<()> {
    let said = reach.json(&[&format!("http://127.0.0.1:{}/", reach.told)])?;
    let told = said["told"].as_str().context("a header")?;
    // One connection is for the requests of many clients, so that it names nobody.
    ensure!(told.starts_with("PROXY UNKNOWN"), "{told}");
    Ok(())
}

fn cookies_and_origins_in_a_browser(reach: &Reach, browser: &TestBrowser) -> Result<()> {
    browser.goto(&reach.app.edge("/page"))?;
    browser.wait_for("[data-testid=page]", crate::app::SOON)?;
    let fetch = |what: &str| {
        let script = format!(
            "const ask = new XMLHttpRequest(); ask.open('GET', '{what}', false); ask.withCredentials = true; \
             try {{ ask.send(); }} catch (error) {{ return 'refused'; }} return JSON.parse(ask.responseText).me;"
        );
        let said = browser.script(&script)?;
        Ok::<_, anyhow::Error>(said.as_str().unwrap_or_default().to_owned())
    };
    ensure!(fetch("/x")?.starts_with("web"));
    browser.script("document.cookie = 'beta=yes; path=/'")?;
    ensure!(fetch("/x")?.starts_with("canary"), "the cookie chooses");
    browser.script("document.cookie = 'beta=; path=/; max-age=0'")?;
    // Another origin: only the route that allows it may be read.
    let port = reach.app.edge_port();
    ensure!(fetch(&format!("http://localhost:{port}/cors"))?.starts_with("web"));
    assert_eq!(fetch(&format!("http://localhost:{port}/x"))?, "refused");
    Ok(())
}

#[test]
fn a_balancer_before_the_edge_says_who_the_client_is() -> Result<()> {
    let app = App::new("behind")?;
    app.up()?;
    let ask = |arguments: &[&str]| {
        let url = app.edge("/");
        let curl = Command::new("curl")
            .args(["-sS", "--max-time", "10"])
            .args(arguments)
            .arg(url)
            .output()?;
        Ok::<_, anyhow::Error>((
            curl.status.success(),
            String::from_utf8_lossy(&curl.stdout).into_owned(),
        ))
    };
    let (_, said) = ask(&["--haproxy-protocol"])?;
    ensure!(
        said.contains("\"x-forwarded-for\": \"127.0.0.1\""),
        "{said}"
    );
    let mut client = TcpStream::connect(("127.0.0.1", app.edge_port()))?;
    client.write_all(
        b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\nGET / HTTP/1.0\r\nHost: a\r\n\r\n",
    )?;
    let mut said = String::new();
    client.read_to_string(&mut said)?;
    ensure!(
        said.contains("\"x-forwarded-for\": \"192.0.2.7\""),
        "{said}"
    );
    let (served, _) = ask(&[])?;
    ensure!(!served, "without a header nobody is served");
    app.finish()
}
