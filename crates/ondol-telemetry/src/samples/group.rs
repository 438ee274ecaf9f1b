//! A scrape group: the series of one target, which share their moments.
//!
//! Its last rows stand as they came, one value after the other; every sixteen rows they are turned into a small piece for
//! each series and moved into the arena.

use std::sync::Arc;

use super::arena::{Arena, Chain};
use super::codec::mini::{self, MINI_ROWS};
use super::codec::{ABSENT, is_live};
use super::series::SeriesId;
use crate::bytes::{Malformed, Take};

/// A series of a group.
#[derive(Default)]
pub(super) struct Column {
    pub(super) series: SeriesId,
    /// Pieces of the group that are older than this column.
    pieces_before: u32,
    chain: Chain,
}

/// What all columns of a group share.
pub(super) struct Rows {
    pub(super) times: Vec<i64>,
    pub(super) pieces: Vec<u8>,
}

/// A column that was taken out of memory, small as it was there.
pub(super) struct Copied {
    bytes: Vec<u8>,
    pieces_before: usize,
    waiting: Vec<u64>,
}

impl Copied {
    /// The first row that there may be a value in; the values from there on are appended to `into`.
    pub(super) fn read(&self, pieces: &[u8], into: &mut Vec<u64>) -> Result<usize, Malformed> {
        let (before, pieces) = pieces.split_at(pieces.len().min(self.pieces_before));
        let mut take = Take(&self.bytes);
        for rows in pieces {
            mini::decode(&mut take, usize::from(*rows), into)?;
        }
        into.extend_from_slice(&self.waiting);
        Ok(before.iter().map(|rows| usize::from(*rows)).sum())
    }
}

#[derive(Default)]
pub(super) struct Group {
    /// Which target.
    pub(super) key: String,
    pub(super) columns: Vec<Column>,
    /// The moments of all rows, those that wait included.
    pub(super) times: Vec<i64>,
    /// How many rows each piece has.
    pieces: Vec<u8>,
    /// Rows that wait, one after the other.
    rows: Vec<u64>,
    waiting: usize,
    /// The last row that there was.
    pub(super) last: Vec<u64>,
    pub(super) last_ms: Option<i64>,
    /// The log file that knows its columns, and how many of them.
    pub(super) logged: (u64, usize),
}

impl Group {
    pub(super) fn new(key: &str) -> Self {
        Group {
            key: key.to_owned(),
            ..Group::default()
        }
    }

    /// Adds a series; its rows so far are absent.
    pub(super) fn add_column(&mut self, series: SeriesId, arena: &mut Arena) -> usize {
        self.flush(arena);
        self.columns.push(Column {
            series,
            pieces_before: self.pieces.len() as u32,
            chain: Chain::default(),
        });
        self.last.push(ABSENT);
        self.columns.len() - 1
    }

    /// Adds a row: a value for each column, in their order, later than all before.
    pub(super) fn push(&mut self, at_ms: i64, row: &[u64], arena: &mut Arena) {
        self.rows.extend_from_slice(row);
        self.waiting += 1;
        self.times.push(at_ms);
        self.last_ms = Some(at_ms);
        self.last.clear();
        self.last.extend_from_slice(row);
        if self.waiting == MINI_ROWS {
            self.flush(arena);
        }
    }

    /// Moves the rows that wait into the arena.
    pub(super) fn flush(&mut self, arena: &mut Arena) {
        if self.waiting == 0 {
            return;
        }
        let (mut values, mut whole, mut piece) = (Vec::new(), Vec::new(), Vec::new());
        let width = self.columns.len();
        for (at, column) in self.columns.iter_mut().enumerate() {
            values.clear();
            values.extend(self.rows.iter().skip(at).step_by(width));
            piece.clear();
            mini::encode(&values, &mut whole, &mut piece);
            arena.append(&mut column.chain, &piece);
        }
        self.pieces.push(self.waiting as u8);
        self.waiting = 0;
        self.rows.clear();
    }

    /// The first row that column `at` may have a value in, and its values from there on appended to `into`.
    pub(super) fn read(&self, at: usize, arena: &Arena, into: &mut Vec<u64>) -> usize {
        let held = self.copy(at, arena);
        match held.read(&self.pieces, into) {
            Ok(first) => first,
            // It was encoded in this process; memory that changed since is beyond us.
            Err(Malformed) => self.times.len(),
        }
    }

    /// Moments and the sizes of pieces, for those who read on after the group has changed.
    pub(super) fn rows(&self) -> Arc<Rows> {
        Arc::new(Rows {
            times: self.times.clone(),
            pieces: self.pieces.clone(),
        })
    }

    /// A column as it is in memory, to be read later.
    pub(super) fn copy(&self, at: usize, arena: &Arena) -> Copied {
        let (mut bytes, mut pieces_before) = (Vec::new(), self.pieces.len());
        if let Some(column) = self.columns.get(at) {
            arena.read(column.chain, &mut bytes);
            pieces_before = pieces_before.min(column.pieces_before as usize);
        }
        let waiting = self.rows.iter().skip(at).step_by(self.columns.len().max(1));
        Copied {
            bytes,
            pieces_before,
            waiting: waiting.copied().collect(),
        }
    }

    /// Puts all rows aside, whose arena goes with them. The columns and the last row stay.
    pub(super) fn freeze(&mut self) -> Group {
        let kept = |column: &Column| Column {
            series: column.series,
            ..Column::default()
        };
        let columns = self.columns.iter().map(kept).collect();
        Group {
            key: self.key.clone(),
            columns: std::mem::replace(&mut self.columns, columns),
            times: std::mem::take(&mut self.times),
            pieces: std::mem::take(&mut self.pieces),
            rows: std::mem::take(&mut self.rows),
            waiting: std::mem::take(&mut self.waiting),
            ..Group::default()
        }
    }

    /// Lets go of the columns that have ended; says where each of them is now. Only a group without rows may.
    pub(super) fn drop_ended(&mut self) -> Option<Vec<Option<u32>>> {
        let lives: Vec<bool> = self.last.iter().map(|bits| is_live(*bits)).collect();
        if lives.iter().all(|lives| *lives) {
            return None;
        }
        let mut next = 0;
        let place = |lives: &bool| {
            next += u32::from(*lives);
            lives.then(|| next - 1)
        };
        let places = lives.iter().map(place).collect();
        let mut alive = lives.iter();
        self.columns.retain(|_| alive.next() == Some(&true));
        self.last.retain(|bits| is_live(*bits));
        Some(places)
    }

    /// Bytes of memory, the arena aside.
    pub(super) fn bytes(&self) -> usize {
        self.columns.capacity() * size_of::<Column>()
            + (self.times.capacity() + self.rows.capacity() + self.last.capacity()) * 8
            + self.pieces.capacity()
    }
}
