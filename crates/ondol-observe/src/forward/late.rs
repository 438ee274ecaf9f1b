//! Lines and spans that came in when the window of their moment had been read.
//!
//! They wait in a file, as bodies, and go before the next window. A kill loses none of them; a power cut may take those
//! of the last moments from the receiver, not from here.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use ondol_ingest::Pair;
use ondol_ingest::otlp::Signal;
use ondol_query::Labels;
use ondol_telemetry::Found;

use super::events::{bodies, end_ns};
use super::{Body, Lane};
use crate::intake::OwnedEvent;
use crate::stores::Settings;

/// As much may wait while the receiver is away.
const BYTES_MAX: u64 = 64 << 20;
/// A body that is longer is none of ours.
const BODY_BYTES_MAX: usize = 64 << 20;

/// What waits, and from when on nothing is late.
pub(crate) struct Late {
    /// The last nanosecond of the window that was read last; the least there is when nothing is forwarded.
    until_ns: AtomicI64,
    labels: Vec<Pair>,
    /// Where they wait, and where those are that are being sent.
    waiting: PathBuf,
    sending: PathBuf,
    /// Who changes the first of these files.
    writing: Mutex<()>,
    dropped: AtomicU64,
}

impl Late {
    pub(crate) fn new(settings: &Settings, started_ms: i64) -> Self {
        let progress = Lane::Events.progress(settings, started_ms);
        let labels = settings.forward_events.as_ref().map(|to| to.labels.clone());
        Late {
            until_ns: progress
                .map_or(i64::MIN, |(progress, _)| end_ns(progress.done_ms))
                .into(),
            labels: labels.unwrap_or_default(),
            waiting: settings.dir.join("forward-late.otlp"),
            sending: settings.dir.join("forward-late.sending"),
            writing: Mutex::default(),
            dropped: AtomicU64::new(0),
        }
    }

    /// What comes in from now on with a moment until then is late. To be called with the store in hand.
    pub(super) fn set_until(&self, until_ms: i64) {
        self.until_ns.store(end_ns(until_ms), Ordering::Relaxed);
    }

    /// Puts aside what is late of events that came in. To be called with the store in hand.
    pub(crate) fn see(&self, events: &[OwnedEvent]) {
        let until_ns = self.until_ns.load(Ordering::Relaxed);
        let late = events.iter().filter(|event| event.at_ns <= until_ns);
        let late: Vec<Found> = late.map(found).collect();
        let count = late.len() as u64;
        if count > 0 && self.put(late).is_err() {
            self.dropped.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Those for which there was no room.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn put(&self, late: Vec<Found>) -> io::Result<()> {
        let mut frames = Vec::new();
        for body in bodies(late, &self.labels)? {
            put_frame(&mut frames, &body);
        }
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(&self.waiting)?;
        if file.metadata()?.len() + frames.len() as u64 > BYTES_MAX {
            return Err(io::ErrorKind::StorageFull.into());
        }
        file.write_all(&frames)
    }

    /// What waits, to be sent: what a run before did not send to its end first.
    pub(super) fn take(&self) -> io::Result<Option<Waiting>> {
        if !self.sending.exists() {
            let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
            match fs::rename(&self.waiting, &self.sending) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                renamed => renamed?,
            }
        }
        let file = File::open(&self.sending)?;
        file.sync_all()?;
        Ok(Some(Waiting {
            file: BufReader::new(file),
            path: self.sending.clone(),
        }))
    }
}

/// Bodies that are being sent.
pub(super) struct Waiting {
    file: BufReader<File>,
    path: PathBuf,
}

impl Waiting {
    /// The next one. What a kill tore off at the end is none.
    pub(super) fn next(&mut self) -> io::Result<Option<Body>> {
        match frame(&mut self.file) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            read => read.map(Some),
        }
    }

    /// All of it was sent.
    pub(super) fn done(self) -> io::Result<()> {
        fs::remove_file(self.path)
    }
}

/// What it is, how many, how long, and the body.
fn put_frame(into: &mut Vec<u8>, body: &Body) {
    into.push(u8::from(body.signal == Signal::Traces));
    into.extend(body.items.to_le_bytes());
    into.extend((body.bytes.len() as u64).to_le_bytes());
    into.extend(&body.bytes);
}

fn frame(from: &mut impl Read) -> io::Result<Body> {
    let (mut signal, mut items, mut length) = ([0], [0; 8], [0; 8]);
    from.read_exact(&mut signal)?;
    from.read_exact(&mut items)?;
    from.read_exact(&mut length)?;
    let length = usize::try_from(u64::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length > BODY_BYTES_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    Ok(Body {
        signal: match signal {
            [0] => Signal::Logs,
            _ => Signal::Traces,
        },
        items: u64::from_le_bytes(items),
        bytes,
    })
}

fn found(event: &OwnedEvent) -> Found {
    let labels: Vec<(&str, &str)> = (event.stream.iter())
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    Found {
        stream: Labels::of(&labels),
        at_ns: event.at_ns,
        fields: event.fields.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_comes_back_and_a_torn_one_does_not() {
        let mut bytes = Vec::new();
        for signal in [Signal::Logs, Signal::Traces] {
            let body = Body {
                signal,
                items: 3,
                bytes: vec![1, 2, 3],
            };
            put_frame(&mut bytes, &body);
        }
        bytes.pop();
        let mut from = bytes.as_slice();
        let first = frame(&mut from).unwrap();
        assert_eq!(
            (first.signal, first.items, first.bytes),
            (Signal::Logs, 3, vec![1, 2, 3])
        );
        let torn = frame(&mut from).err().map(|error| error.kind());
        assert_eq!(torn, Some(io::ErrorKind::UnexpectedEof));
    }
}
