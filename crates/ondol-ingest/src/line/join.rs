//! Which lines go on with the line before: stack traces of Java, Python, Go, Node and Rust.

/// What was written last, as far as it says what may follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum After {
    /// A line like any other: frames of a trace may follow.
    #[default]
    Line,
    /// A frame of Java or Node, or what belongs to one.
    Frame,
    /// An object that Node prints below a trace, until its brace.
    Braces,
    /// Python: `Traceback (most recent call last):` and its frames.
    Traceback,
    /// Python: the exception itself; another may follow.
    Exception,
    /// Go: everything until the program is gone.
    Goroutine,
    /// Rust: `thread 'x' panicked at`, whose message is on the next line.
    Panicked,
    /// Node: `file:line`, the source and a caret stand before the error.
    Source,
}

/// Whether the line goes on with the one before, and what may follow it.
pub(super) fn joins(after: After, line: &str) -> (bool, After) {
    let text = line.trim_ascii_start();
    let is_indented = text.len() < line.len();
    let is_blank = text.is_empty();
    if let Some(found) = goes_on(after, line, text, is_indented) {
        return (true, found);
    }
    let is_frame = is_indented && (text.starts_with("at ") || is_left_out(text));
    let is_cause =
        text.starts_with("Caused by: ") || is_indented && text.starts_with("Suppressed: ");
    if is_frame || is_cause {
        let next = if text.ends_with('{') {
            After::Braces
        } else {
            After::Frame
        };
        return (true, next);
    }
    if text
        .trim_start_matches(['+', ' ', '|'])
        .starts_with("Traceback (most recent call last)")
        || text.starts_with("+ Exception Group Traceback")
    {
        // `logging.exception` says something first; then both are one.
        return (after == After::Line && !is_blank, After::Traceback);
    }
    (false, begins(text))
}

/// What goes on inside a trace.
fn goes_on(after: After, line: &str, text: &str, is_indented: bool) -> Option<After> {
    let is_blank = text.is_empty();
    match after {
        After::Braces => Some(if line.starts_with('}') {
            After::Frame
        } else {
            After::Braces
        }),
        After::Traceback if is_indented || is_blank => Some(After::Traceback),
        After::Traceback => Some(After::Exception),
        After::Exception
            if is_blank
                || text.starts_with("During handling of the above exception")
                || text.starts_with("The above exception was the direct cause") =>
        {
            Some(After::Exception)
        }
        After::Exception if text.starts_with("Traceback (most recent call last)") => {
            Some(After::Traceback)
        }
        After::Goroutine if is_of_go(line, text, is_indented) => Some(After::Goroutine),
        After::Panicked if !is_blank => Some(After::Frame),
        After::Frame
            if text.starts_with("note: run with `RUST_BACKTRACE")
                || text.starts_with("stack backtrace:")
                || is_indented && text.starts_with(|c: char| c.is_ascii_digit()) =>
        {
            Some(After::Frame)
        }
        After::Source if text.starts_with("Node.js v") => Some(After::Line),
        After::Source => Some(After::Source),
        _ => None,
    }
}

/// A line that begins something, by what may follow it.
fn begins(text: &str) -> After {
    let is_go = |text: &str| {
        ["panic: ", "fatal error: ", "goroutine "]
            .iter()
            .any(|start| text.starts_with(start))
    };
    if is_go(text) {
        After::Goroutine
    } else if text.starts_with("thread '") && text.contains("panicked at") {
        After::Panicked
    } else if is_source(text) {
        After::Source
    } else {
        After::Line
    }
}

/// `... 12 more`, `... 12 common frames omitted`.
fn is_left_out(text: &str) -> bool {
    text.strip_prefix("... ")
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// `/app/server.js:12` alone on a line.
fn is_source(text: &str) -> bool {
    let is_path =
        text.starts_with('/') || text.starts_with("file:///") || text.starts_with("node:");
    let number = text.rsplit_once(':').map(|(_, number)| number);
    is_path
        && !text.contains(' ')
        && number.is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_of_go(line: &str, text: &str, is_indented: bool) -> bool {
    let starts = [
        "goroutine ",
        "created by ",
        "exit status ",
        "[signal ",
        "panic: ",
        "runtime: ",
        "main.",
    ];
    // `net/http.(*conn).serve(0xc000...)`
    let is_call =
        line.ends_with(')') && line.contains('(') && !line.contains(' ') || line.ends_with("(...)");
    text.is_empty() || is_indented || is_call || starts.iter().any(|start| text.starts_with(start))
}
