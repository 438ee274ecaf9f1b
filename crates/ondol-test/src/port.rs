use std::net::TcpListener;
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Result, bail};

/// A port that nobody listens on now, and that nobody else is given: below those that the kernel and services without
/// a network of their own take for themselves.
pub fn free_port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 12_000 + (process::id() % 60) as u16 * 100;
    for _ in 0..100 {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed) % 100;
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port from {first} on is free")
}
