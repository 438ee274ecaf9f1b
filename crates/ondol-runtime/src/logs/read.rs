use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Head, RECORD_HEAD_BYTES, SEGMENT_HEAD_BYTES, Stream, segment_name, segments};

const WINDOW_BYTES: usize = 256 << 10;

/// A place in a replica's log, between two records. Stays valid while its segment is kept; after that
/// reading goes on at the oldest segment there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cursor {
    /// Number of the segment.
    pub segment: u64,
    /// Byte in it.
    pub offset: u64,
}

/// One record of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Nanoseconds since 1970.
    pub time_ns: u64,
    /// Where it came from.
    pub stream: Stream,
    /// The start that wrote it, by number.
    pub run: u64,
    /// The line goes on in the next record of this stream.
    pub partial: bool,
    /// As the service wrote it, with what is not UTF-8 replaced.
    pub text: String,
}

/// Which records are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only of this start.
    pub run: Option<u64>,
    /// Only from this moment on, nanoseconds since 1970.
    pub since_ns: Option<u64>,
    /// Only before this moment.
    pub until_ns: Option<u64>,
}

impl Filter {
    fn admits(&self, head: &Head) -> bool {
        self.run.is_none_or(|run| run == head.run)
            && self.since_ns.is_none_or(|since| head.time_ns >= since)
            && self.until_ns.is_none_or(|until| head.time_ns < until)
    }
}

/// Reads a replica's log while it is being written. To follow, call [`Reader::read`] again when it returned nothing.
#[derive(Debug)]
pub struct Reader {
    dir: PathBuf,
    filter: Filter,
    cursor: Cursor,
    open: Option<(u64, File)>,
}

impl Reader {
    /// Reads from `cursor` on; the default cursor is the oldest record.
    pub fn new(dir: &Path, cursor: Cursor, filter: Filter) -> Self {
        Reader {
            dir: dir.to_owned(),
            filter,
            cursor,
            open: None,
        }
    }

    /// Reads what is written from now on.
    pub fn at_end(dir: &Path, filter: Filter) -> io::Result<Self> {
        let mut reader = Reader::new(dir, Cursor::default(), filter);
        if let Some(&segment) = segments(dir).last() {
            reader.cursor = Cursor { segment, offset: 0 };
            reader.each(usize::MAX, |_, _, _| false)?;
        }
        Ok(reader)
    }

    /// The last `count` records that the filter admits, and a reader of those that follow them.
    pub fn tail(dir: &Path, count: usize, filter: Filter) -> io::Result<(Vec<Line>, Self)> {
        let numbers = segments(dir);
        let mut lines = std::collections::VecDeque::new();
        let mut end = None;
        for &segment in numbers.iter().rev() {
            let mut reader = Reader::new(dir, Cursor { segment, offset: 0 }, filter);
            let mut here = std::collections::VecDeque::new();
            let wanted = count - lines.len();
            let last = end.is_none();
            reader.each_in(segment, !last, |head, text, _| {
                if wanted > 0 {
                    if here.len() == wanted {
                        here.pop_front();
                    }
                    here.push_back(line(head, text));
                }
                true
            })?;
            end.get_or_insert(reader);
            here.extend(lines);
            lines = here;
            if lines.len() >= count {
                break;
            }
        }
        let reader = end.unwrap_or_else(|| Reader::new(dir, Cursor::default(), filter));
        Ok((lines.into(), reader))
    }

    /// Up to `lines_max` further records; fewer, or none, when no more are written yet.
    pub fn read(&mut self, lines_max: usize) -> io::Result<Vec<Line>> {
        let placed = self.read_placed(lines_max)?;
        Ok(placed.into_iter().map(|(line, _)| line).collect())
    }

    /// The same, each with the place behind it: where a reader has to begin that has done with it.
    pub fn read_placed(&mut self, lines_max: usize) -> io::Result<Vec<(Line, Cursor)>> {
        let mut lines = Vec::new();
        self.each(lines_max, |head, text, end| {
            lines.push((line(head, text), end));
            true
        })?;
        Ok(lines)
    }

    /// Whether the file that is being read has not grown; costs one look. Whether there is a next one it does not say.
    pub fn is_still(&self) -> bool {
        let (Some((segment, file)), false) = (&self.open, self.cursor.offset == 0) else {
            return false;
        };
        let is_same =
            |file: std::fs::Metadata| file.nlink() > 0 && file.len() == self.cursor.offset;
        *segment == self.cursor.segment && file.metadata().is_ok_and(is_same)
    }

