use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::story::{play, retell};

/// A simulation stops after so many failing seeds: one is enough to work on.
const FAILURES_MAX: usize = 3;

/// Which seeds are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many.
    pub seeds: u64,
    /// Steps of each.
    pub steps: u32,
    /// The first.
    pub start_seed: u64,
    /// Played at once.
    pub threads: usize,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Seeds that were played.
    pub seeds: u64,
    /// Steps that were taken.
    pub steps: u64,
    /// Those that failed, by seed.
    pub failures: Vec<Failure>,
}

/// A seed that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Which.
    pub seed: u64,
    /// Its shortest story, and the command that tells it again.
    pub story: String,
}

/// Plays the seeds.
pub fn run(options: Options) -> Report {
    let next = AtomicU64::new(0);
    let full = AtomicBool::new(false);
    let steps = AtomicU64::new(0);
    let played = AtomicU64::new(0);
    let failures = Mutex::new(Vec::new());
    let work = || {
        while !full.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= options.seeds {
                break;
            }
            let seed = options.start_seed.wrapping_add(index);
            let outcome = play(seed, options.steps);
            played.fetch_add(1, Ordering::Relaxed);
            steps.fetch_add(outcome.steps.into(), Ordering::Relaxed);
            let Some(violation) = outcome.violation else {
                continue;
            };
            let story = retell(seed, options.steps).unwrap_or(violation);
            if let Ok(mut failures) = failures.lock() {
                failures.push(Failure { seed, story });
                full.store(failures.len() >= FAILURES_MAX, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..options.threads {
            scope.spawn(work);
        }
        work();
    });
    let mut failures = failures.into_inner().unwrap_or_default();
    failures.sort_by_key(|failure: &Failure| failure.seed);
    Report {
        seeds: played.into_inner(),
        steps: steps.into_inner(),
        failures,
    }
}
