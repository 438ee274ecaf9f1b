//! What connections cost that are only there.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::load;
use super::machine::{Running, files};
use super::servers::{Ground, Ports, Who};
use crate::bench::samples::Samples;

const SETTLE: Duration = Duration::from_secs(2);
const IDLE: u64 = 10_000;
/// What a process has open besides.
pub(super) const SPARE_FILES: u64 = 200;
const MIB: f64 = 1024.0;

/// Memory of a proxy that has done nothing, that has 64 busy connections, and what one idle connection adds to it.
pub(super) fn measure(ground: &Ground, ours: &mut Samples, theirs: &mut Samples) -> Result<()> {
    let ondol = ground.ondol("memory", &ground.cores.proxy)?;
    thread::sleep(SETTLE);
    ours.add("rss_idle", ondol.process().rss_mb());
    let url = format!("http://127.0.0.1:{}/100", ondol.ports.plain);
    load::wrk(&ground.cores, &url, 64, 3, &[])?;
    ours.add("rss_64", ondol.process().rss_mb());
    drop(ondol);
    // What was let go of after a load would hide what connections take: each of them begins fresh.
    let ondol = ground.ondol("idle", &ground.cores.proxy)?;
    ours.add("rss_connection", each_kib(ondol.process(), ondol.ports)?);
    drop(ondol);
    let haproxy = ground.peer(Who::Haproxy, "idle-haproxy")?;
    theirs.add(
        &format!("rss_connection/{}", Who::Haproxy.name()),
        each_kib(&haproxy.process, haproxy.ports)?,
    );
    Ok(())
}

/// KiB for each connection that was used once and is kept.
fn each_kib(process: &Running, ports: Ports) -> Result<f64> {
    // One file at each end, which is a process of its own: they are used one after another, so that the proxy needs
    // hardly any connection to the service.
    let count = IDLE.min(files().saturating_sub(SPARE_FILES));
    let first = [once(ports, 0)?, once(ports, 1)?];
    thread::sleep(SETTLE);
    let before = process.rss_mb();
    let held = (0..count)
        .map(|number| once(ports, number))
        .collect::<Result<Vec<_>>>()?;
    thread::sleep(SETTLE);
    let kib = (process.rss_mb() - before) * MIB / held.len() as f64;
    drop((first, held));
    Ok(kib)
}

/// A connection that had one answer. By turns to two listeners: one alone may not take most of what Ondol may open.
fn once(ports: Ports, number: u64) -> Result<TcpStream> {
    let (port, path) = match number % 2 {
        0 => (ports.plain, "/100"),
        _ => (ports.features, "/r1/100"),
    };
    let mut stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n").as_bytes())?;
    let mut answer = [0; 1024];
    let mut length = 0;
    // The body is 100 times the same letter.
    while !answer[..length].ends_with(b"xxxxxxxxxx") {
        let more = stream.read(&mut answer[length..])?;
        ensure!(more > 0, "a connection ended before its answer");
        length += more;
    }
    Ok(stream)
}
