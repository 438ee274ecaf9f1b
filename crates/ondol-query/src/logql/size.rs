//! Numbers of bytes with their unit: `42MB`, `1.5KiB`, `20 B`, `3k`.

/// Unit by its first letter; `K` is a thousand, `Ki` is 1024.
const LETTERS: &str = "kmgtpe";

/// The bytes, rounded down. Case does not matter; commas between digits are skipped.
pub(super) fn parse(text: &str) -> Option<u64> {
    let of_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',');
    let digits = text.find(|c| !of_number(c)).unwrap_or(text.len());
    let number: f64 = text[..digits].replace(',', "").parse().ok()?;
    let unit = text[digits..].trim().to_ascii_lowercase();
    let factor = match unit.trim_end_matches('b') {
        "" if unit.len() <= 1 => 1.0,
        short => {
            let letter = short.chars().next()?;
            let power = LETTERS.find(letter)? as i32 + 1;
            let base: f64 = match &short[1..] {
                "" => 1000.0,
                "i" => 1024.0,
                _ => return None,
            };
            if unit.len() > short.len() + 1 {
                return None;
            }
            base.powi(power)
        }
    };
    let bytes = number * factor;
    (bytes < u64::MAX as f64).then_some(bytes as u64)
}

/// The text of so many bytes in the largest unit that leaves nothing over, so that it reads back.
pub(super) fn format(bytes: u64) -> String {
    const UNITS: [(&str, u64); 8] = [
        ("TiB", 1 << 40),
        ("TB", 1_000_000_000_000),
        ("GiB", 1 << 30),
        ("GB", 1_000_000_000),
        ("MiB", 1 << 20),
        ("MB", 1_000_000),
        ("KiB", 1 << 10),
        ("KB", 1000),
    ];
    let fitting = UNITS
        .iter()
        .find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit));
    match fitting {
        Some((name, unit)) => format!("{}{name}", bytes / unit),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_both_kinds_of_units() {
        for (text, bytes) in [
            ("42MB", 42_000_000),
            ("1.5KiB", 1536),
            ("20B", 20),
            ("5 MiB", 5 << 20),
            ("3k", 3000),
            ("1G", 1_000_000_000),
            ("1ki", 1024),
            ("7", 7),
            ("1,000kB", 1_000_000),
        ] {
            assert_eq!(parse(text), Some(bytes), "{text}");
        }
        for text in ["", "MB", "5x", "5bb", "5kbb", "5kxb"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_written_so_that_they_read_back() {
        for text in ["42MB", "20B", "1536B", "2KiB", "3GB", "0B"] {
            assert_eq!(format(parse(text).unwrap()), text);
        }
        assert_eq!(parse(&format(1_048_576)), Some(1_048_576));
    }
}
