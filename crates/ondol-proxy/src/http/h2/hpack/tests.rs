use proptest::prelude::*;

use super::super::super::raw::response::Form;
use super::*;

type Owned = Vec<(String, String)>;

fn read(decoder: &mut Decoder, block: &[u8]) -> Result<Owned, Unreadable> {
    let mut fields = Fields::default();
    decoder.read(block, &mut fields)?;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Ok(fields
        .iter()
        .map(|(name, value)| (text(name), text(value)))
        .collect())
}

fn owned(fields: &[(&str, &str)]) -> Owned {
    let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    fields.iter().map(owned).collect()
}

#[test]
fn the_examples_of_the_standard_are_read() {
    // RFC 7541, appendix C.4: three requests of one connection.
    let blocks: [&[u8]; 3] = [
        &[
            0x82, 0x86, 0x84, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab,
            0x90, 0xf4, 0xff,
        ],
        &[
            0x82, 0x86, 0x84, 0xbe, 0x58, 0x86, 0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf,
        ],
        &[
            0x82, 0x87, 0x85, 0xbf, 0x40, 0x88, 0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xa9, 0x7d, 0x7f,
            0x89, 0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xb8, 0xe8, 0xb4, 0xbf,
        ],
    ];
    let host = (":authority", "www.example.com");
    let mut decoder = Decoder::new(1000);
    let mut next = |at: usize| read(&mut decoder, blocks[at]).unwrap();
    let first = [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        host,
    ];
    assert_eq!(next(0), owned(&first));
    let second = [&first[..], &[("cache-control", "no-cache")]].concat();
    assert_eq!(next(1), owned(&second));
    let third = [
        (":method", "GET"),
        (":scheme", "https"),
        (":path", "/index.html"),
        host,
        ("custom-key", "custom-value"),
    ];
    assert_eq!(next(2), owned(&third));
}

#[test]
fn what_was_pushed_out_of_the_table_is_not_there() {
    let mut decoder = Decoder::new(1000);
    // A table of 80 bytes holds two headers of 35.
    assert!(read(&mut decoder, &[0x3f, 49]).is_ok());
    for name in *b"abc" {
        assert!(read(&mut decoder, &[0x40, 1, name, 2, b'x', b'y']).is_ok());
    }
    assert_eq!(
        read(&mut decoder, &[0xbe, 0xbf]).unwrap(),
        owned(&[("c", "xy"), ("b", "xy")])
    );
    assert_eq!(read(&mut decoder, &[0xc0]), Err(Unreadable));
}

#[test]
fn blocks_that_are_none_are_refused() {
    for wrong in [
        // No such number, a number that never ends, and one that is too large.
        &[0x80][..],
        &[0xbe],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        // Strings that end too early.
        &[0x40, 5, b'a'],
        &[0x40, 1, b'a'],
        &[0x00],
        // A table that is larger than we allow, or whose size is said too late or too often.
        &[0x3f, 0xe2, 0x1f],
        &[0x82, 0x20],
        &[0x20, 0x20, 0x20],
    ] {
        assert_eq!(
            read(&mut Decoder::new(1000), wrong),
            Err(Unreadable),
            "{wrong:x?}"
        );
    }
    assert!(read(&mut Decoder::new(1000), &[0x20, 0x3f, 0xe1, 0x1f, 0x82]).is_ok());
}

#[test]
fn a_list_that_is_too_long_is_cut_and_the_table_goes_on() {
    let mut decoder = Decoder::new(100);
    let mut fields = Fields::default();
    let long = [&[0x40, 1, b'a', 70], &[b'x'; 70][..]].concat();
    // Referred to a thousand times, it would be 100 KB.
    let block = [long, [0xbe].repeat(1000), vec![0x40, 1, b'b', 1, b'y']].concat();
    decoder.read(&block, &mut fields).unwrap();
    assert!(fields.too_large && fields.bytes() <= 100);
    assert_eq!(read(&mut decoder, &[0xbe]).unwrap(), owned(&[("b", "y")]));
}

proptest! {
    #[test]
    fn what_we_write_is_read(
        status in 100_u16..600,
        lines in prop::collection::vec(("[a-z-]{1,20}|date|etag|vary", "[ -~]{0,300}"), 0..8),
    ) {
        let mut out = vec![NO_TABLE];
        let mut block = Block(&mut out);
        block.status(status, "");
        for (name, value) in &lines {
            block.line(&name.to_uppercase(), value.as_bytes());
            block.field(name.as_bytes(), value.as_bytes());
        }
        let mut expected = owned(&[(":status", &status.to_string())]);
        expected.extend(lines.iter().flat_map(|line| [line.clone(), line.clone()]));
        prop_assert_eq!(read(&mut Decoder::new(1 << 20), &out), Ok(expected));
    }

    #[test]
    fn whatever_comes_is_read_or_refused_within_its_bounds(
        blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..6),
    ) {
        let (mut decoder, mut fields) = (Decoder::new(500), Fields::default());
        for block in blocks {
            if decoder.read(&block, &mut fields).is_err() {
                break;
            }
            prop_assert!(fields.bytes() <= 500);
        }
    }
}
