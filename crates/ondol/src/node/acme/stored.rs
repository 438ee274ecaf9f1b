use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ondol_model::{Acme, Certificate, Digest};
use serde::{Deserialize, Serialize};

/// A certificate that an authority issued, as it is kept.
#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    issued_unix_s: u64,
    certificate: Certificate,
}

/// Where everything of an authority is.
pub(super) fn folder(folder: &Path, acme: &Acme) -> PathBuf {
    folder.join(Digest::of(acme.directory.as_bytes()).as_str())
}

/// Only its owner may read it, and it is there as a whole or not at all.
pub(super) fn write(file: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let new = file.with_extension("new");
    let mut options = fs::File::options();
    let mut writing = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    writing.write_all(content)?;
    writing.sync_all()?;
    fs::rename(new, file)
}

impl Stored {
    pub(super) fn new(certificate: Certificate, issued_unix: Duration) -> Self {
        Stored {
            issued_unix_s: issued_unix.as_secs(),
            certificate,
        }
    }

    pub(super) fn read(folder: &Path, acme: &Acme, host: &str) -> Option<Self> {
        serde_json::from_slice(&fs::read(file(folder, acme, host)).ok()?).ok()
    }

    pub(super) fn write(&self, folder: &Path, acme: &Acme, host: &str) -> io::Result<()> {
        write(&file(folder, acme, host), &serde_json::to_vec(self)?)
    }

    pub(super) fn issued_unix(&self) -> Duration {
        Duration::from_secs(self.issued_unix_s)
    }

    pub(super) fn into_certificate(self) -> Certificate {
        self.certificate
    }
}

/// A host has no slash, and none begins with a dot.
fn file(root: &Path, acme: &Acme, host: &str) -> PathBuf {
    let name: String = host.chars().filter(|letter| *letter != '/').collect();
    folder(root, acme).join(format!("host-{name}.json"))
}
