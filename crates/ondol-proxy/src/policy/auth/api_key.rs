use std::collections::BTreeMap;

use ring::digest::{SHA256, digest};

use super::{BadLine, entries};

type Digest = [u8; 32];

/// Keys that programs are known by, each with the name of who has it. Only their digests are kept: how long a look
/// takes says nothing of them.
#[derive(Debug, Default)]
pub(crate) struct ApiKeys {
    names: BTreeMap<Digest, String>,
}

impl ApiKeys {
    /// From lines `name:key`; instead of the key itself there may be `sha256:` and its digest in hex. Lines that
    /// cannot be used come back, the others hold.
    pub(crate) fn parse(text: &str) -> (ApiKeys, Vec<BadLine>) {
        let (mut keys, mut bad) = (ApiKeys::default(), Vec::new());
        for (line, entry) in entries(text) {
            let digest = match entry {
                None => Err("expected `name:key`"),
                Some((_, key)) => match key.strip_prefix("sha256:") {
                    Some(hex) => from_hex(hex).ok_or("expected 64 hex digits behind `sha256:`"),
                    None if key.len() < 16 => {
                        Err("a key of less than 16 characters can be guessed")
                    }
                    None => Ok(digest_of(key)),
                },
            };
            match (digest, entry) {
                (Ok(digest), Some((name, _))) => {
                    keys.names.insert(digest, name.to_owned());
                }
                (Err(why), _) => bad.push(BadLine { line, why }),
                (Ok(_), None) => {}
            }
        }
        (keys, bad)
    }

    /// Whose key it is.
    pub(crate) fn owner(&self, key: &str) -> Option<&str> {
        self.names.get(&digest_of(key)).map(String::as_str)
    }
}

fn digest_of(key: &str) -> Digest {
    let mut out = Digest::default();
    out.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
    out
}

fn from_hex(hex: &str) -> Option<Digest> {
    let mut out = Digest::default();
    let digits = hex.as_bytes();
    if digits.len() != 2 * out.len() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (at, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_itself_or_by_its_digest() {
        let text = "# partners\nada: not-this-one-12345\n\
            bob:sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n";
        let (keys, bad) = ApiKeys::parse(text);
        assert_eq!(bad, []);
        assert_eq!(keys.owner("test"), Some("bob"));
        assert_eq!(keys.owner(" not-this-one-12345"), Some("ada"));
        assert_eq!(
            keys.owner("sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
            None
        );
        assert_eq!(keys.owner(""), None);
    }

    #[test]
    fn lines_that_cannot_be_used_are_named() {
        let (keys, bad) =
            ApiKeys::parse("ada\n\nbob:short\ncarol:sha256:xyz\ndave:long-enough-to-be-a-key");
        let lines: Vec<_> = bad.iter().map(|bad| bad.line).collect();
        assert_eq!(lines, [1, 3, 4]);
        assert_eq!(keys.owner("long-enough-to-be-a-key"), Some("dave"));
    }
}
