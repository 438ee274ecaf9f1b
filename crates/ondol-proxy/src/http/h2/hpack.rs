//! Heads of messages as HTTP/2 writes them (HPACK, RFC 7541). Pure.
//!
//! What we write never refers to what was said before: whoever writes heads to the same client needs to know nothing
//! of the others.

mod encode;
mod huffman;
mod table;

pub(super) use encode::{Block, NO_TABLE};
use table::{OVERHEAD_BYTES, Table};

/// What a client may let us remember; as large as it is where nobody says otherwise.
const TABLE_BYTES_MAX: usize = 4096;
/// More bits than any number here needs.
const SHIFT_MAX: u32 = 28;

/// The headers of one message, in their order.
#[derive(Default)]
pub(super) struct Fields {
    text: Vec<u8>,
    /// Where each ends: its name and its value.
    ends: Vec<(usize, usize)>,
    /// There are more than the list may have; what is here is the beginning.
    pub too_large: bool,
}

/// It is none, and nothing after it can be read (RFC 9113, section 4.3).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

/// Reads the blocks of one connection, in their order.
pub(super) struct Decoder {
    table: Table,
    list_bytes_max: usize,
}

impl Fields {
    /// Names and values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(_, end)| *end));
        let parts = starts.zip(&self.ends);
        parts.map(|(start, (middle, end))| (&self.text[start..*middle], &self.text[*middle..*end]))
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.too_large = false;
    }

    /// As the list is measured (RFC 9113, section 6.5.2).
    fn bytes(&self) -> usize {
        self.text.len() + self.ends.len() * OVERHEAD_BYTES
    }
}

impl Decoder {
    /// `list_bytes_max` bounds the headers of one message.
    pub(super) fn new(list_bytes_max: usize) -> Self {
        Decoder {
            table: Table::new(TABLE_BYTES_MAX),
            list_bytes_max,
        }
    }

    /// Reads a whole block; `fields` is used again and again.
    pub(super) fn read(&mut self, block: &[u8], fields: &mut Fields) -> Result<(), Unreadable> {
        fields.clear();
        let mut bytes = block;
        // The size of the table is said before the first header, at most twice (RFC 7541, section 4.2).
        let mut sizes = 2;
        while let Some(&first) = bytes.first() {
            match first {
                0x20..=0x3f => {
                    let size = number(&mut bytes, 5).filter(|size| *size <= TABLE_BYTES_MAX);
                    let size = size.filter(|_| sizes > 0).ok_or(Unreadable)?;
                    sizes -= 1;
                    self.table.resize(size);
                    continue;
                }
                0x80.. => {
                    let number = number(&mut bytes, 7).ok_or(Unreadable)?;
                    let (name, value) = self.table.get(number).ok_or(Unreadable)?;
                    fields.text.extend_from_slice(name);
                    fields.ends.push((fields.text.len(), 0));
                    fields.text.extend_from_slice(value);
                }
                0x40.. => self.literal(&mut bytes, 6, true, fields)?,
                _ => self.literal(&mut bytes, 4, false, fields)?,
            }
            sizes = 0;
            self.end(fields);
        }
        Ok(())
    }

    fn literal(
        &mut self,
        bytes: &mut &[u8],
        bits: u32,
        kept: bool,
        fields: &mut Fields,
    ) -> Result<(), Unreadable> {
        let start = fields.text.len();
        match number(bytes, bits).ok_or(Unreadable)? {
            0 => string(bytes, &mut fields.text)?,
            number => {
                let (name, _) = self.table.get(number).ok_or(Unreadable)?;
                fields.text.extend_from_slice(name);
            }
        }
        let middle = fields.text.len();
        string(bytes, &mut fields.text)?;
        if kept {
            self.table
                .add(&fields.text[start..middle], &fields.text[middle..]);
        }
        fields.ends.push((middle, 0));
        Ok(())
    }

    /// The last header is whole. One that does not fit is read for the table's sake, and forgotten.
    fn end(&self, fields: &mut Fields) {
        let end = fields.text.len();
        if let Some(last) = fields.ends.last_mut() {
            last.1 = end;
        }
        if fields.bytes() > self.list_bytes_max {
            fields.too_large = true;
        }
        if fields.too_large {
            fields.ends.pop();
            fields
                .text
                .truncate(fields.ends.last().map_or(0, |(_, end)| *end));
        }
    }
}

/// A number that begins in the last `bits` of the first byte (RFC 7541, section 5.1).
fn number(bytes: &mut &[u8], bits: u32) -> Option<usize> {
    let (first, mut rest) = bytes.split_first()?;
    let max = (1_usize << bits) - 1;
    let mut number = usize::from(*first) & max;
    let mut shift = 0;
    if number == max {
        loop {
            let (next, after) = rest.split_first()?;
            rest = after;
            number += usize::from(next & 0x7f) << shift;
            if next & 0x80 == 0 {
                break;
            }
            shift += 7;
            if shift > SHIFT_MAX {
                return None;
            }
        }
    }
    *bytes = rest;
    Some(number)
}

fn string(bytes: &mut &[u8], out: &mut Vec<u8>) -> Result<(), Unreadable> {
    let is_coded = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let length = number(bytes, 7).ok_or(Unreadable)?;
    let (text, rest) = bytes.split_at_checked(length).ok_or(Unreadable)?;
    *bytes = rest;
    match is_coded {
        true => huffman::decode(text, out).ok_or(Unreadable),
        false => {
            out.extend_from_slice(text);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
