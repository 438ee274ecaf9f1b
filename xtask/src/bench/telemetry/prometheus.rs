//! Debian's Prometheus, on the same pages.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::generator::TARGETS;
use super::server::{Running, Server};

pub(super) const NAME: &str = "Prometheus 2.42";

pub(super) fn server(dir: &Path, pages: u16) -> Result<Server> {
    fs::create_dir_all(dir)?;
    let config = dir.join("prometheus.yml");
    let mut text = "global: {scrape_interval: 1s}\nscrape_configs:\n".to_owned();
    for target in 0..TARGETS {
        text += &format!(
            "  - {{job_name: bench{target}, metrics_path: /prometheus/{target}, static_configs: [{{targets: [\"127.0.0.1:{pages}\"]}}]}}\n"
        );
    }
    fs::write(&config, text)?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut command = Command::new("prometheus");
    command
        .current_dir(dir)
        .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--web.enable-admin-api");
    let ready = "/-/ready";
    Ok(Server {
        command,
        port,
        ready,
    })
}

/// Bytes of the block that it makes of everything, for each sample in it.
pub(super) fn sealed(running: &Running) -> Result<f64> {
    let url = format!(
        "http://127.0.0.1:{}/api/v1/admin/tsdb/snapshot",
        running.port()
    );
    let made = Command::new("curl")
        .args(["-sS", "-X", "POST", &url])
        .output();
    let made: Value = serde_json::from_slice(&made.context("`curl` is not here")?.stdout)?;
    let name = made["data"]["name"]
        .as_str()
        .context("no snapshot was made")?;
    let data = Path::new("/proc")
        .join(running.pid().to_string())
        .join("cwd/data/snapshots");
    let (mut bytes, mut samples) = (0, 0.0);
    for block in fs::read_dir(data.join(name))? {
        let block = block?.path();
        let meta: Value = serde_json::from_slice(&fs::read(block.join("meta.json"))?)?;
        samples += meta["stats"]["numSamples"].as_f64().unwrap_or_default();
        let chunks = fs::read_dir(block.join("chunks"))?
            .flatten()
            .map(|chunk| chunk.path());
        for file in [block.join("index")].into_iter().chain(chunks) {
            bytes += fs::metadata(file)?.len();
        }
    }
    Ok(bytes as f64 / samples)
}
