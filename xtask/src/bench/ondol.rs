//! Ondol, as people get it: the release binary, its command line and its own words.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use ondol_test::{Load, TestDir, TestNode, processes_of};
use serde_json::Value;

use crate::clock::Stopwatch;
use crate::say;

use super::marked::Marked;
use super::samples::{Samples, quantile};
use super::{programs, usage};

const PROGRAM: Marked = Marked(77_001_234);
const SETTLE: Duration = Duration::from_secs(2);
const IDLE: Duration = Duration::from_secs(10);
const PORT: u16 = 18_973;
/// Of the rows that say what replicas cost.
const REPLICAS: u32 = 20;

type Part = fn(&Bench, &mut Samples) -> Result<()>;

/// Every measurement, `rounds` times. One that fails is named and leaves its rows empty.
pub(crate) fn measure(binary: &Path, rounds: u32) -> Samples {
    let mut samples = Samples::default();
    if let Ok(file) = fs::metadata(binary) {
        samples.add("binary", file.len() as f64 / 1e6);
    }
    let parts: [(&str, Part); 5] = [
        ("up", up),
        ("memory and CPU", cost),
        ("starts and replacements", starts),
        ("starts in the sandbox", sandboxed),
        ("kill -9 of the node", node_killed),
    ];
    for round in 1..=rounds {
        for (name, part) in parts {
            say::line(&format!("bench: Ondol, {name}, round {round} of {rounds}"));
            let done = Bench::new(binary).and_then(|bench| part(&bench, &mut samples));
            if let Err(error) = done {
                say::line(&format!("bench: {name}: {error:#}"));
            }
        }
    }
    samples
}

struct Bench {
    binary: PathBuf,
    /// The project's folder, in one that is removed.
    folder: PathBuf,
    _dir: TestDir,
}

impl Bench {
    fn new(binary: &Path) -> Result<Self> {
        let dir = TestDir::new()?;
        dir.write("bench/www/index.html", "warm\n")?;
        Ok(Bench {
            binary: binary.to_owned(),
            folder: dir.path().join("bench"),
            _dir: dir,
        })
    }

    /// Writes the file and brings it up; seconds until `count` processes run and the command has ended.
    fn up(&self, node: &TestNode, file: &str, count: usize) -> Result<f64> {
        fs::write(self.folder.join("compose.yaml"), file)?;
        let watch = Stopwatch::start();
        node.ok(&self.folder, ["up", "-d"])?;
        PROGRAM.wait_for(count, &watch)
    }

    fn down(&self, node: &TestNode) -> Result<()> {
        node.ok(&self.folder, ["down"])?;
        PROGRAM.wait_for(0, &Stopwatch::start()).map(drop)
    }
}

fn up(bench: &Bench, samples: &mut Samples) -> Result<()> {
    let node = TestNode::absent(&bench.binary)?;
    samples.add(
        "up_cold",
        bench.up(&node, &programs::services(10, &PROGRAM), 10)?,
    );
    let watch = Stopwatch::start();
    node.ok(&bench.folder, ["up", "-d"])?;
    samples.add("up_again", watch.elapsed().as_secs_f64() * 1e3);
    bench.down(&node)?;
    node.stop()
}

fn cost(bench: &Bench, samples: &mut Samples) -> Result<()> {
    let node = TestNode::start(&bench.binary)?;
    thread::sleep(SETTLE);
    samples.add("idle_pss", usage::pss_mb(&Cast::of(&node).own));
    bench.up(
        &node,
        &programs::replicas(REPLICAS, &PROGRAM, false),
        REPLICAS as usize,
    )?;
    thread::sleep(SETTLE);
    let cast = Cast::of(&node);
    samples.add("busy_pss", usage::pss_mb(&cast.own));
    samples.add(
        "shim_pss",
        // The shim, and the first process of the replica's namespaces.
        usage::pss_mb(&cast.shims) / f64::from(REPLICAS),
    );
    let all = [cast.own, cast.shims].concat();
    let (watch, before) = (Stopwatch::start(), usage::cpu_seconds(&all));
    thread::sleep(IDLE);
    let spent = usage::cpu_seconds(&all) - before;
    samples.add("idle_cpu", spent / watch.elapsed().as_secs_f64() * 100.0);
    bench.down(&node)?;
    node.stop()
}

