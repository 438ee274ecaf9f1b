//! Change under load: endpoints, routes, and the program itself.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::load::{self, Load};
use super::ours::Ondol;
use super::servers::Ground;
use crate::bench::samples::{Samples, quantile};
use crate::clock::Stopwatch;

const CONNECTIONS: u32 = 16;
const SWAP: Duration = Duration::from_millis(20);
/// Of so many changes of endpoints, one comes with a new snapshot.
const SWAPS_PER_SNAPSHOT: u32 = 10;
const LOOKS: u32 = 200;
const PATIENCE: Duration = Duration::from_secs(10);
const SOCKETS: usize = 50;
/// Loads with and without changes take turns that short, because the machine is not the same all the time.
const SLICE_SECONDS: u32 = 5;

/// How long it takes until a request is answered in the new way, after the proxy was told.
pub(super) fn visible(ground: &Ground, ours: &mut Samples) -> Result<()> {
    let mut ondol = ground.ondol("visible", &ground.cores.proxy)?;
    let mut client = Client::connect(ondol.ports.plain)?;
    let (mut endpoints, mut routes) = (Vec::new(), Vec::new());
    for turn in 1..=LOOKS {
        let to = ground.upstream.at[turn as usize % 2];
        let watch = Stopwatch::start();
        ondol.move_to(&[to])?;
        endpoints.push(until(&watch, || {
            Ok(client.ask("any", "/who")?.ends_with(&to.to_string()))
        })?);
        let host = format!("host{turn}");
        let watch = Stopwatch::start();
        ondol.set_route(&host, true)?;
        routes.push(until(&watch, || {
            Ok(client.ask(&host, "/")?.ends_with("here\n"))
        })?);
    }
    for (key, times) in [("visible_endpoint", endpoints), ("visible_route", routes)] {
        ours.add(key, quantile(&times, 0.99).context("nothing was changed")?);
    }
    Ok(())
}

/// Milliseconds until it is so.
fn until(watch: &Stopwatch, mut is_so: impl FnMut() -> Result<bool>) -> Result<f64> {
    while !is_so()? {
        ensure!(
            watch.elapsed() < PATIENCE,
            "a change is not seen after {PATIENCE:?}"
        );
    }
    Ok(watch.elapsed().as_secs_f64() * 1e3)
}

/// 50 changes of endpoints and 5 snapshots a second for so many `seconds`, and as much time without.
pub(super) fn swaps(
    ground: &Ground,
    seconds: u32,
    ours: &mut Samples,
    theirs: &mut Samples,
) -> Result<()> {
    let mut ondol = ground.ondol("swaps", &ground.cores.proxy)?;
    let url = format!("http://127.0.0.1:{}/100", ondol.ports.plain);
    let (mut calm, mut moved) = (Vec::new(), Vec::new());
    let mut failed = 0.0;
    for _ in 0..seconds.div_ceil(SLICE_SECONDS) {
        let load = load::wrk(&ground.cores, &url, CONNECTIONS, SLICE_SECONDS, &[])?;
        calm.push(load.per_second);
        let load = under_swaps(ground, &mut ondol, &url, SLICE_SECONDS)?;
        failed += load.failed;
        moved.push(load.per_second);
    }
    ours.add("swaps_failed", failed);
    ours.add("swaps", quantile(&moved, 0.5).unwrap_or_default());
    theirs.add("swaps/without", quantile(&calm, 0.5).unwrap_or_default());
    Ok(())
}

fn under_swaps(ground: &Ground, ondol: &mut Ondol, url: &str, seconds: u32) -> Result<Load> {
    thread::scope(|scope| {
        let load = scope.spawn(|| load::wrk(&ground.cores, url, CONNECTIONS, seconds, &[]));
        let mut turn = 0;
        while !load.is_finished() {
            // The second endpoint comes and goes, as replicas do that are replaced one after another.
            ondol.move_to(&ground.upstream.at[..1 + turn as usize % 2])?;
            if turn % SWAPS_PER_SNAPSHOT == 0 {
                ondol.set_route("sometimes", turn % (2 * SWAPS_PER_SNAPSHOT) == 0)?;
            }
            turn += 1;
            thread::sleep(SWAP);
        }
        load.join()
            .map_err(|_| anyhow::anyhow!("the load panicked"))?
    })
}

/// Another process takes over under load, twice, while sockets are open: connections refused, and cut off.
pub(super) fn upgrade(ground: &Ground, ours: &mut Samples) -> Result<()> {
    let mut ondol = ground.ondol("upgrade", &ground.cores.proxy)?;
    let port = ondol.ports.plain;
    let url = format!("http://127.0.0.1:{port}/100");
    let (load, broken) = thread::scope(|scope| {
        let load = scope.spawn(|| load::wrk(&ground.cores, &url, CONNECTIONS, 8, &[]));
        let mut sockets = (0..SOCKETS)
            .map(|_| Client::switched(port))
            .collect::<Result<Vec<_>>>()?;
        let mut broken = 0;
        let mut leaving = Vec::new();
        for _ in 0..2 {
            thread::sleep(Duration::from_secs(1));
            leaving.push(ondol.replace()?);
            for _ in 0..5 {
                thread::sleep(Duration::from_millis(200));
                let before = sockets.len();
                sockets.retain_mut(|socket| socket.echoes("still here").is_ok());
                broken += before - sockets.len();
            }
        }
        let load = load
            .join()
            .map_err(|_| anyhow::anyhow!("the load panicked"))??;
        anyhow::Ok((load, broken))
    })?;
    ours.add("upgrade", load.failed + broken as f64);
    Ok(())
}

/// As much of a client as one machine needs to talk to itself.
struct Client(TcpStream);

impl Client {
    fn connect(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Client(stream))
    }

    /// One that has switched to another protocol.
    fn switched(port: u16) -> Result<Self> {
        let mut client = Client::connect(port)?;
        client.0.write_all(
            b"GET /socket HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n",
        )?;
        let head = client.head()?;
        ensure!(head.starts_with("HTTP/1.1 101"), "no switch: {head}");
        Ok(client)
    }

    fn echoes(&mut self, word: &str) -> Result<()> {
        self.0.write_all(word.as_bytes())?;
        let mut echo = vec![0; word.len()];
        self.0.read_exact(&mut echo)?;
        ensure!(echo == word.as_bytes(), "another echo");
        Ok(())
    }

    /// The head and the body of an answer that says its length.
    fn ask(&mut self, host: &str, path: &str) -> Result<String> {
        self.0
            .write_all(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())?;
        let mut answer = self.head()?;
        let length = answer.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse().ok())?
        });
        let mut body = vec![0; length.context("an answer without its length")?];
        self.0.read_exact(&mut body)?;
        answer.push_str(&String::from_utf8_lossy(&body));
        Ok(answer)
    }

    fn head(&mut self) -> Result<String> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            self.0.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        Ok(String::from_utf8(head)?)
    }
}
