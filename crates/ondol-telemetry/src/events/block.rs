//! Events as columns: up to a quarter of a megabyte of them.
//!
//! ```text
//! rows      how many; the stream of each, as runs; the moment of each, as differences
//! columns   name, kind, which rows have it, bytes
//! ```
//! A column is what its values allow: one value for all, a dictionary, whole numbers, hexadecimal digits, or texts.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::bytes::{Malformed, Put, Take};

const SAME: u8 = 0;
const DICTIONARY: u8 = 1;
const WHOLE: u8 = 2;
const HEX: u8 = 3;
const TEXTS: u8 = 4;
/// Not every row has it.
const PARTLY: u8 = 0x80;
const DICTIONARY_MAX: usize = 255;
/// More rows are never in a block.
pub(super) const ROWS_MAX: usize = 1 << 16;

/// An event on its way into a block.
pub(super) struct Row<'a> {
    /// Its stream, among those of the segment.
    pub(super) stream: u32,
    pub(super) at_ns: i64,
    pub(super) fields: Vec<(&'a str, &'a str)>,
}

/// All rows as bytes, not yet packed.
pub(super) fn encode(rows: &[Row<'_>]) -> Vec<u8> {
    let mut into = Vec::new();
    into.put_varint(rows.len() as u64);
    for run in rows.chunk_by(|a, b| a.stream == b.stream) {
        into.put_varint(u64::from(run.first().map_or(0, |row| row.stream)));
        into.put_varint(run.len() as u64);
    }
    let mut before = 0_i64;
    for row in rows {
        into.put_signed(
            row.at_ns
                .wrapping_sub(std::mem::replace(&mut before, row.at_ns)),
        );
    }
    let mut columns: BTreeMap<&str, Vec<Option<&str>>> = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        for (name, value) in &row.fields {
            let column = columns
                .entry(name)
                .or_insert_with(|| vec![None; rows.len()]);
            if let Some(place) = column.get_mut(at) {
                *place = Some(value);
            }
        }
    }
    into.put_varint(columns.len() as u64);
    for (name, values) in columns {
        into.put_bytes(name.as_bytes());
        encode_column(&values, &mut into);
    }
    into
}

fn encode_column(values: &[Option<&str>], into: &mut Vec<u8>) {
    let partly = if values.iter().any(Option::is_none) {
        PARTLY
    } else {
        0
    };
    let there = || values.iter().flatten();
    let mut bytes = Vec::new();
    let mut dictionary: BTreeMap<&str, usize> = BTreeMap::new();
    for value in there() {
        let next = dictionary.len();
        dictionary.entry(value).or_insert(next);
        if dictionary.len() > DICTIONARY_MAX {
            break;
        }
    }
    let kind = if dictionary.len() == 1 {
        bytes.extend_from_slice(there().next().map_or("", |value| value).as_bytes());
        SAME
    } else if there().all(|value| whole(value).is_some()) {
        let mut before = 0_i64;
        for value in values {
            let value = value.and_then(whole).unwrap_or(before);
            bytes.put_signed(value.wrapping_sub(std::mem::replace(&mut before, value)));
        }
        WHOLE
    } else if dictionary.len() <= DICTIONARY_MAX && dictionary.len() * 2 <= values.len() {
        let mut words: Vec<(&str, usize)> =
            dictionary.iter().map(|(word, at)| (*word, *at)).collect();
        words.sort_by_key(|(_, at)| *at);
        bytes.put_varint(words.len() as u64);
        for (word, _) in words {
            bytes.put_bytes(word.as_bytes());
        }
        let place = |value: &Option<&str>| {
            value
                .and_then(|v| dictionary.get(v))
                .map_or(0, |at| *at as u8)
        };
        bytes.extend(values.iter().map(place));
        DICTIONARY
    } else if let Some(width) = hex_width(there()) {
        bytes.put_varint(width as u64);
        for value in values {
            let digits = value.unwrap_or_default().as_bytes();
            let pair = |at: usize| digits.get(at * 2..at * 2 + 2).map_or(0, byte_of);
            bytes.extend((0..width).map(pair));
        }
        HEX
    } else {
        for value in values {
            bytes.put_varint(value.unwrap_or_default().len() as u64);
        }
        for value in there() {
            bytes.extend_from_slice(value.as_bytes());
        }
        TEXTS
    };
    into.push(kind | partly);
    if partly != 0 {
        into.extend(values.chunks(8).map(|eight| {
            let bit = |(at, value): (usize, &Option<&str>)| u8::from(value.is_some()) << at;
            eight
                .iter()
                .enumerate()
                .map(bit)
                .fold(0, |all, bit| all | bit)
        }));
    }
    into.put_bytes(&bytes);
}