    /// Tells the segment of a cursor from another one of the same number, of a replica of the same name that came
    /// later: when its first record was written. `None` when it is not there, or has none.
    pub fn birth_ns(dir: &Path, segment: u64) -> Option<u64> {
        let file = File::open(dir.join(segment_name(segment))).ok()?;
        let mut head = [0; RECORD_HEAD_BYTES];
        file.read_exact_at(&mut head, SEGMENT_HEAD_BYTES).ok()?;
        Head::decode(&head).map(|head| head.time_ns)
    }

    /// Where the next record begins.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Whether there are segments behind this one.
    pub fn has_after(dir: &Path, segment: u64) -> bool {
        segments(dir).last().is_some_and(|last| *last > segment)
    }

    /// Goes through all segments from the cursor on until `count` records were taken (`take` returned true).
    fn each(
        &mut self,
        count: usize,
        mut take: impl FnMut(&Head, &[u8], Cursor) -> bool,
    ) -> io::Result<()> {
        let mut taken = 0;
        if let Some(segment) = self.removed() {
            self.each_in(segment, false, |head, text, end| {
                taken += usize::from(take(head, text, end));
                taken < count
            })?;
            if taken >= count {
                return Ok(());
            }
            // Whatever is there now is newer: the next segment, or another replica of the same name.
            self.open = None;
            self.cursor = Cursor::default();
        }
        loop {
            let numbers = segments(&self.dir);
            let Some(&segment) = numbers.iter().find(|&&n| n >= self.cursor.segment) else {
                return Ok(());
            };
            if segment != self.cursor.segment {
                self.cursor = Cursor { segment, offset: 0 };
            }
            let newer = numbers.last().is_some_and(|&last| last > segment);
            self.each_in(segment, newer, |head, text, end| {
                taken += usize::from(take(head, text, end));
                taken < count
            })?;
            if taken >= count || self.cursor.segment == segment {
                return Ok(());
            }
        }
    }

    /// The segment that is being read, when it has been removed meanwhile: what is left of it can still be read.
    fn removed(&self) -> Option<u64> {
        let (segment, file) = self.open.as_ref()?;
        let gone = file.metadata().is_ok_and(|file| file.nlink() == 0);
        (gone && *segment == self.cursor.segment).then_some(*segment)
    }

    /// Goes through one segment; `more` says whether to go on. At the end of a finished segment
    /// (`newer` ones exist) the cursor moves on to the next.
    fn each_in(
        &mut self,
        segment: u64,
        newer: bool,
        mut more: impl FnMut(&Head, &[u8], Cursor) -> bool,
    ) -> io::Result<()> {
        if self
            .open
            .as_ref()
            .is_none_or(|(number, _)| *number != segment)
        {
            match File::open(self.dir.join(segment_name(segment))) {
                Ok(file) => self.open = Some((segment, file)),
                // Removed just now, because newer ones came.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.cursor = Cursor {
                        segment: segment + 1,
                        offset: 0,
                    };
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        let Some((_, file)) = &self.open else {
            return Ok(());
        };
        self.cursor.offset = self.cursor.offset.max(SEGMENT_HEAD_BYTES);
        let mut window = vec![0; WINDOW_BYTES];
        loop {
            let filled = file.read_at(&mut window, self.cursor.offset)?;
            let mut at = 0;
            while let Some((head, end)) = record(&window[at..filled]) {
                let text = &window[at + RECORD_HEAD_BYTES..at + end];
                at += end;
                let offset = self.cursor.offset + at as u64;
                if self.filter.admits(&head) && !more(&head, text, Cursor { segment, offset }) {
                    self.cursor.offset = offset;
                    return Ok(());
                }
            }
            self.cursor.offset += at as u64;
            if at == 0 {
                break;
            }
        }
        if newer {
            self.cursor = Cursor {
                segment: segment + 1,
                offset: 0,
            };
        }
        Ok(())
    }
}

/// The first record and the length of it all, when it is whole.
fn record(bytes: &[u8]) -> Option<(Head, usize)> {
    let head = Head::decode(bytes.first_chunk()?)?;
    let end = RECORD_HEAD_BYTES + head.length;
    (end <= bytes.len()).then_some((head, end))
}

fn line(head: &Head, text: &[u8]) -> Line {
    Line {
        time_ns: head.time_ns,
        stream: head.stream,
        run: head.run,
        partial: head.partial,
        text: String::from_utf8_lossy(text).into_owned(),
    }
}

#[cfg(test)]
mod tests;
