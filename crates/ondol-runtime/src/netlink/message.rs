const HEAD_BYTES: usize = 16;

/// A netlink message while it is written (netlink(7), struct nlmsghdr).
#[derive(Debug)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn new(kind: u16, flags: u16) -> Self {
        let mut bytes = vec![0; HEAD_BYTES];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        Message(bytes)
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn attribute(&mut self, kind: u16, data: &[u8]) -> &mut Self {
        self.nest(kind, |inner| {
            inner.put(data);
        })
    }

    /// A text with its closing zero.
    pub(super) fn text(&mut self, kind: u16, text: &str) -> &mut Self {
        self.nest(kind, |inner| {
            inner.put(text.as_bytes()).put(&[0]);
        })
    }

    /// An attribute whose data `fill` writes.
    pub(super) fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let start = self.0.len();
        self.put(&[0, 0]).put(&kind.to_ne_bytes());
        fill(self);
        let length = (self.0.len() - start) as u16;
        self.0[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    pub(super) fn done(&mut self) -> Vec<u8> {
        let length = self.0.len() as u32;
        self.0[..4].copy_from_slice(&length.to_ne_bytes());
        std::mem::take(&mut self.0)
    }
}

/// Goes through the messages of one answer: kind and body.
pub(super) fn each(mut bytes: &[u8], mut take: impl FnMut(u16, &[u8])) {
    while let (Some(length), Some(kind)) = (bytes.first_chunk::<4>(), bytes.get(4..6)) {
        let length = u32::from_ne_bytes(*length) as usize;
        let kind = u16::from_ne_bytes([kind[0], kind[1]]);
        if length < HEAD_BYTES || length > bytes.len() {
            return;
        }
        take(kind, &bytes[HEAD_BYTES..length]);
        bytes = &bytes[length.next_multiple_of(4).min(bytes.len())..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_padded_and_their_lengths_right() {
        let mut message = Message::new(16, 5);
        message.put(&[9; 4]).nest(1, |inner| {
            inner.text(2, "ab");
        });
        let bytes = message.done();
        assert_eq!(bytes.len(), 16 + 4 + 4 + 8);
        assert_eq!(bytes[20..], [12, 0, 1, 0, 7, 0, 2, 0, b'a', b'b', 0, 0]);
        let mut seen = Vec::new();
        each(
            &[&bytes[..], &bytes[..], &[1, 2, 3]].concat(),
            |kind, body| seen.push((kind, body.len())),
        );
        assert_eq!(seen, [(16, 16), (16, 16)]);
    }
}
