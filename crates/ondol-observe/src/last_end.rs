//! How the run before this one ended, and what that cost.
//!
//! A run leaves a mark while it lasts and takes it back when it leaves. One that finds the mark of another knows that the
//! other was killed, or that its machine stopped: the two lose different things, and the machine's boot id tells them
//! apart.

use std::fs;
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use ondol_telemetry::Durability;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::stores::Reopened;

const FILE: &str = "run.json";
const VERSION: u32 = 1;
/// Changes whenever the machine starts.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The run that lasts, or the one that left last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    version: u32,
    /// Of the machine that it runs on.
    boot: String,
    /// When it left, in milliseconds since 1970; not there while it lasts.
    left_ms: Option<i64>,
}

/// How the run before ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// As it should.
    Left,
    /// The machine went on: what was written is there, whether it was synchronised or not.
    Killed,
    /// What was not synchronised may be gone.
    MachineStopped,
}

/// How the run before this one ended.
#[derive(Clone, Debug)]
pub(crate) struct LastEnd {
    how: How,
    /// When it wrote for the last time, in milliseconds since 1970.
    at_ms: i64,
    /// When this one began.
    again_ms: i64,
    /// How much of what it had answered for may be gone.
    lost_ms_max: u64,
    reopened: Reopened,
}

impl LastEnd {
    /// What the mark in `dir` says, which is this run's from now on. `written_ms` is when something was written there for
    /// the last time, `None` when that never was. An error is that the next run will not know how this one ended.
    pub(crate) fn find(
        dir: &Path,
        written_ms: Option<i64>,
        durability: Durability,
        reopened: Reopened,
        now_ms: i64,
    ) -> (Option<Self>, io::Result<()>) {
        let boot = fs::read_to_string(BOOT_ID).unwrap_or_default();
        let before = fs::read(dir.join(FILE)).ok();
        let before = before.and_then(|text| serde_json::from_slice::<Run>(&text).ok());
        let before = before.filter(|before| before.version == VERSION);
        let marked = mark(dir, &boot, None);
        let end = before.map(|before| {
            let how = how(&before, &boot);
            LastEnd {
                how,
                at_ms: before.left_ms.or(written_ms).unwrap_or(now_ms),
                again_ms: now_ms,
                lost_ms_max: match (how, durability) {
                    (How::MachineStopped, Durability::Every { ms }) => ms,
                    _ => 0,
                },
                reopened,
            }
        });
        (end, marked)
    }

    /// For those who ask.
    pub(crate) fn json(&self) -> Value {
        json!({
            "how": match self.how {
                How::Left => "left",
                How::Killed => "killed",
                How::MachineStopped => "machine stopped",
            },
            "at_unix_ms": self.at_ms,
            "away_ms": self.away_ms(),
            "lost_ms_max": self.lost_ms_max,
            "replayed_samples": self.reopened.samples,
            "replayed_events": self.reopened.events,
            "damages": self.reopened.damages,
            "summary": self.summary(),
        })
    }

    /// A line for the log of the node; none when there is nothing to say.
    pub(crate) fn line(&self) -> Option<String> {
        (self.how != How::Left).then(|| format!("telemetry: {}", self.summary()))
    }

    /// In a sentence: how it ended, what that cost.
    fn summary(&self) -> String {
        let away = format!("{:.1} s", self.away_ms() as f64 / 1000.0);
        let ended = match self.how {
            How::Left => return format!("the run before left {away} ago; nothing was lost"),
            How::Killed => format!("the run before was killed {away} before this one began"),
            How::MachineStopped => format!("the machine stopped {away} before this run began"),
        };
        let Reopened {
            samples,
            events,
            damages,
        } = &self.reopened;
        let again = format!("{samples} samples and {events} lines and spans were read again");
        let cost = match (damages.len(), self.lost_ms_max) {
            (0, 0) => "nothing that had been taken in was lost".to_owned(),
            (0, ms) => {
                format!("of what was taken in within {ms} ms before that, some may be lost")
            }
            (_, ms) => format!(
                "lost, and of what was taken in within {ms} ms before that perhaps more: {}",
                damages.join("; ")
            ),
        };
        format!("{ended}; {again}; {cost}; nothing was measured meanwhile")
    }

