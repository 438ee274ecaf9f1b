//! As much protobuf as it takes to write a message.

/// A message that is written field by field.
#[derive(Clone, Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// A varint.
    pub(super) fn number(&mut self, field: u32, value: u64) {
        self.varint(u64::from(field << 3));
        self.varint(value);
    }

    /// `fixed64`.
    pub(super) fn fixed(&mut self, field: u32, value: u64) {
        self.varint(u64::from(field << 3 | 1));
        self.0.extend(value.to_le_bytes());
    }

    /// `bytes` or `string`.
    pub(super) fn bytes_of(&mut self, field: u32, value: &[u8]) {
        self.varint(u64::from(field << 3 | 2));
        self.varint(value.len() as u64);
        self.0.extend(value);
    }

    pub(super) fn message(&mut self, field: u32, value: &Message) {
        self.bytes_of(field, &value.0);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_as_the_encoding_says() {
        let (mut inner, mut outer) = (Message::default(), Message::default());
        inner.number(1, 150);
        outer.bytes_of(2, b"testing");
        outer.message(3, &inner);
        outer.fixed(4, 1);
        let expected = b"\x12\x07testing\x1a\x03\x08\x96\x01\x21\x01\0\0\0\0\0\0\0";
        assert_eq!(outer.bytes(), expected);
    }
}
