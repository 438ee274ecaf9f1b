//! Pieces of a replica's log to whole lines: what was cut for its length is put together, and the lines of a stack trace
//! become one.
//!
//! What comes out is always all of the log up to some place in it, so that this place alone says what is done: a reader
//! that is killed begins there again, and nothing comes twice or not at all.

use std::collections::VecDeque;

use super::join::{After, joins};

/// How long and how much is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// A line is over when nothing went on with it for so long.
    pub wait_ns: u64,
    /// Bytes of a line; the rest is cut.
    pub line_bytes_max: usize,
    /// Pieces of a line.
    pub pieces_max: usize,
    /// Lines that wait for others to be over.
    pub held_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            wait_ns: 300_000_000,
            line_bytes_max: 256 << 10,
            pieces_max: 1000,
            held_max: 1000,
        }
    }
}

/// A record of the log.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// The output and the run that it is of: pieces of different ones never go on with each other.
    pub channel: (u8, u64),
    /// Nanoseconds since 1970.
    pub at_ns: u64,
    /// The line goes on in the next piece of its channel.
    pub partial: bool,
    /// Its text.
    pub text: &'a str,
}

/// A line, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// The output and the run that it is of.
    pub channel: (u8, u64),
    /// When it began.
    pub at_ns: u64,
    /// Its text; the lines of a trace are parted by newlines.
    pub text: String,
    /// Bytes that were cut.
    pub cut_bytes: usize,
}

/// Puts the log of one replica together. `P` is a place in the log.
#[derive(Debug)]
pub struct Assembler<P> {
    bounds: Bounds,
    /// In the order in which they began.
    held: VecDeque<Held<P>>,
    count: u64,
}

#[derive(Debug)]
struct Held<P> {
    whole: Whole,
    first: u64,
    last: u64,
    /// Behind its last piece.
    end: P,
    last_ns: u64,
    pieces: usize,
    partial: bool,
    after: After,
    /// Another line of its channel has begun.
    is_over: bool,
}

impl<P: Copy> Assembler<P> {
    /// With nothing waiting.
    pub fn new(bounds: Bounds) -> Self {
        Assembler {
            bounds,
            held: VecDeque::new(),
            count: 0,
        }
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Takes the next record, which ends at `end`.
    pub fn push(&mut self, piece: Piece<'_>, end: P) {
        let number = self.count;
        self.count += 1;
        let bounds = self.bounds;
        let before = (self.held.iter_mut().rev()).find(|held| held.whole.channel == piece.channel);
        let mut after = After::default();
        if let Some(held) = before {
            let is_near = piece.at_ns.saturating_sub(held.last_ns) <= bounds.wait_ns;
            let (is_more, next) = joins(held.after, piece.text);
            let has_room = held.pieces < bounds.pieces_max;
            if held.partial || is_more && is_near && has_room && !held.is_over {
                held.add(piece, end, number, next, bounds.line_bytes_max);
                return;
            }
            held.is_over = true;
            if !is_more {
                after = next;
            }
        } else {
            after = joins(After::Line, piece.text).1;
        }
        let mut held = Held {
            whole: Whole {
                channel: piece.channel,
                at_ns: piece.at_ns,
                text: String::new(),
                cut_bytes: 0,
            },
            first: number,
            last: number,
            end,
            last_ns: piece.at_ns,
            pieces: 0,
            partial: true,
            after,
            is_over: false,
        };
        held.add(piece, end, number, after, bounds.line_bytes_max);
        self.held.push_back(held);
    }

    /// The lines that are over, in the order in which they began, and the place up to which the log is done with them.
    pub fn take(&mut self, now_ns: u64) -> Option<(Vec<Whole>, P)> {
        let is_full = self.held.len() > self.bounds.held_max;
        let is_over = |held: &Held<P>| {
            let is_old = now_ns.saturating_sub(held.last_ns) > self.bounds.wait_ns
                // The clock was set back.
                || held.last_ns.saturating_sub(now_ns) > self.bounds.wait_ns;
            is_full || is_old || held.is_over && !held.partial
        };
        let (mut done, mut last) = (0, 0);
        for (at, held) in self.held.iter().enumerate() {
            if !is_over(held) {
                break;
            }
            last = last.max(held.last);
            // All of them were written before everything that waits.
            if self.held.get(at + 1).is_none_or(|next| next.first > last) {
                done = at + 1;
            }
        }
        let end = self
            .held
            .iter()
            .take(done)
            .max_by_key(|held| held.last)?
            .end;
        let lines = self.held.drain(..done).map(|held| held.whole).collect();
        Some((lines, end))
    }
}

impl<P> Held<P> {
    fn add(&mut self, piece: Piece<'_>, end: P, number: u64, after: After, bytes_max: usize) {
        // A piece that goes on with a piece is the same line.
        if !self.whole.text.is_empty() && !self.partial {
            self.whole.text.push('\n');
        }
        if !self.partial || self.pieces == 0 {
            self.after = after;
        }
        let room = bytes_max.saturating_sub(self.whole.text.len());
        let kept = piece
            .text
            .get(..piece.text.floor_char_boundary(room))
            .unwrap_or_default();
        self.whole.text.push_str(kept);
        self.whole.cut_bytes += piece.text.len() - kept.len();
        self.last = number;
        self.end = end;
        self.last_ns = piece.at_ns;
        self.pieces += 1;
        self.partial = piece.partial;
    }
}
