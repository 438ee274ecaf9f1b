//! FlixTube's blob store: videos and posters on one volume.

mod answer;
mod id;
mod log;
mod range;
mod store;

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tiny_http::{Request, Server};

use crate::log::Field;
use crate::store::{Limits, Store};

const IN_FLIGHT_MAX: usize = 128;
const DRAIN_MAX: Duration = Duration::from_millis(1_500);
const MIB: u64 = 1024 * 1024;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let port = number("PORT", 80)?;
    let folder = PathBuf::from(env::var("DATA_DIR").unwrap_or_else(|_| "/data".into()));
    let limits = Limits {
        blob_bytes_max: number("MAX_BLOB_MIB", 512)?.saturating_mul(MIB),
        store_bytes_max: number("MAX_STORE_MIB", 4096)?.saturating_mul(MIB),
    };
    let store = Arc::new(Store::open(&folder, limits).map_err(|error| format!("{}: {error}", folder.display()))?);
    let server = Arc::new(Server::http(format!("0.0.0.0:{port}"))?);
    stop_on_signal(Arc::clone(&server))?;
    log::line("start", &[("port", Field::Number(port))]);

    // A thread for each request in flight: a slow reader holds up nobody but itself.
    let in_flight = Arc::new(AtomicUsize::new(0));
    while let Ok(request) = server.recv() {
        let (store, in_flight) = (Arc::clone(&store), Arc::clone(&in_flight));
        if in_flight.fetch_add(1, SeqCst) >= IN_FLIGHT_MAX {
            drop(request.respond(answer::refusal(503, "too many requests at once")));
            in_flight.fetch_sub(1, SeqCst);
            continue;
        }
        thread::spawn(move || {
            serve(&store, request);
            in_flight.fetch_sub(1, SeqCst);
        });
    }
    let deadline = Instant::now() + DRAIN_MAX;
    while in_flight.load(SeqCst) > 0 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
    }
    log::line("stop", &[("cut_off", Field::Number(in_flight.load(SeqCst) as u64))]);
    Ok(())
}

fn serve(store: &Store, mut request: Request) {
    let began = Instant::now();
    let method = request.method().to_string();
    let path = request.url().split('?').next().unwrap_or_default().to_owned();
    let trace = answer::field(&request, "traceparent").unwrap_or_default().to_owned();
    let answer = answer::answer(store, &mut request);
    let status = u64::from(answer.status_code().0);
    // A reader that went away is the reader's affair.
    drop(request.respond(answer));
    if path == "/health" && status == 200 {
        return; // asked every second: only worth a line when it fails
    }
    let ms = began.elapsed().as_millis() as u64;
    let (method, path, trace) = (Field::Text(&method), Field::Text(&path), Field::Text(&trace));
    let (status, ms) = (Field::Number(status), Field::Number(ms));
    log::line("request", &[("method", method), ("path", path), ("status", status), ("ms", ms), ("trace", trace)]);
}

fn stop_on_signal(server: Arc<Server>) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            server.unblock();
        }
    });
    Ok(())
}

fn number(name: &str, default: u64) -> Result<u64, String> {
    match env::var(name) {
        Ok(text) => text.parse().map_err(|_| format!("{name} must be a number, not {text:?}")),
        Err(_) => Ok(default),
    }
}
