//! Durations as Go writes them, which is how Jaeger is asked: `1.5s`, `100ms`, `2h45m`.

/// Nanoseconds.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut sum_ns = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let end = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let unit_ns = match unit {
            "ns" => 1.0,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return None,
        };
        sum_ns += number.parse::<f64>().ok()? * unit_ns;
        rest = after;
    }
    Some(sum_ns.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        assert_eq!(parse("1.5s"), Some(1_500_000_000));
        assert_eq!(parse("2h45m"), Some(9_900_000_000_000));
        assert_eq!(parse("100us"), Some(100_000));
        assert_eq!(parse("5"), None);
        assert_eq!(parse("x"), None);
        assert_eq!(parse(""), None);
    }
}
