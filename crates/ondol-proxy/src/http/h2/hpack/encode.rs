use super::super::super::raw::response::Form;
use super::table::STATIC;

/// Says that nothing will be referred to that was said before (RFC 7541, section 6.3). Once, before the first head.
pub(in crate::http::h2) const NO_TABLE: u8 = 0x20;

/// Numbers of names that are in the static table.
const STATUS: u8 = 8;
const LENGTH_MAX_IN_PREFIX: usize = 127;

/// A head that is being written.
pub(in crate::http::h2) struct Block<'a>(pub &'a mut Vec<u8>);

impl Block<'_> {
    /// A header as it is, not to be remembered.
    pub(in crate::http::h2) fn field(&mut self, name: &[u8], value: &[u8]) {
        self.0.push(0);
        self.length(name.len());
        self.0.extend_from_slice(name);
        self.value(value);
    }

    fn value(&mut self, value: &[u8]) {
        self.length(value.len());
        self.0.extend_from_slice(value);
    }

    /// The length of a string that is not coded.
    fn length(&mut self, length: usize) {
        if length < LENGTH_MAX_IN_PREFIX {
            self.0.push(length as u8);
            return;
        }
        self.0.push(LENGTH_MAX_IN_PREFIX as u8);
        let mut rest = length - LENGTH_MAX_IN_PREFIX;
        while rest >= 128 {
            self.0.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.0.push(rest as u8);
    }
}

impl Form for Block<'_> {
    fn status(&mut self, status: u16, _: &str) {
        let known = [200, 204, 206, 304, 400, 404, 500];
        match known.iter().position(|known| *known == status) {
            Some(at) => self.0.push(0x80 | (STATUS + at as u8)),
            None => {
                self.0.push(STATUS);
                self.value(&[status / 100, status / 10 % 10, status % 10].map(|n| b'0' + n as u8));
            }
        }
    }

    fn line(&mut self, name: &str, value: &[u8]) {
        match number(name) {
            // It does not fit into the first byte.
            Some(number) => self.0.extend_from_slice(&[15, number - 15]),
            None => {
                self.0.push(0);
                self.length(name.len());
                let start = self.0.len();
                self.0.extend_from_slice(name.as_bytes());
                self.0[start..].make_ascii_lowercase();
            }
        }
        self.value(value);
    }

    fn of_unknown_length(&mut self) {}
}

/// The number of a header's name, where it is one that answers have often.
fn number(name: &str) -> Option<u8> {
    const KNOWN: [(&str, u8); 13] = [
        ("content-length", 28),
        ("content-type", 31),
        ("date", 33),
        ("server", 54),
        ("etag", 34),
        ("last-modified", 44),
        ("cache-control", 24),
        ("set-cookie", 55),
        ("vary", 59),
        ("location", 46),
        ("content-encoding", 26),
        ("accept-ranges", 18),
        ("expires", 36),
    ];
    let found = KNOWN
        .iter()
        .find(|(known, _)| known.len() == name.len() && known.eq_ignore_ascii_case(name));
    debug_assert!(found.is_none_or(|(known, number)| STATIC[usize::from(*number) - 1].0 == *known));
    found.map(|(_, number)| *number)
}
