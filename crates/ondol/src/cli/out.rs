//! Where words go: data to stdout, talk to stderr. Nothing else of the command line writes.

use std::fmt::{self, Display};
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::json;

use super::args::{Progress, TalkArgs};
use super::failure::Failure;

/// How to talk, decided once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Out {
    pub(crate) json: bool,
    /// stdout shows colours.
    colour: bool,
    /// stderr shows colours.
    talk_colour: bool,
    /// Progress is redrawn.
    pub(crate) redraw: bool,
    /// Progress is not shown.
    pub(crate) quiet: bool,
}

/// A colour of the terminal's own palette, so that it fits the reader's theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Red,
    Green,
    Yellow,
    Dim,
    Bold,
    /// One of those that tell replicas apart.
    Other(u8),
}

/// Text that may be coloured.
pub(crate) struct Painted<T>(Option<Colour>, T);

impl Out {
    pub(crate) fn new(talk: &TalkArgs) -> Self {
        let wanted = !talk.no_color && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
        let terminal = io::stderr().is_terminal();
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Out {
            json: talk.json,
            colour: wanted && !dumb && io::stdout().is_terminal(),
            talk_colour: wanted && !dumb && terminal,
            redraw: match talk.progress {
                Progress::Auto => terminal && !dumb && !talk.json,
                progress => progress == Progress::Tty,
            },
            quiet: talk.progress == Progress::Quiet,
        }
    }

    /// The same, but progress is told line by line: for when other lines come in between.
    pub(crate) fn plain(&self) -> Self {
        Out {
            redraw: false,
            ..*self
        }
    }

    /// A line of data. A reader that has gone ends the command, as it does with any other.
    pub(crate) fn data(&self, line: impl Display) {
        write_or_leave(&mut io::stdout().lock(), line);
    }

    /// An object of data, on a line of its own.
    pub(crate) fn object(&self, object: &impl Serialize) -> Result<(), Failure> {
        let line =
            serde_json::to_string(object).map_err(|error| Failure::error(error.to_string()))?;
        self.data(line);
        Ok(())
    }

    /// A line of talk.
    pub(crate) fn say(&self, line: impl Display) {
        // Nobody listens: there is nobody to tell.
        let _ = writeln!(io::stderr().lock(), "{line}");
    }

    /// Coloured where data goes to a terminal.
    pub(crate) fn paint<T: Display>(&self, colour: Colour, text: T) -> Painted<T> {
        Painted(self.colour.then_some(colour), text)
    }

    /// Coloured where talk goes to a terminal.
    pub(crate) fn paint_talk<T: Display>(&self, colour: Colour, text: T) -> Painted<T> {
        Painted(self.talk_colour.then_some(colour), text)
    }

    pub(crate) fn talks_in_colour(&self) -> bool {
        self.talk_colour
    }

    /// Says why a command failed, with its exit code.
    pub(crate) fn fail(&self, failure: &Failure) -> ExitCode {
        if self.json && !failure.message.is_empty() {
            let error =
                json!({"message": failure.message, "hint": failure.hint, "exit": failure.code});
            self.say(json!({ "error": error }));
        } else if !failure.message.is_empty() {
            self.say(format_args!(
                "{}: {failure}",
                self.paint_talk(Colour::Red, "error")
            ));
            if let Some(hint) = &failure.hint {
                self.say(format_args!(
                    "  {}: {hint}",
                    self.paint_talk(Colour::Bold, "help")
                ));
            }
        }
        ExitCode::from(failure.code)
    }
}

fn write_or_leave(stdout: &mut impl Write, line: impl Display) {
    if let Err(error) = writeln!(stdout, "{line}") {
        // 141 is what a shell shows of a program that SIGPIPE ended.
        let code = if error.kind() == io::ErrorKind::BrokenPipe {
            141
        } else {
            1
        };
        std::process::exit(code);
    }
}

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(colour) = self.0 else {
            return self.1.fmt(f);
        };
        match colour {
            Colour::Red => f.write_str("\x1b[31m")?,
            Colour::Green => f.write_str("\x1b[32m")?,
            Colour::Yellow => f.write_str("\x1b[33m")?,
            Colour::Dim => f.write_str("\x1b[2m")?,
            Colour::Bold => f.write_str("\x1b[1m")?,
            Colour::Other(number) => write!(f, "\x1b[{}m", OTHERS[number as usize % OTHERS.len()])?,
        }
        self.1.fmt(f)?;
        f.write_str("\x1b[0m")
    }
}

/// Neither red, which is for errors, nor one that a light or a dark theme hides.
const OTHERS: [u8; 10] = [36, 35, 34, 32, 33, 96, 95, 94, 92, 93];
