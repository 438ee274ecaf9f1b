use std::time::Duration;

/// A span of time for people: `40 ms`, `1.5 s`, `2 min 5 s`.
pub(crate) fn span(time: Duration) -> String {
    let millis = time.as_millis();
    let secs = time.as_secs();
    match secs {
        0 => format!("{millis} ms"),
        1..60 => format!("{secs}.{} s", millis % 1000 / 100),
        60..3600 => format!("{} min {} s", secs / 60, secs % 60),
        _ => format!("{} h {} min", secs / 3600, secs % 3600 / 60),
    }
}

/// `1st`, `2nd`, `3rd`, `11th`.
pub(crate) fn nth(number: u32) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_ordinals_read_well() {
        for (millis, words) in [
            (40, "40 ms"),
            (1_540, "1.5 s"),
            (125_000, "2 min 5 s"),
            (7_260_000, "2 h 1 min"),
        ] {
            assert_eq!(span(Duration::from_millis(millis)), words);
        }
        let words: Vec<_> = [1, 2, 3, 4, 11, 22, 113].map(nth).into();
        assert_eq!(words, ["1st", "2nd", "3rd", "4th", "11th", "22nd", "113th"]);
    }
}
