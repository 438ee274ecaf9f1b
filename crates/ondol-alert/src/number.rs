//! Numbers as Go writes them, because templates and tools of others expect them so.

/// `%v`: the fewest digits that mean this number.
pub(crate) fn shortest(value: f64) -> String {
    special(value).unwrap_or_else(|| layout(&format!("{value:e}"), 6))
}

/// `%.{digits}g`: so many significant digits, without zeros at the end.
pub(crate) fn significant(value: f64, digits: usize) -> String {
    let digits = digits.max(1);
    let scientific = || format!("{value:.*e}", digits - 1);
    special(value).unwrap_or_else(|| layout(&scientific(), digits as i32))
}

/// The fewest digits that mean this number, always with an exponent; `1e+00`.
pub(crate) fn exponential(value: f64) -> String {
    special(value).unwrap_or_else(|| goes(&format!("{value:e}")))
}

/// `%.{digits}e`.
pub(crate) fn scientific(value: f64, digits: usize) -> String {
    special(value).unwrap_or_else(|| goes(&format!("{value:.digits$e}")))
}

/// `%.{digits}f`.
pub(crate) fn fixed(value: f64, digits: usize) -> String {
    special(value).unwrap_or_else(|| format!("{value:.digits$}"))
}

fn special(value: f64) -> Option<String> {
    match value {
        _ if value.is_nan() => Some("NaN".to_owned()),
        f64::INFINITY => Some("+Inf".to_owned()),
        f64::NEG_INFINITY => Some("-Inf".to_owned()),
        _ => None,
    }
}

/// Rust's `1.5e3` as `%g`: with an exponent below -4 and from `exponent_max` on.
fn layout(scientific: &str, exponent_max: i32) -> String {
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific.to_owned();
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let all: String = mantissa.chars().filter(|c| *c != '.').collect();
    let digits = match all.trim_end_matches('0') {
        "" => "0",
        digits => digits,
    };
    if exponent < -4 || exponent >= exponent_max {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        return with_exponent(&format!("{sign}{first}{point}{rest}"), exponent);
    }
    if exponent < 0 {
        let zeros = "0".repeat((-exponent - 1) as usize);
        return format!("{sign}0.{zeros}{digits}");
    }
    let whole = exponent as usize + 1;
    match digits.len() > whole {
        true => format!("{sign}{}.{}", &digits[..whole], &digits[whole..]),
        false => format!("{sign}{digits}{}", "0".repeat(whole - digits.len())),
    }
}

/// Rust's `1.5e3` as Go's `1.5e+03`.
fn goes(scientific: &str) -> String {
    match scientific.split_once('e') {
        Some((mantissa, exponent)) => with_exponent(mantissa, exponent.parse().unwrap_or(0)),
        None => scientific.to_owned(),
    }
}

fn with_exponent(mantissa: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (-2.5, "-2.5"),
            (100_000.0, "100000"),
            (123_456_789.0, "1.23456789e+08"),
            (1e6, "1e+06"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (0.1 + 0.2, "0.30000000000000004"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(shortest(value), text);
        }
        for (value, text) in [
            (0.0, "0"),
            (1234.0, "1234"),
            (12345.0, "1.234e+04"),
            (99.995, "100"),
            (0.05, "0.05"),
            (1.5, "1.5"),
            (-0.000012345, "-1.234e-05"),
        ] {
            assert_eq!(significant(value, 4), text, "{value}");
        }
        assert_eq!(scientific(1234.5678, 2), "1.23e+03");
        assert_eq!(fixed(2.005, 1), "2.0");
    }
}
