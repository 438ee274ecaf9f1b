//! The names blobs may have.

/// A name that was looked at: lower-case letters, digits and inner dashes, 1 to 64 of them.
/// It can therefore stand in a path as it is: no dot, no slash, no percent sign.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub struct BlobId<'a>(&'a str);

impl<'a> BlobId<'a> {
    pub fn parse(text: &'a str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let good = (1..=64).contains(&text.len())
            && text.bytes().all(allowed)
            && !text.starts_with('-')
            && !text.ends_with('-');
        good.then_some(Self(text))
    }

    pub fn as_str(self) -> &'a str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::BlobId;

    #[test]
    fn plain_names_pass() {
        let longest = "x".repeat(64);
        for name in ["a", "0", "paper-sea", "k3v9-poster", longest.as_str()] {
            assert_eq!(BlobId::parse(name).map(BlobId::as_str), Some(name));
        }
    }

    #[test]
    fn whatever_could_leave_the_folder_is_refused() {
        let too_long = "x".repeat(65);
        for name in [
            "",
            ".",
            "..",
            "../etc",
            "a/b",
            "a\\b",
            "%2e%2e",
            "a.webm",
            "A",
            "-a",
            "a-",
            "a b",
            "a\0",
            "é",
            too_long.as_str(),
        ] {
            assert_eq!(BlobId::parse(name), None, "{name:?}");
        }
    }
}