/// A whole number that comes back as the same text.
fn whole(text: &str) -> Option<i64> {
    let value: i64 = text.parse().ok()?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain =
        !digits.starts_with('+') && (digits == "0" || !digits.starts_with('0')) && text != "-0";
    (plain && value.unsigned_abs() < 1 << 62).then_some(value)
}

/// Bytes of each, when all are the same number of lower-case hexadecimal pairs.
fn hex_width<'a>(values: impl Iterator<Item = &'a &'a str>) -> Option<usize> {
    let mut width = None;
    for value in values {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let fits = value.len() % 2 == 0 && value.len() >= 8 && value.bytes().all(is_hex);
        if !fits || width.is_some_and(|width| width != value.len() / 2) {
            return None;
        }
        width = Some(value.len() / 2);
    }
    width
}

fn byte_of(pair: &[u8]) -> u8 {
    let digit = |byte: &u8| (*byte as char).to_digit(16).unwrap_or(0) as u8;
    pair.iter().fold(0, |all, byte| all << 4 | digit(byte))
}

/// A block that is read.
pub(super) struct Block<'a> {
    /// Stream of each run of rows, and how many rows.
    pub(super) streams: Vec<(u32, usize)>,
    pub(super) times: Vec<i64>,
    columns: Vec<Column<'a>>,
}

/// The values of one field.
pub(super) struct Column<'a> {
    pub(super) name: &'a str,
    present: Option<&'a [u8]>,
    pub(super) values: Values<'a>,
}

