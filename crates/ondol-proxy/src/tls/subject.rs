//! Who a client's certificate says that it is, in the words of RFC 4514: `CN=alice,O=Shop`.

use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;

/// Attributes with a short name (RFC 4514, section 3), by the end of their object identifier below 2.5.4.
const NAMES: [(u8, &str); 7] = [
    (3, "CN"),
    (6, "C"),
    (7, "L"),
    (8, "ST"),
    (9, "STREET"),
    (10, "O"),
    (11, "OU"),
];

/// The subject of a certificate; `None` when it has none that can be read.
pub(crate) fn subject(certificate: &CertificateDer<'_>) -> Option<String> {
    let parsed = EndEntityCert::try_from(certificate).ok()?;
    // Without the tag and length of the outermost sequence.
    let text = name(parsed.subject())?;
    Some(text).filter(|text| !text.is_empty())
}

fn name(mut rest: &[u8]) -> Option<String> {
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let (attributes, after) = value(rest, SET)?;
        let (attribute, _) = value(attributes, SEQUENCE)?;
        let (kind, attribute) = value(attribute, OID)?;
        let (_, text) = attribute.split_first()?;
        let (length, start) = length(text)?;
        let text = std::str::from_utf8(text.get(start..start + length)?).ok()?;
        if let [0x55, 0x04, last] = kind
            && let Some((_, short)) = NAMES.iter().find(|(number, _)| number == last)
        {
            parts.push(format!("{short}={}", escaped(text)));
        }
        rest = after;
    }
    // The most exact comes first (RFC 4514, section 2.1).
    parts.reverse();
    Some(parts.join(","))
}

/// What is in the element of this tag at the beginning, and what follows it.
fn value(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = bytes.split_first()?;
    let (length, start) = length(rest)?;
    let end = start.checked_add(length)?;
    (*found == tag).then_some(())?;
    Some((rest.get(start..end)?, rest.get(end..)?))
}

/// A length of DER of at most two bytes, and where its content begins.
fn length(bytes: &[u8]) -> Option<(usize, usize)> {
    match *bytes {
        [short @ 0..=0x7f, ..] => Some((usize::from(short), 1)),
        [0x81, one, ..] => Some((usize::from(one), 2)),
        [0x82, one, two, ..] => Some((usize::from(u16::from_be_bytes([one, two])), 3)),
        _ => None,
    }
}

/// As RFC 4514, section 2.4, has it; control characters, which no header has, are left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (at, letter) in text.chars().enumerate() {
        let edge = at == 0 && matches!(letter, ' ' | '#');
        if edge || matches!(letter, '"' | '+' | ',' | ';' | '<' | '>' | '\\') {
            escaped.push('\\');
        }
        if !letter.is_control() {
            escaped.push(letter);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_said_from_its_end_and_what_would_cut_it_is_escaped() {
        let attribute = |last: u8, text: &str| {
            let inner = [
                &[OID, 3, 0x55, 4, last, 0x0c, text.len() as u8],
                text.as_bytes(),
            ]
            .concat();
            let inner = [&[SEQUENCE, inner.len() as u8], &inner[..]].concat();
            [&[SET, inner.len() as u8], &inner[..]].concat()
        };
        let bytes = [attribute(10, "Shop, Inc"), attribute(3, "alice")].concat();
        assert_eq!(name(&bytes).unwrap(), "CN=alice,O=Shop\\, Inc");
        assert_eq!(name(&bytes[..10]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = name(&bytes);
        }
    }
}