fn starts(bench: &Bench, samples: &mut Samples) -> Result<()> {
    let mut node = TestNode::absent(&bench.binary)?;
    node.set("ONDOL_SANDBOX", "none");
    node.serve()?;
    samples.add(
        "start_20",
        bench.up(&node, &programs::replicas(20, &PROGRAM, true), 20)?,
    );
    bench.down(&node)?;
    samples.add(
        "start_100",
        bench.up(&node, &programs::replicas(100, &PROGRAM, true), 100)?,
    );
    thread::sleep(SETTLE);
    let killed: Result<Vec<f64>> = PROGRAM
        .running()
        .into_iter()
        .map(|pid| PROGRAM.replaced(pid))
        .collect();
    let killed = killed?;
    for (key, share) in [("replace_p50", 0.5), ("replace_p99", 0.99)] {
        samples.add(key, quantile(&killed, share).context("nothing ran")? * 1e3);
    }
    bench.down(&node)?;
    node.stop()
}

fn sandboxed(bench: &Bench, samples: &mut Samples) -> Result<()> {
    let node = TestNode::start(&bench.binary)?;
    for (key, count) in [("start_20_sandbox", 20), ("start_100_sandbox", 100)] {
        let file = programs::replicas(count, &PROGRAM, false);
        samples.add(key, bench.up(&node, &file, count as usize)?);
        bench.down(&node)?;
    }
    node.stop()
}

fn node_killed(bench: &Bench, samples: &mut Samples) -> Result<()> {
    let mut node = TestNode::start(&bench.binary)?;
    bench.up(&node, &programs::web(PORT, 20, &PROGRAM), 20)?;
    node.ok(&bench.folder, ["up", "-d", "--wait"])?;
    let before = PROGRAM.running();
    let load = Load::start(&format!("http://127.0.0.1:{PORT}/"), 8, 6)?;
    thread::sleep(SETTLE);
    node.kill()?;
    thread::sleep(SETTLE / 2);
    let watch = Stopwatch::start();
    node.serve()?;
    while known(&node, &bench.folder)? < 21 {
        thread::sleep(Duration::from_millis(2));
        anyhow::ensure!(
            watch.elapsed() < Duration::from_secs(20),
            "the node does not know its replicas after 20 s"
        );
    }
    samples.add("node_kill_adopted", watch.elapsed().as_secs_f64());
    if let Some(load) = load {
        let report = load.finish()?;
        anyhow::ensure!(report.requests > 0, "no request was answered");
        samples.add("node_kill_failed", report.failed() as f64);
    }
    samples.add(
        "node_kill_restarted",
        before.difference(&PROGRAM.running()).count() as f64,
    );
    bench.down(&node)?;
    node.stop()
}

/// Replicas with a process, as `ps` tells.
fn known(node: &TestNode, folder: &Path) -> Result<usize> {
    let printed = node.ok(folder, ["ps", "--json"])?.stdout;
    let values = serde_json::Deserializer::from_str(&printed).into_iter::<Value>();
    let values: Vec<Value> = values
        .collect::<Result<_, _>>()
        .context("`ps --json` printed no JSON")?;
    Ok(values.iter().map(with_pid).sum())
}

fn with_pid(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.iter().map(with_pid).sum(),
        Value::Object(fields) => {
            usize::from(fields.get("pid").is_some_and(Value::is_number))
                + fields.values().map(with_pid).sum::<usize>()
        }
        _ => 0,
    }
}

/// Who is who among the processes of a node.
struct Cast {
    /// Node, proxy, and the holder of the world where there is one.
    own: Vec<i32>,
    shims: Vec<i32>,
}

impl Cast {
    fn of(node: &TestNode) -> Self {
        let all: BTreeSet<i32> = processes_of(node.state());
        let role = |pid: i32| {
            let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let mut words = arguments.split(|byte| *byte == 0);
            let program = words.next().unwrap_or_default().to_owned();
            (program, words.next().unwrap_or_default().to_owned())
        };
        let (mut own, mut shims) = (Vec::new(), Vec::new());
        for pid in all {
            match role(pid) {
                (_, second) if second == b"shim" => shims.push(pid),
                (program, _) if program.ends_with(b"ondol") => own.push(pid),
                _ => {}
            }
        }
        Cast { own, shims }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_are_counted_wherever_they_stand() {
        let printed =
            serde_json::json!([{ "replicas": [{ "pid": 1 }, { "pid": null }, {}] }, { "pid": 2 }]);
        assert_eq!(with_pid(&printed), 2);
    }
}
