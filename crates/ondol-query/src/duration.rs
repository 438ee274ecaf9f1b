//! Lengths of time as Prometheus writes them: `1h30m`, `500ms`, `1y`.

/// Units from the longest to the shortest, in milliseconds.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * DAY_MS),
    ("w", 7 * DAY_MS),
    ("d", DAY_MS),
    ("h", 60 * 60 * 1000),
    ("m", 60 * 1000),
    ("s", 1000),
    ("ms", 1),
];

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Milliseconds of a text such as `1h30m`. Each unit at most once, from the longest to the shortest; `0` alone needs none.
///
/// # Errors
///
/// When it is no such text, or longer than 292 years: then in Prometheus' words.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    match text {
        "" => return Err("empty duration string".to_owned()),
        "0" => return Ok(0),
        _ => {}
    }
    let invalid = || {
        format!(
            "not a valid duration string: {}",
            crate::quote::Quoted(text)
        )
    };
    let (mut rest, mut units, mut total) = (text, UNITS.iter(), 0_i64);
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .ok_or_else(invalid)?;
        let (number, tail) = rest.split_at(digits);
        let unit_end = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let (_, unit_ms) = units.find(|(name, _)| *name == unit).ok_or_else(invalid)?;
        if number.is_empty() {
            return Err(invalid());
        }
        total = number
            .parse::<i64>()
            .ok()
            .and_then(|n| n.checked_mul(*unit_ms))
            .and_then(|ms| total.checked_add(ms))
            // What Go's nanoseconds can hold.
            .filter(|ms| *ms <= i64::MAX / 1_000_000)
            .ok_or("duration out of range")?;
        rest = tail;
    }
    Ok(total)
}

/// The text of so many milliseconds; years and weeks only when nothing is left over.
pub(crate) fn format(ms: i64) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    let mut rest = ms.unsigned_abs();
    if ms < 0 {
        text.push('-');
    }
    for (unit, unit_ms) in UNITS {
        let unit_ms = unit_ms.unsigned_abs();
        let exact_only = unit == "y" || unit == "w";
        if rest < unit_ms || (exact_only && !rest.is_multiple_of(unit_ms)) {
            continue;
        }
        text.push_str(&format!("{}{unit}", rest / unit_ms));
        rest %= unit_ms;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_alike() {
        for text in ["1h30m", "500ms", "1y", "2w", "1d1h1m1s1ms", "0s"] {
            assert_eq!(format(parse_duration(text).unwrap()), text);
        }
        assert_eq!(format(parse_duration("90m").unwrap()), "1h30m");
        assert_eq!(format(-5000), "-5s");
    }

    #[test]
    fn what_is_no_duration_is_said_to_be_none() {
        for text in ["", "5", "m", "1m1h", "1m1m", "1x", "1.5m", "99999999999y"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
