use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};
use ondol_model::Service;

use super::{Machine, Seen};
use crate::source::SourceError;
use crate::source::caller::Caller;
use crate::source::origin::{Origin, origin};
use crate::source::programs::Programs;

/// The machine that this process runs on, as its user sees it.
pub(crate) struct ThisMachine {
    pub(crate) caller: Caller,
    /// Where named volumes lie.
    pub(crate) volumes: PathBuf,
}

impl Machine for ThisMachine {
    fn path(&self, path: &Path) -> Seen {
        let meta = match fs::metadata(path) {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let cannot_make = why_not_makeable(path);
                return Seen::Missing { cannot_make };
            }
            Err(error) => return Seen::Closed(words(&error)),
        };
        let needed = match (meta.is_dir(), meta.is_file()) {
            (true, _) => AccessFlags::X_OK,
            (_, true) => AccessFlags::R_OK,
            _ => return Seen::Special,
        };
        match access(path, needed) {
            Err(error) => Seen::Closed(words(&error.into())),
            Ok(()) if meta.is_dir() => Seen::Folder,
            Ok(()) => Seen::File {
                runs: meta.permissions().mode() & 0o111 != 0,
            },
        }
    }

    fn has_program(&self, name: &str, folders: &[PathBuf]) -> bool {
        let programs = Programs {
            path: [folders, &self.caller.path].concat(),
            ..Programs::default()
        };
        programs.find(&[name], &[]).is_some()
    }

    fn volume(&self, name_on_machine: &str) -> PathBuf {
        self.volumes.join(name_on_machine)
    }

    fn origin(&self, service: &Service) -> Result<Origin, SourceError> {
        origin(service)
    }
}

/// Why no folder can be made at a path where nothing is.
fn why_not_makeable(path: &Path) -> Option<String> {
    let nearest = path
        .ancestors()
        .skip(1)
        .find(|dir| dir.symlink_metadata().is_ok())?;
    if path.is_symlink() {
        return Some("it is a link to something that does not exist".into());
    }
    if !nearest.is_dir() {
        return Some(format!("{} is no folder", nearest.display()));
    }
    let error = access(nearest, AccessFlags::W_OK | AccessFlags::X_OK).err()?;
    Some(format!("{}: {}", nearest.display(), words(&error.into())))
}

/// What the system says, without its number.
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "this user may not".into(),
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".into(),
        io::ErrorKind::NotADirectory => "a part of the path is no folder".into(),
        _ => error.to_string(),
    }
}
