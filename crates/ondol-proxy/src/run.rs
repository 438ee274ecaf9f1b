use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::mpsc;

use crate::control::Control;
use crate::gate::Gates;
use crate::limits::Limits;
use crate::worker::{self, Crew};

/// A worker's stack. Its tasks live on the heap; what is not touched costs nothing.
const WORKER_STACK_BYTES: usize = 1 << 20;

/// What `ondol proxy` is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Unix socket that the node connects to; replaced when it exists.
    pub control_socket: PathBuf,
    /// Folder for the last good snapshot; made when it is missing.
    pub state_folder: PathBuf,
    /// Threads that serve traffic; 0 takes one per core that this process may use.
    pub workers: usize,
}

/// Serves until SIGTERM or SIGINT: then no connection is accepted any more, and requests get 10 s to finish.
///
/// Call it before any thread or runtime is started. Exit code 0 after a signal; 1 when it could not start or a worker
/// died, with one sentence on `errors`.
pub fn run(options: &Options, errors: &mut dyn Write) -> ExitCode {
    match serve(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // When even that cannot be written, the exit code has to say it.
            let _ = writeln!(errors, "ondol proxy: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(options: &Options) -> io::Result<()> {
    let limits = limits_here();
    let count = match options.workers {
        0 => thread::available_parallelism().map_or(1, usize::from),
        count => count,
    };
    let (crew, inboxes) = Crew::new(count, Gates::new(limits.cache_bytes_max));
    let crew = Arc::new(crew);
    let (ended, mut endings) = mpsc::unbounded_channel();
    for (index, inbox) in inboxes.into_iter().enumerate() {
        let (crew, ended) = (crew.clone(), ended.clone());
        thread::Builder::new()
            .name(format!("worker-{index}"))
            .stack_size(WORKER_STACK_BYTES)
            .spawn(move || {
                let run = AssertUnwindSafe(|| worker::run(index, crew, inbox, limits));
                let outcome = catch_unwind(run)
                    .unwrap_or_else(|_| Err(io::Error::other("a worker panicked")));
                // The control thread is gone when it no longer listens.
                let _ = ended.send(outcome);
            })?;
    }
    drop(ended);
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let mut control = Control::open(options, crew)?;
            control.run(&mut endings).await
        })
}

/// The limits, lowered to what this process may open. Its own limit is first raised as far as that is allowed.
fn limits_here() -> Limits {
    let allowed = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: allowed.maximum,
        ..allowed
    };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => raised.current,
        Err(_) => allowed.current,
    };
    let mut limits = Limits::DEFAULT;
    if let Some(files) = files {
        // A connection needs up to two files, and one crowded listener must leave room for another.
        let share = u32::try_from(files / 3).unwrap_or(u32::MAX);
        limits.connections_per_listener_max = limits.connections_per_listener_max.min(share);
    }
    limits
}
