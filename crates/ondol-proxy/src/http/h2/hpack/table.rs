use std::collections::VecDeque;

/// What every header costs besides its bytes (RFC 7541, section 4.1).
pub(super) const OVERHEAD_BYTES: usize = 32;

/// What both sides know from the beginning (RFC 7541, appendix A); the first has the number 1.
pub(super) static STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// Headers that were said before on a connection, the newest first (RFC 7541, section 2.3.2).
pub(super) struct Table {
    entries: VecDeque<Entry>,
    bytes: usize,
    bytes_max: usize,
}

struct Entry {
    /// Name and value.
    text: Box<[u8]>,
    name_length: usize,
}

impl Entry {
    fn bytes(&self) -> usize {
        self.text.len() + OVERHEAD_BYTES
    }
}

impl Table {
    pub(super) fn new(bytes_max: usize) -> Self {
        Table {
            entries: VecDeque::new(),
            bytes: 0,
            bytes_max,
        }
    }

    /// Name and value by their number.
    pub(super) fn get(&self, number: usize) -> Option<(&[u8], &[u8])> {
        let at = number.checked_sub(1)?;
        match STATIC.get(at) {
            Some((name, value)) => Some((name.as_bytes(), value.as_bytes())),
            None => {
                let entry = self.entries.get(at - STATIC.len())?;
                Some(entry.text.split_at(entry.name_length))
            }
        }
    }

    pub(super) fn add(&mut self, name: &[u8], value: &[u8]) {
        let entry = Entry {
            text: [name, value].concat().into_boxed_slice(),
            name_length: name.len(),
        };
        // One that is too large empties the table (RFC 7541, section 4.4).
        self.shrink_to(self.bytes_max.saturating_sub(entry.bytes()));
        if entry.bytes() <= self.bytes_max {
            self.bytes += entry.bytes();
            self.entries.push_front(entry);
        }
    }

    pub(super) fn resize(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
        self.shrink_to(bytes_max);
    }

    fn shrink_to(&mut self, bytes: usize) {
        while self.bytes > bytes
            && let Some(entry) = self.entries.pop_back()
        {
            self.bytes -= entry.bytes();
        }
    }
}
