use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::{
    Head, MAGIC, RECORD_HEAD_BYTES, SEGMENT_HEAD_BYTES, Stream, VERSION, segment_head,
    segment_name, segments,
};
use crate::spec::LogBounds;

/// Writes one replica's segments. Never fails and never waits longer than one write to the disk: what cannot be
/// written is dropped and counted, and the count is written when writing works again.
#[derive(Debug)]
pub(crate) struct Writer {
    dir: PathBuf,
    bounds: LogBounds,
    run: u64,
    open: Option<Segment>,
    buffer: Vec<u8>,
    buffered_lines: u64,
    dropped_lines: u64,
}

#[derive(Debug)]
struct Segment {
    number: u64,
    file: File,
    length: u64,
}

impl Writer {
    /// Goes on where the folder's newest segment ends.
    pub(crate) fn new(dir: &Path, bounds: LogBounds, run: u64) -> Self {
        Writer {
            dir: dir.to_owned(),
            bounds,
            run,
            open: None,
            buffer: Vec::new(),
            buffered_lines: 0,
            dropped_lines: 0,
        }
    }

    /// Takes a line; [`Writer::flush`] writes it.
    pub(crate) fn push(&mut self, stream: Stream, partial: bool, text: &[u8], now_ns: u64) {
        let head = Head {
            length: text.len(),
            stream,
            partial,
            time_ns: now_ns,
            run: self.run,
        };
        self.buffer.extend_from_slice(&head.encode());
        self.buffer.extend_from_slice(text);
        self.buffered_lines += 1;
    }

    /// Writes what was taken, with one call to the kernel.
    pub(crate) fn flush(&mut self, now_ns: u64) {
        if self.buffer.is_empty() {
            return;
        }
        let dropped = self.dropped_lines;
        if dropped > 0 {
            let words = format!("{dropped} lines were dropped here: the log could not be written");
            self.push(Stream::Ondol, false, words.as_bytes(), now_ns);
        }
        match self.write() {
            Ok(()) => self.dropped_lines = 0,
            Err(_) => self.dropped_lines += self.buffered_lines - u64::from(dropped > 0),
        }
        self.buffered_lines = 0;
        self.buffer.clear();
        self.buffer.shrink_to(4 << 10);
    }

    fn write(&mut self) -> io::Result<()> {
        let full = self
            .open
            .as_ref()
            .is_some_and(|segment| segment.length >= self.bounds.segment_bytes_max);
        if full {
            let next = self.open.take().map_or(1, |segment| segment.number + 1);
            self.open = Some(begin(&self.dir, next)?);
            remove_oldest(&self.dir, next, self.bounds.segments_max);
        }
        if self.open.is_none() {
            self.open = Some(go_on(&self.dir, self.bounds.segment_bytes_max)?);
        }
        let Some(segment) = &mut self.open else {
            return Ok(());
        };
        if let Err(error) = segment.file.write_all(&self.buffer) {
            // Half a record must not stay: readers would take it for one that is still being written.
            if segment.file.set_len(segment.length).is_err() {
                self.open = None;
            }
            return Err(error);
        }
        segment.length += self.buffer.len() as u64;
        Ok(())
    }
}

fn begin(dir: &Path, number: u64) -> io::Result<Segment> {
    let path = dir.join(segment_name(number));
    let mut file = OpenOptions::new()
        .append(true)
        .create_new(true)
        .open(&path)?;
    if let Err(error) = file.write_all(&segment_head()) {
        let _ = fs::remove_file(&path);
        return Err(error);
    }
    Ok(Segment {
        number,
        file,
        length: SEGMENT_HEAD_BYTES,
    })
}

fn go_on(dir: &Path, segment_bytes_max: u64) -> io::Result<Segment> {
    fs::create_dir_all(dir)?;
    let Some(number) = segments(dir).last().copied() else {
        return begin(dir, 1);
    };
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .open(dir.join(segment_name(number)))?;
    match whole_length(&file)? {
        Some(length) if length < segment_bytes_max => {
            file.set_len(length)?;
            Ok(Segment {
                number,
                file,
                length,
            })
        }
        _ => begin(dir, number + 1),
    }
}

/// Where the last whole record ends; `None` for a file that is not a segment of this version.
/// A shim that was killed may have left half a record.
fn whole_length(file: &File) -> io::Result<Option<u64>> {
    let bytes = file.metadata()?.len();
    let mut reader = BufReader::with_capacity(64 << 10, file);
    let mut head = [0; SEGMENT_HEAD_BYTES as usize];
    if bytes < SEGMENT_HEAD_BYTES {
        return Ok(None);
    }
    reader.read_exact(&mut head)?;
    if head[..8] != MAGIC[..] || head[8..12] != VERSION.to_le_bytes() {
        return Ok(None);
    }
    let mut length = SEGMENT_HEAD_BYTES;
    loop {
        let mut head = [0; RECORD_HEAD_BYTES];
        if length + RECORD_HEAD_BYTES as u64 > bytes {
            return Ok(Some(length));
        }
        reader.read_exact(&mut head)?;
        let Some(record) = Head::decode(&head) else {
            return Ok(Some(length));
        };
        let end = length + (RECORD_HEAD_BYTES + record.length) as u64;
        if end > bytes {
            return Ok(Some(length));
        }
        reader.seek_relative(record.length as i64)?;
        length = end;
    }
}

fn remove_oldest(dir: &Path, newest: u64, segments_max: u32) {
    let keep_from = (newest + 1).saturating_sub(u64::from(segments_max.max(1)));
    for number in segments(dir) {
        if number < keep_from {
            let _ = fs::remove_file(dir.join(segment_name(number)));
        }
    }
}
