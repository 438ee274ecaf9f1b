//! Numbers as PromQL reads them and as Prometheus' texts show them.

/// From this power of ten on, Go's `%g` shows an exponent.
const EXPONENT_FROM: i32 = 6;

/// As Go's `%g` shows it: the shortest text that reads back, with an exponent when it is large or small.
pub(crate) fn general(value: f64) -> String {
    with_exponent_from(value, EXPONENT_FROM)
}

/// As Go prints a number that nobody formats: an exponent only where it is very large or small.
pub(crate) fn printed(value: f64) -> String {
    with_exponent_from(value, 21)
}

/// With so many significant digits, as Go's `%.2g`.
pub(crate) fn rounded(value: f64, digits: u8) -> String {
    let shown = format!("{value:.*e}", usize::from(digits).saturating_sub(1));
    shown
        .parse()
        .map_or(shown, |value| with_exponent_from(value, i32::from(digits)))
}

fn with_exponent_from(value: f64, power: i32) -> String {
    if !value.is_finite() {
        return special(value);
    }
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..power).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// Without an exponent, as short as reads back.
pub(crate) fn plain(value: f64) -> String {
    if value.is_finite() {
        format!("{value}")
    } else {
        special(value)
    }
}

/// As `OpenMetrics` writes the value of a `quantile` or `le` label: never without a point or an exponent.
pub(crate) fn label_value(value: f64) -> String {
    let text = general(value);
    if value.is_finite() && !text.contains(['.', 'e']) {
        return format!("{text}.0");
    }
    text
}

fn special(value: f64) -> String {
    let text = if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "+Inf"
    } else {
        "-Inf"
    };
    text.to_owned()
}

/// A number as it is written in a query: decimal, hexadecimal, with underscores between digits, `Inf`, `NaN`, and,
/// as in Go, octal when it begins with a zero and only has octal digits.
pub(crate) fn parse(text: &str) -> Option<f64> {
    let text = text.replace('_', "");
    let (negative, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text.as_str()),
    };
    let magnitude = magnitude(digits)?;
    Some(if negative { -magnitude } else { magnitude })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a literal of more than 53 bits is rounded, as everywhere else"
)]
fn magnitude(digits: &str) -> Option<f64> {
    let lower = digits.to_ascii_lowercase();
    if let Some(hex) = lower.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok().map(|n| n as f64);
    }
    match lower.as_str() {
        "inf" | "infinity" => return Some(f64::INFINITY),
        "nan" => return Some(f64::NAN),
        _ => {}
    }
    let octal = lower.len() > 1
        && lower.starts_with('0')
        && lower.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    if octal {
        return i64::from_str_radix(&lower, 8).ok().map(|n| n as f64);
    }
    if !lower.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    lower.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_go_shows_them() {
        let shown: Vec<String> = [0.1, 1e21, 1.5e-7, -2.0, f64::INFINITY, 123_456_789.0]
            .into_iter()
            .map(general)
            .collect();
        assert_eq!(
            shown,
            ["0.1", "1e+21", "1.5e-07", "-2", "+Inf", "1.23456789e+08"]
        );
        assert_eq!(label_value(1.0), "1.0");
        assert_eq!(label_value(0.99), "0.99");
        assert_eq!(rounded(0.12345, 2), "0.12");
    }

    #[test]
    fn numbers_are_read_in_all_the_ways_they_may_be_written() {
        let read = |text| parse(text).unwrap();
        assert!((read("0x1F") - 31.0).abs() < f64::EPSILON);
        assert!((read("1_000.5") - 1000.5).abs() < f64::EPSILON);
        assert!((read("0755") - 493.0).abs() < f64::EPSILON);
        assert!((read("09") - 9.0).abs() < f64::EPSILON);
        assert!(read("-inf") < 0.0 && read("NaN").is_nan());
        assert_eq!(parse("0x"), None);
    }
}
