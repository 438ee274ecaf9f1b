//! Draws lines on stderr, in the same place again and again.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::out::Out;
use super::screen::{Line, Room};

/// Where the last picture is.
#[derive(Debug, Default)]
pub(crate) struct Terminal {
    lines_drawn: usize,
}

// The terminal shows what comes between these two at once (ignored where it cannot).
const BEGIN: &str = "\x1b[?2026h";
const END: &str = "\x1b[?2026l";

impl Terminal {
    /// How much fits on it.
    pub(crate) fn room() -> Room {
        let size = terminal_size::terminal_size_of(io::stderr());
        size.map_or(
            Room {
                width: 80,
                height: 24,
            },
            |(width, height)| Room {
                width: width.0.into(),
                height: height.0.into(),
            },
        )
    }

    /// Puts `lines` in the place of those before. One write, so that no half picture is seen.
    pub(crate) fn draw(&mut self, lines: &[Line], out: &Out) {
        let mut text = BEGIN.to_owned();
        if self.lines_drawn > 0 {
            let _ = write!(text, "\r\x1b[{}A", self.lines_drawn);
        }
        for line in lines {
            text.push_str(&paint(line, out));
            text.push_str("\x1b[K\n");
        }
        if lines.len() < self.lines_drawn {
            text.push_str("\x1b[J");
        }
        text.push_str(END);
        self.lines_drawn = lines.len();
        // Nobody looks any more: there is nobody to tell.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// Leaves the picture where it is; the next one begins below.
    pub(crate) fn leave(&mut self) {
        self.lines_drawn = 0;
    }
}

/// The line as text, in colours where they are wanted.
pub(crate) fn paint(line: &Line, out: &Out) -> String {
    line.iter().fold(String::new(), |mut text, piece| {
        let _ = match piece.colour {
            Some(colour) => write!(text, "{}", out.paint_talk(colour, &piece.text)),
            None => write!(text, "{}", piece.text),
        };
        text
    })
}
