//! Signals by name, as files write them.

use std::str::FromStr;

use nix::sys::signal::Signal;

/// `SIGTERM`, `TERM`, `term`, `15`.
pub(crate) fn number(text: &str) -> Option<i32> {
    let text = text.trim().to_ascii_uppercase();
    if let Ok(number) = text.parse::<i32>() {
        return Signal::try_from(number).ok().map(|signal| signal as i32);
    }
    let full = match text.starts_with("SIG") {
        true => text,
        false => format!("SIG{text}"),
    };
    Signal::from_str(&full).ok().map(|signal| signal as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_to_write_a_signal_are_read() {
        for text in ["SIGTERM", "TERM", "sigterm", "15", " term "] {
            assert_eq!(number(text), Some(15), "{text}");
        }
        for text in ["", "SIG", "0", "-9", "SIGFOO", "900"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
