//! Lengths of time as Prometheus writes them: `1h30m`, `500ms`, `1y`.

/// Units from the longest to the shortest, in milliseconds.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * DAY_MS),
    ("w", 7 * DAY_MS),
    ("d", DAY_MS),
    ("h", 60 * 60 * 1000),
    ("m", 60 * 1000),
    ("s", 1000),
    ("ms", 1),
];

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A century: longer than anybody waits, and far from where sums overflow.
const LONGEST_MS: u64 = 100 * 365 * DAY_MS;

/// Milliseconds of such a text: each unit at most once, from the longest to the shortest; `0` alone needs none.
pub(crate) fn parse(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let (mut rest, mut units, mut total) = (text, UNITS.iter(), 0_u64);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let end = tail.find(|c: char| c.is_ascii_digit());
        let (unit, tail) = tail.split_at(end.unwrap_or(tail.len()));
        let (_, unit_ms) = units.find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*unit_ms)?)?;
        rest = tail;
    }
    (total <= LONGEST_MS).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, ms) in [
            ("1h30m", 5_400_000),
            ("90m", 5_400_000),
            ("500ms", 500),
            ("2w", 1_209_600_000),
            ("1m1s1ms", 61_001),
            ("0", 0),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Some(ms), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_said_to_be_none() {
        for text in [
            "",
            "5",
            "m",
            "1m1h",
            "1m1m",
            "1x",
            "1.5m",
            "-5m",
            "101y",
            "99999999999999999999s",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
