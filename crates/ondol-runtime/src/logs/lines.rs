use super::TEXT_BYTES_MAX;

/// Cuts a byte stream into lines. Holds at most one line's beginning.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    /// Calls `line(text, partial)` for each line that `bytes` ends, and for each full piece of a very long one.
    pub(crate) fn push(&mut self, mut bytes: &[u8], mut line: impl FnMut(&[u8], bool)) {
        while !bytes.is_empty() {
            let room = TEXT_BYTES_MAX - self.begun.len();
            let window = &bytes[..bytes.len().min(room)];
            match window.iter().position(|&byte| byte == b'\n') {
                Some(at) if self.begun.is_empty() => {
                    line(&window[..at], false);
                    bytes = &bytes[at + 1..];
                }
                Some(at) => {
                    self.begun.extend_from_slice(&window[..at]);
                    line(&self.begun, false);
                    self.begun.clear();
                    bytes = &bytes[at + 1..];
                }
                None => {
                    self.begun.extend_from_slice(window);
                    bytes = &bytes[window.len()..];
                    if self.begun.len() == TEXT_BYTES_MAX {
                        line(&self.begun, true);
                        self.begun.clear();
                    }
                }
            }
        }
    }

    /// Hands over what has begun without an end: a prompt, or the last words.
    pub(crate) fn flush(&mut self, partial: bool, mut line: impl FnMut(&[u8], bool)) {
        if !self.begun.is_empty() {
            line(&self.begun, partial);
            self.begun = Vec::new();
        }
    }

    /// A line has begun and not ended.
    pub(crate) fn is_open(&self) -> bool {
        !self.begun.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&str]) -> Vec<(String, bool)> {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        for piece in pieces {
            lines.push(piece.as_bytes(), |text, partial| {
                seen.push((String::from_utf8_lossy(text).into_owned(), partial));
            });
        }
        lines.flush(false, |text, partial| {
            seen.push((String::from_utf8_lossy(text).into_owned(), partial));
        });
        seen
    }

    #[test]
    fn lines_are_whole_however_they_arrive() {
        let expected: Vec<(String, bool)> = ["a", "", "bc", "end"]
            .map(|text| (text.to_owned(), false))
            .into();
        assert_eq!(cut(&["a\n\nbc\nend"]), expected);
        assert_eq!(cut(&["a", "\n\nb", "c\ne", "nd"]), expected);
    }

    #[test]
    fn a_very_long_line_is_cut_into_partial_pieces() {
        let long = "x".repeat(TEXT_BYTES_MAX * 2 + 3) + "\nnext\n";
        let pieces = cut(&[&long]);
        let shape: Vec<(usize, bool)> = pieces.iter().map(|(t, p)| (t.len(), *p)).collect();
        assert_eq!(
            shape,
            [
                (TEXT_BYTES_MAX, true),
                (TEXT_BYTES_MAX, true),
                (3, false),
                (4, false)
            ]
        );
    }
}
