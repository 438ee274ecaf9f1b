//! The log of one replica, being read.

use std::path::{Path, PathBuf};

use ondol_ingest::line::{Assembler, Bounds, Piece, Whole};
use ondol_model::ReplicaId;
use ondol_observe::{OwnedEvent, Telemetry};
use ondol_runtime::logs::{Cursor, Filter, Reader, Stream};

use super::{event, mark};

/// Records that are read at once.
const AT_ONCE: usize = 256;
const STREAMS: [Stream; 3] = [Stream::Stdout, Stream::Stderr, Stream::Ondol];

/// Whether all that was read is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    All,
    /// Not all of it: it will be tried again.
    NotYet,
}

pub(super) struct Source {
    id: ReplicaId,
    dir: PathBuf,
    reader: Reader,
    assembler: Assembler<Cursor>,
    /// Read, and not kept yet.
    waiting: Option<(Vec<OwnedEvent>, Cursor)>,
    /// The segment that was marked last, and when it began.
    birth: (u64, u64),
}

impl Source {
    /// Reads on from the mark, or from the beginning.
    pub(super) fn open(id: &ReplicaId, dir: &Path, mark: Option<&str>) -> Self {
        let place = mark.and_then(|mark| mark::place(mark, dir));
        Source {
            id: id.clone(),
            dir: dir.to_owned(),
            reader: Reader::new(dir, place.unwrap_or_default(), Filter::default()),
            assembler: Assembler::new(Bounds::default()),
            waiting: None,
            birth: (0, 0),
        }
    }

    /// Whether there is nothing to do, as far as one look says.
    pub(super) fn is_still(&self) -> bool {
        self.waiting.is_none() && self.assembler.is_empty() && self.reader.is_still()
    }

    /// Whether its log is not there any more, and all of it is kept.
    pub(super) fn is_over(&self) -> bool {
        let was_there = self.reader.cursor() != Cursor::default();
        was_there && self.waiting.is_none() && self.assembler.is_empty() && !self.dir.is_dir()
    }

    /// Reads what there is, and has it kept.
    pub(super) fn read(&mut self, telemetry: &Telemetry, now_ns: u64) -> Kept {
        loop {
            if !self.keep(telemetry) {
                return Kept::NotYet;
            }
            // A folder that cannot be read has no lines now.
            let records = self.reader.read_placed(AT_ONCE).unwrap_or_default();
            let is_last = records.len() < AT_ONCE;
            for (line, end) in records {
                let piece = Piece {
                    channel: (code(line.stream), line.run),
                    at_ns: line.time_ns,
                    partial: line.partial,
                    text: &line.text,
                };
                self.assembler.push(piece, end);
            }
            if let Some((lines, end)) = self.assembler.take(now_ns) {
                let events = lines.into_iter().map(|line| self.event(line));
                self.waiting = Some((events.collect(), end));
            }
            if is_last && self.waiting.is_none() {
                return Kept::All;
            }
        }
    }

    /// Has what waits kept, together with how far that is.
    fn keep(&mut self, telemetry: &Telemetry) -> bool {
        let Some((events, end)) = self.waiting.take() else {
            return true;
        };
        if self.birth.0 != end.segment {
            let birth_ns = Reader::birth_ns(&self.dir, end.segment);
            self.birth = (end.segment, birth_ns.unwrap_or(0));
        }
        let mark = mark::of(end, self.birth.1);
        let name = mark::name(&self.id);
        let kept = telemetry.keep(&events, &[(&name, &mark)]).is_ok();
        if !kept {
            self.waiting = Some((events, end));
        }
        kept
    }

    fn event(&self, line: Whole) -> OwnedEvent {
        let (code, _) = line.channel;
        let stream = STREAMS.get(usize::from(code)).copied();
        let labels = event::labels(&self.id, stream.unwrap_or(Stream::Ondol));
        event::of(line, labels)
    }
}

fn code(stream: Stream) -> u8 {
    match stream {
        Stream::Stdout => 0,
        Stream::Stderr => 1,
        Stream::Ondol => 2,
    }
}
