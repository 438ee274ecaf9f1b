//! Our side: the telemetry of a node, in a process that does nothing else.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use std::{io, net};

use anyhow::Result;
use clap::Args;
use ondol_observe::{Dialing, Scrape, Settings, Telemetry};
use ondol_telemetry::{
    Config, EventConfig, Events, Folder, Samples, SharedEvents, SharedSamples, Target,
};
use tokio::sync::mpsc;

use super::generator::TARGETS;
use super::server::{Server, memory_mb};
use crate::say;

/// The arguments of the process that is measured.
#[derive(Args)]
pub(super) struct Serve {
    /// Be the process that is measured, with this folder.
    #[arg(long = "serve", hide = true)]
    pub(super) dir: Option<PathBuf>,
    #[arg(long, hide = true, default_value_t = 0)]
    listen: u16,
    /// Where the pages are that are scraped; 0: nowhere.
    #[arg(long, hide = true, default_value_t = 0)]
    pages: u16,
}

/// What the process had before there was telemetry in it, written beside its stores.
const BEFORE: &str = "before";

pub(super) fn server(dir: &Path, pages: u16) -> Result<Server> {
    fs::create_dir_all(dir)?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["bench", "telemetry", "--listen", &port.to_string()])
        .args(["--pages", &pages.to_string(), "--serve"])
        .arg(dir);
    let ready = "/ready";
    Ok(Server {
        command,
        port,
        ready,
    })
}

/// The process that is measured.
pub(super) fn be(dir: &Path, serve: &Serve) -> Result<()> {
    let before_mb = memory_mb(std::process::id().cast_signed(), "VmRSS");
    fs::write(dir.join(BEFORE), before_mb.to_string())?;
    let (said, mut heard) = mpsc::unbounded_channel();
    let settings = Settings {
        dir: dir.to_owned(),
        samples: Config::default(),
        events: EventConfig::default(),
        forward: None,
        forward_events: None,
        external_url: None,
        version: env!("CARGO_PKG_VERSION"),
    };
    let (telemetry, running) = Telemetry::start(settings, said)?;
    telemetry.listen(TcpListener::bind(("127.0.0.1", serve.listen))?)?;
    if serve.pages > 0 {
        telemetry.scrape(
            (0..TARGETS)
                .map(|target| scrape(target, serve.pages))
                .collect(),
        );
    }
    // Until we are killed, or the one who measures is gone.
    io::stdin().read_line(&mut String::new())?;
    running.leave();
    while let Ok(complaint) = heard.try_recv() {
        say::line(&complaint);
    }
    Ok(())
}

fn scrape(target: usize, port: u16) -> Scrape {
    let dial = move || -> Dialing {
        Box::pin(async move { net::TcpStream::connect(("127.0.0.1", port)) })
    };
    let label = |name: &str, value: String| (name.to_owned(), value);
    Scrape {
        target: Target {
            key: target.to_string(),
            labels: vec![
                label("instance", format!("127.0.0.1:{port}")),
                label("job", format!("bench{target}")),
            ],
        },
        dial: Arc::new(dial),
        host: "127.0.0.1".to_owned(),
        path: format!("/ondol/{target}"),
        interval: Duration::from_secs(1),
        expected: true,
    }
}

/// What the process had before there was telemetry in it.
pub(super) fn before_mb(dir: &Path) -> Result<f64> {
    Ok(fs::read_to_string(dir.join(BEFORE))?.parse()?)
}

/// Which of the stores.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Samples,
    Events,
}

/// Bytes of all segments once everything is in them, and how many samples or events that is. Nobody else may be at work
/// in the folder.
pub(super) fn sealed(dir: &Path, kind: Kind) -> Result<(f64, f64)> {
    let now_ms = now_ms()?;
    match kind {
        Kind::Samples => {
            let folder = Arc::new(Folder::open(&dir.join("samples"))?);
            let samples = SharedSamples::new(Samples::open(folder, Config::default())?.0);
            samples.seal(now_ms)?;
            samples.maintain(now_ms)?;
            let status = samples.read().status();
            Ok((status.segment_bytes as f64, status.segment_samples as f64))
        }
        Kind::Events => {
            let folder = Arc::new(Folder::open(&dir.join("events"))?);
            let events = SharedEvents::new(Events::open(folder, EventConfig::default())?.0);
            events.seal(now_ms)?;
            events.maintain(now_ms)?;
            let status = events.read().status();
            Ok((status.segment_bytes as f64, status.segment_events as f64))
        }
    }
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> Result<i64> {
    let now = crate::clock::since_1970();
    Ok(i64::try_from(now.as_millis())?)
}
