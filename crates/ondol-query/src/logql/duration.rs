//! Lengths of time as `LogQL` writes them: Go's and Prometheus' units, with fractions: `1.5h`, `250ms`, `1d12h`.

/// Units in nanoseconds, those first whose name begins with another's.
const UNITS: [(&str, f64); 10] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("\u{b5}s", 1e3),
    ("\u{3bc}s", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
    ("d", 24.0 * 3600e9),
    ("w", 7.0 * 24.0 * 3600e9),
];
const YEAR: (&str, f64) = ("y", 365.0 * 24.0 * 3600e9);

/// Nanoseconds of a length that is written in a query.
pub(super) fn parse(text: &str) -> Option<i64> {
    sum(text, &|unit| {
        UNITS.iter().chain([&YEAR]).find(|(name, _)| *name == unit)
    })
}

/// Nanoseconds of a length that stands in a line: Go's own units, no day or longer, perhaps with a sign.
pub(super) fn parse_value(text: &str) -> Option<i64> {
    let (sign, text) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (if text.starts_with('-') { -1 } else { 1 }, rest),
        None => (1, text),
    };
    if text == "0" {
        return Some(0);
    }
    let known = |unit: &str| UNITS[..8].iter().find(|(name, _)| *name == unit);
    sum(text, &known).map(|ns| sign * ns)
}

fn sum<'u>(text: &str, unit: &dyn Fn(&str) -> Option<&'u (&'u str, f64)>) -> Option<i64> {
    let (mut rest, mut total) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let end = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (name, tail) = tail.split_at(end);
        total += number.parse::<f64>().ok()? * unit(name)?.1;
        rest = tail;
    }
    // What Go's nanoseconds can hold.
    (!text.is_empty() && total < i64::MAX as f64).then_some(total.round() as i64)
}

/// The text of so many nanoseconds, which reads back.
pub(super) fn format(ns: i64) -> String {
    let (ms, rest) = (ns / 1_000_000, ns % 1_000_000);
    if rest == 0 {
        return crate::duration::format(ms);
    }
    let text = if ms == 0 {
        String::new()
    } else {
        crate::duration::format(ms)
    };
    let sign = if ns < 0 && ms == 0 { "-" } else { "" };
    format!("{sign}{text}{}ns", rest.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_with_fractions_and_all_units() {
        assert_eq!(parse("1.5h"), Some(5_400_000_000_000));
        assert_eq!(parse("1d12h"), parse("36h"));
        assert_eq!(parse("5us"), Some(5000));
        assert_eq!(parse_value("-1m0.5s"), Some(-60_500_000_000));
        for text in ["", "5", "m", "1x", "1..5s", "99999999999y"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse_value("1d"), None);
    }

    #[test]
    fn lengths_are_written_so_that_they_read_back() {
        for text in ["1h30m", "250ms", "1s1ns", "999999ns", "2w"] {
            assert_eq!(format(parse(text).unwrap()), text);
        }
    }
}
