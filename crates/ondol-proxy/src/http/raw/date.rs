use std::cell::Cell;
use std::time::{Duration, UNIX_EPOCH};

use httpdate::HttpDate;

const BYTES: usize = 29;

/// The last date that was written, so that it is written once a second.
pub(crate) struct Dates(Cell<(u64, [u8; BYTES])>);

impl Default for Dates {
    fn default() -> Self {
        Dates(Cell::new((0, written(0))))
    }
}

impl Dates {
    /// A date as HTTP has it (RFC 9110, section 5.6.7), of seconds since 1970.
    pub(in crate::http) fn of(&self, seconds: u64) -> [u8; BYTES] {
        let (known, text) = self.0.get();
        if known == seconds {
            return text;
        }
        let text = written(seconds);
        self.0.set((seconds, text));
        text
    }
}

fn written(seconds: u64) -> [u8; BYTES] {
    let text = HttpDate::from(UNIX_EPOCH + Duration::from_secs(seconds)).to_string();
    let mut bytes = *b"Thu, 01 Jan 1970 00:00:00 GMT";
    if text.len() == BYTES {
        bytes.copy_from_slice(text.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_that_of_its_second() {
        let dates = Dates::default();
        for _ in 0..2 {
            assert_eq!(&dates.of(784_111_777), b"Sun, 06 Nov 1994 08:49:37 GMT");
        }
        assert_eq!(&dates.of(0), b"Thu, 01 Jan 1970 00:00:00 GMT");
    }
}
