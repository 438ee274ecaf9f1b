use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

/// Pieces that wait for the disk; each has the size of a [`super::line::LineBuffer`].
const JOBS_MAX: usize = 32;
/// How long a proxy that ends waits for the disk.
const FINISH_MAX: Duration = Duration::from_secs(2);

/// Writes access logs on a thread of its own, so that a slow disk holds up no request. The thread is started for the
/// first line.
#[derive(Debug, Default)]
pub(crate) struct LogWriter {
    jobs: OnceLock<Option<SyncSender<Job>>>,
    /// Lines that could not be written.
    lost: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Job {
    Write(Piece),
    /// Say when everything before this is written.
    Done(SyncSender<()>),
}

/// Whole lines for one file.
#[derive(Debug)]
pub(crate) struct Piece {
    pub path: Arc<Path>,
    pub bytes: Vec<u8>,
    pub lines: u64,
}

impl LogWriter {
    /// Has it written soon; lost, when too much waits already.
    pub(crate) fn write(&self, piece: Piece) {
        let lines = piece.lines;
        let writer = self.jobs.get_or_init(|| start(self.lost.clone()));
        let taken = writer
            .as_ref()
            .is_some_and(|writer| writer.try_send(Job::Write(piece)).is_ok());
        if !taken {
            self.lost.fetch_add(lines, Ordering::Relaxed);
        }
    }

    /// Waits until everything is written, but not for ever.
    pub(crate) fn finish(&self) {
        if let Some(Some(writer)) = self.jobs.get() {
            let (done, all_written) = sync_channel(1);
            let asked = writer.try_send(Job::Done(done)).is_ok();
            // Its answer says nothing but that it came.
            let _ = asked.then(|| all_written.recv_timeout(FINISH_MAX));
        }
    }

    /// Lines that were lost since this was asked last.
    pub(crate) fn take_lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }
}

fn start(lost: Arc<AtomicU64>) -> Option<SyncSender<Job>> {
    let (sender, jobs) = sync_channel(JOBS_MAX);
    let thread = thread::Builder::new().name("access-log".to_owned());
    thread
        .spawn(move || work(&jobs, &lost))
        .ok()
        .map(|_| sender)
}

fn work(jobs: &Receiver<Job>, lost: &AtomicU64) {
    let mut files: BTreeMap<Arc<Path>, File> = BTreeMap::new();
    while let Ok(job) = jobs.recv() {
        let piece = match job {
            Job::Write(piece) => piece,
            Job::Done(done) => {
                // Who asked may have stopped waiting.
                let _ = done.try_send(());
                continue;
            }
        };
        if write(&mut files, &piece).is_err() {
            // Opened again the next time: the folder may be back by then, and the disk have room.
            files.remove(&piece.path);
            lost.fetch_add(piece.lines, Ordering::Relaxed);
        }
    }
}

fn write(files: &mut BTreeMap<Arc<Path>, File>, piece: &Piece) -> io::Result<()> {
    let open = files.get(&piece.path);
    if !open.is_some_and(|file| is_at(file, &piece.path)) {
        let file = File::options()
            .create(true)
            .append(true)
            .open(&piece.path)?;
        files.insert(piece.path.clone(), file);
    }
    match files.get_mut(&piece.path) {
        Some(file) => file.write_all(&piece.bytes),
        None => Ok(()),
    }
}

/// Whether a file is still the one of that name: it may have been renamed, to be packed and put away.
fn is_at(file: &File, path: &Path) -> bool {
    let same = |one: std::fs::Metadata, other: std::fs::Metadata| {
        (one.dev(), one.ino()) == (other.dev(), other.ino())
    };
    let both = file.metadata().and_then(|one| Ok((one, path.metadata()?)));
    both.is_ok_and(|(one, other)| same(one, other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_was_renamed_is_begun_anew_and_what_cannot_be_written_is_counted() {
        let folder = std::env::temp_dir().join(format!("ondol-access-log-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (log, old) = (folder.join("access.log"), folder.join("access.log.1"));
        let writer = LogWriter::default();
        let write = |path: &Path, text: &str| {
            writer.write(Piece {
                path: path.into(),
                bytes: text.as_bytes().to_vec(),
                lines: 1,
            });
        };
        let read = |path: &Path| {
            writer.finish();
            std::fs::read_to_string(path).unwrap()
        };
        write(&log, "one\n");
        write(&log, "two\n");
        assert_eq!(read(&log), "one\ntwo\n");
        std::fs::rename(&log, &old).unwrap();
        write(&log, "three\n");
        assert_eq!(
            (read(&log), read(&old)),
            ("three\n".into(), "one\ntwo\n".into())
        );
        write(&folder.join("missing/access.log"), "lost\n");
        writer.finish();
        assert_eq!(writer.take_lost(), 1);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
