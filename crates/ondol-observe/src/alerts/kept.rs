//! `alerts.json`: alerts, silences and what receivers were told, from before a restart. Replaced as a whole.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ondol_alert::Durable;
use serde::{Deserialize, Serialize};

/// The form of the file. Another one is not understood.
const VERSION: u32 = 1;
/// A file that is longer was not written by us.
const BYTES_MAX: u64 = 64 << 20;

pub(super) struct Kept {
    path: PathBuf,
    /// Who writes; one at a time.
    writing: Mutex<()>,
}

#[derive(Serialize, Deserialize)]
struct Versioned {
    version: u32,
    #[serde(flatten)]
    durable: Durable,
}

/// Why it could not be kept.
#[derive(Debug)]
pub(crate) struct KeptError {
    path: PathBuf,
    error: io::Error,
}

impl fmt::Display for KeptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} could not be written: {}",
            self.path.display(),
            self.error
        )
    }
}

impl Kept {
    /// What is there; one that cannot be used is laid aside, and said.
    pub(super) fn open(dir: &Path) -> (Self, Durable, Option<String>) {
        let path = dir.join("alerts.json");
        let (durable, complaint) = match read(&path) {
            Ok(durable) => (durable, None),
            Err(why) => {
                let aside = dir.join("alerts.json.broken");
                let moved = match fs::rename(&path, &aside) {
                    Ok(()) => format!("it is now {}", aside.display()),
                    Err(error) => format!("it could not be laid aside: {error}"),
                };
                let said = format!(
                    "alerts: {} cannot be used: {why}; {moved}; alerts and silences begin anew",
                    path.display()
                );
                (Durable::default(), Some(said))
            }
        };
        let writing = Mutex::new(());
        (Kept { path, writing }, durable, complaint)
    }

    /// Puts what `durable` gives in the place of what is there, once nobody else writes.
    pub(super) fn save(&self, durable: impl FnOnce() -> Durable) -> Result<(), KeptError> {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let durable = durable();
        self.replace(durable).map_err(|error| KeptError {
            path: self.path.clone(),
            error,
        })
    }

    fn replace(&self, durable: Durable) -> io::Result<()> {
        let version = VERSION;
        let bytes = serde_json::to_vec(&Versioned { version, durable })?;
        let new = self.path.with_extension("json.new");
        let mut file = File::create(&new)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        match self.path.parent() {
            Some(dir) => File::open(dir)?.sync_all(),
            None => Ok(()),
        }
    }
}

fn read(path: &Path) -> Result<Durable, String> {
    let length = match fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Durable::default()),
        Err(error) => return Err(error.to_string()),
    };
    if length > BYTES_MAX {
        return Err(format!("it has {length} bytes"));
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let versioned: Versioned = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    match versioned.version {
        VERSION => Ok(versioned.durable),
        other => Err(format!(
            "it has version {other}, and this Ondol knows {VERSION}"
        )),
    }
}
