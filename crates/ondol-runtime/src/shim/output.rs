use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::unistd::{Gid, Uid};

use crate::clock::unix_ns;
use crate::logs::{Lines, Stream, Writer};
use crate::spec::LogBounds;

const READ_BYTES: usize = 64 << 10;
/// Reads in a row from one pipe before others get their turn.
const READS_MAX: usize = 16;
/// So many lines are the last words of a command, and so much of each.
const LAST_LINES: usize = 5;
const LAST_CHARS: usize = 200;

/// The service's two pipes and the log that they end in.
#[derive(Debug)]
pub(super) struct Output {
    writer: Writer,
    pipes: [Pipe; 2],
    /// The last lines, while somebody may want to know them.
    last: Option<VecDeque<String>>,
}

#[derive(Debug)]
struct Pipe {
    stream: Stream,
    from: File,
    to: OwnedFd,
    lines: Lines,
}

impl Output {
    pub(super) fn new(bounds: LogBounds, run: u64) -> io::Result<Self> {
        Ok(Output {
            writer: Writer::new(Path::new("logs"), bounds, run),
            pipes: [Pipe::new(Stream::Stdout)?, Pipe::new(Stream::Stderr)?],
            last: None,
        })
    }

    /// Where standard output and error of the service go.
    pub(super) fn ends(&self) -> [BorrowedFd<'_>; 2] {
        [self.pipes[0].to.as_fd(), self.pipes[1].to.as_fd()]
    }

    /// Lets another user open `/dev/stdout` anew.
    pub(super) fn give_to(&self, uid: Uid, gid: Gid) {
        for pipe in &self.pipes {
            let _ = nix::unistd::fchown(&pipe.to, Some(uid), Some(gid));
        }
    }

    /// What to wait on.
    pub(super) fn sources(&self) -> [BorrowedFd<'_>; 2] {
        [self.pipes[0].from.as_fd(), self.pipes[1].from.as_fd()]
    }

    /// Says something about the replica in its log.
    pub(super) fn say(&mut self, words: &str) {
        let now = unix_ns();
        self.writer
            .push(Stream::Ondol, false, words.as_bytes(), now);
        self.writer.flush(now);
    }

    /// From now on the last lines are remembered.
    pub(super) fn listen(&mut self) {
        self.last = Some(VecDeque::new());
    }

    pub(super) fn listen_no_more(&mut self) {
        self.last = None;
    }

    /// The last lines since [`Output::listen`], in one.
    pub(super) fn last_words(&mut self) -> String {
        self.flush_begun(false);
        let last = self.last.iter().flatten();
        let last: Vec<&str> = last.map(String::as_str).collect();
        last.join(" / ")
    }

    /// Takes what is there and writes it.
    /// `false` when there was nothing.
    pub(super) fn pump(&mut self) -> bool {
        // Not filled with zeros: of a service that says little, little of it is ever memory.
        let mut buffer = Vec::with_capacity(READ_BYTES);
        let mut came = false;
        for pipe in &mut self.pipes {
            for _ in 0..READS_MAX {
                buffer.clear();
                // That the pipe is empty is an error here, after what was in it.
                let _ = (&pipe.from)
                    .take(READ_BYTES as u64)
                    .read_to_end(&mut buffer);
                if buffer.is_empty() {
                    break;
                }
                came = true;
                let now = unix_ns();
                let (writer, stream) = (&mut self.writer, pipe.stream);
                let last = &mut self.last;
                pipe.lines.push(&buffer, |text, partial| {
                    writer.push(stream, partial, text, now);
                    remember(last, text);
                });
                self.writer.flush(now);
            }
        }
        came
    }

    /// Takes everything to the last byte: nobody writes any more.
    pub(super) fn finish(&mut self) {
        // A pipe holds at most 1 MiB, unless somebody still writes who cannot be ended.
        for _ in 0..READS_MAX {
            if !self.pump() {
                break;
            }
        }
        self.flush_begun(false);
    }

    /// A line has begun: it is written as it is when its end does not come soon.
    pub(super) fn is_open(&self) -> bool {
        self.pipes.iter().any(|pipe| pipe.lines.is_open())
    }

    /// Writes lines that have begun; `partial` when their end may still come.
    pub(super) fn flush_begun(&mut self, partial: bool) {
        let now = unix_ns();
        for pipe in &mut self.pipes {
            let (writer, stream) = (&mut self.writer, pipe.stream);
            let last = &mut self.last;
            pipe.lines.flush(partial, |text, partial| {
                writer.push(stream, partial, text, now);
                remember(last, text);
            });
        }
        self.writer.flush(now);
    }
}

fn remember(last: &mut Option<VecDeque<String>>, text: &[u8]) {
    let Some(last) = last else { return };
    let line = String::from_utf8_lossy(text);
    if line.trim().is_empty() {
        return;
    }
    if last.len() >= LAST_LINES {
        last.pop_front();
    }
    last.push_back(line.trim().chars().take(LAST_CHARS).collect());
}

impl Pipe {
    fn new(stream: Stream) -> io::Result<Self> {
        let (from, to) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        let flags = OFlag::from_bits_retain(nix::fcntl::fcntl(&from, nix::fcntl::F_GETFL)?);
        nix::fcntl::fcntl(&from, nix::fcntl::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        Ok(Pipe {
            stream,
            from: from.into(),
            to,
            lines: Lines::default(),
        })
    }
}
