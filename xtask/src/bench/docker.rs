//! Docker, Compose and Swarm with the same programs: Debian's `docker.io`, as a process of our own with its own folder.

mod daemon;

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use ondol_test::Load;

use crate::clock::Stopwatch;
use crate::say;

use super::marked::Marked;
use super::samples::{Samples, quantile};
use super::{programs, usage};

use self::daemon::Daemon;

const PROGRAM: Marked = Marked(77_004_321);
const SETTLE: Duration = Duration::from_secs(2);
const IDLE: Duration = Duration::from_secs(10);
const PORT: u16 = 18_974;
/// Swarm takes seconds for each; p99 of these is the slowest.
const KILLS: usize = 20;

type Part = fn(&mut Daemon, &mut Samples) -> Result<()>;

/// Every measurement, `rounds` times; nothing where there is no engine.
pub(crate) fn measure(rounds: u32) -> Samples {
    let mut samples = Samples::default();
    let missing = ["dockerd", "docker", "docker-compose", "busybox"]
        .iter()
        .any(|name| ondol_test::program(name).is_none());
    if missing {
        return samples;
    }
    let parts: [(&str, Part); 3] = [
        ("Compose", compose),
        ("Swarm", swarm),
        ("kill -9 of dockerd", killed),
    ];
    for round in 1..=rounds {
        for (name, part) in parts {
            say::line(&format!("bench: {name}, round {round} of {rounds}"));
            let done = Daemon::start().and_then(|mut daemon| part(&mut daemon, &mut samples));
            if let Err(error) = done {
                say::line(&format!("bench: {name}: {error:#}"));
            }
        }
    }
    samples
}

fn compose(daemon: &mut Daemon, samples: &mut Samples) -> Result<()> {
    fs::write(
        daemon.folder().join("compose.yaml"),
        programs::services(10, &PROGRAM),
    )?;
    let watch = Stopwatch::start();
    daemon.compose(&["up", "-d"])?;
    samples.add("up_cold", PROGRAM.wait_for(10, &watch)?);
    let watch = Stopwatch::start();
    daemon.compose(&["up", "-d"])?;
    samples.add("up_again", watch.elapsed().as_secs_f64() * 1e3);
    daemon.compose(&["down"])
}

fn swarm(daemon: &mut Daemon, samples: &mut Samples) -> Result<()> {
    daemon.docker(&["swarm", "init", "--advertise-addr", "127.0.0.1"])?;
    thread::sleep(SETTLE);
    samples.add("idle_pss", usage::pss_mb(&daemon.own()));
    create(daemon, 20, samples, "start_20")?;
    thread::sleep(SETTLE);
    let (own, shims) = (daemon.own(), daemon.shims());
    samples.add("busy_pss", usage::pss_mb(&own));
    samples.add("shim_pss", usage::pss_mb(&shims) / shims.len() as f64);
    let all = [own, shims].concat();
    let (watch, before) = (Stopwatch::start(), usage::cpu_seconds(&all));
    thread::sleep(IDLE);
    samples.add(
        "idle_cpu",
        (usage::cpu_seconds(&all) - before) / watch.elapsed().as_secs_f64() * 100.0,
    );
    let victims: Vec<i32> = PROGRAM.running().into_iter().take(KILLS).collect();
    let replaced: Result<Vec<f64>> = victims
        .into_iter()
        .map(|pid| PROGRAM.replaced(pid))
        .collect();
    let replaced = replaced?;
    for (key, share) in [("replace_p50", 0.5), ("replace_p99", 0.99)] {
        samples.add(
            key,
            quantile(&replaced, share).context("nothing ran")? * 1e3,
        );
    }
    remove(daemon)?;
    create(daemon, 100, samples, "start_100")?;
    remove(daemon)
}

fn create(daemon: &Daemon, count: u32, samples: &mut Samples, key: &str) -> Result<()> {
    let (count_text, seconds) = (count.to_string(), PROGRAM.0.to_string());
    let watch = Stopwatch::start();
    daemon.docker(&[
        "service",
        "create",
        "--detach",
        "--name=s",
        "--network=host",
        "--no-resolve-image",
        "--restart-delay=0s",
        "--stop-signal=SIGKILL",
        "--replicas",
        &count_text,
        "bench:1",
        "busybox",
        "sleep",
        &seconds,
    ])?;
    samples.add(key, PROGRAM.wait_for(count as usize, &watch)?);
    Ok(())
}

fn remove(daemon: &Daemon) -> Result<()> {
    daemon.docker(&["service", "rm", "s"])?;
    PROGRAM.wait_for(0, &Stopwatch::start()).map(drop)
}

/// The web server is on the machine's network, so no proxy of Docker's stands before it.
fn killed(daemon: &mut Daemon, samples: &mut Samples) -> Result<()> {
    let port = PORT.to_string();
    daemon.docker(&[
        "run",
        "--detach",
        "--restart=always",
        "--network=host",
        "bench:1",
        "busybox",
        "httpd",
        "-f",
        "-p",
        &port,
        "-h",
        "/www",
    ])?;
    let seconds = PROGRAM.0.to_string();
    for _ in 0..20 {
        daemon.docker(&[
            "run",
            "--detach",
            "--restart=always",
            "--network=host",
            "bench:1",
            "busybox",
            "sleep",
            &seconds,
        ])?;
    }
    PROGRAM.wait_for(20, &Stopwatch::start())?;
    let before = PROGRAM.running();
    let load = Load::start(&format!("http://127.0.0.1:{PORT}/"), 8, 20)?;
    thread::sleep(SETTLE);
    daemon.kill()?;
    thread::sleep(SETTLE / 2);
    let watch = Stopwatch::start();
    daemon.serve()?;
    PROGRAM.wait_for(20, &watch)?;
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
    Ok(())
}
