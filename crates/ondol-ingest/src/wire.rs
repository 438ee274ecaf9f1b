//! Protobuf's wire format, read field by field: nothing is built that nobody asked for, so that a small body cannot
//! become a large tree. A field of an unexpected type is skipped like an unknown one, as the specification has it.

use crate::IngestError;

/// The fields of a message, in the order in which they stand.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    /// A text, bytes, a message, or numbers one after the other.
    Bytes(&'a [u8]),
    Fixed32(u32),
}

/// What is read is no protobuf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl From<Malformed> for IngestError {
    fn from(Malformed: Malformed) -> Self {
        IngestError::malformed("protobuf", "a field ends after the end of what it is in")
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Wire<'a>), Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    #[inline]
    fn field(&mut self) -> Result<(u32, Wire<'a>), Malformed> {
        let tag = varint(&mut self.0)?;
        let number = u32::try_from(tag >> 3).map_err(|_| Malformed)?;
        let value = match tag & 7 {
            0 => Wire::Varint(varint(&mut self.0)?),
            1 => Wire::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let len = usize::try_from(varint(&mut self.0)?).map_err(|_| Malformed)?;
                let (bytes, rest) = self.0.split_at_checked(len).ok_or(Malformed)?;
                self.0 = rest;
                Wire::Bytes(bytes)
            }
            5 => Wire::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(Malformed),
        };
        Ok((number, value))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (front, rest) = self.0.split_first_chunk::<N>().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*front)
    }
}

#[inline]
fn varint(from: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = from.split_first().ok_or(Malformed)?;
        *from = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Ok(value);
        }
    }
    Err(Malformed)
}

/// Numbers of eight bytes: one, or many one after the other. Calls `each` for as many as there are.
pub(crate) fn each_fixed64(value: Wire<'_>, mut each: impl FnMut(u64)) {
    match value {
        Wire::Fixed64(number) => each(number),
        Wire::Bytes(bytes) => bytes
            .as_chunks()
            .0
            .iter()
            .for_each(|eight| each(u64::from_le_bytes(*eight))),
        _ => {}
    }
}

/// The same of varints.
pub(crate) fn each_varint(value: Wire<'_>, mut each: impl FnMut(u64)) -> Result<(), Malformed> {
    match value {
        Wire::Varint(number) => each(number),
        Wire::Bytes(mut bytes) => {
            while !bytes.is_empty() {
                each(varint(&mut bytes)?);
            }
        }
        _ => {}
    }
    Ok(())
}

/// A number of either sign, written so that small ones are short.
pub(crate) fn zigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Writing, for answers and for what is spelled otherwise.
pub(crate) mod put {
    pub(crate) fn varint(into: &mut Vec<u8>, mut value: u64) {
        while value >= 0x80 {
            into.push(value as u8 | 0x80);
            value >>= 7;
        }
        into.push(value as u8);
    }

    pub(crate) fn number(into: &mut Vec<u8>, tag: u32, value: u64) {
        varint(into, u64::from(tag) << 3);
        varint(into, value);
    }

    pub(crate) fn fixed64(into: &mut Vec<u8>, tag: u32, value: u64) {
        varint(into, u64::from(tag) << 3 | 1);
        into.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn bytes(into: &mut Vec<u8>, tag: u32, value: &[u8]) {
        varint(into, u64::from(tag) << 3 | 2);
        varint(into, value.len() as u64);
        into.extend_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_read() {
        let mut message = Vec::new();
        put::number(&mut message, 1, 300);
        put::fixed64(&mut message, 2, 7);
        put::bytes(&mut message, 3, b"abc");
        message.extend([0x85, 0x01, 9, 0, 0, 0]);
        let fields: Result<Vec<_>, _> = Fields(&message).collect();
        let expected = vec![
            (1, Wire::Varint(300)),
            (2, Wire::Fixed64(7)),
            (3, Wire::Bytes(b"abc")),
            (16, Wire::Fixed32(9)),
        ];
        assert_eq!(fields, Ok(expected));
    }

    #[test]
    fn less_than_was_promised_ends_in_an_error_and_then_ends() {
        let mut fields = Fields(&[0x0a, 0x05, 1]);
        assert_eq!(fields.next(), Some(Err(Malformed)));
        assert_eq!(fields.next(), None);
        assert_eq!(Fields(&[0xff; 20]).next(), Some(Err(Malformed)));
        // Groups are of proto1.
        assert_eq!(Fields(&[0x0b]).next(), Some(Err(Malformed)));
    }

    #[test]
    fn numbers_come_alone_or_packed() {
        let mut seen = Vec::new();
        each_fixed64(Wire::Fixed64(1), |n| seen.push(n));
        each_fixed64(Wire::Bytes(&[2, 0, 0, 0, 0, 0, 0, 0, 9]), |n| seen.push(n));
        assert!(each_varint(Wire::Bytes(&[3, 0xac, 0x02]), |n| seen.push(n)).is_ok());
        assert_eq!(seen, [1, 2, 3, 300]);
        assert_eq!([0, 1, 2, 3].map(zigzag), [0, -1, 1, -2]);
    }
}
