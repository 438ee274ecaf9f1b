//! Names and labels as they stand in a page: borrowed, and unescaped only where somebody asks.

use std::borrow::Cow;

use super::Format;
use super::scan::Scan;

/// A name or a value of a page, perhaps with escapes in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    raw: &'a str,
    escaped: bool,
}

impl<'a> Text<'a> {
    pub(super) fn plain(raw: &'a str) -> Self {
        Text {
            raw,
            escaped: false,
        }
    }

    pub(super) fn quoted(raw: &'a str, escaped: bool) -> Self {
        Text { raw, escaped }
    }

    /// As it is written, escapes and all.
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// As it is meant. `\\`, `\"` and `\n` are what they stand for; a backslash before anything else is itself.
    pub fn meant(&self) -> Cow<'a, str> {
        if !self.escaped {
            return Cow::Borrowed(self.raw);
        }
        let mut meant = String::with_capacity(self.raw.len());
        let mut chars = self.raw.chars();
        while let Some(c) = chars.next() {
            if c != '\\' {
                meant.push(c);
                continue;
            }
            match chars.next() {
                Some('n') => meant.push('\n'),
                Some(c @ ('\\' | '"')) => meant.push(c),
                Some(c) => meant.extend(['\\', c]),
                None => meant.push('\\'),
            }
        }
        Cow::Owned(meant)
    }
}

/// The labels of one sample. They were checked when the line was read; iterating cannot fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Labels<'a> {
    inside: &'a str,
    format: Format,
}

impl<'a> Labels<'a> {
    /// `inside` is what stands between the braces, after the name of the metric where that is in there too.
    pub(super) fn checked(inside: &'a str, format: Format) -> Self {
        Labels { inside, format }
    }

    /// Name and value of each, in the order of the page.
    pub fn iter(&self) -> impl Iterator<Item = (Text<'a>, Text<'a>)> + use<'a> {
        let mut scan = Scan::new(self.inside, 0, self.format);
        std::iter::from_fn(move || {
            scan.blanks();
            scan.eat(b',');
            scan.blanks();
            let name = scan.label_name().ok()?;
            scan.blanks();
            scan.eat(b'=');
            scan.blanks();
            Some((name, scan.quoted().ok()?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_mean_what_they_stand_for() {
        for (raw, meant) in [
            (r"a\nb", "a\nb"),
            (r#"\""#, "\""),
            (r"\\n", "\\n"),
            (r"\z", "\\z"),
            ("plain", "plain"),
        ] {
            assert_eq!(Text::quoted(raw, true).meant(), meant, "{raw}");
        }
    }
}
