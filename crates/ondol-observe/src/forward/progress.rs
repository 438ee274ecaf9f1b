//! How far the receiver is, and the file that remembers it.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The time that is sent at once when there is much to catch up with.
const WINDOW_MS: i64 = 60_000;

/// How far it is. In milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    version: u32,
    /// Who it is about.
    receiver: String,
    /// It has everything up to here,
    pub(super) done_ms: i64,
    /// and perhaps some of what comes until here, which is sent again as it was.
    until_ms: i64,
}

impl Progress {
    /// What is known of this receiver, or that it begins now; and how much of the time in between is not kept any more.
    pub(super) fn load(file: &Path, receiver: &str, keep_ms: i64, now_ms: i64) -> (Self, i64) {
        let known = fs::read(file).ok();
        let known = known.and_then(|text| serde_json::from_slice::<Progress>(&text).ok());
        let known = known.filter(|known| known.version == 1 && known.receiver == receiver);
        let mut progress = known.unwrap_or_else(|| Progress {
            version: 1,
            receiver: receiver.to_owned(),
            done_ms: now_ms,
            until_ms: now_ms,
        });
        let gone_ms = now_ms
            .saturating_sub(keep_ms)
            .saturating_sub(progress.done_ms);
        if gone_ms > 0 {
            progress.done_ms += gone_ms;
            progress.until_ms = progress.done_ms;
        }
        (progress, gone_ms.max(0))
    }

    /// The window that is sent next, its begin excluded; `None` as long as there is nothing older than `settled_ms`.
    pub(super) fn begin(&mut self, settled_ms: i64) -> Option<(i64, i64)> {
        if self.until_ms <= self.done_ms {
            self.until_ms = settled_ms.min(self.done_ms.saturating_add(WINDOW_MS));
        }
        (self.until_ms > self.done_ms).then_some((self.done_ms, self.until_ms))
    }

    /// There is too much in the window for once: it ends here.
    pub(super) fn shorten(&mut self, until_ms: i64) {
        self.until_ms = until_ms;
    }

    /// The receiver has it.
    pub(super) fn end(&mut self) {
        self.done_ms = self.until_ms;
    }

    /// Whole or not at all, so that it is whole after a power cut too.
    pub(super) fn save(&self, file: &Path) -> io::Result<()> {
        let new = file.with_extension("new");
        fs::write(&new, serde_json::to_vec(self)?)?;
        fs::File::open(&new)?.sync_all()?;
        fs::rename(new, file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(done_ms: i64, until_ms: i64) -> Progress {
        Progress {
            version: 1,
            receiver: "r".to_owned(),
            done_ms,
            until_ms,
        }
    }

    #[test]
    fn one_window_follows_the_other_up_to_what_has_settled() {
        let mut progress = at(0, 0);
        assert_eq!(progress.begin(100_000), Some((0, 60_000)));
        progress.end();
        assert_eq!(progress.begin(100_000), Some((60_000, 100_000)));
        progress.end();
        assert_eq!(progress.begin(100_000), None);
    }

    #[test]
    fn a_window_that_was_not_ended_comes_again_as_it_was() {
        let mut progress = at(5, 9);
        assert_eq!(progress.begin(100_000), Some((5, 9)));
        assert_eq!(progress.begin(200_000), Some((5, 9)));
    }

    #[test]
    fn a_clock_that_was_set_back_sends_nothing_until_it_is_there_again() {
        assert_eq!(at(1000, 1000).begin(10), None);
    }

    #[test]
    fn the_file_is_of_one_receiver_and_of_what_is_kept() {
        let file = std::env::temp_dir().join(format!("ondol-forward-{}", std::process::id()));
        at(1000, 2000).save(&file).unwrap();
        assert_eq!(Progress::load(&file, "r", 5000, 4000), (at(1000, 2000), 0));
        assert_eq!(
            Progress::load(&file, "r", 5000, 7500),
            (at(2500, 2500), 1500)
        );
        let (other, gone_ms) = Progress::load(&file, "s", 5000, 4000);
        assert_eq!((other.done_ms, other.until_ms, gone_ms), (4000, 4000, 0));
        fs::remove_file(file).unwrap();
    }
}
