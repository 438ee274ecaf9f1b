//! Words for the person who reads the run. Standard output, in order with what the tools print there.

use std::io::{self, Write};

/// One line. A reader that went away is no reason to stop.
pub(crate) fn line(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}