pub(super) enum Values<'a> {
    Same(&'a str),
    Dictionary(Vec<&'a str>, &'a [u8]),
    Whole(Vec<i64>),
    Hex(usize, &'a [u8]),
    /// Where each ends, and all of them.
    Texts(Vec<u32>, &'a str),
}

impl<'a> Block<'a> {
    /// Reads the columns that are wanted; the others are skipped.
    pub(super) fn parse(bytes: &'a [u8], wanted: impl Fn(&str) -> bool) -> Result<Self, Malformed> {
        let mut from = Take(bytes);
        let rows = from.count(1)?;
        if rows > ROWS_MAX {
            return Err(Malformed);
        }
        let (mut streams, mut seen) = (Vec::new(), 0_usize);
        while seen < rows {
            let stream = u32::try_from(from.varint()?).map_err(|_| Malformed)?;
            let count = from.varint()? as usize;
            seen = seen
                .checked_add(count)
                .filter(|_| count > 0)
                .ok_or(Malformed)?;
            streams.push((stream, count));
        }
        if seen != rows {
            return Err(Malformed);
        }
        let mut at_ns = 0_i64;
        let mut time = || {
            at_ns = at_ns.wrapping_add(from.signed()?);
            Ok(at_ns)
        };
        let times = (0..rows).map(|_| time()).collect::<Result<_, _>>()?;
        let count = from.count(3)?;
        let mut columns = Vec::new();
        for _ in 0..count {
            let name = from.str()?;
            let kind = from.u8()?;
            let present = match kind & PARTLY {
                0 => None,
                _ => Some(from.slice(rows.div_ceil(8))?),
            };
            let bytes = from.bytes()?;
            if wanted(name) {
                let values = Values::parse(kind & !PARTLY, rows, bytes)?;
                columns.push(Column {
                    name,
                    present,
                    values,
                });
            }
        }
        Ok(Block {
            streams,
            times,
            columns,
        })
    }

    pub(super) fn column(&self, name: &str) -> Option<&Column<'a>> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Name and value of each field of a row.
    pub(super) fn fields(&self, row: usize) -> impl Iterator<Item = (&'a str, Cow<'_, str>)> {
        (self.columns.iter()).filter_map(move |column| Some((column.name, column.get(row)?)))
    }
}

impl<'a> Values<'a> {
    fn parse(kind: u8, rows: usize, bytes: &'a [u8]) -> Result<Self, Malformed> {
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| Malformed);
        let mut from = Take(bytes);
        Ok(match kind {
            SAME => Values::Same(text(bytes)?),
            DICTIONARY => {
                let count = from.count(1)?;
                let words = (0..count).map(|_| from.str()).collect::<Result<_, _>>()?;
                Values::Dictionary(words, from.slice(rows)?)
            }
            WHOLE => {
                let mut value = 0_i64;
                let mut next = || {
                    value = value.wrapping_add(from.signed()?);
                    Ok(value)
                };
                Values::Whole((0..rows).map(|_| next()).collect::<Result<_, _>>()?)
            }
            HEX => {
                let width = from.varint()? as usize;
                let len = rows.checked_mul(width).ok_or(Malformed)?;
                Values::Hex(width, from.slice(len)?)
            }
            TEXTS => {
                let mut end = 0_u64;
                let mut next = || {
                    end = end.saturating_add(from.varint()?);
                    u32::try_from(end).map_err(|_| Malformed)
                };
                let ends = (0..rows).map(|_| next()).collect::<Result<_, _>>()?;
                Values::Texts(ends, text(from.0)?)
            }
            _ => return Err(Malformed),
        })
    }
}

impl Column<'_> {
    pub(super) fn is_present(&self, row: usize) -> bool {
        let bit = |bits: &[u8]| {
            bits.get(row / 8)
                .is_some_and(|byte| byte >> (row % 8) & 1 == 1)
        };
        self.present.is_none_or(bit)
    }

    /// A row without a value, if there is one.
    pub(super) fn absent_row(&self, rows: usize) -> Option<usize> {
        self.present?;
        (0..rows).find(|row| !self.is_present(*row))
    }

    /// The value of a row that has one.
    pub(super) fn get(&self, row: usize) -> Option<Cow<'_, str>> {
        if !self.is_present(row) {
            return None;
        }
        match &self.values {
            Values::Same(text) => Some(Cow::Borrowed(*text)),
            Values::Dictionary(words, places) => {
                let word = words.get(usize::from(*places.get(row)?))?;
                Some(Cow::Borrowed(*word))
            }
            Values::Whole(numbers) => Some(Cow::Owned(numbers.get(row)?.to_string())),
            Values::Hex(width, bytes) => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                let bytes = bytes.get(row * width..(row + 1) * width)?;
                let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
                Some(Cow::Owned(
                    bytes
                        .iter()
                        .flat_map(|b| [digit(b >> 4), digit(*b)])
                        .collect(),
                ))
            }
            Values::Texts(ends, texts) => {
                let start = row
                    .checked_sub(1)
                    .and_then(|before| ends.get(before))
                    .copied()
                    .unwrap_or(0);
                texts
                    .get(start as usize..*ends.get(row)? as usize)
                    .map(Cow::Borrowed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::fake::Dice;

    #[test]
    fn every_field_of_every_row_comes_back() {
        let mut dice = Dice(2);
        for _ in 0..200 {
            let count = 1 + dice.below(300) as usize;
            let texts: Vec<Vec<(String, String)>> = (0..count)
                .map(|row| {
                    let mut fields = vec![
                        ("same".to_owned(), "x".to_owned()),
                        (
                            "whole".to_owned(),
                            (dice.below(1000) as i64 - 500).to_string(),
                        ),
                        ("hex".to_owned(), format!("{:016x}", dice.next())),
                        (
                            "word".to_owned(),
                            ["GET", "PUT"][dice.below(2) as usize].to_owned(),
                        ),
                        (
                            "text".to_owned(),
                            format!("line {row} \u{e9} {}", dice.next()),
                        ),
                        (
                            "odd".to_owned(),
                            ["-0", "007", "+1", "", "9223372036854775807"][dice.below(5) as usize]
                                .to_owned(),
                        ),
                    ];
                    fields.retain(|_| dice.below(5) > 0);
                    fields
                })
                .collect();
            let rows: Vec<Row<'_>> = (texts.iter().enumerate())
                .map(|(at, fields)| Row {
                    stream: at as u32 / 7,
                    at_ns: dice.next() as i64,
                    fields: fields
                        .iter()
                        .map(|(n, v)| (n.as_str(), v.as_str()))
                        .collect(),
                })
                .collect();
            let bytes = encode(&rows);
            let block = Block::parse(&bytes, |_| true).unwrap();
            let streams = block
                .streams
                .iter()
                .flat_map(|(s, n)| std::iter::repeat_n(*s, *n));
            assert!(streams.eq(rows.iter().map(|row| row.stream)));
            for (at, row) in rows.iter().enumerate() {
                assert_eq!(block.times[at], row.at_ns);
                let mut fields = row.fields.clone();
                fields.sort_unstable();
                let back: Vec<(&str, String)> =
                    block.fields(at).map(|(n, v)| (n, v.into_owned())).collect();
                assert!(
                    back.iter().map(|(n, v)| (*n, v.as_str())).eq(fields),
                    "{back:?}"
                );
            }
        }
    }

    #[test]
    fn any_bytes_are_a_block_or_malformed() {
        let mut dice = Dice(4);
        let rows: Vec<Row<'_>> = (0..100)
            .map(|n| Row {
                stream: n / 9,
                at_ns: i64::from(n),
                fields: vec![("a", "b"), ("c", ["1", "x", "ff"][n as usize % 3])],
            })
            .collect();
        for _ in 0..5000 {
            let mut bytes = encode(&rows);
            let at = dice.below(bytes.len() as u64) as usize;
            bytes[at] = dice.next() as u8;
            bytes.truncate(bytes.len() - dice.below(20) as usize);
            if let Ok(block) = Block::parse(&bytes, |_| true) {
                (0..block.times.len()).for_each(|row| assert!(block.fields(row).count() <= 2));
            }
        }
    }
}
