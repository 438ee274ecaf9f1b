use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where the loader takes its files from. The loader opens nothing itself, so that it can be run on
/// what an editor holds, on what a request carried, and by a fuzzer.
pub trait Source {
    /// The first `bytes_max` bytes of a file; more are not asked for, whatever the file is.
    fn read(&self, path: &Path, bytes_max: u64) -> Result<Vec<u8>, ReadError>;

    /// Whether there is a file at `path`.
    fn is_file(&self, path: &Path) -> bool;
}

/// Why a file could not be read; `Display` is the sentence after "cannot read ...:".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// Nothing is there.
    Missing,
    /// A folder is there.
    Folder,
    /// Any other reason, in the machine's words.
    Other(String),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Missing => f.write_str("there is no such file"),
            ReadError::Folder => f.write_str("it is a folder"),
            ReadError::Other(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for ReadError {}

/// Files held in memory, by absolute path.
#[derive(Clone, Debug, Default)]
pub struct MemorySource(pub BTreeMap<PathBuf, Vec<u8>>);

impl MemorySource {
    /// One file.
    pub fn of(path: impl Into<PathBuf>, text: impl Into<Vec<u8>>) -> Self {
        MemorySource::default().and(path, text)
    }

    /// The same with one more.
    #[must_use]
    pub fn and(mut self, path: impl Into<PathBuf>, text: impl Into<Vec<u8>>) -> Self {
        self.0.insert(path.into(), text.into());
        self
    }
}

impl Source for MemorySource {
    fn read(&self, path: &Path, bytes_max: u64) -> Result<Vec<u8>, ReadError> {
        let bytes = self.0.get(path).ok_or(ReadError::Missing)?;
        let length = bytes
            .len()
            .min(usize::try_from(bytes_max).unwrap_or(usize::MAX));
        Ok(bytes[..length].to_vec())
    }

    fn is_file(&self, path: &Path) -> bool {
        self.0.contains_key(path)
    }
}
