//! FlixTube's blob store: videos and posters on one volume.

mod blobs;
mod clock;
mod http;
mod id;
mod log;
mod range;
mod signal;
mod store;

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crate::http::Server;
use crate::log::Field;
use crate::store::{Limits, Store};

const DRAIN_MAX: Duration = Duration::from_millis(1_500);
const SIGNAL_LOOK: Duration = Duration::from_millis(50);
const MIB: u64 = 1024 * 1024;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let port = number("PORT", 80)?;
    let folder = PathBuf::from(env::var("DATA_DIR").unwrap_or_else(|_| "/data".into()));
    let limits = Limits {
        blob_bytes_max: number("MAX_BLOB_MIB", 512)?.saturating_mul(MIB),
        store_bytes_max: number("MAX_STORE_MIB", 4096)?.saturating_mul(MIB),
    };
    let store = Store::open(&folder, limits).map_err(|error| format!("{}: {error}", folder.display()))?;
    signal::watch();
    let server = Server::start(&format!("0.0.0.0:{port}"), move |head, body| blobs::answer(&store, head, body))?;
    log::line("start", &[("port", Field::Number(port))]);

    while !signal::asked() {
        thread::sleep(SIGNAL_LOOK);
    }
    let cut_off = server.stop(DRAIN_MAX);
    log::line("stop", &[("cut_off", Field::Number(cut_off as u64))]);
    Ok(())
}

fn number(name: &str, default: u64) -> Result<u64, String> {
    match env::var(name) {
        Ok(text) => text.parse().map_err(|_| format!("{name} must be a number, not {text:?}")),
        Err(_) => Ok(default),
    }
}