    fn away_ms(&self) -> i64 {
        self.again_ms.saturating_sub(self.at_ms).max(0)
    }
}

fn how(before: &Run, boot: &str) -> How {
    match before.left_ms {
        Some(_) => How::Left,
        None if before.boot == boot => How::Killed,
        None => How::MachineStopped,
    }
}

/// This run leaves, and everything lasts.
pub(crate) fn left(dir: &Path, now_ms: i64) -> io::Result<()> {
    let boot = fs::read_to_string(BOOT_ID).unwrap_or_default();
    mark(dir, &boot, Some(now_ms))
}

/// Whole or not at all, so that it is whole after a power cut too.
fn mark(dir: &Path, boot: &str, left_ms: Option<i64>) -> io::Result<()> {
    let run = Run {
        version: VERSION,
        boot: boot.to_owned(),
        left_ms,
    };
    let new = dir.join("run.json.new");
    fs::write(&new, serde_json::to_vec(&run)?)?;
    fs::File::open(&new)?.sync_all()?;
    fs::rename(new, dir.join(FILE))
}

/// When something was written into one of these folders for the last time, in milliseconds since 1970.
pub(crate) fn written_ms(folders: &[&Path]) -> Option<i64> {
    let files = folders
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok());
    let times = files.flatten().flatten().filter_map(|file| {
        let modified = file.metadata().ok()?.modified().ok()?;
        let since = modified.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(since.as_millis()).ok()
    });
    times.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(boot: &str, left_ms: Option<i64>) -> Run {
        Run {
            version: VERSION,
            boot: boot.to_owned(),
            left_ms,
        }
    }

    #[test]
    fn a_killed_run_and_a_stopped_machine_are_told_apart() {
        assert_eq!(how(&run("a", Some(1)), "a"), How::Left);
        assert_eq!(how(&run("a", None), "a"), How::Killed);
        assert_eq!(how(&run("a", None), "b"), How::MachineStopped);
    }

    #[test]
    fn it_says_what_was_lost_or_that_nothing_was() {
        let end = |how, lost_ms_max, damages: &[&str]| LastEnd {
            how,
            at_ms: 1000,
            again_ms: 3500,
            lost_ms_max,
            reopened: Reopened {
                samples: 7,
                events: 3,
                damages: damages.iter().map(|&damage| damage.to_owned()).collect(),
            },
        };
        assert_eq!(
            end(How::Killed, 0, &[]).summary(),
            "the run before was killed 2.5 s before this one began; 7 samples and 3 lines and spans were read again; \
             nothing that had been taken in was lost; nothing was measured meanwhile"
        );
        let cut = end(How::MachineStopped, 1000, &[]).summary();
        assert!(
            cut.contains("within 1000 ms before that, some may be lost"),
            "{cut}"
        );
        let torn = end(How::MachineStopped, 1000, &["metrics: x was torn"]).summary();
        assert!(torn.contains("perhaps more: metrics: x was torn"), "{torn}");
        assert_eq!(end(How::Left, 0, &[]).line(), None);
    }

    #[test]
    fn the_first_run_has_none_before_it_and_each_other_knows_how_the_last_ended() {
        let dir = std::env::temp_dir().join(format!("ondol-last-end-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let find = || {
            let durability = Durability::Strict;
            let (end, marked) = LastEnd::find(&dir, Some(5), durability, Reopened::default(), 10);
            marked.unwrap();
            end.map(|end| (end.how, end.at_ms))
        };
        assert_eq!(find(), None);
        assert_eq!(find(), Some((How::Killed, 5)));
        left(&dir, 8).unwrap();
        assert_eq!(find(), Some((How::Left, 8)));
        fs::remove_dir_all(dir).unwrap();
    }
}
