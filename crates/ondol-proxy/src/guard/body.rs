use std::ops::Range;

use super::Fault;
use super::head::{is_token, is_value};

/// Digits of a chunk's size: more than any body has, fewer than overflow.
const SIZE_DIGITS_MAX: u8 = 15;
/// What may follow the size of one chunk.
const EXTENSION_BYTES_MAX: u16 = 256;
const TRAILER_BYTES_MAX: u16 = 8 << 10;

/// Where in a body the bytes are.
pub(crate) struct Body {
    at: At,
    /// Bytes of trailers so far.
    trailers: u16,
}

enum At {
    /// So many bytes are left.
    Length(u64),
    Size {
        size: u64,
        digits: u8,
    },
    Extension {
        size: u64,
        length: u16,
    },
    SizeEnd {
        size: u64,
    },
    Data(u64),
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    /// The LF of the empty line at the end.
    Last,
}

impl Body {
    pub(crate) fn of(length: u64) -> Body {
        Body {
            at: At::Length(length),
            trailers: 0,
        }
    }

    pub(crate) fn chunked() -> Body {
        Body {
            at: At::Size { size: 0, digits: 0 },
            trailers: 0,
        }
    }

    /// How many bytes belong to it, and whether it has ended. The error says how many were right.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<(usize, bool), (usize, Fault)> {
        let mut seen = 0;
        while seen < bytes.len() {
            let piece = self.piece(&bytes[seen..]);
            let (piece, ended) = piece.map_err(|(right, fault)| (seen + right, fault))?;
            seen += piece.end;
            if ended {
                return Ok((seen, true));
            }
        }
        Ok((seen, false))
    }

    /// Where in `bytes` the next piece is of what it carries, and whether it has ended with that. Everything up to the
    /// end of the piece belongs to the body. The error says how many bytes were right.
    pub(crate) fn piece(&mut self, bytes: &[u8]) -> Result<(Range<usize>, bool), (usize, Fault)> {
        let mut seen = 0;
        while seen < bytes.len() {
            if let At::Length(left) | At::Data(left) = &mut self.at {
                let length = usize::try_from(*left)
                    .map_or(bytes.len() - seen, |left| left.min(bytes.len() - seen));
                *left -= length as u64;
                let ended = matches!(self.at, At::Length(0));
                if let At::Data(0) = self.at {
                    self.at = At::DataCr;
                }
                return Ok((seen..seen + length, ended));
            }
            let (next, ended) = self.step(bytes[seen]).map_err(|fault| (seen, fault))?;
            self.at = next;
            seen += 1;
            if ended {
                return Ok((seen..seen, true));
            }
        }
        Ok((seen..seen, false))
    }

    /// One byte between the data of chunks.
    fn step(&mut self, byte: u8) -> Result<(At, bool), Fault> {
        let next = match (&self.at, byte) {
            (At::Size { size, digits }, _) => size_digit(*size, *digits, byte)?,
            (At::Extension { size, .. }, b'\r') => At::SizeEnd { size: *size },
            (At::Extension { size, length }, _) => {
                if *length >= EXTENSION_BYTES_MAX || !is_value(&[byte]) {
                    return Err(Fault::Chunk);
                }
                At::Extension {
                    size: *size,
                    length: length + 1,
                }
            }
            (At::SizeEnd { size: 0 }, b'\n') => At::TrailerStart,
            (At::SizeEnd { size }, b'\n') => At::Data(*size),
            (At::DataCr, b'\r') => At::DataLf,
            (At::DataLf, b'\n') => At::Size { size: 0, digits: 0 },
            (At::SizeEnd { .. } | At::DataCr | At::DataLf, _) => return Err(Fault::Chunk),
            (At::Last, b'\n') => return Ok((At::Last, true)),
            _ => self.trailer(byte)?,
        };
        Ok((next, false))
    }

    fn trailer(&mut self, byte: u8) -> Result<At, Fault> {
        self.trailers += 1;
        if self.trailers > TRAILER_BYTES_MAX {
            return Err(Fault::Trailer);
        }
        match (&self.at, byte) {
            (At::TrailerStart, b'\r') => Ok(At::Last),
            (At::TrailerName, b':') => Ok(At::TrailerValue),
            (At::TrailerStart | At::TrailerName, _) if is_token(byte) => Ok(At::TrailerName),
            (At::TrailerValue, b'\r') => Ok(At::TrailerLf),
            (At::TrailerValue, _) if is_value(&[byte]) => Ok(At::TrailerValue),
            (At::TrailerLf, b'\n') => Ok(At::TrailerStart),
            _ => Err(Fault::Trailer),
        }
    }
}

fn size_digit(size: u64, digits: u8, byte: u8) -> Result<At, Fault> {
    match (byte, char::from(byte).to_digit(16)) {
        (_, Some(digit)) if digits < SIZE_DIGITS_MAX => Ok(At::Size {
            size: size << 4 | u64::from(digit),
            digits: digits + 1,
        }),
        (b'\r', _) if digits > 0 => Ok(At::SizeEnd { size }),
        (b';', _) if digits > 0 => Ok(At::Extension { size, length: 0 }),
        _ => Err(Fault::Chunk),
    }
}
