//! Numbers as both formats write them.

/// The value of `text`, or nothing where it is no number. `nan` takes no sign, digits take no `_`, and nothing is
/// hexadecimal (OpenMetrics, ABNF: `number`).
pub(super) fn number(text: &str) -> Option<f64> {
    if let Some(whole) = short_integer(text.as_bytes()) {
        return Some(whole);
    }
    let value: f64 = text.parse().ok()?;
    let signed_nan = value.is_nan() && text.starts_with(['+', '-']);
    (!signed_nan).then_some(value)
}

/// A moment: like a number, but a real one.
pub(super) fn moment(text: &str) -> Option<f64> {
    number(text).filter(|value| value.is_finite())
}

/// Most values of a page are short integers, and those are read ten times faster without the general algorithm.
fn short_integer(digits: &[u8]) -> Option<f64> {
    const DIGITS_MAX: usize = 15; // all of them exact in a double
    if digits.is_empty() || digits.len() > DIGITS_MAX {
        return None;
    }
    let mut value = 0_u64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    Some(value as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_grammar_allows_is_a_number() {
        for (text, value) in [
            ("0", 0.0),
            ("-1", -1.0),
            ("+7", 7.0),
            ("1.", 1.0),
            (".5", 0.5),
            ("1e3", 1e3),
            ("1E+3", 1e3),
            ("+Inf", f64::INFINITY),
            ("-infinity", f64::NEG_INFINITY),
            ("9223372036854775808", 9_223_372_036_854_775_808.0),
            ("0000000000000000000000000001", 1.0),
        ] {
            assert_eq!(number(text), Some(value), "{text}");
        }
        assert!(number("NaN").is_some_and(f64::is_nan));
    }

    #[test]
    fn what_it_does_not_allow_is_none() {
        for text in [
            "", " 1", "1 ", "1_2", "0x1", "0x1p-3", "0b1", "0o1", "+NaN", "-nan", ".", "e3", "1e",
            "--1", "1.1.1",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
        for text in ["NaN", "Inf", "-Inf"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}
