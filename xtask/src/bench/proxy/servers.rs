//! All that is measured side by side: Ondol and four others from Debian's packages, each on the same core, each with
//! one worker, before the same service.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::configurations as written;
use super::machine::{Cores, Running};
use super::ours::Ondol;
use super::upstream::Upstream;
use crate::clock::Stopwatch;
use crate::{command, say};

/// Routes of the table with everything on.
pub(super) const ROUTES: u32 = 100;
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Who {
    Ondol,
    /// With two workers, on two cores.
    OndolOfTwo,
    /// Counts, traces, and writes a log where everything is on.
    OndolWatched,
    Nginx,
    Haproxy,
    Varnish,
    Caddy,
}

impl Who {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Who::Ondol => "Ondol",
            Who::OndolOfTwo => "Ondol, two workers",
            Who::OndolWatched => "Ondol, counting and tracing",
            Who::Nginx => "nginx",
            Who::Haproxy => "HAProxy",
            Who::Varnish => "Varnish",
            Who::Caddy => "Caddy",
        }
    }
}

/// What a port does; 0 where a server has none of the kind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ports {
    pub(super) plain: u16,
    /// Hundred routes, two endpoints, limits, traces, a log.
    pub(super) features: u16,
    pub(super) tls: u16,
    /// Answers are kept.
    pub(super) kept: u16,
}

/// A certificate for this run, ECDSA P-256.
pub(super) struct Trust {
    pub(super) chain_pem: String,
    pub(super) key_pem: String,
}

/// The machine, the service and where everybody's files are.
pub(super) struct Ground {
    pub(super) cores: Cores,
    pub(super) scratch: PathBuf,
    pub(super) binary: PathBuf,
    pub(super) upstream: Upstream,
    pub(super) trust: Trust,
}

impl Ground {
    pub(super) fn prepare(binary: PathBuf) -> Result<Self> {
        let scratch = std::env::temp_dir().join(format!("ondol-bench-{}", std::process::id()));
        fs::create_dir_all(&scratch).context("no place to work")?;
        let cores = Cores::here()?;
        Ok(Ground {
            trust: certificate(&scratch)?,
            upstream: Upstream::start(&cores)?,
            cores,
            scratch,
            binary,
        })
    }

    /// Ondol, with one worker for each of `cores`.
    pub(super) fn ondol(&self, name: &str, cores: &str) -> Result<Ondol> {
        Ondol::start(
            &self.binary,
            cores,
            &self.scratch.join(name),
            self.upstream.at,
            &self.trust,
        )
    }

    /// One of the others; the error is why it is not there.
    pub(super) fn peer(&self, who: Who, name: &str) -> Result<Peer> {
        let dir = self.scratch.join(name);
        fs::create_dir_all(&dir)?;
        let ports = free_ports()?;
        let (command, ports) = match who {
            Who::Nginx => (written::nginx(&dir, ports, self.upstream.at)?, ports),
            Who::Haproxy => (
                written::haproxy(&dir, ports, self.upstream.at)?,
                Ports { kept: 0, ..ports },
            ),
            Who::Varnish => (
                written::varnish(&dir, ports, self.upstream.at)?,
                Ports {
                    kept: ports.kept,
                    ..Ports::default()
                },
            ),
            Who::Caddy => (
                written::caddy(&dir, ports, self.upstream.at)?,
                Ports {
                    plain: ports.plain,
                    ..Ports::default()
                },
            ),
            Who::Ondol | Who::OndolOfTwo | Who::OndolWatched => {
                anyhow::bail!("it is not one of the others")
            }
        };
        let process = Running::start(&self.cores.proxy, &command)?;
        for port in [ports.plain, ports.features, ports.tls, ports.kept] {
            await_port(port).with_context(|| format!("{} does not listen", who.name()))?;
        }
        Ok(Peer { process, ports })
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.scratch) {
            say::line(&format!(
                "bench: {} is left behind: {error}",
                self.scratch.display()
            ));
        }
    }
}

pub(super) struct Peer {
    pub(super) process: Running,
    pub(super) ports: Ports,
}

/// Everybody who is compared by load; those that could not be started are said once and left out.
pub(super) struct Servers {
    ondol: Ondol,
    ondol_of_two: Ondol,
    ondol_watched: Ondol,
    peers: Vec<(Who, Peer)>,
}

impl Servers {
    pub(super) fn start(ground: &Ground) -> Result<Self> {
        let mut peers = Vec::new();
        for who in [Who::Nginx, Who::Haproxy, Who::Varnish, Who::Caddy] {
            match ground.peer(who, who.name()) {
                Ok(peer) => peers.push((who, peer)),
                Err(error) => say::line(&format!("bench: without {}: {error:#}", who.name())),
            }
        }
        let mut ondol_watched = ground.ondol("watched", &ground.cores.proxy)?;
        ondol_watched.watch()?;
        Ok(Servers {
            ondol_watched,
            ondol: ground.ondol("one", &ground.cores.proxy)?,
            ondol_of_two: ground.ondol("two", &ground.cores.pair)?,
            peers,
        })
    }

    /// Its process and ports; `None` when it is not here.
    pub(super) fn get(&self, who: Who) -> Option<(&Running, Ports)> {
        match who {
            Who::Ondol => Some((self.ondol.process(), self.ondol.ports)),
            Who::OndolOfTwo => Some((self.ondol_of_two.process(), self.ondol_of_two.ports)),
            Who::OndolWatched => Some((self.ondol_watched.process(), self.ondol_watched.ports)),
            _ => {
                let (_, peer) = self.peers.iter().find(|(name, _)| *name == who)?;
                Some((&peer.process, peer.ports))
            }
        }
    }
}

fn certificate(scratch: &Path) -> Result<Trust> {
    let (chain, key) = (scratch.join("chain.pem"), scratch.join("key.pem"));
    let mut openssl = Command::new("openssl");
    openssl.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "30",
    ]);
    openssl.args([
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
    ]);
    command::output(openssl.arg("-keyout").arg(&key).arg("-out").arg(&chain))?;
    let trust = Trust {
        chain_pem: fs::read_to_string(chain)?,
        key_pem: fs::read_to_string(key)?,
    };
    // HAProxy wants both in one file.
    fs::write(
        scratch.join("both.pem"),
        format!("{}{}", trust.chain_pem, trust.key_pem),
    )?;
    Ok(trust)
}

fn free_ports() -> Result<Ports> {
    // Held together, so that no two are the same.
    let held: Vec<TcpListener> = (0..4)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<Result<_, _>>()?;
    let port = |at: usize| Ok::<_, std::io::Error>(held[at].local_addr()?.port());
    Ok(Ports {
        plain: port(0)?,
        features: port(1)?,
        tls: port(2)?,
        kept: port(3)?,
    })
}

fn await_port(port: u16) -> Result<()> {
    let watch = Stopwatch::start();
    while port != 0 && TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).is_err() {
        ensure!(
            watch.elapsed() < PATIENCE,
            "nobody at port {port} after {PATIENCE:?}"
        );
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
