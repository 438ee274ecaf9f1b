//! `Range: bytes=...` against a blob of known length (RFC 9110, section 14).

/// What part of a blob a request asks for; `Part` bounds are inclusive.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Wanted {
    Whole,
    Part { first: u64, last: u64 },
    Unsatisfiable,
}

/// One range is honoured. Several ranges, other units and malformed headers are
/// ignored, as the specification allows: the whole blob is a correct answer.
pub fn wanted(header: Option<&str>, length: u64) -> Wanted {
    let spec = header.and_then(|value| value.trim().strip_prefix("bytes="));
    let (from, to) = match spec.and_then(|spec| spec.split_once('-')) {
        Some(ends) => ends,
        None => return Wanted::Whole,
    };
    match (number(from), number(to)) {
        (Text::Empty, Text::Number(0)) => Wanted::Unsatisfiable,
        (Text::Empty, Text::Number(_)) if length == 0 => Wanted::Unsatisfiable,
        (Text::Empty, Text::Number(suffix)) => Wanted::Part { first: length.saturating_sub(suffix), last: length - 1 },
        (Text::Number(first), Text::Empty) => part(first, u64::MAX, length),
        (Text::Number(first), Text::Number(last)) if first <= last => part(first, last, length),
        _ => Wanted::Whole,
    }
}

fn part(first: u64, last: u64, length: u64) -> Wanted {
    if first >= length {
        return Wanted::Unsatisfiable;
    }
    Wanted::Part { first, last: last.min(length - 1) }
}

enum Text {
    Empty,
    Number(u64),
    Other,
}

fn number(text: &str) -> Text {
    let text = text.trim();
    if text.is_empty() {
        return Text::Empty;
    }
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Text::Other;
    }
    // Digits only, so the one way to fail is being too large to matter.
    Text::Number(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::{wanted, Wanted};

    #[track_caller]
    fn check(header: &str, length: u64, expected: Wanted) {
        assert_eq!(wanted(Some(header), length), expected, "{header} of {length}");
    }

    fn part(first: u64, last: u64) -> Wanted {
        Wanted::Part { first, last }
    }

    #[test]
    fn one_range_is_honoured() {
        check("bytes=0-99", 1000, part(0, 99));
        check("bytes=0-0", 1000, part(0, 0));
        check("bytes=500-", 1000, part(500, 999));
        check("bytes=-100", 1000, part(900, 999));
        check(" bytes= 5 - 9 ", 1000, part(5, 9));
    }

    #[test]
    fn the_end_is_cut_to_the_length() {
        check("bytes=900-5000", 1000, part(900, 999));
        check("bytes=-5000", 1000, part(0, 999));
        check("bytes=0-99999999999999999999999999", 1000, part(0, 999));
    }

    #[test]
    fn beyond_the_end_cannot_be_satisfied() {
        check("bytes=1000-", 1000, Wanted::Unsatisfiable);
        check("bytes=99999999999999999999999999-", 1000, Wanted::Unsatisfiable);
        check("bytes=-0", 1000, Wanted::Unsatisfiable);
        check("bytes=0-", 0, Wanted::Unsatisfiable);
        check("bytes=-1", 0, Wanted::Unsatisfiable);
    }

    #[test]
    fn what_is_not_understood_is_ignored() {
        assert_eq!(wanted(None, 1000), Wanted::Whole);
        for header in ["bytes=", "bytes=-", "bytes=9-5", "bytes=0-1,5-9", "bytes=a-b", "items=0-5", "bytes=+1-2"] {
            check(header, 1000, Wanted::Whole);
        }
    }
}
