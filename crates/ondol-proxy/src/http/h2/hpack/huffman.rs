//! The Huffman code of HPACK (RFC 7541, appendix B). It is canonical: the lengths say all of it.

/// Bits of each symbol's code; the last is the end of a string, which never stands in one.
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5,
    5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6,
    6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22,
    23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22,
    21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20,
    22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19,
    21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22,
    22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];
const END: u16 = 256;
const SHORTEST: usize = 5;
const LONGEST: usize = 30;
/// Codes of up to so many bits are found at once.
const DIRECT: usize = 8;

struct Code {
    /// Symbols in the order of their codes.
    symbols: [u16; 257],
    /// By length: the first code, its place among the symbols, and how many there are.
    first: [u32; LONGEST + 1],
    place: [u16; LONGEST + 1],
    count: [u16; LONGEST + 1],
    /// By the next bits: the symbol and the length of its code, or 0.
    direct: [(u8, u8); 1 << DIRECT],
}

static CODE: Code = code();

const fn code() -> Code {
    let mut made = Code {
        symbols: [0; 257],
        first: [0; LONGEST + 1],
        place: [0; LONGEST + 1],
        count: [0; LONGEST + 1],
        direct: [(0, 0); 1 << DIRECT],
    };
    let (mut length, mut next, mut place) = (SHORTEST, 0_u32, 0);
    while length <= LONGEST {
        made.first[length] = next;
        made.place[length] = place as u16;
        let mut symbol = 0;
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] as usize == length {
                made.symbols[place] = symbol as u16;
                if length <= DIRECT {
                    let start = (next as usize) << (DIRECT - length);
                    let mut at = start;
                    while at < start + (1 << (DIRECT - length)) {
                        made.direct[at] = (symbol as u8, length as u8);
                        at += 1;
                    }
                }
                made.count[length] += 1;
                next += 1;
                place += 1;
            }
            symbol += 1;
        }
        next <<= 1;
        length += 1;
    }
    made
}

/// Appends what `coded` stands for; `None` when it is not a string of this code.
pub(super) fn decode(coded: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (mut bits, mut held, mut bytes) = (0_u64, 0_usize, coded.iter());
    loop {
        while held <= 32
            && let Some(byte) = bytes.next()
        {
            bits = bits << 8 | u64::from(*byte);
            held += 8;
        }
        if held == 0 {
            return Some(());
        }
        // Behind the last byte come ones, as the padding is.
        let ahead = |count: usize| match held >= count {
            true => (bits >> (held - count)) as u32 & ((1 << count) - 1),
            false => {
                let missing = count - held;
                ((bits << missing) as u32 | ((1 << missing) - 1)) & ((1 << count) - 1)
            }
        };
        let (symbol, length) = match CODE.direct[ahead(DIRECT) as usize] {
            (_, 0) => match (DIRECT + 1..=LONGEST).find_map(|length| long(ahead(length), length)) {
                Some((END, _)) | None => return is_padding(bits, held),
                Some(found) => found,
            },
            (symbol, length) => (u16::from(symbol), usize::from(length)),
        };
        if length > held {
            return is_padding(bits, held);
        }
        held -= length;
        out.push(symbol as u8);
    }
}

fn long(ahead: u32, length: usize) -> Option<(u16, usize)> {
    let at = ahead.checked_sub(CODE.first[length])?;
    let place = usize::from(CODE.place[length]) + at as usize;
    (at < u32::from(CODE.count[length])).then(|| (CODE.symbols[place], length))
}

/// Fewer than eight ones fill the last byte.
fn is_padding(bits: u64, held: usize) -> Option<()> {
    let ones = (1 << held.min(8)) - 1;
    (held < 8 && bits & ones == ones).then_some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(text: &[u8]) -> Vec<u8> {
        let (mut bits, mut held, mut out) = (0_u128, 0, Vec::new());
        for byte in text {
            let length = usize::from(LENGTHS[usize::from(*byte)]);
            let place = CODE.place[length] as usize..;
            let at = CODE.symbols[place]
                .iter()
                .position(|symbol| *symbol == u16::from(*byte));
            bits = bits << length | u128::from(CODE.first[length] + at.unwrap() as u32);
            held += length;
            while held >= 8 {
                out.push((bits >> (held - 8)) as u8);
                held -= 8;
            }
        }
        if held > 0 {
            out.push((bits << (8 - held)) as u8 | 0xff >> held);
        }
        out
    }

    fn decoded(coded: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        decode(coded, &mut out).map(|()| out)
    }

    #[test]
    fn the_examples_of_the_standard_are_read() {
        let www = [
            0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff,
        ];
        assert_eq!(decoded(&www).unwrap(), b"www.example.com");
        assert_eq!(
            decoded(&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf]).unwrap(),
            b"no-cache"
        );
        assert_eq!(decoded(&[]).unwrap(), b"");
    }

    #[test]
    fn what_ends_in_no_padding_is_refused() {
        // The end of a string within it, a whole byte of padding, and zeros for padding.
        for wrong in [
            &[0xff, 0xff, 0xff, 0xff][..],
            &[0xff],
            &[0x1f, 0xff],
            &[0x18],
        ] {
            assert_eq!(decoded(wrong), None, "{wrong:x?}");
        }
        assert_eq!(decoded(&[0x1f]).unwrap(), b"a");
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(text in prop::collection::vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(decoded(&encode(&text)), Some(text));
        }
    }
}
