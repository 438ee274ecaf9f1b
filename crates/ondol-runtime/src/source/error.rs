use std::fmt;
use std::path::PathBuf;

/// Why a service cannot be run: what happened, where it is written, what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceError {
    /// What kind of reason.
    pub kind: SourceErrorKind,
    /// What happened, in a sentence.
    pub what: String,
    /// File and line it comes from.
    pub at: Option<(PathBuf, u32)>,
    /// What to do next.
    pub help: String,
}

/// What a [`SourceError`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceErrorKind {
    /// An image that Ondol knows no process for.
    UnknownImage,
    /// There is nothing to run: no command, or no program.
    NothingToRun,
    /// A Dockerfile that cannot be read or followed.
    Dockerfile,
    /// A package that could not be found or fetched.
    Package,
    /// A command that installs dependencies failed.
    Prepare,
    /// A setting of a well-known image is missing or wrong.
    Setting,
    /// It was not prepared yet, and may not be now.
    NotPrepared,
    /// The machine refused something.
    Machine,
}

impl SourceError {
    pub(crate) fn new(
        kind: SourceErrorKind,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        SourceError {
            kind,
            what: what.into(),
            at: None,
            help: help.into(),
        }
    }

    /// A file operation that the machine refused.
    pub(crate) fn io(doing: impl fmt::Display, error: &std::io::Error) -> Self {
        SourceError::new(
            SourceErrorKind::Machine,
            format!("{doing}: {error}"),
            "look at the disk's free space and the permissions of Ondol's state folder",
        )
    }

    pub(crate) fn at(mut self, file: impl Into<PathBuf>, line: u32) -> Self {
        self.at = Some((file.into(), line));
        self
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((file, line)) = &self.at {
            write!(f, "{}:{line}: ", file.display())?;
        }
        f.write_str(&self.what)?;
        if !self.help.is_empty() {
            write!(f, "\n  help: {}", self.help)?;
        }
        Ok(())
    }
}

impl std::error::Error for SourceError {}
