//! Forwarding to a real Prometheus, which is killed meanwhile.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ondol_observe::Forward;
use ondol_query::Labels;
use ondol_telemetry::Pushed;
use serde_json::Value;

use crate::asking::{Service, now_ms, wait};

struct Prometheus {
    program: PathBuf,
    dir: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Prometheus {
    fn new(program: PathBuf, dir: &Path) -> Self {
        std::fs::create_dir_all(dir).unwrap();
        std::fs::write(dir.join("prometheus.yml"), "global: {}\n").unwrap();
        Prometheus {
            program,
            dir: dir.to_owned(),
            port: ondol_test::free_port().unwrap(),
            child: None,
        }
    }

    fn start(&mut self) {
        let child = Command::new(&self.program)
            .args(["--web.enable-remote-write-receiver", "--config.file"])
            .arg(self.dir.join("prometheus.yml"))
            .arg("--storage.tsdb.path")
            .arg(self.dir.join("data"))
            .arg(format!("--web.listen-address=127.0.0.1:{}", self.port))
            .stderr(Stdio::null())
            .spawn();
        self.child = Some(child.unwrap());
    }

    /// `kill -9`.
    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// The first value of an answer.
    fn ask(&self, query: &str) -> Option<f64> {
        let url = format!("http://127.0.0.1:{}/api/v1/query?query={query}", self.port);
        let answer: Value = serde_json::from_slice(&ondol_test::get(&url).ok()?.body).ok()?;
        answer["data"]["result"][0]["value"][1]
            .as_str()?
            .parse()
            .ok()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn push(service: &Service, count: usize) {
    for number in 0..count {
        service.telemetry.samples(vec![Pushed {
            labels: Labels::of(&[("__name__", "a"), ("job", "x")]),
            at_ms: now_ms(),
            value: ondol_query::Value::Float(number as f64),
        }]);
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_outage_of_the_receiver_and_one_of_ours_lose_nothing() {
    let Some(program) = ondol_test::program("prometheus") else {
        return;
    };
    let dir = std::env::temp_dir().join(format!("ondol-forward-to-{}", std::process::id()));
    let mut prometheus = Prometheus::new(program, &dir);
    let url = format!("http://127.0.0.1:{}/api/v1/write", prometheus.port);
    let forward = Forward {
        url: url.parse().unwrap(),
        labels: vec![("node".to_owned(), "here".to_owned())],
        settle_ms: 3000,
    };
    let own = dir.with_extension("own");
    let start = || Service::start_in(&own, |settings| settings.forward = Some(forward.clone()));

    prometheus.start();
    let mut service = start();
    push(&service, 40);
    wait("the first samples", || prometheus.ask("a"));
    prometheus.kill();
    push(&service, 40);
    wait("what is said of it", || {
        service
            .said
            .try_recv()
            .ok()
            .filter(|said| said.contains("cannot be forwarded"))
    });
    service.leave();
    drop(service);
    let service = start();
    push(&service, 40);
    prometheus.start();
    let query = "count_over_time(a{job=%22x%22,node=%22here%22}[5m])";
    let mut seen = None;
    let all = ondol_test::wait_until("all samples", Duration::from_secs(60), || {
        seen = prometheus.ask(query);
        (seen == Some(120.0)).then_some(())
    });
    assert!(all.is_ok(), "{seen:?} of 120 samples");
    let page = service.get("/metrics").text();
    assert!(
        page.contains("ondol_telemetry_forward_dropped_total{signal=\"samples\"} 0\n"),
        "{page}"
    );
}
