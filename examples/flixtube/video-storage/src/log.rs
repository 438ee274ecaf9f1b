//! One JSON line per event on stdout.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

pub enum Field<'a> {
    Text(&'a str),
    Number(u64),
}

pub fn line(event: &str, fields: &[(&str, Field)]) {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let mut text = format!(r#"{{"time":"{}","service":"video-storage","event":"{event}""#, time(now_ms));
    for (name, value) in fields {
        // Writing to a String cannot fail.
        let _ = match value {
            Field::Text(value) => write!(text, r#","{name}":{}"#, quoted(value)),
            Field::Number(value) => write!(text, r#","{name}":{value}"#),
        };
    }
    text.push_str("}\n");
    // Nobody reads the log any more? Then serving goes on without it.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// A JSON string.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Milliseconds since 1970 as `2026-01-31T12:00:00.000Z`.
fn time(ms: u64) -> String {
    let (days, rest_ms) = (ms / 86_400_000, ms % 86_400_000);
    // Days to a civil date, counted in eras of 400 years that begin on the 1st of March.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (rest_ms / 3_600_000, rest_ms / 60_000 % 60, rest_ms / 1_000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", rest_ms % 1_000)
}

#[cfg(test)]
mod tests {
    #[test]
    fn time_is_rfc_3339() {
        assert_eq!(super::time(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(super::time(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(super::time(1_767_225_599_999), "2025-12-31T23:59:59.999Z");
    }

    #[test]
    fn text_is_escaped() {
        assert_eq!(super::quoted("a\"b\\c\n"), r#""a\"b\\c\u000a""#);
    }
}
