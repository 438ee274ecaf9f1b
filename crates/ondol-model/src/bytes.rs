use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A number of bytes, read and shown the way Compose writes it (`512m`, `1.5gb`; factors of 1024).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Bytes(pub u64);

const UNITS: [(char, u64); 4] = [
    ('t', 1 << 40),
    ('g', 1 << 30),
    ('m', 1 << 20),
    ('k', 1 << 10),
];

/// Text that is not an amount of memory; `Display` says what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BytesError(String);

impl fmt::Display for BytesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not an amount of bytes; expected a number with b, k, m, g or t, such as 512m",
            self.0
        )
    }
}

impl std::error::Error for BytesError {}

impl FromStr for Bytes {
    type Err = BytesError;

    /// Compose's byte values: `2b`, `1024kb`, `300m`, `1gb`, `1.5g`, plain bytes, any case.
    fn from_str(text: &str) -> Result<Self, BytesError> {
        let refuse = || BytesError(text.chars().take(40).collect());
        let lower = text.trim().to_ascii_lowercase();
        let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = lower[digits.len()..].trim_end_matches("ib");
        let factor = match unit
            .strip_suffix('b')
            .filter(|rest| !rest.is_empty())
            .unwrap_or(unit)
        {
            "" | "b" => 1,
            letter => {
                UNITS
                    .iter()
                    .find(|(c, _)| letter.chars().eq([*c]))
                    .ok_or_else(refuse)?
                    .1
            }
        };
        let digits = digits.trim_end();
        if let Ok(whole) = digits.parse::<u64>() {
            return whole.checked_mul(factor).map(Bytes).ok_or_else(refuse);
        }
        let amount: f64 = digits.parse().map_err(|_| refuse())?;
        let total = amount * factor as f64;
        if !total.is_finite()
            || total < 0.0
            || total >= u64::MAX as f64
            || !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        {
            return Err(refuse());
        }
        Ok(Bytes(total as u64))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (letter, factor) in UNITS {
            if self.0 >= factor {
                let whole = self.0 / factor;
                let tenth = self.0 % factor * 10 / factor;
                return if tenth == 0 {
                    write!(f, "{whole}{letter}")
                } else {
                    write!(f, "{whole}.{tenth}{letter}")
                };
            }
        }
        write!(f, "{}b", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compose_byte_values_are_read() {
        for (text, bytes) in [
            ("2b", 2),
            ("1024kb", 1 << 20),
            ("2048k", 2 << 20),
            ("300m", 300 << 20),
            ("1gb", 1 << 30),
            ("1.5G", 3 << 29),
            ("64MiB", 64 << 20),
            ("0", 0),
            ("17", 17),
            (".5k", 512),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "m",
            "-1",
            "1q",
            "1mm",
            "inf",
            "nan",
            "1e400g",
            "99999999999t",
            "ib",
            "1 2",
        ] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
    }

    #[test]
    fn shown_as_written() {
        assert_eq!(Bytes(512 << 20).to_string(), "512m");
        assert_eq!(Bytes(3 << 29).to_string(), "1.5g");
        assert_eq!(Bytes(12).to_string(), "12b");
    }
}
