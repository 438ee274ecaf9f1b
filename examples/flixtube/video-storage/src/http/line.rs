//! One line of a head or of a chunked body, and what can be wrong with it.

use std::io::{self, BufRead, Read};

/// Why a request cannot be understood.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nobody is there to be told.
    Gone,
    Refused(u16, &'static str),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::Refused(408, "the request took too long"),
            _ => Self::Gone,
        }
    }
}

/// A line without its CR LF, paid for from `budget` bytes. Printable ASCII, spaces and tabs only:
/// whatever else a neighbour might read as the end of a line is refused.
pub fn read_line(from: &mut dyn BufRead, budget: &mut u64) -> Result<String, Fault> {
    let mut bytes = Vec::new();
    let count = Read::take(&mut *from, *budget).read_until(b'\n', &mut bytes)? as u64;
    if bytes.last() != Some(&b'\n') {
        return Err(if count == *budget { Fault::Refused(431, "the headers are too long") } else { Fault::Gone });
    }
    *budget -= count;
    let line = bytes.strip_suffix(b"\r\n").ok_or(Fault::Refused(400, "a line must end with CR LF"))?;
    if !line.iter().all(|b| matches!(b, b'\t' | b' '..=b'~')) {
        return Err(Fault::Refused(400, "a line must be plain ASCII"));
    }
    Ok(line.iter().map(|b| char::from(*b)).collect())
}
